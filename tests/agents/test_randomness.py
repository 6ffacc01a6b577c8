import numpy as np
import scipy.stats
import tensorflow as tf

from agents.randomness import Noise, derive_seed


def draw(seed: int = 0, counter: int = 0, name: str = "stream") -> np.ndarray:
    return Noise(seed, tf.constant(counter)).normal(name, (1000,)).numpy()


def test_draws_are_a_function_of_seed_counter_and_name() -> None:
    np.testing.assert_array_equal(draw(), draw())
    for other in (draw(seed=1), draw(counter=1), draw(name="other")):
        assert abs(np.corrcoef(draw(), other)[0, 1]) < 0.15


def test_draws_are_standard_normal() -> None:
    assert scipy.stats.kstest(draw(), "norm").pvalue > 0.01


def test_other_draws_are_what_their_names_say() -> None:
    noise = Noise(0, tf.constant(0))
    assert scipy.stats.kstest(noise.uniform("stream", (1000,)), "uniform").pvalue > 0.01
    assert scipy.stats.kstest(noise.gumbel("stream", (1000,)), "gumbel_r").pvalue > 0.01


def test_derived_seeds_fit_their_bits() -> None:
    seeds = [derive_seed(seed, "name", bits=31) for seed in range(200)]
    assert len(set(seeds)) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)
