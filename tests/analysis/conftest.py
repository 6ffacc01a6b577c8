"""Synthetic results, as run folders and as score files of the same numbers."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.scores import ExpectedRun, Run, Scores, by_metric, from_runs
from analysis.settings import AnalysisSettings

Entry = dict[str, Any]
COST = {"parameters/world_model": 3000, "parameters/actor": 2000, "parameters/value": 1000, "flops/update": 5_000_000}
STEPS_PER_HOUR = 10_000


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
    """The same entries with model errors at each evaluation, larger for longer horizons and smaller with training."""
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
    """The same curves as finished run folders, with training metrics between the evaluations."""
    expected = []
    for curve in curves:
        folder = root / curve["task"] / curve["method"] / str(curve["seed"])
        folder.mkdir(parents=True)
        lines: list[Entry] = [{"step": 0} | COST]
        for step, score, errors in zip(curve["xs"], curve["ys"], _errors(curve), strict=True):
            lines += [
                {"step": step - 1, "train/return": 3.0, "train/length": 1000},
                {"step": step, "eval/return": score, "eval/returns": [score] * 2, "eval/episodes": 2} | errors,
                {"step": step, "loss/model": 1.5, "train/updates": step / 10, "time/hours": step / STEPS_PER_HOUR},
            ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "state.json").write_text(json.dumps({"state": "done"}))
        provenance = {"commit": "c0ffee", "dirty": False, "device": "a GPU", "renderer": "raycast"}
        provenance |= {"versions": {"numpy": "2.4.6"}, "attempts": [{"reason": "done"}]}
        (folder / "provenance.json").write_text(json.dumps(provenance))
        spec = {"suite": root.name, "task": curve["task"], "variant": curve["method"], "seed": curve["seed"]}
        settings = {"steps": curve["xs"][-1], "action_repeat": 2, "train": {"batch_size": 50}, "agent": curve["method"]}
        (folder / "spec.yaml").write_text(yaml.safe_dump({**spec, "settings": settings}))
        expected.append(ExpectedRun(curve["task"], curve["method"], curve["seed"], folder, curve["xs"][-1]))
    return expected


def as_scores(curves: Iterable[Entry], episodes: float = math.nan, **runs: Any) -> Scores:
    """The curves as scores; `runs` sets columns of the table of runs."""
    read = []
    for curve in curves:
        rows = [(float(x), "eval/return", y, episodes) for x, y in zip(curve["xs"], curve["ys"], strict=True)]
        for x, line in zip(curve["xs"], _errors(curve), strict=True):
            rows += [(float(x), name, value, math.nan) for name, value in line.items()]
        about = {"suite": "test", "task": curve["task"], "variant": curve["method"], "seed": curve["seed"]}
        read.append(Run(about, by_metric(rows)))
    scores = from_runs(read, "a test")
    return replace(scores, runs=scores.runs.assign(**runs))


def _errors(curve: Entry) -> list[Entry]:
    return curve.get("errors", [{}] * len(curve["xs"]))


@pytest.fixture
def score_file(tmp_path: Path) -> Callable[[object], Path]:
    def write(content: object) -> Path:
        path = tmp_path / "scores.json"
        path.write_text(json.dumps(content))
        return path

    return write


def finals(scores_RT: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", variant: str = "dreamer") -> pd.DataFrame:
    """One row per run of a variant, from its scores as runs x tasks."""
    runs, tasks = scores_RT.shape
    rows = [(f"task_{t}", variant, r, scores_RT[r, t]) for t in range(tasks) for r in range(runs)]
    return pd.DataFrame(rows, columns=["task", "variant", "seed", "score"])
