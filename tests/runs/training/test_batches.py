from pathlib import Path

import numpy as np
import pytest

from common.seeds import Stream, generator
from runs.training.batches import Batches
from runs.training.replay import Replay, TooShortError
from tests.runs.training.test_replay import filled


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    return filled(tmp_path, [9, 5, 12])


def test_batches_are_the_replays_own(replay: Replay) -> None:
    batches = Batches(replay, seed=3, size=4)
    for first, count in ((0, 5), (5, 1), (6, 3)):
        snapshot = replay.snapshot()
        for number, batch in enumerate(batches.draw(snapshot, first, count), first):
            expected = replay.sample(snapshot, generator(3, Stream.REPLAY, number), 4)
            assert batch.keys() == expected.keys()
            for key, values in batch.items():
                np.testing.assert_array_equal(values.numpy(), expected[key])
                assert values.shape == expected[key].shape
    batches.close()


def test_abandoned_batches_leave_nothing_behind(replay: Replay) -> None:
    batches = Batches(replay, seed=3, size=4)
    next(batches.draw(replay.snapshot(), 0, 100))
    batches.close()
    with pytest.raises(StopIteration):
        next(batches._batches)


def test_errors_reach_the_caller(tmp_path: Path) -> None:
    replay = filled(tmp_path, [5], memory=1e-9)
    batches = Batches(replay, seed=3, size=4)
    snapshot = replay.snapshot()
    (tmp_path / "000000-e0-5.npz").write_bytes(b"rubbish")
    with pytest.raises(TooShortError, match="no readable episode"):
        next(batches.draw(snapshot, 0, 1))
    batches.close()
