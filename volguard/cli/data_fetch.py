"""`volguard data instruments` and `volguard data history`: what the broker gives for download."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from volguard.cli.data_call import begin, finish
from volguard.cli.options import BaseUrlOption, JsonOption, RootOption, SetOption, with_base_url
from volguard.model.instrument import Underlying

if TYPE_CHECKING:
    from volguard.adapters.upstox.instruments import InstrumentMaster

DAY = ["%Y-%m-%d"]
USUAL = ("INDIA_VIX",)


class IntervalName(StrEnum):
    """How long a bar is."""

    DAY = "day"
    MINUTE = "minute"


def instruments(
    force: Annotated[bool, typer.Option("--force", help="Fetch although today's file is there.")] = False,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fetch the broker's instrument file of the day and compare it with the dated contract rules.

    Needs no token. Lot size, freeze quantity, tick, strike step and expiries must agree: exit 3 where they do
    not, and the file is kept all the same. The last ten files are kept.

    Example: volguard data instruments --json
    """
    from volguard.model.instrument import Underlying
    from volguard.operations.data_instruments import (
        fetch_instruments,
        instruments_document,
        other_underlyings,
    )
    from volguard.report.data_tables import instruments_table
    from volguard.wiring import rules_of

    call = begin(root, with_base_url(overrides, base_url))
    traded = Underlying(call.settings.market.underlying)
    listed = (row.underlying for row in call.settings.contracts.listing)
    with call.link() as link, call.desk("fetching", link.clock.now) as desk:
        fetched = fetch_instruments(
            desk,
            link.reads.instrument_file,
            traded,
            other_underlyings(traded, listed),
            rules_of(call.settings),
            source=link.settings.assets_url,
            force=force,
        )
        document = instruments_document(fetched, desk)
    finish(document, instruments_table, as_json=as_json, exit_code=fetched.exit_code)


def history(
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            "--instrument",
            help='NIFTY, BANKNIFTY, INDIA_VIX, or an option as "NIFTY 2026-09-22 24500 CE"; may be repeated.',
            show_default="the traded index and INDIA_VIX",
        ),
    ] = None,
    interval: Annotated[IntervalName, typer.Option("--interval", help="Length of a bar.")] = IntervalName.DAY,
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=DAY,
            help="First day.",
            show_default="5 years back; minutes: 31 days; an option: 100 days",
        ),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=DAY, help="Last day.", show_default="yesterday")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Ask for all of it again, and replace bars that differ.")
    ] = False,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fetch daily or one-minute bars of an index, India VIX or an option.

    Days go to <history folder>/<name>_daily.csv, which sessions read, minutes to <name>_1min/<month>.parquet.
    What is there is not asked for again. Another figure for a bar that is there is named and kept (exit 3)
    unless --force; a trading day without a bar of an index is named too (exit 3). Today is never finished.
    Only options that have expired need a token.

    Examples:

      volguard data history

      volguard data history --instrument "NIFTY 2026-09-22 24500 CE" --interval minute --from 2026-09-01
    """
    from volguard.operations.data_history import HistoryRequest, fetch_history
    from volguard.operations.data_history_outcome import Interval, history_document
    from volguard.operations.data_series import find_series
    from volguard.report.data_tables import history_table
    from volguard.wiring.sources import history_folder_of, rules_of

    call = begin(root, with_base_url(overrides, base_url))
    request = HistoryRequest(
        interval=Interval(interval.value),
        first=first.date() if first is not None else None,
        last=last.date() if last is not None else None,
        force=force,
        source=call.settings.upstox.base_url,
    )
    with call.link() as link, call.desk("history", link.clock.now) as desk:

        def master(underlying: Underlying) -> InstrumentMaster:
            from volguard.operations.data_instruments import master_of_today

            return master_of_today(desk, link.reads.instrument_file, underlying, link.settings.assets_url)

        today = desk.moment().date()
        words = instrument or [call.settings.market.underlying, *USUAL]
        series = [find_series(text, today, link.reads, master) for text in words]
        fetched = fetch_history(
            series,
            request,
            desk,
            link.reads,
            folder=history_folder_of(call.settings, call.root),
            calendar=rules_of(call.settings).calendar,
        )
        document = history_document(fetched, desk)
    finish(document, history_table, as_json=as_json, exit_code=fetched.exit_code)
