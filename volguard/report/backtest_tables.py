"""A backtest for the terminal, from a `volguard.backtest/1` document: its prices first, then its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import ABSENT, amount_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Form = Callable[[float], str]
NOTES_SHOWN: Final = 8
REASONS_SHOWN: Final = 8


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _count(value: float) -> str:
    return f"{value:.0f}"


FIGURES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("return in all", "total_return", _percent),
    ("return a year (CAGR)", "cagr", _percent),
    ("volatility a year", "volatility", _percent),
    ("Sharpe", "sharpe", _ratio),
    ("Sortino", "sortino", _ratio),
    ("Calmar", "calmar", _ratio),
    ("deepest drawdown", "max_drawdown", _percent),
    ("longest drawdown, sessions", "drawdown_sessions", _count),
    ("CVaR 95 %, a session", "cvar_95", _percent),
    ("CVaR 99 %, a session", "cvar_99", _percent),
    ("worst session", "worst_day", _percent),
    ("worst week", "worst_week", _percent),
    ("skew of returns", "skew", _ratio),
    ("kurtosis of returns", "kurtosis", _ratio),
)
TRADE_FIGURES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("win rate", "win_rate", _percent),
    ("profit factor", "profit_factor", _ratio),
    ("mean of a trade, rupees", "mean_inr", _count),
    ("charges of gross", "cost_share", _percent),
    ("charges of premium traded", "cost_of_premium", _percent),
)
ACTIVITY_FIGURES: Final[tuple[tuple[str, str, Form], ...]] = (
    ("premium traded a year, of the account", "turnover", _percent),
    ("sessions with a position", "exposure", _percent),
)
PARTS: Final = ("theta", "delta", "gamma", "vega", "residual", "execution", "costs", "total")


def backtest_summary(document: Mapping[str, Any]) -> RenderableType:
    """Everything but the single days and trades."""
    from rich.console import Group
    from rich.text import Text

    blocks: list[RenderableType] = [Text(line) for line in headline(document)]
    blocks += [Text(""), _figures(document)]
    blocks += [Text(""), _attribution(document["statistics"]["attribution"])]
    if "sensitivity" in document:
        blocks += [Text(""), _sensitivity(document["sensitivity"])]
    for name in ("structure", "bucket", "regime", "exit_reason"):
        blocks += [Text(""), _groups(name, document["statistics"]["groups"][name])]
    blocks += [Text(""), _regimes(document["statistics"]["regime_shares"])]
    blocks += [Text(""), _refused(document["refused"])]
    blocks += [Text(""), _reasons(document["decisions"])]
    for name, rows in (("left out", document["left_out"]), ("noted", document["notes"])):
        blocks += [Text(line) for line in _noted(name, rows)]
    blocks += [Text(""), *(Text(f"assumed: {line}") for line in document["assumptions"])]
    blocks += [Text(line) for line in _identity(document)]
    return Group(*blocks)


def headline(document: Mapping[str, Any]) -> list[str]:
    """What was tested, at whose prices, and what it came to."""
    span = f"{document['first_day'] or 'no session'} to {document['last_day'] or 'no session'}"
    lines = [f"{document['underlying']} {span}, {document['sessions']} sessions", *price_lines(document)]
    lines.append(
        f"capital {amount_text(document['capital_inr'])}, at the end {amount_text(document['value_inr'])}, "
        f"charges paid {amount_text(document['charges_inr'])}"
    )
    handicap = document["handicap"]
    if handicap is not None:
        lines.append(
            f"were every premium {handicap['share']:.1%} worse, as the model's error allows: "
            f"{amount_text(handicap['value_inr'])} at the end"
        )
    margin = document["return_on_margin"]
    if margin["per_year"] is None:
        lines.append(f"return on margin: not available ({margin['missing']})")
    else:
        mean, most = (amount_text(margin[f"{name}_margin_inr"]) for name in ("mean", "max"))
        lines.append(
            f"return on margin {margin['per_year']:.1%} a year; held, {mean} in the mean, {most} at most"
        )
    if document["left_out"]:
        lines.append(
            f"{len(document['left_out'])} sessions were left out: figures by year count those played alone"
        )
    if document["failed_steps"]:
        lines.append(f"{document['failed_steps']} steps FAILED: the days they fell on traded no further")
    if document["open_trades"]:
        lines.append(f"{document['open_trades']} trades are open at the end, at their marks in the value")
    return lines


def price_lines(document: Mapping[str, Any]) -> list[str]:
    """Whose prices these are; a modelled one never passes for a real one."""
    if document["prices"] == "recorded":
        return ["prices: recorded quotes"]
    if document["prices"] == "closing":
        return [
            "PRICES ARE CLOSING PRICES of bhavcopies, one a contract and day, their spread modelled",
            "a fill at the price that was decided on flatters: --sensitivity says what worse fills leave",
        ]
    error = document["model_error"]
    if error is None:
        return [f"PRICES ARE MODELLED, their error is not known: {document['model_error_missing']}"]
    lines = ["PRICES ARE MODELLED. Median size of the error of a condor's credit against real trades:"]
    for moment in ("entry", "exit"):
        rows = [r for r in error["credits"] if r["moment"] == moment and r["days_to_expiry"] is None]
        out = [r for r in rows if r["sample"] == "out"] or rows
        whole = next(r for r in out if r["year"] is None)
        years = ", ".join(f"{r['year']} {r['median_absolute']:.1%}" for r in out if r["year"] is not None)
        lines.append(
            f"  {moment} {whole['median_absolute']:.1%} of {whole['count']} "
            f"({'fitted without each year' if out is not rows else 'fitted on them'}: {years})"
        )
    return lines


def _figures(document: Mapping[str, Any]) -> Table:
    statistics, handicap = document["statistics"], document["handicap"]
    level = statistics["returns"]["intervals"]["level"]
    table = _table("", "", *(["at worse prices"] if handicap else []), f"{level:.0%} interval")
    parts = (
        (FIGURES, statistics["returns"], handicap),
        (TRADE_FIGURES, statistics["trades"], None),
        (ACTIVITY_FIGURES, statistics["activity"], None),
    )
    for figures, part, worse in parts:
        for name, key, form in figures:
            cells = [known_text(part[key], form)]
            if handicap:
                cells.append(known_text(worse[key], form) if worse else "")
            table.add_row(name, *cells, interval_text(part["intervals"].get(key), form))
    ruin = statistics["ruin"]
    if ruin is not None:
        for name, key in (
            (f"ruin ({ruin['loss_share']:.0%} lost within a year)", "ruin"),
            ("margin breach within a year", "margin_breach"),
        ):
            found = ruin[key]
            between = None if found["low"] is None else [found["low"], found["high"]]
            cells = [known_text(found["share"], _percent), *([""] if handicap else [])]
            table.add_row(name, *cells, interval_text(between, _percent))
    return table


def _attribution(parts: Mapping[str, Any]) -> Table:
    table = _table("P&L by cause", "rupees")
    for name in PARTS:
        table.add_row(name, amount_text(parts[f"{name}_inr"], is_signed=True))
    return table


def _sensitivity(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("fills", "at the end", "Sharpe", "drawdown", "trades", "won")
    for row in rows:
        table.add_row(
            f"{row['slippage_ticks']} ticks beyond the touch, {row['late_looks']} looks later",
            amount_text(row["value_inr"]),
            known_text(row["sharpe"], _ratio),
            known_text(row["max_drawdown"], _percent),
            str(row["trades"]),
            known_text(row["win_rate"], _percent),
        )
    return table


def _groups(name: str, rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(f"trades by {name.replace('_', ' ')}", "trades", "won", "net", "charges", "worst")
    for row in rows:
        table.add_row(
            row["name"],
            str(row["trades"]),
            known_text(row["win_rate"], _percent),
            amount_text(row["net_inr"], is_signed=True),
            amount_text(row["charges_inr"]),
            amount_text(row["worst_inr"], is_signed=True),
        )
    return table


def _regimes(shares: Mapping[str, float]) -> Table:
    table = _table("regime in force", "of the sessions")
    for name, share in shares.items():
        table.add_row(name, _percent(share))
    return table


def _refused(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(
        "refused, on paper to the close", "structures", "no result", "could be held", "would have made"
    )
    for row in rows:
        table.add_row(
            row["reason"],
            str(row["structures"]),
            str(row["not_available"]),
            str(row["held"]),
            amount_text(row["held_net_inr"], is_signed=True),
        )
    return table


def _reasons(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = _table("decisions", "reason", "count")
    for row in list(rows)[:REASONS_SHOWN]:
        table.add_row(row["action"], row["reason"], str(row["count"]))
    return table


def _noted(name: str, rows: list[Mapping[str, str]]) -> list[str]:
    lines = [f"{name}: {row['day']} {row['text']}" for row in rows[:NOTES_SHOWN]]
    more = len(rows) - NOTES_SHOWN
    return [*lines, f"{name}: {more} more, all in --json"] if more > 0 else lines


def _identity(document: Mapping[str, Any]) -> list[str]:
    return [
        f"decisions {document['decisions_hash']}",
        f"settings {document['settings_hash'][:16]}, data {document['data_digest'][:16]}, "
        f"code {document['code_version']}",
    ]


def interval_text(found: list[float] | None, form: Form) -> str:
    """Low to high, nothing where there is no interval."""
    return "" if found is None else f"{form(found[0])} to {form(found[1])}"


def known_text(value: float | None, form: Form) -> str:
    """The value in its form, or that it is not available."""
    return ABSENT if value is None else form(value)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    return table
