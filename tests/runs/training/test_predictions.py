"""Errors and pictures of predicted state vectors, against numbers made by hand and on real runs."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import launch
from agents.agent import Prediction
from runs.store.run_folder import write_spec
from runs.training.attempt import run
from runs.training.evaluate import ModelError, evaluate
from runs.training.predictions import by_dimension, draw, most_varied, unexplained
from runs.watching.model_error_table import show_dimensions, show_errors
from tests.runs.standin import metrics, spec

TINY: dict[str, Any] = {
    "observation": "state",
    "representation": {"state_layers": 1, "state_units": 8},
    "dynamics": {"deterministic": 8, "stochastic": 4, "hidden": 8},
    "reward": {"layers": 1, "units": 8},
    "behavior": {"horizon": 3, "actor_layers": 1, "actor_units": 8, "value_layers": 1, "value_units": 8},
}
BATCHES = {"prefill": 100, "pretrain": 1, "every": 40, "batch_size": 2, "batch_length": 6}


def made(dimensions: int, sequences: int = 4, length: int = 10) -> Prediction:
    """Truths that vary more in later dimensions."""
    random = np.random.default_rng(0)
    truth = random.normal(size=(sequences, length, dimensions)) * np.arange(1, 1 + dimensions)
    return Prediction(truth.astype(np.float32), random.normal(size=truth.shape).astype(np.float32))


def test_errors_are_those_of_each_dimension_at_each_horizon() -> None:
    truth, predicted = (part.astype(float) for part in made(3))
    lists, fractions = (function({"state": made(3)}) for function in (by_dimension, unexplained))
    assert list(lists) == ["model_errors/state/1", "model_errors/state/5"]
    assert list(fractions) == ["model_error/state_unexplained/1", "model_error/state_unexplained/5"]
    for horizon, record in ((1, 5), (5, 9)):
        expected = [np.mean([(truth[b, record, d] - predicted[b, record, d]) ** 2 for b in range(4)]) for d in range(3)]
        np.testing.assert_allclose(lists[f"model_errors/state/{horizon}"], expected, rtol=1e-3)
        spread = sum(truth[:, :, d].var() for d in range(3))
        assert fractions[f"model_error/state_unexplained/{horizon}"] == pytest.approx(sum(expected) / spread)


def test_variance_unexplained_is_1_for_the_mean_whatever_the_scale() -> None:
    for scale in (1.0, 1e-3):
        truth = np.tile(scale * np.array([[-1.0, 2.0], [1.0, 4.0]])[:, None], (1, 6, 1))
        mean = Prediction(truth, np.full_like(truth, scale) * [0.0, 3.0])
        assert unexplained({"state": mean}) == {"model_error/state_unexplained/1": pytest.approx(1)}
        assert unexplained({"state": Prediction(truth, truth)}) == {"model_error/state_unexplained/1": 0}
    still = np.zeros((2, 6, 2))
    assert unexplained({"state": Prediction(still, still)}) == {}


def test_a_picture_shows_the_dimensions_that_vary_most() -> None:
    assert most_varied(made(3)) == [0, 1, 2]
    assert most_varied(made(15)) == list(range(3, 15))
    few, many, lots = (draw(made(size), [f"name[{i}]" for i in range(size)]) for size in (3, 12, 67))
    assert few.dtype == np.uint8
    assert few.shape[2] == 3
    assert few.shape[0] < many.shape[0] == lots.shape[0]
    truth = made(3).truth
    exact = draw(Prediction(truth, truth), ["a", "b", "c"])
    red = [int(((picture[..., 0] > 200) & (picture[..., 1] < 60)).sum()) for picture in (few, exact)]
    assert min(red) > 100  # the title's colours are words: only the prediction is red
    assert not np.array_equal(few, exact)


def test_models_that_diverge_are_drawn() -> None:
    truth, predicted = made(2)
    draw(Prediction(truth, np.full_like(predicted, np.nan)), ["a", "b"])
    draw(Prediction(truth, np.full_like(predicted, np.inf)), ["a", "b"])


def test_matplotlib_is_imported_only_for_pictures() -> None:
    code = "import sys, runs.training.loop, runs.training.evaluate; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the real agent from state vectors."""
    folder = tmp_path_factory.mktemp("run")
    small = spec(steps=120, train=BATCHES, **TINY)
    write_spec(small, folder)
    run(small, folder)
    return folder


def test_evaluations_of_a_run_from_state_vectors(trained: Path) -> None:
    """Episodes of 48 steps are 13 records, so the predictions are 1 and 5 steps ahead."""
    evaluations = [line for line in metrics(trained) if "eval/return" in line]
    assert len(evaluations) >= 2
    for line in evaluations:
        for horizon in (1, 5):
            each = line[f"model_errors/state/{horizon}"]
            assert len(each) == 2  # position and target
            assert np.mean(each) == pytest.approx(line[f"model_error/state/{horizon}"], rel=1e-3)
            assert line[f"model_error/state_unexplained/{horizon}"] > 0
        assert "model_error/image/1" not in line
    read = EventAccumulator(str(trained))
    read.Reload()
    assert sorted(read.Tags()["images"]) == ["eval/episode", "openloop/state"]
    assert not [tag for tag in read.Tags()["scalars"] if tag.startswith("model_errors/")]
    pictures, films = (
        [Image.open(io.BytesIO(found.encoded_image_string)) for found in read.Images(tag)]
        for tag in ("openloop/state", "eval/episode")
    )
    assert len(pictures) == len(films) == len(evaluations)
    assert {getattr(picture, "n_frames", 1) for picture in pictures} == {1}
    assert {(*film.size, getattr(film, "n_frames", 1)) for film in films} == {(64, 64, 13)}


def test_a_run_from_state_vectors_is_played_filmed_and_measured(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    returns = evaluate(trained, 2, 0, tmp_path / "out.gif")
    assert evaluate(trained, 2, 0) == returns
    with Image.open(tmp_path / "out.gif") as film:
        assert film.size == (64, 64)
        assert getattr(film, "n_frames", 1) > 1
    measure = ["eval", str(trained), "--model-error", "--episodes", "2"]
    assert launch.main([*measure, "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert list(found["dimensions"]) == ["model_errors/state/1", "model_errors/state/5"]
    for horizon in (1, 5):
        each = found["dimensions"][f"model_errors/state/{horizon}"]
        assert list(each) == ["position[0]", "target[0]"]
        assert np.mean(list(each.values())) == pytest.approx(found["metrics"][f"model_error/state/{horizon}"], rel=1e-3)
    assert launch.main(measure) == 0
    brief = capsys.readouterr().out
    assert "state, mean squared" in " ".join(brief.split())
    assert "position" not in brief
    assert launch.main([*measure, "--dimensions"]) == 0
    assert {"position[0]", "target[0]"} < set(capsys.readouterr().out.split())
    assert launch.main(["eval", str(trained), "--dimensions"]) == 2
    assert "--dimensions requires --model-error" in capsys.readouterr().err


def test_table_has_the_measures_of_all_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose episodes show a vector that never changes lacks a measure, whether it comes first or last."""
    still = {"model_error/state/1": 0.0, "model_error/sequences": 3}
    moving = {"model_error/state/1": 0.25, "model_error/state_unexplained/1": 0.5, "model_error/sequences": 3}
    found = [ModelError(run, 100, "own", 100, each, {}, 1.0, run) for run, each in (("a", still), ("b", moving))]
    for order in (found, found[::-1]):
        show_errors(order)
        lines = {line[0]: line for line in map(str.split, capsys.readouterr().out.splitlines())}
        assert lines["a,"] == ["a,", "step", "100", "1", "0", "-", "3", "a"]
        assert lines["b,"] == ["b,", "step", "100", "1", "0.25", "0.5", "3", "b"]


def test_a_run_from_images_has_no_dimensions_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    show_dimensions([ModelError("run", 100, "own", 100, {"model_error/image/1": 0.1}, {}, 1.0, "code")])
    assert "run observes no state vector" in capsys.readouterr().out
