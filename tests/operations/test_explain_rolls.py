"""A trade that became two is told as two: from its journal alone, each with the fills that are its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.test_adjusting import ENGINE
from tests.museum.scene import Scene
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_views import build_views, compare_views
from volguard.adapters.recovery import recover_state
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.engine import adjusting
from volguard.engine.state import State
from volguard.operations.explain import explain
from volguard.strategy.adjust import RollInputs, RollVerdict, judge_roll


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The morning's own condor, its calls rolled whatever that does to its stress."""

    def yes(inputs: RollInputs) -> RollVerdict:
        return replace(judge_roll(inputs), refusal="", stressed_inr=1e12)

    monkeypatch.setattr(adjusting, "judge_roll", yes)
    scene = Scene.holding(ENGINE)
    while len(scene.desk.book.trades) < 3:
        scene.look()
        scene.fill_all()
    return scene


@pytest.fixture
def path(scene: Scene, tmp_path: Path) -> Path:
    """Its journal."""
    path, state = tmp_path / "day.db", State()
    journal = SqliteJournal.open(path, create=True)
    for event in scene.events:
        seq = journal.append(event)
        step = ENGINE.step(state, event)
        journal.commit(seq, step.records, step.effects, durable=True)
        state = step.state
    journal.close()
    return path


def test_why_tells_each_part_its_own_fills(path: Path, scene: Scene) -> None:
    """The side that left with its way in and out, the rest with its way in; charges follow."""
    for trade in scene.desk.book.trades[:2]:
        told = explain(path, trade.trade_id)
        assert sorted(fill["fill_id"] for fill in told["fills"]) == sorted(f.fill_id for f in trade.fills)
    reasons = [state["reason"] for state in explain(path, "T002")["trade_states"]]
    assert reasons == ["split from T001"]
    assert {d["reason"] for d in explain(path, "T001")["decisions"]} >= {"approved", "exit_short_delta"}


def test_a_replay_and_the_tables_come_to_the_same_two_trades(path: Path, scene: Scene) -> None:
    """The desk event for event; the table of trades to the paisa."""
    with JournalReader.open(path) as reader:
        recovered = recover_state(reader, ENGINE).desk
    assert recovered is not None and recovered.book == scene.desk.book
    build_views(path)
    with JournalReader.open(path) as reader:
        assert compare_views(reader) == []
        rows = reader.connection.execute(
            "SELECT trade_id, structure, state, fills, cash_inr, charges_inr FROM trades ORDER BY trade_id"
        ).fetchall()
    for row, trade in zip(rows, scene.desk.book.trades, strict=True):
        assert row[:4] == (trade.trade_id, trade.structure.value, trade.state.value, len(trade.fills))
        assert (row[4], row[5]) == (str(trade.cash_inr), str(trade.charges_inr))
