"""Execution settings: a patience or a bound that is none is an error that names key and value."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from tests.fakes import shipped

SETTINGS = shipped().execution


@pytest.mark.parametrize("name", [f.name for f in fields(SETTINGS) if f.name != "partial_fill_timeout_s"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_setting_is_above_zero(name: str, value: float) -> None:
    """Zero patience would re-price for ever, an endless bound would bound nothing."""
    with pytest.raises(ValueError, match=f"^{name} was {value}, must be above 0"):
        replace(SETTINGS, **{name: value})


@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_the_partial_fill_guard_may_be_immediate_but_not_negative(value: float) -> None:
    """Zero seconds is a choice, less is none."""
    assert replace(SETTINGS, partial_fill_timeout_s=0.0).partial_fill_timeout_s == 0.0
    with pytest.raises(ValueError, match=f"^partial_fill_timeout_s was {value}, must be 0 or more"):
        replace(SETTINGS, partial_fill_timeout_s=value)
