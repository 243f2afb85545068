"""The document that scripts read: its keys, and sums that hold on the printed strings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.report.conftest import LEGS, book_of, condor
from tests.report.refusals import LATER, STRIKES, carried, refusal
from volguard.model.book import Book, Bucket
from volguard.model.event import SignalsCause, SignalsNoted
from volguard.model.signal import Signal
from volguard.model.units import IST
from volguard.report.day import DayInputs, build_day
from volguard.report.day_json import document
from volguard.report.refused import RefusedDay, held_together

MakeDay = Callable[..., DayInputs]
KEYS = [
    "schema", "session_id", "phase", "source", "trading_date", "snapshots", "decisions", "decisions_hash",
    "refusals", "refusals_by_rule", "refused", "signals", "orders", "fills", "execution", "trades", "buckets",
    "open_positions", "missing_marks",
    "realised_pnl_inr", "unrealised_pnl_inr", "gross_pnl_inr", "charges_inr",
    "carried_pnl_inr", "net_pnl_inr", "data_quality",
    "gaps", "step_ms", "decision_to_screen_ms", "journal", "halted_reason", "ended",
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


def test_refusals_on_paper_are_a_section(make_day: MakeDay) -> None:
    """What each would have made, by reason, with the waits before any was looked at; null where not known."""
    day = RefusedDay(
        marked_at=LATER,
        structures=held_together((carried(), carried(refusal(reason="leg_jump")))),
        waits={(Bucket.WEEKLY, "iv_rv_avoid"): 3},
    )
    section = written(make_day(refused=day))["refused"]
    assert (section["marked_at"], section["held"], section["net_inr"]) == (LATER.isoformat(), 1, "-666.81")
    costs, jump = section["by_reason"]
    assert (costs["reason"], costs["structures"], costs["net_inr"]) == ("cost_test", 1, "-666.81")
    assert (jump["not_available"], jump["net_inr"], jump["held_net_inr"]) == (1, None, None)
    known, unknown = section["structures"]
    assert (known["strikes"], known["gross_inr"], known["missing"]) == (list(STRIKES), "-455.00", None)
    assert unknown["net_inr"] is None and "in doubt" in unknown["missing"]
    assert section["no_candidate_was_made"] == [{"bucket": "WEEKLY", "reason": "iv_rv_avoid", "waits": 3}]
    nothing = written(make_day())["refused"]
    assert nothing["net_inr"] is nothing["marked_at"] is None and nothing["structures"] == []


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


def test_the_signals_noted_last_are_part_of_the_day(make_day: MakeDay) -> None:
    """With the look they are of; a session that noted none says so."""
    signal = Signal(
        name="iv_rank", value=70.0, says="HIGH", text="70 of 100", age_s=3.0, confidence=0.9, expiry=None
    )
    noted = SignalsNoted(
        ts=datetime(2025, 8, 29, 15, 0, tzinfo=IST), cause=SignalsCause.CHANGE, signals=(signal,)
    )
    section = written(make_day(signals=noted))["signals"]
    assert (section["ts"], section["cause"]) == ("2025-08-29T15:00:00+05:30", "CHANGE")
    assert section["signals"][0]["says"] == "HIGH"
    assert written(make_day())["signals"] is None


@pytest.mark.parametrize(
    ("delays", "expected"),
    [
        (None, {"n": None, "median": None, "worst": None}),
        ((), {"n": 0, "median": None, "worst": None}),
        ((30.0, 10.0, 80.0), {"n": 3, "median": 30.0, "worst": 80.0}),
    ],
)
def test_how_fast_proposals_reached_the_screen(
    make_day: MakeDay, delays: tuple[float, ...] | None, expected: dict[str, float | None]
) -> None:
    """Median, worst and how many; without a screen there is nothing to tell."""
    assert written(make_day(screen_ms=delays))["decision_to_screen_ms"] == expected
