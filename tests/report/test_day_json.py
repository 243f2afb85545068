"""The document that scripts read: its keys, and sums that hold on the printed strings."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.report.conftest import LEGS, book_of, condor
from volguard.model.book import Book
from volguard.report.day import DayInputs, build_day
from volguard.report.day_json import document

MakeDay = Callable[..., DayInputs]
KEYS = [
    "schema", "session_id", "phase", "source", "trading_date", "snapshots", "decisions", "decisions_hash",
    "refusals", "refusals_by_rule", "orders", "fills", "execution", "trades", "buckets",
    "open_positions", "missing_marks",
    "realised_pnl_inr", "unrealised_pnl_inr", "gross_pnl_inr", "charges_inr",
    "carried_pnl_inr", "net_pnl_inr", "data_quality",
    "gaps", "step_ms", "journal", "halted_reason", "ended",
]  # fmt: skip


def written(inputs: DayInputs) -> dict[str, Any]:
    text = json.dumps(document(build_day(inputs)), allow_nan=False)
    plain: dict[str, Any] = json.loads(text)
    return plain


def test_the_keys_are_the_schema(make_day: MakeDay) -> None:
    """Exactly the published keys, in their order, also on a day without anything."""
    nothing = make_day(
        book=Book(), marks={}, seen=(), decisions=(), state_changes=(), alerts=(), gaps=(), step_ms=()
    )
    for inputs in (make_day(), nothing):
        assert list(written(inputs)) == KEYS
    empty = written(nothing)
    assert empty["data_quality"] == {"mean": None, "min": None}
    assert empty["step_ms"] == {"median": None, "p99": None, "max": None}
    assert empty["net_pnl_inr"] == "0.00"


def test_printed_money_adds_up(make_day: MakeDay) -> None:
    """Gross = realised + unrealised and net = gross - charges on the printed strings, also per trade."""
    both = book_of(condor("T1"), condor("T2", ("5.00", "11.00", "30.00", "12.00")))
    doc = written(make_day(book=both))
    money = {key: Decimal(doc[key]) for key in KEYS if key.endswith("_inr")}
    assert money["gross_pnl_inr"] == money["realised_pnl_inr"] + money["unrealised_pnl_inr"]
    assert money["net_pnl_inr"] == money["gross_pnl_inr"] - money["charges_inr"]
    for trade in doc["trades"]:
        net = Decimal(trade["gross_pnl_inr"]) - Decimal(trade["charges_inr"])
        assert Decimal(trade["net_pnl_inr"]) == net
    assert sum(Decimal(trade["gross_pnl_inr"]) for trade in doc["trades"]) == money["gross_pnl_inr"]


def test_a_fill_and_its_trade_carry_the_facts(make_day: MakeDay) -> None:
    """Times with offset, units not lots, prices and charges with two decimals, exit null while open."""
    doc = written(make_day())
    assert doc["fills"][0] == {
        "ts": "2025-08-29T10:05:00+05:30", "expiry": "2025-09-02", "strike": 24200, "option_type": "PE",
        "side": "BUY", "quantity": 75, "price": "8.10", "charges_inr": "24.32", "tag": "T1-0",
        "trade_id": "T1",
    }  # fmt: skip
    (trade,) = doc["trades"]
    assert trade["exit"] is None
    assert trade["entry"] == {"ts": "2025-08-29T10:05:00+05:30", "cash_inr": "2250.00"}
    assert [leg["quantity"] for leg in trade["legs"]] == [75] * 4
    assert doc["orders"][0]["state"] == "FILLED"
    assert doc["gaps"] == [
        {"from": "2025-08-29T11:33:50+05:30", "to": "2025-08-29T11:53:00+05:30", "seconds": 1150.0}
    ]


def test_a_missing_mark_is_null_and_named(make_day: MakeDay) -> None:
    """Nobody quotes a held leg: its mark, unrealised, gross and net are null; missing_marks names it."""
    doc = written(make_day(marks={}))
    assert doc["missing_marks"] == [leg.contract.symbol for leg in LEGS]
    assert doc["open_positions"][0]["mark"] is None
    assert doc["unrealised_pnl_inr"] is doc["gross_pnl_inr"] is doc["net_pnl_inr"] is None
    assert doc["realised_pnl_inr"] == "0.00"


def test_each_bucket_that_traded_has_its_own_result(make_day: MakeDay) -> None:
    """Sums of its trades; a trade that nobody can mark leaves the sum unknown, not smaller."""
    doc = written(make_day(book=book_of(condor("T1"), condor("T2", ("5.00", "11.00", "30.00", "12.00")))))
    (row,) = doc["buckets"]
    assert (row["bucket"], row["trades"], row["open_trades"]) == ("WEEKLY", 2, 1)
    for key in ("gross_pnl_inr", "charges_inr", "net_pnl_inr"):
        assert Decimal(row[key]) == sum(Decimal(trade[key]) for trade in doc["trades"])
    unmarked = written(make_day(marks={}))["buckets"][0]
    assert unmarked["gross_pnl_inr"] is unmarked["net_pnl_inr"] is None
    assert Decimal(row["capital_used_inr"]) > 0


def test_orders_say_what_they_cost_against_the_mid(make_day: MakeDay) -> None:
    """Each order beside its mid at arrival; the summary adds them up; one not known to be sent: null."""
    doc = written(make_day())
    bought, sold = doc["orders"][0], doc["orders"][1]
    assert (bought["arrival_mid"], bought["average_price"]) == ("8.0750", "8.1000")
    assert (bought["slippage_per_unit"], bought["slippage_inr"]) == ("0.0250", "1.88")
    assert (sold["slippage_per_unit"], sold["slippage_inr"]) == ("-0.0250", "-1.88")
    assert (bought["outcome"], bought["fill_s"], bought["price_steps"]) == ("FILLED", 1.5, 0)
    (low,) = doc["execution"]["by_urgency"]
    assert (low["urgency"], low["orders"], low["filled_share"], low["slippage_inr"]) == (
        "LOW",
        4,
        1.0,
        "0.00",
    )
    assert {key: low[key] for key in low if key != "urgency"} == doc["execution"]["all"]
    unknown = written(make_day(sent=()))
    assert unknown["orders"][0]["arrival_mid"] is unknown["orders"][0]["outcome"] is None
    assert unknown["execution"]["all"]["slippage_inr"] is unknown["execution"]["all"]["filled_share"] is None
