"""From a run's evaluations to its final score, and from returns to normalised scores."""

import pandas as pd

from analysis.scores import RUN, Scores
from analysis.settings import AnalysisSettings

# The most that a task allows, by the start of its name: rewards are at most 1 an environment step, and episodes have
# 1000 of them in the DeepMind Control Suite (Tassa et al. 2018, section 2) and 200 in `toy_reach`.
BEST_RETURNS = {"dmc_": 1000.0, "toy_reach_": 200.0}
DMC_RETURN = BEST_RETURNS["dmc_"]


def final_scores(table: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The final score of each run: the mean of its evaluations in the last share of its own steps.

    With w the window and T the step of the run's last evaluation, these are the evaluations after step (1 - w) T, so
    that 100 evenly spaced evaluations and a window of 10 % make 10, not 11.

    Args:
        table: Evaluations: task, variant, seed, step, score; finite.
        settings: `final_window`.

    Returns:
        One row a run: task, variant, seed, score, evaluations (the number averaged).
    """
    last = table.groupby(RUN, sort=False)["step"].transform("max")
    window = table[(table["step"] > (1 - settings.final_window) * last) | (table["step"] == last)]
    finals = window.groupby(RUN, as_index=False, sort=False)["score"].agg(["mean", "size"])
    return finals.rename(columns={"mean": "score", "size": "evaluations"})


def normalize(finals: pd.DataFrame, settings: AnalysisSettings) -> pd.DataFrame:
    """The same rows with returns on the scale of the statistics, where 1 is the best that a task allows."""
    if settings.normalization == "none":
        return finals
    return finals.assign(score=finals["score"] / finals["task"].map(best_return))


def best_return(task: str) -> float:
    """What a task's returns are divided by; dm_control's 1000 for one whose best return is not known."""
    return next((best for start, best in BEST_RETURNS.items() if task.startswith(start)), DMC_RETURN)


def describe(settings: AnalysisSettings, scores: Scores, finals: pd.DataFrame) -> str:
    """The line that stands under every table and figure: what a score is, and what its interval rests on."""
    if settings.normalization == "none":
        normalization = "none (so the optimality gap, the distance to 1, says nothing)"
    else:
        normalization = "return / " + " or ".join(f"{best:g}" for best in sorted(set(finals["task"].map(best_return))))
    episodes = _range(scores.runs["episodes"].dropna())
    behind = (
        f"{_range(finals['evaluations'])}; episodes of an evaluation: {episodes}"
        if episodes
        else _range(finals["evaluations"])
    )
    return (
        f"Final score: mean of the evaluations in the last {100 * settings.final_window:g} % "
        f"of a run's environment steps (evaluations of a run: {behind}). "
        f"Seeds: {seeds(finals)}. Normalisation: {normalization}. "
        f"Intervals: {100 * settings.confidence:g} % percentile bootstrap over seeds, stratified by task, "
        f"{settings.repetitions:,} repetitions, bootstrap seed {settings.seed}."
    )


def seeds(finals: pd.DataFrame) -> str:
    """How many seeds stand behind a task and variant, as `5` or `3 to 5`."""
    return _range(finals.groupby(["task", "variant"]).size())


def _range(values: pd.Series) -> str:
    if values.empty:
        return ""
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
