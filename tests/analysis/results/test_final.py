"""Final returns by task: the bars are the data."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer

from analysis.results import final
from tests.analysis import plots
from tests.analysis.plots import LOOKS, NAMES, PUBLISHED, TASKS


def bars(axis: Axes) -> dict[str, dict[int, tuple[float, float]]]:
    """Legend -> number of the group -> place and height of its bar."""
    return {
        str(container.get_label()): {
            round(patch.get_x() + patch.get_width() / 2): (patch.get_x() + patch.get_width() / 2, patch.get_height())
            for patch in container.patches
        }
        for container in axis.containers
        if isinstance(container, BarContainer)
    }


def test_bars_and_whiskers_are_the_data_and_the_last_group_their_average() -> None:
    finals = plots.finals()
    figure = final.draw(finals, LOOKS, PUBLISHED)
    [axis] = figure.axes
    names = [label.get_text().replace("\n", " ") for label in axis.get_xticklabels()]
    assert names == ["Hopper Hop", "Walker Walk", "Reach 2", "Average (1)"]
    found = bars(axis)
    dreamer, a3c = (method.label for method in PUBLISHED)
    assert list(found) == plots.labels(figure) == [*NAMES, dreamer, a3c]
    for name in NAMES:
        means = finals[finals["variant"] == name]["mean"].tolist()
        assert [height for _, height in found[name].values()] == [*means, means[1]], "only one task has all methods"
    assert {group: height for group, (_, height) in found[dreamer].items()} == {0: 368.97, 1: 961.67, 3: 961.67}
    assert {group: height for group, (_, height) in found[a3c].items()} == {1: 311.0, 3: 311.0}
    places = [[place for place, _ in groups.values()] for groups in found.values()]
    assert (np.array(places[0]) < np.array(places[1])).all()
    for name, whiskers in zip(found, axis.collections, strict=False):
        segments = {round(each[0, 0]): each for each in whiskers.get_segments() if len(each)}  # type: ignore[attr-defined]
        if name not in NAMES:
            assert not segments
            continue
        rows = finals[finals["variant"] == name].reset_index()
        assert sorted(segments) == [0, 1, 2]
        for group, segment in segments.items():
            np.testing.assert_allclose(segment[:, 0], found[name][group][0])
            np.testing.assert_allclose(segment[:, 1], rows.loc[group, ["low", "high"]].to_numpy(float))
    assert axis.get_ylim()[0] == 0


def test_average_is_over_the_tasks_that_all_have() -> None:
    finals = plots.finals()
    finals = finals[(finals["variant"] == "dreamer") | (finals["task"] != "toy_reach_2")]
    [axis] = final.draw(finals, LOOKS).axes
    assert axis.get_xticklabels()[-1].get_text().replace("\n", " ") == "Average (2)"
    both = finals[finals["task"] != "toy_reach_2"].groupby("variant")["mean"].mean()
    for name in NAMES:
        assert bars(axis)[name][3][1] == pytest.approx(both[name])
    [axis] = final.draw(plots.finals(TASKS[:1]), LOOKS).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["Hopper Hop"], "one task has no average"


@pytest.mark.parametrize(("columns", "rows"), [(None, [11, 10]), (8, [8, 8, 5])])
def test_many_groups_are_in_rows(columns: int | None, rows: list[int]) -> None:
    tasks = [f"dmc_task_{i:02}" for i in range(20)]
    axes = final.draw(plots.finals(tasks), LOOKS, columns=columns).axes
    assert [len(axis.get_xticks()) for axis in axes] == rows
    assert len({(*axis.get_xlim(), *axis.get_ylim()) for axis in axes}) == 1, "of one scale"
    titles = [label.get_text().replace("\n", " ") for axis in axes for label in axis.get_xticklabels()]
    assert titles == [*(f"Task {i:02}" for i in range(20)), "Average (20)"]


def test_returns_of_very_different_sizes_have_an_axis_each_and_no_average() -> None:
    finals = pd.DataFrame(
        [("atari_pong", "dreamer", -12.0, -15.0, -9.0, 3), ("atari_qbert", "dreamer", 4000.0, 3000.0, 5000.0, 3)],
        columns=["task", "variant", "mean", "low", "high", "seeds"],
    )
    pong, qbert = final.draw(finals, LOOKS).axes
    assert [axis.get_title() for axis in (pong, qbert)] == ["Pong", "Qbert"]
    assert bars(pong)["dreamer"][0][1] == -12
    assert pong.patches[0].get_y() == 0, "from zero downwards"  # type: ignore[attr-defined]
    assert pong.get_ylim()[0] < -15 < 0 <= pong.get_ylim()[1] < 5
    assert qbert.get_ylim()[0] == 0
