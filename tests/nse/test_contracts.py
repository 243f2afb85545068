"""Lots, freeze quantities, ticks and strike steps by trade date and expiry."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.nse.calendar import Calendar
from volguard.nse.contracts import Contracts, ContractTables

NIFTY, BANKNIFTY = Underlying("NIFTY"), Underlying("BANKNIFTY")


def test_every_index_future_since_2019_has_the_lot_of_the_rules(
    contracts: Contracts, data_folder: Path
) -> None:
    """Each contract on each day, as labelled on that day: no row is left out.

    Where the exchange's file states the lot (July 2024 on) it is equal; before, the lot implied by value,
    contracts and closing price is within 5 % (the day's average price is not its close), while any two
    lots of one index are at least 14 % apart.
    """
    stated = implied = 0
    with gzip.open(data_folder / "index_futures.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["date"] >= "2019-01-01"]
    for row in rows:
        traded, expiry = date.fromisoformat(row["date"]), date.fromisoformat(row["expiry"])
        lot = contracts.lot_size(Underlying(row["symbol"]), traded, expiry)
        if row["stated_lot"]:
            assert float(row["stated_lot"]) == lot, row
            stated += 1
        else:
            assert float(row["implied_lot"]) == pytest.approx(lot, rel=0.05), row
            implied += 1
    assert (stated, implied) == (2214, 8154)


@pytest.mark.parametrize(
    ("underlying", "traded", "expiry", "lot"),
    [
        (NIFTY, date(2021, 7, 15), date(2021, 7, 22), 75),
        (NIFTY, date(2021, 7, 15), date(2021, 7, 29), 50),
        (NIFTY, date(2024, 4, 25), date(2024, 5, 2), 50),  # re-sized while trading
        (NIFTY, date(2024, 4, 26), date(2024, 5, 2), 25),
        (NIFTY, date(2024, 12, 19), date(2025, 1, 2), 75),
        (NIFTY, date(2024, 12, 19), date(2025, 1, 30), 25),
        (NIFTY, date(2025, 8, 29), date(2025, 9, 2), 75),
        (NIFTY, date(2025, 12, 29), date(2025, 12, 30), 75),
        (NIFTY, date(2025, 12, 29), date(2026, 1, 6), 65),
        (NIFTY, date(2026, 9, 16), date(2026, 9, 22), 65),
        (BANKNIFTY, date(2023, 7, 20), date(2023, 7, 20), 25),
        (BANKNIFTY, date(2023, 7, 20), date(2023, 8, 3), 15),
        (BANKNIFTY, date(2025, 6, 2), date(2025, 6, 26), 30),
        (BANKNIFTY, date(2025, 6, 2), date(2025, 7, 31), 35),
        (BANKNIFTY, date(2026, 9, 16), date(2026, 9, 29), 30),
    ],
)
def test_near_contracts_take_the_lot_of_their_expiry(
    underlying: Underlying, traded: date, expiry: date, lot: int, contracts: Contracts
) -> None:
    assert contracts.lot_size(underlying, traded, expiry) == lot


@pytest.mark.parametrize(
    ("underlying", "traded", "expiry", "lot"),
    [
        (NIFTY, date(2021, 6, 25), date(2021, 12, 30), 75),
        (NIFTY, date(2021, 6, 28), date(2021, 12, 30), 50),
        (NIFTY, date(2024, 12, 27), date(2025, 6, 26), 75),
        (NIFTY, date(2025, 12, 29), date(2026, 12, 29), 75),
        (NIFTY, date(2025, 12, 31), date(2026, 12, 29), 65),
        (BANKNIFTY, date(2024, 12, 26), date(2025, 6, 25), 30),
    ],
)
def test_long_dated_contracts_take_the_lot_of_the_trade_date(
    underlying: Underlying, traded: date, expiry: date, lot: int, contracts: Contracts
) -> None:
    assert contracts.lot_size(underlying, traded, expiry) == lot


@pytest.mark.parametrize(
    ("underlying", "traded", "expiry", "message"),
    [
        (NIFTY, date(2026, 12, 30), date(2027, 1, 5), "contracts.lot .*NIFTY W .* on 2027-01-05"),
        (NIFTY, date(2024, 8, 1), date(2025, 6, 26), "contracts.lot .*NIFTY [QH] .* on 2025-06-26"),
        (BANKNIFTY, date(2025, 8, 29), date(2026, 3, 31), "contracts.lot .*BANKNIFTY Q .* on 2026-03-31"),
        (
            NIFTY,
            date(2025, 8, 29),
            date(2025, 9, 3),
            "contracts.expiry_rule .*NIFTY as known on 2025-08-29 on",
        ),
        (NIFTY, date(2018, 12, 31), date(2019, 1, 31), "contracts has no row .*NIFTY on 2018-12-31"),
        (NIFTY, date(2027, 1, 1), date(2027, 1, 5), "contracts has no row .*NIFTY on 2027-01-01"),
        (
            Underlying("SENSEX"),
            date(2026, 9, 16),
            date(2026, 9, 17),
            "contracts.listing .*SENSEX on 2026-09-16",
        ),
    ],
)
def test_a_lot_that_nobody_knows_is_refused_by_table_key_and_date(
    underlying: Underlying, traded: date, expiry: date, message: str, contracts: Contracts
) -> None:
    with pytest.raises(DateNotCovered, match=message):
        contracts.lot_size(underlying, traded, expiry)


@pytest.mark.parametrize(
    ("level", "units"),
    [
        ("5750", 8500),
        ("5750.05", 5500),
        ("8625", 5500),
        ("11500", 4200),
        ("17250", 2800),
        ("17250.01", 1800),
        ("27500", 1800),
        ("40000", 1200),
        ("55000", 900),
        ("55000.05", 600),
        ("99999", 600),
    ],
)
def test_the_freeze_quantity_falls_in_steps_as_the_index_rises(
    level: str, units: int, contracts: Contracts
) -> None:
    assert contracts.freeze_step(Decimal(level)) == units
    assert contracts.freeze_step(float(level)) == units


@pytest.mark.parametrize("level", [0.0, -1.0, float("nan")])
def test_a_level_that_cannot_be_has_no_freeze_step(level: float, contracts: Contracts) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        contracts.freeze_step(level)


@pytest.mark.parametrize(
    ("underlying", "day", "units"),
    [
        (NIFTY, date(2021, 8, 2), 2800),
        (NIFTY, date(2023, 4, 3), 1800),
        (NIFTY, date(2025, 8, 29), 1800),
        (NIFTY, date(2026, 9, 16), 1800),
        (BANKNIFTY, date(2021, 8, 2), 1200),
        (BANKNIFTY, date(2024, 8, 1), 900),
        (BANKNIFTY, date(2025, 8, 29), 600),
        (BANKNIFTY, date(2025, 9, 1), 900),
        (BANKNIFTY, date(2025, 10, 15), 900),
        (BANKNIFTY, date(2025, 11, 3), 600),
        (BANKNIFTY, date(2026, 3, 31), 600),
        (BANKNIFTY, date(2026, 4, 1), 900),
        (BANKNIFTY, date(2026, 8, 3), 600),
    ],
)
def test_the_freeze_quantity_of_a_day_is_that_of_its_circular(
    underlying: Underlying, day: date, units: int, contracts: Contracts
) -> None:
    assert contracts.freeze_quantity(underlying, day) == units


@pytest.mark.parametrize("day", [date(2018, 12, 31), date(2021, 8, 1), date(2027, 1, 1)])
def test_a_freeze_quantity_that_nobody_knows_is_refused(day: date, contracts: Contracts) -> None:
    with pytest.raises(DateNotCovered, match=f"table contracts.freeze has no row for NIFTY on {day}"):
        contracts.freeze_quantity(NIFTY, day)


def test_published_and_derived_freeze_rows_follow_the_steps(
    contract_tables: ContractTables, contracts: Contracts, calendar: Calendar, data_folder: Path
) -> None:
    """The close of the month before gives the value of every month from August 2021 to January 2026."""
    with gzip.open(data_folder / "nse_volatility.csv.gz", "rt") as file:
        closes = {(row["symbol"], row["date"]): float(row["spot_close"]) for row in csv.DictReader(file)}
    months = [(year, month) for year in range(2021, 2027) for month in range(1, 13)]
    compared = 0
    for year, month in (one for one in months if (2021, 8) <= one <= (2026, 1)):
        first_day = calendar.next_trading_day(date(year, month, 1))
        before = calendar.previous_trading_day(date(year, month, 1))
        while ("NIFTY", before.isoformat()) not in closes:  # a few sessions are missing from the file
            before = calendar.previous_trading_day(before)
        for underlying in (NIFTY, BANKNIFTY):
            level = closes[underlying, before.isoformat()]
            assert contracts.freeze_quantity(underlying, first_day) == contracts.freeze_step(level)
            compared += 1
    assert compared == 108
    assert {row.valid_from for row in contract_tables.freeze if "70530" in row.source} == {date(2025, 10, 1)}


def test_every_price_moves_in_steps_of_five_paise(contracts: Contracts) -> None:
    for underlying in (NIFTY, BANKNIFTY):
        for day in (date(2019, 1, 1), date(2026, 12, 31)):
            assert contracts.tick(underlying, day) == Decimal("0.05")
    with pytest.raises(DateNotCovered, match=r"contracts\.tick has no row for NIFTY on 2027-01-01"):
        contracts.tick(NIFTY, date(2027, 1, 1))
    with pytest.raises(DateNotCovered, match=r"contracts\.tick has no row for FINNIFTY on 2026-09-16"):
        contracts.tick(Underlying("FINNIFTY"), date(2026, 9, 16))


@pytest.mark.parametrize(
    ("underlying", "traded", "expiry", "points"),
    [
        (NIFTY, date(2025, 8, 29), date(2025, 9, 2), 50),
        (NIFTY, date(2025, 8, 29), date(2025, 11, 25), 50),
        (NIFTY, date(2025, 8, 29), date(2026, 6, 30), 1000),
        (NIFTY, date(2026, 9, 16), date(2026, 12, 29), 1500),
        (BANKNIFTY, date(2026, 9, 16), date(2026, 9, 29), 100),
        (BANKNIFTY, date(2024, 9, 16), date(2025, 3, 26), 1000),
    ],
)
def test_strikes_lie_closer_in_near_contracts(
    underlying: Underlying, traded: date, expiry: date, points: int, contracts: Contracts
) -> None:
    assert contracts.strike_step(underlying, traded, expiry) == points


def test_an_unknown_strike_step_is_refused(contracts: Contracts) -> None:
    with pytest.raises(
        DateNotCovered, match=r"contracts\.strike_step has no row for BANKNIFTY Q on 2026-09-16"
    ):
        contracts.strike_step(BANKNIFTY, date(2026, 9, 16), date(2026, 12, 29))


def test_every_listed_contract_of_a_normal_day_has_all_its_rules(contracts: Contracts) -> None:
    day = date(2026, 9, 16)
    for expiry in contracts.expiries(NIFTY, day):
        assert contracts.lot_size(NIFTY, day, expiry.day) == 65
        assert contracts.strike_step(NIFTY, day, expiry.day) in (50, 1500)
    assert {expiry.cycle for expiry in contracts.expiries(NIFTY, day)} == set(ExpiryCycle)
