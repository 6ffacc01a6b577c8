"""The records of a foreign or damaged provenance.json are left out, and the run goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from runs.store import provenance


@pytest.mark.parametrize(
    ("attempts", "known"),
    [(3, []), ({"end": 1}, []), ("text", []), ([1, None, {"step": 2}], [{"step": 2}]), ([{}], [{}])],
)
def test_wrong_types_are_survived(tmp_path: Path, attempts: Any, known: list[Any]) -> None:
    (tmp_path / "provenance.json").write_text(json.dumps({"attempts": attempts}))
    assert provenance.attempts_of(tmp_path) == known
    provenance.end(tmp_path, 5, "done")
    provenance.begin(tmp_path, 5, 1, None)
    provenance.end(tmp_path, 6, "done")
    found = provenance.attempts_of(tmp_path)
    assert len(found) == len(known) + 1
    assert (found[-1]["step"], found[-1]["end_step"], found[-1]["reason"]) == (5, 6, "done")
