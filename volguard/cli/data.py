"""`volguard data`: download, record, import and inspect market data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from volguard.cli import data_bhavcopy, data_chain, data_fetch
from volguard.cli.data_call import begin, finish
from volguard.cli.options import JsonOption, RootOption, print_json

app = typer.Typer(help="Market data: download, record, import, inspect.", no_args_is_help=True)
app.command("instruments")(data_fetch.instruments)
app.command("history")(data_fetch.history)
app.command("chain")(data_chain.chain)
app.command("merge")(data_chain.merge)
app.command("bhavcopy")(data_bhavcopy.bhavcopy)


@app.callback()
def _group() -> None:
    """Market data: download, record, import, inspect."""


@app.command("list")
def list_files(
    verify: Annotated[
        bool, typer.Option("--verify", help="Read each file again; exit 3 if one differs.")
    ] = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Those of look-alikes, which lie apart.")
    ] = False,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Show the files that were fetched, recorded or imported. Example: volguard data list --verify"""
    from dataclasses import replace

    from volguard.adapters.upstox.settings import REHEARSAL_FOLDER
    from volguard.operations.data_list import exit_code_of, list_document
    from volguard.report.data_tables import list_table

    call = begin(root, None)
    with call.desk("reading") as desk:
        folder = desk.data / REHEARSAL_FOLDER if rehearsal else desk.data
        document = list_document(replace(desk, data=folder), verify=verify)
    finish(document, list_table, as_json=as_json, exit_code=exit_code_of(document))


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
