"""All settings of a run, composed from the rooms' own, and the presets that name some of them."""

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from agents.settings import AgentSettings
from analysis.settings import AnalysisSettings
from envs.settings import EnvSettings
from runs.settings import NO_EFFECT, RunSettings, SlurmSettings
from suites.catalog import Catalog, Layer, values
from suites.yaml_reader import read


class Settings(AgentSettings, EnvSettings, RunSettings):
    """All settings of one run: who learns, in which world, and how the run goes."""

    @cached_property
    def effective(self) -> dict[str, Any]:
        """Dotted key -> value of the settings that affect the result; those that the others leave unread do not.

        What only some tasks read stands here; `RunSpec.effective` knows the task.
        """
        unread: tuple[str, ...] = NO_EFFECT
        if not self.grouped:
            unread += ("dynamics.groups",)
        if not self.grouped or self.dynamics.groups not in ("sd2", "random"):
            unread += ("discovery.",)
        if self.representation.objective != "contrastive":
            unread += ("representation.contrast_",)
        if self.behavior.kind != "planner":
            unread += ("behavior.candidates", "behavior.iterations", "behavior.top")
        if self.exploration.schedule == "constant":
            unread += ("exploration.duration", "exploration.minimum")
        if self.behavior.kind == "planner" or self.behavior.value == "none":
            unread += ("behavior.bootstrap",)
        if not self.optimizer.weight_decay:
            unread += ("optimizer.weight_decay_pattern",)
        return {key: value for key, value in values(self).items() if not key.startswith(unread)}


PRESETS = Path(__file__).parent / "presets.yaml"
SETTINGS = Catalog(Settings, "setting")
SLURM = Catalog(SlurmSettings, "slurm setting")
ANALYSIS = Catalog(AnalysisSettings, "analysis setting")


@cache
def presets() -> Mapping[str, Layer]:
    """Returns the named blocks of settings in presets.yaml."""
    return {str(name): SETTINGS.layer(block) for name, block in read(PRESETS).value.items()}
