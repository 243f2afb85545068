"""`--help`: only what exists, each with an example to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from tests.cli.command import PROJECT, Done, together
from volguard.cli.app import app

COMMANDS = {
    *("token", "validate", "drill", "run", "shadow", "semi-auto", "proposals", "trade", "status"),
    *("flatten", "reconcile", "why", "backtest"),
    *("journal show", "journal orders", "journal verify", "journal replay", "journal parity"),
    *("journal export",),
    *("chain show", "chain smile", "chain surface", "chain metrics", "chain history", "chain model"),
    *("vol", "payoff", "risk", "stress", "margin"),
    *("data inspect", "data list", "data instruments", "data history", "data chain", "data merge"),
    *("data bhavcopy", "simulator serve", "config show", "config order-machine"),
}
README = PROJECT / "README.md"


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, child in below.items():
        yield from leaves(child, (*path, name))


BUILT = dict(leaves(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def helps() -> dict[str, Done]:
    """The help of every command, the program's own under the empty name."""
    names = ["", *sorted(COMMANDS)]
    return dict(zip(names, together(*(((*name.split(), "--help"), None) for name in names)), strict=True))


def test_help_lists_exactly_the_commands_that_are_built(helps: dict[str, Done]) -> None:
    """Commands that are not built yet do not appear; those that appear are the promised ones."""
    assert BUILT.keys() == COMMANDS
    listed = helps[""].out.partition("Commands:")[2].splitlines()
    names = {line.split()[0] for line in listed if line[:3].strip() and line.startswith("  ")}
    assert names == {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example(helps: dict[str, Done], name: str) -> None:
    """Every command's help ends in success and shows a call of that very command, its options known."""
    done = helps[name]
    assert (done.code, done.err) == (0, "")
    said = " ".join(done.out.split())
    assert "Example" in said
    assert f"volguard {name}" in said.partition("Example")[2]


def documented_calls() -> list[str]:
    if not README.exists():
        return []
    blocks = README.read_text().split("```sh\n")[1:]
    lines = [line for block in blocks for line in block.split("```")[0].splitlines()]
    parts = [part.strip() for line in lines for part in line.split("#")[0].split("&&")]
    return [part.replace(".venv/bin/", "") for part in parts if "volguard " in f"{part} "[:20]]


@pytest.mark.parametrize("call", documented_calls())
def test_every_documented_call_can_be_parsed(call: str) -> None:
    """What the README tells people to type is a command that exists, with options that it knows."""
    words = shlex.split(call)
    assert words[0] == "volguard"
    name = next((n for n in (" ".join(words[1:3]), words[1]) if n in BUILT), None)
    assert name is not None, call
    arguments = words[1 + len(name.split()) :]
    context = BUILT[name].make_context(name, arguments)
    assert context.params


def test_the_readme_shows_the_commands() -> None:
    """The README opens with set-up and run, and a session's commands are among its calls."""
    if not README.exists():
        pytest.skip("no README yet")
    called = {" ".join(call.split()[1:3]) for call in documented_calls()} | {
        call.split()[1] for call in documented_calls()
    }
    assert {"run", "status", "why", "journal verify", "journal replay", "chain show"} <= called


def test_without_a_command_the_help_is_shown() -> None:
    """The bare program shows its help and the version is asked for by name."""
    bare, version = together(((), None), (("--version",), None))
    assert "Commands:" in bare.out + bare.err
    assert version.out.startswith("volguard ")
    assert version.code == 0
