"""Rich tables for commands that print: the chain as a ladder, a session's summary, decisions as lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import ABSENT, amount_text, number_text, percent_text
from volguard.model.decision import Decision
from volguard.report.refused_tables import refused_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

REASONS_SHOWN: Final = 12


def chain_table(document: Mapping[str, Any]) -> Table:
    """The strike ladder of a `volguard.chain/1` document: calls left, puts right, quotes beside the strike.

    The strike nearest to the forward is marked; an option that is not listed or has no figure is a dash.
    """
    from rich.table import Table

    title = (
        f"{document['underlying']} {document['expiry']}  forward {number_text(document['forward'])}  "
        f"ATM IV {percent_text(document['atm_iv'], 2)}  straddle {number_text(document['straddle'])}"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for name in ("call IV", "delta", "bid", "ask"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("strike", justify="center", no_wrap=True, style="bold")
    for name in ("bid", "ask", "delta", "put IV"):
        table.add_column(name, justify="right", no_wrap=True)
    nearest = _nearest_strike(document)
    for row in document["strikes"]:
        strike = f">{row['strike']}<" if row["strike"] == nearest else f"{row['strike']}"
        put = _option_cells(row["put"])
        table.add_row(*_option_cells(row["call"]), strike, put[2], put[3], put[1], put[0])
    return table


def carried_words(doc: Mapping[str, Any]) -> str:
    """What earlier days made of what was carried into the day; empty where nothing was."""
    carried = doc["carried_pnl_inr"]
    return "" if float(carried) == 0.0 else f", of earlier days {amount_text(carried, is_signed=True)}"


def screen_words(delays: Mapping[str, Any]) -> str:
    """How long proposals took to the screen."""
    if delays["n"] is None:
        return "not available: nobody was asked on a screen"
    if not delays["n"]:
        return "not available: no proposal was shown"
    return (
        f"look to card: median {number_text(delays['median'])} ms, worst {number_text(delays['worst'])} ms, "
        f"{delays['n']} proposals"
    )


def session_summary(document: Mapping[str, Any]) -> RenderableType:
    """A day's document on one screen: result, trades, why not more, quality, where it is journaled."""
    from rich.console import Group
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _summary_rows(document):
        table.add_row(name, _plain(value))
    return Group(table)


def decision_lines(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """One line per decision, as the live screen shows it: time, action, bucket, trade, reason, figures."""
    from volguard.engine.status import decision_line

    return tuple(decision_line(decision) for decision in decisions)


def _nearest_strike(document: Mapping[str, Any]) -> int | None:
    forward = document["forward"]
    strikes: list[int] = [row["strike"] for row in document["strikes"]]
    if forward is None or not strikes:
        return None
    return min(strikes, key=lambda strike: float(abs(strike - forward)))


def _option_cells(option: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    if option is None:
        return "-", "-", "-", "-"
    # A ladder has many gaps: a dash is quieter than the usual word.
    iv, delta, bid, ask = (
        "-" if cell == ABSENT else cell
        for cell in (
            percent_text(option["iv"], 2),
            number_text(option["delta"], 3, is_signed=True),
            number_text(option["bid"]),
            number_text(option["ask"]),
        )
    )
    return iv, delta, bid, ask


def _summary_rows(doc: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    source, quality, step = doc["source"], doc["data_quality"], doc["step_ms"]
    yield "session", f"{doc['session_id']}  {doc['phase']}  {source['kind']} {source['label']}"
    yield "ended", f"{doc['ended'] or 'not ended'}"
    if doc["halted_reason"] is not None:
        yield "HALTED", doc["halted_reason"]
    yield "net P&L", f"{amount_text(doc['net_pnl_inr'], is_signed=True)} INR after charges"
    yield (
        "made of",
        f"realised {amount_text(doc['realised_pnl_inr'], is_signed=True)}, "
        f"unrealised {amount_text(doc['unrealised_pnl_inr'], is_signed=True)}, "
        f"charges {amount_text(doc['charges_inr'])}" + carried_words(doc),
    )
    for row in doc["buckets"]:
        yield (
            f"bucket {row['bucket'].lower()}",
            f"{row['trades']} trades, net {amount_text(row['net_pnl_inr'], is_signed=True)}, "
            f"capital used {amount_text(row['capital_used_inr'])}",
        )
    if doc["missing_marks"]:
        yield "no mark", ", ".join(doc["missing_marks"])
    live = sum(trade["exit"] is None and trade["entry"] is not None for trade in doc["trades"])
    orders = f"{len(doc['orders'])} orders, {len(doc['fills'])} fills"
    yield "trades", f"{len(doc['trades'])}, {live} open; {orders}"
    if doc["orders"]:
        yield "slippage", _slippage(doc["execution"]["all"])
    yield "decisions", f"{doc['decisions']}{_reasons(doc)}"
    yield "refused", refused_line(doc["refused"])
    gaps = f"{len(doc['gaps'])} without data, {sum(gap['seconds'] for gap in doc['gaps']) / 60:.0f} min"
    yield (
        "data",
        f"{doc['snapshots']} snapshots, quality {number_text(quality['mean'])} "
        f"(lowest {number_text(quality['min'])}), {gaps}",
    )
    yield "step", f"median {number_text(step['median'])} ms, p99 {number_text(step['p99'])} ms"
    yield "screen", screen_words(doc["decision_to_screen_ms"])
    yield "journal", f"{doc['journal']['path']}, {doc['journal']['rows']} rows"


def _slippage(all_orders: Mapping[str, Any]) -> str:
    unmeasured = all_orders["unmeasured"]
    return (
        f"{amount_text(all_orders['slippage_inr'], is_signed=True)} INR against the mids at arrival, "
        f"filled in {number_text(all_orders['fill_s']['median'], 1)} s (median)"
        + (f"; {unmeasured} filled with no mid" if unmeasured else "")
    )


def _reasons(doc: Mapping[str, Any]) -> str:
    ordered = sorted(doc["refusals"].items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{reason} {count}" for reason, count in ordered[:REASONS_SHOWN])
    return f"; waited or refused: {told}" if told else ""


def _plain(value: str) -> Any:
    from rich.text import Text

    # Never parsed: a bracket in a file's name is a bracket.
    return Text(value)
