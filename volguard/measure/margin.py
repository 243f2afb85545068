"""What the exchange asks for a book of one underlying: SPAN and the add-ons, each component in rupees.

    SPAN  = max(0, max(scan risk + calendar spread charge, short option minimum) - net option value)
    total = SPAN + exposure + deep out-of-the-money add-on + expiry-day add-on

Scan risk is the worst of sixteen scenarios (measure.margin_scan) over the whole book, all expiries together;
what expires today stands alone where the rule of the date says so. Net option value counts long options
positive: a naked short is asked its scan risk and its current premium. Parameters by date: nse.margin_rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Final

import numpy as np

from volguard.measure.margin_scan import Contracts, RiskArrays, at_forwards, revalue, scenario_name
from volguard.model.market import BoolArray, FloatArray
from volguard.nse.margin_rules import MarginRule

SpreadCharge = Callable[[date, date], float]  # near, far -> rupees per unit of delta


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Holdings:
    """Signed units of contracts of one underlying; columns of shape (legs,)."""

    expiries: tuple[date, ...]
    contracts: Contracts
    units: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """What the scans are measured from; nan where unknown.

    spot            index level of the calculation (the file of the day's start uses the previous close)
    previous_close  what "deep out of the money" is measured from
    sigma_daily     NSE's EWMA of the previous session, decimal per day
    """

    spot: float
    previous_close: float
    sigma_daily: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scene:
    holdings: Holdings
    index: IndexState


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanGroup:
    """The worst scenario of contracts that may offset one another; its loss in rupees, 0 or more."""

    loss_inr: float
    scenario: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """Every component in rupees; a premium is asked of the buyer beside the margin, not in it."""

    scan: tuple[ScanGroup, ...]
    calendar_spread_inr: float
    short_option_minimum_inr: float
    net_option_value_inr: float
    exposure_inr: float
    deep_otm_inr: float
    expiry_day_inr: float
    upfront_premium_inr: float
    broker_more_inr: float = 0.0  # what the broker asks beyond our own figure

    @property
    def scan_risk_inr(self) -> float:
        """Worst scenarios of all groups together."""
        return math.fsum(group.loss_inr for group in self.scan)

    @property
    def worst_scenario(self) -> str:
        """The scenario of the group that loses most."""
        return max(self.scan, key=lambda group: group.loss_inr).scenario if self.scan else "nothing held"

    @property
    def span_inr(self) -> float:
        """SPAN: never below 0."""
        risk = max(self.scan_risk_inr + self.calendar_spread_inr, self.short_option_minimum_inr)
        return max(0.0, risk - self.net_option_value_inr)

    @property
    def total_inr(self) -> float:
        """SPAN and all add-ons; the premium of long options not among them."""
        own = self.span_inr + self.exposure_inr + self.deep_otm_inr + self.expiry_day_inr
        return own + self.broker_more_inr


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMargin:
    """There is no figure; why."""

    reason: str


NOTHING_HELD: Final = Margin(
    scan=(),
    calendar_spread_inr=0.0,
    short_option_minimum_inr=0.0,
    net_option_value_inr=0.0,
    exposure_inr=0.0,
    deep_otm_inr=0.0,
    expiry_day_inr=0.0,
    upfront_premium_inr=0.0,
)


def margin_of(holdings: Holdings, index: IndexState, rule: MarginRule) -> Margin | NoMargin:
    """Margin by our own revaluation; NoMargin names the first input that is missing."""
    return margins_after_moves(holdings, index, rule, (0.0,))[0]


def margins_after_moves(
    holdings: Holdings, index: IndexState, rule: MarginRule, moves: Sequence[float]
) -> tuple[Margin | NoMargin, ...]:
    """One margin per move, as `margin_of`, all in one revaluation.

    A move is a signed share of the index, 0.0 for the market as it is; every forward goes with it, the
    previous close and volatilities stay.
    """
    if not holdings.expiries:
        return (NOTHING_HELD,) * len(moves)
    scenes = [_moved(holdings, index, move) for move in moves]
    missing = [_missing_index(moved.index) or _missing_market(moved.holdings) for moved in scenes]
    known = [moved for moved, reason in zip(scenes, missing, strict=True) if not reason]
    margins = iter(_margins(known, rule))
    return tuple(NoMargin(reason=reason) if reason else next(margins) for reason in missing)


def _moved(holdings: Holdings, index: IndexState, move: float) -> _Scene:
    contracts = holdings.contracts
    moved = replace(contracts, forward=contracts.forward * (1.0 + move))
    return _Scene(
        holdings=replace(holdings, contracts=moved), index=replace(index, spot=index.spot * (1.0 + move))
    )


def _margins(scenes: Sequence[_Scene], rule: MarginRule) -> list[Margin]:
    return [
        _margin(
            scene.holdings,
            arrays,
            scene.index,
            rule,
            _rated_charge(scene.holdings, rule),
            minimum_inr_per_unit=rule.short_option_minimum.rate * scene.index.spot,
        )
        for scene, arrays in zip(scenes, _arrays(scenes, rule), strict=True)
    ]


def _arrays(scenes: Sequence[_Scene], rule: MarginRule) -> list[RiskArrays]:
    # Scenes of one book: its contracts stand side by side, one scene after the other.
    if not scenes:
        return []
    holdings, sigma_daily = scenes[0].holdings, scenes[0].index.sigma_daily
    share = np.array(
        [rule.price_scan_fraction(expiry, sigma_daily=sigma_daily) for expiry in holdings.expiries]
    )
    arrays = revalue(
        at_forwards(holdings.contracts, np.array([scene.holdings.contracts.forward for scene in scenes])),
        price_scan=np.concatenate([scene.index.spot * share for scene in scenes]),
        vol_scan=rule.vol_scan.points(sigma_daily=sigma_daily),
        rule=rule.scenarios,
        needs_delta=len(set(holdings.expiries)) > 1,
    )
    legs = len(holdings.expiries)
    return [_columns(arrays, slice(start, start + legs)) for start in range(0, legs * len(scenes), legs)]


def _columns(arrays: RiskArrays, legs: slice) -> RiskArrays:
    return RiskArrays(
        loss=arrays.loss[:, legs], value=arrays.value[legs], composite_delta=arrays.composite_delta[legs]
    )


def _rated_charge(holdings: Holdings, rule: MarginRule) -> SpreadCharge:
    far_value: dict[date, float] = dict(
        zip(holdings.expiries, holdings.contracts.forward.tolist(), strict=True)
    )
    return lambda near, far: rule.calendar_spread.rate(near, far) * far_value[far]


def margin_from_arrays(
    holdings: Holdings,
    arrays: RiskArrays,
    index: IndexState,
    rule: MarginRule,
    *,
    spread_charge: SpreadCharge,
    short_option_minimum_inr_per_unit: float,
) -> Margin | NoMargin:
    """Margin from the exchange's own risk arrays, with its charges; add-ons by the rule of the date.

    Of the market only the forwards of futures are read (their exposure). Raises ValueError when a column
    of the arrays has another shape than the holdings.
    """
    legs = len(holdings.expiries)
    if arrays.loss.shape[1:] != (legs,) or arrays.value.shape != (legs,):
        raise ValueError(f"risk arrays of shape {arrays.loss.shape} do not fit {legs} contracts")
    if not legs:
        return NOTHING_HELD
    if missing := _missing_prices(index) or _missing_arrays(holdings, arrays):
        return NoMargin(reason=missing)
    margin = _margin(
        holdings, arrays, index, rule, spread_charge, minimum_inr_per_unit=short_option_minimum_inr_per_unit
    )
    if math.isnan(margin.calendar_spread_inr):
        return NoMargin(reason="a charge for spreading two of the expiries held is missing")
    return margin


def _margin(
    holdings: Holdings,
    arrays: RiskArrays,
    index: IndexState,
    rule: MarginRule,
    spread_charge: SpreadCharge,
    *,
    minimum_inr_per_unit: float,
) -> Margin:
    short = _short_options(holdings)
    return Margin(
        scan=_scan(holdings, arrays.loss, rule),
        calendar_spread_inr=_calendar_spread(holdings, arrays.composite_delta, rule, spread_charge),
        short_option_minimum_inr=minimum_inr_per_unit * float(short.sum()),
        net_option_value_inr=float(holdings.units @ arrays.value),
        exposure_inr=_exposure(holdings, short, index, rule),
        deep_otm_inr=_deep_otm(holdings, short, index, rule),
        expiry_day_inr=_expiry_day(holdings, short, index, rule),
        upfront_premium_inr=rule.upfront_premium.rate * float(np.maximum(holdings.units, 0.0) @ arrays.value),
    )


def _scan(holdings: Holdings, loss: FloatArray, rule: MarginRule) -> tuple[ScanGroup, ...]:
    offsets = np.array([rule.offsets_other_expiries(expiry) for expiry in holdings.expiries], dtype=np.bool_)
    by_leg = loss * holdings.units
    return tuple(_worst(by_leg[:, group].sum(axis=1)) for group in (~offsets, offsets) if group.any())


def _worst(losses: FloatArray) -> ScanGroup:
    index = int(np.argmax(losses))
    return ScanGroup(loss_inr=max(0.0, float(losses[index])), scenario=scenario_name(index))


def _calendar_spread(
    holdings: Holdings, composite_delta: FloatArray, rule: MarginRule, spread_charge: SpreadCharge
) -> float:
    # Deltas of opposite sign spread against each other, neighbouring expiries first.
    open_delta: dict[date, float] = {}
    for expiry, delta in zip(holdings.expiries, (holdings.units * composite_delta).tolist(), strict=True):
        if rule.offsets_other_expiries(expiry):
            open_delta[expiry] = open_delta.get(expiry, 0.0) + delta
    charge = 0.0
    for near, far in _pairs_by_distance(sorted(open_delta)):
        if open_delta[near] * open_delta[far] < 0.0:
            matched = min(abs(open_delta[near]), abs(open_delta[far]))
            charge += matched * spread_charge(near, far)
            for expiry in (near, far):
                open_delta[expiry] -= math.copysign(matched, open_delta[expiry])
    return charge


def _pairs_by_distance(expiries: Sequence[date]) -> list[tuple[date, date]]:
    ranked = [(j - i, i, j) for i, j in combinations(range(len(expiries)), 2)]
    return [(expiries[i], expiries[j]) for _, i, j in sorted(ranked)]


def _short_options(holdings: Holdings) -> FloatArray:
    # units sold, positive, of options only
    return np.where(holdings.contracts.is_future, 0.0, np.maximum(-holdings.units, 0.0))


def _exposure(holdings: Holdings, short: FloatArray, index: IndexState, rule: MarginRule) -> float:
    futures = holdings.contracts.is_future
    value = index.spot * float(short.sum())
    if futures.any():
        value += float(np.abs(holdings.units[futures]) @ holdings.contracts.forward[futures])
    return rule.exposure.rate * value


def _deep_otm(holdings: Holdings, short: FloatArray, index: IndexState, rule: MarginRule) -> float:
    contracts, close = holdings.contracts, index.previous_close
    away = np.where(contracts.is_call, contracts.strike - close, close - contracts.strike)
    is_deep = (away > rule.deep_otm.distance * close) & ~contracts.is_future
    return rule.deep_otm.rate * index.spot * float(short[is_deep].sum())


def _expiry_day(holdings: Holdings, short: FloatArray, index: IndexState, rule: MarginRule) -> float:
    expiring = np.array([expiry == rule.day for expiry in holdings.expiries], dtype=np.bool_)
    return rule.expiry_day.rate * index.spot * float(short[expiring].sum())


def _missing_index(index: IndexState) -> str:
    if not (math.isfinite(index.sigma_daily) and index.sigma_daily >= 0.0):
        return f"NSE's daily EWMA of the index was {index.sigma_daily}, must be a volatility"
    return _missing_prices(index)


def _missing_prices(index: IndexState) -> str:
    for name, value in (("level of the index", index.spot), ("previous close", index.previous_close)):
        if not (math.isfinite(value) and value > 0.0):
            return f"{name} was {value}, must be above 0"
    return ""


def _missing_market(holdings: Holdings) -> str:
    contracts = holdings.contracts
    options = ~contracts.is_future
    needs = (
        ("units", holdings.units, np.isfinite(holdings.units)),
        ("forward", contracts.forward, _positive(contracts.forward)),
        ("strike", contracts.strike, _positive(contracts.strike) | ~options),
        ("discount", contracts.discount, _positive(contracts.discount) | ~options),
        ("time to expiry", contracts.t, _not_negative(contracts.t) | ~options),
        ("implied volatility", contracts.sigma, _not_negative(contracts.sigma) | ~options),
    )
    for name, values, good in needs:
        if not good.all():
            return _fault(holdings, name, values, int(np.argmin(good)))
    return ""


def _missing_arrays(holdings: Holdings, arrays: RiskArrays) -> str:
    contracts = holdings.contracts
    needs = (
        ("units", holdings.units, np.isfinite(holdings.units)),
        ("risk array", arrays.loss.sum(axis=0), np.isfinite(arrays.loss).all(axis=0)),
        ("price", arrays.value, np.isfinite(arrays.value)),
        ("composite delta", arrays.composite_delta, np.isfinite(arrays.composite_delta)),
        ("forward", contracts.forward, _positive(contracts.forward) | ~contracts.is_future),
    )
    for name, values, good in needs:
        if not good.all():
            return _fault(holdings, name, values, int(np.argmin(good)))
    return ""


def _fault(holdings: Holdings, name: str, values: FloatArray, leg: int) -> str:
    contracts, expiry = holdings.contracts, holdings.expiries[leg]
    right = "CE" if contracts.is_call[leg] else "PE"
    what = "future" if contracts.is_future[leg] else f"{contracts.strike[leg]:g} {right}"
    return f"{name} of {expiry.isoformat()} {what} was {values[leg]}"


def _positive(values: FloatArray) -> BoolArray:
    return np.isfinite(values) & (values > 0.0)


def _not_negative(values: FloatArray) -> BoolArray:
    return np.isfinite(values) & (values >= 0.0)
