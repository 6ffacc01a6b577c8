"""Figures from tables: each function takes data and returns a matplotlib figure, in one style and palette.

A figure is as wide as one column of a paper or as two, and carries no caption; `render` makes a file of it.
"""

from analysis.figures.bars import final_bars
from analysis.figures.curves import efficiency, learning_curves
from analysis.figures.intervals import STATISTIC_TITLES, aggregate_intervals, improvement
from analysis.figures.model_errors import MEASURE_TITLES, model_errors
from analysis.figures.panels import WIDE
from analysis.figures.profiles import performance_profiles
from analysis.figures.style import KINDS, ONE, TWO, Look, looks, render, shaded, task_title
from analysis.figures.sweeps import sweep

__all__ = [
    "KINDS",
    "MEASURE_TITLES",
    "ONE",
    "STATISTIC_TITLES",
    "TWO",
    "WIDE",
    "Look",
    "aggregate_intervals",
    "efficiency",
    "final_bars",
    "improvement",
    "learning_curves",
    "looks",
    "model_errors",
    "performance_profiles",
    "render",
    "shaded",
    "sweep",
    "task_title",
]
