"""A session cut anywhere and started again decides and fills exactly as one that was never cut."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes import (
    TRADING,
    Day,
    MemoryJournal,
    make_engine,
    make_runner,
    opening,
    paper,
    simulated,
)
from volguard.adapters.journal_codec import encode
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of, failed_steps, recover_state
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.errors import JournalDamaged
from volguard.model.event import Effect, Event, KillSwitchSeen, MarketSnapshot, Record, SessionResumed
from volguard.model.order import OrderState
from volguard.runner import Outcome

SAID = (
    "DecisionMade",
    "FillBooked",
    "TradeChanged",
    "OrderChanged",
    "StateChanged",
    "Place",
    "Modify",
    "Cancel",
)
ENGINE = make_engine(*TRADING)


@pytest.fixture(scope="module")
def day() -> Day:
    """Entries, an entry that times out, then the crash with its exits; a hole of hours between the two."""
    whole = simulated(seed=1, scenario="crash", cadence_s=120.0)
    shots = whole.market.shots
    return Day(market=replace(whole.market, shots=shots[6:18] + shots[143:153]), history=whole.history)


@dataclass
class CopyingJournal:
    """Writes to a real journal, and copies its files after every write: what a power cut would leave."""

    journal: SqliteJournal
    folder: Path
    cuts: list[Path] = field(default_factory=list)
    step_of: list[int] = field(default_factory=list)  # which step each cut follows
    steps: int = -1

    def append(self, event: Event) -> int:
        return self.journal.append(event)

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        self.journal.commit(seq, records, effects, durable=durable)
        self.steps += 1
        self._copy()

    def checkpoint(self, ts: datetime, state: Any) -> None:
        self.journal.checkpoint(ts, state)
        self._copy()

    def _copy(self) -> None:
        to = self.folder / f"cut{len(self.cuts):04d}"
        to.mkdir()
        for path in self.journal.path.parent.glob(f"{self.journal.path.name}*"):
            if not path.name.endswith(("-shm", ".lock")):
                shutil.copyfile(path, to / path.name)
        self.cuts.append(to / self.journal.path.name)
        self.step_of.append(self.steps)


@dataclass(frozen=True)
class Whole:
    """The session that was never cut, and where it could have been."""

    outcome: Outcome
    said: list[tuple[str, str]]
    cuts: list[Path]
    states: list[State]  # as it stood at each cut


def said_in(path: Path) -> list[tuple[str, str]]:
    """Everything decided, booked and sent, as journaled."""
    with JournalReader.open(path) as reader:
        return [(row.kind, row.body) for row in reader.rows(kinds=SAID)]


def run_whole(day: Day, folder: Path, engine: Engine = ENGINE, checkpoint_s: float = 600.0) -> Whole:
    """One session into a real journal."""
    path = folder / "s.db"
    journal = SqliteJournal.open(path, create=True)
    copying = CopyingJournal(journal=journal, folder=folder)
    states: list[State] = []
    runner = make_runner(
        day.market,
        copying,
        engine=engine,
        checkpoint_s=checkpoint_s,
        show=lambda state, _step: states.append(state),
    )
    outcome = runner.run(opening(day), State())
    journal.close()
    at_cut = [states[step] for step in copying.step_of]
    return Whole(outcome=outcome, said=said_in(path), cuts=copying.cuts, states=at_cut)


def go_on(day: Day, path: Path, into: MemoryJournal | None = None) -> Outcome:
    """Start again on what a cut left, and run to the end of the market, writing on (or into memory)."""
    journal = SqliteJournal.open(path)
    try:
        state = recover_state(journal, ENGINE)
        exchange = paper(cadence_s=day.market.info.capabilities.cadence_s)
        assert state.desk is not None
        book = state.desk.book
        fills = [fill for trade in book.trades for fill in trade.fills]
        exchange.restore(book.orders, fills, state.desk.last_snapshot_at)
        events: tuple[Event, ...] = (
            SessionResumed(ts=state.desk.now, code_version="test", from_seq=journal.head[0]),
        )
        if state.outlook.last_close is None:  # cut before the history was told
            events = (*events, day.history)
        to = journal if into is None else into
        runner = make_runner(day.market, to, engine=ENGINE, exchange=exchange, checkpoint_s=600.0)
        return runner.run(events, state)
    finally:
        journal.close()


def said_after(path: Path, more: MemoryJournal) -> list[tuple[str, str]]:
    """What a journal holds and what was then said into memory."""
    rows = [encode(value) for step in more.steps for value in (*step[1], *step[2])]
    return said_in(path) + [(kind, body.decode()) for kind, body in rows if kind in SAID]


@pytest.fixture(scope="module")
def whole(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The session that was never cut."""
    return run_whole(day, tmp_path_factory.mktemp("whole"))


def test_the_session_is_worth_cutting(whole: Whole) -> None:
    """It enters, re-prices, cancels, unwinds, exits and meets a gap: else the sweep would prove little."""
    kinds = {kind for kind, _ in whole.said}
    assert {"Place", "Modify", "Cancel", "FillBooked"} <= kinds
    assert whole.outcome.state.desk is not None
    book = whole.outcome.state.desk.book
    assert len(book.orders) >= 12 and {o.state for o in book.orders} >= {
        OrderState.FILLED,
        OrderState.CANCELLED,
    }
    assert any(trade.exit_reason == "not filled in time" for trade in book.trades)
    assert len(whole.cuts) > 80


def test_cut_after_any_write_it_goes_on_identically(day: Day, whole: Whole) -> None:
    """Every cut point in turn: same decisions, orders and fills from there on, same state in the end."""
    for number, path in enumerate(whole.cuts[:-1]):
        more = MemoryJournal()
        outcome = go_on(day, path, more)
        assert said_after(path, more) == whole.said, f"cut {number} of {len(whole.cuts)}"
        assert outcome.state.desk == whole.outcome.state.desk, f"cut {number} of {len(whole.cuts)}"


def test_the_journal_that_goes_on_holds_the_whole_story(day: Day, whole: Whole, tmp_path: Path) -> None:
    """Some cuts written on: one journal, each order in it once, its end recovered as it was left."""
    for number, cut in enumerate(whole.cuts[3:-1:16]):
        path = tmp_path / str(number) / cut.name
        shutil.copytree(cut.parent, path.parent)
        outcome = go_on(day, path)
        assert said_in(path) == whole.said
        with JournalReader.open(path) as reader:
            tags = [reader.event(row).approved.request.tag for row in reader.rows(kinds=("Place",))]
            assert recover_state(reader, ENGINE).desk == outcome.state.desk == whole.outcome.state.desk
            assert beginning_of(reader).ended == "market_over"
        assert len(tags) == len(set(tags))


class _Stumbles(Engine):
    # Raises on one snapshot, as a bug would.
    def __init__(self, sound: Engine, at: datetime) -> None:
        super().__init__(sound.settings, sound.rules)
        self.at = at

    def step(self, state: State, event: Event) -> Step:
        if isinstance(event, MarketSnapshot) and event.ts == self.at:
            raise ZeroDivisionError("a bug")
        return super().step(state, event)


@pytest.fixture(scope="module")
def stumbled(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A session in which the step of one snapshot raised."""
    shots = day.market.shots
    part = Day(market=replace(day.market, shots=shots[:12]), history=day.history)
    yield run_whole(part, tmp_path_factory.mktemp("stumbled"), _Stumbles(ENGINE, shots[5].ts), 1.0)


def test_a_failed_step_is_recovered_as_it_was(stumbled: Whole) -> None:
    """Recovery does not try the step again: it takes the failure that the journal holds."""
    whole_desk = stumbled.outcome.state.desk
    assert whole_desk is not None and whole_desk.failed
    with JournalReader.open(stumbled.cuts[-1]) as reader:
        assert list(failed_steps(reader, 0).values()) == ["ZeroDivisionError: a bug"]
        recovered = recover_state(reader, ENGINE)
    assert recovered.desk == whole_desk


@pytest.mark.parametrize("session", ["whole", "stumbled"])
def test_the_market_is_brought_back_exactly(session: str, request: pytest.FixtureRequest) -> None:
    """After any write: the same look, flags and gap, also where the step of a later look had failed."""
    was: Whole = request.getfixturevalue(session)
    for path, state in zip(was.cuts, was.states, strict=True):
        with JournalReader.open(path) as reader:
            recovered = recover_state(reader, ENGINE).market
        if state.market is None:
            assert recovered is None
            continue
        assert recovered is not None and recovered.ts == state.market.ts
        assert recovered.after_gap is state.market.after_gap
        for name in ("flags", "mid", "sigma", "forward"):
            ours, theirs = getattr(recovered, name), getattr(state.market, name)
            assert np.array_equal(ours, theirs, equal_nan=name != "flags"), name


def test_the_beginning_names_the_session_and_how_it_ended(whole: Whole, tmp_path: Path) -> None:
    """None while it has not ended; a resumed session has not ended either."""
    with JournalReader.open(whole.cuts[-1]) as reader:
        assert beginning_of(reader).ended == "market_over"
    path = tmp_path / "r.db"
    journal = SqliteJournal.open(path, create=True)
    journal.commit(journal.append(_started(whole)), [], [], durable=True)
    assert beginning_of(journal).ended is None
    journal.close()


def _started(whole: Whole) -> Event:
    with JournalReader.open(whole.cuts[0]) as reader:
        return beginning_of(reader).started


def test_a_journal_that_does_not_begin_with_a_start_is_damaged(tmp_path: Path) -> None:
    """Exit 9 names the file."""
    journal = SqliteJournal.open(tmp_path / "x.db", create=True)
    ts = simulated(seed=1, scenario="crash", cadence_s=120.0).market.shots[0].ts
    journal.commit(journal.append(KillSwitchSeen(ts=ts, present=False)), [], [], durable=True)
    with pytest.raises(JournalDamaged, match=r"x\.db does not begin with a session's start"):
        beginning_of(journal)
    journal.close()
