"""Rich tables of a validation and of its self-test, from the documents of `volguard validate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

STYLES: Final = {"pass": "green", "warn": "yellow", "fail": "bold red", "skipped": "dim"}
CONNECTED: Final = "CONNECTIVITY VERIFIED"


def validate_table(document: Mapping[str, Any], *, all_evidence: bool) -> RenderableType:
    """A `volguard.validate/1` document: a row per check, what to mend, the verdict last.

    Figures are shown of rows that did not pass; of all of them with `all_evidence`.
    """
    from rich.console import Group

    table = _table("check", "", "what was found")
    for row in document["rows"]:
        is_shown = all_evidence or row["verdict"] in ("fail", "warn")
        lines = [row["reason"], *(evidence_lines(row) if is_shown else ())]
        table.add_row(row["id"], _word(row["verdict"]), _text("\n".join(lines)))
    return Group(_text(_head(document)), "", table, *_mends(document), "", *_summary(document))


def evidence_lines(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The figures of one row, each beside its limit."""
    return tuple(
        f"  {one['name']}: {one['seen']}" + (f" (limit {one['limit']})" if one["limit"] else "")
        for one in row["evidence"]
    )


def self_test_table(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.validate_self_test/1` document: how each check was broken, and what it said."""
    from rich.console import Group

    table = _table("check", "sound", "broken on purpose", "", "what it said")
    for row in document["rows"]:
        table.add_row(
            row["id"],
            _word(row["sound"]["verdict"]) if row["sound"] else _text("-"),
            _text(row["broken_how"]),
            _word(row["broken"]["verdict"]) if row["broken"] else _text("-"),
            _text(row["broken"]["reason"] if row["broken"] else "-"),
        )
    faults = [_text(f"{row['id']}: {row['fault']}") for row in document["rows"] if row["fault"]]
    counted = f"{document['checks']} checks broken in {len(document['rows'])} ways"
    verdict = f"{counted}: every one can fail" if document["ok"] else f"SELF-TEST FAILED: {counted}"
    return Group(table, "", *faults, verdict)


def _head(document: Mapping[str, Any]) -> str:
    broker = document["broker"] or "no settings"
    look_alike = ", a look-alike" if document["rehearsal"] else ""
    network = f"live: {broker}{look_alike}" if document["live"] else "offline"
    phase = f", gates of {document['phase']}" if document["phase"] else ""
    return f"{document['root']} on {document['at'][:10]} at {document['at'][11:19]}, {network}{phase}"


def _mends(document: Mapping[str, Any]) -> tuple[RenderableType, ...]:
    rows = [row for row in document["rows"] if row["verdict"] in ("fail", "warn") and row["mend"]]
    if not rows:
        return ()
    table = _table("mend", "how")
    for row in rows:
        table.add_row(row["id"], _text(row["mend"]))
    return "", table


def _summary(document: Mapping[str, Any]) -> tuple[str, ...]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in document["counts"].items() if count)
    lines: tuple[str, ...] = (CONNECTED,) if document["connectivity_verified"] else ()
    given = document.get("promotion")
    if given:
        until = f", until {given['expires_at'][:10]}" if given["expires_at"] else ""
        lines = (
            *lines,
            f"{given['phase']} is given to account {given['account']} by {given['operator']}{until}: "
            f"{given['words']}",
            f"evidence {given['evidence_hash'][:16]} of {given['sessions']} sessions, {given['file']}",
        )
    return (*lines, f"{'no check failed' if document['ok'] else 'NOT READY'}: {counts}")


def _word(verdict: str) -> Text:
    from rich.text import Text

    return Text(verdict, style=STYLES[verdict])


# As it is: a reason may hold brackets, which are no markup.
def _text(content: str) -> Text:
    from rich.text import Text

    return Text(content)


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(name, no_wrap=place == 0, overflow="fold")
    return table
