"""`volguard status`: a running session's newest frame, or how the last one ended."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

from volguard.cli.options import JournalOption, JsonOption, RootOption, journal_of, print_json


def status(journal: JournalOption = None, as_json: JsonOption = False, root: RootOption = None) -> None:
    """Show what the session is doing now; without one, how the newest journal stands.

    Only reads. Example: volguard status --json
    """
    from volguard.adapters.control import ask_status

    path = journal_of(root, journal)
    answer = ask_status(path)
    document = {"running": True, **json.loads(answer)} if answer else _from_journal(path)
    if as_json:
        print_json(document)
    else:
        sys.stdout.write(_lines(document))


def _from_journal(path: Any) -> dict[str, Any]:
    from volguard.adapters.journal_status import journal_status

    document = journal_status(path)
    if document["pnl_net_inr"] is not None:
        document["pnl_net_inr"] = f"{Decimal(document['pnl_net_inr']):.2f}"
    return document


def _lines(document: dict[str, Any]) -> str:
    state = "running" if document["running"] else "not running"
    shown = {key: value for key, value in document.items() if key not in ("schema", "running")}
    lines = [f"session {shown.pop('session_id')} is {state}"]
    for key, value in shown.items():
        if key == "proposals":
            value = [_proposal(card) for card in value]
        if isinstance(value, list):
            lines += [f"  {key}:", *(f"    {_plain(item)}" for item in value)] if value else []
        else:
            lines.append(f"  {key}: {_plain(value)}")
    return "\n".join(lines) + "\n"


def _proposal(card: dict[str, Any]) -> str:
    legs = ", ".join(
        f"{leg['side']} {leg['contract']['strike']} {leg['contract']['option_type']}"
        for leg in (each["leg"] for each in card["legs"])
    )
    return (
        f"{card['proposal_id']} {card['bucket']} {card['structure']} {card['expiry']}: {legs}; "
        f"{card['lots']} lots of {card['lot_size']}, credit {card['credit_inr']}, "
        f"max loss {card['max_loss_inr']}, waits until {card['expires_at'][11:19]}"
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    return "not available" if value is None else str(value)
