"""How each check of the broker is broken on purpose: a look-alike with a fault, or tables that differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from volguard.adapters.upstox.credentials import Secret
from volguard.model.decision import Phase
from volguard.model.units import IST
from volguard.nse.calendar import CalendarTables, HolidayRow
from volguard.operations.validate_case import case
from volguard.operations.validate_checks_broker import SEGMENT
from volguard.operations.validate_row import Context, Verdict
from volguard.operations.validate_scene import Scene
from volguard.ports import Clock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

ALWAYS: Final = 1.0
EARLIER_CLOSE: Final = timedelta(minutes=10)


class SkewedClock:
    """Another clock, some seconds ahead."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock, self._ahead = clock, timedelta(seconds=ahead_s)
        self._read = clock.now

    def now(self) -> datetime:
        """Its time."""
        return self._read() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Wait on the other one."""
        self._clock.sleep(seconds)

    def monotonic_s(self) -> float:
        """The other one's."""
        return self._clock.monotonic_s()


def _skewed(scene: Scene, ahead_s: float) -> Context:
    context = scene.live_context()
    return replace(context, clock=SkewedClock(context.clock, ahead_s))


def _at_fault(scene: Scene, fault: FaultName, where: str = "") -> Context:
    named = frozenset({where}) if where else frozenset()
    return scene.live_context(scene.stand_in(FaultRule(name=fault, probability=ALWAYS, where=named)))


def _refused_token(scene: Scene) -> Context:
    # The file holds a token that the broker never gave.
    context = scene.live_context()
    stand_in = scene.stand_in()
    other = replace(stand_in.stored_token(scene.settings), token=Secret("made-up-token"))
    folder = scene.folder()
    live = scene.undo.enter_context(stand_in.opened(scene.settings, scene.rooted(folder, other)))
    return replace(context, live=live)


def _no_token(scene: Scene) -> Context:
    context = scene.live_context()
    next(context.root.path.glob("data/.token-*")).unlink()
    live = scene.undo.enter_context(scene.stand_in().opened(scene.settings, context.root))
    return replace(context, live=live)


def _poor(scene: Scene) -> Context:
    return scene.live_context(scene.stand_in(capital_inr=Decimal(1000)))


def _night(scene: Scene) -> Context:
    return scene.live_context(scene.stand_in(at=datetime.combine(scene.day, time(4), tzinfo=IST)))


def _unregistered(scene: Scene, phase: Phase) -> Context:
    return scene.live_context(scene.stand_in(registered_ips=()), phase=phase)


def _killed_there(scene: Scene) -> Context:
    # A change kills all tokens, as it does at the broker: another one is given out.
    stand_in = scene.stand_in()
    context = scene.live_context(stand_in)
    if context.live is not None:
        context.live.account.set_kill_switch(SEGMENT, enable=True)
    stand_in.token = stand_in.look_alike.issue_token()
    return scene.live_context(stand_in)


def _other_holiday(scene: Scene) -> Context:
    # Our table knows of a holiday that the broker does not.
    context = scene.live_context()
    holiday = scene.rules.calendar.next_trading_day(scene.day)
    return scene.replaced(context, calendar=with_holiday(context.settings.calendar, holiday))


def _other_hours(scene: Scene) -> Context:
    context = scene.live_context()
    tables = context.settings.calendar
    last = tables.session_time[-1]
    close = (datetime.combine(scene.day, last.close_at) - EARLIER_CLOSE).time()
    hours = (*tables.session_time[:-1], replace(last, close_at=close))
    return scene.replaced(context, calendar=replace(tables, session_time=hours))


def with_holiday(tables: CalendarTables, day: date) -> CalendarTables:
    """The tables with one more holiday, its year's check sum with it."""
    row = HolidayRow(day=day, kind="full", source="self-test", confidence="L")
    years = tuple(
        replace(year, weekday_sessions=year.weekday_sessions - 1) if year.year == day.year else year
        for year in tables.year
    )
    return replace(tables, holiday=(*tables.holiday, row), year=years)


def _no_history(scene: Scene) -> Context:
    folder = scene.folder()
    for path in (folder / scene.settings.history.folder).glob("*.csv"):
        path.unlink()
    return scene.live_context(folder=folder)


WARN: Final = Verdict.WARN
F: Final = FaultName
BROKER_CASES: Final = (
    case("clock_skew", "the clock is 7 seconds ahead", lambda s: _skewed(s, 7.0)),
    case("clock_skew", "the clock is 7 seconds behind", lambda s: _skewed(s, -7.0)),
    case("clock_skew", "the clock is 3 seconds ahead", lambda s: _skewed(s, 3.0), WARN),
    case("clock_skew", "every call is answered 503", lambda s: _at_fault(s, F.SERVER_ERROR_BEFORE)),
    case("rest", "nobody is logged in", _no_token),
    case("rest", "the broker never gave this token", _refused_token),
    case("rest", "the gateway shuts the door", lambda s: _at_fault(s, F.HTML_403)),
    case("rest", "every reply is lost", lambda s: _at_fault(s, F.DROPPED_REPLY)),
    case("funds", "funds are 1,000 rupees", _poor, WARN),
    case("funds", "at four in the morning", _night),
    case(
        "static_ip", "no address is registered, before SHADOW", lambda s: _unregistered(s, Phase.SHADOW), WARN
    ),
    case(
        "static_ip", "no address is registered, before SEMI_AUTO", lambda s: _unregistered(s, Phase.SEMI_AUTO)
    ),
    case("broker_kill_switch", "it is on", _killed_there),
    case("holidays", "our calendar has one more", _other_holiday),
    case("timings", "our calendar closes ten minutes sooner", _other_hours),
    case("feed", "the broker never gave this token", _refused_token),
    case("feed", "the feed connects and says nothing", lambda s: _at_fault(s, F.STALLED_SOCKET)),
    case("feed", "the feed's connection breaks off", lambda s: _at_fault(s, F.DEAD_SOCKET)),
    case("feed", "every frame is torn", lambda s: _at_fault(s, F.TORN_FRAME)),
    case("portfolio_stream", "the broker never gave this token", _refused_token),
    case("portfolio_stream", "the connection breaks off", lambda s: _at_fault(s, F.DEAD_SOCKET)),
    case("margin", "the calculator is away", lambda s: _at_fault(s, F.SERVER_ERROR_BEFORE, "margin")),
    case("margin", "there is no history to measure ours from", _no_history, WARN),
)
