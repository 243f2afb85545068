"""What the market showed: a listing of contracts, and columns of quotes over it.

Absent prices are nan, absent sizes 0; volatility is a decimal per year. Rows are sorted by
(expiry, strike, call before put). Arrays are read-only: a snapshot is a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.instrument import OptionContract, OptionType, Underlying

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The contracts behind the rows of a snapshot; shared by all snapshots that list the same.

    `offsets` has one entry more than `expiries`: rows of expiry i are offsets[i]:offsets[i + 1].
    """

    underlying: Underlying
    expiries: tuple[date, ...]
    offsets: IntArray
    strike: FloatArray
    is_call: BoolArray

    def __post_init__(self) -> None:
        for column in (self.offsets, self.strike, self.is_call):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.strike)

    @cached_property
    def expiry_index(self) -> IntArray:
        """Position in `expiries` of each row, shape (rows,)."""
        return _sealed(np.repeat(np.arange(len(self.expiries)), np.diff(self.offsets)))

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """Rows of the call and of the put of each strike that lists both, sorted by expiry and strike."""
        same = (
            (self.expiry_index[:-1] == self.expiry_index[1:])
            & (self.strike[:-1] == self.strike[1:])
            & self.is_call[:-1]
            & ~self.is_call[1:]
        )
        calls = np.flatnonzero(same)
        return _sealed(calls), _sealed(calls + 1)

    @cached_property
    def _row_by_key(self) -> dict[tuple[date, int, bool], int]:
        expiries = self.expiries
        keys = zip(self.expiry_index.tolist(), self.strike.tolist(), self.is_call.tolist(), strict=True)
        return {(expiries[e], round(k), c): row for row, (e, k, c) in enumerate(keys)}

    def same_as(self, other: Listing) -> bool:
        """Whether both list the same contracts in the same order; quick when they are one object."""
        return self is other or (
            self.underlying == other.underlying
            and self.expiries == other.expiries
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.strike, other.strike)
            and np.array_equal(self.is_call, other.is_call)
        )

    def row(self, contract: OptionContract) -> int | None:
        """The row of a contract, or None when it is not listed here."""
        if contract.underlying != self.underlying:
            return None
        return self._row_by_key.get(
            (contract.expiry, contract.strike, contract.option_type is OptionType.CALL)
        )

    def contract(self, row: int) -> OptionContract:
        """The contract of a row."""
        return OptionContract(
            underlying=self.underlying,
            expiry=self.expiries[int(self.expiry_index[row])],
            strike=round(float(self.strike[row])),
            option_type=OptionType.CALL if self.is_call[row] else OptionType.PUT,
        )

    def rows_of(self, expiry: date) -> slice:
        """The rows of one expiry, empty when it is not listed."""
        if expiry not in self.expiries:
            return slice(0, 0)
        i = self.expiries.index(expiry)
        return slice(int(self.offsets[i]), int(self.offsets[i + 1]))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainSnapshot:
    """One look at the whole chain; every column has shape (rows,).

    Prices in rupees per unit, sizes, volume and open interest in units of the underlying.
    """

    ts: datetime
    listing: Listing
    bid: FloatArray
    bid_qty: IntArray
    ask: FloatArray
    ask_qty: IntArray
    ltp: FloatArray
    volume: IntArray
    oi: IntArray
    vendor_iv: FloatArray
    quote_age_s: FloatArray | None = None
    underlying_ltp: float | None = None
    vix: float | None = None

    def __post_init__(self) -> None:
        for name in COLUMNS:
            getattr(self, name).setflags(write=False)
        if self.quote_age_s is not None:
            self.quote_age_s.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing new up to a moment: a live source says so, so that silence itself can be acted on."""

    ts: datetime


MODELLED: Final = "modelled"
BHAVCOPY: Final = "bhavcopy"
COLUMNS = ("bid", "bid_qty", "ask", "ask_qty", "ltp", "volume", "oi", "vendor_iv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The touch of one contract, exact, made only for legs that an order touches."""

    ts: datetime
    contract: OptionContract
    bid: Decimal | None
    bid_qty: int
    ask: Decimal | None
    ask_qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBar:
    """One session of an index in points (India VIX in percent); None where only the close is known."""

    day: date
    open: float | None
    high: float | None
    low: float | None
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantDay:
    """Index futures that foreign investors held at one day's close: contracts long and short."""

    day: date
    foreign_long: float
    foreign_short: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignStand:
    """Foreign investors' long index futures as a share of long and short at the last close.

    `percentile` of that share in the year before. Both None where not known; `missing` says why.
    """

    day: date | None
    long_share: float | None
    percentile: float | None
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthForecast:
    """Volatility per 252 sessions that was forecast after a day's close for the month to come; None: none."""

    day: date
    volatility: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceForecasts:
    """What models fitted to daily history expect: made once before the first snapshot, the same all day.

    `total_variance` by model: entry n is the expected variance of the log level over the next n sessions,
    linear in between; None beyond the model's reach. `left_out`: models that did not converge, and why.
    `nse_sigma_daily`: NSE's own EWMA, decimal per day, which margins are measured from; None with too few
    bars. `past_month`: one of each of the last sessions of the history, oldest first.
    """

    total_variance: Mapping[str, tuple[float | None, ...]]
    left_out: Mapping[str, str]
    nse_sigma_daily: float | None
    past_month: tuple[MonthForecast, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a source can give at all; what it can give and did not is a breach, not a default."""

    spot: bool
    vix: bool
    quote_time: bool
    depth: bool
    cadence_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """Where a session's market comes from, as written into its first journal row."""

    kind: str  # replay, simulator, upstox; of a backtest modelled, bhavcopy
    label: str  # a file's name, a scenario and seed
    underlying: Underlying
    trading_date: date
    capabilities: Capabilities
    digest: str  # of the file or of the generator's arguments: same digest, same market

    @property
    def is_made_of_past(self) -> bool:
        """Whether it is a day of a backtest without a recording: rules are those that backtests go by."""
        return self.kind in (MODELLED, BHAVCOPY)


def _sealed(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
