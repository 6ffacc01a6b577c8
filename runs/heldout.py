"""Sequences that an agent was never trained on, to judge its model by."""

from collections.abc import Sequence

import numpy as np

from agents.agent import CONTEXT, HORIZONS
from runs.driver import Arrays, Trace
from runs.replay import KEYS

LENGTH = CONTEXT + HORIZONS[-1]


def heldout(traces: Sequence[Trace]) -> Arrays:
    """Cuts episodes into sequences one after the other, none overlapping; what is left of an episode is left out.

    Args:
        traces: Played episodes.

    Returns:
        A batch as replay gives it, of sequences as long as the furthest prediction needs, or as the longest episode.
    """
    length = min(LENGTH, max(len(trace.rewards) for trace in traces))
    episodes = [trace.episode() for trace in traces]
    return {
        key: np.stack(
            [
                episode[key][start : start + length]
                for episode in episodes
                for start in range(0, len(episode[key]) - length + 1, length)
            ]
        )
        for key in KEYS
    }
