"""No test depends on the speed of the machine or on the tests before it."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

CODE = pytest.StashKey[int]()
FIRST: dict[np.random.Generator, Any] = {}  # the state of each module's generator before its first test

# By default Hypothesis fails tests and examples that take long.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Winds back the random generators of a test's module: its numbers are the same in any order of tests."""
    assert isinstance(item, pytest.Function)
    for value in vars(item.module).values():
        if isinstance(value, np.random.Generator):
            value.bit_generator.state = FIRST.setdefault(value, value.bit_generator.state)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    session.config.stash[CODE] = int(exitstatus)
    yield


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends at once where TensorFlow was used: it would tear down the graphs of all tests for minutes."""
    if "tensorflow" in sys.modules and CODE in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[CODE])
