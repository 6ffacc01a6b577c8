"""One style for all figures: fonts, sizes, colours, wrapped names, and files of figures."""

import io
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image

Dashes = Literal["-", "--", "-.", ":"]
DASHES: tuple[Dashes, ...] = get_args(Dashes)
KINDS = ("pdf", "png", "svg")  # of files
ONE, TWO = 3.4, 7.0  # inches of one and of two columns of a paper
SMALL, LARGE = 7.0, 8.0  # points: tick labels and legend; axis labels and titles
FONT = "DejaVu Sans"  # is part of matplotlib, so figures are equal on every machine
DPI = 200  # of a PNG
CAPTION_SIZE = 6.5  # points
RULER_DPI = 720  # resolution for measuring text, so high that hinting has no effect
# Seaborn's ten colour-blind-safe colours; those that are faint on white, or grey like published scores, are last.
PALETTE = tuple(sns.color_palette("colorblind")[i] for i in (0, 1, 2, 3, 4, 5, 9, 6, 8, 7))
LIGHTEST, DARKEST = 0.5, 0.45  # shares of white and of black in the shades of a colour
BREAK = re.compile(r"(?<=[\s+/_-])")  # where a long name may break
warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the checks say it once
STYLE: Any = {
    **sns.axes_style("ticks", {"axes.grid": True, "grid.color": "0.92", "axes.edgecolor": "0.3"}),
    "font.family": FONT,
    "font.size": SMALL,
    "axes.titlesize": LARGE,
    "axes.labelsize": LARGE,
    "figure.labelsize": LARGE,
    "figure.titlesize": LARGE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "axes.titlepad": 3.0,
    "axes.labelpad": 2.0,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "patch.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    **{f"{axis}tick.{which}.width": 0.6 for axis in "xy" for which in ("major", "minor")},
    **{f"{axis}tick.major.size": 2.5 for axis in "xy"},
    **{f"{axis}tick.minor.size": 1.5 for axis in "xy"},
    **{f"{axis}tick.major.pad": 2.0 for axis in "xy"},
    "text.hinting": "none",  # so that text is as wide in a PNG as in a PDF
    "text.parse_math": False,  # a dollar in a variant's name is a dollar
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "dreamer-ablations",
    "savefig.dpi": DPI,
}
styled = matplotlib.rc_context(STYLE)  # decorates what makes a figure
DATELESS = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
PATH = re.compile(r' d="[^"]*"')
LONG_NUMBER = re.compile(r"\d+\.\d{3,}")


@dataclass(frozen=True)
class Look:
    """The colour and dashes of a variant in every figure."""

    color: tuple[float, float, float]
    dashes: Dashes


def looks(variants: Iterable[str]) -> dict[str, Look]:
    """Variant -> look: the colours of the palette, then the same colours with other dashes."""
    names = list(dict.fromkeys(variants))
    return {
        name: Look(PALETTE[i % len(PALETTE)], DASHES[i // len(PALETTE) % len(DASHES)]) for i, name in enumerate(names)
    }


def shaded(variants: Iterable[str], families: Mapping[str, str], looks: Mapping[str, Look]) -> dict[str, Look]:
    """Variant -> look of its family, in shades from light to dark if several variants share it.

    Args:
        variants: The names in the order of the legend and of the shades; repeats are ignored.
        families: Variant -> family; an absent variant is its own family.
        looks: Family -> look.
    """
    members: dict[str, list[str]] = {}
    for name in dict.fromkeys(variants):
        members.setdefault(families.get(name, name), []).append(name)

    def shade(name: str) -> Look:
        family = families.get(name, name)
        names, look = members[family], looks[family]
        place = 2 * names.index(name) / (len(names) - 1) - 1 if len(names) > 1 else 0.0  # -1 light, 1 dark
        end, share = (1, -place * LIGHTEST) if place < 0 else (0, place * DARKEST)
        red, green, blue = (part + (end - part) * share for part in look.color)
        return Look((red, green, blue), look.dashes)

    return {name: shade(name) for name in dict.fromkeys(variants)}


def handle(name: str, look: Look) -> Line2D:
    """A variant's line in the legend."""
    return Line2D([], [], color=look.color, linestyle=look.dashes, label=name)


def titled(quantity: str) -> str:
    """A quantity as an axis label; a name from the logs is unchanged."""
    return quantity if "/" in quantity else quantity.capitalize()


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """The width in inches of one line of text; `size` is in points."""
    width, _, _ = _ruler().get_text_width_height_descent(text, FontProperties(family=FONT, size=size), False)
    return width / RULER_DPI


def without_glyph(text: str) -> str:
    """The characters of a text that the font of the figures lacks, and draws as boxes."""
    return "".join(character for character in dict.fromkeys(text) if ord(character) not in _glyphs())


@lru_cache(maxsize=1)
def _glyphs() -> Collection[int]:
    return get_font(findfont(FONT)).get_charmap()


@lru_cache(maxsize=1)
def _ruler() -> RendererAgg:
    return RendererAgg(1, 1, RULER_DPI)


def wrapped(text: str, inches: float, size: float) -> str:
    """Wraps text between words and parts of names, or anywhere if a part is too wide.

    Args:
        text: One line.
        inches: The available width.
        size: The font size in points.
    """
    lines = [""]
    for piece in BREAK.split(text):
        for part in [piece] if text_width(piece.rstrip(), size) <= inches else piece:
            if lines[-1] and text_width((lines[-1] + part).rstrip(), size) > inches:
                lines.append("")
            lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def render(figure: Figure, kind: str, caption: str = "") -> bytes:
    """The figure as a PDF, PNG or SVG file without dates, so that equal figures are equal files.

    Only a PNG contains the caption, in small print below the figure, because a PNG is often passed on alone.
    """
    with matplotlib.rc_context(STYLE):
        if kind == "png":
            return _png(figure, caption)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=DATELESS[kind])
    return buffer.getvalue() if kind == "pdf" else _short(buffer.getvalue())


def _short(svg: bytes) -> bytes:
    """Rounds the coordinates of paths to a hundredth of a point, which makes the SVG file a third smaller."""

    def shortened(path: re.Match[str]) -> str:
        return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0])

    return PATH.sub(shortened, svg.decode()).encode()


def _png(figure: Figure, caption: str) -> bytes:
    picture = _pixels(figure)
    if caption:
        width = figure.get_figwidth()
        text = wrapped(caption, width - 0.12, CAPTION_SIZE)
        strip = Figure(figsize=(width, (text.count("\n") + 1) * 1.3 * CAPTION_SIZE / 72 + 0.1))
        strip.text(
            0.06 / width, 1, text, ha="left", va="top", fontsize=CAPTION_SIZE, color="0.3", linespacing=1.25
        )  # fmt: skip
        picture = np.concatenate([picture, _pixels(strip)])
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="png", dpi=(DPI, DPI))
    return buffer.getvalue()


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    """The figure as (H, W, 3)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba")
    width, height = (int(round(DPI * size, 6)) for size in figure.get_size_inches())
    return np.frombuffer(buffer.getvalue(), np.uint8).reshape(height, width, 4)[:, :, :3]
