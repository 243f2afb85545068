"""Tables for people, derived from the rows of a journal and kept beside them; no part of the chain.

They are built when a session ends and describe the rows up to `views_seq` (in the meta table); verification
derives them again and compares.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from volguard.adapters.journal_codec import EFFECT_KINDS, RECORD_KINDS
from volguard.adapters.journal_reader import JournalReader
from volguard.model.decision import Action, Decision
from volguard.model.errors import JournalWriteFailed
from volguard.model.event import (
    Alert,
    DecisionMade,
    FillBooked,
    Modify,
    OrderChanged,
    Place,
    StateChanged,
    TradeChanged,
    TradeSplit,
)

ViewRow = dict[str, str | int | None]
Views = dict[str, list[ViewRow]]
VIEWS_KEY: Final = "views_seq"

# Name of each view: its columns in order, the first one the key.
VIEWS: Final[dict[str, tuple[str, ...]]] = {
    name: tuple(columns.split())
    for name, columns in {
        "decisions": "seq ts action reason text bucket trade_id structure candidates breaches figures",
        "orders": "tag seq ts trade_id symbol side quantity limit_price purpose urgency state "
        "filled_quantity changed_at reason",
        "fills": "seq ts trade_id fill_id tag symbol side quantity price cash_inr charges_inr",
        "trades": "trade_id seq bucket structure proposed_at state changed_at reason fills cash_inr "
        "charges_inr",
        "alerts": "seq ts severity code text",
        "state_changes": "seq ts trading_state safety_level reason",
    }.items()
}
_COUNTS: Final = frozenset({"seq", "candidates", "quantity", "filled_quantity", "fills"})  # the rest is text


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One decoded row: its number, its time as text, its value."""

    seq: int
    ts: str
    value: Any


def derive_views(rows: Iterable[Row]) -> Views:
    """Every view from decoded records and effects in order; other rows add nothing."""
    folds: dict[type[Any], Callable[[Views, Row], None]] = {
        DecisionMade: _add_decision,
        Place: _add_order,
        Modify: _reprice_order,
        OrderChanged: _change_order,
        FillBooked: _add_fill,
        TradeChanged: _change_trade,
        TradeSplit: _split_trade,
        Alert: _add_alert,
        StateChanged: _add_state,
    }
    views: Views = {name: [] for name in VIEWS}
    for row in rows:
        if fold := folds.get(type(row.value)):
            fold(views, row)
    return views


def build_views(path: Path) -> int:
    """Write the views of a journal into its own file; the caller holds the journal's lock.

    Returns the last row they describe. Raises JournalWriteFailed, leaving views that nothing relies on, and
    JournalDamaged when the rows cannot be read.
    """
    from sqlite_utils import Database

    with JournalReader.open(path) as reader:
        seq = reader.head[0]
        views = derive_views(_decoded(reader, seq))
    try:
        with closing(sqlite3.connect(path)) as connection:
            database = Database(connection)
            # Views count only while this key stands: a crash half-way leaves none that are believed.
            database.execute("DELETE FROM meta WHERE key = ?", [VIEWS_KEY])
            connection.commit()
            for name, rows in views.items():
                table = database.table(name)
                table.drop(ignore=True)
                table.create(_types(name), pk=VIEWS[name][0])
                table.insert_all(rows)
            database.execute("INSERT INTO meta VALUES (?, ?)", [VIEWS_KEY, str(seq)])
            connection.commit()
    except sqlite3.Error as error:
        raise JournalWriteFailed(f"the views of journal {path} could not be written: {error}") from error
    return seq


def compare_views(reader: JournalReader) -> list[str]:
    """Names of stored views that differ from what the rows say; [] when there are none stored."""
    built_at = reader.meta().get(VIEWS_KEY)
    if built_at is None:
        return []
    if not built_at.isdigit() or int(built_at) > reader.head[0]:
        return list(VIEWS)
    derived = derive_views(_decoded(reader, int(built_at)))
    return [name for name, rows in derived.items() if _stored(reader, name) != _sorted(name, rows)]


def _types(name: str) -> dict[str, type]:
    return {column: int if column in _COUNTS else str for column in VIEWS[name]}


def _decoded(reader: JournalReader, last: int) -> Iterator[Row]:
    for row in reader.rows(kinds=RECORD_KINDS | EFFECT_KINDS):
        if row.seq > last:
            return
        yield Row(seq=row.seq, ts=row.ts_ist.isoformat(), value=reader.event(row))


def _stored(reader: JournalReader, name: str) -> list[ViewRow] | None:
    columns = VIEWS[name]
    try:
        found = reader.connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()
    except sqlite3.DatabaseError:
        return None
    return _sorted(name, [dict(zip(columns, row, strict=True)) for row in found])


def _sorted(name: str, rows: list[ViewRow]) -> list[ViewRow]:
    key = VIEWS[name][0]
    return sorted(rows, key=lambda row: (str(type(row[key])), str(row[key])))


def _add_decision(views: Views, row: Row) -> None:
    decision: Decision = row.value.decision
    views["decisions"].append(
        {
            "seq": row.seq,
            "ts": row.ts,
            "action": str(decision.action),
            "reason": decision.reason,
            "text": decision.text,
            "bucket": _text(decision.bucket),
            "trade_id": decision.trade_id,
            "structure": _text(decision.structure),
            "candidates": len(decision.candidates),
            "breaches": "; ".join(breach.text for breach in decision.breaches),
            "figures": msgspec.json.encode(decision.figures, order="sorted").decode(),
        }
    )
    if decision.action is Action.ENTER and decision.trade_id is not None:
        trade = _trade(views, decision.trade_id, row)
        trade["bucket"], trade["structure"] = _text(decision.bucket), _text(decision.structure)


def _add_order(views: Views, row: Row) -> None:
    request = row.value.approved.request
    views["orders"].append(
        {
            "tag": request.tag,
            "seq": row.seq,
            "ts": row.ts,
            "trade_id": request.trade_id,
            "symbol": request.contract.symbol,
            "side": str(request.side),
            "quantity": request.quantity,
            "limit_price": str(request.limit_price),
            "purpose": str(request.purpose),
            "urgency": str(request.urgency),
            "state": "SENT",
            "filled_quantity": 0,
            "changed_at": row.ts,
            "reason": "",
        }
    )


def _reprice_order(views: Views, row: Row) -> None:
    request = row.value.approved.request
    for order in _of(views["orders"], "tag", request.tag):
        order["limit_price"], order["changed_at"] = str(request.limit_price), row.ts


def _change_order(views: Views, row: Row) -> None:
    change: OrderChanged = row.value
    for order in _of(views["orders"], "tag", change.tag):
        order["state"], order["filled_quantity"] = str(change.state), change.filled_quantity
        order["limit_price"], order["changed_at"] = str(change.limit_price), row.ts
        order["reason"] = change.reason


def _add_fill(views: Views, row: Row) -> None:
    fill = row.value.fill
    views["fills"].append(
        {
            "seq": row.seq,
            "ts": row.ts,
            "trade_id": row.value.trade_id,
            "fill_id": fill.fill_id,
            "tag": fill.tag,
            "symbol": fill.contract.symbol,
            "side": str(fill.side),
            "quantity": fill.quantity,
            "price": str(fill.price),
            "cash_inr": str(fill.cash_inr),
            "charges_inr": str(fill.charges_inr),
        }
    )
    trade = _trade(views, row.value.trade_id, row)
    trade["fills"] = int(trade["fills"] or 0) + 1
    trade["cash_inr"] = str(Decimal(str(trade["cash_inr"])) + fill.cash_inr)
    trade["charges_inr"] = str(Decimal(str(trade["charges_inr"])) + fill.charges_inr)


def _change_trade(views: Views, row: Row) -> None:
    change: TradeChanged = row.value
    trade = _trade(views, change.trade_id, row)
    trade["state"], trade["changed_at"], trade["reason"] = change.state, row.ts, change.reason


def _split_trade(views: Views, row: Row) -> None:
    # Fills go with their legs; those of earlier days are in no row of this journal.
    split: TradeSplit = row.value
    old, new = _trade(views, split.trade_id, row), _trade(views, split.rest.trade_id, row)
    old["structure"], new["structure"] = str(split.structure), str(split.rest.structure)
    new["bucket"] = old["bucket"]
    moved = {fill.fill_id for fill in split.rest.fills}
    for fill in views["fills"]:
        if fill["fill_id"] not in moved:
            continue
        fill["trade_id"] = split.rest.trade_id
        for column in ("cash_inr", "charges_inr"):
            amount = Decimal(str(fill[column]))
            old[column] = str(Decimal(str(old[column])) - amount)
            new[column] = str(Decimal(str(new[column])) + amount)
        old["fills"], new["fills"] = int(old["fills"] or 0) - 1, int(new["fills"] or 0) + 1


def _add_alert(views: Views, row: Row) -> None:
    alert: Alert = row.value
    views["alerts"].append(
        {
            "seq": row.seq,
            "ts": row.ts,
            "severity": str(alert.severity),
            "code": alert.code,
            "text": alert.text,
        }
    )


def _add_state(views: Views, row: Row) -> None:
    change: StateChanged = row.value
    views["state_changes"].append(
        {
            "seq": row.seq,
            "ts": row.ts,
            "trading_state": str(change.trading_state),
            "safety_level": str(change.safety_level),
            "reason": change.reason,
        }
    )


def _trade(views: Views, trade_id: str, row: Row) -> ViewRow:
    for trade in _of(views["trades"], "trade_id", trade_id):
        return trade
    trade = dict.fromkeys(VIEWS["trades"])
    trade |= {"trade_id": trade_id, "seq": row.seq, "proposed_at": row.ts, "changed_at": row.ts}
    trade |= {"state": "OPENING", "reason": "", "fills": 0, "cash_inr": "0", "charges_inr": "0"}
    views["trades"].append(trade)
    return trade


def _of(rows: list[ViewRow], column: str, value: str) -> Iterator[ViewRow]:
    # Newest first: what changes is nearly always what came last.
    return (row for row in reversed(rows) if row[column] == value)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)
