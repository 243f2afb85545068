"""`volguard proposals`: what was proposed, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from volguard.cli.options import JournalOption, JsonOption, RootOption, print_json, print_table, root_of


def proposals(
    journal: JournalOption = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Only the last so many.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """List the proposals of all journals, or of one, with their answers and outcomes.

    Only reads, also beside a running session. Example: volguard proposals --last 20
    """
    from volguard.adapters.journal_files import all_journals
    from volguard.operations.proposals_view import asked_proposals, proposals_document
    from volguard.report.proposal_tables import proposals_table

    paths = [journal] if journal is not None else all_journals(root_of(root).resolve("journal"))
    found = asked_proposals(paths)
    document = proposals_document(found[-last:] if last is not None else found)
    if as_json:
        print_json(document)
    else:
        print_table(proposals_table(document))
