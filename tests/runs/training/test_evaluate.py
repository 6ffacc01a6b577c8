import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common.errors import UserError
from envs import make_env
from envs.settings import EnvSettings
from envs.task import TaskEnv
from runs.store.run_folder import write_spec
from runs.training.attempt import run
from runs.training.evaluate import ModelError, evaluate, model_errors
from tests.runs.standin import spec

pytestmark = pytest.mark.usefixtures("stand_ins")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("runs.training.runtime.prepare_tensorflow", lambda seed: "none")
    return train(tmp_path / "run")


def train(folder: Path, seed: int = 0, **changes: Any) -> Path:
    short = spec(seed, **{"steps": 120, **changes})
    write_spec(short, folder)
    run(short, folder)
    return folder


def test_plays_the_newest_checkpoint(trained: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in trained.iterdir())
    returns = evaluate(trained, 3, 0, tmp_path / "out.gif")
    assert len(returns) == 3
    assert len(set(returns)) == 3  # each episode starts elsewhere
    assert evaluate(trained, 3, 0) == returns
    with Image.open(tmp_path / "out.gif") as video:
        assert video.format == "GIF"
        assert video.size == (64, 64)
        assert getattr(video, "n_frames", 1) > 1
    assert sorted(path.name for path in trained.iterdir()) == before


def test_lost_lives_end_training_episodes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.training.runtime.prepare_tensorflow", lambda seed: "none")
    made: list[EnvSettings] = []

    def make(task: str, settings: EnvSettings, **options: Any) -> TaskEnv:
        made.append(settings)
        return make_env(task, settings, **options)

    monkeypatch.setattr("envs.make_env", make)
    monkeypatch.setattr("envs.parallel.make_env", make)
    folder = train(tmp_path / "run", task="atari_boxing")
    evaluate(folder, 1, 0)
    assert [settings.atari.life_loss for settings in made] == [False, True, False]
    assert len({settings.for_evaluation() for settings in made}) == 1


def test_mistakes_are_explained(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        evaluate(tmp_path, 1, 0)
    with pytest.raises(UserError, match=r"name it .*out\.gif"):
        evaluate(trained, 1, 0, tmp_path / "out.mp4")
    with pytest.raises(UserError, match="there is no folder"):
        evaluate(trained, 1, 0, tmp_path / "nowhere" / "out.gif")
    (tmp_path / "folder.gif").mkdir()
    for folder in (tmp_path / "folder.gif", Path("/"), Path()):
        with pytest.raises(UserError, match="a folder; expected the name of a GIF"):
            evaluate(trained, 1, 0, folder)
    for arrays in trained.glob("checkpoints/*/agent.npz"):
        arrays.write_bytes(b"torn")
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        evaluate(trained, 1, 0)
    write_spec(spec(), tmp_path / "fresh")
    with pytest.raises(UserError, match="no checkpoint yet"):
        evaluate(tmp_path / "fresh", 1, 0)


def test_models_are_measured_on_the_same_episodes(trained: Path, tmp_path: Path) -> None:
    """The stand-in's error is the images' mean: equal for equal episodes, and practically never for others."""
    other = train(tmp_path / "other", seed=1)

    def errors(policy: str, seed: int = 0) -> list[ModelError]:
        return list(model_errors([trained, other], policy, 2, seed))

    own, theirs = errors("own")
    assert own.metrics != theirs.metrics
    assert own.fingerprint != theirs.fingerprint
    assert own.mean_return == pytest.approx(sum(evaluate(trained, 2, 0)) / 2)
    for policy, step in (("random", 0), (str(trained), 120)):
        mine, yours = errors(policy)
        assert replace(mine, folder="") == replace(yours, folder="")
        assert (mine.folder, mine.step, mine.policy, mine.policy_step) == (str(trained), 120, policy, step)
        assert next(model_errors([other], policy, 2, 0)) == yours
        assert errors(policy, seed=1)[0].fingerprint != mine.fingerprint
    assert errors(str(trained))[0].fingerprint == own.fingerprint


def test_runs_may_differ_in_what_their_environment_does_not_read(trained: Path, tmp_path: Path) -> None:
    other = train(tmp_path / "other", renderer="raycast", supersampling=2, envs=2)
    assert len({found.fingerprint for found in model_errors([trained, other], "random", 1, 0)}) == 1


@pytest.mark.parametrize(
    ("observation", "changes", "differs"),
    [
        ("state", {"renderer": "raycast", "supersampling": 2}, None),
        ("state", {"dynamics": {"kind": "ed2", "groups": "sd2"}, "discovery": {"input": "pixels"}}, None),
        ("state", {"time_limit": 44}, "time_limit"),
        ("image", {"renderer": "raycast"}, "renderer"),
        ("image", {"observation": "state"}, "observation"),
    ],
)
def test_runs_that_draw_nothing_may_differ_in_the_renderer(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    observation: str,
    changes: dict[str, Any],
    differs: str | None,
) -> None:
    """In either order; whether they are alike is found before the environment is made."""
    monkeypatch.setattr("runs.training.evaluate._environment", lambda folder: pytest.fail("they are alike"))
    common = {"observation": observation, "renderer": "egl"}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, each in zip(folders, (common, common | changes), strict=True):
        write_spec(spec(task="dmc_walker_run", **each), folder)
        shutil.copytree(trained / "checkpoints", folder / "checkpoints")
    for order in (folders, folders[::-1]):
        expected = (UserError, f"its {differs} is") if differs else (pytest.fail.Exception, "they are alike")
        with pytest.raises(expected[0], match=expected[1]):
            list(model_errors(order, "own", 1, 0))


def test_run_that_cannot_play_or_be_measured_is_refused(trained: Path, tmp_path: Path) -> None:
    def measure(*folders: Path, policy: str = "own") -> None:
        list(model_errors(folders, policy, 1, 0))

    with pytest.raises(UserError, match="ranodm is not a run"):
        measure(trained, policy="ranodm")
    refusals: dict[str, dict[str, Any]] = {
        "its task is toy_reach_2, but that of .* is toy_reach_1": {"task": "toy_reach_2"},
        "its action_repeat is 2, but that of .* is 4": {"action_repeat": 2},
        "its time_limit is 44, but that of .* is 48": {"time_limit": 44},
    }
    for number, (message, changes) in enumerate(refusals.items()):
        unlike = train(tmp_path / f"unlike{number}", **changes)
        with pytest.raises(UserError, match=message):
            measure(trained, policy=str(unlike))
        with pytest.raises(UserError, match=message):
            measure(trained, unlike, policy="random")
    with pytest.raises(UserError, match="the agent random has no world model; as a player it is --policy random"):
        measure(trained, train(tmp_path / "random", agent="random"))
    short = train(tmp_path / "short", action_repeat=12, train={"prefill": 50, "batch_size": 2, "batch_length": 3})
    with pytest.raises(UserError, match="leave nothing to predict"):
        measure(short)
