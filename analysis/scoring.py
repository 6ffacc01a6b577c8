"""From a run's evaluations to its final score, and from returns to normalised scores."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from analysis.bootstrap import BAND_REPETITIONS
from analysis.paths import shown
from analysis.references import ACTION_REPEAT, Scale, random_return, random_returns, read_scales, references
from analysis.scores import RUN
from analysis.settings import AnalysisSettings
from common.errors import UserError
from common.text import nearest
from envs.registry import best_return

NORMALIZATIONS = (
    "use `normalization: dmc` for dm_control and toy_reach, `random` for the same with random actions at 0, "
    "`atari` for Atari, `none` for any task, or a .csv file with the columns task, low, high for your own tasks"
)
FEW_SEEDS = 5
# All n seeds are on one side of the mean of a symmetric distribution with probability 2 / 2^n. With two or three seeds,
# the 95 % bootstrap interval is their range. The value for four seeds is simulated.
CAUTION = (
    "With few seeds, an interval contains the true mean in only about 50 % (2 seeds), 75 % (3) or 80 % (4) of cases."
)


def untrained(runs: pd.DataFrame, settings: AnalysisSettings) -> pd.Series:
    """Which runs never got past their first evaluation, unless the settings keep them.

    These have a single evaluation: at step 0, while another run of the task got further; or no later than the first
    evaluation of another run of the variant that went on. A finished run is trained.

    Args:
        runs: One row per run: task, variant, state, first and end (steps of its first and last evaluation, NaN if it
            has none).
        settings: `untrained`.
    """
    single = (runs["first"] == runs["end"]) & (runs["state"] != "done")
    at_start = (runs["end"] <= 0) & (runs.groupby("task")["end"].transform("max") > 0)
    going_on = runs["first"].where(runs["first"] < runs["end"])
    overtaken = runs["end"] <= going_on.groupby(runs["variant"]).transform("max")
    return single & (at_start | overtaken) & (settings.untrained == "leave_out")


def trained(table: pd.DataFrame, runs: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The evaluations without those of untrained runs.

    Args:
        table: Evaluations: task, variant, seed, step.
        runs: The table of runs.
        settings: `untrained`.
    """
    steps = table.groupby(RUN)["step"].agg(["min", "max"]).set_axis(["first", "end"], axis=1)
    ends = runs[[*RUN, "state"]].merge(steps, on=RUN)
    left_out = pd.MultiIndex.from_frame(ends.loc[untrained(ends, settings), RUN])
    return table[~pd.MultiIndex.from_frame(table[RUN]).isin(left_out)] if len(left_out) else table


def final_scores(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = RUN) -> pd.DataFrame:
    """The final score of each run: the mean of its final evaluations.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite.
        settings: `final` and `final_window`.
        by: The columns that name a run, or one of several quantities of a run.

    Returns:
        One row per run (or quantity): the columns `by`, score, evaluations (number of averaged evaluations).
    """
    window = final_evaluations(table, settings, by)
    finals = window.groupby([*by], as_index=False, sort=False)["score"].agg(["mean", "size"])
    return finals.rename(columns={"mean": "score", "size": "evaluations"})


def final_evaluations(table: pd.DataFrame, settings: AnalysisSettings, by: Sequence[str] = RUN) -> pd.DataFrame:
    """The evaluations in the final window of each run's own steps, or, with `final: last`, its last evaluation.

    With window w and last evaluation at step T, these are the evaluations after step (1 - w) T: of 100 evenly spaced
    evaluations, a window of 10 % has 10, not 11.

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
    """The scale of a task: from 0 or random actions to its best return, or another of the settings; None if unknown.

    Raises:
        UserError: The file of scales is malformed.
    """
    if settings.normalization.endswith(".csv"):
        return read_scales(Path(settings.normalization)).get(task)
    if settings.normalization == "atari":
        known = references()
        return Scale(known.random[task], known.human[task]) if task in known.random else None
    best = best_return(task)
    low = random_return(task) if settings.normalization == "random" else 0.0
    return None if low is None or best is None else Scale(low, best)


def lacking(settings: AnalysisSettings) -> str:
    """What is missing for a task without a scale."""
    needed = {
        "dmc": "best return",
        "random": "best return or return of random actions",
        "atari": "scores of random play and a human",
    }
    return needed.get(settings.normalization, "line")


def normalize(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The rows with normalised returns; tasks without a known scale are left out.

    Raises:
        UserError: No task has a known scale, or the file of scales is malformed.
    """
    if settings.normalization == "none":
        return finals
    tasks = finals["task"].drop_duplicates().sort_values()
    known = {task: ends for task in tasks if (ends := scale(task, settings))}
    if not known:
        raise UserError(_unknown(list(tasks), finals.get("variant", []), settings))
    finals = finals[finals["task"].isin(known)]
    low = finals["task"].map({task: ends.low for task, ends in known.items()})
    high = finals["task"].map({task: ends.high for task, ends in known.items()})
    return finals.assign(score=(finals["score"] - low) / (high - low))


def _unknown(tasks: Sequence[str], variants: Iterable[str], settings: AnalysisSettings) -> str:
    others = " or of any other task" if len(tasks) > 1 else ""
    near, swapped = "", ""
    if any(scale(variant, settings) for variant in set(variants)):
        swapped = "variants are called as tasks: for folders, use --layout '{variant}/{task}/{seed}'; otherwise, "
    if settings.normalization.endswith(".csv"):
        found = nearest(tasks[0], read_scales(Path(settings.normalization)), cutoff=0)
        near = f" (the nearest is {found})" if found else ""
    return (
        f"{swapped}`normalization: {settings.normalization}` has no {lacking(settings)} of {tasks[0]}{others}{near}; "
        f"{NORMALIZATIONS}"
    )


def describe(settings: AnalysisSettings, table: pd.DataFrame, finals: pd.DataFrame) -> str:
    """The note under tables and figures: how scores, normalisation and intervals are computed.

    Args:
        settings: The settings of the statistics.
        table: Evaluations, with a column episodes.
        finals: One row per run: task, variant, seed, evaluations.
    """
    if settings.normalization == "none":
        normalization = "the return itself, so the optimality gap (the distance to 1) has no meaning"
    elif settings.normalization == "atari":
        normalization = (
            "(return - random) / (human - random), with the returns of random play and of a human "
            f"from {references().source}; it may exceed 1"
        )
    elif settings.normalization in ("dmc", "random"):
        best = sorted({ends.high for task in set(finals["task"]) if (ends := scale(task, settings))})
        highs = " or ".join(f"{high:g}" for high in best)
        normalization = f"return / {highs}"
        if settings.normalization == "random":
            normalization = (
                f"(return - random) / (best - random), with a best return of {highs} and the mean return of random "
                f"actions at action repeat {ACTION_REPEAT} ({random_returns().source})"
            )
    else:
        normalization = f"(return - low) / (high - low), with low and high from {shown(settings.normalization)}"
    episodes = span(table["episodes"].dropna())
    cut = ""
    if settings.until is not None:
        common = "the step that every variant reaches with its longest run on a task"
        cut = f"Runs are cut at {common if settings.until == 'common' else f'step {settings.until:,.10g}'}. "
    return (
        f"{cut}Final score: {_final(settings, finals, f'episodes per evaluation: {episodes}' if episodes else '')} "
        f"Normalised score: {normalization}. {intervals(settings, finals)}"
    )


def describe_model_errors(settings: AnalysisSettings, finals: pd.DataFrame) -> str:
    """The note for model errors.

    Args:
        settings: The settings of the statistics.
        finals: One row per task, variant, seed, measure and horizon, with evaluations and sequences (averaged over).
    """
    sequences = span((finals["sequences"] / finals["evaluations"]).dropna())
    behind = f"sequences per evaluation: {sequences}" if sequences else ""
    return f"Final error: {_final(settings, finals, behind)} {intervals(settings, finals)}"


def seeds(finals: pd.DataFrame) -> str:
    """The number of seeds per task and variant, such as `5` or `3 to 5`."""
    return span(finals.groupby(["task", "variant"])["seed"].nunique())


def _final(settings: AnalysisSettings, finals: pd.DataFrame, behind: str) -> str:
    """What a final score is, and how many evaluations it averages."""
    if settings.final == "last":
        score, details = "last evaluation of a run", behind
    else:
        score = f"mean of the evaluations in the last {100 * settings.final_window:g} % of a run's environment steps"
        details = f"evaluations per run: {span(finals['evaluations'])}" + (f"; {behind}" if behind else "")
    return score + (f" ({details})" if details else "") + "."


def intervals(settings: AnalysisSettings, finals: pd.DataFrame) -> str:
    """How intervals are computed and over how many seeds, with a caution if seeds are few."""
    few = finals.groupby(["task", "variant"])["seed"].nunique().between(2, FEW_SEEDS - 1).any()
    bands = f" ({BAND_REPETITIONS:,} for bands)" if settings.repetitions > BAND_REPETITIONS else ""
    return (
        f"Seeds per task and variant: {seeds(finals)}. "
        f"Intervals: {100 * settings.confidence:g} % percentile bootstrap over seeds, stratified by task, "
        f"{settings.repetitions:,} repetitions{bands}, bootstrap seed {settings.seed}." + (f" {CAUTION}" if few else "")
    )


def span(values: pd.Series) -> str:
    """The range of numbers, such as `5` or `3 to 5`; empty without any."""
    if values.empty:
        return ""
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
