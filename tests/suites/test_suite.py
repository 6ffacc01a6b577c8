"""The suite format, by good and bad fixtures and by properties of the composed settings."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.settings import values
from common.yaml_reader import dump
from suites import blocks, suite
from suites.plan import plan
from suites.suite import Settings, Suite, load_suite

FIXTURES = Path(__file__).parent / "fixtures"
SUITES = Path(suite.__file__).parent
BAD = sorted((FIXTURES / "bad").glob("*.yaml"))
GOOD = sorted((FIXTURES / "good").glob("*.yaml"))


def load(folder: Path, text: str, *overrides: str) -> Suite:
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path, overrides)


def one(folder: Path, text: str, *overrides: str) -> Settings:
    """Returns the settings of a suite's only run."""
    [spec] = plan(load(folder, "name: s\ntasks: toy_reach_8\n" + text, *overrides))
    return spec.settings


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_suite_is_refused_at_its_line_and_column(path: Path) -> None:
    expected = path.read_text().splitlines()[0].removeprefix("# expect: ")
    with pytest.raises(UserError) as refused:
        load_suite(path)
    pattern = ".*".join(re.escape(part) for part in expected.split(" ... "))  # lists may become longer
    assert re.match(f"{re.escape(str(path))}:{pattern}", str(refused.value)), str(refused.value)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_suite_has_the_runs_its_header_lists(path: Path) -> None:
    header = re.findall(r"^# run: (\S+) (\S+) (\d+) (\{.*\})$", path.read_text(), re.MULTILINE)
    expected = [(task, variant, int(seed), json.loads(settings)) for task, variant, seed, settings in header]
    specs = plan(load_suite(path))
    found = [
        (spec.task, spec.variant, spec.seed, {key: values(spec.settings)[key] for key in settings})
        for spec, (*_, settings) in zip(specs, expected, strict=True)
    ]
    assert found == expected


def test_every_suite_of_the_repository_is_valid() -> None:
    suites = [path for path in SUITES.glob("*.yaml") if path.name not in ("groups.yaml", "presets.yaml", "tasks.yaml")]
    assert len(suites) >= 2
    for path in suites:
        assert plan(load_suite(path))


def test_preset_of_the_paper_is_the_default(tmp_path: Path) -> None:
    assert one(tmp_path, "preset: paper") == one(tmp_path, "") == Settings()


@pytest.mark.parametrize("preset", ["cpu", "debug"])
def test_small_presets_size_every_network(tmp_path: Path, preset: str) -> None:
    sizes = ("units", "depth", "deterministic", "hidden")
    paper, small = values(Settings()), values(one(tmp_path, f"preset: {preset}"))
    widths = [key for key in paper if key.endswith(sizes) and isinstance(paper[key], int)]
    assert len(widths) >= 8
    assert [key for key in widths if small[key] >= paper[key]] == []


def test_later_blocks_override_earlier_ones(tmp_path: Path) -> None:
    blocks = [
        "preset: debug\n",  # behavior.horizon 3
        "settings: {behavior: {horizon: 4}}\n",
        "by_task: {toy_reach_8: {behavior.horizon: 5}}\n",
        "variants: {a: {behavior.horizon: 6}}\n",
    ]
    found = [one(tmp_path, "".join(blocks[:count])).behavior.horizon for count in range(len(blocks) + 1)]
    assert found == [15, 3, 4, 5, 6]
    sweep = "".join(blocks[:3]) + "sweep: {behavior.horizon: [7]}\n"
    assert one(tmp_path, sweep).behavior.horizon == 7
    assert one(tmp_path, sweep, "behavior.horizon=8").behavior.horizon == 8
    assert one(tmp_path, "".join(blocks), "behavior={horizon: 8}").behavior.horizon == 8


def test_settings_of_a_task_win_over_those_of_its_list(tmp_path: Path) -> None:
    text = """
        name: s
        tasks: [dreamer20, toy_reach_8]
        by_task:
          dmc_ball_in_cup_catch: {action_repeat: 4}
          dreamer20: {action_repeat: 3, steps: 10}
    """
    found = {spec.task: (spec.settings.action_repeat, spec.settings.steps) for spec in plan(load(tmp_path, text))}
    assert found.pop("toy_reach_8") == (2, 5_000_000)
    assert found.pop("dmc_cup_catch") == (4, 10)
    assert len(found) == 19
    assert set(found.values()) == {(3, 10)}


def test_without_variants_the_agent_names_the_run(tmp_path: Path) -> None:
    assert [spec.variant for spec in plan(load(tmp_path, "name: s\ntasks: toy_reach_8"))] == ["dreamer"]


def test_lists_of_tasks_may_overlap(tmp_path: Path) -> None:
    suite = load(tmp_path, "name: s\ntasks: [dreamer20, ed2_6]")
    assert len(suite.tasks) == len(set(suite.tasks)) == 21


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            "behavior.horizn=5",
            "--set behavior.horizn=5: unknown setting behavior.horizn; allowed in behavior: kind, horizon",
        ),
        ("behavior.horizon=1", "--set behavior.horizon=1: behavior.horizon is 1; allowed: an integer at least 2"),
        (
            "optimizer.weight_decay_pattern=bias|(kernel",
            "--set optimizer.weight_decay_pattern=bias|(kernel: optimizer.weight_decay_pattern: "
            "'bias|(kernel' is not a regular expression: missing )",
        ),
        (
            "optimizer.weight_decay_pattern='a{999999999999}'",
            "is not a regular expression: the repetition number is too",
        ),
        ("steps=", "--set steps=: steps is empty; allowed: an integer"),
        ("steps", "--set steps: no value; expected key=value"),
        ("steps=[", "--set steps=[:1:2: not YAML"),
        ("steps=!!python/name:os.system ''", "the tag"),
    ],
)
def test_wrong_override_is_refused(tmp_path: Path, item: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        one(tmp_path, "", item)


@pytest.mark.parametrize("block", ["tasks: [{}]", "preset: {}", "published: [{}]", "{}: 1", "settings: {{{}: 1}}"])
def test_messages_quote_at_most_a_line(tmp_path: Path, block: str) -> None:
    for text in ("x" * 900, "x\\nx\\x1b[31m"):
        quoted = block.format(f'"{text}"')
        with pytest.raises(UserError) as refused:
            load(tmp_path, f"name: s\n{quoted}\n" + ("" if "tasks" in block else "tasks: [toy_reach_8]\n"))
        assert "\n" not in str(refused.value)
        assert "x" * 81 not in str(refused.value)


def test_override_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="steps is set twice"):
        one(tmp_path, "", "steps=1", "steps=2")


def test_published_methods_are_those_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "published"
    monkeypatch.setattr(blocks, "PUBLISHED", folder)
    assert load(tmp_path, "name: s\ntasks: toy_reach_8\npublished: [anything]").published == ("anything",)
    folder.mkdir()
    (folder / "planet.json").write_text(json.dumps({"method": "planet", "source": "a paper"}))
    assert load(tmp_path, "name: s\ntasks: toy_reach_8\npublished: [planet]").published == ("planet",)
    with pytest.raises(UserError, match=r"unknown published method planets; allowed: planet; did you mean planet\?"):
        load(tmp_path, "name: s\ntasks: toy_reach_8\npublished: [planets]")


SOME: dict[str, st.SearchStrategy[Any]] = {
    "steps": st.integers(1, 10**12),
    "envs": st.integers(1, 256),
    "jit": st.booleans(),
    "behavior.horizon": st.integers(2, 1000),
    "behavior.lambda": st.floats(0, 1),
    "behavior.value": st.sampled_from(["critic", "none"]),
    "dynamics.groups": st.sampled_from(["single", "full"]) | st.lists(st.lists(st.integers(0, 9))),
    "optimizer.model_rate": st.floats(1e-12, 1e12),
    "train.every": st.integers(1, 10**6),
    "train.batch_length": st.integers(2, 500),
}
some_settings = st.fixed_dictionaries({}, optional=SOME)


@given(settings=some_settings, nested=st.sets(st.sampled_from(sorted(SOME))))
def test_dotted_and_nested_keys_mean_the_same(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any],
                                              nested: set[str]) -> None:  # fmt: skip
    mixed: dict[str, Any] = {}
    for key, value in settings.items():
        group, _, name = key.rpartition(".")
        if group and key in nested:
            mixed.setdefault(group, {})[name] = value
        else:
            mixed[key] = value
    folder = tmp_path_factory.getbasetemp()
    dotted = one(folder, dump({"settings": settings}))
    assert one(folder, dump({"settings": mixed})) == dotted
    assert {key: values(dotted)[key] for key in settings} == settings


@given(
    tasks=st.sets(st.sampled_from(["toy_reach_8", "toy_reach_1", "dmc_walker_walk"]), min_size=1),
    seeds=st.integers(1, 4) | st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=3).map(sorted),
    variants=st.sets(st.sampled_from("abc"), max_size=3).map(sorted),
    horizons=st.sets(st.integers(2, 1000), max_size=3).map(sorted),
    lambdas=st.sets(st.floats(0, 1), max_size=3).map(sorted),
)
def test_runs_are_the_product_of_the_grid(
    tmp_path_factory: pytest.TempPathFactory,
    tasks: set[str],
    seeds: int | list[int],
    variants: list[str],
    horizons: list[int],
    lambdas: list[float],
) -> None:
    sweep = {key: swept for key, swept in (("behavior.horizon", horizons), ("behavior.lambda", lambdas)) if swept}
    suite: dict[str, Any] = {"name": "s", "tasks": sorted(tasks), "seeds": seeds, "sweep": sweep}
    if variants:
        suite["variants"] = dict.fromkeys(variants)
    specs = plan(load(tmp_path_factory.getbasetemp(), dump(suite)))
    all_seeds = range(seeds) if isinstance(seeds, int) else seeds
    product = itertools.product(tasks, variants or ["dreamer"], horizons or [15], lambdas or [0.95], all_seeds)
    found = [(s.task, s.settings.behavior.horizon, s.settings.behavior.lambda_, s.seed) for s in specs]
    assert sorted(found) == sorted((task, horizon, lambda_, seed) for task, _, horizon, lambda_, seed in product)
    assert len({spec.folder(Path("results")) for spec in specs}) == len(specs)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-2, 2)
    | st.sampled_from(["", "toy_reach_8", "dreamer20", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "steps", "train", "x.y"]), inner),
    max_leaves=4,
)


@given(
    block=st.sampled_from(sorted(suite.KEYS)),
    value=anything,
    inner=st.sampled_from([None, "a", "toy_reach_8", "behavior.horizon", "train", "dynamics.groups", "gpus"]),
)
def test_any_value_anywhere_is_accepted_or_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, block: str, value: Any, inner: str | None
) -> None:
    folder = tmp_path_factory.getbasetemp()
    suite = {"name": "s", "tasks": ["toy_reach_8"], "seeds": 2, "variants": {"a": {}, "b": {}}}
    try:
        assert plan(load(folder, dump({**suite, block: value if inner is None else {inner: value}})))
    except UserError as error:
        if not re.match(rf"{re.escape(str(folder))}/suite\.yaml:\d+:\d+: ", str(error)):
            raise AssertionError(f"no place in: {error}") from error
