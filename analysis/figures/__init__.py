"""Parts of figures: one style and palette, panels, marks, lines and points."""
