"""The loop over a live source: silence is acted on as it lasts, broken ties stop new risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.fakes import TRADING, Day, MemoryJournal, make_engine, make_runner, opening, simulated
from volguard.engine.state import State
from volguard.model.decision import TradingState
from volguard.model.event import (
    Event,
    FeedGap,
    KillSwitchSeen,
    Link,
    LinkChanged,
    MarketSnapshot,
    OrderUpdated,
    Place,
    SessionEnded,
    StateChanged,
)
from volguard.model.market import Silence
from volguard.model.order import Purpose
from volguard.runner import Outcome, Watch

CADENCE_S = 300.0
ENGINE = make_engine(*TRADING)


def live_day(*between: Silence | LinkChanged, missing: tuple[int, ...] = ()) -> Day:
    """Fifty minutes in which two entries would be made."""
    day: Day = simulated(seed=1, scenario="crash", cadence_s=CADENCE_S, start=2, stop=12)
    shots = tuple(shot for i, shot in enumerate(day.market.shots) if i not in missing)
    return replace(day, market=replace(day.market, shots=shots, between=between))


def run(day: Day, watch: Watch | None = None) -> tuple[MemoryJournal, Outcome]:
    """A whole run."""
    journal = MemoryJournal()
    watched = watch or Watch(stop_requested=lambda: False, kill_switch_present=lambda: False)
    runner = make_runner(day.market, journal, engine=ENGINE, watch=watched)
    return journal, runner.run(opening(day), State())


def every(seconds: float, first: datetime, last: datetime) -> tuple[Silence, ...]:
    """A live source that has nothing to say between two moments."""
    count = int((last - first).total_seconds() / seconds)
    return tuple(Silence(ts=first + timedelta(seconds=seconds * n)) for n in range(1, count))


def opens(journal: MemoryJournal) -> list[datetime]:
    """When orders left that add risk."""
    return [
        event.ts
        for event, _, effects, _ in journal.steps
        for effect in effects
        if isinstance(effect, Place) and effect.approved.request.purpose is Purpose.OPEN
    ]


def test_a_gap_is_told_while_it_lasts_and_only_once() -> None:
    """The feed is silent for longer than three cadences: it is acted on then, not when it comes back."""
    shots = live_day().market.shots
    silence = every(60.0, shots[3].ts, shots[8].ts)
    journal, _ = run(live_day(*silence, missing=(4, 5, 6, 7)))
    gaps = [event for event in journal.events if isinstance(event, FeedGap)]
    assert [gap.ts for gap in gaps] == [shots[3].ts + timedelta(seconds=3 * CADENCE_S)]
    after = journal.events[journal.events.index(gaps[0]) + 1]
    assert isinstance(after, OrderUpdated) and after.ts < shots[8].ts  # the entry under way is off already


def test_silence_alone_leaves_no_row() -> None:
    """A source that says that nothing came is not journaled: decisions are the same with and without."""
    shots = live_day().market.shots
    silent, _ = run(live_day(*every(60.0, shots[0].ts, shots[-1].ts)))
    plain, _ = run(live_day())
    assert [(type(e), e.ts) for e in silent.events] == [(type(e), e.ts) for e in plain.events]
    assert silent.records == plain.records


def test_the_operator_can_stop_a_silent_session() -> None:
    """Ctrl-C works while no market comes, before the open too."""
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 3

    shots = live_day().market.shots
    before_open = tuple(Silence(ts=shots[0].ts - timedelta(seconds=n)) for n in range(10, 0, -1))
    journal, outcome = run(
        live_day(*before_open), Watch(stop_requested=stop, kill_switch_present=lambda: False)
    )
    assert outcome.end_reason == "interrupted"
    assert isinstance(journal.events[-1], SessionEnded)
    assert not [event for event in journal.events if isinstance(event, MarketSnapshot)]


def test_the_kill_switch_works_in_silence() -> None:
    """The file is looked at although no market comes."""
    shots = live_day().market.shots
    silence = every(60.0, shots[0].ts, shots[1].ts)
    looks: list[bool] = []

    def present() -> bool:
        looks.append(True)
        return len(looks) > 2

    journal, outcome = run(
        live_day(*silence), Watch(stop_requested=lambda: False, kill_switch_present=present)
    )
    told = [event for event in journal.events if isinstance(event, KillSwitchSeen)]
    assert [event.ts for event in told] == [silence[1].ts]
    desk = outcome.state.desk
    assert desk is not None and desk.trading_state is TradingState.HALTED


def test_a_day_that_ends_in_silence_ends_at_its_close() -> None:
    """The feed died before the close: the session's end is when the market closed, not when it last spoke."""
    last = live_day().market.shots[-1].ts
    silence = every(60.0, last, last + timedelta(hours=1))
    journal, _ = run(live_day(*silence))
    ended = journal.events[-1]
    assert isinstance(ended, SessionEnded) and ended.ts == silence[-1].ts
    assert [event.ts for event in journal.events] == sorted(event.ts for event in journal.events)


def broken(link: Link, at: datetime, *, is_up: bool = False) -> LinkChanged:
    return LinkChanged(ts=at, link=link, is_up=is_up, text="told by the source")


def test_a_dead_token_stops_new_risk_and_a_new_one_lets_it_come_back() -> None:
    """While it is dead nothing is opened though quotes still come; after it the dwell, then trading."""
    shots = live_day().market.shots
    down = shots[0].ts + timedelta(seconds=1)
    never, _ = run(live_day(broken(Link.TOKEN, down)))
    assert opens(run(live_day())[0]) and not opens(never)
    up = shots[2].ts + timedelta(seconds=1)
    again, outcome = run(live_day(broken(Link.TOKEN, down), broken(Link.TOKEN, up, is_up=True)))
    assert opens(again) and min(opens(again)) > up
    causes = [r.reason for r in again.records if isinstance(r, StateChanged)]
    assert "token_down" in causes and any(reason.startswith("clean for") for reason in causes)
    desk = outcome.state.desk
    assert desk is not None and desk.links_down == ()


def test_one_tie_that_holds_again_does_not_heal_the_other() -> None:
    """Feed and token both broke; the feed alone comes back: still no new risk."""
    shots = live_day().market.shots
    at = shots[0].ts
    journal, outcome = run(
        live_day(
            broken(Link.FEED, at + timedelta(seconds=1)),
            broken(Link.TOKEN, at + timedelta(seconds=2)),
            broken(Link.FEED, at + timedelta(seconds=3), is_up=True),
        )
    )
    assert not opens(journal)
    desk = outcome.state.desk
    assert desk is not None and desk.links_down == (Link.TOKEN,)
    assert desk.degraded_by == ("token_down",)


def test_a_broken_tie_is_journaled_durably() -> None:
    """It came from outside and would be lost with the power."""
    shots = live_day().market.shots
    journal, _ = run(live_day(broken(Link.FEED, shots[0].ts + timedelta(seconds=1))))
    durable = {type(event): durable for event, _, _, durable in journal.steps}
    kinds: list[type[Event]] = [LinkChanged, SessionEnded]
    assert all(durable[kind] for kind in kinds)
