"""Files of other programs that were damaged, and numbers that are no scores, through the analysis."""

import gzip
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

import analyze
from analysis.settings import AnalysisSettings
from tests.analysis.conftest import entries
from tests.analysis.test_sources_events import scalar
from tests.analysis.test_sources_events import write as write_events
from tests.campaign.commands import check
from tests.campaign.damage import changed_bytes, values
from tests.campaign.trials import Trials

FEW = ["--repetitions", "100"]
CURVES = entries(["dmc_walker_walk", "dmc_hopper_hop"], ["dreamer", "no_value"], seeds=2, points=4)


def samples(folder: Path) -> Mapping[str, bytes]:
    """A sound file of each format that the analysis reads."""
    rows = [
        {"task": each["task"], "variant": each["method"], "seed": each["seed"], "step": x, "value": y}
        for each in CURVES
        for x, y in zip(each["xs"], each["ys"], strict=True)
    ]
    table = pd.DataFrame(rows)
    events = write_events(folder / "events", 0, [scalar(step, 1.0) for step in range(1, 9)])
    some = table[table["variant"] == "dreamer"]
    wide = some.assign(name=some["task"] + "-dreamer-" + some["seed"].astype(str) + " - eval/return")
    points = {"dmc_walker_walk": {"a": 3.5, "b": 900}, "dmc_hopper_hop": {"a": None, "b": 1}}
    lines = [json.dumps({"step": step, "eval/return": 3.5 * step, "eval/episodes": 2}) + "\n" for step in range(9)]
    return {
        "scores.json": json.dumps(CURVES).encode(),
        "scores.json.gz": gzip.compress(json.dumps(CURVES).encode(), mtime=0),
        "points.json": json.dumps(points).encode(),
        "table.csv": table.to_csv(index=False).encode(),
        "table.tsv": table.to_csv(index=False, sep="\t").encode(),
        "table.parquet": table.to_parquet(index=False),
        "wide.csv": wide.pivot(index="step", columns="name", values="value").reset_index().to_csv(index=False).encode(),
        "dmc_walker_walk/dreamer/0/events.out.tfevents.1.host.1": events.read_bytes(),
        "dmc_walker_walk/dreamer/0/metrics.jsonl": "".join(lines).encode(),
    }


def damaged(trials: Trials, folder: Path) -> None:
    """Files of each format with damaged bytes: read into scores, which are exported, or refused."""
    sound = samples(folder)
    root = folder / "source"

    def make(example: tuple[str, bytes]) -> None:
        name, content = example
        shutil.rmtree(root, ignore_errors=True)
        path = root / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        source = root if name.count("/") else path
        # There is no such reference: that is found after the statistics, and before the figures, which take seconds.
        check(analyze.main, source, "--export", folder / "all.csv", "--reference", "-", "--out", folder / "out", *FEW)

    one = st.sampled_from(sorted(sound)).flatmap(lambda name: st.tuples(st.just(name), changed_bytes(sound[name])))
    trials.each(one, 300, make)


def odd_numbers(trials: Trials, folder: Path) -> None:
    """Whole analyses, with figures, of scores that are no scores, and with odd values for the settings."""
    path = folder / "scores.json"
    number = st.sampled_from([0.0, -1.0, 1e308, -1e308, 1e-308, 1e18, 1e15, 900.0]) | st.floats(allow_nan=True)

    def make(example: tuple[list[float], list[float], str, str]) -> None:
        ys, xs, key, value = example
        curves = [each | {"ys": ys, "xs": xs} if each["seed"] == 0 else each for each in CURVES]
        path.write_text(json.dumps(curves))
        shutil.rmtree(folder / "out", ignore_errors=True)
        option = [f"--{key.replace('_', '-')}={value}"] if key else []
        check(analyze.main, path, "--out", folder / "out", *FEW, *option)

    ys = st.lists(number, min_size=4, max_size=4)
    xs = st.just([1000.0, 2000.0, 3000.0, 4000.0]) | st.lists(number, min_size=4, max_size=4)
    key = st.just("") | st.sampled_from(sorted(AnalysisSettings.model_fields))
    trials.each(st.tuples(ys, xs, key, values.filter(lambda text: "\0" not in text)), 20, make)
