"""How a journal stands when no session runs on it, read without starting anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import TRADING, TS, make_engine, make_runner, opening, session_started, simulated
from volguard.adapters.journal_status import journal_status
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.engine.state import State
from volguard.model.errors import JournalDamaged, UsageError
from volguard.model.event import SessionEnded, SessionResumed


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    """A new journal, open for writing."""
    made = SqliteJournal.open(tmp_path / "s.db", create=True)
    yield made
    made.close()


def test_the_last_checkpoint_and_the_end(journal: SqliteJournal) -> None:
    """Session, states, counts, result, trades: as the session left them."""
    day = simulated(seed=1, scenario="calm", start=2, stop=9)
    outcome = make_runner(day.market, journal, engine=make_engine(*TRADING)).run(opening(day), State())
    desk = outcome.state.desk
    assert desk is not None and desk.book.trades
    seen = journal_status(journal.path)
    assert seen["schema"] == "volguard.status/1" and seen["running"] is False
    assert (seen["session_id"], seen["ended"], seen["phase"]) == ("s-1", "market_over", "SHADOW")
    assert (seen["snapshots"], seen["decisions"]) == (desk.snapshots, desk.decisions) == (7, desk.decisions)
    assert seen["trading_state"] == desk.trading_state and seen["data_quality"] == desk.quality
    assert seen["pnl_net_inr"] == str(desk.pnl_net_inr)
    assert seen["trades"][0].startswith("T001 IRON_CONDOR ") and len(seen["trades"]) == len(desk.book.trades)
    assert seen["journal"] == {"path": str(journal.path), "rows": journal.head[0]}


def test_a_session_that_was_resumed_has_not_ended(journal: SqliteJournal) -> None:
    """Interrupted, started again, then killed: it did not end."""
    day = simulated(seed=1, scenario="calm", start=2, stop=4)
    make_runner(day.market, journal, engine=make_engine()).run(opening(day), State())
    journal.commit(journal.append(SessionEnded(ts=TS, reason="interrupted")), [], [], durable=True)
    assert journal_status(journal.path)["ended"] == "interrupted"
    resumed = SessionResumed(ts=TS, code_version="test", from_seq=9)
    journal.commit(journal.append(resumed), [], [], durable=True)
    assert journal_status(journal.path)["ended"] is None


def test_a_journal_without_a_checkpoint_says_so(journal: SqliteJournal) -> None:
    """A session that began a moment ago has no state yet."""
    journal.commit(journal.append(session_started()), [], [], durable=True)
    with pytest.raises(UsageError, match=r"s\.db holds no checkpoint yet"):
        journal_status(journal.path)


def test_no_journal_and_no_database(tmp_path: Path) -> None:
    """A missing file is usage, a file that is no journal is damage."""
    with pytest.raises(UsageError, match=r"journal .*none\.db does not exist"):
        journal_status(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("not a database, " * 100)
    with pytest.raises(JournalDamaged, match=r"text\.db is not a readable journal"):
        journal_status(tmp_path / "text.db")
