"""A session along an index path that is given, such as a real day's minutes, with made-up options on it.

What is real is the index, and of India VIX its open, high, low and close. The option quotes are the
simulator's own: its smile and term structure at that level, its makers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from volguard.model.market import ChainSnapshot, DailyBar, FloatArray, SourceInfo
from volguard.simulator.chain_maker import ChainMaker, snapshot_times_s
from volguard.simulator.index_path import CRASH_LEVEL_RISE, IndexPath
from volguard.simulator.market import GENERATOR_VERSION, source_of
from volguard.simulator.session import SessionRules, listed_contracts

MINUTE_S: Final = 60.0
PRINT_S: Final = 15.0  # the four prices of a minute are so far apart
PERCENT: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPath:
    """Index and implied level through a session, equally long columns.

    `time_s` is in seconds after the open, from 0, rising by at most a minute a row; `spot` in points; `level`
    the 30-day implied volatility (decimal). `last_close` of the index, in points, is that of the session
    before. Raises ValueError for columns that are no such path.
    """

    time_s: FloatArray
    spot: FloatArray
    level: FloatArray
    last_close: float

    def __post_init__(self) -> None:
        if not len(self.time_s) == len(self.spot) == len(self.level) > 0:
            lengths = f"{len(self.time_s)}, {len(self.spot)} and {len(self.level)}"
            raise ValueError(f"time_s, spot and level had {lengths} rows, must be as many and not none")
        steps = np.diff(self.time_s, prepend=-PRINT_S)
        if self.time_s[0] != 0.0 or not ((steps > 0.0) & (steps <= MINUTE_S)).all():
            raise ValueError("time_s must start at 0 and rise by at most a minute a row")
        _refuse_unless_positive("spot", self.spot)
        _refuse_unless_positive("level", self.level)
        if not 0.0 < self.last_close < np.inf:
            raise ValueError(f"last_close was {self.last_close}, must be above 0")

    def at(self, time_s: FloatArray) -> IndexPath:
        """The path at other times, straight between its rows, held for at most a minute after the last.

        `stress` is that of the simulator's crash at the same rise of the implied level above the open.
        Raises ValueError for times that the path does not reach.
        """
        if time_s[-1] > self.time_s[-1] + MINUTE_S:
            raise ValueError(
                f"the path ends {self.time_s[-1]:.0f} s after the open, asked was {time_s[-1]:.0f}"
            )
        level = np.interp(time_s, self.time_s, self.level)
        rise = np.clip((level - self.level[0]) / CRASH_LEVEL_RISE, 0.0, 1.0)
        return IndexPath(spot=np.interp(time_s, self.time_s, self.spot), level=level, stress=np.sqrt(rise))


def path_of_minutes(bars: FloatArray, vix: DailyBar, *, last_close: float) -> GivenPath:
    """The path of consecutive minute bars from the open (minutes, 4: open, high, low, close in points).

    A minute is four prices 15 s apart: open, then low and high (a minute that closes lower: high and low),
    then close. India VIX of the day (percent) stands at its open with the first price, at its low where the
    index is highest after that, at its high where the index is lowest, and at its close with the last price.
    Between two of these it has gone, in logs, the same share of its way as the index, never beyond either.
    Raises ValueError for bars or a VIX day of which no path can be made.
    """
    if bars.ndim != 2 or bars.shape[1] != 4 or len(bars) == 0:
        raise ValueError(f"minute bars had the shape {bars.shape}, must be (minutes, 4)")
    _refuse_unless_positive("a minute's price", bars)
    spot = _prices(bars)
    return GivenPath(
        time_s=np.arange(0.0, PRINT_S * len(spot), PRINT_S),
        spot=spot,
        level=_levels(spot, vix),
        last_close=last_close,
    )


class GivenPathMarket:
    """A session on a given path: listing around the last close and wherever the path goes, makers likewise.

    A snapshot every `cadence_s` seconds from the open to just before the close. Gives spot, VIX (the path's
    level) and quote ages; no depth. The past is not made up: whoever runs the session brings its history.
    Raises ValueError for arguments that make no session.
    """

    def __init__(
        self, *, seed: int, rules: SessionRules, path: GivenPath, cadence_s: float = PRINT_S
    ) -> None:
        course = path.at(snapshot_times_s(rules, cadence_s))
        lowest, highest = int(course.spot.argmin()), int(course.spot.argmax())
        digest = hashlib.blake2b(digest_size=16)
        for column in (path.time_s, path.spot, path.level):
            digest.update(column.tobytes())
        self._info = source_of(
            rules,
            cadence_s,
            label=f"given path seed {seed}",
            arguments=f"{GENERATOR_VERSION}|{seed}|{digest.hexdigest()}|{path.last_close}|{cadence_s}",
        )
        self._maker = ChainMaker(
            seed=seed,
            rules=rules,
            cadence_s=cadence_s,
            listing=listed_contracts(
                rules, path.last_close, float(course.spot[lowest]), float(course.spot[highest])
            ),
            path=course,
            open_level=float(path.level[0]),
            hired_at=(0, lowest, highest),
        )

    @property
    def info(self) -> SourceInfo:
        """The seed; the digest is that of all arguments, the path among them."""
        return self._info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """Snapshots strictly later than `after` (None: from the open), the same ones each time."""
        return self._maker.snapshots(after)


def _prices(bars: FloatArray) -> FloatArray:
    opened, high, low, close = bars.T
    falls = close < opened
    first, second = np.where(falls, high, low), np.where(falls, low, high)
    prices: FloatArray = np.column_stack((opened, first, second, close)).ravel()
    return prices


def _levels(spot: FloatArray, vix: DailyBar) -> FloatArray:
    if vix.open is None or vix.high is None or vix.low is None:
        raise ValueError(f"of India VIX on {vix.day} only the close is known")
    if not 0.0 < vix.low <= min(vix.open, vix.close) <= max(vix.open, vix.close) <= vix.high:
        prices = f"{vix.open}, {vix.high}, {vix.low}, {vix.close}"
        raise ValueError(f"India VIX on {vix.day} was {prices}, which is no open, high, low and close")
    inner = spot[1:-1]
    at_low, at_high = 1 + int(inner.argmax()), 1 + int(inner.argmin())
    if at_low == at_high:
        raise ValueError("the index does not move, so India VIX has no place for its high and low")
    last = len(spot) - 1
    stops = sorted([(0, vix.open), (at_low, vix.low), (at_high, vix.high), (last, vix.close)])
    logs = np.empty(len(spot))
    for (start, begin), (stop, end) in pairwise(stops):
        way = _share_of_way(np.log(spot[start : stop + 1]))
        logs[start : stop + 1] = np.log(begin) + np.log(end / begin) * way
    level: FloatArray = PERCENT * np.exp(logs)
    return level


# Of the move from the first value to the last; where those are equal, of the time.
def _share_of_way(values: FloatArray) -> FloatArray:
    whole = values[-1] - values[0]
    if whole == 0.0:
        return np.linspace(0.0, 1.0, len(values))
    share: FloatArray = np.clip((values - values[0]) / whole, 0.0, 1.0)
    return share


def _refuse_unless_positive(name: str, values: FloatArray) -> None:
    bad = values[~(np.isfinite(values) & (values > 0.0))]
    if len(bad):
        raise ValueError(f"{name} was {bad[0]}, must be above 0 and finite everywhere")
