"""Execution settings: a patience or a bound that is none is an error that names key and value."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from tests.fakes import shipped

SETTINGS = shipped().execution


@pytest.mark.parametrize("name", [f.name for f in fields(SETTINGS)])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_setting_is_above_zero(name: str, value: float) -> None:
    """Zero patience would re-price for ever, an endless bound would bound nothing."""
    with pytest.raises(ValueError, match=f"^{name} was {value}, must be above 0"):
        replace(SETTINGS, **{name: value})
