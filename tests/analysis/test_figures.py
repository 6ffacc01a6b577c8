import io
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from analysis import figures, statistics
from analysis.model_errors import ModelErrors, summarize
from analysis.published import read_published
from analysis.scores import usable_model_errors
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import as_scores, entries, with_model_errors

LONG = "horizon=5+dynamics.kind=ed2+dynamics.groups=full+precision=mixed_float16"
TASKS = ["dmc_walker_walk", "dmc_hopper_hop", "toy_reach_2"]
LONG_TASK = "dmc_task_with_a_rather_long_name_that_needs_two_lines"
SETTINGS = AnalysisSettings(repetitions=100)
CAPTION = "Data: a test. " + 10 * "Words that need more than one line. "


@pytest.fixture(scope="module")
def curves() -> pd.DataFrame:
    return statistics.curves(as_scores(entries(TASKS, ["dreamer", LONG], seeds=3)).table, SETTINGS)


@pytest.fixture(scope="module")
def aggregates() -> pd.DataFrame:
    rows = [
        (variant, statistic, value, value - 0.1, value + 0.2, 3, 2)
        for variant, value in (("dreamer", 0.5), (LONG, 0.7))
        for statistic in figures.STATISTIC_TITLES
    ]
    return pd.DataFrame(rows, columns=["variant", "statistic", "value", "low", "high", "runs", "tasks"])


VARIANTS = ["dreamer", "ed2", "random_groups", "matched", "wide"]


@pytest.fixture(scope="module")
def errors() -> ModelErrors:
    scores = as_scores(with_model_errors(entries(TASKS[:2], VARIANTS, seeds=3)))
    summary = summarize(usable_model_errors(scores), SETTINGS)
    assert summary is not None
    return summary


def drawn(figure: Figure) -> FigureCanvasAgg:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def test_lines_and_bands_are_the_data(curves: pd.DataFrame) -> None:
    figure = figures.learning_curves(curves, figures.looks(curves["variant"]), CAPTION)
    assert [axis.get_title() for axis in figure.axes] == sorted(TASKS)
    axis = figure.axes[0]
    for line, variant in zip(axis.lines, ["dreamer", LONG], strict=True):
        data = curves[(curves["task"] == axis.get_title()) & (curves["variant"] == variant)]
        np.testing.assert_array_equal(line.get_xdata(), data["step"])
        np.testing.assert_array_equal(line.get_ydata(), data["mean"])
    band = np.asarray(axis.collections[0].get_paths()[0].vertices)
    data = curves[(curves["task"] == axis.get_title()) & (curves["variant"] == "dreamer")]
    assert band[:, 1].min() == pytest.approx(data["low"].min())
    assert band[:, 1].max() == pytest.approx(data["high"].max())
    assert "n=3" in [text.get_text() for text in axis.texts]
    assert axis.get_xlabel() == "Environment steps"


@pytest.mark.parametrize("tasks", [1, 2, 4, 5, 6, 7])
def test_there_is_a_panel_for_each_task_and_no_more(tasks: int, curves: pd.DataFrame) -> None:
    one = curves[curves["task"] == TASKS[0]]
    many = pd.concat([one.assign(task=f"task_{i}") for i in range(tasks)])
    figure = figures.learning_curves(many, figures.looks(["dreamer"]), CAPTION)
    assert [axis.get_title() for axis in figure.axes] == [f"task_{i}" for i in range(tasks)]
    places = [axis.get_subplotspec().get_gridspec().get_geometry()[1] for axis in figure.axes]  # type: ignore[union-attr]
    below = [i + places[0] < tasks for i in range(tasks)]  # a panel has its x label unless another is below
    assert [not axis.get_xlabel() for axis in figure.axes] == below


def test_curve_is_dotted_where_it_rests_on_fewer_seeds(curves: pd.DataFrame) -> None:
    few = curves.assign(seeds=np.where(curves["step"] > 15_000, 1, curves["seeds"]))
    axis = figures.learning_curves(few, figures.looks(["dreamer"]), CAPTION).axes[0]
    dotted, solid = axis.lines
    assert dotted.get_linestyle() == ":"
    assert np.isnan(np.asarray(solid.get_ydata())).sum() == 5


def test_published_scores_are_labelled_lines(curves: pd.DataFrame) -> None:
    published = [read_published("dreamer"), read_published("a3c")]
    figure = figures.learning_curves(curves, figures.looks(curves["variant"]), CAPTION, published)
    levels = {axis.get_title(): [line.get_ydata()[0] for line in axis.lines[2:]] for axis in figure.axes}  # type: ignore[index]
    assert levels == {"dmc_hopper_hop": [368.97, 0.5], "dmc_walker_walk": [961.67, 311.0], "toy_reach_2": []}
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [
        "dreamer",
        LONG,
        "Dreamer, published (pixels, 5e6 steps)",
        "A3C, published (proprioception, 1e8 steps)",
    ]


def test_aggregate_marks_and_bars_are_the_data(aggregates: pd.DataFrame) -> None:
    figure = figures.aggregate_intervals(aggregates, figures.looks(aggregates["variant"]), CAPTION)
    assert [axis.get_title() for axis in figure.axes] == list(figures.STATISTIC_TITLES.values())
    for axis in figure.axes:
        assert [line.get_xdata()[0] for line in axis.lines] == [0.5, 0.7]  # type: ignore[index]
        bars = [collection.get_segments()[0][:, 0].tolist() for collection in axis.collections]  # type: ignore[attr-defined]
        np.testing.assert_allclose(bars, [[0.4, 0.7], [0.6, 0.9]])
    names = [label.get_text().replace("\n", "") for label in figure.axes[0].get_yticklabels()]
    assert names == ["dreamer", LONG]


def panels(figure: Figure) -> dict[tuple[str, str], Axes]:
    """The axes of a grid of model errors, by task and measure."""
    place = figure.axes[0].get_subplotspec()
    assert place is not None
    columns = place.get_gridspec().ncols
    measures = {title: measure for measure, title in figures.MEASURE_TITLES.items()}
    across = [measures[axis.get_title()] for axis in figure.axes[:columns]]
    down = [axis.get_ylabel() for axis in figure.axes[::columns]]
    return dict(zip(product(down, across), figure.axes, strict=True))


def of(data: pd.DataFrame, pair: tuple[str, str], variant: str) -> pd.DataFrame:
    """The rows of one line in the panel of a task and measure."""
    return data[(data["task"] == pair[0]) & (data["measure"] == pair[1]) & (data["variant"] == variant)]


def test_errors_ahead_are_the_data_side_by_side(errors: ModelErrors) -> None:
    looks = figures.looks(["random", *VARIANTS])
    grid = panels(figures.model_errors(errors.finals, looks, "horizon", CAPTION))
    assert list(grid) == [(task, measure) for task in sorted(TASKS[:2]) for measure in ("image", "reward", "kl")]
    for pair, axis in grid.items():
        places = []
        assert len(axis.lines) == len(VARIANTS)
        for line, bars, variant in zip(axis.lines, axis.collections, VARIANTS, strict=False):
            data = of(errors.finals, pair, variant)
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            np.testing.assert_allclose(line.get_xdata() / data["horizon"], 1, atol=0.3)  # type: ignore[operator]
            spans = np.array(bars.get_segments())  # type: ignore[attr-defined]
            np.testing.assert_array_equal(spans[:, :, 1], data[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_color(), line.get_label()) == (looks[variant].color, variant)
            places.append(np.asarray(line.get_xdata()))
        assert (np.diff(places, axis=0) > 0).all()  # in the order of the legend at each horizon
        assert np.max(places[-1][:-1] / places[0][1:]) < 1  # and apart from the next horizon's
        assert axis.get_xticks().tolist() == [1, 5, 15, 45]
        assert axis.get_xscale() == "log"
        assert "n=3" in [text.get_text() for text in axis.texts]


def test_errors_over_time_are_the_data(errors: ModelErrors) -> None:
    looks = figures.looks(VARIANTS)
    for pair, axis in panels(figures.model_errors(errors.curves, looks, "step", CAPTION)).items():
        for line, variant in zip(axis.lines, VARIANTS, strict=True):
            data = of(errors.curves, pair, variant)
            np.testing.assert_array_equal(line.get_xdata(), data["step"])
            np.testing.assert_array_equal(line.get_ydata(), data["mean"])
            assert line.get_color() == looks[variant].color


@pytest.mark.parametrize("spread", [1.0, 1.01, 3.0, 9.0, 11.0, 50.0, 1e4, 1e9])
def test_axes_of_errors_are_logarithmic_from_a_factor_of_ten_and_have_some_labels(
    spread: float, errors: ModelErrors
) -> None:
    one = errors.finals.query("variant == 'ed2' and measure == 'kl'").assign(low=0.037, mean=0.037, high=0.037 * spread)
    for axis in figures.model_errors(one, figures.looks(["ed2"]), "horizon", CAPTION).axes:
        low, high = axis.get_ylim()
        assert axis.get_yscale() == ("log" if spread > 10 else "linear")
        assert low < 0.037 <= 0.037 * spread < high
        assert 2 <= sum(low <= tick <= high for tick in axis.get_yticks()) <= 10


def test_errors_of_zero_are_drawn_on_straight_axes(errors: ModelErrors) -> None:
    perfect = errors.finals.assign(low=0.0)
    figure = figures.model_errors(perfect, figures.looks(VARIANTS), "horizon", CAPTION)
    assert {axis.get_yscale() for axis in figure.axes} == {"linear"}


def test_what_was_not_measured_leaves_room_or_no_column(errors: ModelErrors) -> None:
    looks = figures.looks(VARIANTS)
    hopper, walker = sorted(TASKS[:2])
    part = errors.finals.query("measure != 'image' and not (task == @walker and measure == 'kl') and variant != 'ed2'")
    figure = figures.model_errors(part, looks, "horizon", CAPTION)
    grid = panels(figure)
    assert [measure for task, measure in grid if task == hopper] == ["reward", "kl"]
    assert [pair for pair, axis in grid.items() if not axis.axison] == [(walker, "kl")]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [name for name in VARIANTS if name != "ed2"]


def test_a_variant_looks_the_same_in_every_figure(curves: pd.DataFrame, aggregates: pd.DataFrame) -> None:
    looks = figures.looks(["absent", "dreamer", LONG])
    line = figures.learning_curves(curves, looks, CAPTION).axes[0].lines[0]
    mark = figures.aggregate_intervals(aggregates, looks, CAPTION).axes[0].lines[0]
    assert line.get_color() == mark.get_color() == looks["dreamer"].color != looks["absent"].color


def test_many_variants_all_look_different() -> None:
    looks = figures.looks(f"variant {i}" for i in range(40))
    assert len(set(looks.values())) == 40


def test_variants_of_a_family_share_its_color_in_shades_from_light_to_dark() -> None:
    families = {"b=1": "b", "b=2": "b", "b=3": "b", "c=1": "c", "c=2": "c", "b": "b"}
    looks = figures.looks(["a", "b", "c"])
    shades = figures.shaded(["a", "c=1", "b=1", "b=2", "c=2", "b=3"], families, looks)
    assert list(shades) == ["a", "c=1", "b=1", "b=2", "c=2", "b=3"]
    assert shades["a"] == looks["a"]
    assert figures.shaded(["b"], families, looks)["b"] == looks["b"]
    np.testing.assert_allclose(shades["b=2"].color, looks["b"].color)
    for family, names in (("b", ("b=1", "b=2", "b=3")), ("c", ("c=1", "c=2"))):
        colors = np.array([shades[name].color for name in names])
        assert (np.diff(colors, axis=0) < 0).all()
        white, black = 1 - colors[0], colors[-1]  # what is left of the color when white or black is mixed in
        color = np.array(looks[family].color)
        np.testing.assert_allclose(white / (1 - color), white[0] / (1 - color[0]))
        np.testing.assert_allclose(black / color, black[0] / color[0])


POINTS = pd.DataFrame(
    [
        (value, task, variant, mean, mean - 20, mean + 10, 2 if variant == "planet" else 3)
        for task, level in (("dmc_walker_walk", 500.0), ("toy_reach_2", 90.0))
        for variant, skill in (("dreamer", 1.0), ("planet", 0.5))
        for value in (3, 7, 15)
        for mean in [skill * level + value]
    ],
    columns=["value", "task", "variant", "mean", "low", "high", "seeds"],
)


def test_returns_against_a_swept_setting_are_the_data() -> None:
    looks = figures.looks(["absent", "dreamer", "planet"])
    figure = figures.sweep(POINTS, looks, "horizon", CAPTION, [read_published("d4pg")])
    assert [axis.get_title() for axis in figure.axes] == ["dmc_walker_walk", "toy_reach_2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "dreamer", "planet", "D4PG, published (pixels, 1e8 steps)",
    ]  # fmt: skip
    for axis in figure.axes:
        data = POINTS[POINTS["task"] == axis.get_title()]
        places = []
        for line, bars, (name, rows) in zip(axis.lines, axis.collections, data.groupby("variant"), strict=False):
            np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
            np.testing.assert_allclose(np.asarray(line.get_xdata()), rows["value"].astype(float), atol=0.4)
            spans = np.array(bars.get_segments())  # type: ignore[attr-defined]
            np.testing.assert_array_equal(spans[:, :, 1], rows[["low", "high"]])
            np.testing.assert_array_equal(spans[:, 0, 0], line.get_xdata())
            assert (line.get_label(), line.get_color()) == (name, looks[str(name)].color)
            places.append(np.asarray(line.get_xdata()))
        assert (places[0] < places[1]).all()
        assert [label.get_text() for label in axis.get_xticklabels()] == ["3", "7", "15"]
        assert axis.get_xticks().tolist() == [3, 7, 15]
        assert (axis.get_xscale(), axis.get_xlabel()) == ("linear", "horizon")
        assert "n=2 to 3" in [text.get_text() for text in axis.texts]
    walker, toy = figure.axes
    assert walker.lines[2].get_ydata()[0] == 968.3  # type: ignore[index]
    assert len(toy.lines) == 2


def test_points_on_fewer_seeds_are_hollow_and_counted() -> None:
    data = {
        "value": [3, 6, 12],
        "task": "t",
        "variant": "a",
        "mean": [1.0, 2, 3],
        "low": 0,
        "high": 4,
        "seeds": [3, 1, 2],
    }
    [axis] = figures.sweep(pd.DataFrame(data).astype({"value": object}), figures.looks("a"), "x", CAPTION).axes
    _, hollow = axis.collections
    np.testing.assert_array_equal(np.asarray(hollow.get_offsets())[:, 1], [2, 3])
    assert (np.asarray(hollow.get_facecolor()) == 1).all()
    assert [text.get_text() for text in axis.texts] == ["n=1 to 3"]


@pytest.mark.parametrize(
    ("values", "scale", "labels"),
    [
        ([1, 2, 4, 8], "linear", ["1", "2", "4", "8"]),
        ([1, 3, 10], "log", ["1", "3", "10"]),
        ([0, 5, 50], "linear", ["0", "5", "50"]),
        ([3, 5, 10, 15, 20, 25, 30, 40], "log", ["3", "5", "10", "15", "", "25", "", "40"]),
        ([0.95], "linear", ["0.95"]),
    ],
)
def test_axis_of_a_swept_setting_is_logarithmic_from_a_factor_of_ten(
    values: list[float], scale: str, labels: list[str]
) -> None:
    points = pd.DataFrame({"value": values, "task": "t", "variant": "a", "mean": 1.0, "low": 0, "high": 2, "seeds": 2})
    [axis] = figures.sweep(points.astype({"value": object}), figures.looks("a"), "x", CAPTION).axes
    assert axis.get_xscale() == scale
    assert axis.get_xticks().tolist() == values
    assert [label.get_text() for label in axis.get_xticklabels()] == labels
    np.testing.assert_allclose(
        np.asarray(axis.lines[0].get_xdata()), np.array(values)
    )  # a single line stands where its values are
    low, high = axis.get_xlim()
    assert low < values[0] <= values[-1] < high


@pytest.mark.parametrize("kind", ["horizon", "step", "sweep"])
@pytest.mark.parametrize("spread", [1, 30])
def test_number_of_seeds_is_crossed_by_no_line(kind: Literal["horizon", "step", "sweep"], spread: float,
                                               errors: ModelErrors) -> None:  # fmt: skip
    if kind == "sweep":
        figure = figures.sweep(POINTS.assign(high=POINTS["high"] * spread), figures.looks(VARIANTS), "x", CAPTION)
    else:
        data = errors.finals if kind == "horizon" else errors.curves
        data = data.assign(high=data["high"].max() * spread)
        figure = figures.model_errors(data, figures.looks(VARIANTS), kind, CAPTION)
    renderer = drawn(figure).get_renderer()
    for axis in figure.axes:
        [label] = [text for text in axis.texts if text.get_text().startswith("n=")]
        top = axis.transData.transform((axis.get_xlim()[0], axis.dataLim.y1))[1]
        assert label.get_window_extent(renderer).y0 > top


@pytest.mark.parametrize("kind", ["curves", "aggregates", "horizon", "step", "sweep"])
def test_no_text_overlaps_another_or_leaves_the_figure(
    kind: str, curves: pd.DataFrame, aggregates: pd.DataFrame, errors: ModelErrors
) -> None:
    looks = figures.looks([LONG, "dreamer"])
    published = [read_published("dreamer"), read_published("d4pg")]
    if kind == "curves":
        longer = pd.concat([curves, curves.assign(task=curves["task"].map(lambda task: LONG_TASK + task[-3:]))])
        figure = figures.learning_curves(longer, looks, CAPTION, published)
    elif kind == "aggregates":
        figure = figures.aggregate_intervals(aggregates, looks, CAPTION)
    elif kind == "sweep":
        many = [POINTS.assign(task=f"{LONG_TASK}_{i}", value=3 * POINTS["value"] + i) for i in range(5)]
        longer = pd.concat(many).replace({"variant": {"planet": LONG}})
        figure = figures.sweep(longer, looks, "action_repeat", CAPTION, published)
    else:
        data = errors.finals if kind == "horizon" else errors.curves
        longer = data.assign(
            task=data["task"].map(lambda task: LONG_TASK + task[-3:]), variant=data["variant"].replace("wide", LONG)
        )
        looks = figures.looks([*VARIANTS, LONG])
        figure = figures.model_errors(longer, looks, "horizon" if kind == "horizon" else "step", CAPTION)
    renderer = drawn(figure).get_renderer()
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axis in figure.axes:
        texts += [axis.title, axis.xaxis.label, axis.yaxis.label]
        for side, (low, high) in ((axis.xaxis, axis.get_xlim()), (axis.yaxis, sorted(axis.get_ylim()))):
            ticks = zip(side.get_ticklocs(), side.get_ticklabels(), strict=False)  # none in inner panels
            texts += [label for place, label in ticks if low <= place <= high]  # those beyond are not drawn
    shown = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    shown = [(name, box) for name, box in shown if box.width > 0]
    assert len(shown) > 10
    for i, (name, box) in enumerate(shown):
        assert box.x0 >= 0, name
        assert box.y0 >= 0, name
        assert box.x1 <= figure.bbox.x1 + 12, name  # the last tick's label may reach into the margin
        assert box.y1 <= figure.bbox.y1, name
        for other, second in shown[:i]:
            assert not box.padded(-1).overlaps(second.padded(-1)), (name, other)


def test_rendering_is_free_of_dates(aggregates: pd.DataFrame) -> None:
    for kind, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        one, two = (
            figures.render(figures.aggregate_intervals(aggregates, figures.looks(["dreamer", LONG]), CAPTION), kind)
            for _ in range(2)
        )
        assert one.startswith(magic)
        assert one == two
    assert len(set(Image.open(io.BytesIO(figures.render(Figure((1, 1)), "png"))).getdata())) == 1
