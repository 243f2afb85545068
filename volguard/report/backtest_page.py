"""A backtest as one page: whose prices, what it came to, the charts, each trade with its payoff, assumptions.

Nothing is fetched and nothing runs: a trade's payoff opens by the page's own means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from volguard.adapters.figure_text import number_text
from volguard.report.backtest_charts import backtest_panels
from volguard.report.backtest_tables import (
    ACTIVITY_FIGURES,
    FIGURES,
    PARTS,
    TRADE_FIGURES,
    headline,
    interval_text,
    known_text,
)
from volguard.report.elements import Column, Html, inr, panel, table, text
from volguard.report.panels import panel_charts
from volguard.report.theme import style_sheet

WIDTH: Final = 360.0
HEIGHT: Final = 120.0
ROOM: Final = 0.25  # of the span of the strikes, on either side
_STYLE: Final = (
    ".said p{margin:2px 0}details.trade{border-bottom:1px solid var(--grid);padding:5px 0}"
    "details.trade summary{color:var(--ink);font-variant-numeric:tabular-nums}"
    "svg.payoff{width:360px;max-width:100%;height:auto;display:block;margin:6px 0}"
)


def backtest_page(document: Mapping[str, Any]) -> str:
    """The whole page from a `volguard.backtest/1` document."""
    title = f"{document['underlying']} {document['first_day']} to {document['last_day']}"
    said = "".join(f"<p>{text(line)}</p>" for line in headline(document))
    kind = "banner said" if document["prices"] == "recorded" else "banner alarm said"
    charts = "".join(
        f'<div class="stack">{panel(chart.title, chart.svg, is_wide=True)}</div>'
        for chart in panel_charts(backtest_panels(document))
    )
    body = (
        f'<header><h1>{text(title)}</h1><p>volguard backtest</p></header><div class="{kind}">{said}</div>'
        + charts
        + _section("Figures", _figures(document))
        + (_section("With worse fills", _worse(document["sensitivity"])) if "sensitivity" in document else "")
        + _section("P&L by cause", _causes(document["statistics"]["attribution"]))
        + "".join(
            _section(f"Trades by {name.replace('_', ' ')}", _groups(rows))
            for name, rows in document["statistics"]["groups"].items()
        )
        + _section("Trades", _trades(document["trades"]))
        + _section(
            "Refused, on paper from the refusal to the close of its day", _refused(document["refused"])
        )
        + _section("Decisions", _decisions(document["decisions"]))
        + _section("Days left out", _notes(document["left_out"], "Every session was played."))
        + _section("Noted", _notes(document["notes"], "Nothing."))
        + _section("What the figures rest on", _assumptions(document))
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>volguard backtest {text(title)}</title><style>{style_sheet()}{_STYLE}</style></head>"
        f"<body><main>{body}{_footer(document)}</main></body></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f'<h2>{text(title)}</h2><section class="panel">{body}</section>'


def _figures(document: Mapping[str, Any]) -> str:
    statistics, handicap = document["statistics"], document["handicap"]
    columns = [Column(name="figure"), Column(name="value", is_figure=True)]
    columns += [Column(name="at worse prices", is_figure=True)] if handicap else []
    level = statistics["returns"]["intervals"]["level"]
    columns.append(Column(name=f"{level:.0%} interval", is_figure=True))
    rows: list[list[object]] = []
    for figures, name, worse in (
        (FIGURES, "returns", handicap),
        (TRADE_FIGURES, "trades", None),
        (ACTIVITY_FIGURES, "activity", None),
    ):
        part = statistics[name]
        for label, key, form in figures:
            cells = [known_text(part[key], form)]
            if handicap:
                cells.append(known_text(worse[key], form) if worse else "")
            rows.append([label, *cells, interval_text(part["intervals"].get(key), form)])
    return table(columns, rows, none="There is no figure.")


def _causes(parts: Mapping[str, Any]) -> str:
    columns = (Column(name="cause"), Column(name="rupees", is_figure=True))
    return table(columns, [(name, inr(parts[f"{name}_inr"], is_signed=True)) for name in PARTS], none="None.")


def _groups(rows: Iterable[Mapping[str, Any]]) -> str:
    names = ("trades", "won", "net", "charges", "worst")
    columns = (Column(name=""), *(Column(name=name, is_figure=True) for name in names))
    cells = [
        (
            row["name"],
            row["trades"],
            known_text(row["win_rate"], lambda share: f"{share:.0%}"),
            inr(row["net_inr"], is_signed=True),
            inr(row["charges_inr"]),
            inr(row["worst_inr"], is_signed=True),
        )
        for row in rows
    ]
    return table(columns, cells, none="No trade was closed.")


def _trades(trades: Sequence[Mapping[str, Any]]) -> str:
    if not trades:
        return '<p class="none">No trade was closed.</p>'
    return "".join(_trade(trade) for trade in trades)


def _trade(trade: Mapping[str, Any]) -> str:
    summary = (
        f"{text(trade['opened_on'])} to {text(trade['closed_on'])} {text(trade['structure'])} "
        f"{text(trade['bucket'])}, {text(trade['regime'])}: {inr(trade['net_inr'], is_signed=True)} "
        f"<span class=muted>{text(trade['exit_reason'])}</span>"
    )
    fills = table(
        (
            Column(name="time"),
            Column(name="contract"),
            Column(name="side"),
            *(Column(name=name, is_figure=True) for name in ("units", "price", "charges")),
        ),
        [
            (
                fill["ts"][:19].replace("T", " "),
                fill["contract"],
                fill["side"],
                fill["quantity"],
                fill["price"],
                fill["charges_inr"],
            )
            for fill in trade["fills"]
        ],
        none="No fill is kept.",
    )
    return f'<details class="trade"><summary>{summary}</summary>{payoff_svg(trade["fills"])}{fills}</details>'


def payoff_svg(fills: Sequence[Mapping[str, Any]]) -> Html:
    """P&L at expiry of what the first side of each leg bought or sold, before charges; legs of one expiry."""
    legs: dict[str, list[float]] = {}  # contract: signed units, cash
    sides: dict[str, str] = {}
    for fill in fills:
        name = fill["contract"]
        if sides.setdefault(name, fill["side"]) == fill["side"]:
            sign = 1.0 if fill["side"] == "BUY" else -1.0
            units, cash = legs.get(name, [0.0, 0.0])
            part = sign * fill["quantity"]
            legs[name] = [units + part, cash - part * float(fill["price"])]
    if len({name.split()[1] for name in legs}) != 1:
        return Html("")
    strikes = sorted({float(name.split()[2]) for name in legs})
    room = ROOM * (strikes[-1] - strikes[0]) or 0.02 * strikes[0]
    levels = [strikes[0] - room, *strikes, strikes[-1] + room]
    pnl = [sum(_worth(name, held, level) for name, held in legs.items()) for level in levels]
    return _drawn(levels, pnl)


def _worth(name: str, held: Sequence[float], level: float) -> float:
    strike, right = float(name.split()[2]), name.split()[3]
    return held[1] + held[0] * max(level - strike if right == "CE" else strike - level, 0.0)


def _drawn(levels: Sequence[float], pnl: Sequence[float]) -> Html:
    low, high = min(0.0, *pnl), max(0.0, *pnl)
    span = (high - low) or 1.0

    def at(level: float, value: float) -> tuple[float, float]:
        x = WIDTH * (level - levels[0]) / (levels[-1] - levels[0])
        return x, 8.0 + (HEIGHT - 24.0) * (high - value) / span

    zero = at(levels[0], 0.0)[1]
    lines = "".join(
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" '
        'stroke="var(--ink)" stroke-width="1.6"/>'
        for a, b in pairwise(at(level, value) for level, value in zip(levels, pnl, strict=True))
    )
    names = "".join(
        f'<text x="{at(level, 0.0)[0]:.1f}" y="{HEIGHT - 2:.0f}" font-size="10" text-anchor="middle" '
        f'fill="var(--soft)">{level:.0f}</text>'
        for level in levels[1:-1]
    )
    said = (
        f"best {number_text(max(pnl), 0)}, worst {number_text(min(pnl), 0)} rupees at expiry before charges"
    )
    return Html(
        f'<svg class="payoff" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{said}">'
        f'<line x1="0" y1="{zero:.1f}" x2="{WIDTH:.0f}" y2="{zero:.1f}" stroke="var(--axis)"/>'
        f'{lines}{names}</svg><p class="none">{said}</p>'
    )


def _refused(rows: Iterable[Mapping[str, Any]]) -> str:
    names = ("structures", "no result", "could be held", "would have made")
    columns = (Column(name="reason"), *(Column(name=name, is_figure=True) for name in names))
    cells = [
        (
            row["reason"],
            row["structures"],
            row["not_available"],
            row["held"],
            inr(row["held_net_inr"], is_signed=True),
        )
        for row in rows
    ]
    return table(columns, cells, none="Nothing was refused.")


def _worse(rows: Iterable[Mapping[str, Any]]) -> str:
    names = ("ticks beyond the touch", "looks later", "at the end", "Sharpe", "drawdown", "trades")
    columns = tuple(Column(name=name, is_figure=True) for name in names)
    cells = [
        (
            row["slippage_ticks"],
            row["late_looks"],
            inr(row["value_inr"]),
            known_text(row["sharpe"], lambda x: f"{x:.2f}"),
            known_text(row["max_drawdown"], lambda x: f"{x:.2%}"),
            row["trades"],
        )
        for row in rows
    ]
    return table(columns, cells, none="None.")


def _decisions(rows: Iterable[Mapping[str, Any]]) -> str:
    columns = (Column(name="action"), Column(name="reason"), Column(name="count", is_figure=True))
    return table(columns, [(row["action"], row["reason"], row["count"]) for row in rows], none="None.")


def _notes(rows: Iterable[Mapping[str, str]], none: str) -> str:
    columns = (Column(name="day"), Column(name="", is_long=True))
    return table(columns, [(row["day"], row["text"]) for row in rows], none=none)


def _assumptions(document: Mapping[str, Any]) -> str:
    lines = "".join(f"<li>{text(line)}</li>" for line in document["assumptions"])
    return f'<ul class="plain">{lines}</ul>'


def _footer(document: Mapping[str, Any]) -> str:
    return (
        f"<footer>Decisions hash <code>{text(document['decisions_hash'])}</code><br>Settings hash "
        f"<code>{text(document['settings_hash'])}</code><br>Data <code>{text(document['data_digest'])}</code>"
        f"<br>volguard {text(document['code_version'])}</footer>"
    )
