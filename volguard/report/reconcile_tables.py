"""A comparison of the books as tables and as CSV, from a `volguard.reconcile/1` document."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

COLUMNS: Final = ("kind", "subject", "ours", "theirs", "reason")
CSV_COLUMNS: Final = ("at", "state", *COLUMNS)
LASTING: Final = "lasting"
MOVING: Final = "moving"
AGREES: Final = "agrees"
DIFFERS: Final = "differs"
UNKNOWN: Final = "not available"


def reconcile_table(document: Mapping[str, Any]) -> RenderableType:
    """One line when all agrees; else what lasts, what was in motion, the day's figures, the verdict last."""
    from rich.console import Group

    parts: list[RenderableType] = []
    for title, rows in ((LASTING, document["differences"]), (MOVING, document["moving"])):
        if rows:
            parts += [_differences(title, rows), _text("")]
    figures = _figures(document)
    if any(figure["verdict"] != AGREES for figure in figures):
        parts += [_figure_table(figures), _text("")]
    if document["adoption"] is not None:
        parts.append(_text(_adoption(document["adoption"])))
    parts += [_text(note) for note in (*document["notes"], *_expired(document))]
    return Group(*parts, _text(verdict_line(document)))


def verdict_line(document: Mapping[str, Any]) -> str:
    """The outcome in one line."""
    where = f"{document['account']} at {document['at'][:10]} {document['at'][11:19]}"
    lasting, moving = len(document["differences"]), len(document["moving"])
    in_motion = f"; {_count(moving, 'more')} in motion" if moving and lasting else ""
    if lasting:
        return f"MISMATCH: {where}: {_count(lasting, 'difference')}{in_motion}"
    was = f"; {_count(moving, 'difference')} in motion, none lasts" if moving else ""
    return f"agrees: {where}: {_compared(document)}{_day_words(document)}{was}"


def reconcile_csv(document: Mapping[str, Any]) -> bytes:
    """Every difference, then the day's figures that do not differ, as CSV with a head (UTF-8)."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for state, row in _csv_rows(document):
        writer.writerow([document["at"], state, *(row[name] for name in COLUMNS)])
    return sink.getvalue().encode()


def _csv_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from ((LASTING, row) for row in document["differences"])
    yield from ((MOVING, row) for row in document["moving"])
    for figure in _figures(document):
        if figure["verdict"] != DIFFERS:
            ours, theirs = figure["ours_inr"] or UNKNOWN, figure["theirs_inr"] or UNKNOWN
            row = {"kind": figure["what"], "subject": figure["subject"], "ours": ours, "theirs": theirs}
            yield figure["verdict"], {**row, "reason": figure["reason"]}


def _differences(title: str, rows: Sequence[Mapping[str, str]]) -> Table:
    table = _table(title, *COLUMNS[1:])
    for row in rows:
        table.add_row(*(_text(row[name]) for name in COLUMNS))
    return table


def _figure_table(figures: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("end of day", "of", "ours", "theirs", "", "reason")
    for figure in figures:
        table.add_row(
            figure["what"],
            _text(figure["subject"]),
            figure["ours_inr"] or UNKNOWN,
            figure["theirs_inr"] or UNKNOWN,
            figure["verdict"].replace("_", " "),
            _text(f"{figure['reason']} (within {figure['tolerance_inr']})"),
        )
    return table


def _figures(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    end = document["end_of_day"]
    figures: Sequence[Mapping[str, Any]] = end["figures"] if end is not None else ()
    return figures


def _expired(document: Mapping[str, Any]) -> tuple[str, ...]:
    expired = document["expired"]
    return (f"expired, not compared: {', '.join(expired)}",) if expired else ()


def _adoption(adoption: Mapping[str, Any]) -> str:
    names = ", ".join(f"{one['quantity']:+d} {one['contract']}" for one in adoption["positions"])
    answer = adoption["answer"] or "not asked"
    return f"to adopt: {names}; the session: {answer}" if names else "nothing to adopt"


def _compared(document: Mapping[str, Any]) -> str:
    counts, journal = document["compared"], document["journal"]
    parts = (
        _count(counts["positions"], "position"),
        _count(counts["orders"], "order"),
        _count(counts["trades"], "execution"),
    )
    return f"{', '.join(parts)}, journal to row {journal['seq']}"


def _day_words(document: Mapping[str, Any]) -> str:
    if document["end_of_day"] is None:
        return ""
    missing = sum(figure["verdict"] != AGREES for figure in _figures(document))
    return f"; end of day, {_count(missing, 'figure')} not available" if missing else "; end of day"


def _count(number: int | None, name: str) -> str:
    if number is None:
        return f"{name}s not read"
    plural = "" if number == 1 or name == "more" else "s"
    return f"{number} {name}{plural}"


# As it is: brackets in it are no markup.
def _text(content: str) -> Text:
    from rich.text import Text

    return Text(content)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
