"""What is wrong with the data, said before any statistic is shown, with the rule that was applied."""

from collections.abc import Collection

from analysis.checks import comparison, evaluations, origin, runs
from analysis.checks.data import Data
from analysis.checks.finding import SEVERITIES, Finding
from analysis.scores import Scores
from analysis.settings import AnalysisSettings

__all__ = ["Finding", "check"]


def check(scores: Scores, settings: AnalysisSettings, swept: Collection[str] = ()) -> list[Finding]:
    """Looks for everything that makes a comparison weaker than it seems.

    Args:
        scores: What was read, before anything is left out.
        settings: How it is analysed.
        swept: Settings that variants are meant to differ in.

    Returns:
        What every check found, worst first; then the checks that found nothing, whose count is 0.
    """
    data = Data.of(scores, settings, swept)
    findings = [finding for part in (runs, evaluations, comparison, origin) for finding in part.check(data)]
    return sorted(findings, key=lambda finding: (finding.count == 0, SEVERITIES.index(finding.severity)))
