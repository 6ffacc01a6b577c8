"""Held-out sequences, to measure the errors of an agent's model."""

from collections.abc import Sequence

import numpy as np

from agents.agent import CONTEXT, HORIZONS
from runs.training.driver import Arrays
from runs.training.episode import EpisodeBuilder

LENGTHS = [CONTEXT + horizon for horizon in HORIZONS]


def evaluation_sequences(played: Sequence[EpisodeBuilder]) -> Arrays | None:
    """Cuts episodes into consecutive sequences without overlap; the rest of an episode is left out.

    The sequences are as long as the furthest prediction that fits into the longest episode. There are only a few
    possible lengths, so that few graphs are traced.

    Args:
        played: Played episodes.

    Returns:
        A batch in the format of the replay, or None if all episodes are too short for any prediction.
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
