"""Our margin beside figures that were published: positions, what was assumed to price them, the difference.

29 May 2026: the exchange's settlement file as a public reader added it up (index 23,547.75, lot 65, expiry
30 June 2026); held to a tolerance. The others are printed with their difference only, because an input is
not known (the minute, the volatility) or the figure is a rule of thumb.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.measure.margin import Holdings, IndexState, Margin, NoMargin, margin_of
from volguard.measure.margin_scan import Contracts
from volguard.model.instrument import Underlying
from volguard.nse.margin_rules import MarginRules
from volguard.pricing.daycount import DAYS_PER_YEAR
from volguard.pricing.implied_vol import implied_vol

NIFTY: Final = Underlying("NIFTY")
TOLERANCE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLeg:
    """A leg; `strike` None for a future, `is_far` for the scene's second expiry."""

    strike: float | None
    is_call: bool
    units: int
    is_far: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A day's market as far as it is known; what was assumed stands in `assumed`.

    Levels in points, futures of the near and the far expiry; the volatility of all strikes is that of one
    quoted premium (points per unit) at one strike, its right a call.
    """

    day: date
    expiry: date
    far_expiry: date
    spot: float
    previous_close: float
    future: float
    far_future: float
    quoted_strike: float
    quoted_premium: float
    sigma_daily: float
    assumed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMargin:
    """A figure as published, in rupees, for a position; `is_held` when ours must come within TOLERANCE."""

    name: str
    component: str  # the property or field of Margin that it is a figure of
    scene: Scene
    legs: tuple[PublishedLeg, ...]
    published_inr: float
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One line of the table; `ours_inr` and `difference` (of the published figure) nan where refused."""

    margin: PublishedMargin
    ours_inr: float
    difference: float
    reason: str


MAY_2026: Final = Scene(
    day=date(2026, 5, 29),
    expiry=date(2026, 6, 30),
    far_expiry=date(2026, 7, 28),
    spot=23547.75,
    previous_close=23547.75,
    future=30873.0 / (0.02 * 65),
    far_future=(30873.0 / (0.02 * 65)) ** 2 / 23547.75,
    quoted_strike=23700.0,
    quoted_premium=28447.0 / 65,
    sigma_daily=0.01096,
    assumed=(
        "future from its published exposure (30,873 = 2 % x 65 x F); one volatility for all strikes, from "
        "the premium of the 23700 call; daily EWMA where 6 sigma sqrt 2 meets the floor of 9.3 %; no "
        "discount; the far future as far above the near one as that above the index; the close as "
        "previous close"
    ),
)
JULY_2023: Final = Scene(
    day=date(2023, 7, 4),
    expiry=date(2023, 7, 27),
    far_expiry=date(2023, 8, 31),
    spot=19434.15,
    previous_close=19322.55,
    future=19434.15 * 1.0045,
    far_future=19434.15 * 1.0105,
    quoted_strike=20600.0,
    quoted_premium=35.65,
    sigma_daily=0.0089,
    assumed=(
        "4-Jul-2023, whose high is the index level in the exposure (29,151.225 = 2 % x 75 x 19,434.15: the "
        "sale was of 75 units); carry of 7 % a year; one volatility, from the sale's value of 2,673.75; "
        "EWMA of that week; no discount"
    ),
)
_CALL, _PUT = (PublishedLeg(strike=23700.0, is_call=is_call, units=-65) for is_call in (True, False))
_FUTURE: Final = PublishedLeg(strike=None, is_call=False, units=65)
_FAR_FUTURE: Final = PublishedLeg(strike=None, is_call=False, units=-65, is_far=True)
_PROTECTION: Final = PublishedLeg(strike=23000.0, is_call=False, units=65)
_SHORT_CALL: Final = PublishedLeg(strike=20600.0, is_call=True, units=-75)
_LONG_CALL: Final = PublishedLeg(strike=20700.0, is_call=True, units=75)


def _row(
    name: str, component: str, scene: Scene, legs: Sequence[PublishedLeg], inr: float, *, is_held: bool
) -> PublishedMargin:
    return PublishedMargin(
        name=name, component=component, scene=scene, legs=tuple(legs), published_inr=inr, is_held=is_held
    )


PUBLISHED: Final = (
    _row("long 1 future", "span_inr", MAY_2026, (_FUTURE,), 143720.0, is_held=True),
    _row("long 1 future", "total_inr", MAY_2026, (_FUTURE,), 174593.0, is_held=True),
    _row("short 23700 CE", "span_inr", MAY_2026, (_CALL,), 141673.0, is_held=True),
    _row("short 23700 CE", "exposure_inr", MAY_2026, (_CALL,), 30612.0, is_held=True),
    _row("short 23700 CE", "total_inr", MAY_2026, (_CALL,), 172285.0, is_held=True),
    _row("short straddle 23700", "total_inr", MAY_2026, (_CALL, _PUT), 202898.0, is_held=True),
    _row("long future, long 23000 PE", "total_inr", MAY_2026, (_FUTURE, _PROTECTION), 78904.0, is_held=True),
    _row("long 1 future, broker", "total_inr", MAY_2026, (_FUTURE,), 174539.0, is_held=False),
    _row("short 23700 CE, broker", "total_inr", MAY_2026, (_CALL,), 173159.0, is_held=False),
    _row(
        "calendar spread of futures",
        "calendar_spread_inr",
        MAY_2026,
        (_FUTURE, _FAR_FUTURE),
        27625.0,
        is_held=False,
    ),
    _row("short 20600 CE", "span_inr", JULY_2023, (_SHORT_CALL,), 66832.5, is_held=False),
    _row("short 20600 CE", "exposure_inr", JULY_2023, (_SHORT_CALL,), 29151.225, is_held=False),
    _row("short 20600 CE", "total_inr", JULY_2023, (_SHORT_CALL,), 95983.725, is_held=False),
    _row("20600/20700 call credit", "span_inr", JULY_2023, (_SHORT_CALL, _LONG_CALL), 7788.0, is_held=False),
)


def published_margin_table(rules: MarginRules) -> tuple[PublishedRow, ...]:
    """Every published figure beside ours, in the order of PUBLISHED. Raises DateNotCovered."""
    return tuple(_compared(row, rules) for row in PUBLISHED)


def margin_of_scene(scene: Scene, legs: Sequence[PublishedLeg], rules: MarginRules) -> Margin | NoMargin:
    """Our margin of a published position. Raises DateNotCovered."""
    index = IndexState(spot=scene.spot, previous_close=scene.previous_close, sigma_daily=scene.sigma_daily)
    return margin_of(_holdings(scene, legs), index, rules.on(NIFTY, scene.day))


def _compared(row: PublishedMargin, rules: MarginRules) -> PublishedRow:
    margin = margin_of_scene(row.scene, row.legs, rules)
    if isinstance(margin, NoMargin):
        return PublishedRow(margin=row, ours_inr=math.nan, difference=math.nan, reason=margin.reason)
    ours: float = getattr(margin, row.component)
    return PublishedRow(margin=row, ours_inr=ours, difference=ours / row.published_inr - 1.0, reason="")


def _holdings(scene: Scene, legs: Sequence[PublishedLeg]) -> Holdings:
    near_t = (scene.expiry - scene.day).days / DAYS_PER_YEAR
    quoted = implied_vol(scene.quoted_premium, scene.future, scene.quoted_strike, near_t, True, 1.0)
    expiries = tuple(scene.far_expiry if leg.is_far else scene.expiry for leg in legs)
    count = len(legs)
    return Holdings(
        expiries=expiries,
        units=np.array([float(leg.units) for leg in legs]),
        contracts=Contracts(
            is_future=np.array([leg.strike is None for leg in legs]),
            is_call=np.array([leg.is_call for leg in legs]),
            strike=np.array([math.nan if leg.strike is None else leg.strike for leg in legs]),
            forward=np.array([scene.far_future if leg.is_far else scene.future for leg in legs]),
            t=np.array([(expiry - scene.day).days / DAYS_PER_YEAR for expiry in expiries]),
            sigma=np.full(count, float(quoted.sigma)),
            discount=np.ones(count),
        ),
    )
