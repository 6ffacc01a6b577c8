"""The renderer of a run: chosen wherever something is drawn, also before training."""

import os
import sys
from typing import Any

import pytest

from envs import renderer
from envs.renderer import Probe, spare_opengl
from runs.training.runtime import choose_renderer
from suites.plan import RunSpec
from tests.suites.other_values import settings

STATE = {"observation": "state"}
PIXELS = {"dynamics.kind": "ed2", "dynamics.groups": "sd2", "discovery.input": "pixels"}


@pytest.fixture(autouse=True)
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which EGL draws with a GPU, and a process that has not loaded dm_control."""
    monkeypatch.setattr(renderer, "probe", lambda backend: Probe(device="a GPU"))
    monkeypatch.delitem(sys.modules, "dm_control._render", raising=False)
    monkeypatch.setenv("MUJOCO_GL", "")


@pytest.mark.parametrize(
    ("task", "layer", "chosen"),
    [
        ("dmc_walker_run", {}, "egl"),
        ("dmc_walker_run", {"renderer": "raycast"}, "raycast"),
        ("dmc_walker_run", STATE, None),
        ("dmc_walker_run", STATE | PIXELS, "egl"),
        ("dmc_walker_run", STATE | PIXELS | {"dynamics.groups": "random"}, "egl"),
        ("dmc_walker_run", STATE | PIXELS | {"discovery.input": "state"}, None),
        ("dmc_walker_run", STATE | PIXELS | {"dynamics.groups": "published"}, None),
        ("dmc_walker_run", STATE | PIXELS | {"agent": "random"}, None),
        ("toy_reach_8", STATE | PIXELS, None),
    ],
)
def test_renderer_is_chosen_where_something_is_drawn(task: str, layer: dict[str, Any], chosen: str | None) -> None:
    assert choose_renderer(RunSpec("suite", task, "variant", 0, settings(layer))) == chosen


def test_state_environment_keeps_the_renderer_of_a_later_discovery() -> None:
    """dm_control reads MUJOCO_GL when it is first loaded, by the evaluation's environment, which spares OpenGL."""
    run = RunSpec("suite", "dmc_cartpole_balance", "variant", 0, settings(STATE | PIXELS))
    assert choose_renderer(run) == "egl"
    spare_opengl()
    assert os.environ["MUJOCO_GL"] == "egl"
