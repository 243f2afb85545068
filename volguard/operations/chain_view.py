"""One snapshot of one expiry as a ladder of strikes, from a file or from a journal."""

from __future__ import annotations

import math
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from volguard.adapters.journal_codec import SNAPSHOT_KIND
from volguard.adapters.journal_files import newest_journal
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.config.loader import restore
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView, at_the_money, view_market
from volguard.model.errors import UsageError
from volguard.model.market import ChainSnapshot
from volguard.model.units import figure
from volguard.pricing.quote_flags import QuoteFlag
from volguard.wiring import open_recording, rules_of

SCHEMA: Final = "volguard.chain/1"
GREEKS: Final = ("delta", "gamma", "vega_per_pt", "theta_per_day")


def from_file(path: Path, at: str | None, settings: Settings) -> MarketView:
    """The last snapshot of a file up to a time of day, priced. Raises DataError, UsageError."""
    rules = rules_of(settings)
    market = open_recording(path, settings, rules)
    until = clock_of(at)
    chosen: ChainSnapshot | None = None
    for snapshot in market.snapshots():
        if until is not None and snapshot.ts.time() > until:
            break
        chosen = snapshot
    if chosen is None:
        raise UsageError(f"{path} has no snapshot up to {at}")
    return view_market(
        chosen,
        None,
        trading_date=market.info.trading_date,
        capabilities=market.info.capabilities,
        rules=rules,
        settings=settings.quotes,
    )


def from_journal(root: Root, journal: Path | None, at: str | None) -> MarketView:
    """The last journaled snapshot up to a time of day, priced with the journal's own settings."""
    path = journal or newest_journal(root.resolve("journal"))
    until = clock_of(at)
    with JournalReader.open(path) as reader:
        started = beginning_of(reader).started
        settings = restore(started.settings, Settings)
        rows = [
            row.seq
            for row in reader.rows(kinds=(SNAPSHOT_KIND,))
            if until is None or row.ts_ist.time() <= until
        ]
        if not rows:
            raise UsageError(f"journal {path} has no snapshot up to {at or 'its end'}")
        snapshot = reader.snapshot(rows[-1])
    return view_market(
        snapshot,
        None,
        trading_date=started.trading_date,
        capabilities=started.source.capabilities,
        rules=rules_of(settings),
        settings=settings.quotes,
    )


def chain_document(view: MarketView, expiry: date | None) -> dict[str, Any]:
    """The ladder of one expiry (None: the nearest), figures None where there are none. Raises UsageError."""
    listed = view.listing.expiries
    chosen = expiry or listed[0]
    if chosen not in listed:
        known = ", ".join(day.isoformat() for day in listed)
        raise UsageError(f"expiry {chosen.isoformat()} is not listed; listed are {known}")
    i = listed.index(chosen)
    level = at_the_money(view, chosen)
    strikes: dict[int, dict[str, Any]] = {}
    rows = view.listing.rows_of(chosen)
    for row in range(rows.start, rows.stop):
        strike = round(float(view.listing.strike[row]))
        entry = strikes.setdefault(strike, {"strike": strike, "call": None, "put": None})
        entry["call" if view.listing.is_call[row] else "put"] = _option(view, row)
    return {
        "schema": SCHEMA,
        "ts": view.ts.isoformat(),
        "underlying": view.listing.underlying,
        "expiry": chosen.isoformat(),
        "forward": _known(view.forwards.forward[i]),
        "discount": _known(view.forwards.discount[i]),
        "days": _known(view.years[i] * 365.0),
        "atm_iv": figure(level.sigma) if level is not None else None,
        "straddle": figure(level.straddle) if level is not None else None,
        "strikes": [strikes[strike] for strike in sorted(strikes)],
    }


def _option(view: MarketView, row: int) -> dict[str, Any]:
    snapshot = view.snapshot
    flags = QuoteFlag(int(view.flags[row]))
    return {
        "bid": _known(snapshot.bid[row]),
        "bid_qty": int(snapshot.bid_qty[row]),
        "ask": _known(snapshot.ask[row]),
        "ask_qty": int(snapshot.ask_qty[row]),
        "oi": int(snapshot.oi[row]),
        "iv": _known(view.iv[row]),
        **{name: _known(getattr(view.greeks, name)[row]) for name in GREEKS},
        "flags": [str(flag.name).lower() for flag in flags],
    }


def clock_of(text: str | None) -> time | None:
    """The time of day of an `--at`, None without one. Raises UsageError."""
    if text is None:
        return None
    try:
        clock = time.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at was {text}, must be HH:MM or HH:MM:SS") from error
    if clock.tzinfo is not None:
        raise UsageError(
            f"--at was {text}, must be HH:MM or HH:MM:SS, which is Indian time without an offset"
        )
    return clock


def check_one_source(replay: Path | None, journal: Path | None) -> None:
    """Raises UsageError when a call names a recorded day and a journal: one would be read, one ignored."""
    if replay is not None and journal is not None:
        raise UsageError("--replay and --journal were combined; give one of them")


def _known(value: Any) -> float | None:
    number = float(value)
    return figure(number) if math.isfinite(number) else None
