"""One frame of the live screen, made of rich renderables: readable at 80 columns and without colour.

Most urgent first, so that a low terminal cuts off what matters least; wide terminals get two columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import ABSENT, MINUS, amount_text, number_text, percent_text
from volguard.model.decision import FigureValue, SafetyLevel, TradingState
from volguard.model.status import LimitBar, PositionLine, StatusView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDE_COLUMNS: Final = 164
NEAR_SHARE: Final = 0.8
DECISIONS_SHOWN: Final = 6
ALERTS_SHOWN: Final = 3
ORDERS_SHOWN: Final = 6
GREEK_NAMES: Final = (
    ("delta", "delta", 1),
    ("gamma", "gamma", 4),
    ("vega_per_pt", "vega/pt", 0),
    ("theta_per_day", "theta/day", 0),
)


def frame(view: StatusView, *, width: int) -> RenderableType:
    """The whole screen for one status at a terminal `width` in columns."""
    from rich.console import Group
    from rich.table import Table

    book = [*_positions_section(view), *_limits_section(view), *_guards_section(view)]
    house = [*_decisions_section(view), *_buckets_section(view), *_orders_section(view)]
    top = [_header(view), *_alerts_section(view)]
    if width < WIDE_COLUMNS:
        return Group(*top, *book, *house)
    columns = Table.grid(expand=True, padding=(0, 1))
    columns.add_column(ratio=1)
    columns.add_column(ratio=1)
    columns.add_row(Group(*book), Group(*house))
    return Group(*top, columns)


def _header(view: StatusView) -> RenderableType:
    from rich.console import Group
    from rich.panel import Panel

    calm = view.safety_level is SafetyLevel.NORMAL and view.trading_state is not TradingState.HALTED
    lines = [
        _line(
            ("phase ", "dim"), (str(view.phase), "bold"), (" effective ", "dim"), str(view.effective_phase),
            ("   trading ", "dim"), (str(view.trading_state), "bold"),
            ("   safety ", "dim"), (str(view.safety_level), "bold" if calm else "bold reverse red"),
        ),
        _line(
            (f"{view.underlying} ", "bold"), (number_text(view.reference_level), "bold"),
            (f" {view.reference_origin}", "dim"),
            ("   VIX ", "dim"), f"{percent_text(view.vix)}", (f" {view.vix_origin}", "dim"),
            ("   regime ", "dim"), view.regime,
        ),
        _quality_line(view),
        _line(
            ("net P&L ", "dim"), _money(view.pnl_net_inr),
            (" INR   charges ", "dim"), amount_text(view.charges_inr),
            ("   snapshots ", "dim"), str(view.snapshots), ("   decisions ", "dim"), str(view.decisions),
        ),
    ]  # fmt: skip
    done = "" if view.progress is None else f"  {percent_text(view.progress, 0)} done"
    title = f"volguard  {view.ts:%Y-%m-%d %H:%M:%S}{done}"
    return Panel(
        Group(*lines), title=title, title_align="left", subtitle=view.source, subtitle_align="left",
        border_style="none" if calm else "red", padding=(0, 1),
    )  # fmt: skip


def _quality_line(view: StatusView) -> Text:
    flags = [f"{name} {count}" for name, count in view.quote_flags.items() if count]
    share = view.data_quality
    return _line(
        ("quality ", "dim"),
        (number_text(share), "bold"),
        f" {_bar(share, 10)}  ",
        (", ".join(flags) if flags else "no quote flags", "dim"),
    )


def _alerts_section(view: StatusView) -> Iterable[RenderableType]:
    if not view.alerts:
        return
    yield _title(f"alerts ({len(view.alerts)})")
    for alert in view.alerts[:ALERTS_SHOWN]:
        yield _line((f"! {alert}", "bold yellow"))


def _positions_section(view: StatusView) -> Iterable[RenderableType]:
    yield _title(f"positions ({len(view.positions)})")
    if not view.positions:
        yield _line(("flat", "dim"))
        return
    table = _table()
    table.add_column("contract", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("units", "entry", "mark", "P&L INR", "delta", "vega/pt", "theta/d"):
        table.add_column(name, justify="right", no_wrap=True)
    for position in view.positions:
        table.add_row(*_position_cells(position))
    yield table
    named = [
        f"{label} {number_text(view.greeks.get(key), decimals, is_signed=True)}"
        for key, label, decimals in GREEK_NAMES
    ]
    yield _line(("book  ", "dim"), "   ".join(named))


def _position_cells(position: PositionLine) -> tuple[str | Text, ...]:
    return (
        # The underlying stands in the header: the room is for the strike.
        position.symbol.partition(" ")[2] or position.symbol,
        amount_text(str(position.quantity), is_signed=True),
        position.entry_price,
        position.mark_price or "no quote",
        _line(_money(position.pnl_inr)),
        number_text(position.delta, 1, is_signed=True),
        number_text(position.vega_per_pt, 0, is_signed=True),
        number_text(position.theta_per_day, 0, is_signed=True),
    )


def _limits_section(view: StatusView) -> Iterable[RenderableType]:
    if not view.limits:
        return
    yield _title("limits")
    table = _table(show_header=False)
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column(no_wrap=True, width=16)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, ratio=1)
    for limit in view.limits:
        table.add_row(*_limit_cells(limit))
    yield table


def _guards_section(view: StatusView) -> Iterable[RenderableType]:
    for guard in view.guards:
        yield _line((guard, "dim"))


def _limit_cells(limit: LimitBar) -> tuple[str | Text, ...]:
    if limit.value is None or not limit.limit > 0:
        of_limit = f"{ABSENT} of {number_text(limit.limit, 0)} {limit.unit}"
        return limit.name, _bar(None, 16), ABSENT, of_limit, ""
    share = limit.value / limit.limit
    word, style = (
        ("BREACHED", "bold red") if share >= 1 else ("near", "yellow") if share >= NEAR_SHARE else ("", "")
    )
    figures = f"{number_text(limit.value, 0)} of {number_text(limit.limit, 0)} {limit.unit}"
    return limit.name, _line((_bar(share, 16), style)), percent_text(share, 0), figures, _line((word, style))


def _decisions_section(view: StatusView) -> Iterable[RenderableType]:
    yield _title(f"decisions (last of {view.decisions})")
    if not view.last_decisions:
        yield _line(("none yet", "dim"))
    for decision in view.last_decisions[:DECISIONS_SHOWN]:
        yield _line(decision)


def _buckets_section(view: StatusView) -> Iterable[RenderableType]:
    if not view.buckets:
        return
    yield _title("buckets")
    keys = [str(key) for key in view.buckets[0]]
    table = _table()
    for key in keys:
        table.add_column(_words(key), justify="left" if key == "name" else "right", no_wrap=True)
    for bucket in view.buckets:
        table.add_row(*(_cell(key, bucket.get(key)) for key in keys))
    yield table


def _orders_section(view: StatusView) -> Iterable[RenderableType]:
    yield _title(f"open orders ({len(view.open_orders)})")
    for order in view.open_orders[:ORDERS_SHOWN]:
        yield _line(order)


def _words(key: str) -> str:
    return key.replace("_inr", " INR").replace("_", " ")


def _cell(key: str, value: FigureValue) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return number_text(value)
    return amount_text(value) if isinstance(value, str) and key.endswith("_inr") else str(value)


def _bar(share: float | None, width: int) -> str:
    if share is None or share != share:
        return "?" * width
    filled = min(width, max(0, round(share * width)))
    return "\u2588" * filled + "\u00b7" * (width - filled)


def _money(amount: str | None) -> tuple[str, str]:
    text = amount_text(amount, is_signed=True)
    return text, {"+": "green", MINUS: "red"}.get(text[0], "")


def _table(*, show_header: bool = True) -> Table:
    from rich.table import Table

    return Table(
        box=None, pad_edge=False, expand=True, show_header=show_header, header_style="dim", padding=(0, 1)
    )


def _title(text: str) -> RenderableType:
    from rich.rule import Rule

    return Rule(text, align="left", style="dim", characters="\u2500")


def _line(*parts: Any) -> Text:
    from rich.text import Text

    # Assembled, never parsed: a bracket in a reason is a bracket.
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
