"""Bhavcopies of real sessions with modelled closing prices, as `volguard data bhavcopy` would keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from tests.backtest.modelled import chains
from tests.chains import NIFTY, shipped_rules
from tests.volatility.real_data import daily
from volguard.adapters.bhavcopy_forms import OptionDay
from volguard.adapters.bhavcopy_store import BhavcopyStore, NewDay
from volguard.backtest.known_state import KnownDays
from volguard.model.instrument import OptionType

TRADED_LOTS = 40_000  # of every contract: none is thin

Change = Callable[[OptionDay], OptionDay | None]


def closing_rows(day: date) -> tuple[OptionDay, ...]:
    """Every contract of a session at the model's value of its close, half an hour before it ends."""
    bars = daily("NIFTY")
    bar = next(one for one in bars if one.day == day)
    session = shipped_rules().calendar.session(day)
    assert session is not None
    ts = session.windows[-1][1] - timedelta(minutes=15)
    made = chains(expiries=4, monthly_days=70)
    listing = made.listing(day, bar.close)
    state = KnownDays(bars, daily("INDIA_VIX")).before(day).state([bar.close])
    mids = made.values([ts], state, [listing]).mid[0].reshape(-1)
    rows = []
    for row, mid in enumerate(mids.tolist()):
        contract = listing.contract(row)
        price = max(round(mid * 20.0), 1) / 20.0
        rows.append(
            OptionDay(
                trade_date=day,
                expiry=contract.expiry,
                actual_expiry=contract.expiry,
                strike=contract.strike,
                option_type=OptionType.CALL if listing.is_call[row] else OptionType.PUT,
                open=price,
                high=price,
                low=price,
                close=price,
                settle=price,
                contracts=TRADED_LOTS,
                oi=100_000,
                oi_change=0,
                turnover_inr=0.0,
                lot_size=shipped_rules().contracts.lot_size(NIFTY, day, contract.expiry),
                underlying_close=bar.close,
            )
        )
    return tuple(rows)


def write_bhavcopies(folder: Path, days: Iterable[date], change: Change = lambda row: row) -> Path:
    """The folder, with a day each in `NIFTY/<year>.parquet`; `change` spoils or drops single rows."""
    store = BhavcopyStore(folder, "NIFTY")
    by_year: dict[int, list[NewDay]] = {}
    for day in days:
        rows = tuple(kept for row in closing_rows(day) if (kept := change(row)) is not None)
        by_year.setdefault(day.year, []).append(NewDay(trade_date=day, rows=rows, source=f"{day}.csv"))
    for year, new in by_year.items():
        store.put(year, new, force=False)
    return folder


def of_day(day: date, **fields: object) -> Change:
    """Changes every row of one day."""
    return lambda row: replace(row, **fields) if row.trade_date == day else row  # type: ignore[arg-type]
