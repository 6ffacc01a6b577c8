"""Run folders: whether they still hold the runs of a suite, also those of earlier versions."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from runs.store.run_folder import SPEC, claim, read_spec, refusal, write_spec
from suites.plan import RunSpec, plan
from suites.suite import load_suite
from tests.runs import version_1
from tests.runs.standin import spec


def before(*overrides: str) -> list[RunSpec]:
    """The finished runs of the version 1 suite, as planned by the current version."""
    return plan(load_suite(version_1.SUITE, overrides), {"seed": ["0"]})


def unparsed(text: str) -> Any:
    raise AssertionError("it was parsed, which takes milliseconds")


def test_own_folders_are_recognised_without_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [spec(seed) for seed in range(3)]
    for each in specs[:2]:
        write_spec(each, each.folder(tmp_path))
    monkeypatch.setattr(RunSpec, "from_yaml", unparsed)
    assert claim(specs, tmp_path, replace=True) == []
    with pytest.raises(AssertionError, match="parsed"):
        claim([spec(0, steps=800)], tmp_path, replace=True)


def test_version_1_folders_are_recognised_without_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version_1.copy(tmp_path)
    specs = before()
    assert [each.variant for each in specs] == list(version_1.VARIANTS)
    for each in specs:
        assert "identity" not in (each.folder(tmp_path) / SPEC).read_text()
    monkeypatch.setattr(RunSpec, "from_yaml", unparsed)
    assert claim(specs, tmp_path, replace=True) == []


def test_only_runs_that_read_a_setting_are_changed_by_it(tmp_path: Path) -> None:
    """Version 1 hashes cover all settings that an agent might read."""
    version_1.copy(tmp_path)
    for override, changed in [
        ("behavior.horizon=20", set(version_1.VARIANTS) - {"random"}),
        ("behavior.value_units=100", {"dreamer", "contrastive", "ed2"}),
        ("behavior.candidates=500", {"planet"}),
        ("exploration.amount=0.2", set(version_1.VARIANTS) - {"random"}),
        ("train.batch_size=10", set(version_1.VARIANTS) - {"random"}),
        ("atari.noops=3", set()),
        ("eval.episodes=3", set(version_1.VARIANTS)),
    ]:
        refusals = {each.variant: refusal([each], tmp_path) for each in before(override)}
        assert {variant for variant, text in refusals.items() if text is not None} == changed
        key, _, value = override.partition("=")
        for text in filter(None, refusals.values()):
            assert re.search(rf"toy_reach_8/\w+/0: {key}: \S+ -> {value}$", text, re.MULTILINE)
    assert len(claim(before("behavior.horizon=20"), tmp_path, replace=True)) == 5
    assert (tmp_path / "before" / "toy_reach_8" / "random" / "0" / SPEC).exists()


def test_resumed_version_1_run_gets_the_new_identity(tmp_path: Path) -> None:
    version_1.copy(tmp_path)
    [run] = (each for each in before("behavior.horizon=20") if each.variant == "random")
    write_spec(run, run.folder(tmp_path))
    assert f"identity: 2\nhash: {run.identity.hash}\n" in (run.folder(tmp_path) / SPEC).read_text()


@pytest.mark.parametrize("content", [b"\xff", b"a: [", b"", b"settings: " + b"[" * 60 + b"]" * 60, None])
def test_a_spec_that_cannot_be_read_is_called_that(tmp_path: Path, content: bytes | None) -> None:
    """Not a change of settings: nothing is known about them."""
    path = spec().folder(tmp_path) / SPEC
    path.parent.mkdir(parents=True)
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    said = refusal([spec()], tmp_path)
    assert said is not None
    assert said.startswith("folders of these runs hold something else:\n")
    assert f"{path.parent}: spec.yaml cannot be read (" in said
    assert "settings have changed" not in said
    with pytest.raises(UserError, match=r"spec\.yaml"):
        read_spec(path.parent)


def test_folder_of_another_run_or_of_other_files_is_refused(tmp_path: Path) -> None:
    write_spec(spec(), tmp_path / "run")
    with pytest.raises(UserError, match=r"no longer belongs to this run: seed: 0 -> 1$"):
        write_spec(spec(1), tmp_path / "run")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "notes").touch()
    with pytest.raises(UserError, match="it holds files that do not belong to a run"):
        write_spec(spec(), tmp_path / "strange")
