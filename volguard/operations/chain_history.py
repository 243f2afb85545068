"""How a chain's volatility, skew, straddle and term structure moved through recorded days.

Snapshots are thinned to one per so many minutes of the clock; nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.adapters.replay import ReplayMarket
from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView, view_market
from volguard.model.errors import DataError, UsageError
from volguard.model.market import ChainSnapshot, FloatArray, SourceInfo
from volguard.nse.rules import Rules
from volguard.operations.metrics_view import metrics_document
from volguard.operations.smile_view import known
from volguard.volatility.rank import percentile_of
from volguard.wiring import open_recording, rules_of

SCHEMA: Final = "volguard.chain-history/1"
RANKED: Final = ("atm_iv", "risk_reversal", "butterfly")
OBSERVATIONS_MIN: Final = 20
BAND: Final = (10, 50, 90)
PERCENTILE_OF: Final = "share of the earlier values shown here that lie below the last one"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    info: SourceInfo
    rows: list[dict[str, Any]]


def history_document(
    files: Sequence[Path],
    *,
    every_min: int,
    expiry: date | None,
    settings: Settings,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Rows in time order, and where the last of each ranked figure stands among the rows before it.

    `every_min` above 0; `expiry` None takes each day's nearest. `tell` hears each snapshot before it is
    measured. Raises DataError for a bad file, a day given twice or another underlying than that of the
    settings, UsageError for an expiry that a day does not list.
    """
    # One file at a time is held in memory; their order is known when each has been opened.
    days: dict[date, _Day] = {}
    for path in files:
        day = _measured(path, every_min, expiry, settings, tell)
        info = day.info
        if info.trading_date in days:
            before = days[info.trading_date].info.label
            raise DataError(f"{path} is of {info.trading_date}, and so is {before}", hint="give one of them")
        days[info.trading_date] = day
    in_order = [days[at] for at in sorted(days)]
    rows = [row for day in in_order for row in day.rows]
    return {
        "schema": SCHEMA,
        "underlying": settings.market.underlying,
        "every_min": every_min,
        "days": [{"date": day.info.trading_date.isoformat(), "file": day.info.label} for day in in_order],
        "expiries": sorted({row["expiry"] for row in rows}),
        "percentile_of": PERCENTILE_OF,
        "last": {name: _standing(rows, name) for name in RANKED},
        "rows": rows,
    }


def thinned(snapshots: Iterable[ChainSnapshot], every_min: int) -> Iterator[ChainSnapshot]:
    """The first snapshot of each stretch of so many minutes since midnight, and the last of all."""
    stretch, last, is_given = None, None, True
    for snapshot in snapshots:
        now = _minute(snapshot.ts) // every_min
        is_given, last = now != stretch, snapshot
        if is_given:
            yield snapshot
        stretch = now
    if last is not None and not is_given:
        yield last


def _minute(ts: datetime) -> int:
    return 60 * ts.hour + ts.minute


def _measured(
    path: Path, every_min: int, expiry: date | None, settings: Settings, tell: Callable[[str], None]
) -> _Day:
    rules = rules_of(settings)
    market = open_recording(path, settings, rules)
    rows = []
    for view in _views(market, every_min, settings, rules):
        tell(f"{path.name}, {view.ts:%Y-%m-%d %H:%M}")
        rows.append(_row(view, _chosen(view, expiry, path), settings))
    return _Day(info=market.info, rows=rows)


def _views(market: ReplayMarket, every_min: int, settings: Settings, rules: Rules) -> Iterator[MarketView]:
    view = None
    for snapshot in thinned(market.snapshots(), every_min):
        view = view_market(
            snapshot,
            view,
            trading_date=market.info.trading_date,
            capabilities=market.info.capabilities,
            rules=rules,
            settings=settings.quotes,
        )
        yield view


def _chosen(view: MarketView, expiry: date | None, path: Path) -> date:
    listed = view.listing.expiries
    if expiry is None:
        return listed[0]
    if expiry not in listed:
        names = ", ".join(day.isoformat() for day in listed)
        raise UsageError(f"{path}: expiry {expiry.isoformat()} is not listed; listed are {names}")
    return expiry


def _row(view: MarketView, expiry: date, settings: Settings) -> dict[str, Any]:
    metrics = metrics_document(view, expiry, settings)
    (chain,), term, vix = metrics["expiries"], metrics["term"], metrics["vix"]
    straddle, forward = chain["straddle"], chain["forward"]
    absent = [] if vix["value"] is not None else [f"no model-free VIX: {vix['status']}"]
    return {
        "ts": metrics["ts"],
        "expiry": chain["expiry"],
        "days": chain["days"],
        "forward": forward,
        "atm_iv": chain["atm_iv"],
        "risk_reversal": chain["skew"]["risk_reversal"],
        "butterfly": chain["skew"]["butterfly"],
        "straddle": straddle,
        "expected_move": None if straddle is None else known(straddle / forward),
        "term_shape": term["shape"],
        "term_slope_per_30_days": term["slope_per_30_days"],
        "vix": vix["value"],
        "missing": [*chain["missing"], *absent],
    }


def _standing(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    values = np.array([row[name] for row in rows], dtype=np.float64)  # None becomes nan
    last = rows[-1][name]
    earlier = values[:-1][np.isfinite(values[:-1])]
    missing = _too_few(len(earlier))
    if last is None:
        missing = "the last snapshot has none"
    return {
        "value": last,
        "observations": len(earlier),
        "percentile": known(percentile_of(last, earlier)) if missing is None else None,
        "missing": missing,
        "band": _band(earlier),
    }


def _too_few(observations: int) -> str | None:
    if observations >= OBSERVATIONS_MIN:
        return None
    return f"{observations} observations, needs {OBSERVATIONS_MIN}"


def _band(earlier: FloatArray) -> dict[str, float | None] | None:
    if _too_few(len(earlier)) is not None:
        return None
    return {f"p{share}": known(np.percentile(earlier, share)) for share in BAND}
