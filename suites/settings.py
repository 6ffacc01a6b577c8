"""All settings of a run, composed from those of each package, and the presets."""

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from agents.registry import AGENTS
from agents.settings import AgentSettings
from analysis.settings import AnalysisSettings
from common.settings import values
from common.yaml_reader import read
from envs.settings import EnvSettings
from runs.settings import NO_EFFECT, UNREAD, RunSettings, SlurmSettings
from suites.catalog import Catalog, Layer

# Settings that matter only to agents that observe images, or state vectors.
OF_IMAGES = ("representation.depth", "activation.conv", "d4pg.frames", "d4pg.shift", "supersampling")
OF_STATES = ("representation.state_layers", "representation.state_units", "representation.state_scale")


class Settings(AgentSettings, EnvSettings, RunSettings):
    """All settings of a run: agent, environment, and training."""

    @cached_property
    def flat(self) -> dict[str, Any]:
        """Dotted key -> value of all settings."""
        return values(self)

    @cached_property
    def effective(self) -> dict[str, Any]:
        """Dotted key -> value of the settings that affect the result on at least one task."""
        of_agent = self.read
        elsewhere = {*NO_EFFECT, *self._unobserved, *UNREAD[AGENTS[self.agent].learns_from]}
        return {
            key: value
            for key, value in self.flat.items()
            if (key in of_agent or key.partition(".")[0] not in AgentSettings.model_fields) and key not in elsewhere
        }

    @property
    def drawn(self) -> bool:
        """Whether results depend on pixels: the agent observes them, or its action groups are discovered in them."""
        discovered = "discovery.input" in self.read and self.discovery.input == "pixels"
        return self.observation == "image" or discovered

    @property
    def _unobserved(self) -> tuple[str, ...]:
        """Dotted keys of the settings for what is not observed."""
        if self.observation == "image":
            return OF_STATES
        return OF_IMAGES if self.drawn else (*OF_IMAGES, "renderer")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some settings changed, without the original's cached properties."""
        copy = super().model_copy(update=update, deep=deep)
        for name in ("flat", "effective"):
            copy.__dict__.pop(name, None)
        return copy


PRESETS = Path(__file__).parent / "presets.yaml"
SETTINGS = Catalog(Settings, "setting")
SLURM = Catalog(SlurmSettings, "slurm setting")
ANALYSIS = Catalog(AnalysisSettings, "analysis setting")


@cache
def presets() -> Mapping[str, Layer]:
    """Returns the named blocks of settings in presets.yaml."""
    return {str(name): SETTINGS.layer(block) for name, block in read(PRESETS).value.items()}
