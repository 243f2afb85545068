"""`volguard simulator`: a broker to rehearse on, on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    root_of,
    say,
    settings_of,
)
from volguard.cli.run import DateOption, HistoryOption, ReplayOption, ScenarioOption, SeedOption
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from volguard.simulator.upstox_server.serve import Address
    from volguard.wiring.look_alike import LookAlikeRequest, OpenLookAlike

SCHEMA: Final = "volguard.simulator_serve/1"
NOTIFIER_URL: Final = "http://127.0.0.1:5056/notifier"

CadenceOption = Annotated[
    float | None,
    typer.Option("--cadence", help="Simulator: seconds between snapshots.", show_default="3"),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        "--start", help="Time of day to start at, HH:MM[:SS].", show_default="a minute before the open"
    ),
]
SpeedOption = Annotated[float, typer.Option("--speed", help="Seconds of its market per second.")]
PortOption = Annotated[
    int,
    typer.Option("--port", help="HTTP there, websockets on the next one; 0: any two that are free."),
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option("--fault", help="Let this go wrong now and then; may be repeated.", show_default=False),
]
CapitalOption = Annotated[
    str | None, typer.Option("--capital", help="Rupees in the account.", show_default="account.capital_inr")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        help="Key that clients must bring, never a real one: volguard itself always brings the default.",
        show_default="the rehearsal's",
    ),
]
SecretOption = Annotated[
    str | None,
    typer.Option(
        "--api-secret", help="Secret to that key, never a real one.", show_default="the rehearsal's"
    ),
]

app = typer.Typer(help="A look-alike of the broker, to rehearse on.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """A look-alike of the broker, to rehearse on."""


@app.command("serve")
def serve(
    replay: ReplayOption = None,
    history: HistoryOption = None,
    date: DateOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
    cadence: CadenceOption = None,
    start: StartOption = None,
    speed: SpeedOption = 1.0,
    port: PortOption = 8765,
    fault: FaultOption = None,
    fault_seed: Annotated[int, typer.Option("--fault-seed", min=0, help="When they do.")] = 1,
    capital: CapitalOption = None,
    api_key: KeyOption = None,
    api_secret: SecretOption = None,
    notifier: Annotated[
        str, typer.Option("--notifier", help="Where an approved token is posted, on this machine.")
    ] = NOTIFIER_URL,
    until_close: Annotated[bool, typer.Option("--until-close", help="Stop when the market closes.")] = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Serve a market the way the broker does: login, quotes, orders, feeds, on this machine alone.

    Examples:

      volguard simulator serve

      volguard simulator serve --speed 60 --fault dropped_reply --fault dead_socket

      volguard simulator serve --replay day.parquet --start 10:30

    Ctrl-C stops it. Nothing real is traded, and its tokens open nothing elsewhere.
    """
    from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
    from volguard.wiring import SourceRequest
    from volguard.wiring.look_alike import LookAlikeRequest

    if replay is not None and any(given is not None for given in (date, seed, scenario, cadence)):
        raise UsageError(
            "--seed, --date, --cadence and --scenario belong to the simulator",
            hint="leave them out with --replay: the file says what day it is",
        )
    request = LookAlikeRequest(
        source=SourceRequest(
            replay=replay,
            history=history,
            seed=seed,
            trading_date=date.date() if date is not None else None,
            cadence_s=cadence,
            scenario=scenario.value if scenario is not None else None,
        ),
        start_at=_start(start),
        speed=_speed(speed),
        faults=tuple(fault or ()),
        fault_seed=fault_seed,
        capital_inr=_rupees(capital),
        api_key=api_key or API_KEY,
        api_secret=api_secret or API_SECRET,
        notifier_url=notifier,
    )
    serving = _Serving(port=port, until_close=until_close, as_json=as_json)
    _serve(request, serving, overrides, preset, root)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    port: int
    until_close: bool
    as_json: bool


def _serve(
    request: LookAlikeRequest,
    serving: _Serving,
    overrides: list[str] | None,
    preset: str | None,
    root: Path | None,
) -> None:
    from volguard.adapters.clock import SystemClock
    from volguard.adapters.interrupt import StopRequest
    from volguard.simulator.upstox_server.serve import Listeners, LookAlikeServer
    from volguard.wiring.look_alike import open_look_alike

    where = root_of(root)
    settings = settings_of(where, overrides, preset).settings
    stop = StopRequest()
    stop.install()
    listeners = Listeners(serving.port)
    try:
        opened = open_look_alike(request, settings, where, SystemClock(stop.event))
        server = LookAlikeServer(opened.core, listeners, say)
        _introduce(request, opened, server.address, as_json=serving.as_json)
        read_clock = opened.core.clock.now
        server.run(
            lambda: stop.is_set() or (serving.until_close and read_clock() > opened.closes_at),
        )
    finally:
        listeners.close()
    say("stopped")


def _introduce(request: LookAlikeRequest, opened: OpenLookAlike, address: Address, *, as_json: bool) -> None:
    document = _document(request, opened, address)
    if as_json:
        print_json(document)
    else:
        sys.stdout.write(_words(document))
    sys.stdout.flush()


def _document(request: LookAlikeRequest, opened: OpenLookAlike, address: Address) -> dict[str, Any]:
    base = f"--base-url {address.http}"
    return {
        "schema": SCHEMA,
        "base_url": address.http,
        "websocket_url": address.ws,
        "api_key": request.api_key,
        "api_secret": request.api_secret,
        "market": opened.info.label,
        "underlying": opened.info.underlying,
        "trading_date": opened.info.trading_date.isoformat(),
        "starts_at": opened.starts_at.isoformat(),
        "closes_at": opened.closes_at.isoformat(),
        "speed": request.speed,
        "faults": list(request.faults),
        "fault_seed": request.fault_seed,
        "commands": [
            f"volguard token --open {base}",
            f"volguard data instruments {base}",
            f"volguard data history {base}",
            f"volguard validate --live {base}",
            f"volguard run --phase SHADOW --broker upstox {base}",
        ],
    }


def _words(document: dict[str, Any]) -> str:
    starts_at = datetime.fromisoformat(document["starts_at"])
    faults = f", faults {', '.join(document['faults'])}" if document["faults"] else ""
    commands = "".join(f"  {command}\n" for command in document["commands"])
    return (
        f"look-alike of the broker at {document['base_url']}, websockets at {document['websocket_url']}\n"
        f"{document['underlying']}, {document['market']}, {starts_at:%Y-%m-%d from %H:%M:%S}, "
        f"speed {document['speed']:g}{faults}\n"
        f"in another terminal:\n{commands}"
        f"volguard needs no key here; another client brings\n"
        f"  VOLGUARD_UPSTOX_API_KEY={document['api_key']}\n"
        f"  VOLGUARD_UPSTOX_API_SECRET={document['api_secret']}\n"
        "they open nothing elsewhere. Ctrl-C stops.\n"
    )


def _start(text: str | None) -> time | None:
    if text is None:
        return None
    try:
        start_at = time.fromisoformat(text)
    except ValueError:
        start_at = None
    if start_at is None or start_at.tzinfo is not None or len(text) < len("HH:MM"):
        raise UsageError(f"--start was {text}, must be HH:MM or HH:MM:SS")
    return start_at


def _speed(speed: float) -> float:
    if not 0.0 < speed < float("inf"):
        raise UsageError(f"--speed was {speed}, must be a number above 0")
    return speed


def _rupees(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise UsageError(f"--capital was {text}, must be rupees") from None
