import re
from typing import Any

import pytest

from runs.executing.slurm.budget import verdict
from runs.settings import SlurmSettings

SETTINGS = SlurmSettings(timeouts=2, preemptions=3)


def attempts(*ends: tuple[str, int]) -> list[dict[str, Any]]:
    """Attempts, by the reason of their end and their first step."""
    return [{"reason": reason, "step": step, "updates": 0} for reason, step in ends]


@pytest.mark.parametrize(
    ("ends", "position", "restarts", "why"),
    [
        ([], (0, 0), 0, None),
        ([("timed out", 0)], (10, 0), 1, None),
        ([("timed out", 0), ("timed out", 10)], (20, 0), 2, None),
        (
            [("timed out", 0), ("timed out", 10), ("timed out", 20)],
            (30, 0),
            3,
            "it timed out 3 times, .*timeouts is 2",
        ),
        ([("preempted", step) for step in (0, 1, 2)], (3, 0), 3, None),
        ([("preempted", step) for step in (0, 1, 2, 3)], (4, 0), 4, "was preempted 4 times, .*preemptions is 3"),
        # Gradient steps are progress, too: pretraining takes no environment steps.
        ([("killed", 0), ("killed", 0)], (0, 0), 1, r"no progress: 2 attempts in a row \(killed, killed\)"),
        ([("killed", 0), ("killed", 0)], (0, 50), 1, None),
        ([("killed", 0), ("preempted", 10), ("killed", 10)], (10, 0), 2, "no further than step 10"),
        ([("preempted", 10)], (10, 0), 1, None),  # a single attempt may have been too short
        ([("killed", 0), ("killed", 10)], (10, 0), 1, None),
        ([], (0, 0), 15, None),
        ([], (0, 0), 16, "was requeued 16 times"),  # though no attempt lived long enough to be recorded
    ],
)
def test_verdict(ends: list[tuple[str, int]], position: tuple[int, int], restarts: int, why: str | None) -> None:
    found = verdict(attempts(*ends), position, restarts, SETTINGS)
    if why is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(why, found), found
