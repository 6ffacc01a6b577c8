"""Sequences that an agent was never trained on, to judge its model by."""

from collections.abc import Sequence

import numpy as np

from agents.agent import CONTEXT, HORIZONS
from runs.training.driver import Arrays
from runs.training.episode import EpisodeBuilder

LENGTHS = [CONTEXT + horizon for horizon in HORIZONS]


def evaluation_sequences(played: Sequence[EpisodeBuilder]) -> Arrays | None:
    """Cuts episodes into sequences one after the other, none overlapping; what is left of an episode is left out.

    The sequences are as long as the furthest prediction that the longest episode has room for. They have one of few
    lengths, so that episodes of any length make few graphs.

    Args:
        played: Played episodes.

    Returns:
        A batch as replay gives it, or None where no episode has room for any prediction.
    """
    longest = max(len(episode.rewards) for episode in played)
    length = max((length for length in LENGTHS if length <= longest), default=None)
    if length is None:
        return None
    episodes = [episode.arrays() for episode in played]
    return {
        key: np.stack(
            [
                episode[key][start : start + length]
                for episode in episodes
                for start in range(0, len(episode[key]) - length + 1, length)
            ]
        )
        for key in episodes[0]
    }
