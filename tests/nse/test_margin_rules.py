"""Margin parameters hold by trade date and underlying, and a date or a name outside them is refused."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.nse.margin_rules import MarginRule, MarginRules, MarginTables, is_long_dated

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
TABLES = msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables)
RULES = MarginRules(TABLES)
NIFTY, BANKNIFTY = Underlying("NIFTY"), Underlying("BANKNIFTY")
SQRT_2 = math.sqrt(2.0)


def scan(underlying: Underlying, day: date, sigma_daily: float) -> float:
    return RULES.price_scan(underlying, day).fraction(sigma_daily=sigma_daily)


@pytest.mark.parametrize(
    ("underlying", "day", "floor"),
    [
        (NIFTY, date(2012, 7, 5), 0.05 * SQRT_2),
        (NIFTY, date(2018, 9, 21), 0.055 * SQRT_2),
        (NIFTY, date(2018, 9, 28), 0.06 * SQRT_2),
        (NIFTY, date(2018, 10, 26), 0.065 * SQRT_2),
        (NIFTY, date(2018, 11, 30), 0.07 * SQRT_2),
        (NIFTY, date(2019, 1, 20), 0.07 * SQRT_2),
        (NIFTY, date(2019, 1, 21), 0.05 * SQRT_2),
        (NIFTY, date(2020, 5, 31), 0.05 * SQRT_2),
        (NIFTY, date(2020, 6, 1), 0.093),
        (BANKNIFTY, date(2019, 4, 4), 0.05 * SQRT_2),
        (BANKNIFTY, date(2019, 4, 5), 0.055 * SQRT_2),
        (BANKNIFTY, date(2019, 4, 12), 0.06 * SQRT_2),
        (BANKNIFTY, date(2019, 4, 22), 0.065 * SQRT_2),
        (BANKNIFTY, date(2020, 6, 1), 0.113),
        (BANKNIFTY, date(2026, 12, 31), 0.113),
    ],
)
def test_a_quiet_index_is_scanned_at_the_floor_of_the_day(
    underlying: Underlying, day: date, floor: float
) -> None:
    assert scan(underlying, day, 0.005) == pytest.approx(floor, abs=1e-7)


@pytest.mark.parametrize(("day", "sigmas"), [(date(2020, 5, 29), 3.0), (date(2020, 6, 1), 6.0)])
def test_a_wild_index_is_scanned_at_so_many_sigmas_over_two_days(day: date, sigmas: float) -> None:
    assert scan(NIFTY, day, 0.04) == pytest.approx(sigmas * SQRT_2 * 0.04)


def test_the_floor_binds_below_1_096_percent_a_day() -> None:
    day = date(2026, 5, 29)
    assert scan(NIFTY, day, 0.01095) == 0.093
    assert scan(NIFTY, day, 0.01097) > 0.093


def test_options_with_more_than_nine_months_to_live_have_a_floor_of_their_own() -> None:
    rule = RULES.on(NIFTY, date(2026, 3, 30))
    assert rule.price_scan_fraction(date(2026, 12, 29), sigma_daily=0.008) == 0.093
    assert rule.price_scan_fraction(date(2026, 12, 31), sigma_daily=0.008) == 0.177
    before = RULES.on(NIFTY, date(2019, 6, 3))
    assert before.price_scan_fraction(date(2021, 6, 24), sigma_daily=0.005) == pytest.approx(0.0707107)


@pytest.mark.parametrize(
    ("expiry", "long"),
    [(date(2026, 9, 15), False), (date(2026, 9, 16), True), (date(2026, 10, 1), True)],
)
def test_nine_months_are_counted_by_the_calendar(expiry: date, long: bool) -> None:
    assert is_long_dated(date(2025, 12, 15), expiry) is long


def test_the_volatility_scan_was_flat_until_may_2020_and_a_quarter_of_the_ewma_since() -> None:
    before, since = (RULES.on(NIFTY, day).vol_scan for day in (date(2020, 5, 29), date(2020, 6, 1)))
    assert before.points(sigma_daily=0.03) == 0.04
    assert since.points(sigma_daily=0.03) == pytest.approx(0.25 * 0.03 * math.sqrt(365))
    assert since.points(sigma_daily=0.005) == 0.04


@pytest.mark.parametrize("sigma", [math.nan, -0.01])
def test_an_unknown_volatility_gives_no_scan(sigma: float) -> None:
    rule = RULES.on(NIFTY, date(2026, 5, 29))
    assert math.isnan(rule.price_scan_fraction(date(2026, 6, 30), sigma_daily=sigma))
    assert math.isnan(rule.vol_scan.points(sigma_daily=sigma))


@pytest.mark.parametrize(
    ("day", "minimum", "exposure", "expiry_day", "premium"),
    [
        (date(2019, 1, 1), 0.03, 0.0424264, 0.0, 0.0),
        (date(2020, 5, 31), 0.03, 0.0424264, 0.0, 0.0),
        (date(2020, 6, 1), 0.0, 0.02, 0.0, 0.0),
        (date(2024, 11, 19), 0.0, 0.02, 0.0, 0.0),
        (date(2024, 11, 20), 0.0, 0.02, 0.02, 0.0),
        (date(2025, 2, 10), 0.0, 0.02, 0.02, 1.0),
    ],
)
def test_charges_and_add_ons_of_a_day(
    day: date, minimum: float, exposure: float, expiry_day: float, premium: float
) -> None:
    rule = RULES.on(NIFTY, day)
    rates = (rule.short_option_minimum, rule.exposure, rule.expiry_day, rule.upfront_premium)
    assert tuple(row.rate for row in rates) == (minimum, exposure, expiry_day, premium)


def test_the_calendar_benefit_ends_on_the_expiry_day_since_february_2025() -> None:
    def rule(day: date) -> MarginRule:
        return RULES.on(NIFTY, day)

    thursday, next_week = date(2025, 2, 6), date(2025, 2, 13)
    assert rule(thursday).offsets_other_expiries(thursday)
    assert not rule(next_week).offsets_other_expiries(next_week)
    assert rule(next_week).offsets_other_expiries(date(2025, 2, 20))


def test_a_calendar_spread_cost_half_a_percent_a_month_and_is_flat_since_june_2020() -> None:
    old, new = (RULES.on(NIFTY, day).calendar_spread for day in (date(2019, 7, 1), date(2026, 7, 1)))
    july = date(2019, 7, 25)
    months_to_rate = {july: 0.01, date(2019, 9, 26): 0.01, date(2019, 10, 31): 0.015, date(2020, 6, 25): 0.03}
    assert {far: old.rate(july, far) for far in months_to_rate} == pytest.approx(months_to_rate)
    assert new.rate(date(2026, 7, 7), date(2026, 12, 29)) == 0.0175


@pytest.mark.parametrize("day", [date(2018, 12, 31), date(2027, 1, 1)])
def test_a_date_outside_the_tables_is_refused_by_name(day: date) -> None:
    with pytest.raises(DateNotCovered, match=f"table margin has no row on {day}"):
        RULES.on(NIFTY, day)


def test_price_scans_reach_back_to_2012_and_no_further() -> None:
    assert scan(NIFTY, date(2012, 7, 5), 0.0) == pytest.approx(0.0707107)
    with pytest.raises(DateNotCovered, match=r"table margin\.price_scan has no row for NIFTY on 2012-07-04"):
        RULES.price_scan(NIFTY, date(2012, 7, 4))


def test_an_underlying_without_rows_is_refused_by_name() -> None:
    with pytest.raises(DateNotCovered, match=r"margin\.price_scan has no row for FINNIFTY on 2026-05-29"):
        RULES.on(Underlying("FINNIFTY"), date(2026, 5, 29))


def test_a_gap_an_overlap_and_a_figure_out_of_range_are_refused_by_table_and_date() -> None:
    with pytest.raises(ValueError, match="vol_scan: first row begins on 2020-06-01, the table on 2019-01-01"):
        replace(TABLES, vol_scan=TABLES.vol_scan[1:])
    nifty = [row for row in TABLES.price_scan if row.underlying == "NIFTY"]
    with pytest.raises(ValueError, match="price_scan NIFTY: gap after 2018-09-20"):
        replace(TABLES, price_scan=(nifty[0], *nifty[2:]))
    with pytest.raises(ValueError, match=r"exposure from 2019-01-01: rate was 2\.0, must be a fraction"):
        replace(TABLES, exposure=(replace(TABLES.exposure[0], rate=2.0), *TABLES.exposure[1:]))
    with pytest.raises(ValueError, match=r"price_scan from 2012-07-05: 0\.0 sigma over 2 days"):
        replace(TABLES, price_scan=(replace(nifty[0], sigma_multiple=0.0), *nifty[1:]))
    with pytest.raises(ValueError, match=r"scenarios from 2019-01-01: extreme moves of 1\.0 scans"):
        replace(TABLES, scenarios=(replace(TABLES.scenarios[0], extreme_multiple=1.0),))
    with pytest.raises(
        ValueError, match=r"calendar_spread from 2019-01-01: rate_min was 0.5, above rate_max"
    ):
        replace(
            TABLES,
            calendar_spread=(replace(TABLES.calendar_spread[0], rate_min=0.5), *TABLES.calendar_spread[1:]),
        )


def test_every_row_names_its_source() -> None:
    rows = [row for name in MarginTables.__dataclass_fields__ for row in _rows(name)]
    assert len(rows) > 30
    assert all(row.source for row in rows)


def _rows(name: str) -> tuple[MarginRule, ...]:
    value = getattr(TABLES, name)
    return value if isinstance(value, tuple) else ()
