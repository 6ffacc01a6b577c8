import subprocess
import sys

from common.seeds import Stream, derive, generator


def test_keys_are_independent_and_repeat() -> None:
    keys = [(seed, stream, i, k) for seed in (0, 1) for stream in Stream for i in range(5) for k in range(50)]
    seeds = [derive(*key) for key in keys]
    assert len(set(seeds)) == len(keys)  # 31 bits: a collision among 3000 would be a chance of 0.2 %
    assert seeds == [derive(*key) for key in keys]
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert generator(*keys[3]).random(4).tolist() == generator(*keys[3]).random(4).tolist()
    assert generator(*keys[3]).random() != generator(*keys[4]).random()


def test_seeds_do_not_depend_on_the_process() -> None:
    code = "from common.seeds import Stream, derive; print(derive(5, Stream.TRAIN, 1, 2))"
    for hash_seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True
        )
        assert int(answer.stdout) == derive(5, Stream.TRAIN, 1, 2)
