"""From a run's evaluations to its final score, and from returns to normalised scores."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from analysis.bootstrap import BAND_REPETITIONS
from analysis.errors import AnalysisError
from analysis.paths import shown
from analysis.references import Scale, read_scales, references
from analysis.scores import RUN
from analysis.settings import AnalysisSettings
from envs.registry import best_return

NORMALIZATIONS = (
    "`normalization: dmc` is for dm_control and toy_reach, `atari` for Atari, `none` for anything, "
    "a .csv file with the columns task, low, high for tasks of your own"
)
FEW_SEEDS = 5
# All of n seeds lie on one side of a symmetric mean in 2 of 2^n cases, and with up to three of them the bootstrap's
# 95 % interval reaches from the lowest to the highest; the figure for four is simulated.
CAUTION = (
    "With so few seeds an interval holds the true mean in about 50 % (2 seeds), 75 % (3) or 80 % (4) of cases only."
)


def final_scores(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = RUN) -> pd.DataFrame:
    """The final score of each run: the mean of its final evaluations.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite.
        settings: `final` and `final_window`.
        by: The columns that name what has one score: a run, or one of several quantities of a run.

    Returns:
        One row a run (or quantity): the columns `by`, score, evaluations (the number averaged).
    """
    window = final_evaluations(table, settings, by)
    finals = window.groupby([*by], as_index=False, sort=False)["score"].agg(["mean", "size"])
    return finals.rename(columns={"mean": "score", "size": "evaluations"})


def final_evaluations(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = RUN) -> pd.DataFrame:
    """The evaluations of each run in the last share of its own steps, or, with `final: last`, its last one.

    With w the window and T the step of the run's last evaluation, these are the evaluations after step (1 - w) T, so
    that 100 evenly spaced evaluations and a window of 10 % make 10, not 11.

    Args:
        table: Evaluations, with a column step.
        settings: `final` and `final_window`.
        by: The columns that name a run, or one of several quantities of a run.
    """
    last = table.groupby([*by], sort=False)["step"].transform("max")
    if settings.final == "last":
        return table[table["step"] == last]
    return table[(table["step"] > (1 - settings.final_window) * last) | (table["step"] == last)]


def scale(task: str, settings: AnalysisSettings) -> Scale | None:
    """From 0 to the most that a task allows, from random play to a human, or as a file says; None if not known.

    Raises:
        AnalysisError: The file of scales is not as it should be.
    """
    if settings.normalization.endswith(".csv"):
        return read_scales(Path(settings.normalization)).get(task)
    if settings.normalization == "atari":
        known = references()
        return Scale(known.random[task], known.human[task]) if task in known.random else None
    best = best_return(task)
    return None if best is None else Scale(0.0, best)


def lacking(settings: AnalysisSettings) -> str:
    """What a task without a scale lacks."""
    return {"dmc": "best return", "atari": "scores of random play and a human"}.get(settings.normalization, "line")


def normalize(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The rows with returns on the scale of the statistics; tasks that the normalisation knows nothing of are left out.

    Raises:
        AnalysisError: It knows none of the tasks, or its file is not as it should be.
    """
    if settings.normalization == "none":
        return finals
    tasks = finals["task"].drop_duplicates().sort_values()
    known = {task: ends for task in tasks if (ends := scale(task, settings))}
    if not known:
        raise AnalysisError(_unknown(list(tasks), settings))
    finals = finals[finals["task"].isin(known)]
    low = finals["task"].map({task: ends.low for task, ends in known.items()})
    high = finals["task"].map({task: ends.high for task, ends in known.items()})
    return finals.assign(score=(finals["score"] - low) / (high - low))


def _unknown(tasks: Sequence[str], settings: AnalysisSettings) -> str:
    others = " or of any other task" if len(tasks) > 1 else ""
    nearest = ""
    if settings.normalization.endswith(".csv"):
        found = get_close_matches(tasks[0], read_scales(Path(settings.normalization)), n=1, cutoff=0)
        nearest = "".join(f" (the nearest is {name})" for name in found)
    return (
        f"`normalization: {settings.normalization}` knows no {lacking(settings)} of {tasks[0]}{others}{nearest}; "
        f"{NORMALIZATIONS}"
    )


def describe(settings: AnalysisSettings, table: pd.DataFrame, finals: pd.DataFrame) -> str:
    """The text below every table and figure: what a score is, and what its interval rests on.

    Args:
        settings: The settings of the statistics.
        table: Evaluations, with a column episodes.
        finals: One row a run: task, variant, seed, evaluations.
    """
    if settings.normalization == "none":
        normalization = "none (so the optimality gap, the distance to 1, says nothing)"
    elif settings.normalization == "atari":
        normalization = (
            "(return - random play's) / (a human's - random play's), so that 1 is no upper bound; "
            f"both from {references().source}"
        )
    elif settings.normalization == "dmc":
        best = sorted({ends.high for task in set(finals["task"]) if (ends := scale(task, settings))})
        normalization = "return / " + " or ".join(f"{high:g}" for high in best)
    else:
        normalization = f"(return - low) / (high - low), both by task from {shown(settings.normalization)}"
    episodes = span(table["episodes"].dropna())
    return (
        f"Final score: {_final(settings, finals, f'episodes of an evaluation: {episodes}' if episodes else '')} "
        f"Normalisation: {normalization}. {intervals(settings, finals)}"
    )


def describe_model_errors(settings: AnalysisSettings, finals: pd.DataFrame) -> str:
    """The same for model errors.

    Args:
        settings: The settings of the statistics.
        finals: One row a task, variant, seed, measure and horizon, with evaluations and sequences (averaged over).
    """
    sequences = span((finals["sequences"] / finals["evaluations"]).dropna())
    behind = f"sequences of an evaluation: {sequences}" if sequences else ""
    return f"Final error: {_final(settings, finals, behind)} {intervals(settings, finals)}"


def seeds(finals: pd.DataFrame) -> str:
    """How many seeds a task and variant have, as `5` or `3 to 5`."""
    return span(finals.groupby(["task", "variant"])["seed"].nunique())


def _final(settings: AnalysisSettings, finals: pd.DataFrame, behind: str) -> str:
    """What is averaged over the evaluations of a run, and over how many seeds."""
    if settings.final == "last":
        score, details = "a run's last evaluation", behind
    else:
        score = f"mean of the evaluations in the last {100 * settings.final_window:g} % of a run's environment steps"
        details = f"evaluations of a run: {span(finals['evaluations'])}" + (f"; {behind}" if behind else "")
    return score + (f" ({details})" if details else "") + f". Seeds: {seeds(finals)}."


def intervals(settings: AnalysisSettings, finals: pd.DataFrame) -> str:
    """What an interval rests on, with a word of caution where seeds are few."""
    few = finals.groupby(["task", "variant"])["seed"].nunique().between(2, FEW_SEEDS - 1).any()
    bands = f" ({BAND_REPETITIONS:,} for bands)" if settings.repetitions > BAND_REPETITIONS else ""
    return (
        f"Intervals: {100 * settings.confidence:g} % percentile bootstrap over seeds, stratified by task, "
        f"{settings.repetitions:,} repetitions{bands}, bootstrap seed {settings.seed}." + (f" {CAUTION}" if few else "")
    )


def span(values: pd.Series) -> str:
    """Numbers as `5` or `3 to 5`; nothing where there are none."""
    if values.empty:
        return ""
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
