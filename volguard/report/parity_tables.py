"""The parity report in the terminal, from a `volguard.journal_parity/1` document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text
from volguard.model.units import money_text
from volguard.report.quality_tables import price_text
from volguard.report.smile_tables import cell, plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

TITLES: Final = {
    "journaled": "journaled",
    "replayed": "replayed",
    "run_again": "run again",
    "backtest": "backtest",
}
CAUSES: Final = {
    "decision": "orders that one alone sent",
    "outside": "executions by orders of others",
    "order_size": "asked for another quantity",
    "fill_quantity": "filled another quantity",
    "fill_time": "filled at another time",
    "fill_price": "filled at another price",
    "charges": "charges",
    "mark": "held at the close, marked otherwise",
}
LINES_MAX: Final = 12  # of the difference by order; the document has all of them


def parity_table(document: Mapping[str, Any]) -> RenderableType:
    """Three columns of figures, then each difference by cause, summing to zero."""
    from rich.console import Group
    from rich.text import Text

    head = (
        f"{document['trading_date']} {document['session']}: {document['phase']}, orders to "
        f"{document['broker']}, settings {document['settings_hash'][:12]}"
    )
    parts: list[RenderableType] = [Text(head), _columns(document), *map(Text, _notes(document))]
    for name, difference in document["differences"].items():
        parts += [Text(""), Text(f"{TITLES[name]} against journaled", style="bold")]
        parts += map(Text, _decision_lines(difference["decisions"]))
        parts += _pnl(difference["pnl"])
    return Group(*parts)


def _columns(document: Mapping[str, Any]) -> Table:
    columns = document["columns"]
    table = plain_table(("", *(TITLES[name] for name in columns)), title="")
    actions = sorted({action for one in columns.values() for action in one.get("by_action", {})})
    for label, key in (("decisions", "decisions"), *((f"  {action}", action) for action in actions)):
        table.add_row(label, *(_count(one, key) for one in columns.values()))
    for label in ("orders", "fills", "units"):
        table.add_row(label, *(_count(one, label) for one in columns.values()))
    for label, key in (
        *(("realised", "realised_inr"), ("gross P&L", "gross_inr")),
        *(("charges", "charges_inr"), ("net P&L", "net_inr")),
    ):
        table.add_row(label, *(_rupees(one, key) for one in columns.values()))
    return table


def _count(column: Mapping[str, Any], key: str) -> str:
    if "decisions" not in column:
        return "-"
    found = column[key] if key in column else column["by_action"].get(key, 0)
    return amount_text(str(found))


def _rupees(column: Mapping[str, Any], key: str) -> str:
    return cell(amount_text(column.get(key)))


def _notes(document: Mapping[str, Any]) -> Iterable[str]:
    if document["ended"] is None:
        yield "the session has not ended: its figures are those up to its last row"
    if document["written_by"] != document["compared_by"]:
        yield f"journaled by {document['written_by']}, compared by {document['compared_by']}"
    for name, column in document["columns"].items():
        if column["missing"] is not None:
            yield f"{TITLES[name]}: {column['missing']}"
        if column.get("failed_steps"):
            yield f"{TITLES[name]}: {column['failed_steps']} steps failed and halted trading"
        if column.get("unmarked"):
            yield f"{TITLES[name]}: nobody quotes {', '.join(column['unmarked'])} at the close"


def _decision_lines(decisions: Mapping[str, Any]) -> Iterable[str]:
    if decisions["identical"]:
        yield "every decision is the same, to the last figure"
        return
    first, act = decisions["first"], decisions["first_other_act"]
    yield from _first_lines("first that differs", first)
    if act is None:
        yield "  what was done and why is the same throughout: only figures differ"
    elif act["number"] != first["number"]:
        yield from _first_lines("first that does otherwise", act)


def _first_lines(label: str, first: Mapping[str, Any]) -> Iterable[str]:
    where = "" if first["row"] is None else f", row {first['row']}"
    yield f"{label}: decision {first['number']}{where}, {first['ts'][11:19]}"
    for who in ("journaled", "other"):
        said = first[who]
        text = "none" if said is None else f"{said['action']} {said['bucket'] or ''} {said['text']}"
        yield f"  {who}: {text}"
    if first["differs"]:
        yield f"  differs in: {', '.join(first['differs'])}"


def _pnl(pnl: Mapping[str, Any]) -> Iterable[RenderableType]:
    from rich.text import Text

    if pnl["missing"] is not None:
        yield Text(f"P&L: not compared, {pnl['missing']}")
        return
    table = plain_table(("rupees by cause", "lines", "amount"), title="")
    for one in pnl["causes"]:
        table.add_row(CAUSES[one["cause"]], str(one["lines"]), amount_text(one["inr"], is_signed=True))
    table.add_row("rounding", "", amount_text(pnl["rounding_inr"], is_signed=True))
    table.add_row("difference of net P&L", "", amount_text(pnl["difference_inr"], is_signed=True))
    table.add_row("left unexplained", "", price_text(pnl["unexplained_inr"], is_signed=True))
    yield table
    largest = sorted(pnl["lines"], key=lambda line: -abs(Decimal(line["inr"])))
    for line in largest[:LINES_MAX]:
        whose = "position" if line["tag"] is None else line["tag"].partition("-")[2] or line["tag"]
        amount = amount_text(money_text(Decimal(line["inr"])), is_signed=True)
        yield Text(f"  {amount}  {whose}: {CAUSES[line['cause']]}, {line['contract']} {line['text']}")
    if len(largest) > LINES_MAX:
        yield Text(f"  and {len(largest) - LINES_MAX} smaller ones, see --json")
