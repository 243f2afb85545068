"""Execution quality in the terminal, from a `volguard.journal_orders/1` document."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text, number_text, percent_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WAY: Final = {"OPEN": "entry", "CLOSE": "exit"}
NONE_LEFT: Final = "no order was sent"
LEGEND: Final = (
    "mid: when the order was decided; slip: + paid against us, \u2212 better than mid, before charges"
)


def orders_table(document: Mapping[str, Any]) -> RenderableType:
    """Every order on a line, then what they cost per urgency; one sentence when none left."""
    from rich.console import Group
    from rich.text import Text

    if not document["orders"]:
        return Text(f"{NONE_LEFT}: {document['journal']}")
    parts: list[RenderableType] = [_orders(document), Text(""), _summaries(document["execution"])]
    return Group(*parts, Text(LEGEND, style="dim"))


def price_text(price: str | None, *, is_signed: bool = False) -> str:
    """A price without the decimals that say nothing, two at least."""
    if price is not None:
        whole, _, decimals = price.partition(".")
        price = f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
    return amount_text(price, is_signed=is_signed)


def signed_percent(share: float | None) -> str:
    """A share as percent with its sign."""
    shown = percent_text(share)
    return f"+{shown}" if share is not None and share > 0 and any(c in shown for c in "123456789") else shown


def urgency_words(order: Mapping[str, Any]) -> str:
    """Entry or exit and its urgency; both where it turned urgent while it rested."""
    first, last = order["urgency"], order["last_urgency"]
    return f"{WAY[order['purpose']]} {first if last in (first, None) else f'{first}>{last}'}"


def units_text(order: Mapping[str, Any]) -> str:
    """Units filled, and of how many where that is not all."""
    filled, quantity = order["filled_quantity"], order["quantity"]
    return f"{quantity}" if filled == quantity else f"{filled}/{quantity}"


def _orders(document: Mapping[str, Any]) -> Table:
    table = _table()
    # Where the screen is narrow words fold, and figures stay whole.
    for name, width in (("sent, order, urgency", 12), ("contract", 8)):
        table.add_column(name, overflow="fold", min_width=width)
    table.add_column("outcome", no_wrap=True)
    for name in ("mid", "price", "slip INR", "of mid", "s", "steps"):
        table.add_column(name, justify="right", no_wrap=True)
    for order in document["orders"]:
        sent, expiry = datetime.fromisoformat(order["sent_at"]), date.fromisoformat(order["expiry"])
        name = order["tag"].partition("-")[2]  # before it stands the session's code, the same on every line
        contract = f"{expiry:%d %b} {order['strike']} {order['option_type']}"
        table.add_row(
            f"{sent:%H:%M:%S} {name} {urgency_words(order)}",
            f"{order['side']} {units_text(order)} {contract}",
            order["outcome"],
            price_text(order["arrival_mid"]),
            price_text(order["average_price"]),
            amount_text(order["slippage_inr"], is_signed=True),
            signed_percent(order["slippage_share"]),
            number_text(order["fill_s"], 1),
            f"{order['price_steps']}",
        )
    return table


def _summaries(execution: Mapping[str, Any]) -> Table:
    table = _table()
    table.add_column("urgency", no_wrap=True)
    for name in (
        *("orders", "filled", "a unit\nmedian", "\nworst", "of mid\nmedian", "\nworst", "slip INR"),
        *("s\nmedian", "\nworst", "no\nmid"),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for row in (*execution["by_urgency"], {"urgency": "all", **execution["all"]}):
        table.add_row(*summary_cells(row))
    return table


def summary_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One summary as text: urgency, orders, filled, slippage (a unit, of mid, rupees), seconds, no mid."""
    per_unit, share, fill_s = row["slippage_per_unit"], row["slippage_share"], row["fill_s"]
    return (
        row["urgency"],
        f"{row['orders']}",
        percent_text(row["filled_share"]),
        price_text(per_unit["median"], is_signed=True),
        price_text(per_unit["worst"], is_signed=True),
        signed_percent(share["median"]),
        signed_percent(share["worst"]),
        amount_text(row["slippage_inr"], is_signed=True),
        number_text(fill_s["median"], 1),
        number_text(fill_s["worst"], 1),
        f"{row['unmeasured']}",
    )


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
