"""What the jobs of a suite ask of a Slurm cluster: the user's defaults, the suite's section, the command line's."""

import os
from collections.abc import Sequence
from pathlib import Path

from runs.settings import SlurmSettings
from suites.blocks import read_overrides
from suites.catalog import Layer, overlay
from suites.settings import SLURM
from suites.suite import Suite
from suites.yaml_reader import read


def slurm_settings(suite: Suite, overrides: Sequence[str] = ()) -> SlurmSettings:
    """Returns what a suite asks of a cluster; each layer wins over the one before.

    Args:
        suite: The suite, whose `slurm` section lies over the user's defaults.
        overrides: Settings of the command line as `key=value`; they win over all others.

    Raises:
        UserError: With the place of the first mistake in the defaults or on the command line.
    """
    layer = overlay(user_defaults(), suite.slurm, read_overrides(overrides, "--slurm", SLURM))
    # A contradiction is reported at the last of its settings.
    return SLURM.build(layer, next((node.place for node in reversed(layer.values())), suite.place))


def user_defaults() -> Layer:
    """Returns the settings in the user's own file; none where there is no such file.

    Raises:
        UserError: For a file that is there and wrong.
    """
    path = user_file()
    return SLURM.layer(read(path)) if path.exists() else {}


def user_file() -> Path:
    """Returns where a user's own defaults are, by the XDG base directory specification."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "dreamer-ablations" / "slurm.yaml"
