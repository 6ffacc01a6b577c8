"""Options that say how sources are read, and what is wrong with them."""

import pytest

from analysis.sources.options import columns, factors
from common.errors import UserError


def test_columns_are_those_of_tables_or_a_number_of_panels() -> None:
    assert columns([]) == ({}, None)
    assert columns(["4"]) == ({}, "4")
    assert columns(["step=frame", "2", "value=a=b"]) == ({"step": "frame", "value": "a=b"}, "2")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["stepp=frame"], "--columns stepp=frame: unknown stepp; the nearest is step"),
        (["factor=repeat"], "--columns factor=repeat: unknown factor"),
        (["step", "frame"], "--columns step: expected name=column, or one number of panels per row"),
        (["step="], "--columns step=: expected name=column"),
        (["=frame"], "--columns =frame: expected name=column"),
        (["3", "4"], "--columns 4: expected name=column, or one number"),
        (["step=frame", "step=t"], "--columns step=t: step is already frame"),
    ],
)
def test_wrong_columns_are_explained(entries: list[str], message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        columns(entries)


def test_factors_are_of_variants_or_a_column() -> None:
    assert factors([]) == ({}, {})
    assert factors(["dqn=4", "a=b=0.5"]) == ({"dqn": 4, "a=b": 0.5}, {})
    assert factors(["frame_skip", "dqn=1e3"]) == ({"dqn": 1000}, {"factor": "frame_skip"})


@pytest.mark.parametrize("entry", ["dqn=", "=4", "", "dqn=four", "dqn=0", "dqn=-1", "dqn=inf", "dqn=nan"])
def test_wrong_factors_are_explained(entry: str) -> None:
    with pytest.raises(UserError, match=f"--scale-steps {entry}: expected VARIANT=FACTOR with a positive number"):
        factors([entry])


def test_second_factors_are_refused() -> None:
    with pytest.raises(UserError, match="--scale-steps dqn=2: the factor of dqn is already 4"):
        factors(["dqn=4", "dqn=2"])
    with pytest.raises(UserError, match=r"--scale-steps skip: expected VARIANT=FACTOR .* or one column"):
        factors(["repeat", "skip"])
