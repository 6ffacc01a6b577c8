"""What random play and a human reach on the games of Atari: the ends of the scale that agents are compared on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

FILE = Path(__file__).parents[1] / "results" / "published" / "references" / "atari.json"


@dataclass(frozen=True)
class References:
    """Two scores a game.

    Attributes:
        source: Where they are printed.
        unit: What a score is.
        random: Task -> score of uniformly random actions.
        human: Task -> score of a human who had practised.
    """

    source: str
    unit: str
    random: Mapping[str, float]
    human: Mapping[str, float]


@cache
def references() -> References:
    """The scores in results/published/references/atari.json."""
    return TypeAdapter(References).validate_json(FILE.read_bytes())
