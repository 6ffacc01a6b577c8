import os
import sys
from collections.abc import Iterator

import pytest

CODE = pytest.StashKey[int]()


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
