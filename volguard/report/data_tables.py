"""Rich tables of the data commands' documents: what lies there, what came, what disagrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import ABSENT, number_text, percent_text

if TYPE_CHECKING:
    from rich.console import OverflowMethod, RenderableType
    from rich.table import Table

Document = Mapping[str, Any]
NAMED: Final = 8  # days and differences that are written out
DIGEST_SHOWN: Final = 12


def list_table(document: Document) -> RenderableType:
    """Every file of the manifest, with its state where it was verified."""
    from rich.console import Group

    table = _table("file", "kind", "instrument", "first", "last", "rows", "digest", "fetched", "state")
    for file in document["files"]:
        table.add_row(
            *_plain(file["path"], file["kind"], file["instrument"], file["first"][:10], file["last"][:10]),
            *_plain(file["rows"], file["digest"][:DIGEST_SHOWN], file["fetched_at"][:16].replace("T", " ")),
            *_plain(file["state"] or ""),
        )
    count = len(document["files"])
    line = f"{count} files in {document['folder']}"
    if document["verified"]:
        line += f", {document['differing']} not as they were written"
    return Group(table, *_plain(line))


def instruments_table(document: Document) -> RenderableType:
    """What the instrument file lists, and each difference from the dated rules on a line."""
    from rich.console import Group

    table = _table("underlying", "options", "expiries", "nearest", "furthest", "dated rules")
    lines = []
    for one in document["underlyings"]:
        differences = one["differences"]
        table.add_row(
            *_plain(one["underlying"], one["options"], len(one["expiries"])),
            *_plain(one["expiries"][0], one["expiries"][-1]),
            *_plain("agree" if not differences else f"{len(differences)} differences"),
        )
        lines += [f"{one['underlying']}: {text}" for text in differences]
    lines += [f"{name}: nothing of it in the file" for name in document["absent"]]
    what = "fetched to" if document["fetched"] else "there already:"
    return Group(*_plain(f"{what} {document['path']}"), table, *_plain(*lines))


def history_table(document: Document) -> RenderableType:
    """A line per series, and under them what a person should look at."""
    from rich.console import Group

    table = _table("series", "from", "to", "bars", "added", "same", "replaced", "conflicts", "gaps")
    lines = []
    for one in document["series"]:
        table.add_row(
            *_plain(f"{one['instrument']} {one['interval']}", one["first"], one["last"], one["bars"]),
            *_plain(one["added"], one["same"], one["replaced"], len(one["conflicts"]), len(one["gaps"])),
        )
        lines += list(_history_lines(one))
    if document["interrupted"]:
        lines.append("interrupted: the same command goes on from here")
    return Group(table, *_plain(*lines))


def bhavcopy_table(document: Document) -> RenderableType:
    """Totals, the years as they stand now, and every file of which something was not used."""
    from rich.console import Group

    table = _table("underlying", "file", "first", "last", "days", "rows")
    for year in document["years"]:
        table.add_row(
            *_plain(*(year[name] for name in ("underlying", "path", "first", "last", "days", "rows")))
        )
    totals = document["totals"]
    days = ("added", "there", "enriched", "replaced", "conflict")
    counts = ", ".join(f"{totals[f'days_{name}']} {name}" for name in days if totals[f"days_{name}"])
    lines = [f"{totals['files']} files, {totals['refused']} refused; days: {counts or 'none'}"]
    for file in document["files"]:
        lines += [f"{file['path']}: {fault}" for fault in file["faults"]]
        lines += [
            f"{file['path']}: {name} {file['trade_date']} {day['fate']}: {day['reason']}"
            for name, day in file["days"].items()
            if day["reason"]
        ]
    if document["interrupted"]:
        lines.append("interrupted: the same command goes on from here")
    return Group(table, *_plain(*lines))


def current_chain_table(document: Document, strikes: int) -> Table:
    """The strikes around the level (0: all of them): calls left, puts right."""
    spot = document["spot"]
    table = _table("call IV", "OI", "bid", "ask", "strike", "bid", "ask", "OI", "put IV")
    table.title = (
        f"{document['underlying']} {document['expiry']}  level {number_text(spot)}  "
        f"received {document['received_at'][11:19]}"
    )
    table.title_justify = "left"
    for row in _around(document["strikes"], spot, strikes):
        call, put = _option(row["call"]), _option(row["put"])
        table.add_row(*_plain(*call, row["strike"], put[2], put[3], put[1], put[0]))
    return table


def record_table(document: Document) -> RenderableType:
    """What was recorded, and where it is."""
    from rich.console import Group

    file = document["file"]
    lines = [
        f"{document['underlying']} {document['date']} from {document['source']}: "
        f"{document['snapshots_taken']} snapshots taken",
        *(f"{count} left out: {reason}" for reason, count in document["refused"].items()),
    ]
    if document["link_losses"]:
        lines.append(f"a tie to the broker broke {document['link_losses']} times")
    if file is not None:
        lines += _file_lines(file)
    if document["interrupted"]:
        lines.append("interrupted: the same command goes on from here")
    return Group(*_plain(*lines))


def merge_table(document: Document) -> RenderableType:
    """The files that were made of parts, and what was left."""
    from rich.console import Group

    lines = [line for file in document["files"] for line in _file_lines(file)]
    return Group(
        *_plain(*lines, *(f"left: {text}" for text in document["left"])) or _plain("nothing to merge")
    )


def _file_lines(file: Document) -> list[str]:
    return [
        f"{file['path']}: {file['snapshots']} snapshots, {file['rows']} rows, "
        f"{file['first'][11:19]} to {file['last'][11:19]}",
        *(f"damaged and not in it: {part}" for part in file["damaged_parts"]),
    ]


def _history_lines(one: Document) -> Iterable[str]:
    name = one["instrument"]
    for what, days in (
        ("trading days without a bar", one["gaps"]),
        ("days with far fewer bars than usual", one["short_days"]),
        ("days with bars and without a session", one["off_days"]),
    ):
        if days:
            yield f"{name}: {what}: {_named(days)}"
    if one["begins"] is not None and one["begins"] > one["first"]:
        yield f"{name}: begins on {one['begins']}: the broker has nothing before, or it was not traded"
    if one["conflicts"]:
        told = [f"{conflict['start']} {conflict['text']}" for conflict in one["conflicts"]]
        yield f"{name}: kept against what came now: {_named(told)}"
    if one["checked_from"] != one["first"]:
        known = one["checked_from"]
        yield (
            f"{name}: the calendar knows the days from {known} on"
            if known
            else (f"{name}: the calendar knows none of the days: gaps were not looked for")
        )


def _named(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more


def _around(rows: Sequence[Document], spot: float | None, strikes: int) -> Sequence[Document]:
    if strikes == 0 or spot is None:
        return rows
    nearest = min(range(len(rows)), key=lambda place: abs(rows[place]["strike"] - spot))
    return rows[max(0, nearest - strikes) : nearest + strikes + 1]


def _option(side: Document | None) -> tuple[str, str, str, str]:
    if side is None:
        return ABSENT, ABSENT, ABSENT, ABSENT
    return (
        percent_text(side["iv"], 2),
        f"{side['oi']:,}",
        number_text(side["bid"]),
        number_text(side["ask"]),
    )


def _table(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        overflow: OverflowMethod = "fold" if name == "file" else "ellipsis"
        table.add_column(name, justify="left" if name in _WORDS else "right", overflow=overflow)
    return table


_WORDS: Final = frozenset({"file", "kind", "instrument", "series", "underlying", "state", "dated rules"})


# What files and brokers wrote is never read as markup.
def _plain(*cells: object) -> list[Any]:
    from rich.text import Text

    return [Text(str(cell)) for cell in cells]
