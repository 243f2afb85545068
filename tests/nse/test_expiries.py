"""Which expiries exist, where holidays move them, and what is listed on a trade date."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.nse.calendar import Calendar
from volguard.nse.contracts import Contracts, ContractTables

NIFTY, BANKNIFTY = Underlying("NIFTY"), Underlying("BANKNIFTY")
W, M, Q, H = ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY, ExpiryCycle.QUARTERLY, ExpiryCycle.HALF_YEARLY
FIRST, LAST = date(2019, 1, 1), date(2026, 12, 31)

ROLLED_BACK = """
2019-03-21,2019-03-20,W
2019-08-15,2019-08-14,W
2020-04-02,2020-04-01,W
2021-03-11,2021-03-10,W
2021-05-13,2021-05-12,W
2021-08-19,2021-08-18,W
2021-11-04,2021-11-03,W
2022-04-14,2022-04-13,W
2023-01-26,2023-01-25,M
2023-03-30,2023-03-29,M
2023-06-29,2023-06-28,M
2024-04-11,2024-04-10,W
2024-08-15,2024-08-14,W
2025-04-10,2025-04-09,W
2025-05-01,2025-04-30,W
2025-10-21,2025-10-20,W
2026-03-03,2026-03-02,W
2026-03-31,2026-03-30,M
2026-04-14,2026-04-13,W
2026-10-20,2026-10-19,W
2026-11-10,2026-11-09,W
2026-11-24,2026-11-23,M
"""


def days(text: str) -> list[date]:
    return [date.fromisoformat(one) for one in text.split()]


def test_holidays_moved_exactly_these_nifty_expiries(contracts: Contracts) -> None:
    moved = [e for e in contracts.generate_expiries(NIFTY, FIRST, LAST) if e.is_rolled_back]
    assert [f"{e.scheduled},{e.day},{e.cycle}" for e in moved] == ROLLED_BACK.split()


def test_every_nifty_expiry_of_2021_to_2025_is_reproduced(contracts: Contracts, data_folder: Path) -> None:
    """Date, cycle, lot, scheduled day and whether a holiday moved it: all 261 rows."""
    with (data_folder / "nifty_expiries.csv").open() as file:
        expected = [
            (
                row["expiry"],
                row["expiry_type"],
                int(row["lot_size"]),
                row["rule_weekday"],
                row["holiday_adjusted"] == "True",
                row["scheduled_expiry"],
            )
            for row in csv.DictReader(file)
        ]
    made = [
        (
            e.day.isoformat(),
            {W: "weekly", M: "monthly"}[e.cycle],
            contracts.lot_size(NIFTY, e.day, e.day),
            f"{e.scheduled:%A}",
            e.is_rolled_back,
            e.scheduled.isoformat(),
        )
        for e in contracts.generate_expiries(NIFTY, date(2021, 1, 1), date(2025, 12, 31))
    ]
    assert len(expected) == 261
    assert made == expected


def test_every_year_has_its_number_of_nifty_expiries(contracts: Contracts) -> None:
    per_year = Counter(e.day.year for e in contracts.generate_expiries(NIFTY, FIRST, LAST))
    assert per_year == {2019: 47, 2020: 53, 2021: 52, 2022: 52, 2023: 52, 2024: 52, 2025: 53, 2026: 52}


def test_published_expiries_of_autumn_2025(contracts: Contracts) -> None:
    autumn = contracts.generate_expiries(NIFTY, date(2025, 9, 9), date(2025, 12, 31))
    assert [e.day for e in autumn] == days(
        "2025-09-09 2025-09-16 2025-09-23 2025-09-30 2025-10-07 2025-10-14 2025-10-20 2025-10-28 2025-11-04 "
        "2025-11-11 2025-11-18 2025-11-25 2025-12-02 2025-12-09 2025-12-16 2025-12-23 2025-12-30"
    )
    assert [e.day for e in autumn if e.cycle is M] == days("2025-09-30 2025-10-28 2025-11-25 2025-12-30")


@pytest.mark.parametrize(
    ("first", "last", "cycle", "expected"),
    [
        ("2023-08-17", "2023-09-30", W, "2023-08-17 2023-08-24 2023-09-06 2023-09-13 2023-09-20"),
        ("2023-08-17", "2023-10-31", M, "2023-08-31 2023-09-28 2023-10-26"),
        ("2024-02-01", "2024-05-31", M, "2024-02-29 2024-03-27 2024-04-24 2024-05-29"),
        ("2024-10-30", "2025-02-28", W, "2024-11-06 2024-11-13"),
        ("2024-11-01", "2025-02-28", M, "2024-11-27 2024-12-24 2025-01-30 2025-02-27"),
        ("2025-07-01", "2025-10-31", M, "2025-07-31 2025-08-28 2025-09-30 2025-10-28"),
    ],
)
def test_banknifty_moved_from_thursday_to_wednesday_and_back_and_lost_its_weeklies(
    first: str, last: str, cycle: ExpiryCycle, expected: str, contracts: Contracts
) -> None:
    made = contracts.generate_expiries(BANKNIFTY, date.fromisoformat(first), date.fromisoformat(last))
    assert [e.day for e in made if e.cycle is cycle] == days(expected)


def test_every_expiry_is_a_trading_day(contracts: Contracts, calendar: Calendar) -> None:
    for underlying in (NIFTY, BANKNIFTY):
        made = contracts.generate_expiries(underlying, FIRST, LAST)
        assert all(calendar.is_expiry_candidate(e.day) for e in made)
        assert len({e.day for e in made}) == len(made)


def test_the_recorded_chain_lists_what_the_rules_list(contracts: Contracts, data_folder: Path) -> None:
    """29 August 2025: 4 weeklies, 3 months, 3 quarters, 8 half-years, as they were known on that day."""
    chain = pd.read_parquet(data_folder / "nifty_chain_2025-08-29.parquet", columns=["expiry"])
    listed = contracts.expiries(NIFTY, date(2025, 8, 29))
    assert [e.day for e in listed] == sorted(chain["expiry"].unique())
    assert [e.cycle for e in listed] == [W] * 4 + [M] * 3 + [Q] * 3 + [H] * 8
    assert [e.holiday_checked for e in listed] == [True] * 8 + [False] * 10


def test_the_simulated_default_day_lists_eighteen_expiries(contracts: Contracts) -> None:
    listed = contracts.expiries(NIFTY, date(2026, 9, 16))
    assert Counter(e.cycle for e in listed) == {W: 4, M: 3, Q: 3, H: 8}
    near = days("2026-09-22 2026-09-29 2026-10-06 2026-10-13 2026-10-19 2026-10-27 2026-11-23 2026-12-29")
    assert [e.day for e in listed[:8]] == near
    assert [e.day for e in listed] == sorted(e.day for e in listed)


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (date(2019, 6, 3), {W: 7, M: 3}),
        (date(2020, 10, 30), {W: 7, M: 3, Q: 3}),
        (date(2022, 6, 1), {W: 4, M: 3, Q: 3}),
        (date(2026, 9, 16), {M: 3, Q: 3}),
    ],
)
def test_banknifty_lists_fewer_weeklies_over_time_and_then_none(
    day: date, counts: dict[ExpiryCycle, int], contracts: Contracts
) -> None:
    assert Counter(e.cycle for e in contracts.expiries(BANKNIFTY, day)) == counts


def test_first_banknifty_quarters_are_those_of_their_announcement(contracts: Contracts) -> None:
    listed = contracts.expiries(BANKNIFTY, date(2020, 10, 30))
    assert [e.day for e in listed if e.cycle is Q] == days("2021-03-25 2021-06-24 2021-09-30")


@pytest.mark.parametrize(
    ("underlying", "traded", "expiry"),
    [
        (BANKNIFTY, date(2024, 2, 29), date(2024, 3, 28)),
        (BANKNIFTY, date(2024, 3, 1), date(2024, 3, 27)),
        (BANKNIFTY, date(2025, 1, 1), date(2025, 1, 29)),
        (BANKNIFTY, date(2025, 1, 2), date(2025, 1, 30)),
        (NIFTY, date(2025, 7, 31), date(2025, 9, 25)),
        (NIFTY, date(2025, 8, 1), date(2025, 9, 30)),
        (NIFTY, date(2023, 6, 27), date(2023, 6, 29)),
        (NIFTY, date(2023, 6, 28), date(2023, 6, 28)),
        (NIFTY, date(2025, 12, 26), date(2026, 3, 31)),
        (NIFTY, date(2025, 12, 29), date(2026, 3, 30)),
    ],
)
def test_contracts_carry_the_date_that_was_in_force_when_they_traded(
    underlying: Underlying, traded: date, expiry: date, contracts: Contracts
) -> None:
    assert expiry in [e.day for e in contracts.expiries(underlying, traded)]


def test_a_year_without_a_holiday_list_is_listed_but_flagged(contracts: Contracts) -> None:
    """Christmas is known of every year, so the expiry of 25 December 2029 falls on the 24th, unchecked."""
    far = {e.scheduled: e for e in contracts.expiries(NIFTY, date(2026, 9, 16)) if e.day.year > 2026}
    assert all(not e.holiday_checked for e in far.values())
    assert far[date(2029, 12, 25)].day == date(2029, 12, 24)


@pytest.mark.parametrize(
    ("underlying", "expiry", "is_monthly"),
    [
        (NIFTY, date(2025, 9, 30), True),
        (NIFTY, date(2025, 9, 23), False),
        (NIFTY, date(2026, 3, 30), True),
        (NIFTY, date(2026, 3, 31), True),  # as listed before the holiday was published
        (NIFTY, date(2026, 3, 24), False),
        (NIFTY, date(2029, 12, 24), True),
        (BANKNIFTY, date(2024, 12, 24), True),
    ],
)
def test_an_expiry_ends_a_month_by_its_own_or_its_scheduled_date(
    underlying: Underlying, expiry: date, is_monthly: bool, contracts: Contracts
) -> None:
    assert contracts.is_monthly(underlying, expiry) is is_monthly


def test_a_roll_back_skips_a_whole_closed_stretch(contracts: Contracts) -> None:
    known_on = date(2026, 9, 16)
    assert contracts.expiry_after_roll_back(date(2026, 9, 14), known_on=known_on) == date(2026, 9, 11)
    assert contracts.expiry_after_roll_back(date(2026, 9, 15), known_on=known_on) == date(2026, 9, 15)
    # A full Saturday session can itself become the expiry.
    assert contracts.expiry_after_roll_back(date(2024, 1, 22), known_on=date(2024, 1, 20)) == date(
        2024, 1, 20
    )


@pytest.mark.parametrize("day", [date(2018, 12, 31), date(2027, 1, 1)])
def test_trade_dates_outside_the_table_are_refused_by_name(day: date, contracts: Contracts) -> None:
    with pytest.raises(DateNotCovered, match=f"table contracts has no row for expiries of NIFTY on {day}"):
        contracts.expiries(NIFTY, day)
    with pytest.raises(DateNotCovered, match=f"table contracts has no row for expiries of NIFTY on {day}"):
        contracts.generate_expiries(NIFTY, min(day, LAST), max(day, FIRST))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(day=st.dates(FIRST, LAST), underlying=st.sampled_from([NIFTY, BANKNIFTY]))
def test_a_listing_is_ordered_unexpired_and_has_the_counts_of_its_row(
    day: date, underlying: Underlying, contracts: Contracts, contract_tables: ContractTables
) -> None:
    listed = contracts.expiries(underlying, day)
    row = next(
        row
        for row in contract_tables.listing
        if row.underlying == underlying and row.valid_from <= day <= (row.valid_to or LAST)
    )
    expected = {W: row.weekly, M: row.monthly, Q: row.quarterly, H: row.half_yearly}
    got = Counter(e.cycle for e in listed)
    # Wednesday weeklies end with the table's row, so the last weeks before have fewer.
    assert all(got[cycle] == count for cycle, count in expected.items() if cycle is not W)
    assert got[W] <= expected[W]
    assert all(e.day >= day and e.scheduled - e.day <= timedelta(days=5) for e in listed)
    assert [e.day for e in listed] == sorted({e.day for e in listed})


def test_only_week_and_month_rules_exist(contract_tables: ContractTables) -> None:
    rows = contract_tables.expiry_rule
    with pytest.raises(ValueError, match="expiry_rule NIFTY had cycle Q, must be W or M"):
        replace(contract_tables, expiry_rule=(replace(rows[0], cycle=Q), *rows[1:]))
    with pytest.raises(ValueError, match="expiry_rule has no row for BANKNIFTY M, which listing names"):
        replace(
            contract_tables,
            expiry_rule=tuple(row for row in rows if (row.underlying, row.cycle) != ("BANKNIFTY", M)),
        )
