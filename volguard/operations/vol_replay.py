"""Volatility as of a moment of a recorded day: history before that day, beside the chain at that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.chain_vix import month_volatility
from volguard.measure.market_view import MarketView, at_the_money
from volguard.model.errors import DataError, DateNotCovered
from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray
from volguard.nse.rules import Rules
from volguard.operations.metrics_view import metrics_document
from volguard.operations.payoff_measures import no_forecast
from volguard.operations.smile_view import known
from volguard.operations.vol_events import events_document
from volguard.operations.vol_series import spread_history
from volguard.operations.vol_view import DailyHistory, vol_document
from volguard.volatility.forecast import MONTH_SESSIONS
from volguard.volatility.iv_rv import IvRvSignal, iv_rv_signal, spread_fall
from volguard.volatility.models import FittedSet, HorizonForecast, fit_models, forecast_over
from volguard.volatility.premium import (
    session_gone,
    session_volatility,
    sessions_of_variance,
    variance_premium,
)
from volguard.volatility.rank import percentile_of, z_score
from volguard.volatility.realized import ohlc_of
from volguard.wiring import rules_of

# HAR needs four sessions of sample for each that it looks ahead: a longer reach would drop it everywhere.
SAMPLE_PER_SESSION: Final = 4
NO_EXPIRY_HISTORY: Final = (
    "no past of an expiry's own spread is at hand; z and fall of the signal are those of the 30-day spread"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Month:
    # The 30-day spread now and before, decimals per year; None where not known.
    implied: float | None
    origin: str
    forecast: HorizonForecast | None
    spread: float | None
    z: float | None
    fall: float | None
    percentile: float | None
    missing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    # Forecasts from the last close, `gone` of the running session being over; `missing`: why there are none.
    fitted: FittedSet
    sessions_max: int
    gone: float
    missing: str | None

    def over(self, sessions: float, gone: float = 0.0) -> HorizonForecast | str:
        if self.missing is not None:
            return self.missing
        if not self.fitted.models:
            return no_forecast(self.fitted, sessions)
        if gone + sessions > self.sessions_max:
            return f"{sessions:.0f} sessions ahead, forecasts reach {self.sessions_max}"
        found = forecast_over(self.fitted, sessions, gone)
        return found if found is not None else no_forecast(self.fitted, sessions)


def replay_document(view: MarketView, history: DailyHistory, settings: Settings) -> dict[str, Any]:
    """A `volguard.vol/1` document of the history, with the chain of `view` under `chain`.

    The history must end before the day of the view. Raises DataError for another underlying than its own.
    """
    underlying = view.listing.underlying
    if underlying != history.name:
        raise DataError(
            f"the chain holds {underlying}, the history is that of {history.name}",
            hint=f"--set market.underlying={underlying}",
        )
    return vol_document(history, settings) | {
        "events": _events(view, settings),
        "chain": _chain(view, history, settings),
    }


def _events(view: MarketView, settings: Settings) -> dict[str, Any]:
    # As a trade that opens on the day of the chain faces them, however long before it the history ends.
    try:
        before = rules_of(settings).calendar.previous_trading_day(view.ts.date())
    except DateNotCovered as error:
        return {"score": None, "missing": error.message}
    return events_document(before, settings)


def _chain(view: MarketView, history: DailyHistory, settings: Settings) -> dict[str, Any]:
    rules = rules_of(settings)
    sessions = {day: _sessions(view, day, rules) for day in view.listing.expiries}
    ahead = _ahead(view, history, settings, rules)
    month = _month(view, history, settings, ahead, rules)
    metrics = metrics_document(view, None, settings)
    return {
        "ts": view.ts.isoformat(),
        "level": metrics["level"],
        "level_origin": metrics["level_origin"],
        "month": _month_document(month),
        "expiries": [
            _expiry(view, day, sessions[day], ahead, month, settings, rules) for day in view.listing.expiries
        ],
        "z_missing": NO_EXPIRY_HISTORY,
        "term": metrics["term"],
        "skew": _skew(view, metrics, rules),
        "vix": metrics["vix"],
    }


def _sessions(view: MarketView, expiry: date, rules: Rules) -> float | str:
    close = view.frame.closes[view.listing.expiries.index(expiry)]
    try:
        return sessions_of_variance(rules.calendar, view.ts, close)
    except DateNotCovered as error:
        return error.message


def _ahead(view: MarketView, history: DailyHistory, settings: Settings, rules: Rules) -> _Ahead:
    sample = min(settings.models.fit_sessions, len(history.index) - 1)
    reach = max(MONTH_SESSIONS, sample // SAMPLE_PER_SESSION)
    missing = _not_current(view, history, rules)
    fitted = fit_models(ohlc_of(history.index), settings.models, sessions_max=float(reach))
    gone = session_gone(rules.calendar, view.ts)
    return _Ahead(fitted=fitted, sessions_max=reach, gone=gone, missing=missing)


def _not_current(view: MarketView, history: DailyHistory, rules: Rules) -> str | None:
    # A forecast that has not seen the session before is not the one of this morning.
    day, last = view.ts.date(), history.index[-1].day
    try:
        before = rules.calendar.previous_trading_day(day)
    except DateNotCovered as error:
        return error.message
    if last == before:
        return None
    return f"the history of {history.name} ends on {last}, the session before was {before}"


def _month(
    view: MarketView, history: DailyHistory, settings: Settings, ahead: _Ahead, rules: Rules
) -> _Month:
    # A VIX that the source should give and did not is not replaced: the past of the spread is India VIX's.
    implied, origin = month_volatility(view, view.capabilities, rules.contracts)
    found = ahead.over(MONTH_SESSIONS)
    forecast = found if isinstance(found, HorizonForecast) else None
    spread = implied - forecast.volatility if implied is not None and forecast is not None else None
    past = _past_spread(history, settings)
    z = None if spread is None or len(past) < 2 else z_score(spread, past)
    levels = np.array([bar.close / 100.0 for bar in history.vix[-settings.iv_rv.history_sessions :]])
    return _Month(
        implied=implied,
        origin=origin,
        forecast=forecast,
        spread=spread,
        z=z,
        fall=spread_fall(spread, past, settings.iv_rv),
        percentile=None if implied is None else percentile_of(implied, levels),
        missing=_month_missing(view, implied, found, z),
    )


def _past_spread(history: DailyHistory, settings: Settings) -> FloatArray:
    days = spread_history(history, settings, settings.iv_rv.history_sessions)
    # A past that does not reach up to the last session is not the past of today's spread.
    if not days or days[-1].day != history.index[-1].day:
        return np.empty(0)
    return np.array([day.spread for day in days], dtype=np.float64)  # None becomes nan


def _month_missing(
    view: MarketView, implied: float | None, forecast: HorizonForecast | str, z: float | None
) -> str | None:
    if implied is None:
        return (
            "the source has a VIX, this snapshot has none"
            if view.capabilities.vix
            else "the chain gives no 30-day volatility"
        )
    if isinstance(forecast, str):
        return forecast
    return None if z is not None else "no India VIX up to the session before: no z, no fall"


def _month_document(month: _Month) -> dict[str, Any]:
    forecast = month.forecast
    return {
        "implied": known(month.implied),
        "implied_by": month.origin,
        "sessions": MONTH_SESSIONS,
        "forecast": None if forecast is None else known(forecast.volatility),
        "spread": known(month.spread),
        "z": known(month.z),
        "fall": known(month.fall),
        "percentile": known(month.percentile),
        "past_by": "vix_proxy",
        "missing": month.missing,
    }


def _expiry(
    view: MarketView,
    expiry: date,
    sessions: float | str,
    ahead: _Ahead,
    month: _Month,
    settings: Settings,
    rules: Rules,
) -> dict[str, Any]:
    i = view.listing.expiries.index(expiry)
    level, years = at_the_money(view, expiry), float(view.years[i])
    document: dict[str, Any] = {
        "expiry": expiry.isoformat(),
        "cycle": _cycle(view, expiry, rules),
        "days": known(years * 365.0),
        "sessions": known(sessions) if isinstance(sessions, float) else None,
        "forward": known(view.forwards.forward[i]),
        "atm_iv": None if level is None else known(level.sigma),
        **dict.fromkeys(("implied", "implied_variance", "forecast", "forecast_variance", "dispersion")),
        **dict.fromkeys(("spread", "ratio", "z")),
        "signal": IvRvSignal.ABSTAIN.value,
    }
    if document["forward"] is None:
        return document | {"missing": "no forward: quotes do not pin it"}
    if isinstance(sessions, str):
        return document | {"missing": sessions}
    if level is None:
        return document | {"missing": "no at-the-money volatility: quotes about the forward are missing"}
    document["implied"] = known(session_volatility(level.sigma, years, sessions))
    forecast = ahead.over(sessions, ahead.gone)
    if isinstance(forecast, str):
        return document | {"missing": forecast}
    premium = variance_premium(level.sigma, years, forecast.variance, sessions)
    if premium is None:
        return document | {"missing": "the at-the-money volatility or the forecast is not above zero"}
    names = ("implied", "implied_variance", "forecast", "forecast_variance", "spread", "ratio", "z")
    return document | {
        **{name: known(getattr(premium, name)) for name in names},
        "dispersion": known(forecast.dispersion),
        "signal": iv_rv_signal(premium.spread, month.z, month.fall, settings.iv_rv).value,
        "missing": None,
    }


def _cycle(view: MarketView, expiry: date, rules: Rules) -> str:
    is_monthly = rules.contracts.is_monthly(Underlying(view.listing.underlying), expiry)
    return "monthly" if is_monthly else "weekly"


def _skew(view: MarketView, metrics: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    found: dict[str, Any] = {"weekly": None, "monthly": None}
    for row in metrics["expiries"]:
        cycle = _cycle(view, date.fromisoformat(row["expiry"]), rules)
        if found[cycle] is None:
            # The row tells of all its figures; the skew's own reasons name none of the row's keys.
            missing = [reason for reason in row["missing"] if reason.removeprefix("no ") not in row]
            found[cycle] = {
                "expiry": row["expiry"],
                "days": row["days"],
                "atm_iv": row["atm_iv"],
                **row["skew"],
                "missing": missing,
            }
    return {
        cycle: one if one is not None else {"missing": [f"no {cycle} expiry is listed"]}
        for cycle, one in found.items()
    }
