"""Past days with a daily history: chains modelled from it, or the closing prices of bhavcopies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from volguard.adapters.bhavcopy_days import BhavcopyDays
from volguard.adapters.history import FileHistory
from volguard.backtest.attention import Attention
from volguard.backtest.chain_tables import ChainModelTables
from volguard.backtest.closing_market import SEEN_AT, ClosingMarkets
from volguard.backtest.foresight import other_future, past_of
from volguard.backtest.known_state import KnownDays
from volguard.backtest.modelled_chain import ModelledChains
from volguard.backtest.modelled_market import LookSettings, ModelledMarkets
from volguard.backtest.near_listing import NearListings
from volguard.backtest.past_days import DailyRecord, PastDays
from volguard.backtest.placebo import dealt_anew
from volguard.backtest.variance_clock import VarianceClock
from volguard.config.loader import Loaded
from volguard.config.settings import Settings
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying
from volguard.model.market import DailyBar, VarianceForecasts
from volguard.nse.calendar import Session
from volguard.nse.rules import Rules
from volguard.operations.backtest_sources import Opened, Plans, daily_record, digest_of, session_start
from volguard.ports import MarketData
from volguard.volatility.forecast import forecasts_by_day
from volguard.wiring import HISTORY_SESSIONS_MAX, VIX_NAME, forecast_reach

MarketOf = Callable[[Session, DailyBar], MarketData]
NEAR_EXPIRIES: Final = 2
STRIKES: Final = 81  # around the money, fifty points apart: ten per cent of the index either way
CLOSE_S: Final = 5.0  # an exit is seen again after as long
CLOSE_LOOKS: Final = 24
LISTED_BEYOND: Final = timedelta(days=40)  # the nearest monthly expiry lies so far ahead at most


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAsked:
    """Daily history of a folder from `first` to `last`.

    `placebo`: forecasts are dealt out anew by this seed. `cut`: the record ends on this day, and what came
    of that day is another thing where its end is not shown.
    """

    folder: Path
    first: date
    last: date
    placebo: int | None = None
    cut: date | None = None


def open_modelled(
    asked: PastAsked,
    every_s: float,
    loaded: Loaded[Settings],
    tables: ChainModelTables,
    model_digest: str,
    rules: Rules,
) -> Opened:
    """Chains modelled at each look, `every_s` apart.

    Raises DataError without index or VIX, DateNotCovered outside the dated rules.
    """
    underlying = Underlying(loaded.settings.market.underlying)
    record = _record(asked.folder, underlying)
    if asked.cut is not None:
        record = other_future(record, asked.cut)
    past = _Past(asked, record, loaded, rules)
    carry = tables.carry_timeline
    chains = ModelledChains(
        parameters=tables.smile,
        spreads=tables.spreads,
        contracts=rules.contracts,
        clock=VarianceClock(rules.calendar, asked.first, past.covered),
        underlying=underlying,
        carry=lambda day: carry.at(day).per_year,
        expiries=NEAR_EXPIRIES,
        monthly_days=past.monthly_days,
        strikes=STRIKES,
    )
    for day in past.ends:
        chains.listing(day, record.index[-1].close)
    known = KnownDays(record.index, record.vix)
    looks = LookSettings(every_s=every_s, close_s=CLOSE_S, close_looks=CLOSE_LOOKS)

    def market_of(attention: Attention) -> MarketOf:
        markets = ModelledMarkets(
            chains, known, looks, underlying=underlying, attention=attention, model_digest=model_digest
        )
        return markets.of

    return past.opened(market_of, model_digest)


def open_bhavcopies(
    asked: PastAsked,
    bhavcopies: BhavcopyDays,
    loaded: Loaded[Settings],
    tables: ChainModelTables,
    model_digest: str,
    rules: Rules,
) -> Opened:
    """Closing prices of bhavcopies, seen once a day.

    Raises DataError without index or VIX, DateNotCovered outside the dated rules.
    """
    underlying = Underlying(loaded.settings.market.underlying)
    record = _record(asked.folder, underlying)
    if asked.cut is not None:
        record = past_of(record, asked.cut)
    past = _Past(asked, record, loaded, rules)
    listings = NearListings(
        rules.contracts,
        tables.spreads,
        underlying=underlying,
        expiries=NEAR_EXPIRIES,
        monthly_days=past.monthly_days,
    )
    for day in past.ends:
        listings.on(day)
    vix = {bar.day: bar.close for bar in record.vix}

    def market_of(attention: Attention) -> MarketOf:
        markets = ClosingMarkets(
            bhavcopies, listings, vix, rules=rules, underlying=underlying, attention=attention
        )
        return markets.of

    opened = past.opened(market_of, model_digest, bhavcopies.digest)
    return replace(
        opened,
        said=(*opened.said, *_closed_buckets(loaded.settings)),
        same_until=lambda session: session.windows[-1][1],
    )


def _closed_buckets(settings: Settings) -> list[str]:
    # Whatever may not enter when closing prices are shown never does: that is no finding.
    strategy = settings.strategy
    told = []
    for name, bucket in settings.engine.buckets.items():
        until = min(strategy.entry_until, bucket.entry_until)
        if bucket.is_enabled and not strategy.entry_from <= SEEN_AT <= until:
            told.append(
                f"the {name.lower()} bucket enters from {strategy.entry_from:%H:%M} to {until:%H:%M}, prices "
                f"are shown at {SEEN_AT:%H:%M}: it never enters"
            )
    return told


class _Past:
    # The days of a record that are asked for; `ends`: the first and the last of them, which say before
    # anything is played what the rules do not cover.

    def __init__(self, asked: PastAsked, record: DailyRecord, loaded: Loaded[Settings], rules: Rules) -> None:
        self._asked, self._record, self._loaded, self._rules = asked, record, loaded, rules
        last_bar = record.index[-1].day
        self._last = min(asked.last, last_bar) if asked.cut is None else min(asked.last, asked.cut)
        is_any = self._last >= asked.first
        self.days = rules.calendar.trading_days(asked.first, self._last) if is_any else ()
        self.ends = self.days[:1] + self.days[-1:]
        self._reach = forecast_reach(loaded.settings)
        self.monthly_days = self._reach.sessions_max
        beyond = timedelta(days=self.monthly_days) + LISTED_BEYOND
        self.covered = min(asked.last + beyond, rules.calendar.last_day)

    def opened(self, market_of: Callable[[Attention], MarketOf], *digests: str) -> Opened:
        is_short = self._asked.cut is None and self._asked.last > self._last
        told = f"the history ends on {self._last.isoformat()}: days after it were not played"
        return Opened(
            plans=lambda attention: self._plans(attention, market_of(attention)),
            days=self.days,
            digest=digest_of(repr(self._record), *digests),
            said=(told,) if is_short else (),
        )

    def _plans(self, attention: Attention, market_of: MarketOf) -> Plans:
        if not self.days:
            return iter(())
        made = PastDays(
            self._record,
            market_of,
            rules=self._rules,
            underlying=Underlying(self._loaded.settings.market.underlying),
            forecasts=self._forecasts(),
            history_sessions=HISTORY_SESSIONS_MAX,
            attention=attention,
            begin=lambda market: session_start(market, self._loaded, self._rules),
        )
        return made.plans(self._asked.first, self._last)

    def _forecasts(self) -> Iterator[tuple[date, VarianceForecasts]]:
        asked = self._asked
        made = forecasts_by_day(
            tuple(bar for bar in self._record.index if bar.day <= asked.last),
            self._rules.calendar.previous_trading_day(asked.first),
            self._loaded.settings.models,
            self._reach,
        )
        return made if asked.placebo is None else dealt_anew(made, asked.placebo)


def _record(folder: Path, underlying: Underlying) -> DailyRecord:
    record = daily_record(FileHistory(folder), underlying)
    for name, bars in ((underlying, record.index), (VIX_NAME, record.vix)):
        if not bars:
            raise DataError(
                f"{folder} has no {name.lower()}_daily file",
                hint="past days need the index and India VIX: `volguard data history` gets both",
            )
    return record
