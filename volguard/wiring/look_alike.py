"""A look-alike of the broker put together: its market, its clock, its account, its faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final

from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import UsageError
from volguard.model.market import SourceInfo
from volguard.model.units import IST
from volguard.ports import Clock
from volguard.simulator.upstox_server.clock import RunningClock
from volguard.simulator.upstox_server.faults import FaultName, Faults
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.server import LookAlike
from volguard.wiring.sources import SourceRequest, open_source, opening_time, rules_of

CADENCE_S: Final = 3.0  # of a made-up market that is watched live
BEFORE_THE_OPEN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikeRequest:
    """A look-alike as the operator asked for it; None is the usual: a minute before the open, as configured.

    `api_key` and `api_secret` are what clients must bring; they open nothing anywhere else.
    """

    source: SourceRequest
    start_at: time | None = None
    speed: float = 1.0
    faults: tuple[str, ...] = ()
    fault_seed: int = 1
    capital_inr: Decimal | None = None
    api_key: str = API_KEY
    api_secret: str = API_SECRET
    notifier_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLookAlike:
    """A look-alike whose clock is running; `closes_at` is the end of its session."""

    core: LookAlike
    info: SourceInfo
    starts_at: datetime
    closes_at: datetime


def open_look_alike(
    request: LookAlikeRequest, settings: Settings, root: Root, ticker: Clock
) -> OpenLookAlike:
    """The look-alike that was asked for; `ticker` tells how real time passes.

    Raises what `open_source` raises, and UsageError on a fault that is not known or an amount that is none.
    """
    faults = faults_of(request)
    capital_inr = settings.account.capital_inr if request.capital_inr is None else request.capital_inr
    if not capital_inr.is_finite() or capital_inr <= 0:
        raise UsageError(f"--capital was {capital_inr}, must be above 0")
    rules = rules_of(settings)
    source = open_source(_with_cadence(request.source), settings, root, rules)
    info = source.market.info
    opens_at = opening_time(rules, info.trading_date)
    session = rules.calendar.session(info.trading_date)
    if session is None:
        raise UsageError(f"{info.trading_date} is no trading day")
    starts_at = opens_at - BEFORE_THE_OPEN
    if request.start_at is not None:
        starts_at = datetime.combine(info.trading_date, request.start_at, IST)
    core = LookAlike(
        market=source.market,
        history=source.history,
        rules=rules,
        clock=RunningClock(starts_at, speed=request.speed, ticker=ticker),
        options=LookAlikeOptions(
            api_key=request.api_key,
            api_secret=request.api_secret,
            redirect_uris=(settings.upstox.redirect_uri,),
            capital_inr=capital_inr,
            notifier_url=request.notifier_url,
        ),
        faults=faults,
    )
    core.advance()  # a late start has a day behind it, which takes a moment
    return OpenLookAlike(core=core, info=info, starts_at=starts_at, closes_at=session.windows[-1][1])


def faults_of(request: LookAlikeRequest) -> Faults:
    """The faults that were named. Raises UsageError on one that is not known."""
    known = [name.value for name in FaultName]
    for name in request.faults:
        if name not in known:
            raise UsageError(f"--fault was {name}, no such fault", hint=f"known are {', '.join(known)}")
    return Faults.named(request.faults, seed=request.fault_seed)


def _with_cadence(source: SourceRequest) -> SourceRequest:
    if source.replay is not None or source.cadence_s is not None:
        return source
    return replace(source, cadence_s=CADENCE_S)
