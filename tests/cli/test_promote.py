"""`volguard validate --promote` and the progress of the gates, as an operator sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import volguard.cli.validate as command
from tests.cli.command import together
from tests.operations.validate_scenes import scene_in
from volguard.cli.app import app
from volguard.model.decision import Phase
from volguard.model.errors import GateFailed
from volguard.operations import validate_context
from volguard.operations.promotion_record import promotion_path, read_promotion
from volguard.operations.validate_cases_gates import promotable
from volguard.operations.validate_row import Context
from volguard.operations.validate_scene import TRADING, Scene
from volguard.simulator.upstox_server.clock import VirtualClock

PROMOTE = ("validate", "--phase", "SEMI_AUTO", "--promote")
SAID = ("--operator", "A. Trader", "--words", "as modelled")
TOLD = tuple(word for override in TRADING for word in ("--set", override))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def ready(scene: Scene) -> Context:
    return promotable(scene)


@pytest.fixture
def at_the_scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of this process read the scene's clock."""
    monkeypatch.setattr(validate_context, "clock_for", lambda _settings, _stopping: VirtualClock(scene.at))


def call(folder: Path, *words: str, answers: str = "") -> Result:
    """A command in this process, on a folder."""
    return CliRunner().invoke(app, [*words, "--root", str(folder)], input=answers)


def record_in(folder: Path) -> Path:
    """Where the record of SEMI_AUTO would lie."""
    return promotion_path(folder / "data", "paper", Phase.SEMI_AUTO)


def test_what_cannot_be_asked_or_promoted_to_exits_2(fresh_root: Path) -> None:
    """Off a terminal name and words are flags; a phase to promote to and every gate are needed."""
    calls = together(
        ((*PROMOTE, "--json"), fresh_root),
        (("validate", "--promote", *SAID, "--json"), fresh_root),
        ((*PROMOTE, *SAID, "--only", "gate_drill", "--json"), fresh_root),
        ((*PROMOTE, *SAID, "--base-url", "http://127.0.0.1:9", "--json"), fresh_root),
        (("validate", "--words", "why", "--json"), fresh_root),
    )
    assert [done.code for done in calls] == [2, 2, 2, 75, 2]
    assert "--operator and --words" in calls[0].error["error"]
    assert "a phase to promote to" in calls[1].error["error"]
    assert "looks at every gate" in calls[2].error["error"]
    assert "belong to --promote" in calls[4].error["error"]


def test_shut_gates_are_shown_and_give_nothing(fresh_root: Path) -> None:
    """Exit 3 with the rows, the names of what is shut, and no file."""
    table, as_json = together(((*PROMOTE, *SAID), fresh_root), ((*PROMOTE, *SAID, "--json"), fresh_root))
    assert (table.code, as_json.code) == (3, 3)
    assert "SEMI_AUTO is not given, shut: gate_sessions" in as_json.error["error"]
    assert as_json.document["promotion"] is None
    assert "run SHADOW for 7 more sessions" in table.out
    assert not record_in(fresh_root).exists()


@pytest.mark.usefixtures("at_the_scene")
def test_open_gates_are_recorded_with_name_and_words(ready: Context) -> None:
    """One document tells what was given, to whom, by whom, and on which evidence."""
    done = call(ready.root.path, *PROMOTE, *SAID, *TOLD, "--json")
    assert done.exit_code == 0
    given = json.loads(done.stdout)["promotion"]
    record = read_promotion(record_in(ready.root.path))
    assert record is not None
    assert (given["phase"], given["account"], given["sessions"]) == ("SEMI_AUTO", "paper", 8)
    assert (given["operator"], given["words"]) == ("A. Trader", "as modelled")
    assert (given["evidence_hash"], given["expires_at"]) == (record.evidence_hash, None)
    shown = call(ready.root.path, *PROMOTE, *SAID, *TOLD).stdout
    assert "SEMI_AUTO is given to account paper by A. Trader: as modelled" in " ".join(shown.split())


@pytest.mark.usefixtures("at_the_scene")
def test_a_terminal_is_asked_after_the_gates_have_opened(
    ready: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gives a word for gates that are shut; an empty name is asked for again."""
    monkeypatch.setattr(command, "somebody_is_there", lambda: True)
    record_in(ready.root.path).unlink(missing_ok=True)
    shut = call(ready.root.path, *PROMOTE)  # on the shipped settings, which no session ran on
    assert isinstance(shut.exception, GateFailed)
    assert "your name" not in shut.output
    done = call(ready.root.path, *PROMOTE, *TOLD, answers="\nA. Trader\nI have read the fills\n")
    assert (done.exit_code, done.output.count("your name")) == (0, 2)
    record = read_promotion(record_in(ready.root.path))
    assert record is not None and (record.operator, record.words) == ("A. Trader", "I have read the fills")


@pytest.mark.usefixtures("at_the_scene")
def test_progress_shows_each_gate_with_its_figures(
    ready: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """As far as evidence goes, open gates with their figures too; as a table or as one document."""
    asked = {"root": ready.root.path, "overrides": TRADING, "preset": None}
    command.show_progress(Phase.SEMI_AUTO, **asked, as_json=True)
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert (rows[0]["id"], len(rows)) == ("gate_sessions", 9)
    assert {row["verdict"] for row in rows} == {"pass", "skipped"}
    command.show_progress(Phase.SEMI_AUTO, **asked, as_json=False)
    shown = capsys.readouterr().out
    assert "complete SHADOW sessions: 8 (limit 7 or more)" in shown
