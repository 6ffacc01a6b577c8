from pathlib import Path

import pytest
from PIL import Image

from runs.evaluate import evaluate
from runs.folder import write_spec
from runs.loop import run
from suites.errors import UserError
from tests.runs.standin import spec

pytestmark = pytest.mark.usefixtures("stand_ins")


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("runs.machine.prepare_tensorflow", lambda seed: "none")
    short = spec(steps=120)
    write_spec(short, tmp_path / "run")
    run(short, tmp_path / "run")
    return tmp_path / "run"


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


def test_mistakes_are_told_kindly(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run"):
        evaluate(tmp_path, 1, 0)
    with pytest.raises(UserError, match=r"name it .*out\.gif"):
        evaluate(trained, 1, 0, tmp_path / "out.mp4")
    with pytest.raises(UserError, match="there is no folder"):
        evaluate(trained, 1, 0, tmp_path / "nowhere" / "out.gif")
    (tmp_path / "folder.gif").mkdir()
    for folder in (tmp_path / "folder.gif", Path("/"), Path()):
        with pytest.raises(UserError, match="a folder; needed is the name of a GIF"):
            evaluate(trained, 1, 0, folder)
    for arrays in trained.glob("checkpoints/*/agent.npz"):
        arrays.write_bytes(b"torn")
    with pytest.raises(UserError, match="no checkpoint that can be read"):
        evaluate(trained, 1, 0)
    write_spec(spec(), tmp_path / "fresh")
    with pytest.raises(UserError, match="no checkpoint yet"):
        evaluate(tmp_path / "fresh", 1, 0)
