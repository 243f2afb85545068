"""`volguard validate`: every check that a session depends on, each a row with its figures and its mend."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
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
    with_base_url,
)
from volguard.model.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from volguard.operations.validate_context import ContextRequest


class GatedPhase(StrEnum):
    """Phases whose gates can be asked for."""

    SHADOW = "SHADOW"
    SEMI_AUTO = "SEMI_AUTO"
    FULL_AUTO = "FULL_AUTO"


def validate(
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this check, by its id; may be repeated.", show_default=False),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Look at the broker too; without it those rows are skipped.")
    ] = False,
    phase: Annotated[
        GatedPhase | None,
        typer.Option("--phase", help="Add the gates of a promotion to this phase.", show_default=False),
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Break each check on purpose and show that it can fail.")
    ] = False,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Check configuration, secrets, tables, files, clock, token and broker: pass, warn, fail or skipped.

    Exit 3 when a check failed. Example: volguard validate --live --phase SEMI_AUTO
    """
    if self_test:
        _refuse_with_self_test(only, live, phase, base_url, overrides, preset)
        _self_test(as_json=as_json)
        return
    from volguard.operations.validate_context import ContextRequest

    request = ContextRequest(
        root=root_of(root),
        overrides=tuple(with_base_url(overrides, base_url)),
        preset=preset,
        environ=os.environ,
        is_live=live,
        phase=phase.value if phase is not None else None,
    )
    _validate(request, tuple(only or ()), as_json=as_json)


def _validate(request: ContextRequest, only: tuple[str, ...], *, as_json: bool) -> None:
    from volguard.operations.validate import chosen, look, validate_document
    from volguard.operations.validate_context import opened
    from volguard.report.validate_tables import validate_table

    with opened(request) as context, _progress() as tell:
        checks = chosen(only, context.phase)
        rows = look(checks, context, lambda check: tell(check.title))
        document = validate_document(rows, context)
    _finish(document, lambda: validate_table(document, all_evidence=bool(only)), as_json=as_json)


def _self_test(*, as_json: bool) -> None:
    from volguard.operations.validate_self_test import self_test_document
    from volguard.report.validate_tables import self_test_table

    with _progress() as tell:
        document = self_test_document(tell)
    _finish(document, lambda: self_test_table(document), as_json=as_json)


def _finish(document: dict[str, Any], table: Callable[[], RenderableType], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(table())
    if not document["ok"]:
        raise typer.Exit(GateFailed.exit_code)


def _refuse_with_self_test(*others: object) -> None:
    if any(others):
        raise UsageError(
            "--self-test breaks checks of its own, in folders and on a look-alike of its own",
            hint="leave --only, --live, --phase, --base-url, --set and --preset out",
        )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    # One line of a terminal, rewritten for each check and gone at the end.
    if not sys.stderr.isatty():
        yield lambda _title: None
        return
    from rich.console import Console

    with Console(stderr=True).status("looking") as status:
        yield lambda title: status.update(f"looking at: {title}")
