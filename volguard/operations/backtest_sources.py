"""What a backtest plays: modelled chains of daily history, or recorded chains, as plans of days."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Final

from volguard.adapters.history import FileHistory
from volguard.backtest.attention import Attention
from volguard.backtest.chain_tables import ChainModelTables
from volguard.backtest.foresight import CutMarket, first_turn, other_future
from volguard.backtest.modelled_chain import ModelledChains
from volguard.backtest.modelled_days import DailyRecord, ModelledDays, ModelledSettings
from volguard.backtest.modelled_market import LookSettings
from volguard.backtest.moved_expiry import moved_expiries
from volguard.backtest.placebo import dealt_anew
from volguard.backtest.play import DayLeftOut, DayPlan
from volguard.backtest.variance_clock import VarianceClock
from volguard.config.loader import Loaded
from volguard.config.settings import Settings
from volguard.model.decision import Phase
from volguard.model.errors import DataError, UsageError
from volguard.model.event import SessionStarted
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules
from volguard.ports import MarketData
from volguard.volatility.forecast import forecasts_by_day
from volguard.wiring import (
    HISTORY_SESSIONS_MAX,
    VIX_NAME,
    Source,
    forecast_reach,
    history_of_session,
    open_recording,
    started_of,
)

Plans = Iterator[DayPlan | DayLeftOut]
NEAR_EXPIRIES: Final = 2
STRIKES: Final = 81  # around the money, fifty points apart: ten per cent of the index either way
CLOSE_S: Final = 5.0  # an exit is seen again after as long
CLOSE_LOOKS: Final = 24
LISTED_BEYOND: Final = timedelta(days=40)  # the nearest monthly expiry lies so far ahead at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelled:
    """Daily history of a folder from `first` to `last`, looked at every `every_s`.

    `placebo`: forecasts are dealt out anew by this seed. `cut`: the record ends on this day, and that day
    ends otherwise than it did.
    """

    folder: Path
    first: date
    last: date
    every_s: float
    placebo: int | None = None
    cut: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source ready to be played: its days, and what its data is known by."""

    plans: Callable[[Attention], Plans]
    days: tuple[date, ...]
    digest: str
    said: tuple[str, ...] = ()  # what a report must say of the days


def open_modelled(
    asked: Modelled,
    loaded: Loaded[Settings],
    tables: ChainModelTables,
    model_digest: str,
    rules: Rules,
) -> Opened:
    """Modelled days. Raises DataError without index or VIX, DateNotCovered outside the dated rules."""
    settings = loaded.settings
    underlying = Underlying(settings.market.underlying)
    record = _record(asked.folder, underlying)
    if asked.cut is not None:
        record = other_future(record, asked.cut)
    last = min(asked.last, record.index[-1].day) if asked.cut is None else min(asked.last, asked.cut)
    days = rules.calendar.trading_days(asked.first, last) if last >= asked.first else ()
    carry = tables.carry_timeline
    reach = forecast_reach(settings)
    beyond = timedelta(days=reach.sessions_max) + LISTED_BEYOND
    covered = min(asked.last + beyond, rules.calendar.last_day)
    chains = ModelledChains(
        parameters=tables.smile,
        spreads=tables.spreads,
        contracts=rules.contracts,
        clock=VarianceClock(rules.calendar, asked.first, covered),
        underlying=underlying,
        carry=lambda day: carry.at(day).per_year,
        expiries=NEAR_EXPIRIES,
        monthly_days=reach.sessions_max,
        strikes=STRIKES,
    )
    for day in days[:1] + days[-1:]:  # what the rules do not cover is said before anything is played
        chains.listing(day, record.index[-1].close)
    until = tuple(bar for bar in record.index if bar.day <= asked.last)

    def plans(attention: Attention) -> Plans:
        forecasts = forecasts_by_day(
            until, rules.calendar.previous_trading_day(asked.first), settings.models, reach
        )
        made = ModelledDays(
            record,
            chains,
            ModelledSettings(
                looks=LookSettings(every_s=asked.every_s, close_s=CLOSE_S, close_looks=CLOSE_LOOKS),
                history_sessions=HISTORY_SESSIONS_MAX,
                model_digest=model_digest,
            ),
            rules=rules,
            underlying=underlying,
            forecasts=forecasts if asked.placebo is None else dealt_anew(forecasts, asked.placebo),
            attention=attention,
            begin=lambda market: _started(market, loaded, rules),
        )
        return made.plans(asked.first, last) if days else iter(())

    is_short = asked.last > last and asked.cut is None
    said = (f"the history ends on {last.isoformat()}: days after it were not played",) if is_short else ()
    return Opened(plans=plans, days=days, digest=_digest(repr(record), model_digest), said=said)


def open_recorded(
    paths: Sequence[Path],
    history: FileHistory | None,
    loaded: Loaded[Settings],
    rules: Rules,
    *,
    cut: date | None = None,
) -> Opened:
    """Recorded chains, a day a file, played oldest first; those after `cut` are not, its own ends early.

    Raises DataError on a bad file, UsageError where two are of one day.
    """
    markets = sorted(
        (open_recording(path, loaded.settings, rules) for path in paths),
        key=lambda market: market.info.trading_date,
    )
    days = [market.info.trading_date for market in markets]
    twice = next((day for day, later in pairwise(days) if day == later), None)
    if twice is not None:
        raise UsageError(f"two of the recordings are of {twice}", hint="give each day once")

    underlying = Underlying(loaded.settings.market.underlying)

    def moved(attention: Attention, day: date) -> dict[date, date]:
        held = [p.contract.expiry for p in attention.held]
        return moved_expiries(held, rules.contracts.expiries(underlying, day), day) if held else {}

    def plans(attention: Attention) -> Plans:
        before: date | None = None
        for recorded in markets:
            market = recorded if cut is None else _cut(recorded, cut, rules)
            if market is None:
                return
            today = market.info.trading_date
            for day in _between(before, today, rules):
                yield DayLeftOut(
                    day=day,
                    reason="there is no recording of it",
                    final_level=_official_close(history, underlying, day),
                    moved=moved(attention, day),
                )
            before = today
            source = Source(market=market, history=history, seed=None)
            started = _started(market, loaded, rules)
            yield DayPlan(
                market=market,
                started=started,
                history=history_of_session(loaded.settings, source, rules, started.ts, _unsaid),
                final_level=_official_close(history, underlying, today),
                moved=moved(attention, today),
            )

    told = "" if history is None else repr(_daily(history, Underlying(loaded.settings.market.underlying)))
    return Opened(plans=plans, days=tuple(days), digest=_digest(*(m.info.digest for m in markets), told))


def _cut(market: MarketData, cut: date, rules: Rules) -> MarketData | None:
    day = market.info.trading_date
    session = rules.calendar.session(day)
    if day > cut or session is None:
        return None
    opens, closes = session.windows[0][0], session.windows[-1][1]
    return market if day < cut else CutMarket(market, first_turn(opens, closes))


def _unsaid(_text: str) -> None:
    pass


def _started(market: MarketData, loaded: Loaded[Settings], rules: Rules) -> SessionStarted:
    # Named as the first paper session of a day is: its tags, and with them its decisions, are the same.
    started = started_of(Phase.SHADOW, loaded, Source(market=market, history=None, seed=None), rules)
    return replace(started, session_id=f"{started.source.kind}-{started.trading_date.isoformat()}-1")


def _between(before: date | None, today: date, rules: Rules) -> tuple[date, ...]:
    # Sessions of which there is no recording: what expired on them was settled all the same.
    if before is None:
        return ()
    return rules.calendar.trading_days(before + timedelta(days=1), today - timedelta(days=1))


def _official_close(history: FileHistory | None, underlying: Underlying, day: date) -> Decimal | None:
    bars = () if history is None else history.daily(underlying, day + timedelta(days=1))
    return Decimal(repr(bars[-1].close)) if bars and bars[-1].day == day else None


def _record(folder: Path, underlying: Underlying) -> DailyRecord:
    record = _daily(FileHistory(folder), underlying)
    for name, bars in ((underlying, record.index), (VIX_NAME, record.vix)):
        if not bars:
            raise DataError(
                f"{folder} has no {name.lower()}_daily file",
                hint="modelled chains are made of the index and India VIX: `volguard data history` gets both",
            )
    return record


def _daily(history: FileHistory, underlying: Underlying) -> DailyRecord:
    return DailyRecord(
        index=history.daily(underlying, date.max),
        vix=history.daily(VIX_NAME, date.max),
        participants=history.participants(date.max),
        origin=history.origin,
    )


def _digest(*texts: str) -> str:
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()
