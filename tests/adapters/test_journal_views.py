"""The tables for people say what the rows say, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adapters.journal_samples import CONTRACT, TS, a_fill, entry_decision, written
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_views import VIEWS, Row, build_views, compare_views, derive_views
from volguard.model.book import Bucket, Leg, StructureKind, Trade, TradeState
from volguard.model.event import DecisionMade, FillBooked, TradeSplit
from volguard.model.instrument import OptionType, Side


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = written(tmp_path / "a.db")
    assert build_views(journal) == 23
    return journal


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(text).fetchall()


def test_an_order_shows_what_became_of_it(path: Path) -> None:
    assert query(path, "SELECT tag, side, quantity, limit_price, state, filled_quantity FROM orders") == [
        ("vg-1", "SELL", 75, "101.00", "FILLED", 75)
    ]


def test_a_trade_adds_up_its_fills(path: Path) -> None:
    assert query(path, "SELECT trade_id, bucket, structure, state, fills, cash_inr FROM trades") == [
        ("T1", "WEEKLY", "IRON_CONDOR", "OPEN", 1, "7612.50")
    ]
    assert query(path, "SELECT symbol, price, charges_inr FROM fills") == [
        ("NIFTY 2025-09-02 24500 CE", "101.50", "31.482913")
    ]


def test_decisions_alerts_and_states_are_listed(path: Path) -> None:
    assert query(path, "SELECT seq, action, reason, candidates, breaches FROM decisions") == [
        (10, "ENTER", "ENTERED", 1, "quality was missing")
    ]
    assert query(path, "SELECT severity, code, text FROM alerts") == [("info", "END", "market over")]
    assert query(path, "SELECT seq, trading_state, reason FROM state_changes") == [(2, "ACTIVE", "ready")]


def test_views_can_be_built_again_and_agree_with_the_rows(path: Path) -> None:
    build_views(path)
    with JournalReader.open(path) as reader:
        assert compare_views(reader) == []


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_that_was_edited_or_dropped_is_named(path: Path, name: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {name} SET seq = 77")
    with JournalReader.open(path) as reader:
        assert compare_views(reader) == [name]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"DROP TABLE {name}")
    with JournalReader.open(path) as reader:
        assert compare_views(reader) == [name]


def test_views_half_built_by_a_crash_are_not_believed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE key = 'views_seq'")
        connection.execute("DELETE FROM orders")
    with JournalReader.open(path) as reader:
        assert compare_views(reader) == []


def test_a_trade_that_was_split_takes_its_fills_along() -> None:
    """Both rows say what they hold now: structure, number of fills, cash and charges; nothing is lost."""
    put = replace(CONTRACT, option_type=OptionType.PUT, strike=23_900)
    call_fill, put_fill = a_fill(), replace(a_fill(), fill_id="f-2", contract=put, price=Decimal("40.00"))
    rest = Trade(
        trade_id="T2",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.BULL_PUT_SPREAD,
        legs=(Leg(contract=put, side=Side.SELL),),
        lots=1,
        lot_size=75,
        state=TradeState.OPEN,
        proposed_at=TS,
        credit_per_unit=40.0,
        max_loss_inr=Decimal(0),
        reserved_inr=Decimal(0),
        fills=(replace(put_fill, fill_id="of-another-day"), put_fill),
    )
    said = (
        DecisionMade(decision=entry_decision()),
        FillBooked(trade_id="T1", fill=call_fill),
        FillBooked(trade_id="T1", fill=put_fill),
        TradeSplit(ts=TS, trade_id="T1", structure=StructureKind.BEAR_CALL_SPREAD, rest=rest),
    )
    views = derive_views(Row(seq=i, ts=TS.isoformat(), value=one) for i, one in enumerate(said, start=1))
    columns = ("trade_id", "bucket", "structure", "fills", "cash_inr", "charges_inr")
    assert [tuple(row[name] for name in columns) for row in views["trades"]] == [
        ("T1", "WEEKLY", "BEAR_CALL_SPREAD", 1, "7612.50", "31.482913"),
        ("T2", "WEEKLY", "BULL_PUT_SPREAD", 1, "3000.00", "31.482913"),
    ]
    assert [(row["fill_id"], row["trade_id"]) for row in views["fills"]] == [("f-1", "T1"), ("f-2", "T2")]
