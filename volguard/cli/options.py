"""Options that commands share, and what they do with them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.model.errors import VolguardError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from volguard.config.loader import Loaded
    from volguard.config.roots import Root
    from volguard.config.settings import Settings

ERROR_SCHEMA = "volguard.error/1"

RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        help="Project root; else VOLGUARD_ROOT, else the nearest parent with config/volguard.toml.",
        show_default=False,
    ),
]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", help="A journal file; else the newest one.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Override one setting, e.g. --set strategy.require_vrp=false; may be repeated.",
        show_default=False,
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="Rehearse: send every call to a look-alike on this machine, e.g. http://127.0.0.1:8765.",
        show_default="upstox.base_url of the settings",
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="Apply a [preset.NAME] of volguard.toml.", show_default=False),
]


def root_of(explicit: Path | None) -> Root:
    """The project root of this call."""
    from volguard.config.roots import find_root

    return find_root(explicit, os.environ, Path.cwd())


def settings_of(root: Root, overrides: list[str] | None, preset: str | None) -> Loaded[Settings]:
    """All settings of this call, checked."""
    from volguard.config.loader import load
    from volguard.config.settings import SECTIONS, Settings

    return load(root, overrides or (), settings_class=Settings, sections=SECTIONS, preset=preset)


def with_base_url(overrides: list[str] | None, base_url: str | None) -> list[str]:
    """Overrides of this call, those of `--base-url` last."""
    if base_url is None:
        return list(overrides or ())
    from volguard.adapters.upstox.settings import rehearsal_overrides

    return [*(overrides or ()), *rehearsal_overrides(base_url)]


def journal_of(root: Path | None, journal: Path | None) -> Path:
    """The journal that was named, or the newest under the root."""
    from volguard.adapters.journal_files import newest_journal

    return journal if journal is not None else newest_journal(root_of(root).resolve("journal"))


def print_json(document: dict[str, Any]) -> None:
    """Write one JSON document on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def print_table(table: RenderableType) -> None:
    """Write a table on stdout; a pipe gets 120 columns, so that no figure is cut."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 120
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def say(text: str) -> None:
    """Tell the operator something; data goes to stdout, words to stderr."""
    sys.stderr.write(text + "\n")


def error_text(error: VolguardError, *, as_json: bool) -> str:
    """An error as the operator or a script reads it."""
    if as_json:
        body = {
            "schema": ERROR_SCHEMA,
            "error": error.message,
            "kind": type(error).__name__,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        return json.dumps(body, ensure_ascii=False)
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return f"error: {error.message}{hint}"


def browse(url: str) -> bool:
    """Open an address in the operator's browser; False where there is none."""
    import webbrowser

    return webbrowser.open(url)
