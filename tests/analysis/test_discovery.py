"""Figures of a discovery: what is drawn where, from a folder made by hand."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.discovery import correlations, dendrogram, draw, read

GROUPS = """
task: dmc_made_up
groups: [[0, 2], [1], [3]]
names: [[hip, knee], [waist], [action 3]]
eta: 0.1
margins: {accepted: 0.2, rejected: 0.05}
source: {method: SD2, input: state, steps: 20000, seed: 4}
"""
# Rela rises at the last merge: 0.2, 0.05, 0.3.
MERGES = "a,b,rela\n0,2,0.2\n1,3,0.05\n0 2,1 3,0.3\n"
STATES = """action,height,velocity[0],velocity[1],"arm[0,1]"
hip,0.1,0.2,0.3,0.4
waist,0.0,0.9,0.0,0.0
knee,0.5,0.6,0.7,0.8
action 3,0.0,0.0,0.25,0.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "groups.yaml").write_text(GROUPS)
    (tmp_path / "merges.csv").write_text(MERGES)
    (tmp_path / "correlations.csv").write_text(STATES)
    return tmp_path


def panel(figure: Figure) -> Axes:
    return figure.axes[0]


def labels(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.get_yticklabels()]


def test_figures_are_written_as_png_and_pdf(folder: Path) -> None:
    paths = draw(folder)
    assert [path.name for path in paths] == [
        "correlations.png",
        "correlations.pdf",
        "dendrogram.png",
        "dendrogram.pdf",
    ]
    assert [path.read_bytes()[:4] for path in paths] == [b"\x89PNG", b"%PDF"] * 2
    before = [path.read_bytes() for path in paths]
    draw(folder)
    assert [path.read_bytes() for path in paths] == before


def test_rows_of_the_heat_map_stand_by_group(folder: Path) -> None:
    axis = panel(correlations(read(folder)))
    assert labels(axis) == ["hip 0", "knee 2", "waist 1", "action 3"]
    [image] = axis.get_images()
    np.testing.assert_allclose(
        np.asarray(image.get_array()),
        [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0, 0.9, 0, 0], [0, 0, 0.25, 0]],
    )
    assert image.get_clim() == (0, 0.9)
    colors = [text.get_color() for text in axis.get_yticklabels()]
    assert colors[0] == colors[1] != colors[2] == colors[3], "grey for those alone"


def test_columns_of_the_heat_map_are_called_by_their_observation(folder: Path) -> None:
    axis = panel(correlations(read(folder)))
    assert [text.get_text() for text in axis.get_xticklabels()] == ["height", "velocity", "arm"]
    assert axis.get_xticks().tolist() == [0, 1.5, 3]


def test_branches_of_the_dendrogram_meet_at_their_rela(folder: Path) -> None:
    axis = panel(dendrogram(read(folder)))
    assert labels(axis) == ["hip 0", "knee 2", "waist 1", "action 3"]
    *branches, line = axis.get_lines()
    assert [np.asarray(branch.get_xdata())[1:3].tolist() for branch in branches] == [[0.2] * 2, [0.05] * 2, [0.3] * 2]
    assert [np.asarray(branch.get_ydata())[[0, -1]].tolist() for branch in branches] == [[0, 1], [2, 3], [0.5, 2.5]]
    assert np.asarray(branches[2].get_xdata())[[0, -1]].tolist() == [0.2, 0.05], "from where its halves met"
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.1]
    made, *left = (branch.get_color() for branch in branches)
    assert made != left[0] == left[1]
    low, high = axis.get_xlim()
    assert low > 0.3 > 0.05 > high, "the most related on the left"


def test_no_two_branches_cross(folder: Path) -> None:
    """The actions of each merge stand next to each other."""
    (folder / "merges.csv").write_text("a,b,rela\n1,3,0.5\n0,2,0.4\n0 2,1 3,0.3\n")
    assert labels(panel(dendrogram(read(folder)))) == ["hip 0", "knee 2", "waist 1", "action 3"]
    (folder / "merges.csv").write_text("a,b,rela\n0,3,0.5\n0 3,1,0.4\n0 1 3,2,0.3\n")
    assert labels(panel(dendrogram(read(folder)))) == ["hip 0", "action 3", "waist 1", "knee 2"]


def test_pixels_are_drawn_as_pictures_averaged_over_channels(folder: Path) -> None:
    (folder / "correlations.csv").write_text(
        'action,"pixel[0,1,0]","pixel[0,1,2]","pixel[63,5,1]"\n'
        "hip,0.2,0.4,0.1\nwaist,0.0,0.0,0.0\nknee,0.0,0.0,0.9\naction 3,0.0,0.1,0.0\n"
    )
    figure = correlations(read(folder))
    titles = [axis.get_title() for axis in figure.axes[:4]]
    assert titles == ["hip 0", "knee 2", "waist 1", "action 3"]
    pictures = [axis.get_images()[0].get_array() for axis in figure.axes[:2]]
    hip, knee = (np.ma.MaskedArray(picture).filled(np.nan) for picture in pictures)
    assert hip.shape == (64, 64)
    assert (hip[0, 1], hip[63, 5], knee[63, 5]) == pytest.approx((0.3, 0.1, 0.9))
    assert np.isnan(hip).sum() == 64 * 64 - 2, "pixels that never changed are left white"


def test_one_action_has_no_dendrogram(folder: Path) -> None:
    (folder / "groups.yaml").write_text(GROUPS.replace("[[0, 2], [1], [3]]", "[[0]]"))
    (folder / "merges.csv").write_text("a,b,rela\n")
    (folder / "correlations.csv").write_text("action,height\nhip,0.5\n")
    assert [path.name for path in draw(folder)] == ["correlations.png", "correlations.pdf"]
