from pathlib import Path

import pytest

from common.errors import UserError
from runs.settings import SlurmSettings
from suites.cluster import slurm_settings, user_file
from suites.suite import Suite, load_suite

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "suite.yaml"
    path.write_text("name: s\ntasks: toy_reach_1\nslurm: {cpus: 2, hours: 2, partition: theirs}\n")
    return load_suite(path)


def write_defaults(text: str) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text(text)


def test_command_line_wins_over_the_suite_and_that_over_the_users_defaults(suite: Suite) -> None:
    assert slurm_settings(suite) == SlurmSettings(cpus=2, hours=2, partition="theirs")
    write_defaults("account: lab\ncpus: 1\nhours: 1\n")
    found = slurm_settings(suite, ["hours=3", "setup=[module load a, module load b]"])
    setup = ["module load a", "module load b"]
    assert found == SlurmSettings(account="lab", cpus=2, hours=3, partition="theirs", setup=setup)


def test_default_of_one_may_go_with_a_setting_of_the_other(suite: Suite) -> None:
    """The user's shorter notice fits into a time limit that is too short for the default notice."""
    write_defaults("notice: 10\n")
    assert slurm_settings(suite, ["hours=0.02"]).notice == 10
    user_file().unlink()
    with pytest.raises(UserError, match=r"^--slurm hours=0.02: slurm settings: a notice of 90 s must be shorter"):
        slurm_settings(suite, ["hours=0.02"])


def test_mistake_in_the_defaults_has_its_place(suite: Suite) -> None:
    write_defaults("account: lab\ncpus: many\n")
    with pytest.raises(UserError, match=r"slurm.yaml:2:7: cpus is the text 'many'; allowed: an integer"):
        slurm_settings(suite)


def test_every_setting_is_documented() -> None:
    rows = [line for line in (ROOT / "docs" / "cluster.md").read_text().splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in row.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert set(SlurmSettings.model_fields) <= documented


@pytest.mark.parametrize("given", ["hours=1e308", "memory=1e308", "stale=1e308", "cpus=1e18", "gpus=1e18"])
def test_numbers_beyond_any_cluster_are_refused(given: str, suite: Suite) -> None:
    with pytest.raises(UserError, match=rf"--slurm {given}.*(at most|too large)"):
        slurm_settings(suite, [given])


@pytest.mark.parametrize("given", ["steps=1e18", "replay.memory=1e308", "time_limit=1e18", "checkpoint.keep=1e15"])
def test_numbers_beyond_any_run_are_refused(given: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("name: s\ntasks: toy_reach_1\n")
    with pytest.raises(UserError, match=rf"--set {given}.* at most "):
        load_suite(path, [given])


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\ud800", "a\x00"])
def test_text_of_several_lines_or_without_bytes_is_refused(text: str) -> None:
    for given in ({"partition": text}, {"setup": [text]}, {"options": [f"comment={text}"]}, {"python": text}):
        with pytest.raises(ValueError, match="has a line break or another invisible character"):
            SlurmSettings.model_validate(given)
    assert SlurmSettings(setup=["\tmodule load a"]).setup == ["\tmodule load a"]
