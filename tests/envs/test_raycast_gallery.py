"""The gallery: its messages, and the layout of its images."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from envs.raycast import gallery


@pytest.fixture
def one_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    monkeypatch.setattr(gallery, "SCENES", (("cartpole", "balance", 0),))


def test_without_opengl_it_reports_so_and_draws_the_ray_caster(
    one_scene: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gallery, "draw_by_opengl", lambda: None)
    gallery.main([str(tmp_path / "out.png")])
    assert "OpenGL is not available" in capsys.readouterr().out
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    assert (drawn != 255).any(axis=2).sum() >= 192 * 192


def test_with_opengl_it_prints_the_mean_absolute_difference(
    one_scene: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = gallery.draw_by_raycaster()
    theirs = {"backend": np.array("egl"), "pictures": ours ^ np.uint8(1)}  # each value one off
    monkeypatch.setattr(gallery, "draw_by_opengl", lambda: theirs)
    gallery.main([str(tmp_path / "out.png")])
    assert re.search(r"^cartpole_balance +1\.00$", capsys.readouterr().out, re.MULTILINE)


def test_images_of_a_group_are_side_by_side() -> None:
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 128, np.uint8)
    sheet = np.asarray(gallery.arrange([("title", [black, grey])]))
    (row, column), (_, other) = np.argwhere((sheet == 0).all(2) & (np.indices(sheet.shape[:2])[0] > 23))[[0, -1]]
    assert (sheet[row : row + 12, column : column + 12] == 0).all()
    assert (sheet[row : row + 12, other + 1 : other + 13] == 128).all()
