"""`volguard reconcile`: our book against the broker's, for the operator and for cron."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.options import (
    BaseUrlOption,
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
    say,
    settings_of,
    with_base_url,
)
from volguard.model.errors import ReconcileMismatch, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from volguard.operations.reconcile_adopt import Orphan


def reconcile(
    end_of_day: Annotated[
        bool | None,
        typer.Option(
            "--end-of-day/--no-end-of-day",
            help="Prices, charges and cash of the day too.",
            show_default="once the session is over",
        ),
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Let the running session manage positions that are not ours.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Adopt without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --adopt: show what would be adopted, ask nobody.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the differences to this file too.", show_default=False)
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="A journal file; else the account's own.", show_default=False),
    ] = None,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Compare our book with the broker's: positions, orders, executions; twice where they differ.

    Reads only, beside a running session too. One line when all agrees. Exit 0 agrees, 7 they differ,
    4 not logged in, 75 the broker is away, or did not give a figure that --end-of-day asked for.

    \b
    Examples:
      volguard reconcile
      volguard reconcile --end-of-day --csv day.csv
      volguard reconcile --adopt
    \b
    In a crontab, every ten minutes of the session, with a word only when something is wrong:
      */10 9-15 * * 1-5  cd ~/desk && volguard reconcile >book.txt 2>&1 || cat book.txt
    """
    _check(adopt=adopt, yes=yes, dry_run=dry_run)
    from volguard.operations.reconcile_adopt import reconcile_and_adopt
    from volguard.operations.reconcile_now import reconcile_document, reconcile_now, require_figures
    from volguard.operations.reconcile_open import journal_path, reconcile_desk

    found = root_of(root)
    settings = settings_of(found, with_base_url(overrides, base_url), preset).settings
    with reconcile_desk(settings, found, journal) as desk:
        if adopt:
            path = journal_path(settings, found, journal)
            permits = _permit(yes=yes, dry_run=dry_run)
            document = reconcile_and_adopt(desk, path, end_of_day=end_of_day, permits=permits)
        else:
            document = reconcile_document(desk, reconcile_now(desk, end_of_day=end_of_day))
    _finish(document, csv, as_json=as_json)
    if end_of_day:
        require_figures(document)


def _check(*, adopt: bool, yes: bool, dry_run: bool) -> None:
    if not adopt and (yes or dry_run):
        raise UsageError("--yes and --dry-run are of --adopt alone", hint="add --adopt, or leave them out")
    if adopt and not (yes or dry_run or sys.stdin.isatty()):
        raise UsageError(
            "--adopt asks first, and there is no terminal to ask at",
            hint="look at what would be adopted with --adopt --dry-run, then give --yes",
        )


def _permit(*, yes: bool, dry_run: bool) -> Callable[[tuple[Orphan, ...]], bool]:
    def permits(orphans: tuple[Orphan, ...]) -> bool:
        if dry_run or yes:
            return not dry_run
        for one in orphans:
            say(f"  {one.quantity:+d} {one.symbol}")
        if not typer.confirm("Let the running session manage these?", err=True):
            raise UsageError("declined: nothing was adopted")
        return True

    return permits


def _finish(document: dict[str, Any], csv: Path | None, *, as_json: bool) -> None:
    from volguard.report.reconcile_tables import reconcile_csv, reconcile_table

    if csv is not None:
        from volguard.adapters.whole_file import write_whole

        write_whole(csv, reconcile_csv(document))
    if as_json:
        print_json(document)
    else:
        print_table(reconcile_table(document))
    if not document["agrees"]:
        raise typer.Exit(ReconcileMismatch.exit_code)
