"""`volguard data bhavcopy`: import the exchange's daily files that the user has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from volguard.cli.data_call import begin, finish
from volguard.cli.options import JsonOption, RootOption, SetOption


def bhavcopy(
    files: Annotated[
        list[Path],
        typer.Argument(help="NSE F&O bhavcopies, legacy or UDiFF, .csv or .zip; or folders of them."),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Put a day in the place of one that is there with other figures.")
    ] = False,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Import the index options of bhavcopies into data/bhavcopy/<underlying>/<year>.parquet.

    A file is used whole or refused with line and column (exit 2); a day that is there with other figures is
    kept and named (exit 3) unless --force. The same files again change nothing.

    Examples:

      volguard data bhavcopy fo01JAN2024bhav.csv.zip

      volguard data bhavcopy ~/Downloads/bhavcopies --json
    """
    from volguard.operations.data_bhavcopy import import_bhavcopies, import_document
    from volguard.report.data_tables import bhavcopy_table

    call = begin(root, overrides)
    underlyings = sorted({row.underlying for row in call.settings.contracts.listing})
    with call.desk("importing") as desk:
        imported = import_bhavcopies(files, underlyings, desk, force=force)
        document = import_document(imported, desk)
    finish(document, bhavcopy_table, as_json=as_json, exit_code=imported.exit_code)
