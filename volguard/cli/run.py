"""`volguard run` and `volguard shadow`: one session from open to close."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from volguard.cli.options import (
    BaseUrlOption,
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    with_base_url,
)
from volguard.model.errors import UsageError


class PhaseName(StrEnum):
    """How far the program may go by itself."""

    SHADOW = "SHADOW"
    SEMI_AUTO = "SEMI_AUTO"
    FULL_AUTO = "FULL_AUTO"


class BrokerName(StrEnum):
    """Markets that can be run on today, besides a replayed file."""

    SIMULATOR = "simulator"
    UPSTOX = "upstox"


class ScenarioName(StrEnum):
    """What the simulator's day is like."""

    CALM = "calm"
    TREND = "trend"
    CRASH = "crash"
    SPIKE = "spike"


ReplayOption = Annotated[
    Path | None,
    typer.Option("--replay", help="A recorded day: chain snapshots in Parquet.", show_default=False),
]
HistoryOption = Annotated[
    Path | None,
    typer.Option(
        "--history",
        help="Folder of daily history (nifty_daily, india_vix_daily: csv, csv.gz or parquet).",
        show_default="history.folder of the settings",
    ),
]
BrokerOption = Annotated[
    BrokerName,
    typer.Option("--broker", help="Whose market, where no file is replayed; upstox needs a token."),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", min=0, help="Simulator: its seed.", show_default="settings")
]
DateOption = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Simulator: its day.", show_default="settings"),
]
CadenceOption = Annotated[
    float | None,
    typer.Option("--cadence", help="Simulator: seconds between snapshots.", show_default="settings"),
]
ScenarioOption = Annotated[
    ScenarioName | None,
    typer.Option("--scenario", help="Simulator: the kind of day.", show_default="settings"),
]
SpeedOption = Annotated[
    str | None,
    typer.Option(
        "--speed",
        help="Times market speed, or max: as fast as the machine can. Not for upstox: its market is live.",
        show_default="1",
    ),
]
NewOption = Annotated[
    bool, typer.Option("--new-session", help="Start afresh instead of continuing an unfinished session.")
]
EvidenceOption = Annotated[
    bool | None,
    typer.Option(
        "--report/--no-report",
        show_default=False,
        help="--report: no session, the evidence towards the next phase; --no-report: no day's report.",
    ),
]
UnattendedOption = Annotated[
    bool,
    typer.Option(
        "--unattended",
        help="SEMI_AUTO without a terminal: nobody answers, proposals expire, exits work.",
    ),
]
ReportOption = Annotated[
    bool, typer.Option("--report/--no-report", help="Write the day's report (JSON and HTML).")
]


def run(
    phase: Annotated[PhaseName, typer.Option("--phase", help="How far the program may go.")],
    replay: ReplayOption = None,
    history: HistoryOption = None,
    broker: BrokerOption = BrokerName.SIMULATOR,
    seed: SeedOption = None,
    date: DateOption = None,
    cadence: CadenceOption = None,
    scenario: ScenarioOption = None,
    base_url: BaseUrlOption = None,
    speed: SpeedOption = None,
    new_session: NewOption = False,
    unattended: UnattendedOption = False,
    report: ReportOption = True,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Run one session: market in, decisions and fills out, everything journaled.

    SHADOW fills on paper. SEMI_AUTO asks in the terminal before each new trade. FULL_AUTO asks nobody.

    Examples:

      volguard run --phase SHADOW --broker simulator --speed max

      volguard run --phase SHADOW --replay day.parquet --history data/history --speed max --json

      volguard run --phase SHADOW --broker upstox

      volguard run --phase SEMI_AUTO --scenario trend --speed 30

      volguard run --phase FULL_AUTO --broker upstox --base-url http://127.0.0.1:8765

    Ctrl-C stops after the current event; the same command goes on from there.
    """
    from volguard.cli.session import RunOptions, run_session

    is_live = broker is BrokerName.UPSTOX
    _check_source(replay, seed, date, cadence, scenario, is_live=is_live)
    _check_live(replay, speed, base_url, is_live=is_live)
    _check_phase(phase, is_live=is_live, unattended=unattended)
    options = RunOptions(
        phase=phase.value,
        is_live=is_live,
        replay=replay,
        history=history,
        seed=seed,
        trading_date=date.date() if date is not None else None,
        cadence_s=cadence,
        scenario=scenario.value if scenario is not None else None,
        speed=None if is_live else _speed(speed or "1"),
        new_session=new_session,
        unattended=unattended,
        report=report,
        overrides=with_base_url(overrides, base_url),
        preset=preset,
        as_json=as_json,
        root=root,
    )
    code = run_session(options)
    if code:
        raise typer.Exit(code)


def shadow(
    replay: ReplayOption = None,
    history: HistoryOption = None,
    broker: BrokerOption = BrokerName.SIMULATOR,
    seed: SeedOption = None,
    date: DateOption = None,
    cadence: CadenceOption = None,
    scenario: ScenarioOption = None,
    base_url: BaseUrlOption = None,
    speed: SpeedOption = None,
    new_session: NewOption = False,
    report: EvidenceOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """The same as `run --phase SHADOW`: real decisions, paper fills.

    Example: volguard shadow --scenario trend --seed 3 --speed max

    Example: volguard shadow --report
    """
    if report:
        _tell_evidence("SEMI_AUTO", root, overrides, preset, as_json=as_json)
        return
    run(
        phase=PhaseName.SHADOW,
        replay=replay,
        history=history,
        broker=broker,
        seed=seed,
        date=date,
        cadence=cadence,
        scenario=scenario,
        base_url=base_url,
        speed=speed,
        new_session=new_session,
        report=report is None,
        overrides=overrides,
        preset=preset,
        as_json=as_json,
        root=root,
    )


def semi_auto(
    replay: ReplayOption = None,
    history: HistoryOption = None,
    broker: BrokerOption = BrokerName.SIMULATOR,
    seed: SeedOption = None,
    date: DateOption = None,
    cadence: CadenceOption = None,
    scenario: ScenarioOption = None,
    base_url: BaseUrlOption = None,
    speed: SpeedOption = None,
    new_session: NewOption = False,
    unattended: UnattendedOption = False,
    report: EvidenceOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """The same as `run --phase SEMI_AUTO`: the machine proposes, you decide, it executes and manages.

    Example: volguard semi-auto --scenario trend --seed 3 --speed 30
    """
    if report:
        _tell_evidence("FULL_AUTO", root, overrides, preset, as_json=as_json)
        return
    run(
        phase=PhaseName.SEMI_AUTO,
        replay=replay,
        history=history,
        broker=broker,
        seed=seed,
        date=date,
        cadence=cadence,
        scenario=scenario,
        base_url=base_url,
        speed=speed,
        new_session=new_session,
        unattended=unattended,
        report=report is None,
        overrides=overrides,
        preset=preset,
        as_json=as_json,
        root=root,
    )


def _tell_evidence(
    phase: str, root: Path | None, overrides: list[str] | None, preset: str | None, *, as_json: bool
) -> None:
    from volguard.cli.validate import show_progress
    from volguard.model.decision import Phase

    show_progress(Phase(phase), root=root, overrides=overrides or (), preset=preset, as_json=as_json)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed < float("inf"):
        raise UsageError(f"--speed was {text}, must be a number above 0, or max")
    return speed


def _check_source(replay: Path | None, *simulator_options: object, is_live: bool) -> None:
    if not any(option is not None for option in simulator_options):
        return
    if replay is not None or is_live:
        hint = "the file says what day it is" if replay is not None else "a live market has its own day"
        raise UsageError(
            "--seed, --date, --cadence and --scenario belong to the simulator",
            hint=f"leave them out with {'--replay' if replay is not None else '--broker upstox'}: {hint}",
        )


def _check_phase(phase: PhaseName, *, is_live: bool, unattended: bool) -> None:
    if unattended and phase is not PhaseName.SEMI_AUTO:
        raise UsageError(f"--unattended belongs to SEMI_AUTO, {phase.value} asks nobody")
    if phase is PhaseName.FULL_AUTO and not is_live:
        raise UsageError(
            "--phase FULL_AUTO sends orders to the broker, or to a look-alike of it",
            hint="add --broker upstox --base-url http://127.0.0.1:8765; see volguard simulator serve",
        )


def _check_live(replay: Path | None, speed: str | None, base_url: str | None, *, is_live: bool) -> None:
    if is_live and replay is not None:
        raise UsageError("--replay and --broker upstox name two markets", hint="leave one of them out")
    if is_live and speed is not None:
        raise UsageError(
            f"--speed was {speed}, a live market has its own",
            hint="leave it out; a look-alike is sped up by volguard simulator serve --speed",
        )
    if base_url is not None and not is_live:
        raise UsageError("--base-url belongs to --broker upstox", hint="add --broker upstox")
