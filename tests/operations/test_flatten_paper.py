"""Paper sessions in a flatten: told, watched until they hold nothing, named when they do not get there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.journal_samples import STARTED
from volguard.adapters.control import ControlServer
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.errors import VolguardError
from volguard.model.event import PAPER, OperatorCommand
from volguard.model.units import IST
from volguard.operations.flatten_paper import paper_sessions, tell_to_flatten, wait_until_flat
from volguard.simulator.upstox_server.clock import VirtualClock

HELD: dict[str, Any] = {"positions": [{"quantity": -65, "symbol": "A 24500 CE"}], "open_orders": []}
EMPTY: dict[str, Any] = {"positions": [], "open_orders": []}


def unsaid(text: str) -> None:
    """Nothing is to be warned of."""
    raise AssertionError(text)


def begun(path: Path, broker: str = PAPER) -> Path:
    """The journal of a session that has just started."""
    with closing(SqliteJournal.open(path, create=True)) as journal:
        journal.commit(journal.append(replace(STARTED, broker=broker)), (), (), durable=True)
    return path


@pytest.fixture
def session(tmp_path: Path) -> Iterator[ControlServer]:
    """A paper session that shows a short."""
    server = ControlServer(begun(tmp_path / "simulator-1.db"))
    assert server.start()
    server.publish(json.dumps(HELD).encode())
    yield server
    server.close()


def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 9, 16, 10, 0, tzinfo=IST))


def test_a_session_is_told_and_watched_until_it_holds_nothing(session: ControlServer, tmp_path: Path) -> None:
    """What it says decides, not that it was told."""
    found = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)
    assert [one.held for one in found] == [("-65 A 24500 CE",)]
    said: list[str] = []

    def send(journal: Path, word: OperatorCommand, text: str) -> str:
        assert word is OperatorCommand.FLATTEN and text and journal == tmp_path / "simulator-1.db"
        session.publish(json.dumps(EMPTY).encode())
        return "ok"

    assert list(tell_to_flatten(found, send, said.append).values()) == ["ok"]
    (done,) = wait_until_flat(found, clock(), deadline_s=5.0, stopped=lambda: False)
    assert done.is_flat and "told to flatten: ok" in said[0]


def test_one_that_goes_on_holding_is_not_flat_at_the_deadline(session: ControlServer, tmp_path: Path) -> None:
    """It is named with what it holds."""
    assert session is not None
    found = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)
    ticking = clock()
    (done,) = wait_until_flat(found, ticking, deadline_s=5.0, stopped=lambda: False)
    assert not done.is_flat and done.held == ("-65 A 24500 CE",)
    assert 5.0 <= ticking.monotonic_s() < 6.0


def test_one_that_ends_with_positions_is_not_flat(session: ControlServer, tmp_path: Path) -> None:
    """Nobody answers any more: what it held last is not proven gone."""
    found = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)
    session.close()
    (done,) = wait_until_flat(found, clock(), deadline_s=5.0, stopped=lambda: False)
    assert not done.is_flat and done.trouble


def test_an_open_order_is_not_flat(session: ControlServer, tmp_path: Path) -> None:
    """It may still fill."""
    session.publish(json.dumps({"positions": [], "open_orders": ["BUY 65"]}).encode())
    (found,) = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)
    assert not found.is_flat


def test_the_live_journal_and_a_crashed_session_are_no_paper_sessions(
    session: ControlServer, tmp_path: Path
) -> None:
    """The first is the broker's account, behind the second is nobody."""
    (tmp_path / "journal").mkdir()
    assert session is not None
    assert paper_sessions(tmp_path, besides=tmp_path / "simulator-1.db", say=unsaid) == ()
    assert paper_sessions(tmp_path / "journal", besides=tmp_path / "mine.db", say=unsaid) == ()


def test_a_rehearsal_leaves_the_real_session_alone(session: ControlServer, tmp_path: Path) -> None:
    """Only the first row of a journal makes a session a paper one; what cannot be read is said."""
    assert session is not None
    real = [ControlServer(begun(tmp_path / f"{name}.db", "upstox")) for name in ("main", "other")]
    unread = ControlServer(tmp_path / "gone.db")
    garbled = ControlServer(tmp_path / "garbled.db")
    (tmp_path / "garbled.db").write_bytes(b"no journal at all" * 100)
    said: list[str] = []
    try:
        for server in (*real, unread, garbled):
            assert server.start()
            server.publish(json.dumps(HELD).encode())
        found = paper_sessions(tmp_path, besides=tmp_path / "rehearsal-main.db", say=said.append)
    finally:
        for server in (*real, unread, garbled):
            server.close()
    assert [one.journal.name for one in found] == ["simulator-1.db"]
    assert [line.partition(" is left alone")[0] for line in said] == [
        "warning: the session of garbled.db",
        "warning: the session of gone.db",
    ]


def test_a_session_that_has_shown_nothing_is_not_counted_as_flat(
    session: ControlServer, tmp_path: Path
) -> None:
    """No frame is no empty book."""
    session.publish(b"{}")
    (found,) = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)
    assert found.held is None and not found.is_flat


def test_one_that_does_not_answer_is_named(session: ControlServer, tmp_path: Path) -> None:
    """The word could not be given."""
    assert session is not None
    found = paper_sessions(tmp_path, besides=tmp_path / "mine.db", say=unsaid)

    def hang(_journal: Path, _word: OperatorCommand, _text: str) -> str:
        raise VolguardError("it does not answer")

    assert list(tell_to_flatten(found, hang, lambda _text: None).values()) == ["it does not answer"]
