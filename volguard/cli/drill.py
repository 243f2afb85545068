"""`volguard drill`: the rehearsal of everything that can go wrong, on the operator's own configuration."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
    say,
)
from volguard.model.errors import ConfigError, GateFailed

if TYPE_CHECKING:
    from datetime import datetime

    from volguard.config.roots import Root
    from volguard.operations.drill import DrillRequest


def drill(
    sessions: Annotated[
        int, typer.Option("--sessions", min=1, help="How many sessions, each of a seed of its own.")
    ] = 60,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first seed.")] = 0,
    shrink: Annotated[
        bool, typer.Option("--shrink", help="Cut a session that fails down to the lies that it takes.")
    ] = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Trade made-up days against a broker that lies, crashes and falls silent; every step is judged.

    No account, no network. Exit 3 when what must be true was not. Kept in journal/drill-<date>.json.
    Example: volguard drill --sessions 200
    """
    from volguard.adapters.clock import machine_time
    from volguard.operations.drill import DrillRequest, refused_document
    from volguard.operations.drill_checks import refused

    request = DrillRequest(
        sessions=sessions,
        seed=seed,
        is_shrinking=shrink,
        replay=_replay(overrides, preset, root),
    )
    found, at = root_of(root), machine_time()
    try:
        document = _played(found, tuple(overrides or ()), preset, request, at)
    except ConfigError as error:
        document = refused_document((refused(error),), at)
    _finish(document, found, at, as_json=as_json)


def _played(
    root: Root, overrides: tuple[str, ...], preset: str | None, request: DrillRequest, at: datetime
) -> dict[str, Any]:
    from volguard.cli.progress import progress_shown
    from volguard.operations.drill import check_configuration, drill_document, refused_document
    from volguard.operations.drill_days import DrillDays

    days = DrillDays(root, overrides, preset)
    checks = check_configuration(days.given.settings, root)
    if not all(check.is_passed for check in checks):
        return refused_document(checks, at)
    with progress_shown("drill") as tell:
        return drill_document(days, checks, request, at, tell)


def _finish(document: dict[str, Any], root: Root, at: datetime, *, as_json: bool) -> None:
    from volguard.operations.drill_record import keep_drill
    from volguard.report.drill_tables import drill_table

    if document["sessions"] and not root.is_packaged:
        say(f"kept in {keep_drill(root.resolve('journal'), document, at)}")
    if as_json:
        print_json(document)
    else:
        print_table(drill_table(document))
    if not document["ok"]:
        raise typer.Exit(GateFailed.exit_code)


# The one command that plays a seed again on the same configuration.
def _replay(overrides: list[str] | None, preset: str | None, root: Path | None) -> str:
    words = ["volguard", "drill"]
    for override in overrides or ():
        words += ["--set", override]
    if preset is not None:
        words += ["--preset", preset]
    if root is not None:
        words += ["--root", str(root)]
    return shlex.join(words)
