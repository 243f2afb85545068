"""Two tables as values: NSE's published daily volatility, traded legs of condors; CSV or compressed CSV."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from volguard.model.errors import DataError
from volguard.volatility.ewma_nse import PublishedVolatility
from volguard.volatility.leg_iv import TradedLeg

VOLATILITY_COLUMNS: Final = ("spot_close", "spot_prev", "sigma_underlying")
LEG_COLUMNS: Final = ("trade_date", "leg", "option_type", "strike", "expiry")
RIGHTS: Final = {"CE": True, "PE": False}


class LegMoment(StrEnum):
    """Which of a leg's two trades: its columns are `<moment>_ts`, `<moment>_price` and `<moment>_spot`."""

    ENTRY = "entry"
    EXIT = "exit"


def read_published_volatility(path: Path) -> Mapping[str, PublishedVolatility]:
    """Rows of each symbol by date. Raises DataError naming file, line and column."""
    rows = dated_figures(path, VOLATILITY_COLUMNS)
    return {symbol: _published(rows[symbol]) for symbol in rows}


def dated_figures(path: Path, columns: tuple[str, ...]) -> Mapping[str, Mapping[date, tuple[float, ...]]]:
    """Columns of figures above 0 by `symbol` and, ascending, `date`. Raises DataError naming the place."""
    rows: dict[str, dict[date, tuple[float, ...]]] = {}
    for line, row in csv_rows(path, ("date", "symbol", *columns)):
        day = date_cell(path, line, "date", row["date"])
        mine = rows.setdefault(row["symbol"], {})
        if day in mine:
            raise fault(path, line, "date", f"{day} is given twice for {row['symbol']}")
        mine[day] = tuple(_positive(path, line, name, row[name]) for name in columns)
    if not rows:
        raise DataError(f"{path}: holds no rows", hint="give the daily file of the exchange")
    return {symbol: dict(sorted(rows[symbol].items())) for symbol in sorted(rows)}


def read_legs(
    path: Path,
    *,
    vix: Mapping[date, float],
    expiry_close: Callable[[date], datetime],
    moment: LegMoment = LegMoment.ENTRY,
) -> tuple[TradedLeg, ...]:
    """Each leg's trade, with India VIX (decimal) of its day, nan where unknown. Raises DataError."""
    legs = []
    ts, price, spot = (f"{moment}_{name}" for name in ("ts", "price", "spot"))
    for line, row in csv_rows(path, (*LEG_COLUMNS, ts, price, spot)):
        if row["option_type"] not in RIGHTS:
            raise fault(path, line, "option_type", f"was {row['option_type']}, must be CE or PE")
        legs.append(
            TradedLeg(
                name=row["leg"],
                ts=_moment(path, line, ts, row[ts]),
                expiry_close=expiry_close(date_cell(path, line, "expiry", row["expiry"])),
                is_call=RIGHTS[row["option_type"]],
                strike=_positive(path, line, "strike", row["strike"]),
                price=_positive(path, line, price, row[price]),
                spot=_positive(path, line, spot, row[spot]),
                vix=vix.get(date_cell(path, line, "trade_date", row["trade_date"]), math.nan),
            )
        )
    if not legs:
        raise DataError(f"{path}: holds no rows", hint="give a file with one traded leg per line")
    return tuple(legs)


def _published(rows: Mapping[date, tuple[float, ...]]) -> PublishedVolatility:
    close, previous, sigma = np.array(list(rows.values())).T
    return PublishedVolatility(days=list(rows), close=close, previous_close=previous, sigma=sigma)


def csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a file that has these columns. Raises DataError."""
    try:
        with _text(path) as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or ()
            for column in columns:
                if column not in header:
                    raise fault(
                        path, 1, column, f"is missing; the file has {', '.join(header) or 'no header'}"
                    )
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise fault(path, reader.line_num, columns[-1], "the line has too few cells")
                yield reader.line_num, row
    except (EOFError, OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="check the path and the file") from error


def _text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return TextIOWrapper(gzip.GzipFile(path), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def date_cell(path: Path, line: int, column: str, text: str) -> date:
    """The date in a cell. Raises DataError naming the place."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise fault(path, line, column, f"was {text!r}, must be YYYY-MM-DD") from error


def _moment(path: Path, line: int, column: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise fault(path, line, column, f"was {text!r}, must be a date and time") from error
    if moment.tzinfo is None:
        raise fault(path, line, column, f"was {text!r}, must carry its offset from UTC")
    return moment


def _positive(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise fault(path, line, column, f"was {text!r}, must be a number above 0")
    return value


def fault(path: Path, line: int, column: str, text: str) -> DataError:
    """What is wrong with one cell."""
    return DataError(f"{path}: line {line}, column {column}: {text}", hint="mend or fetch the file again")
