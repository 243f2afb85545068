"""`volguard risk`: the book of a journal as it stood, against every limit."""

from __future__ import annotations

from typing import Annotated

import typer

from volguard.cli.market_options import HtmlOption, PngOption, write_charts
from volguard.cli.options import JournalOption, JsonOption, RootOption, journal_of, print_json, print_table


def risk(
    journal: JournalOption = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="As it stood at HH:MM[:SS]; else at the last row.", show_default=False),
    ] = None,
    png: PngOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Show exposure, limits, worst cells, margin, capital, breakers and the cost to be flat of the book.

    Only reads, also while the session runs. Example: volguard risk --at 11:15 --html risk.html
    """
    from volguard.operations.journal_state import journal_state
    from volguard.operations.risk_view import risk_document
    from volguard.report.risk_charts import risk_page, risk_png

    document = risk_document(journal_state(journal_of(root, journal), at))
    write_charts(document, png, risk_png, html, risk_page)
    if as_json:
        print_json(document)
        return
    from volguard.report.risk_tables import risk_table

    print_table(risk_table(document))
