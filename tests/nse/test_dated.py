"""Dated rows tile their table: no gap, no overlap, and no answer for a date outside."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.nse.calendar import Calendar, CalendarTables
from volguard.nse.charges import ChargeTables
from volguard.nse.contracts import Contracts, ContractTables, LotRow
from volguard.nse.dated import Box, Timeline, require_boxes_tile

FIRST, LAST = date(2020, 1, 1), date(2020, 12, 31)
DATED_CHARGES = [field.name for field in fields(ChargeTables) if not field.name.startswith("checked")]
DATED_CONTRACTS = ["freeze", "tick", "strike_step", "expiry_rule", "listing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    valid_from: date
    valid_to: date | None = None
    value: int = 0


def two_rows(end: date, begin: date) -> list[Row]:
    return [Row(valid_from=FIRST, valid_to=end), Row(valid_from=begin, value=1)]


def timeline(rows: list[Row]) -> Timeline[Row]:
    return Timeline("rate", rows, first=FIRST, last=LAST, key="NIFTY", file="charges")


def test_the_row_in_force_is_found_on_its_first_and_last_day() -> None:
    found = timeline(two_rows(date(2020, 6, 30), date(2020, 7, 1)))
    days = (FIRST, date(2020, 6, 30), date(2020, 7, 1), LAST)
    assert [found.at(day).value for day in days] == [0, 0, 1, 1]


@pytest.mark.parametrize("day", [FIRST - timedelta(1), LAST + timedelta(1)])
def test_a_date_outside_the_table_is_refused_by_name(day: date) -> None:
    with pytest.raises(DateNotCovered, match=f"table charges.rate has no row for NIFTY on {day}"):
        timeline([Row(valid_from=FIRST)]).at(day)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (two_rows(date(2020, 6, 29), date(2020, 7, 1)), "rate NIFTY: gap after 2020-06-29"),
        (
            two_rows(date(2020, 7, 1), date(2020, 7, 1)),
            "rate NIFTY: rows of 2020-01-01 and 2020-07-01 overlap",
        ),
        ([Row(valid_from=date(2020, 1, 2))], "rate NIFTY: first row begins on 2020-01-02"),
        ([Row(valid_from=FIRST, valid_to=date(2021, 1, 1))], "rate NIFTY: last row ends on 2021-01-01"),
        (two_rows(date(2019, 1, 1), FIRST), "ends before it begins"),
        ([], "rate NIFTY: no row"),
    ],
)
def test_rows_that_do_not_tile_the_table_are_refused_with_table_key_and_dates(
    rows: list[Row], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        timeline(rows)


def box(trade_from: date, trade_to: date) -> Box:
    return Box(trade_from=trade_from, trade_to=trade_to, expiry_from=FIRST, expiry_to=LAST)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (
            [box(FIRST, date(2020, 5, 1)), box(date(2020, 5, 3), LAST)],
            "lot: gap for trade dates 2020-05-02 to",
        ),
        (
            [box(FIRST, date(2020, 5, 1)), box(date(2020, 5, 1), LAST)],
            "lot: overlap for trade dates 2020-05-01",
        ),
        ([box(FIRST, LAST + timedelta(1))], "reaches outside"),
        ([box(LAST, FIRST)], "is empty"),
    ],
)
def test_rules_with_two_keys_must_cover_every_live_pair_of_dates_once(boxes: list[Box], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_boxes_tile("lot", boxes, box(FIRST, LAST))


def test_contracts_that_had_expired_need_no_rule() -> None:
    late = Box(trade_from=date(2020, 7, 1), trade_to=LAST, expiry_from=date(2020, 7, 1), expiry_to=LAST)
    require_boxes_tile("lot", [box(FIRST, date(2020, 6, 30)), late], box(FIRST, LAST))


def look_everything_up(tables: ContractTables, calendar: Calendar) -> None:
    rules, day = Contracts(tables, calendar), date(2026, 6, 1)
    for underlying in (Underlying("NIFTY"), Underlying("BANKNIFTY")):
        rules.freeze_quantity(underlying, day)
        rules.tick(underlying, day)
        for expiry in rules.expiries(underlying, day):
            rules.lot_size(underlying, day, expiry.day)
            if (underlying, expiry.cycle) != ("BANKNIFTY", ExpiryCycle.QUARTERLY):  # not known on that day
                rules.strike_step(underlying, day, expiry.day)


def without(rows: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return rows[:index] + rows[index + 1 :]


def test_the_shipped_contract_tables_answer_every_look_up(
    contract_tables: ContractTables, calendar: Calendar
) -> None:
    look_everything_up(contract_tables, calendar)


@pytest.mark.parametrize("table", [*DATED_CONTRACTS, "lot"])
def test_contract_tables_notice_any_row_that_is_missing(
    table: str, contract_tables: ContractTables, calendar: Calendar
) -> None:
    rows = getattr(contract_tables, table)
    for index in range(len(rows)):
        with pytest.raises((ValueError, DateNotCovered), match=table):
            look_everything_up(replace(contract_tables, **{table: without(rows, index)}), calendar)


@pytest.mark.parametrize("table", DATED_CHARGES)
def test_charge_tables_notice_any_row_that_is_missing(table: str, charge_tables: ChargeTables) -> None:
    rows = getattr(charge_tables, table)
    for index in range(len(rows)):
        with pytest.raises(ValueError, match=table):
            replace(charge_tables, **{table: without(rows, index)})


@pytest.mark.parametrize("table", ["session_time", "holiday", "special_session", "year"])
def test_calendar_tables_notice_any_row_that_is_missing(table: str, calendar_tables: CalendarTables) -> None:
    rows = getattr(calendar_tables, table)
    for index in range(len(rows)):
        with pytest.raises(ValueError, match=r"session_time|holiday|year"):
            replace(calendar_tables, **{table: without(rows, index)})


def stretched(rows: tuple[Any, ...], index: int, end: str, days: int) -> tuple[Any, ...]:
    row = replace(rows[index], **{end: getattr(rows[index], end) + timedelta(days)})
    return (*rows[:index], row, *rows[index + 1 :])


SHIFTS = st.integers(-400, 400).filter(bool)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(data=st.data(), days=SHIFTS)
def test_no_dated_row_can_be_stretched_or_shrunk(
    data: st.DataObject, days: int, contract_tables: ContractTables, charge_tables: ChargeTables
) -> None:
    holder: Any = data.draw(st.sampled_from([contract_tables, charge_tables]))
    table = data.draw(st.sampled_from(DATED_CONTRACTS if holder is contract_tables else DATED_CHARGES))
    rows = getattr(holder, table)
    index = data.draw(st.integers(0, len(rows) - 1))
    ends = [end for end in ("valid_from", "valid_to") if getattr(rows[index], end) is not None]
    changed = stretched(rows, index, data.draw(st.sampled_from(ends)), days)
    with pytest.raises(ValueError, match=table):
        replace(holder, **{table: changed})


def lot_ends(row: LotRow) -> list[str]:
    return [
        end for end in ("trade_from", "trade_to", "expiry_from", "expiry_to") if getattr(row, end) is not None
    ]


@settings(derandomize=True, max_examples=150, deadline=None)
@given(data=st.data(), days=SHIFTS)
def test_no_lot_row_can_be_stretched_or_shrunk(
    data: st.DataObject, days: int, contract_tables: ContractTables
) -> None:
    rows = contract_tables.lot
    index = data.draw(st.integers(0, len(rows) - 1))
    end = data.draw(st.sampled_from(lot_ends(rows[index])))
    if end == "expiry_from" and rows[index].expiry_from == rows[index].trade_from:
        days = abs(days)  # stretched earlier, it would reach only contracts that had expired
    with pytest.raises(ValueError, match="lot"):
        replace(contract_tables, lot=stretched(rows, index, end, days))


def test_tables_survive_the_journal(
    contract_tables: ContractTables, charge_tables: ChargeTables, calendar_tables: CalendarTables
) -> None:
    """Tables written as JSON and read again are the same values."""
    for tables in (contract_tables, charge_tables, calendar_tables):
        assert msgspec.json.decode(msgspec.json.encode(tables), type=type(tables)) == tables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tick": "-0.05"}, "tick NIFTY was -0.05, must be above 0"),
        ({"lot": 0}, "lot NIFTY was 0, must be 1 or more"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    change: dict[str, Any], message: str, contract_tables: ContractTables
) -> None:
    if "tick" in change:
        row = msgspec.convert(
            msgspec.to_builtins(contract_tables.tick[0]) | change, type(contract_tables.tick[0])
        )
        broken: dict[str, Any] = {"tick": (row, *contract_tables.tick[1:])}
    else:
        broken = {"lot": (replace(contract_tables.lot[0], units=0), *contract_tables.lot[1:])}
    with pytest.raises(ValueError, match=message):
        replace(contract_tables, **broken)


def test_freeze_steps_must_rise_and_end_without_a_bound(contract_tables: ContractTables) -> None:
    steps = contract_tables.freeze_step
    with pytest.raises(ValueError, match="freeze_step level_up_to 5750 follows 8625, must rise"):
        replace(contract_tables, freeze_step=(steps[1], steps[0], *steps[2:]))
    with pytest.raises(ValueError, match="freeze_step must end with a row without level_up_to"):
        replace(contract_tables, freeze_step=steps[:-1])


def test_month_rules_begin_with_a_month(contract_tables: ContractTables) -> None:
    rows = list(contract_tables.expiry_rule)
    at = next(
        i for i, row in enumerate(rows) if row.cycle is ExpiryCycle.MONTHLY and row.valid_from.year == 2025
    )
    rows[at - 1] = replace(rows[at - 1], valid_to=date(2025, 8, 28))
    rows[at] = replace(rows[at], valid_from=date(2025, 8, 29))
    with pytest.raises(ValueError, match="expiry_rule NIFTY M begins on 2025-08-29, in mid-month"):
        replace(contract_tables, expiry_rule=tuple(rows))
