"""The tables for people say what the rows say, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.adapters.journal_samples import written
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_views import VIEWS, build_views, compare_views


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
