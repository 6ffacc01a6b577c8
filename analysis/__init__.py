"""From runs to scores, statistics, figures, tables and a report."""
