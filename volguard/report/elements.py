"""Small pieces of HTML: every text passes through here escaped, every figure formatted one way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from volguard.adapters.figure_text import MINUS, amount_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: `is_figure` aligns right, `is_long` may wrap."""

    name: str
    is_figure: bool = False
    is_long: bool = False


class Html(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def text(value: object) -> str:
    """Any value as escaped text; None as a dash; markup as it is."""
    if isinstance(value, Html):
        return value
    return "\u2013" if value is None or value == "" else escape(str(value))


def inr(amount: str | None, *, is_signed: bool = False) -> Html:
    """Rupees grouped by lakh; signed ones carry a colour beside their sign."""
    shown = amount_text(amount, is_signed=is_signed)
    kind = {"+": "gain", MINUS: "loss"}.get(shown[0], "") if is_signed else ""
    return Html(f'<span class="{kind}">{shown}</span>' if kind else shown)


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, none: str) -> str:
    """A table that scrolls sideways on a narrow screen; the sentence `none` where there is no row."""
    body = "".join(_row(columns, row) for row in rows)
    if not body:
        return f'<p class="none">{escape(none)}</p>'
    head = "".join(
        f'<th scope="col"{" class=n" if column.is_figure else ""}>{escape(column.name)}</th>'
        for column in columns
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def card(name: str, value: object, note: object = "", *, is_lead: bool = False) -> str:
    """One headline figure with its name above and a note below."""
    below = f'<div class="note">{text(note)}</div>' if note else ""
    kind = "card lead" if is_lead else "card"
    headline = f'<div class="name">{text(name)}</div><div class="value">{text(value)}</div>'
    return f'<div class="{kind}">{headline}{below}</div>'


def panel(title: str, body: str, *, note: object = "", is_wide: bool = False) -> str:
    """A framed block with a title and, below it, one line that says how to read it."""
    below = f"<p>{text(note)}</p>" if note else ""
    kind = "panel wide" if is_wide else "panel"
    return f'<section class="{kind}"><h3>{text(title)}</h3>{body}{below}</section>'


def legend(*entries: tuple[str, str, str]) -> str:
    """Names of what a chart shows: (name, colour, kind), kind one of line, dash, dot, ring, box."""
    names = "".join(
        f'<span class="{kind}" style="--key:var(--{colour})">{escape(name)}</span>'
        for name, colour, kind in entries
    )
    return f'<div class="legend">{names}</div>'


def bars(rows: Sequence[tuple[str, str, int, str]]) -> str:
    """Horizontal bars: (name, small print, count, colour); empty without rows."""
    longest = max((count for _, _, count, _ in rows), default=0)
    cells = "".join(
        f'<div class="label">{escape(name)}<small>{escape(small)}</small></div>'
        f'<div class="track"><div class="fill" style="width:{100 * count / longest:.1f}%;'
        f'--key:var(--{colour})"></div></div><div class="count">{count}</div>'
        for name, small, count, colour in rows
    )
    return f'<div class="bars">{cells}</div>' if cells else ""


def _row(columns: Sequence[Column], row: Sequence[object]) -> str:
    return f"<tr>{''.join(_cell(column, value) for column, value in zip(columns, row, strict=True))}</tr>"


def _cell(column: Column, value: object) -> str:
    kind = " class=n" if column.is_figure else " class=long" if column.is_long else ""
    return f"<td{kind}>{text(value)}</td>"
