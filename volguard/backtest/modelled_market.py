"""One day of modelled chains as a market: a look every so many seconds along a path of the index.

What is real is the index (its four prices of the day) and India VIX of the session before; every option quote
is the model's. A session on it says so: its source is of kind `modelled`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Final

from volguard.backtest.daily_path import DayPath
from volguard.backtest.known_state import Known
from volguard.backtest.modelled_chain import ModelledChains
from volguard.model.instrument import Underlying
from volguard.model.market import Capabilities, ChainSnapshot, SourceInfo

KIND: Final = "modelled"
DIGEST_BYTES: Final = 16


class ModelledMarket:
    """Implements ports.MarketData. `model_digest` names the model's parameters; equal digests, equal markets.

    Strikes are listed around the index's first level of the day. Raises DataError where the state before the
    day is not known, DateNotCovered outside the dated rules.
    """

    def __init__(
        self,
        chains: ModelledChains,
        path: DayPath,
        known: Known,
        *,
        underlying: Underlying,
        cadence_s: float,
        model_digest: str,
    ) -> None:
        self._chains, self._path, self._known = chains, path, known
        self.info = SourceInfo(
            kind=KIND,
            label=f"{underlying} {path.times[0].date().isoformat()}, every {cadence_s:.0f} s",
            underlying=underlying,
            trading_date=path.times[0].date(),
            capabilities=Capabilities(spot=True, vix=True, quote_time=True, depth=False, cadence_s=cadence_s),
            digest=_digest(path, known, model_digest),
        )

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """The day's looks later than `after`, oldest first."""
        return (shot for shot in self._made if after is None or shot.ts > after)

    @cached_property
    def _made(self) -> tuple[ChainSnapshot, ...]:
        times, level = self._path.times, self._path.level
        listing = self._chains.listing(self.info.trading_date, float(level[0]))
        return tuple(self._chains.snapshots(times, self._known.state(level), [listing] * len(times)))


def _digest(path: DayPath, known: Known, model_digest: str) -> str:
    text = f"{model_digest} {known!r} {[ts.isoformat() for ts in path.times]} {path.level.tolist()!r}"
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
