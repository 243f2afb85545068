"""What `volguard backtest` can be asked for, option by option."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EVERY_MIN = 30.0


class SourceName(StrEnum):
    """Whose prices are played."""

    MODELLED = "modelled"
    CHAINS = "chains"
    BHAVCOPY = "bhavcopy"


FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Recorded chains, a day a file, for --source chains; for bhavcopy a folder of imported ones "
        "that is not data/bhavcopy.",
        show_default=False,
    ),
]
SourceOption = Annotated[
    SourceName,
    typer.Option(
        "--source",
        help="modelled: chains made of daily index and India VIX; chains: recorded days; bhavcopy: the "
        "closing prices of imported bhavcopies.",
    ),
]
FromOption = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="First past day.", show_default=False),
]
ToOption = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], help="Last past day.", show_default=False),
]
HistoryOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of daily history; else history.folder.", show_default=False),
]
EveryOption = Annotated[
    float | None,
    typer.Option(
        "--every",
        min=1.0,
        max=180.0,
        help="Minutes between looks at a modelled day.",
        show_default=f"{EVERY_MIN:.0f}",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the intervals' drawings.")]
DrawsOption = Annotated[int, typer.Option("--draws", min=100, help="How many paths the intervals draw.")]
SlippageOption = Annotated[
    int, typer.Option("--slippage-ticks", min=0, help="Fill so many ticks beyond the touch.")
]
LateLooksOption = Annotated[
    int, typer.Option("--late-looks", min=0, help="Looks at which an order does not fill yet.")
]
SensitivityOption = Annotated[
    bool, typer.Option("--sensitivity", help="Play it with worse fills, too: ticks and looks.")
]
SweepOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep", help="Try a setting's values, key=a,b,c; repeat for more settings.", show_default=False
    ),
]
WalkForwardOption = Annotated[
    str | None,
    typer.Option(
        "--walk-forward",
        help="With --sweep: choose on so many sessions, be paid on the next, e.g. 250:60.",
        show_default=False,
    ),
]
LookaheadOption = Annotated[
    bool,
    typer.Option("--lookahead-check", help="Fail (3) if a decision changes with a future it cannot know."),
]
PlaceboOption = Annotated[
    int | None,
    typer.Option(
        "--placebo",
        min=1,
        help="Deal the forecasts out anew so many times: does it matter what they say?",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes for many backtests.", show_default="all cores"),
]
ClusterOption = Annotated[
    str | None,
    typer.Option("--cluster", help="A Dask scheduler, e.g. tcp://host:8786, instead.", show_default=False),
]
JournalsOption = Annotated[
    Path | None,
    typer.Option(
        "--journals",
        help="Keep a journal of each day in this new folder: why and the journal commands read it.",
        show_default=False,
    ),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in a browser; needs --html.")]
