"""Looks, display names and files of figures."""

import io
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from analysis import families
from analysis.figures.style import ONE, STYLE, TWO, looks, render, shaded, text_width, wrapped
from analysis.results import aggregates, curves, profiles
from tests.analysis import plots

CAPTION = "Data: a test. " + 10 * "Words that need more than one line. "


def test_many_variants_all_look_different() -> None:
    styles = looks(f"variant {i}" for i in range(40))
    assert len(set(styles.values())) == 40
    assert len({look.color for look in styles.values()}) == 10


def test_variants_of_a_family_share_its_color_in_shades_from_light_to_dark() -> None:
    kinds = {"b=1": "b", "b=2": "b", "b=3": "b", "c=1": "c", "c=2": "c", "b": "b"}
    styles = looks(["a", "b", "c"])
    shades = shaded(["a", "c=1", "b=1", "b=2", "c=2", "b=3"], kinds, styles)
    assert list(shades) == ["a", "c=1", "b=1", "b=2", "c=2", "b=3"]
    assert shades["a"] == styles["a"]
    assert shaded(["b"], kinds, styles)["b"] == styles["b"]
    np.testing.assert_allclose(shades["b=2"].color, styles["b"].color)
    for family, names in (("b", ("b=1", "b=2", "b=3")), ("c", ("c=1", "c=2"))):
        colors = np.array([shades[name].color for name in names])
        assert (np.diff(colors, axis=0) < 0).all()
        white, black = 1 - colors[0], colors[-1]  # what is left of the color when white or black is mixed in
        color = np.array(styles[family].color)
        np.testing.assert_allclose(white / (1 - color), white[0] / (1 - color[0]))
        np.testing.assert_allclose(black / color, black[0] / color[0])


@pytest.mark.parametrize(
    ("task", "title"),
    [
        ("dmc_cheetah_run", "Cheetah Run"),
        ("dmc_ball_in_cup_catch", "Ball in Cup Catch"),
        ("dmc_humanoid_CMU_walk", "Humanoid CMU Walk"),
        ("atari_ms_pacman", "Ms Pacman"),
        ("toy_reach_2", "Reach 2"),
        ("Walker2d-v4", "Walker2d-v4"),
    ],
)
def test_tasks_have_display_names(task: str, title: str) -> None:
    assert families.title(task) == title


@pytest.mark.parametrize("text", [plots.LONG, "a" * 90, "words " * 20, "short"])
def test_wrapped_text_is_whole_and_no_wider_than_its_room(text: str) -> None:
    lines = wrapped(text, 1.5, 7).split("\n")
    assert re.sub(r"\s", "", "".join(lines)) == text.replace(" ", "")
    assert all(0 < text_width(line, 7) <= 1.5 for line in lines)
    if text == plots.LONG:
        assert all(line[-1] in "+_" for line in lines[:-1]), "broken between parts of the name"


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_equal_figures_are_equal_files_in_whatever_order_they_are_made(kind: str, start: bytes) -> None:
    def figure() -> Figure:
        return curves.draw(plots.curves(), looks(["dreamer", plots.LONG]), plots.PUBLISHED)

    files = render(figure(), kind, CAPTION)
    assert files.startswith(start)
    other = figure()
    for first in ("png", "svg", "pdf", "png", kind):
        again = render(other, first, CAPTION)
    assert again == files


def test_only_a_png_has_the_caption_and_grows_by_it() -> None:
    figure = aggregates.draw(plots.aggregates(), looks(["dreamer", plots.LONG]))
    for kind in ("pdf", "svg"):
        assert render(figure, kind, CAPTION) == render(figure, kind)
    bare, captioned = (
        np.asarray(Image.open(io.BytesIO(render(figure, "png", text)))).astype(int) for text in ("", CAPTION)
    )
    height, width, _ = bare.shape
    assert width == 200 * TWO
    np.testing.assert_array_equal(captioned[:height], bare)
    strip = captioned[height:]
    assert strip.shape[1] == width
    rows = (strip.min(axis=(1, 2)) < 200).nonzero()[0]  # rows with text
    assert 0 < rows[0] < 12
    assert len(strip) - 30 < rows[-1] < len(strip) - 4, "the last line is whole"
    assert (np.diff(rows) > 1).sum() >= 2, "several lines"


def test_svg_has_no_text_that_needs_a_font_and_no_date() -> None:
    svg = render(profiles.draw(plots.profiles(), looks(["dreamer"])), "svg").decode()
    assert "<text" not in svg
    assert "<image" not in svg
    assert "<dc:date" not in svg
    assert f'width="{72 * ONE:g}pt"' in svg


def test_svg_is_as_matplotlib_writes_it_but_for_rounded_paths() -> None:
    figure = curves.draw(plots.curves(points=200), looks(["dreamer", plots.LONG]))
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plain, short = buffer.getvalue().decode(), render(figure, "svg").decode()
    path = re.compile(r' d="([^"]*)"')
    assert path.sub("", short) == path.sub("", plain)
    one, two = (
        np.array([float(number) for d in path.findall(svg) for number in re.findall(r"-?[\d.]+", d)])
        for svg in (plain, short)
    )
    np.testing.assert_allclose(one, two, atol=0.0051)
    assert len(short) < 0.85 * len(plain)
