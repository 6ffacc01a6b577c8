import contextlib
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agents.agent import ActionSpec, ArraySpec
from common.errors import UserError
from common.seeds import Stream, generator
from runs.store.episodes import DamagedError, Episode, Name, check, encode, load, record_spec
from runs.training.replay import Replay, TooShortError

SPEC = record_spec({"image": ArraySpec((4, 4, 3), np.dtype(np.uint8))}, ActionSpec(2))


def episode(length: int, number: int = 0) -> Episode:
    """An episode whose rewards identify its records: number + record / 1000."""
    rng = np.random.default_rng(number)
    return {
        "image": rng.integers(0, 256, (length, 4, 4, 3), np.uint8),
        "action": rng.normal(size=(length, 2)).astype(np.float32),
        "reward": (number + np.arange(length) / 1000).astype(np.float32),
        "discount": np.ones(length, np.float32),
    }


def filled(folder: Path, lengths: list[int], length: int = 3, **options: object) -> Replay:
    replay = Replay(folder, SPEC, length, **({"capacity": 10**9} | options))  # type: ignore[arg-type]
    for number, size in enumerate(lengths):
        replay.add(episode(size, number), env=0)
    return replay


def starts(replay: Replay, count: int) -> list[tuple[int, int]]:
    """Episode and first record of many drawn sequences."""
    batch = replay.sample(replay.snapshot(), generator(0, Stream.REPLAY, 0), count)
    first = batch["reward"][:, 0].astype(np.float64)
    return [(int(value + 1e-4), round(float(value) % 1 * 1000)) for value in first]


@pytest.mark.parametrize("sampling", ["chunks", "episodes"])
def test_sampling_is_uniform(tmp_path: Path, sampling: Literal["chunks", "episodes"]) -> None:
    lengths = [3, 2, 12, 5]  # one of them too short
    replay = filled(tmp_path, lengths, sampling=sampling)
    chunks = {(number, start) for number, size in enumerate(lengths) for start in range(size - 2)}
    drawn = starts(replay, 20_000)
    counts = dict.fromkeys(chunks, 0)
    for chunk in drawn:
        counts[chunk] += 1
    share = {chunk: 1 / len(chunks) for chunk in chunks}
    if sampling == "episodes":
        share = {(number, start): 1 / 3 / (lengths[number] - 2) for number, start in chunks}
    expected = [share[chunk] * len(drawn) for chunk in sorted(chunks)]
    assert stats.chisquare([counts[chunk] for chunk in sorted(chunks)], expected).pvalue > 1e-4


@pytest.mark.parametrize("sampling", ["chunks", "episodes"])
def test_balanced_starts_are_those_of_all_records_moved_back(
    tmp_path: Path, sampling: Literal["chunks", "episodes"]
) -> None:
    lengths = [3, 2, 12, 5]  # one of them too short
    replay = filled(tmp_path, lengths, sampling=sampling, balance=True)
    share: dict[tuple[int, int], float] = defaultdict(float)
    for number, size in enumerate(lengths):
        for record in range(size) if size >= 3 else ():
            share[number, min(record, size - 3)] += 1 / (3 + 12 + 5) if sampling == "chunks" else 1 / 3 / size
    drawn = starts(replay, 20_000)
    counts = Counter(drawn)
    assert counts.keys() == share.keys()
    chunks = sorted(share)
    expected = [share[chunk] * len(drawn) for chunk in chunks]
    assert stats.chisquare([counts[chunk] for chunk in chunks], expected).pvalue > 1e-4
    last, middle = (sum(counts[2, record - back] for back in range(3)) for record in (11, 6))
    assert last == pytest.approx(middle, rel=0.1)  # uniform starts would give a third


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=6),
    length=st.integers(2, 6),
    seed=st.integers(0, 99),
    balance=st.booleans(),
)
def test_sequences_are_slices_of_their_episodes(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], length: int, seed: int, balance: bool
) -> None:
    replay = filled(tmp_path_factory.mktemp("replay"), lengths, length, balance=balance)
    if max(lengths) < length:
        with pytest.raises(TooShortError, match=f"batch_length = {length} .* longest has {max(lengths)}"):
            replay.snapshot()
        return
    batch = replay.sample(replay.snapshot(), generator(seed, Stream.REPLAY, 1), 5)
    for row in range(5):
        number = int(batch["reward"][row, 0] + 1e-4)
        start = round(float(batch["reward"][row, 0]) % 1 * 1000)
        for key, values in episode(lengths[number], number).items():
            np.testing.assert_array_equal(batch[key][row], values[start : start + length])
            assert batch[key].dtype == values.dtype


def test_batches_depend_on_key_and_episodes_only(tmp_path: Path) -> None:
    replay = filled(tmp_path, [5, 9, 7])
    snapshot = replay.snapshot()
    first = replay.sample(snapshot, generator(7, Stream.REPLAY, 3), 8)
    replay.add(episode(6, 3), env=0)
    again = replay.sample(snapshot, generator(7, Stream.REPLAY, 3), 8)
    reopened = Replay(tmp_path, SPEC, 3, capacity=10**9, memory=1e-9)
    reopened.restore(0, 3)
    from_disk = reopened.sample(reopened.snapshot(), generator(7, Stream.REPLAY, 3), 8)
    other = replay.sample(snapshot, generator(7, Stream.REPLAY, 4), 8)
    for key in first:
        np.testing.assert_array_equal(first[key], again[key])
        np.testing.assert_array_equal(first[key], from_disk[key])
    assert not np.array_equal(first["reward"], other["reward"])


def test_memory_is_bounded_and_the_rest_read_from_disk(tmp_path: Path) -> None:
    size = sum(values.nbytes for values in episode(10).values())
    replay = filled(tmp_path, [10] * 20, memory=3.5 * size / 2**30)
    assert replay.cached == 3 * size
    assert {number for number, _ in starts(replay, 500)} == set(range(20))
    assert replay.cached == 3 * size


def test_oldest_episodes_are_dropped_but_their_files_remain(tmp_path: Path) -> None:
    replay = filled(tmp_path, [11] * 6, capacity=30)
    assert (replay.first, replay.next, len(replay)) == (3, 6, 3)
    assert {number for number, _ in starts(replay, 200)} == {3, 4, 5}
    assert len(list(tmp_path.glob("*.npz"))) == 6
    replay.discard(before=2)
    assert sorted(path.name[:6] for path in tmp_path.glob("*.npz")) == ["000002", "000003", "000004", "000005"]
    replay.discard(before=99)  # never what can still be drawn
    assert len(list(tmp_path.glob("*.npz"))) == 3


def test_restore_trims_to_the_checkpoint(tmp_path: Path) -> None:
    filled(tmp_path, [5] * 6)
    replay = Replay(tmp_path, SPEC, 3, capacity=10**9)
    replay.restore(1, 4)
    assert (replay.first, replay.next, len(replay)) == (1, 4, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(Name(index, 0, 5)) for index in range(4)]
    replay.add(episode(8), env=2)
    assert (tmp_path / "000004-e2-8.npz").exists()


def test_missing_episode_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path, [5] * 3)
    (tmp_path / "000001-e0-5.npz").unlink()
    replay = Replay(tmp_path, SPEC, 3, capacity=10**9)
    replay.restore(0, 3)
    assert "episodes missing: 1, from 000001 on" in caplog.text
    assert len(replay) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("000001-e0-5.npz", b""),
        ("000001-e0-5.npz", b"not a zip archive at all"),
        ("000001-e0-5.npz", None),  # torn
        ("000001-e0-6.npz", "wrong length"),
        ("notes.txt", b"hello"),
        ("1-e0-5.npz", "wrong name"),
        ("000000-e1-5.npz", "same index"),
    ],
)
def test_torn_and_foreign_files_are_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: bytes | str | None
) -> None:
    filled(tmp_path, [5])
    whole = (tmp_path / "000000-e0-5.npz").read_bytes()
    (tmp_path / name).write_bytes(
        content if isinstance(content, bytes) else whole[: -len(whole) // 3 if content is None else None]
    )
    replay = Replay(tmp_path, SPEC, 3, capacity=10**9)
    assert len(replay) == 1
    assert (tmp_path / "set_aside" / name).exists()
    assert not (tmp_path / name).exists()
    assert name in caplog.text


def test_every_cut_and_foreign_dtype_is_noticed(tmp_path: Path) -> None:
    filled(tmp_path, [5])
    path = tmp_path / "000000-e0-5.npz"
    whole = path.read_bytes()
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        assert len(Replay(tmp_path, SPEC, 3, capacity=10**9)) == 0
    np.savez(path, **(dict(episode(5)) | {"reward": np.zeros(5)}))  # type: ignore[arg-type]
    assert len(Replay(tmp_path, SPEC, 3, capacity=10**9)) == 0


def test_bit_rot_is_noticed_when_drawn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path, [40, 40])
    path = tmp_path / "000000-e0-40.npz"
    content = bytearray(path.read_bytes())
    content[600] ^= 0xFF  # in the middle of the images
    path.write_bytes(content)
    replay = Replay(tmp_path, SPEC, 3, capacity=10**9)
    assert {number for number, _ in starts(replay, 100)} == {1}
    assert len(replay) == 1
    assert "set aside" in caplog.text
    assert (tmp_path / "set_aside" / path.name).exists()


def test_any_flipped_bytes_are_survived(tmp_path: Path) -> None:
    filled(tmp_path, [5])
    path = tmp_path / "000000-e0-5.npz"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        for read in (check, load):
            with contextlib.suppress(DamagedError):
                read(path, 5, SPEC)


def test_a_fifo_is_set_aside_and_not_waited_for(tmp_path: Path) -> None:
    filled(tmp_path, [5, 5])
    (tmp_path / "000001-e0-5.npz").unlink()
    os.mkfifo(tmp_path / "000001-e0-5.npz")
    assert len(Replay(tmp_path, SPEC, 3, capacity=10**9)) == 1
    assert (tmp_path / "set_aside" / "000001-e0-5.npz").is_fifo()


def test_half_written_files_of_a_kill_vanish(tmp_path: Path) -> None:
    filled(tmp_path, [5])
    (tmp_path / ".tmp-123-000001-e0-5.npz").write_bytes(b"half")
    assert len(Replay(tmp_path, SPEC, 3, capacity=10**9)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["000000-e0-5.npz"]


def test_no_file_handle_leaks(tmp_path: Path) -> None:
    replay = filled(tmp_path, [5] * 30, memory=1e-9)
    before = len(list(Path("/proc/self/fd").iterdir()))
    starts(replay, 300)
    Replay(tmp_path, SPEC, 3, capacity=10**9)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (
            {"state": np.zeros((5, 6), np.float32)},
            "its records hold state float32 (6,), action float32 (2,), but this run needs",
        ),
        (
            {"image": np.zeros((5, 8, 8, 3), np.uint8)},
            "image uint8 (8, 8, 3), action float32 (2,), but this run needs image uint8",
        ),
        ({"image": np.zeros((5, 4, 4, 3), np.float32)}, "image float32 (4, 4, 3)"),
        ({"image": np.zeros((5, 4, 4, 3), np.uint8), "state": np.zeros((5, 6), np.float32)}, "state float32 (6,)"),
        ({"image": np.zeros((5, 4, 4, 3), np.uint8), "action": np.zeros((5, 3), np.float32)}, "action float32 (3,)"),
    ],
)
def test_episodes_of_other_records_are_refused_by_one_line(
    held: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    """They are intact: setting them all aside would lose a replay silently."""
    whole = {name: array for name, array in episode(5).items() if name != "image"}
    path = tmp_path / "000000-e0-5.npz"
    path.write_bytes(encode({**held, **whole, **held}))
    with pytest.raises(UserError) as refused:
        Replay(tmp_path, SPEC, 3, capacity=10**9)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.exists()
