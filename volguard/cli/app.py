"""The `volguard` command: its groups, and how errors leave the process."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import typer

from volguard import __version__
from volguard.cli import (
    backtest,
    chain,
    config,
    data,
    drill,
    flatten,
    journal,
    margin,
    payoff,
    proposals,
    reconcile,
    risk,
    run,
    simulator,
    status,
    stress,
    token,
    trade,
    validate,
    vol,
    why,
)
from volguard.cli.options import error_text
from volguard.model.errors import UsageError, VolguardError

# Linear algebra on several threads adds up in another order on another number of cores: forecasts, and with
# them decisions, must not depend on the machine. Set before NumPy is loaded, which commands do.
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

# What Typer raises on a call it cannot parse; where that class lives depends on Typer's version.
MistypedCall: Final[Any] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="volguard",
    help="Sell NSE index options, risk first: rehearsed without an account, run with one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("token")(token.token)
app.command("validate")(validate.validate)
app.command("drill")(drill.drill)
app.command("run")(run.run)
app.command("shadow")(run.shadow)
app.command("semi-auto")(run.semi_auto)
app.command("proposals")(proposals.proposals)
app.command("trade")(trade.trade)
app.command("backtest")(backtest.backtest)
app.command("status")(status.status)
app.command("flatten")(flatten.flatten)
app.command("reconcile")(reconcile.reconcile)
app.command("why")(why.why)
app.add_typer(journal.app, name="journal")
app.add_typer(chain.app, name="chain")
app.command("vol")(vol.vol)
app.command("payoff")(payoff.payoff)
app.command("risk")(risk.risk)
app.command("stress")(stress.stress)
app.command("margin")(margin.margin)
app.add_typer(data.app, name="data")
app.add_typer(simulator.app, name="simulator")
app.add_typer(config.app, name="config")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"volguard {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    del version


def main() -> None:
    """Run the command line; every error on purpose ends in its own exit code."""
    as_json = "--json" in sys.argv
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        code = app(standalone_mode=False)
    except VolguardError as error:
        sys.stderr.write(error_text(error, as_json=as_json) + "\n")
        raise SystemExit(error.exit_code) from None
    except MistypedCall as error:
        raise SystemExit(_refuse(error, as_json=as_json)) from None
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None
    raise SystemExit(code)


def _refuse(error: Any, *, as_json: bool) -> int:
    if as_json:
        command = error.ctx.command_path if error.ctx is not None else "volguard"
        refusal = UsageError(error.format_message(), hint=f"see {command} --help")
        sys.stderr.write(error_text(refusal, as_json=True) + "\n")
    else:
        error.show()
    return UsageError.exit_code


if __name__ == "__main__":
    main()
