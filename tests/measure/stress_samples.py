"""Books to stress, and the same stress one option at a time with SciPy's normal distribution."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

import msgspec
import numpy as np
from hypothesis import strategies as st
from scipy.special import ndtr

from tests.chains import FORWARD, MONTHLY, RATE, ROOT, WEEKLY, call, put
from volguard.measure.stress import StressResult
from volguard.measure.stress_book import StressBook
from volguard.measure.stress_settings import StressSettings
from volguard.model.instrument import OptionContract, OptionType

LOT = 75
DAYS_LEFT = {WEEKLY: 6.2, MONTHLY: 27.2}
FLOOR_YEARS = 5.0 / (365 * 24 * 60)

# Price of one option from (is_call, forward, strike, standard deviation, discount).
Pricer = Callable[[bool, float, float, float, float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One leg as tests write it down."""

    contract: OptionContract
    units: int
    sigma: float = 0.14
    confidence: float = 1.0


@lru_cache(maxsize=1)
def shipped_stress() -> StressSettings:
    """config/stress.toml as it is shipped."""
    return msgspec.convert(tomllib.loads((ROOT / "config" / "stress.toml").read_text()), StressSettings)


def make_book(*rows: Row, days_left: dict[date, float] = DAYS_LEFT) -> StressBook:
    """A book with the forward of all expiries at 24,800 and a rate of 6.5 %."""
    years = np.array([days_left[row.contract.expiry] / 365.0 for row in rows])
    return StressBook(
        contracts=tuple(row.contract for row in rows),
        units=np.array([float(row.units) for row in rows]),
        forward=np.full(len(rows), FORWARD),
        strike=np.array([float(row.contract.strike) for row in rows]),
        years=years,
        sigma=np.array([row.sigma for row in rows]),
        is_call=np.array([row.contract.option_type is OptionType.CALL for row in rows], dtype=np.bool_),
        discount=np.exp(-RATE * years),
        confidence=np.array([row.confidence for row in rows]),
    )


def scaled(book: StressBook, factor: float) -> StressBook:
    """The same legs, so many times."""
    return replace(book, units=factor * book.units)


def scipy_price(is_call: bool, forward: float, strike: float, deviation: float, discount: float) -> float:
    """Black (1976) by its textbook formula."""
    sign = 1.0 if is_call else -1.0
    if deviation == 0.0:
        return discount * max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    return float(discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation))))


@dataclass(frozen=True, slots=True, kw_only=True)
class LegInCell:
    """One leg in one market: what Black's formula needs there."""

    is_call: bool
    forward: float
    strike: float
    deviation: float  # sigma sqrt(t), 0 when it has expired
    discount: float

    def value(self, pricer: Pricer) -> float:
        return pricer(self.is_call, self.forward, self.strike, self.deviation, self.discount)

    @property
    def time_value(self) -> float:
        """What the price holds above the discounted intrinsic value."""
        return self.value(scipy_price) - scipy_price(
            self.is_call, self.forward, self.strike, 0.0, self.discount
        )


def legs_in_cell(
    book: StressBook, *, move: float, shift: float, days: float, iv_floor: float, settles: bool = False
) -> list[LegInCell]:
    """Each leg after a move, a whole shift and days; `settles`: the first expiry ends there."""
    legs = []
    for i, contract in enumerate(book.contracts):
        units, sigma, years = float(book.units[i]), float(book.sigma[i]), float(book.years[i])
        is_against = (shift > 0.0) == (units < 0.0)
        widened = shift * (2.0 - float(book.confidence[i])) if is_against else shift
        shifted = max(sigma + widened, min(sigma, iv_floor))
        left = years - days / 365.0
        is_over = left < -1e-12 or (settles and contract.expiry == book.first_expiry)
        t = 0.0 if is_over else max(left, FLOOR_YEARS)
        rate = -math.log(float(book.discount[i])) / years
        legs.append(
            LegInCell(
                is_call=bool(book.is_call[i]),
                forward=float(book.forward[i]) * (1.0 + move),
                strike=float(book.strike[i]),
                deviation=shifted * math.sqrt(t),
                discount=math.exp(-rate * t),
            )
        )
    return legs


def plain_value(book: StressBook, legs: Sequence[LegInCell], pricer: Pricer = scipy_price) -> float:
    """Rupees of the book in one market."""
    return math.fsum(u * leg.value(pricer) for u, leg in zip(book.units.tolist(), legs, strict=True))


def plain_grid(book: StressBook, settings: StressSettings, pricer: Pricer = scipy_price) -> np.ndarray:
    """The P&L array of a stress, one option at a time."""
    floor = settings.iv_floor
    now = plain_value(book, legs_in_cell(book, move=0.0, shift=0.0, days=0.0, iv_floor=floor), pricer)

    def pnl(days: int, move: float, shift: float) -> float:
        legs = legs_in_cell(book, move=move, shift=shift, days=days, iv_floor=floor)
        return plain_value(book, legs, pricer) - now

    return np.array(
        [
            [
                [
                    [
                        pnl(days, move, s),
                        pnl(days, move, s + settings.skew_iv_per_spot_fall * max(-move, 0.0)),
                    ]
                    for s in settings.iv_shifts
                ]
                for move in settings.spot_move_shares
            ]
            for days in settings.horizons_days
        ]
    )


def worst_legs(book: StressBook, result: StressResult, settings: StressSettings) -> list[LegInCell]:
    """The legs in the market of the worst cell."""
    assert result.worst is not None
    cell = result.worst.cell
    skew = settings.skew_iv_per_spot_fall if cell.shape == "skewed" else 0.0
    is_settlement = cell.kind == "settlement"
    return legs_in_cell(
        book,
        move=cell.spot_move_share,
        shift=cell.iv_shift + skew * max(-cell.spot_move_share, 0.0),
        days=float(book.years.min()) * 365.0 if is_settlement else cell.horizon_days,
        iv_floor=settings.iv_floor,
        settles=is_settlement,
    )


CONTRACTS = st.builds(
    lambda kind, strike, expiry: kind(strike, expiry),
    st.sampled_from([call, put]),
    st.integers(min_value=440, max_value=552).map(lambda n: 50 * n),
    st.sampled_from([WEEKLY, MONTHLY]),
)
SIGMAS = st.floats(min_value=0.02, max_value=0.8)
SHARES = st.floats(min_value=0.0, max_value=1.0)
ROWS = st.builds(
    Row,
    contract=CONTRACTS,
    units=st.integers(min_value=-4, max_value=4).map(lambda lots: LOT * lots),
    sigma=SIGMAS,
    confidence=SHARES,
)
BOOKS = st.lists(ROWS, min_size=1, max_size=6, unique_by=lambda row: row.contract).map(
    lambda rows: make_book(*rows)
)
