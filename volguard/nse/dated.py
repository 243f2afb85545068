"""Rows that hold from one date to another: look-ups that never assume, and the proof that rows leave no gap.

A row's missing `valid_to` means the last date its table was checked for; a date outside is DateNotCovered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, product
from typing import Final, Generic, Literal, Protocol, TypeVar

from volguard.model.errors import DateNotCovered

ONE_DAY: Final = timedelta(days=1)
Confidence = Literal["H", "M-H", "M", "L"]  # the exchange's own text ... one secondary source ... weak


class DatedRow(Protocol):
    """A row with the first and last date it holds (both inclusive)."""

    @property
    def valid_from(self) -> date:
        """First date."""
        ...

    @property
    def valid_to(self) -> date | None:
        """Last date, None for as long as the table is checked."""
        ...


RowT = TypeVar("RowT")
DatedT = TypeVar("DatedT", bound=DatedRow)
KeyT = TypeVar("KeyT", bound=Hashable)


class Timeline(Generic[DatedT]):
    """The rows of one key, which tile `first`..`last` exactly; `at` finds the row of a date.

    Raises ValueError, naming table, key and dates, when rows leave a gap, overlap, or end outside.
    """

    def __init__(
        self, table: str, rows: Sequence[DatedT], *, first: date, last: date, key: str = "", file: str = ""
    ) -> None:
        self._name = f"{file}.{table}" if file else table
        self._key, self._last = key, last
        self.rows = tuple(sorted(rows, key=lambda row: row.valid_from))
        _check_tiles(f"{table} {key}".rstrip(), self.rows, first, last)
        self._starts = [row.valid_from for row in self.rows]

    def at(self, day: date) -> DatedT:
        """The row that holds on a date. Raises DateNotCovered outside the table."""
        if not self._starts[0] <= day <= self._last:
            raise DateNotCovered(self._name, day, self._key)
        return self.rows[bisect_right(self._starts, day) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a rule with two keys holds: trade dates by contract expiries, all four ends inclusive."""

    trade_from: date
    trade_to: date
    expiry_from: date
    expiry_to: date

    def holds(self, trade_date: date, expiry: date) -> bool:
        """Both dates lie inside."""
        return self.trade_from <= trade_date <= self.trade_to and self.expiry_from <= expiry <= self.expiry_to


def require_boxes_tile(label: str, boxes: Sequence[Box], domain: Box) -> None:
    """Every live pair of dates (expiry not before the trade date) of the domain lies in exactly one box.

    Raises ValueError naming the label and the first pair of dates that is missing or doubled.
    """
    for box in boxes:
        _check_inside(label, box, domain)
    trades = _cuts([(box.trade_from, box.trade_to) for box in (*boxes, domain)])
    expiries = _cuts([(box.expiry_from, box.expiry_to) for box in (*boxes, domain)])
    for (trade_from, trade_to), (expiry_from, expiry_to) in product(trades, expiries):
        if expiry_to < trade_from:
            continue  # such contracts had expired
        count = sum(box.holds(trade_from, expiry_from) for box in boxes)
        if count != 1:
            fault = "gap" if count == 0 else "overlap"
            raise ValueError(
                f"{label}: {fault} for trade dates {trade_from} to {trade_to}, "
                f"expiries {expiry_from} to {expiry_to}"
            )


def grouped(rows: Iterable[RowT], key: Callable[[RowT], KeyT]) -> dict[KeyT, list[RowT]]:
    """Rows by key, keys in order of first appearance."""
    groups: dict[KeyT, list[RowT]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _check_tiles(label: str, rows: Sequence[DatedRow], first: date, last: date) -> None:
    if not rows:
        raise ValueError(f"{label}: no row from {first} to {last}")
    ends = [row.valid_to or last for row in rows]
    for row, end in zip(rows, ends, strict=True):
        if end < row.valid_from:
            raise ValueError(f"{label}: row from {row.valid_from} ends before it begins, on {end}")
    if rows[0].valid_from != first:
        raise ValueError(f"{label}: first row begins on {rows[0].valid_from}, the table on {first}")
    if ends[-1] != last:
        raise ValueError(f"{label}: last row ends on {ends[-1]}, the table on {last}")
    for end, (row, after) in zip(ends[:-1], pairwise(rows), strict=True):
        if end >= after.valid_from:
            raise ValueError(f"{label}: rows of {row.valid_from} and {after.valid_from} overlap until {end}")
        if end + ONE_DAY != after.valid_from:
            raise ValueError(f"{label}: gap after {end}, next row begins on {after.valid_from}")


def _check_inside(label: str, box: Box, domain: Box) -> None:
    if box.trade_to < box.trade_from or box.expiry_to < box.expiry_from:
        raise ValueError(f"{label}: row of trade date {box.trade_from}, expiry {box.expiry_from} is empty")
    inside = domain.holds(box.trade_from, box.expiry_from) and domain.holds(box.trade_to, box.expiry_to)
    if not inside:
        raise ValueError(
            f"{label}: row of trade dates {box.trade_from} to {box.trade_to}, expiries {box.expiry_from} "
            f"to {box.expiry_to} reaches outside {domain.trade_from} to {domain.trade_to}"
        )


def _cuts(spans: Sequence[tuple[date, date]]) -> list[tuple[date, date]]:
    # elementary intervals between all starts and (exclusive) ends
    starts = {start for start, _ in spans}
    last = max(end for _, end in spans)
    starts |= {end + ONE_DAY for _, end in spans if end < last}
    edges = sorted(starts)
    ends = [edge - ONE_DAY for edge in edges[1:]] + [last]
    return list(zip(edges, ends, strict=True))
