"""What the P&L between two looks at a book is made of: the Greeks, what they leave, execution and costs.

A leg is repriced (Black-76) in steps from the market of the first look to that of the second, each step on
top of those before it, as `measure.since_entry` tells a trade's change:

    theta      time passes; forward, volatility and rate stay
    delta      forward delta then, at the old forward, times the change of the forward
    gamma      the rest of what the new forward gives: all that is curved
    vega       the volatility of the strike becomes the new one
    residual   what the market's change is beyond that: rate and carry, and prices that were not the model's
    execution  fills at another price than the middle of that moment
    costs      charges, as a loss

Their sum is the P&L, exactly: Decimals, and the residual is the difference. A leg of which a look has no
volatility is not told apart: its whole change is residual, and it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.model.book import ZERO
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionContract, OptionType
from volguard.model.market import FloatArray
from volguard.model.units import money, rupees
from volguard.pricing.black76 import greeks, price


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLook:
    """One contract at one moment: its price in rupees a unit (the middle; settled: its settlement value),
    forward of its expiry in points, volatility decimal per year, years left and discount; nan: not known.
    """

    price_inr: Decimal
    forward: float
    sigma: float
    years: float
    discount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLeg:
    """Signed units of a contract held unchanged from one look to the other; a leg bought or sold between two
    looks has that moment as one of its own.
    """

    contract: OptionContract
    units: int
    then: LegLook
    now: LegLook


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fill, signed units (bought is above 0), beside the middle of its moment, which is the price at which
    the leg's looks begin or end. Rupees a unit; charges in rupees.
    """

    units: int
    price_inr: Decimal
    mid_inr: Decimal
    charges_inr: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Parts of a P&L in rupees, exact; a loss is negative, costs too. `unpriced`: legs not told apart."""

    delta_inr: Decimal = ZERO
    gamma_inr: Decimal = ZERO
    theta_inr: Decimal = ZERO
    vega_inr: Decimal = ZERO
    residual_inr: Decimal = ZERO
    execution_inr: Decimal = ZERO
    costs_inr: Decimal = ZERO
    unpriced: tuple[OptionContract, ...] = ()

    @property
    def total_inr(self) -> Decimal:
        """The P&L."""
        return (
            self.delta_inr
            + self.gamma_inr
            + self.theta_inr
            + self.vega_inr
            + self.residual_inr
            + self.execution_inr
            + self.costs_inr
        )

    def __add__(self, other: Attribution) -> Attribution:
        return Attribution(
            delta_inr=self.delta_inr + other.delta_inr,
            gamma_inr=self.gamma_inr + other.gamma_inr,
            theta_inr=self.theta_inr + other.theta_inr,
            vega_inr=self.vega_inr + other.vega_inr,
            residual_inr=self.residual_inr + other.residual_inr,
            execution_inr=self.execution_inr + other.execution_inr,
            costs_inr=self.costs_inr + other.costs_inr,
            unpriced=tuple(sorted({*self.unpriced, *other.unpriced})),
        )

    def to_the_paisa(self) -> Attribution:
        """Every part and the total rounded half-even; the residual takes what the rounding moves."""
        delta, gamma, theta, vega, execution, costs = (
            money(part) + ZERO  # no minus before a zero
            for part in (
                *(self.delta_inr, self.gamma_inr, self.theta_inr),
                *(self.vega_inr, self.execution_inr, self.costs_inr),
            )
        )
        return Attribution(
            delta_inr=delta,
            gamma_inr=gamma,
            theta_inr=theta,
            vega_inr=vega,
            residual_inr=money(self.total_inr) - (delta + gamma + theta + vega + execution + costs),
            execution_inr=execution,
            costs_inr=costs,
            unpriced=self.unpriced,
        )


def attribute(held: Sequence[HeldLeg], executions: Sequence[Execution] = ()) -> Attribution:
    """Parts of the P&L of legs held between two looks and of the fills in between.

    Raises UsageError where a leg's second look is before its first.
    """
    return Attribution(
        execution_inr=sum((fill.units * (fill.mid_inr - fill.price_inr) for fill in executions), ZERO),
        costs_inr=-sum((fill.charges_inr for fill in executions), ZERO),
    ) + _of_legs(held)


def look_of(view: MarketView, contract: OptionContract, price_inr: Decimal) -> LegLook | None:
    """A contract at that price in a view, with the volatility of its strike; None where it is not listed."""
    row = view.row(contract)
    if row is None:
        return None
    return LegLook(
        price_inr=price_inr,
        forward=float(view.forward[row]),
        sigma=float(view.sigma[row]),
        years=float(view.years[view.listing.expiry_index[row]]),
        discount=float(view.discount[row]),
    )


def settled_look(contract: OptionContract, level: Decimal) -> LegLook:
    """A contract after its expiry, worth what it is in the money at the official close of the index."""
    inside = level - contract.strike if contract.option_type is OptionType.CALL else contract.strike - level
    return LegLook(
        price_inr=max(inside, ZERO), forward=float(level), sigma=float("nan"), years=0.0, discount=1.0
    )


def _of_legs(held: Sequence[HeldLeg]) -> Attribution:
    if not held:
        return Attribution()
    parts = _repriced(held)
    known = np.asarray(np.isfinite(parts).all(axis=0))
    units = np.array([leg.units for leg in held], dtype=np.float64)
    theta, delta, gamma, vega = (rupees(float(part[known] @ units[known])) for part in parts)
    change = sum((leg.units * (leg.now.price_inr - leg.then.price_inr) for leg in held), ZERO)
    return Attribution(
        delta_inr=delta,
        gamma_inr=gamma,
        theta_inr=theta,
        vega_inr=vega,
        residual_inr=change - (theta + delta + gamma + vega),
        unpriced=tuple(sorted({held[int(row)].contract for row in np.flatnonzero(~known)})),
    )


def _repriced(held: Sequence[HeldLeg]) -> FloatArray:
    # Theta, delta, gamma and vega a unit, (4, legs), nan in a column where a look lacks something.
    then, now = _columns([leg.then for leg in held]), _columns([leg.now for leg in held])
    early = np.flatnonzero(now.years > then.years)
    if len(early):
        raise UsageError(f"the second look at {held[early[0]].contract.symbol} is before the first")
    strike = np.array([float(leg.contract.strike) for leg in held])
    is_call = np.array([leg.contract.option_type is OptionType.CALL for leg in held])
    # The rate of the first look over the time left at the second; settled contracts have no volatility.
    left = np.divide(now.years, then.years, out=np.zeros(len(held)), where=then.years > 0.0)
    discount = then.discount**left
    sigma = np.where(then.years == 0.0, 0.0, then.sigma)
    sigma_now = np.where(now.years == 0.0, sigma, now.sigma)
    first = price(then.forward, strike, then.years, sigma, is_call, then.discount)
    later = greeks(then.forward, strike, now.years, sigma, is_call, discount)
    moved = price(now.forward, strike, now.years, sigma, is_call, discount)
    last = price(now.forward, strike, now.years, sigma_now, is_call, discount)
    by_delta = later.forward_delta * (now.forward - then.forward)
    return np.stack(
        [later.price - first, by_delta, moved - later.price - by_delta, last - moved],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    forward: FloatArray
    sigma: FloatArray
    years: FloatArray
    discount: FloatArray


def _columns(looks: Sequence[LegLook]) -> _Columns:
    return _Columns(
        forward=np.array([look.forward for look in looks]),
        sigma=np.array([look.sigma for look in looks]),
        years=np.array([look.years for look in looks]),
        discount=np.array([look.discount for look in looks]),
    )
