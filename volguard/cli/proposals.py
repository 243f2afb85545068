"""`volguard proposals`: what was proposed, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from volguard.cli.options import JournalOption, JsonOption, RootOption, print_json, print_table, root_of
from volguard.model.errors import UsageError


def proposals(
    journal: JournalOption = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Only the last so many.", show_default=False)
    ] = None,
    refused: Annotated[
        bool, typer.Option("--refused", help="What was refused instead, carried on paper, by reason.")
    ] = False,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """List the proposals of all journals, or of one, with their answers and outcomes.

    Only reads, also beside a running session. Examples:

      volguard proposals --last 20

      volguard proposals --refused
    """
    if refused:
        _tell_refused(journal, last, root, as_json=as_json)
        return
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


def _tell_refused(journal: Path | None, last: int | None, root: Path | None, *, as_json: bool) -> None:
    from volguard.adapters.journal_files import all_journals
    from volguard.operations.refused import refused_document, refused_session, refused_sessions
    from volguard.report.refused_tables import refused_tables

    if last is not None:
        raise UsageError("--last counts proposals, --refused adds up whole sessions", hint="leave one out")
    if journal is not None:
        document = refused_document((refused_session(journal),))
    else:
        document = refused_document(refused_sessions(all_journals(root_of(root).resolve("journal"))))
    if as_json:
        print_json(document)
    else:
        print_table(refused_tables(document))
