"""`volguard data`: look into market data files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from volguard.cli.options import JsonOption, print_json

app = typer.Typer(help="Market data files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Market data files."""


@app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(help="Chain snapshots in Parquet.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a recording holds and what is missing in it. Example: volguard data inspect day.parquet"""
    import msgspec

    from volguard.adapters.chain_file import inspect_chain

    summary: dict[str, Any] = msgspec.to_builtins(inspect_chain(file), str_keys=True, enc_hook=str)
    if as_json:
        print_json({"schema": "volguard.data_inspect/1", "file": str(file), **summary})
        return
    for key, value in summary.items():
        if isinstance(value, list | tuple):
            sys.stdout.write(f"{key}:\n" + "".join(f"  {_line(item)}\n" for item in value))
        else:
            sys.stdout.write(f"{key}: {value}\n")


def _line(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key} {value}" for key, value in item.items())
    return str(item)
