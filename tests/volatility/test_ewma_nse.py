"""NSE's published daily volatility follows from its own row before it, missing days found and listed."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from tests.volatility.real_data import daily, rows_of
from volguard.volatility.ewma_nse import (
    EwmaRow,
    PublishedVolatility,
    check_published,
    lambda_on,
    next_sigma,
    sigma_after,
)

ROUNDING = 1e-4  # of the file
ROWS_AFTER_MISSING_DAYS = [
    "2012-09-10", "2013-05-13", "2013-11-05", "2014-03-24", "2015-03-02", "2016-11-01", "2019-10-29",
    "2020-02-03", "2020-11-17", "2021-04-01", "2023-11-13", "2024-01-23", "2024-03-04", "2024-05-21",
    "2025-02-03",
]  # fmt: skip


def published(symbol: str) -> PublishedVolatility:
    rows = sorted(
        (row for row in rows_of("nse_volatility.csv.gz") if row["symbol"] == symbol),
        key=lambda row: row["date"],
    )
    close, previous, sigma = (
        np.array([float(row[name]) for row in rows])
        for name in ("spot_close", "spot_prev", "sigma_underlying")
    )
    days = [date.fromisoformat(row["date"]) for row in rows]
    return PublishedVolatility(days=days, close=close, previous_close=previous, sigma=sigma)


@pytest.mark.parametrize("symbol", ["NIFTY", "BANKNIFTY"])
def test_every_row_that_follows_from_the_row_before_is_reproduced_to_the_rounding_of_the_file(
    symbol: str,
) -> None:
    check = check_published(published(symbol))
    assert check.kinds.count(EwmaRow.ONE_STEP) == 3326 - 1 - 15 - 1
    assert check.worst_one_step <= ROUNDING


@pytest.mark.parametrize("symbol", ["NIFTY", "BANKNIFTY"])
def test_the_fifteen_missing_days_are_found_and_two_steps_bridge_each_of_them(symbol: str) -> None:
    check = check_published(published(symbol))
    assert [day.before.isoformat() for day in check.missing] == ROWS_AFTER_MISSING_DAYS
    assert max(day.error for day in check.missing) <= ROUNDING
    assert all(day.after < day.before for day in check.missing)


@pytest.mark.parametrize("symbol", ["NIFTY", "BANKNIFTY"])
def test_the_change_of_lambda_restarted_the_series_on_one_day_and_is_shown_apart(symbol: str) -> None:
    rows = published(symbol)
    check = check_published(rows)
    changes = [i for i, kind in enumerate(check.kinds) if kind is EwmaRow.LAMBDA_CHANGE]
    assert [rows.days[i] for i in changes] == [date(2020, 6, 1)]
    assert ROUNDING < check.restart_error < 6e-4  # NSE's longer history is not published


def test_lambda_is_0_94_until_may_2020_and_0_995_since() -> None:
    assert lambda_on(date(2020, 5, 31)) == 0.94
    assert lambda_on(date(2020, 6, 1)) == 0.995


def test_one_step_weighs_yesterdays_variance_and_todays_square() -> None:
    assert next_sigma(0.02, 0.0, 0.94) == pytest.approx(0.02 * math.sqrt(0.94))
    assert next_sigma(0.0, -0.03, 0.94) == pytest.approx(0.03 * math.sqrt(0.06))


def test_rows_out_of_order_are_refused_and_no_rows_have_no_figure() -> None:
    column = np.array([100.0, 101.0])
    twice = PublishedVolatility(
        days=[date(2025, 1, 2), date(2025, 1, 2)], close=column, previous_close=column, sigma=column
    )
    with pytest.raises(ValueError, match="do not ascend"):
        check_published(twice)
    empty = np.empty(0)
    none = check_published(PublishedVolatility(days=[], close=empty, previous_close=empty, sigma=empty))
    assert none.kinds == () and math.isnan(none.worst_one_step)


def test_from_closes_alone_it_comes_within_two_percent_of_what_the_exchange_published() -> None:
    bars = daily("NIFTY")
    published = {
        date.fromisoformat(row["date"]): float(row["sigma_underlying"])
        for row in rows_of("nse_volatility.csv.gz")
        if row["symbol"] == "NIFTY"
    }
    compared = 0
    for end in range(2_600, len(bars), 50):
        day = bars[end - 1].day
        if day in published and day >= date(2021, 1, 1):
            ours = sigma_after([bar.day for bar in bars[:end]], np.array([bar.close for bar in bars[:end]]))
            assert ours == pytest.approx(published[day], rel=0.02)
            compared += 1
    assert compared > 15


def test_too_few_or_unknown_closes_give_no_volatility() -> None:
    bars = daily("NIFTY")
    days, closes = [bar.day for bar in bars], np.array([bar.close for bar in bars])
    assert sigma_after(days[:250], closes[:250]) is None
    assert sigma_after(days[:251], closes[:251]) is not None
    closes[-2] = math.nan
    assert sigma_after(days, closes) is None
