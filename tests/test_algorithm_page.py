"""The algorithm's page names functions that exist."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "algorithm.md"
NAMES = re.findall(r"# ((?:agents|envs|runs)\.[\w.]+)$", PAGE.read_text(), re.MULTILINE)


def test_the_page_names_the_code() -> None:
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name: str) -> None:
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        assert callable(found)
        return
    pytest.fail(f"no module of {name}")
