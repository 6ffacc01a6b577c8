"""Figures of a discovery made by hand: contents and positions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from agents.settings import DiscoverySettings
from analysis.figures.style import CAPTION_SIZE, DPI, ONE, TWO, wrapped
from common.errors import UserError
from discovery import store
from discovery.discovery import Discovery
from discovery.figures import correlations, dendrogram, draw, for_analysis, plots
from discovery.sd2 import Merge, merge_path
from discovery.store import find, read
from tests.analysis.plots import visible_texts

STATES = np.array([[0.1, 0.2, 0.3, 0.4], [0, 0.9, 0, 0], [0.5, 0.6, 0.7, 0.8], [0, 0, 0.25, 0]])
FOUND = Discovery(
    "dmc_hopper_stand",
    DiscoverySettings(eta=0.1, seed=4),
    Path("nowhere"),
    ["hip", "waist", "knee", "action 3"],
    ["height", "velocity[0]", "velocity[1]", "arm[0,1]"],
    STATES,
    [Merge((0,), (2,), 0.2), Merge((1,), (3,), 0.05), Merge((0, 2), (1, 3), 0.3)],  # Rela rises at the last merge
)  # whose groups are [0, 2], [1] and [3]


def panel(figure: Figure) -> Axes:
    return figure.axes[0]


def labels(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.get_yticklabels()]


def test_figures_and_captions_are_written_where_they_are_absent(tmp_path: Path) -> None:
    paths = draw(FOUND, tmp_path)
    assert [path.name for path in paths] == [
        "correlations.png",
        "correlations.pdf",
        "dendrogram.png",
        "dendrogram.pdf",
        "captions.md",
    ]
    before = [path.read_bytes() for path in paths]
    assert [content[:4] for content in before[:4]] == [b"\x89PNG", b"%PDF"] * 2
    assert draw(FOUND, tmp_path) == []
    paths[3].unlink()
    assert draw(FOUND, tmp_path) == [paths[3]]
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize("pixels", [False, True])
def test_captions_say_what_is_drawn_and_from_what(pixels: bool, tmp_path: Path) -> None:
    found = seen_as_pixels(FOUND, pictures_of(4)) if pixels else FOUND
    seen = "pixels" if pixels else "state"
    amount = "seed 4, 20,000 environment steps."
    draw(found, tmp_path)
    text = (tmp_path / "captions.md").read_text()
    for plot in plots(found):
        assert f"## {plot.name}: {plot.title}\n\n{plot.caption}\n" in text
        assert f"Data: random actions, observed as {seen}; dmc_hopper_stand, {amount}" in plot.caption
        assert f"Data: dmc_hopper_stand, {seen}; {amount}" in plot.brief
        whole = plot.draw()
        assert wrapped(plot.brief, whole.get_figwidth() - 0.12, CAPTION_SIZE).count("\n") < 3, plot.name
        with Image.open(tmp_path / f"{plot.name}.png") as picture:
            assert picture.height > round(DPI * whole.get_figheight()), "the brief caption is below the figure"
    both = [found, replace(found, task="dmc_hopper_hop")]
    assert len({plot.name for each in both for plot in for_analysis(each)}) == 4, "names differ between discoveries"


def test_rows_of_the_heat_map_are_ordered_by_group() -> None:
    axis = panel(correlations(FOUND))
    assert labels(axis) == ["hip 0", "knee 2", "waist 1", "action 3"]
    [image] = axis.get_images()
    np.testing.assert_allclose(
        np.asarray(image.get_array()),
        [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0, 0.9, 0, 0], [0, 0, 0.25, 0]],
    )
    assert image.get_clim() == (0, 0.9)
    colors = [text.get_color() for text in axis.get_yticklabels()]
    assert colors[0] == colors[1] != colors[2] == colors[3], "grey for actions alone in their group"


def test_columns_of_the_heat_map_are_called_by_their_observation() -> None:
    axis = panel(correlations(FOUND))
    assert [text.get_text() for text in axis.get_xticklabels()] == ["height", "velocity", "arm"]
    assert axis.get_xticks().tolist() == [0, 1.5, 3]


def test_branches_of_the_dendrogram_meet_at_their_rela() -> None:
    axis = panel(dendrogram(FOUND))
    assert labels(axis) == ["hip 0", "knee 2", "waist 1", "action 3"]
    *branches, line = axis.get_lines()
    assert [np.asarray(branch.get_xdata())[1:3].tolist() for branch in branches] == [[0.2] * 2, [0.05] * 2, [0.3] * 2]
    assert [np.asarray(branch.get_ydata())[[0, -1]].tolist() for branch in branches] == [[0, 1], [2, 3], [0.5, 2.5]]
    assert np.asarray(branches[2].get_xdata())[[0, -1]].tolist() == [0.2, 0.05], "starts where its two branches merged"
    assert np.asarray(line.get_xdata()).tolist() == [0.1, 0.1]
    made, *left = (branch.get_color() for branch in branches)
    assert made != left[0] == left[1]
    low, high = axis.get_xlim()
    assert low > 0.3 > 0.05 > high, "the most related on the left"


def test_no_two_branches_cross() -> None:
    """The actions of each merge are adjacent."""
    path = [Merge((1,), (3,), 0.5), Merge((0,), (2,), 0.4), Merge((0, 2), (1, 3), 0.3)]
    assert labels(panel(dendrogram(replace(FOUND, merges=path)))) == ["hip 0", "knee 2", "waist 1", "action 3"]
    path = [Merge((0,), (3,), 0.5), Merge((0, 3), (1,), 0.4), Merge((0, 1, 3), (2,), 0.3)]
    assert labels(panel(dendrogram(replace(FOUND, merges=path)))) == ["hip 0", "action 3", "waist 1", "knee 2"]


def pictures_of(actions: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    pictures = np.full((actions, 64, 64, 3), np.nan)
    pictures[:, 0, 1, 0] = [0.2, 0, 0, 0][:actions]
    pictures[:, 0, 1, 2] = [0.4, 0, 0, 0.1][:actions]
    pictures[:, 63, 5, 1] = [0.1, 0, 0.9, 0][:actions]
    return pictures


def seen_as_pixels(found: Discovery, pictures: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Discovery:
    """The same discovery, made by looking at pixels."""
    places = [tuple(place) for place in np.argwhere(~np.isnan(pictures[0]))]
    return replace(
        found,
        settings=found.settings.model_copy(update={"input": "pixels"}),
        state_names=[f"pixel[{row},{column},{channel}]" for row, column, channel in places],
        correlations=np.stack([pictures[:, *place] for place in places], 1),
    )


def test_pixels_are_drawn_as_pictures_averaged_over_channels() -> None:
    figure = correlations(seen_as_pixels(FOUND, pictures_of(4)))
    titles = [axis.get_title() for axis in figure.axes[:4]]
    assert titles == ["hip 0", "knee 2", "waist 1", "action 3"]
    pictures = [axis.get_images()[0].get_array() for axis in figure.axes[:2]]
    hip, knee = (np.ma.MaskedArray(picture).filled(np.nan) for picture in pictures)
    assert hip.shape == (64, 64)
    assert (hip[0, 1], hip[63, 5], knee[63, 5]) == pytest.approx((0.3, 0.1, 0.9))
    assert np.isnan(hip).sum() == 64 * 64 - 2, "pixels that never changed are left white"


@pytest.mark.parametrize("actions", [1, 2, 4])
@pytest.mark.parametrize("pixels", [False, True])
def test_titles_are_whole(actions: int, pixels: bool) -> None:
    """Also with few actions, which make a narrow figure, and a long name."""
    asked = DiscoverySettings(input="pixels" if pixels else "state", steps=100_000, eta=2, seed=4294967295)
    found = replace(
        FOUND,
        task="dmc_ball_in_cup_catch",
        settings=asked,
        action_names=FOUND.action_names[:actions],
        correlations=STATES[:actions],
        merges=[Merge((0,), (1,), 0.2)][: actions - 1],
    )
    if pixels:
        found = seen_as_pixels(found, pictures_of(actions))
    figures = [correlations(found), *([dendrogram(found)] if actions == 2 else [])]
    for figure in figures:
        assert figure.get_figwidth() in (ONE, TWO)
        shown = visible_texts(figure)
        for i, (name, box) in enumerate(shown):
            assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, name
            assert 0 <= box.y0 < box.y1 <= figure.bbox.y1, name
            assert not any(box.padded(-0.5).overlaps(other.padded(-0.5)) for _, other in shown[:i]), name


def test_wide_heat_maps_take_two_columns() -> None:
    wide = replace(FOUND, state_names=[f"velocity[{i}]" for i in range(60)], correlations=np.full((4, 60), 0.3))
    assert [correlations(found).get_figwidth() for found in (FOUND, wide)] == [ONE, TWO]


@pytest.mark.parametrize("pixels", [False, True])
def test_discovery_is_read_back(pixels: bool, tmp_path: Path) -> None:
    """A discovery read from disk equals the one in memory."""
    rng = np.random.default_rng(5)
    states = ["height", "velocity[0]", "pixel"] if not pixels else ["pixel[0,1,2]", "pixel[63,5,1]", "pixel[10,11,0]"]
    settings = DiscoverySettings(input="pixels" if pixels else "state", steps=12_000, eta=0.01, seed=7)
    folder = tmp_path / "sd2" / "toy_reach_4" / store.key(settings)
    numbers = rng.uniform(0, 1, (4, 3))
    names = [f"lane {i}" for i in range(4)]
    found = Discovery("toy_reach_4", settings, folder, names, states, numbers, merge_path(numbers))
    folder.parent.mkdir(parents=True)
    store.write(found, {})
    again = read(folder)
    assert (again.task, again.settings, again.groups, again.merges) == (
        found.task,
        settings,
        found.groups,
        found.merges,
    )
    assert (again.action_names, again.state_names) == (names, states)
    np.testing.assert_array_equal(again.correlations, numbers)
    if pixels:
        np.testing.assert_array_equal(again.pictures[:, 63, 5, 1], numbers[:, 1])
    (folder.parent / "stability_state_20000_eta0_seeds0-2.csv").touch()
    (tmp_path / "suite" / "task" / "variant").mkdir(parents=True)
    assert find(tmp_path) == find(tmp_path / "sd2") == [folder]
    assert find(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("groups.yaml", None),
        ("groups.yaml", "task: [dmc_made_up"),
        ("groups.yaml", "task: toy_reach_1\n"),
        ("correlations.csv", "action,height\nhip,high\n"),
        ("correlations.csv", "action,height,velocity\nhip,0.5\n"),
        ("correlations.csv", ""),
    ],
)
def test_damage_is_reported(name: str, text: str | None, tmp_path: Path) -> None:
    files = {
        "correlations.csv": "action,height\nhip,0.5\n",
        "merges.csv": "a,b,rela\n",
        "groups.yaml": "task: toy_reach_1\ngroups: [[0]]\neta: 0.0\nsource: {input: state, steps: 100, seed: 0}\n",
    }
    for each, content in files.items():
        (tmp_path / each).write_text(content)
    assert read(tmp_path).action_names == ["hip"]
    if text is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=str(tmp_path)):
        read(tmp_path)


def test_one_action_has_no_dendrogram(tmp_path: Path) -> None:
    one = Discovery("toy_reach_1", DiscoverySettings(), tmp_path, ["hip"], ["height"], np.array([[0.5]]), [])
    assert [path.name for path in draw(one, tmp_path)] == ["correlations.png", "correlations.pdf", "captions.md"]
