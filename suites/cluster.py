"""The settings of a suite's Slurm jobs: the user's defaults, the suite's `slurm` block, and the command line."""

import os
from collections.abc import Sequence
from pathlib import Path

from common.yaml_reader import read
from runs.settings import SlurmSettings
from suites.blocks import read_overrides
from suites.catalog import Layer, overlay
from suites.settings import SLURM
from suites.suite import Suite


def slurm_settings(suite: Suite, overrides: Sequence[str] = ()) -> SlurmSettings:
    """Returns the settings of a suite's Slurm jobs.

    Args:
        suite: The suite, whose `slurm` block overrides the user's defaults.
        overrides: Settings of the command line as `key=value`; they override all others.

    Raises:
        UserError: At the first mistake in the defaults or on the command line.
    """
    layer = overlay(user_defaults(), suite.slurm, read_overrides(overrides, "--slurm", SLURM))
    # Without a better place, a contradiction is reported at the last setting.
    return SLURM.build(layer, next((node.place for node in reversed(layer.values())), suite.place))


def user_defaults() -> Layer:
    """Returns the settings in the user's file; empty if the file does not exist.

    Raises:
        UserError: For a mistake in the file.
    """
    path = user_file()
    return SLURM.layer(read(path)) if path.exists() else {}


def user_file() -> Path:
    """Returns the path of the user's defaults, by the XDG base directory specification."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "dreamer-ablations" / "slurm.yaml"
