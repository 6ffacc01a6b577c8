"""Synthetic results, as run folders and as score files of the same numbers."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.scores import EVALUATIONS, MODEL_ERRORS, RUNS, ExpectedRun, Scores
from analysis.settings import AnalysisSettings

Entry = dict[str, Any]


@pytest.fixture
def settings() -> AnalysisSettings:
    return AnalysisSettings(repetitions=200)


def entries(tasks: Iterable[str], variants: Iterable[str], seeds: int, points: int = 20) -> list[Entry]:
    """Learning curves that differ by task, variant and seed, as the entries of a score file."""
    rng = np.random.default_rng(7)
    steps = (1 + np.arange(points)) * 1000
    return [
        {"task": task, "method": variant, "seed": seed, "xs": steps.tolist(), "ys": ys.tolist()}
        for task in tasks
        for variant in variants
        for seed in range(seeds)
        for ys in [np.clip(rng.uniform(300, 900) * (1 - np.exp(-steps / 5000)) + rng.normal(0, 20, points), 0, 1000)]
    ]


def with_model_errors(curves: Iterable[Entry], horizons: Iterable[int] = (1, 5, 15, 45)) -> list[Entry]:
    """The same entries with model errors at each evaluation, as its line holds them: growing ahead, falling in time."""
    rng = np.random.default_rng(8)
    horizons = list(horizons)
    scales = {"image": 1e-3, "reward": 0.05, "kl": 2.0}

    def line(step: float, skill: float) -> Entry:
        fall = skill * (1 + 3 * np.exp(-step / 5000)) * rng.uniform(0.9, 1.1)
        errors = {
            f"model_error/{measure}/{horizon}": float(scale * fall * np.sqrt(horizon))
            for measure, scale in scales.items()
            for horizon in horizons
        }
        return errors | {"model_error/sequences": 20}

    return [
        curve | {"errors": [line(step, skill) for step in curve["xs"]]}
        for curve in curves
        for skill in [rng.uniform(0.7, 1.4)]
    ]


def write_folders(curves: Iterable[Entry], root: Path) -> list[ExpectedRun]:
    """The same curves as finished run folders, training metrics between the evaluations."""
    expected = []
    for curve in curves:
        folder = root / curve["task"] / curve["method"] / str(curve["seed"])
        folder.mkdir(parents=True)
        with (folder / "metrics.jsonl").open("w") as file:
            for step, score, errors in zip(curve["xs"], curve["ys"], _errors(curve), strict=True):
                file.write(json.dumps({"step": step - 1, "loss/model": 1.5, "train/return": 3.0}) + "\n")
                line = {"step": step, "eval/return": score, "eval/returns": [score] * 2, "eval/episodes": 2} | errors
                file.write(json.dumps(line) + "\n")
        (folder / "state.json").write_text(json.dumps({"state": "done"}))
        (folder / "provenance.json").write_text(json.dumps({"renderer": "raycast"}))
        expected.append(ExpectedRun(curve["task"], curve["method"], curve["seed"], folder, curve["xs"][-1]))
    return expected


def as_scores(curves: Iterable[Entry], **runs: Any) -> Scores:
    """The curves as they look when read; `runs` sets columns of the table of runs."""
    curves = list(curves)
    names = [(curve["task"], curve["method"], curve["seed"]) for curve in curves]
    rows = [
        (*name, x, y)
        for name, curve in zip(names, curves, strict=True)
        for x, y in zip(curve["xs"], curve["ys"], strict=True)
    ]
    table = pd.DataFrame(rows, columns=EVALUATIONS).astype({"step": float, "score": float})
    errors = [
        (*name, x, *key.split("/")[1:], value, line["model_error/sequences"])
        for name, curve in zip(names, curves, strict=True)
        for x, line in zip(curve["xs"], _errors(curve), strict=True)
        for key, value in line.items()
        if key != "model_error/sequences"
    ]
    model_errors = pd.DataFrame(errors, columns=MODEL_ERRORS).astype(
        {"seed": int, "step": float, "horizon": int, "value": float, "sequences": float}
    )
    frame = pd.DataFrame([(*name, np.nan, "", "", np.nan, 0) for name in names], columns=RUNS).assign(**runs)
    return Scores(table, model_errors, frame, "a test")


def _errors(curve: Entry) -> list[Entry]:
    return curve.get("errors", [{}] * len(curve["xs"]))


@pytest.fixture
def score_file(tmp_path: Path) -> Callable[[object], Path]:
    def write(content: object) -> Path:
        path = tmp_path / "scores.json"
        path.write_text(json.dumps(content))
        return path

    return write
