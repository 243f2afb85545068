"""`volguard why`: one screen for an order, a trade, or a trade that was not made."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from volguard.cli.options import JournalOption, JsonOption, RootOption, journal_of, print_json


def why(
    tag: Annotated[
        str,
        typer.Argument(
            help="An order's tag, a trade (T001), or a bucket with an optional time (WEEKLY@10:15)."
        ),
    ],
    journal: JournalOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Say why: the decision, every figure and signal, gates, orders, fills, costs, from the journal alone.

    Example: volguard why WEEKLY@11:30
    """
    from volguard.operations.explain import explain, explanation_lines

    found = explain(journal_of(root, journal), tag)
    if as_json:
        print_json(found)
    else:
        sys.stdout.write("\n".join(explanation_lines(found)) + "\n")
