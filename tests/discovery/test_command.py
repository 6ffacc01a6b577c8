"""`launch.py discover`: its output, its files, and its error messages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import launch
from agents.settings import DiscoverySettings
from discovery import sd2
from discovery.command import describe
from discovery.discovery import Discovery

ROOT = Path(launch.__file__).parent


def discover(*arguments: str, results: Path) -> int:
    return launch.main(["discover", *arguments, "--results", str(results)])


def test_json_is_the_agreed_object_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert discover("toy_reach_2", "--steps", "500", "--json", results=tmp_path) == 0
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert set(printed) == {"groups", "names", "merges", "correlations"}
    assert printed["groups"] == [[0], [1]]
    assert printed["names"] == [["lane 0"], ["lane 1"]]
    [merge] = printed["merges"]
    assert (merge["a"], merge["b"]) == ([0], [1])
    assert -1 <= merge["rela"] < 0
    assert [len(row) for row in printed["correlations"]] == [2, 2]
    assert captured.err == ""


def test_json_of_several_seeds_adds_their_stability(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert discover("toy_reach_2", "--steps", "500", "--seed", "3", "1", "--json", results=tmp_path) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"seeds", "results", "stability"}
    assert printed["seeds"] == [3, 1]
    assert [set(result) for result in printed["results"]] == [{"groups", "names", "merges", "correlations"}] * 2
    assert printed["stability"] == [[1, 0], [0, 1]]


def test_groups_path_and_decision_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert discover("dmc_hopper_hop", "--steps", "3e3", "--input", "state", results=tmp_path) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "sd2" / "dmc_hopper_hop" / "state_3000_eta0_seed0"
    assert out.startswith("dmc_hopper_hop: 3 groups of 4 actions, from 3,000 random steps, state, seed 0\n")
    assert "  [0, 1]  waist, hip\n  [2]  knee\n  [3]  ankle\n" in out
    assert re.search(r"\n   0\.\d{3}  \[0\] \+ \[1\]\n   0\.000  eta: merging stops here\n  -0\.\d{3}  ", out)
    assert re.search(r"\nmerged down to Rela 0\.\d{3}, the next would be -0\.\d{3}; eta 0\n", out)
    assert f"files: {folder}\n" in out
    drawn = {"correlations.png", "correlations.pdf", "dendrogram.png", "dendrogram.pdf"}
    assert {path.name for path in folder.iterdir()} >= {*drawn, "captions.md"}
    for name in drawn:
        assert (folder / name).read_bytes()[:4] in (b"\x89PNG", b"%PDF")


def test_a_close_decision_names_the_groups_on_its_other_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    discover("toy_reach_2", "--steps", "500", "--json", results=tmp_path)
    [merge] = json.loads(capsys.readouterr().out)["merges"]
    for eta, made, other in (
        (merge["rela"] + 0.01, "nothing merged, the next would be", "below .* would give [[0, 1]]"),
        (merge["rela"] - 0.01, "merged down to Rela .*, nothing is left to merge", "above .* would give [[0], [1]]"),
    ):
        assert discover("toy_reach_2", "--steps", "500", "--eta", f"{eta:.6f}", results=tmp_path) == 0
        out = capsys.readouterr().out
        assert re.search(made, out)
        assert re.search(f"close decision: eta {re.escape(other).replace(re.escape('.*'), '.*')}", out)


def test_several_seeds_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert discover("toy_reach_2", "--steps", "500", "--seed", "0", "1", results=tmp_path) == 0
    out = capsys.readouterr().out
    assert out.count("merge path") == 2
    assert "lane 0 1.00 0.00\nlane 1 0.00 1.00\n" in out
    path = tmp_path / "sd2" / "toy_reach_2" / "stability_state_500_eta0_seeds0-1.csv"
    assert out.endswith(f"file: {path}\n")
    assert path.exists()


def test_figures_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert discover("toy_reach_2", "--steps", "500", results=tmp_path) == 0
    monkeypatch.delattr("discovery.figures.render")
    assert discover("toy_reach_2", "--steps", "500", results=tmp_path) == 0


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--seed", "0", "1"]])
def test_failure_to_write_still_prints_the_result(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("common.files.write_bytes", refuse)
    assert discover("toy_reach_2", "--steps", "500", *arguments, results=tmp_path) == 0
    monkeypatch.setattr("common.files.write_text", refuse)
    assert discover("toy_reach_2", "--steps", "500", *arguments, results=tmp_path) == 0
    captured = capsys.readouterr()
    assert captured.out.count("lane 0") >= 2
    warnings = captured.err.splitlines()
    assert len(warnings) == 2
    assert all(re.match(r"warning: .*Permission denied", line) for line in warnings)


def test_an_interruption_promises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("discovery.command.discover_all", interrupted)
    assert discover("toy_reach_2", results=tmp_path) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("eta", "relas", "shown"),
    [
        (0.0, [0.2, -0.1], ["0.200", "0.000", "-0.100"]),
        (1e-5, [0.2, -0.1], ["0.20000", "0.00001", "-0.10000"]),
        (0.0, [0.2, 0.00031, -0.00042], ["0.2000", "0.0003", "0.0000", "-0.0004"]),
        (0.1234567, [0.12345], ["0.12346", "0.12345"]),
    ],
)
def test_rela_and_eta_have_enough_digits_to_differ(eta: float, relas: list[float], shown: list[str]) -> None:
    merges = [sd2.Merge((0,) if i == 0 else tuple(range(i + 1)), (i + 1,), rela) for i, rela in enumerate(relas)]
    names = [f"joint {i}" for i in range(len(relas) + 1)]
    found = Discovery(
        "a task", DiscoverySettings(eta=eta), Path("folder"), names, ["x"], np.zeros((len(names), 1)), merges
    )
    text = describe([found])
    assert re.findall(r"^ +(-?\d\.\d+)  ", text, re.MULTILINE) == shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dmc_cheeta_run"], "unknown task dmc_cheeta_run; allowed: .*; did you mean dmc_cheetah_run?"),
        (["toy_grid"], "toy_grid has discrete actions"),
        (["toy_reach_2", "--steps", "5"], "--steps 5: steps is 5; allowed: an integer at least 100"),
        (["toy_reach_2", "--steps", "many"], "--steps many: steps is .*; allowed: an integer"),
        (["toy_reach_2", "--steps", ""], "--steps .*allowed: an integer"),
        (["toy_reach_2", "--eta", "7"], "--eta 7: eta is 7; allowed: a number at least -2 and at most 2"),
        (["toy_reach_2", "--eta", "nan"], "--eta nan: eta is .*; allowed: a number"),
        (["toy_reach_2", "--input", "pixel"], "--input pixel: .*; allowed: state | pixels; did you mean pixels?"),
        (["toy_reach_2", "--seed", "-1"], "--seed -1: seed is -1; allowed: an integer at least 0"),
        (["toy_reach_2", "--seed", "99999999999"], "--seed 99999999999: .* at least 0 and at most 4294967295"),
        (["toy_reach_2", "--seed", "1", "2", "1"], "--seed 1: given twice; give each seed once"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert discover(*arguments, results=tmp_path) == 2
    error = capsys.readouterr().err
    assert re.match(f"error: {re.escape(message).replace(re.escape('.*'), '.*')}", error)
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_help_names_the_defaults_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        launch.main(["discover", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, default in DiscoverySettings().model_dump().items():
        assert re.search(rf"--{name} [^(]*\({default:g}\)" if name != "input" else rf"--input [^(]*\({default}\)", text)


def test_tensorflow_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; import launch; "
        f"assert launch.main(['discover', 'dmc_reacher_easy', '--steps', '100', '--results', {str(tmp_path)!r}]) == 0; "
        "print({'tensorflow', 'keras', 'OpenGL'} & {name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "set()")
