"""The registry of agents: settings, schema and identities follow from one line in it."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from agents.agent import Agent
from agents.registry import AGENTS
from agents.settings import AgentSettings
from common.settings import values

ROOT = Path(__file__).parents[2]
STILL = """
import sys
from agents.registry import AGENTS, AgentEntry
AGENTS["still"] = AgentEntry("agents.still:Still", lambda s: ("jit", "reward.layers"), "nothing")
assert not {"numpy", "tensorflow"} & set(sys.modules)
from suites.identity import changes
from suites.json_schema import schema
from suites.settings import SETTINGS, Settings
from common.yaml_reader import parse
root = parse(sys.argv[1], "text")
settings = SETTINGS.build(SETTINGS.layer(root), root.place)
print(settings.agent, sorted(changes("toy_grid", settings).items()), settings.grouped, settings.continuous_only)
print(schema()["definitions"]["settings"]["properties"]["agent"]["enum"])
"""


def test_agent_is_added_by_a_line() -> None:
    text = "{agent: still, jit: true, reward.layers: 5, reward.units: 7, dynamics.kind: ed2, behavior.kind: planner}"
    done = subprocess.run([sys.executable, "-c", STILL, text], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "still [('agent', 'still'), ('jit', True), ('reward.layers', 5)] False {}",
        "['dreamer', 'd4pg', 'a3c', 'random', 'still']",
    ]
    done = subprocess.run([sys.executable, "-c", STILL, "agent: stil"], cwd=ROOT, capture_output=True, text=True)
    allowed = "dreamer | d4pg | a3c | random | still"
    assert f"agent is the text 'stil'; allowed: {allowed}; did you mean still?" in done.stderr


@pytest.mark.parametrize("name", AGENTS)
def test_entries_are_true(name: str) -> None:
    entry = AGENTS[name]
    module, _, attribute = entry.make.partition(":")
    methods = [method for method in vars(Agent) if not method.startswith("_")]
    assert "policy" in methods
    assert all(callable(getattr(getattr(import_module(module), attribute), method)) for method in methods)
    settings = AgentSettings(agent=name)
    assert set(entry.reads(settings)) <= values(settings).keys()
    assert entry.learns or not entry.has_world_model
