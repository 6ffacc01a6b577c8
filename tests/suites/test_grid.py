"""Names of the grid, and the meaning of each."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.yaml_reader import dump
from suites.grid import count
from suites.suite import Suite, load_suite

VALUES: dict[str, list[Any]] = {"behavior.horizon": [3, 7, 15], "action_repeat": [1, 4], "jit": [True]}
SHORT = {"behavior.horizon": "horizon", "action_repeat": "action_repeat", "jit": "jit"}


def load(folder: Path, **blocks: object) -> Suite:
    path = folder / "grid.yaml"
    path.write_text(dump({"name": "s", "tasks": ["toy_reach_8"], **blocks}))
    return load_suite(path)


@given(
    variants=st.sets(st.sampled_from("abcd"), min_size=2).map(sorted),
    swept=st.dictionaries(st.sampled_from(sorted(VALUES)), st.sets(st.sampled_from("abcd"), min_size=1)),
)
def test_each_variant_is_crossed_with_what_is_swept_for_it(
    tmp_path_factory: pytest.TempPathFactory, variants: list[str], swept: dict[str, set[str]]
) -> None:
    of = {key: sorted(names & {*variants}) for key, names in swept.items() if names & {*variants}}
    sweep = {key: {"of": names, "values": VALUES[key]} for key, names in of.items()}
    suite = load(tmp_path_factory.getbasetemp(), variants=dict.fromkeys(variants), sweep=sweep)
    expected = [
        (variant, dict(zip(keys, point, strict=True)))
        for variant in variants
        for keys in [[key for key, names in of.items() if variant in names]]
        for point in itertools.product(*(VALUES[key] for key in keys))
    ]
    points = [(entry.variant, {str(key): node.plain() for key, node in entry.swept.items()}) for entry in
              suite.grid.values()]  # fmt: skip
    assert points == expected
    for name, (variant, point) in zip(suite.grid, expected, strict=True):
        words = [f"{SHORT[key]}={'true' if value is True else value}" for key, value in point.items()]
        assert name == "+".join([variant, *words])
        settings = suite.resolve("toy_reach_8", name)
        assert settings.behavior.horizon == point.get("behavior.horizon", 15)
        assert settings.action_repeat == point.get("action_repeat", 2)
    assert count(dict.fromkeys(variants), suite.grid.sweep) == len(suite.grid)  # type: ignore[arg-type]


def test_list_of_values_is_for_all_variants(tmp_path: Path) -> None:
    values = [3, 7]
    short = load(tmp_path, variants={"a": {}, "b": {}}, sweep={"behavior.horizon": values})
    long = load(tmp_path, variants={"a": {}, "b": {}}, sweep={"behavior.horizon": {"of": ["b", "a"], "values": values}})
    assert list(short.grid) == list(long.grid)


def test_name_without_a_swept_setting_is_that_of_all_its_points(tmp_path: Path) -> None:
    sweep = {"behavior.horizon": [3, 7], "action_repeat": [1]}
    for variants, expected in (("ab", "a+action_repeat=1"), ("a", "action_repeat=1")):
        suite = load(tmp_path, variants=dict.fromkeys(variants), sweep=sweep)
        entry = next(iter(suite.grid.values()))
        others = {key: node for key, node in entry.swept.items() if key != "behavior.horizon"}
        assert suite.grid.name(entry.variant, others) == expected
        assert suite.grid.name(entry.variant, {}) == "a"


def test_comparisons_are_names_of_the_grid_in_its_order(tmp_path: Path) -> None:
    suite = load(
        tmp_path,
        variants={"a": {}, "b": {}, "c": {}},
        sweep={"behavior.horizon": {"of": ["a", "b"], "values": [3, 7]}},
        comparisons={"long": ["c", "*=7"], "one": "b+horizon=3"},
    )
    assert suite.comparisons == {"long": ["a+horizon=7", "b+horizon=7", "c"], "one": ["b+horizon=3"]}
    assert load(tmp_path).comparisons == {}
