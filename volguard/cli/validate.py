"""`volguard validate`: every check that a session depends on, each a row with its figures and its mend."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
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
    with_base_url,
)
from volguard.model.decision import Phase
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
    promote: Annotated[
        bool,
        typer.Option(
            "--promote", help="Record the phase when all of its gates are open; they alone are looked at."
        ),
    ] = False,
    operator: Annotated[
        str | None,
        typer.Option("--operator", help="Who promotes; asked for on a terminal.", show_default=False),
    ] = None,
    words: Annotated[
        str | None,
        typer.Option("--words", help="Why, in your words; asked for on a terminal.", show_default=False),
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

    Exit 3 when a check failed. Examples:

      volguard validate --live --phase SEMI_AUTO

      volguard validate --phase SEMI_AUTO --promote
    """
    if self_test:
        _refuse_with_self_test(only, live, phase, base_url, overrides, preset, promote)
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
    said = {"--operator": operator, "--words": words}
    if promote:
        _check_promote(only, said)
        _promote(request, said, as_json=as_json)
        return
    if operator is not None or words is not None:
        raise UsageError("--operator and --words belong to --promote", hint="add --promote")
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


def show_progress(
    phase: Phase, *, root: Path | None, overrides: Sequence[str], preset: str | None, as_json: bool
) -> None:
    """Print the gates of a phase as far as evidence goes; nothing is run, a shut gate is no error."""
    from volguard.operations.validate import GATES, chosen, look, validate_document
    from volguard.operations.validate_context import ContextRequest, opened
    from volguard.report.validate_tables import validate_table

    request = ContextRequest(
        root=root_of(root),
        overrides=tuple(overrides),
        preset=preset,
        environ=os.environ,
        is_live=False,
        phase=phase.value,
    )
    with opened(request) as context, _progress() as tell:
        gates = chosen(tuple(gate.id for gate in GATES), context.phase)
        document = validate_document(look(gates, context, lambda gate: tell(gate.title)), context)
    _print(document, lambda: validate_table(document, all_evidence=True), as_json=as_json)


def _check_promote(only: list[str] | None, said: Mapping[str, str | None]) -> None:
    if only:
        raise UsageError("--promote looks at every gate", hint="leave --only out")
    missing = [flag for flag, text in said.items() if text is None]
    if missing and not somebody_is_there():
        raise UsageError(f"--promote needs {' and '.join(missing)}: nobody can be asked, this is no terminal")


def somebody_is_there() -> bool:
    """Whether a question would reach a person."""
    return sys.stdin.isatty()


def _promote(request: ContextRequest, said: Mapping[str, str | None], *, as_json: bool) -> None:
    from volguard.operations import promotion
    from volguard.operations.validate import GATES, look, validate_document
    from volguard.operations.validate_context import opened
    from volguard.report.validate_tables import validate_table

    with opened(request) as context:
        phase = promotion.check_promotable(context)
        with _progress() as tell:
            rows = look(GATES, context, lambda gate: tell(gate.title))
        if promotion.shut_gates(rows):
            document = validate_document(rows, context)
            _print(document, lambda: validate_table(document, all_evidence=False), as_json=as_json)
            promotion.check_gates(phase, rows)
        path, record = promotion.promote(context, rows, **_words_of(phase.value, said))
        rows = promotion.with_governance(context, rows)
        document = validate_document(rows, context)
    document |= {"promotion": promotion.promotion_document(path, record)}
    _finish(document, lambda: validate_table(document, all_evidence=True), as_json=as_json)


def _words_of(phase: str, said: Mapping[str, str | None]) -> dict[str, str]:
    asks = {"--operator": "your name", "--words": f"why {phase}, in your words"}
    return {flag.removeprefix("--"): _answer(said[flag], asked) for flag, asked in asks.items()}


def _answer(given: str | None, asked: str) -> str:
    return given if given is not None else str(typer.prompt(asked, err=True))


def _self_test(*, as_json: bool) -> None:
    from volguard.operations.validate_self_test import self_test_document
    from volguard.report.validate_tables import self_test_table

    with _progress() as tell:
        document = self_test_document(tell)
    _finish(document, lambda: self_test_table(document), as_json=as_json)


def _finish(document: dict[str, Any], table: Callable[[], RenderableType], *, as_json: bool) -> None:
    _print(document, table, as_json=as_json)
    if not document["ok"]:
        raise typer.Exit(GateFailed.exit_code)


def _print(document: dict[str, Any], table: Callable[[], RenderableType], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(table())


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
