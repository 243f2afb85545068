"""`volguard journal`: show, orders, verify, replay, parity, export."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volguard.cli.options import (
    JournalOption,
    JsonOption,
    RootOption,
    journal_of,
    print_json,
    print_table,
    say,
)
from volguard.model.errors import UsageError

DAMAGED = 9

app = typer.Typer(
    help="The journal: every input, decision and order, in a chain of hashes.", no_args_is_help=True
)


class ExportFormat(StrEnum):
    """What a journal can be exported as."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    CSV = "csv"


@app.command("show")
def show(
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only rows of this kind, e.g. DecisionMade; may be repeated."),
    ] = None,
    after: Annotated[int, typer.Option("--after", help="Only rows after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", help="At most so many rows; 0: all.")] = 50,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print rows. Example: volguard journal show --kind OrderFilled --limit 0"""
    from volguard.adapters.journal_reader import JournalReader

    path = journal_of(root, journal)
    with JournalReader.open(path) as reader:
        rows = list(reader.rows(after, tuple(kind) if kind else None, limit or None))
    if as_json:
        body = [
            {"seq": r.seq, "ts": r.ts_ist.isoformat(), "kind": r.kind, "body": json.loads(r.body)}
            for r in rows
        ]
        print_json({"schema": "volguard.journal_rows/1", "journal": str(path), "rows": body})
        return
    for row in rows:
        sys.stdout.write(f"{row.seq:>7} {row.ts_ist:%H:%M:%S} {row.kind:<15} {row.body}\n")


@app.command("orders")
def orders(journal: JournalOption = None, as_json: JsonOption = False, root: RootOption = None) -> None:
    """Execution quality: each order's mid when decided, fill, slippage, time; then a summary per urgency.

    Slippage is signed rupees before charges: + was paid against us. A mid that nobody quoted is n/a.
    Example: volguard journal orders --json
    """
    from volguard.adapters.journal_reader import JournalReader
    from volguard.adapters.sent_orders import sent_orders
    from volguard.report.quality_json import orders_document
    from volguard.report.quality_tables import orders_table

    path = journal_of(root, journal)
    with JournalReader.open(path) as reader:
        document = orders_document(path, sent_orders(reader))
    if as_json:
        print_json(document)
    else:
        print_table(orders_table(document))


@app.command("verify")
def verify(
    anchor: Annotated[
        Path | None, typer.Option("--anchor", help="An anchor file kept elsewhere; else the journal's own.")
    ] = None,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Find any edit, gap or cut. Exit 9 when there is one. Example: volguard journal verify --json"""
    from volguard.adapters.journal_verify import verify as verify_journal

    path = journal_of(root, journal)
    found = verify_journal(path, anchor)
    if as_json:
        print_json(
            {
                "schema": "volguard.journal_verify/1",
                "ok": found.ok,
                "journal": str(path),
                "rows": found.rows,
                "head_hash": found.head_hash,
                "first_bad_seq": found.first_bad_seq,
                "reason": found.reason,
            }
        )
    else:
        verdict = "intact" if found.ok else f"DAMAGED at row {found.first_bad_seq}: {found.reason}"
        sys.stdout.write(f"{path}: {found.rows} rows, {verdict}\n")
    if not found.ok:
        raise typer.Exit(DAMAGED)


@app.command("replay")
def replay(
    force: Annotated[
        bool, typer.Option("--force", help="Compare although the code version or platform differs.")
    ] = False,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Run every step again and prove it identical; exit 9 if not. Example: volguard journal replay --json"""
    from volguard.operations.replay_journal import replay_journal

    path = journal_of(root, journal)
    result = replay_journal(path, force=force)
    if as_json:
        print_json(
            {
                "schema": "volguard.journal_replay/1",
                "journal": str(path),
                "decisions": result.decisions,
                "checkpoints": result.checkpoints,
                "rows": result.rows,
                "identical": result.identical,
                "comparable": result.comparable,
                "first_difference": result.first_difference,
                "reason": result.reason,
            }
        )
    else:
        verdict = "identical" if result.identical else f"NOT identical: {result.reason}"
        sys.stdout.write(
            f"{path}: {result.decisions} decisions, {result.checkpoints} checkpoints, {verdict}\n"
        )
    if not result.identical:
        raise typer.Exit(DAMAGED)


@app.command("parity")
def parity(journal: JournalOption = None, as_json: JsonOption = False, root: RootOption = None) -> None:
    """Hold a day as journaled against itself replayed and run again; every rupee between them by cause.

    Run again: a SHADOW session over the recorded market with the journal's settings, filled on paper.
    Exit 9 when the replay comes to other decisions or rupees; a run may well, and says why.
    Example: volguard journal parity --json
    """
    from volguard.operations.parity import is_replayed_alike, parity_document
    from volguard.report.parity_tables import parity_table

    document = parity_document(journal_of(root, journal), say)
    if as_json:
        print_json(document)
    else:
        print_table(parity_table(document))
    if not is_replayed_alike(document):
        raise typer.Exit(DAMAGED)


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="parquet: the recorded market; jsonl, csv: every row."),
    ] = ExportFormat.PARQUET,
    journal: JournalOption = None,
    root: RootOption = None,
) -> None:
    """Write the market or the rows to a file. Example: volguard journal export day.parquet"""
    from volguard.adapters import journal_export

    writers = {
        ExportFormat.PARQUET: journal_export.export_parquet,
        ExportFormat.JSONL: journal_export.export_jsonl,
        ExportFormat.CSV: journal_export.export_csv,
    }
    path = journal_of(root, journal)
    try:
        count = writers[form](path, out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error
    say(f"wrote {count} rows of {path} to {out}")
