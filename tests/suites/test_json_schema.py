"""The JSON schema for editors: it is up to date and agrees with load_suite."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from common.errors import UserError
from common.yaml_reader import parse, read
from suites import json_schema
from suites.settings import SETTINGS
from suites.suite import KEYS

FIXTURES = Path(__file__).parent / "fixtures"
SUITES = Path(json_schema.__file__).parent
NOT_SUITES = ("groups.yaml", "presets.yaml", "tasks.yaml")
GOOD = sorted(
    [*(FIXTURES / "good").glob("*.yaml"), *(path for path in SUITES.glob("*.yaml") if path.name not in NOT_SUITES)]
)
BAD = sorted((FIXTURES / "bad").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    schema = json_schema.schema()
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def test_committed_schema_is_up_to_date() -> None:
    committed = (SUITES / "suite.schema.json").read_text(encoding="utf-8")
    assert committed == json_schema.render(), "run: launch.py schema --write suites/suite.schema.json"


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_schema_accepts_good_suites(validator: Draft7Validator, path: Path) -> None:
    assert not list(validator.iter_errors(read(path).plain()))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_schema_refuses_what_a_bad_suite_says_it_does(validator: Draft7Validator, path: Path) -> None:
    refuses = {"# editor: refuses": True, "# editor: accepts": False}[path.read_text().splitlines()[1]]
    try:
        data: Any = parse(path.read_text(encoding="utf-8"), str(path)).plain()
    except UserError:
        assert not refuses  # no data to show to an editor's schema
        return
    assert bool(list(validator.iter_errors(data))) == refuses


def test_schema_names_and_describes_every_setting_both_ways() -> None:
    schema = json_schema.schema()
    assert list(schema["properties"]) == list(KEYS)
    settings = schema["definitions"]["settings"]["properties"]
    for key in SETTINGS.leaves:
        group, _, name = key.rpartition(".")
        nested = settings[group]["properties"] if group else settings
        assert settings[key] == nested[name]
        assert settings[key]["description"]
    assert (
        settings["behavior.horizon"].items()
        >= {"type": "integer", "minimum": 2, "maximum": 1000, "default": 15}.items()
    )


@pytest.mark.parametrize("suite", (SUITES / name for name in ("demo.yaml", "example.yaml")), ids=lambda path: path.stem)
def test_suites_tell_editors_their_schema(suite: Path) -> None:
    assert suite.read_text().splitlines()[0] == "# yaml-language-server: $schema=suite.schema.json"
