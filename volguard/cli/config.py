"""`volguard config`: every setting, and where it came from; the order machine as it is set up."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    root_of,
    settings_of,
)

app = typer.Typer(help="Settings, and the order machine.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Settings, and the order machine."""


@app.command("show")
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Add the file and line of each setting.")] = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print the settings as a session would use them. Example: volguard config show --origin"""
    found_root = root_of(root)
    loaded = settings_of(found_root, overrides, preset)
    if as_json:
        rows = [{"key": row.key, "value": row.value, "origin": row.origin} for row in loaded.rows]
        print_json(
            {
                "schema": "volguard.config/1",
                "root": str(found_root.path),
                "settings_hash": loaded.digest,
                "settings": rows,
            }
        )
        return
    for row in loaded.rows:
        where = f"  # {row.origin}" if origin else ""
        sys.stdout.write(f"{row.key} = {row.value}{where}\n")
    sys.stdout.write(f"settings_hash = {loaded.digest}\n")


@app.command("order-machine")
def order_machine() -> None:
    """Print the states of an order as a Mermaid diagram. Example: volguard config order-machine"""
    from volguard.report.order_diagram import order_section

    sys.stdout.write(order_section())
