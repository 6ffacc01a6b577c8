"""What every room may use: errors, text, files, seeds, the base of settings."""
