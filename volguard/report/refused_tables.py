"""What refusing cost or saved, for a person: one line, tables for a terminal, tables for the day's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import amount_text
from volguard.report.elements import Column, inr, table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

REASONS_SHOWN: Final = 4  # on the summary's line
RULE: Final = (
    "Of each look the best structure refused, once a day for each reason; in at the touch of that look, out "
    "at the touch of the last good one, charges taken off, no exit rule applied. Held: as many as one book "
    "could have held together, the first of each bucket, expiry and structure. Alone: as if no other were."
)


def verdict(net_inr: str | None) -> str:
    """A paper result told of the refusal: a loss not made was saved."""
    if net_inr is None:
        return "no refusal has a result on paper"
    net = Decimal(net_inr)
    if net == 0:
        return "refusing changed nothing"
    return f"refusing {'saved' if net < 0 else 'cost'} {amount_text(f'{abs(net):.2f}')} INR"


def refused_line(section: Mapping[str, Any]) -> str:
    """The summary's line: the verdict, what it is made of, and where no candidate was made."""
    rows = sorted(section["by_reason"], key=lambda row: (-row["structures"], row["reason"]))
    waits = sum(row["waits"] for row in section["no_candidate_was_made"])
    unmade = f"waits where no candidate was made: {waits}"
    if not rows:
        return f"no structure was refused; {unmade}"
    count = sum(row["structures"] for row in rows)
    reasons = ", ".join(f"{row['reason']} {row['structures']}" for row in rows[:REASONS_SHOWN])
    missing = sum(row["not_available"] for row in rows)
    absent = f", {missing} not available" if missing else ""
    held = f"{section['held']} of {count} structures held on paper"
    return f"{verdict(section['net_inr'])}: {held}{absent} ({reasons}); {unmade}"


def refused_tables(document: Mapping[str, Any]) -> RenderableType:
    """A `volguard.refused/1` document: a line a session, then the reasons of all that count."""
    from rich.console import Group
    from rich.text import Text

    sessions = document["sessions"]
    if not sessions:
        return Text("no journal was found: a session makes one")
    counted = f"sessions counted {document['counted']}, structures held on paper {document['held']}"
    said = f"{verdict(document['net_inr'])}; {counted}"
    parts: list[RenderableType] = [_sessions(sessions), Text("")]
    if document["by_reason"]:
        parts += [_reasons(document["by_reason"]), Text("")]
    waits = _waits(sessions)
    if waits:
        parts += [Text(f"no candidate was made: {waits}"), Text("")]
    return Group(*parts, Text(said), Text(RULE, style="dim"))


def reasons_table(section: Mapping[str, Any]) -> str:
    """Of the day's page: what each reason of refusal kept away."""
    columns = (
        Column(name="Reason"), Column(name="Structures", is_figure=True),
        Column(name="Not available", is_figure=True), Column(name="Each alone, INR", is_figure=True),
        Column(name="Held", is_figure=True), Column(name="Held, INR", is_figure=True),
    )  # fmt: skip
    rows = [
        (
            row["reason"], row["structures"], row["not_available"], inr(row["net_inr"], is_signed=True),
            row["held"], inr(row["held_net_inr"], is_signed=True),
        )
        for row in section["by_reason"]
    ]  # fmt: skip
    return table(columns, rows, none="No structure was refused.")


def structures_table(section: Mapping[str, Any]) -> str:
    """Each structure refused, as it would have gone."""
    columns = (
        Column(name="Refused at"), Column(name="Bucket"), Column(name="Structure"), Column(name="Expiry"),
        Column(name="Strikes"), Column(name="Lots", is_figure=True), Column(name="Reason"),
        Column(name="Gross", is_figure=True), Column(name="Charges", is_figure=True),
        Column(name="Net INR", is_figure=True), Column(name="Held"), Column(name="Why not", is_long=True),
    )  # fmt: skip
    rows = [
        (
            _clock(one["ts"]), one["bucket"].lower(), one["structure"].replace("_", " ").lower(),
            one["expiry"], "/".join(str(strike) for strike in one["strikes"]), one["lots"], one["reason"],
            inr(one["gross_inr"], is_signed=True), inr(one["charges_inr"]),
            inr(one["net_inr"], is_signed=True), "yes" if one["is_held"] else "", one["missing"],
        )
        for one in section["structures"]
    ]  # fmt: skip
    return table(columns, rows, none="No structure was refused.")


def waits_table(section: Mapping[str, Any]) -> str:
    """Waits that ended before any structure was looked at."""
    columns = (
        Column(name="Bucket"),
        Column(name="No candidate was made"),
        Column(name="Waits", is_figure=True),
    )
    rows = [(row["bucket"].lower(), row["reason"], row["waits"]) for row in section["no_candidate_was_made"]]
    return table(columns, rows, none="A candidate was made on every look.")


def _sessions(sessions: Sequence[Mapping[str, Any]]) -> Table:
    shown = _table(("session", "day", "phase"), ("structures", "not available", "held", "held INR"), "")
    for one in sessions:
        section = one["refused"]
        name = one["session_id"] or one["journal"]
        if section is None:
            shown.add_row(name, one["trading_date"], one["phase"], "", "", "", "", one["left_out"])
            continue
        rows = section["by_reason"]
        shown.add_row(
            name,
            one["trading_date"],
            one["phase"],
            str(sum(row["structures"] for row in rows)),
            str(sum(row["not_available"] for row in rows)),
            str(section["held"]),
            amount_text(section["net_inr"], is_signed=True),
            "",
        )
    return shown


def _reasons(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = _table(("reason",), ("structures", "not available", "each alone INR", "held", "held INR"))
    for row in rows:
        shown.add_row(
            row["reason"],
            str(row["structures"]),
            str(row["not_available"]),
            amount_text(row["net_inr"], is_signed=True),
            str(row["held"]),
            amount_text(row["held_net_inr"], is_signed=True),
        )
    return shown


def _waits(sessions: Sequence[Mapping[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for one in sessions:
        for row in (one["refused"] or {"no_candidate_was_made": ()})["no_candidate_was_made"]:
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["waits"]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count}" for reason, count in ordered)


def _table(words: Sequence[str], figures: Sequence[str], *last: str) -> Table:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for name in words:
        shown.add_column(name, overflow="fold")
    for name in figures:
        shown.add_column(name, justify="right")
    for name in last:
        shown.add_column(name, overflow="fold")
    return shown


def _clock(ts: str) -> str:
    return f"{datetime.fromisoformat(ts):%H:%M:%S}"
