"""Whether volatility is dear enough to be sold: implied against forecast, and against its own past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from volguard.measure.market_view import AtTheMoney, MarketView
from volguard.model.decision import FigureValue
from volguard.model.units import figure
from volguard.nse.rules import Rules
from volguard.strategy.proposal_inputs import ProposalInputs, Wait
from volguard.volatility.forecast import MONTH_SESSIONS
from volguard.volatility.iv_rv import IvRvSettings, IvRvSignal, iv_rv_signal, spread_fall
from volguard.volatility.models import HorizonForecast
from volguard.volatility.outlook import Outlook
from volguard.volatility.premium import (
    session_gone,
    session_volatility,
    sessions_of_variance,
    variance_premium,
)
from volguard.volatility.rank import percentile_of, z_score


class PremiumInputs(Protocol):
    """What the premium depends on."""

    @property
    def now(self) -> datetime:
        """Event time."""
        ...

    @property
    def view(self) -> MarketView:
        """The market of now."""
        ...

    @property
    def month_iv(self) -> float | None:
        """30-day volatility, decimal per year."""
        ...

    @property
    def month_iv_origin(self) -> str:
        """What gives it."""
        ...

    @property
    def outlook(self) -> Outlook:
        """What history says of the day."""
        ...

    @property
    def iv_rv_settings(self) -> IvRvSettings:
        """Thresholds of the signal."""
        ...

    @property
    def rules(self) -> Rules:
        """The exchange's rules."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPremium:
    """30-day volatility less its forecast, and where both stand in their past; None where it is not known."""

    spread: float | None
    z: float | None
    fall: float | None
    ivp: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Premium:
    """Implied against forecast volatility of one expiry, per 252 sessions; None where it cannot be told.

    `z` and `fall` are of the 30-day spread: against its own past, and since some sessions ago.
    """

    implied: float | None
    forecast: HorizonForecast | None
    sessions: float
    spread: float | None
    z: float | None
    fall: float | None
    ivp: float | None
    month_origin: str  # what stands beside the past of India VIX
    signal: IvRvSignal

    @property
    def figures(self) -> dict[str, FigureValue]:
        """What the decision keeps of it."""
        forecast = self.forecast
        return {
            "implied_vol": _rounded(self.implied),
            "forecast_vol": None if forecast is None else figure(forecast.volatility),
            "forecast_dispersion": None if forecast is None else figure(forecast.dispersion),
            "forecast_models": None if forecast is None else len(forecast.models),
            "sessions_to_expiry": figure(self.sessions),
            "iv_rv_spread": _rounded(self.spread),
            "iv_rv_z": _rounded(self.z),
            "iv_rv_fall": _rounded(self.fall),
            "iv_percentile": _rounded(self.ivp),
            "iv_month_origin": self.month_origin,
            "iv_history": "vix_proxy",
            "signal": self.signal.value,
        }


def month_premium(inputs: PremiumInputs) -> MonthPremium:
    """Of the next 30 days, the same for every expiry."""
    outlook, month = inputs.outlook, inputs.month_iv
    ahead = outlook.forecast(MONTH_SESSIONS)
    spread = month - ahead.volatility if month is not None and ahead is not None else None
    return MonthPremium(
        spread=spread,
        z=None if spread is None else z_score(spread, outlook.past_spread),
        fall=spread_fall(spread, outlook.past_spread, inputs.iv_rv_settings),
        ivp=None if month is None else percentile_of(month, outlook.past_vix),
    )


def judge_premium(inputs: PremiumInputs, level: AtTheMoney, month: MonthPremium | None = None) -> Premium:
    """Implied less forecast over the sessions to expiry, and where that stands in its own past.

    `month`: what `month_premium` says of the same inputs; None: it is asked.
    """
    month = month_premium(inputs) if month is None else month
    close = inputs.view.frame.closes[inputs.view.listing.expiries.index(level.expiry)]
    sessions = sessions_of_variance(inputs.rules.calendar, inputs.now, close)
    forecast = inputs.outlook.forecast(sessions, session_gone(inputs.rules.calendar, inputs.now))
    found = None
    if forecast is not None:
        found = variance_premium(level.sigma, level.years, forecast.variance, sessions)
    spread = None if found is None else found.spread
    signal = iv_rv_signal(_rounded(spread), _rounded(month.z), _rounded(month.fall), inputs.iv_rv_settings)
    return Premium(
        implied=session_volatility(level.sigma, level.years, sessions),
        forecast=forecast,
        sessions=sessions,
        spread=spread,
        z=month.z,
        fall=month.fall,
        ivp=month.ivp,
        month_origin=inputs.month_iv_origin,
        signal=signal,
    )


def premium_gate(inputs: ProposalInputs, premium: Premium) -> Wait | None:
    """Why nothing is sold for the premium there is; None: nothing against it, or it is not to be judged."""
    policy = inputs.policy
    if policy.require_forecast_edge and premium.forecast is None:
        why = inputs.outlook.missing or f"no model reaches {premium.sessions:.1f} sessions"
        return Wait(reason="no_forecast", text=f"no forecast: {why}", figures={})
    if not policy.require_vrp:
        return None
    if premium.signal in (IvRvSignal.SELL_FULL, IvRvSignal.SELL_REDUCED):
        if premium.ivp is not None and premium.ivp < policy.low_ivp_percentile and (premium.spread or 0) <= 0:
            text = f"IV percentile {premium.ivp:.0f} is low and there is no premium"
            return Wait(reason="iv_low", text=text, figures={})
        return None
    reason = f"iv_rv_{premium.signal.value.lower()}"
    if premium.spread is None or premium.implied is None or premium.forecast is None:
        return Wait(reason=reason, text="implied against forecast volatility cannot be judged", figures={})
    z = "not available" if premium.z is None else f"{premium.z:.2f}"
    fallen = premium.fall is not None and premium.fall >= inputs.iv_rv_settings.fall_max
    fall = f"; the 30-day spread fell {premium.fall:.2%}" if fallen else ""
    text = (
        f"implied {premium.implied:.2%} less forecast {premium.forecast.volatility:.2%} is "
        f"{premium.spread:+.2%}, z {z}{fall}"
    )
    return Wait(reason=reason, text=text, figures={})


def _rounded(value: float | None) -> float | None:
    return None if value is None else figure(value)
