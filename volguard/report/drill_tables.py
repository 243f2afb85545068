"""Rich tables of a rehearsal: what was told, what was looked at, what was done, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text


def drill_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.drill/1` document; the verdict comes last."""
    from rich.console import Group

    parts: list[RenderableType] = []
    if document["sessions"]:
        parts += [_faults(document), "", _invariants(document), "", _actions(document), ""]
        parts += [*_changes(document), ""]
    parts += [_checks(document), "", *_failures(document), _verdict(document)]
    return Group(*parts)


def _faults(document: Mapping[str, Any]) -> Table:
    table = _table("fault", "told", "sessions", "failed sessions")
    for row in document["faults"]:
        told = f"{row['told']:,}" if row["told"] else "not met"
        table.add_row(_words(row["name"]), told, str(row["sessions"]), _count(row["failed_sessions"]))
    return table


def _invariants(document: Mapping[str, Any]) -> Table:
    table = _table("what must be true", "looked at", "broken")
    for row in document["invariants"]:
        looked = f"{row['checked']:,}" if row["checked"] else "never"
        table.add_row(_text(row["text"]), looked, _count(row["broken"]))
    return table


def _actions(document: Mapping[str, Any]) -> Table:
    table = _table("what was done for safety", "times")
    for row in document["actions"]:
        table.add_row(_text(row["text"]), f"{row['seen']:,}" if row["seen"] else "never")
    return table


def _changes(document: Mapping[str, Any]) -> Iterable[Text]:
    yield _text("changed for the exercise, all else is your configuration:")
    for row in document["changed_settings"]:
        yield _text(f"  {row['setting']}: {row['why']}")


def _checks(document: Mapping[str, Any]) -> Table:
    table = _table("check", "", "what was found")
    for row in document["checks"]:
        lines = [row["reason"], *([f"mend: {row['mend']}"] if row["mend"] else ())]
        table.add_row(row["id"], _passed(row["passed"]), _text("\n".join(lines)))
    return table


def _failures(document: Mapping[str, Any]) -> Iterable[Text]:
    for row in document["failures"]:
        yield _text(f"seed {row['seed']}, {row['count']} times: {row['replay']}")
        for violation in row["violations"]:
            yield _text(f"  {violation}")
    for row in document["shrunk"]:
        size = f"{len(row['lies'])} of {row['told_at_first']} lies are enough"
        how = "none of them can be left out" if row["is_smallest"] else f"after {row['runs']} tries"
        yield _text(f"seed {row['seed']}: {size}, {how}: {row['violation']}")
        for lie in row["lies"]:
            yield _text(
                f"  {lie['at'][11:19]} {_words(lie['name'])}, occasion {lie['occasion']}: {lie['where']}"
            )


def _verdict(document: Mapping[str, Any]) -> Text:
    sessions = (
        f"{document['sessions']} sessions, {document['orders']:,} orders, {document['trades']:,} executions"
    )
    sessions += (
        f", {document['crashes']} crashes; a short stood alone for at most {document['naked_s_max']:.0f} s"
    )
    if document["ok"]:
        return _text(f"PASSED: {sessions}", "bold green")
    failed = ", ".join(row["id"] for row in document["checks"] if not row["passed"])
    return _text(
        f"FAILED ({failed}): {sessions if document['sessions'] else 'no session was played'}", "bold red"
    )


def _count(broken: int) -> Text:
    return _text(str(broken), "bold red" if broken else "dim")


def _passed(is_passed: bool) -> Text:
    return _text("pass", "green") if is_passed else _text("fail", "bold red")


def _words(name: str) -> str:
    return name.replace("_", " ")


# As it is: a reason may hold brackets, which are no markup.
def _text(content: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(content, style=style)


def _table(first: str, *others: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for name in others:
        is_figure = name not in ("", "what was found")
        table.add_column(name, justify="right" if is_figure else "left", overflow="fold")
    return table
