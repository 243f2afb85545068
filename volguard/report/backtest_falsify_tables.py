"""What the falsifiers of a backtest found, for the terminal, from their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from volguard.adapters.figure_text import ABSENT, amount_text
from volguard.report.backtest_tables import price_lines

if TYPE_CHECKING:
    from rich.console import RenderableType


def lookahead_summary(document: Mapping[str, Any]) -> RenderableType:
    """A line a cut: how many decisions came before it, and whether they were the same."""
    from rich.console import Group
    from rich.text import Text

    lines = [
        f"{document['sessions']} sessions played, {len(document['cuts'])} times again with another future"
    ]
    for row in document["cuts"]:
        until = f"{row['cut']}, until {row['until'][11:16]}"
        if row["same"]:
            lines.append(f"{until}: the same, {row['decisions']} decisions of that day among them")
            continue
        found = row["difference"]
        lines.append(f"{until}: DIFFERENT on {found['day']}, what could not have known changed a decision")
        if found["known"] or found["other"]:
            lines.append(f"  as it was: {found['known'] or 'no decision'}")
            lines.append(f"  otherwise: {found['other'] or 'no decision'}")
    future = "what came after its day" if document["source"] == "bhavcopy" else "its future"
    lines.append(f"no decision knew {future}" if document["ok"] else "DECISIONS KNEW THEIR FUTURE")
    return Group(*(Text(line) for line in lines))


def placebo_summary(document: Mapping[str, Any]) -> RenderableType:
    """The result beside those of forecasts that know nothing of their day."""
    from rich.console import Group
    from rich.text import Text

    made = sorted(float(row["made_inr"]) for row in document["placebos"] if row["made_inr"] is not None)
    lines = [f"{document['underlying']} {document['first_day']} to {document['last_day']}"]
    lines += price_lines(document)
    lines.append(f"made {amount_text(document['made_inr'], is_signed=True)} in {document['trades']} trades")
    if made:
        middle = made[len(made) // 2]
        low, high, median = (amount_text(f"{x:.2f}", is_signed=True) for x in (made[0], made[-1], middle))
        lines.append(f"with forecasts of other days, {len(made)} times: {low} to {high}, median {median}")
    share = ABSENT if document["p_value"] is None else f"{document['p_value']:.0%}"
    lines.append(f"as good by chance: {share} (forecasts that say nothing would do so as often)")
    return Group(*(Text(line) for line in lines))
