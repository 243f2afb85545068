"""`volguard data chain` and `volguard data merge`: the live chain, shown once or recorded."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.data_call import begin, finish
from volguard.cli.options import (
    BaseUrlOption,
    JsonOption,
    RootOption,
    SetOption,
    say,
    with_base_url,
)
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from volguard.model.market import SourceInfo
    from volguard.nse.rules import Rules


def chain(
    record: Annotated[
        bool, typer.Option("--record", help="Record snapshots into a chain file until the close.")
    ] = False,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%H:%M"], help="With --record: stop then.", show_default="the close"
        ),
    ] = None,
    cadence: Annotated[
        float | None,
        typer.Option(
            "--cadence",
            min=0.5,
            help="With --record: seconds between snapshots.",
            show_default="upstox.cadence_s",
        ),
    ] = None,
    expiry: Annotated[
        datetime | None,
        typer.Option("--expiry", formats=["%Y-%m-%d"], help="Show this expiry.", show_default="the nearest"),
    ] = None,
    strikes: Annotated[
        int, typer.Option("--strikes", min=0, help="Strikes shown either side of the level; 0: all.")
    ] = 12,
    base_url: BaseUrlOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Show the chain as the broker has it now, or record the session. Needs a token.

    A recording is kept in parts of a minute while it runs and becomes one file at the end, on Ctrl-C too:
    data/recordings/<underlying>-<date>.parquet, for data inspect and run --replay. The same command goes on
    after an interruption; no moment is recorded twice.

    Examples:

      volguard data chain --expiry 2026-09-22

      volguard data chain --record --until 15:30
    """
    if record:
        _check_alone(expiry is not None, "--expiry belongs to the chain that is shown")
        _record(base_url, overrides, root, until=until, cadence=cadence, as_json=as_json)
        return
    _check_alone(until is not None or cadence is not None, "--until and --cadence belong to --record")
    from volguard.model.instrument import Underlying
    from volguard.operations.data_chain import current_chain_document
    from volguard.report.data_tables import current_chain_table

    call = begin(root, with_base_url(overrides, base_url))
    with call.link() as link, call.desk("asking", link.clock.now) as desk:
        underlying = Underlying(call.settings.market.underlying)
        day = expiry.date() if expiry is not None else None
        document = current_chain_document(desk, link.reads, underlying, day)
    finish(document, lambda doc: current_chain_table(doc, strikes), as_json=as_json, exit_code=0)


def merge(as_json: JsonOption = False, root: RootOption = None) -> None:
    """Make files of recordings whose process was killed before it could. Example: volguard data merge"""
    from dataclasses import replace

    from volguard.adapters.upstox.settings import REHEARSAL_FOLDER
    from volguard.operations.data_record import MERGE_SCHEMA, merge_all, merged_document
    from volguard.report.data_tables import merge_table

    call = begin(root, None)
    with call.desk("merging") as desk:
        folders = (desk.data, desk.data / REHEARSAL_FOLDER)
        runs = [merge_all(replace(desk, data=folder)) for folder in folders]
    document: dict[str, Any] = {
        "schema": MERGE_SCHEMA,
        "files": [merged_document(merged) for done, _ in runs for merged in done],
        "left": [text for _, left in runs for text in left],
    }
    code = UsageError.exit_code if document["left"] else 0
    finish(document, merge_table, as_json=as_json, exit_code=code)


def _record(
    base_url: str | None,
    overrides: list[str] | None,
    root: Path | None,
    *,
    until: datetime | None,
    cadence: float | None,
    as_json: bool,
) -> None:
    from volguard.operations.data_record import record, record_document
    from volguard.report.data_tables import record_table
    from volguard.wiring import rules_of
    from volguard.wiring.upstox import open_live

    more = [] if cadence is None else [f"upstox.cadence_s={cadence}"]
    call = begin(root, [*with_base_url(overrides, base_url), *more])
    rules = rules_of(call.settings)
    source = open_live(
        call.settings, call.root, rules, history=None, held=tuple, stopping=call.stop.event, note=say
    )
    try:
        clock = source.clock
        now = None if clock is None else clock.now
        end = _end(source.market.info, rules, until)
        with call.desk("recording", now, spoken_s=60.0) as desk:
            if end <= desk.moment():
                raise UsageError(f"--until was {end:%H:%M}, it is {desk.moment():%H:%M} already")
            recorded = record(source.market, desk, until=end)
    finally:
        source.close()
    finish(record_document(recorded), record_table, as_json=as_json, exit_code=0)


def _check_alone(is_given: bool, text: str) -> None:
    if is_given:
        raise UsageError(text, hint="see volguard data chain --help")


def _end(info: SourceInfo, rules: Rules, until: datetime | None) -> datetime:
    session = rules.calendar.session(info.trading_date)
    if session is None:
        raise UsageError(f"{info.trading_date} is no trading day")
    close = session.windows[-1][1]
    if until is None:
        return close
    return min(close, close.replace(hour=until.hour, minute=until.minute, second=0, microsecond=0))
