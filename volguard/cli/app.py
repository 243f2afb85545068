"""The `volguard` command: its groups, and how errors leave the process."""

from __future__ import annotations

import sys

import typer

from volguard import __version__
from volguard.cli import chain, config, data, journal, run, status, why
from volguard.cli.options import error_text
from volguard.model.errors import VolguardError

app = typer.Typer(
    name="volguard",
    help="Sell NSE index options, risk first: sessions on a recorded or a synthetic market, no account.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("shadow")(run.shadow)
app.command("status")(status.status)
app.command("why")(why.why)
app.add_typer(journal.app, name="journal")
app.add_typer(chain.app, name="chain")
app.add_typer(data.app, name="data")
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
    try:
        app()
    except VolguardError as error:
        sys.stderr.write(error_text(error, as_json="--json" in sys.argv) + "\n")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
