"""Checks of the data: each finding with the rule that the analysis applies, reported before the statistics."""

from collections.abc import Collection

from analysis.checks import comparison, evaluations, origin, runs
from analysis.checks.data import Data
from analysis.checks.finding import SEVERITIES, Finding
from analysis.scores import Scores
from analysis.settings import AnalysisSettings

__all__ = ["Finding", "check"]


def check(scores: Scores, settings: AnalysisSettings, swept: Collection[str] = ()) -> list[Finding]:
    """Runs all checks for problems that weaken a comparison.

    Args:
        scores: All scores as read.
        settings: The settings of the analysis.
        swept: Settings that variants are meant to differ in.

    Returns:
        The finding of every check, most severe first; then the checks without findings, with count 0.
    """
    data = Data.of(scores, settings, swept)
    findings = [finding for part in (runs, evaluations, comparison, origin) for finding in part.check(data)]
    return sorted(findings, key=lambda finding: (finding.count == 0, SEVERITIES.index(finding.severity)))
