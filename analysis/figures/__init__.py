"""What figures are drawn with: one style and palette, panels, and marks, lines and points in them."""
