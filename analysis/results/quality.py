"""Data quality: the findings of the checks, as a table and as a document."""

from collections.abc import Sequence

from analysis.checks import Finding, check
from analysis.inputs import Inputs, shared
from analysis.markdown import literal
from analysis.result import Result
from analysis.tables import Table
from common.text import shortened

SHOWN, WIDTH = 2, 120  # items in a table, and characters of an item; the document has all


def result(inputs: Inputs) -> Result:
    """All findings, as a table of the report and as checks.md."""
    found = findings(inputs)
    return Result(
        "quality",
        report_tables=[table(found)],
        documents={"checks.md": to_markdown(found, inputs.scoring)},
        intro="Checks of the data, their findings, and how the analysis treats them.",
    )


@shared
def findings(inputs: Inputs) -> Sequence[Finding]:
    """The finding of every check."""
    return check(inputs.scores, inputs.settings, inputs.relations.sweeps)


def table(findings: Sequence[Finding]) -> Table:
    """One row per check, in the order of the findings: the finding, the rule and the places."""
    rows = []
    for finding in findings:
        where = [shortened(item, WIDTH) for item in finding.items[:SHOWN]]
        if len(finding.items) > SHOWN:
            where.append(f"and {len(finding.items) - SHOWN:,} more")
        found = finding.title if finding.count else "0"
        rows.append([finding.check, found, finding.rule, "; ".join(where) or "-"])
    positive = sum(finding.count > 0 for finding in findings)
    note = (
        f"{positive} of {len(findings)} checks have findings, the most severe first. "
        "Rule: how the analysis treats a finding. checks.md lists all places."
    )
    return Table("Data quality", [note], ["check", "found", "rule", "where"], rows, names=4)


def to_markdown(findings: Sequence[Finding], scoring: str) -> str:
    """All findings with all items, and the checks without findings, as a document."""
    parts = ["# Checks of the data", scoring]
    for finding in findings:
        if finding.count:
            parts += [f"## {_capital(finding.title)}", f"Rule: {finding.rule}."]
            parts.append("\n".join(f"- {literal(item)}" for item in finding.items))
    clean = [finding.check for finding in findings if not finding.count]
    if clean:
        parts += ["## Checks without findings", "\n".join(f"- {check}" for check in clean)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
