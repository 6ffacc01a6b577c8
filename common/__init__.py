"""Code that every package may use: errors, text, files, seeds, the base of settings."""
