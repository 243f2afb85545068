"""Which contracts a live session looks at: nearest expiries, strikes around the index, and what is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.model.broker import InstrumentKey
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.market import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a universe goes: nearest expiries, share of the index either side, contracts in all."""

    expiries_max: int
    strike_share: float
    contracts_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """A listing with the key of each row; None where the broker has no such contract (it is held, though).

    `left_out` counts contracts within reach for which there was no room.
    """

    listing: Listing
    keys: tuple[InstrumentKey | None, ...]
    left_out: int


def choose_universe(
    options: Iterable[OptionContract],
    *,
    underlying: Underlying,
    level: float,
    trading_date: date,
    reach: Reach,
    held: Iterable[OptionContract],
    key_of: Callable[[OptionContract], InstrumentKey | None],
) -> Universe:
    """The contracts to look at when the index stands at `level`, sorted as a listing is.

    What is held is always in. Where there is no room for all, the strikes nearest to the level stay, whole
    pairs of call and put. Raises ValueError when nothing of the underlying is in reach.
    """
    live = [c for c in options if c.underlying == underlying and c.expiry >= trading_date]
    expiries = sorted({contract.expiry for contract in live})[: reach.expiries_max]
    near = [
        contract
        for contract in live
        if contract.expiry in expiries and abs(contract.strike - level) <= reach.strike_share * level
    ]
    if not near:
        raise ValueError(f"no {underlying} option within {reach.strike_share:.0%} of the level {level:.2f}")
    kept = {contract for contract in held if contract.underlying == underlying}
    pairs = _by_distance(near, level)
    for number, pair in enumerate(pairs):
        wanted = kept.union(pair)
        if len(wanted) > reach.contracts_max:
            left_out = sum(len(set(rest) - kept) for rest in pairs[number:])
            break
        kept = wanted
    else:
        left_out = 0
    rows = sorted(kept, key=lambda c: (c.expiry, c.strike, c.option_type is OptionType.PUT))
    return Universe(
        listing=_listing(underlying, rows), keys=tuple(key_of(row) for row in rows), left_out=left_out
    )


# Call and put of one strike and expiry together; at the same distance the nearer expiry first.
def _by_distance(near: Sequence[OptionContract], level: float) -> list[list[OptionContract]]:
    pairs: dict[tuple[float, date, int], list[OptionContract]] = {}
    for contract in near:
        place = (abs(contract.strike - level), contract.expiry, contract.strike)
        pairs.setdefault(place, []).append(contract)
    return [pairs[place] for place in sorted(pairs)]


def _listing(underlying: Underlying, rows: Sequence[OptionContract]) -> Listing:
    expiries = tuple(sorted({row.expiry for row in rows}))
    counts = [sum(row.expiry == expiry for row in rows) for expiry in expiries]
    return Listing(
        underlying=underlying,
        expiries=expiries,
        offsets=np.r_[0, np.cumsum(counts)].astype(np.int64),
        strike=np.array([float(row.strike) for row in rows]),
        is_call=np.array([row.option_type is OptionType.CALL for row in rows]),
    )
