"""What it means: scores, statistics, figures and tables."""
