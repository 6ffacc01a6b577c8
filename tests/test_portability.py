"""No committed text names a place on the machine that made it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# An absolute path below a folder that people and machines work in. What comes before it must end a word: in `x/tmp/y`,
# `$HOME/work/y`, `{folder}/data/y` and `https://host/home/y` it is part of something else.
TOPS = "home|root|Users|work|workspace|tmp|mnt|media|data|scratch|opt|srv|var|private"
PLACE = re.compile(rf"(?:(?<=file://)|(?<![\w./$}}~*+-]))/(?:{TOPS})/[\w.][^\s'\"`<>)\],;]*|\b[A-Z]:\\Users\\\w+")
# File -> the places that it may name.
ALLOWED = {
    # Within the image that the definition makes, the same everywhere.
    "docs/apptainer.def": {"/opt/requirements.lock", "/opt/requirements-gpu.lock", "/var/lib/apt/lists/*"},
    # A suite with such a name is refused.
    "tests/suites/fixtures/bad/name_leaves_folder.yaml": {"/tmp/x"},
}
ALLOWED["tests/test_portability.py"] = set().union(*ALLOWED.values())  # this list


def committed_texts() -> dict[str, str]:
    """Name -> content of every committed file that is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    texts = {}
    for name in listed.stdout.split("\0"):
        if (path := ROOT / name).is_file():
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:  # a picture, a PDF
                continue
    return texts


def test_no_text_names_a_place_on_a_machine() -> None:
    texts = committed_texts()
    assert {"README.md", "results/showcase/demo/analysis/report.html"} <= texts.keys()
    found = {name: set(PLACE.findall(text)) - ALLOWED.get(name, set()) for name, text in texts.items()}
    assert {name: sorted(places) for name, places in found.items() if places} == {}


def test_what_is_allowed_is_still_there() -> None:
    texts = committed_texts()
    for name, places in ALLOWED.items():
        assert places <= set(PLACE.findall(texts[name]))


@pytest.mark.parametrize("top", TOPS.split("|"))
@pytest.mark.parametrize(
    "around", ["{}", '"{}"', "<code>{}</code>", "at {}, line 3", "(`{}`)", "PATH=a:{}", "file://{}"]
)
def test_places_are_found(top: str, around: str) -> None:
    place = "/" + top + "/anna/dreamer/results"
    assert PLACE.findall(around.format(place)) == [place]


@pytest.mark.parametrize("before", ["results", "$PWD", "{folder}", "https://example.org", "~", ".", "**"])
def test_parts_of_other_paths_are_not(before: str) -> None:
    assert PLACE.findall(before + "/tmp" + "/x") == []
