"""Rich table of proposals and how they ended, from a `volguard.proposals/1` document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import amount_text, number_text

if TYPE_CHECKING:
    from rich.console import RenderableType


def proposals_table(document: Mapping[str, Any]) -> RenderableType:
    """A line each, oldest first, and how many ended in which way."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = document["proposals"]
    if not rows:
        return Text("no proposal was made: volguard run --phase SEMI_AUTO makes them")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for name in ("made", "id", "bucket", "structure", "legs"):
        table.add_column(name, overflow="fold")
    for name in ("lots", "credit INR", "max loss INR"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold")
    table.add_column("after s", justify="right", no_wrap=True)
    for row in rows:
        card = row["card"]
        lots = f"{row['lots']} of {card['lots']}" if row["lots"] not in (None, card["lots"]) else card["lots"]
        table.add_row(
            f"{datetime.fromisoformat(card['made_at']):%d %b %H:%M:%S}",
            card["proposal_id"],
            card["bucket"],
            card["structure"].replace("_", " ").lower(),
            f"{row['legs']} {card['expiry']}",
            str(lots),
            amount_text(card["credit_inr"]),
            amount_text(card["max_loss_inr"]),
            Text(_outcome(row)),
            number_text(row["waited_s"], 0),
        )
    counts = Counter(row["outcome"] for row in rows)
    summary = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    return Group(table, Text(""), Text(f"{len(rows)} proposals: {summary}"))


def _outcome(row: Mapping[str, Any]) -> str:
    if row["trade_id"] is not None:
        return f"{row['outcome']} {row['trade_id']}"
    return row["outcome"] if not row["text"] else f"{row['outcome']}: {row['text']}"
