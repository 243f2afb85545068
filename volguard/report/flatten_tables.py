"""The flatten for a terminal: what would be done in which order, and what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WAVES: Final = {
    1: "first: shorts are bought back, and longs that cover nothing are sold",
    2: "then, as each short is gone: the longs that covered it",
}


def plan_table(document: Mapping[str, Any]) -> RenderableType:
    """The plan of a `volguard.flatten/1` document: cancels, orders in waves, cost and time, gaps."""
    from rich.console import Group

    plan = document["plan"]
    parts: list[RenderableType] = [_text(_title(document))]
    if plan is not None:
        parts += _cancels(plan)
        for wave, words in WAVES.items():
            exits = [one for one in plan["exits"] if one["wave"] == wave]
            if exits:
                parts += [_text(""), _text(words), _exits(exits)]
        parts += [_text(line) for line in _by_exit_all(plan)]
        parts += [_text(""), _text(_total(plan))]
    parts += [_text(line) for line in _others(document)]
    return Group(*parts)


def outcome_table(document: Mapping[str, Any]) -> RenderableType:
    """What a run reached: what remains and why, what is set, where the record is."""
    from rich.console import Group

    lines = [f"{_STATES[document['state']]} {_title(document)}"]
    if document["side_file"]:
        lines.append(f"record: {document['side_file']}")
    if document["kill_switch"]:
        lines.append(f"kill switch {document['kill_switch']}; remove it when you have looked at the book")
    if "orders_sent" in document:
        lines.append(
            f"{document['orders_sent']} orders, {document['exit_alls']} exit-alls, "
            f"{document['paid_beyond_mid_inr']} rupees beyond mid, {document['seconds']:.1f} s"
        )
    if document["broker_lock"]:
        lines.append(f"the broker's own kill switch: {document['broker_lock']}; log in again afterwards")
    parts: list[RenderableType] = [_text(line) for line in lines]
    if document.get("remaining"):
        parts += [_text(""), _remaining(document["remaining"])]
    for order in document.get("working_orders", ()):
        parts.append(_text(f"still works: {_order(order)}"))
    parts += [_text(line) for line in _others(document)]
    return Group(*parts)


_STATES: Final = {
    "flat": "FLAT, read twice:",
    "already_flat": "ALREADY FLAT, read twice:",
    "not_flat": "NOT FLAT:",
    "not_known": "NOT KNOWN whether flat:",
    "interrupted": "STOPPED by the operator:",
}


def _title(document: Mapping[str, Any]) -> str:
    where = "a look-alike at " if document["is_rehearsal"] else ""
    if not document["is_logged_in"]:
        return "no login at the broker: the account was not read"
    return f"account {document['account']} at {where}{document['broker']}"


def _cancels(plan: Mapping[str, Any]) -> Iterator[RenderableType]:
    for order in plan["cancel_first"]:
        yield _text(f"cancelled first, it would add a position: {_order(order)}")
    for order in plan["kept_orders"]:
        yield _text(f"kept, it closes what is held: {_order(order)}")


def _order(order: Mapping[str, Any]) -> str:
    return (
        f"{order['side']} {order['open_quantity']} {order['symbol']} at {order['limit_price']} "
        f"({order['word']}, {order['order_id']})"
    )


def _exits(exits: list[Mapping[str, Any]]) -> RenderableType:
    table = _table("order", "contract", "limit, then up to", "cost Rs")
    for column in table.columns[2:]:
        column.justify = "right"
    for one in exits:
        units = sum(one["slices"])
        slices = f" in {len(one['slices'])}" if len(one["slices"]) > 1 else ""
        working = f" ({one['working']} on the way)" if one["working"] else ""
        prices = "none" if one["first_price"] is None else f"{one['first_price']}  {one['last_price']}"
        table.add_row(
            _text(f"{one['side']} {units}{slices}{working}"),
            _text(one["symbol"]),
            _text(prices),
            _text("?" if one["cost_inr"] is None else one["cost_inr"]),
        )
        if one["gap"]:
            table.add_row("", _text(f"  {one['gap']}", "yellow"), "", "")
    return table


def _by_exit_all(plan: Mapping[str, Any]) -> Iterator[str]:
    for one in plan["only_by_exit_all"]:
        yield f"only by the broker's exit-all: {one['quantity']:+d} {one['name']}: {one['why']}"


def _total(plan: Mapping[str, Any]) -> str:
    if not (plan["exits"] or plan["only_by_exit_all"]):
        return "no position is held"
    cost = "not known" if plan["cost_inr"] is None else f"{plan['cost_inr']} rupees against mid"
    return f"{plan['orders']} orders, about {plan['seconds']:.0f} s; cost {cost}, charges included"


def _others(document: Mapping[str, Any]) -> Iterator[str]:
    for held in document["not_touched"]:
        yield f"not touched, another segment: {held}"
    for name, trouble in document.get("troubles", {}).items():
        yield f"{name}: {trouble}"
    for one in document["papers"]:
        held = ", ".join(one["held"] or ()) or ("nothing held" if one["is_flat"] else one["trouble"])
        yield f"paper session {one['journal']}: {held}"


def _remaining(rows: list[Mapping[str, Any]]) -> RenderableType:
    table = _table("remains", "contract", "why")
    for one in rows:
        table.add_row(_text(f"{one['quantity']:+d}", "bold red"), _text(one["name"]), _text(one["why"]))
    return table


def _table(*headings: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(*headings, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _text(words: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(words, style=style)
