from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs import standin


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process use the stand-ins instead of TensorFlow."""
    standin.install(monkeypatch.setattr)


@pytest.fixture
def stand_in_workers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Launchers start stand-in workers; call the fixture with their faults as JSON."""
    import sys

    from runs.executing import launcher

    monkeypatch.setattr(launcher, "COMMAND", (sys.executable, "-m", "tests.runs.standin"))
    monkeypatch.chdir(Path(__file__).parent.parent.parent)
    return lambda faults: monkeypatch.setenv(standin.FAULTS, faults)
