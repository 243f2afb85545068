"""A curve of the account: its returns and weeks, and what makes it useless."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from tests.backtest.curves import curve, curve_making
from volguard.backtest.curve import curve_of_values
from volguard.model.errors import UsageError


def test_the_first_return_is_on_the_start() -> None:
    """Each session's return is on the value before it, the first on what the account began with."""
    assert curve([110.0, 99.0], start=100.0).returns == pytest.approx([0.1, -0.1])


def test_a_week_begins_with_its_first_session_whatever_weekday() -> None:
    """Weeks are ISO weeks: a Saturday session belongs to the week before, one of a new year to its week."""
    days = [date(2024, 12, 28), date(2024, 12, 30), date(2025, 1, 1), date(2025, 1, 7)]
    assert curve_of_values(days, [1.0, 1.0, 1.0, 1.0], start=1.0).week_starts == (0, 1, 3)


def test_a_missing_value_is_named_with_its_day() -> None:
    """A value that is not known is never carried forward; the first one is named."""
    assert curve([101.0, math.nan, 103.0, math.nan]).fault == (
        "2 of 5 values missing, the first on 2024-01-02"
    )
    assert curve([101.0], start=math.nan).fault == "1 of 2 values missing, the first at the start"


def test_an_account_that_is_gone_is_named_with_its_day() -> None:
    """No return can be told from nothing or from debt."""
    assert curve([50.0, -3.5, 4.0]).fault == "the account was worth -3.50 on 2024-01-02"
    assert "worth 0.00" in curve_making([0.1, -1.0, 0.1]).fault
    assert curve([]).fault == "there is no session"
    assert curve([1.0]).fault == ""


def test_days_must_rise_and_have_a_value_each() -> None:
    """A doubled day, an earlier one, or a value too many is refused."""
    for days in ([date(2024, 1, 2), date(2024, 1, 2)], [date(2024, 1, 2), date(2024, 1, 1)]):
        with pytest.raises(UsageError, match="days must rise"):
            curve_of_values(days, [1.0, 2.0], start=1.0)
    with pytest.raises(UsageError, match="1 days came with values of shape"):
        curve_of_values([date(2024, 1, 2)], np.ones(2), start=1.0)
