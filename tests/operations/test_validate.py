"""A validation is a row per check: nothing that a check raises on purpose ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operations.validate_scenes import BY_ID, figures, row_of, scene_in
from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import ErrorClass
from volguard.model.decision import Phase
from volguard.model.errors import TokenError, UsageError, VolguardError
from volguard.operations.validate import CHECKS, GATES, chosen, is_connected, look, validate_document
from volguard.operations.validate_context import ContextRequest, loaded_of
from volguard.operations.validate_row import (
    Check,
    Context,
    Evidence,
    Finding,
    Row,
    Verdict,
    failed,
    looked_at,
    passed,
    warned,
)
from volguard.operations.validate_scene import Scene, root_at


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_in(tmp_path_factory.mktemp("scene")) as made:
        yield made


@pytest.fixture(scope="module")
def sound(scene: Scene) -> Context:
    return scene.context()


def raising(error: Exception) -> Check:
    def raise_it(_context: Context) -> Finding:
        raise error

    return Check(id="raising", title="raises", look=raise_it)


NO_TOKEN = TokenError("no access token", hint="volguard token")
AWAY = ApiFailure("profile: no answer", error_class=ErrorClass.NETWORK, endpoint="profile", hint="try again")


@pytest.mark.parametrize("error", [NO_TOKEN, AWAY], ids=lambda error: type(error).__name__)
def test_what_a_check_raises_on_purpose_is_a_failed_row(sound: Context, error: VolguardError) -> None:
    """A missing token or a broker that is away is told in its row with its mend, and ends nothing."""
    row = looked_at(raising(error), sound)
    assert (row.verdict, row.finding.reason, row.finding.mend) == (Verdict.FAIL, error.message, error.hint)


def test_a_file_that_cannot_be_read_is_a_failed_row(sound: Context) -> None:
    """An error of the operating system names its file and never leaves as a traceback."""
    row = looked_at(raising(PermissionError(13, "Permission denied", "/some/file")), sound)
    assert row.verdict is Verdict.FAIL
    assert row.finding.reason == "/some/file: Permission denied"


def test_a_fault_of_the_program_is_not_hidden(sound: Context) -> None:
    """What nobody raises on purpose is a fault of the program and is not dressed up as a row."""
    with pytest.raises(ZeroDivisionError):
        looked_at(raising(ZeroDivisionError()), sound)


def test_without_the_network_live_checks_are_skipped(sound: Context) -> None:
    """Every check that asks the broker is skipped without --live, and says so."""
    rows = [row_of(sound, check.id) for check in CHECKS if check.is_live]
    assert len(rows) == 10
    assert {(row.verdict, row.finding.reason) for row in rows} == {(Verdict.SKIPPED, "needs the network")}
    assert {row.finding.mend for row in rows} == {"add --live"}


def test_without_settings_only_what_needs_none_is_looked_at(sound: Context) -> None:
    """Without a configuration, checks that need it are skipped; files and locks are looked at."""
    bare = replace(sound, loaded=None, rules_made=None)
    verdicts = {check.id: row_of(bare, check.id) for check in CHECKS}
    skipped = {name for name, row in verdicts.items() if row.verdict is Verdict.SKIPPED}
    looked = {"configuration", "secret_files", "time_zone", "journal_folder", "disk", "journal_chain"}
    assert skipped.isdisjoint(looked | {"kill_switch", "lock"})
    assert verdicts["token"].finding.reason == "the configuration does not load"
    assert verdicts["rest"].finding.reason == "the configuration does not load"


def test_a_broken_configuration_is_no_context_but_a_row(scene: Scene) -> None:
    """A configuration that does not load gives no settings, and its own row says what is wrong."""
    folder = scene.folder()
    (folder / "config/stress.toml").write_text("nonsense = 1\n")
    request = ContextRequest(
        root=root_at(folder), overrides=(), preset=None, environ={}, is_live=False, phase=None
    )
    assert loaded_of(request) is None
    row = row_of(scene.context(folder), "configuration")
    assert row.verdict is Verdict.FAIL
    assert "stress.toml" in row.finding.reason


def test_every_check_has_a_name_of_its_own() -> None:
    """A row is found by its id, so no two checks share one."""
    assert len(BY_ID) == len(CHECKS) + len(GATES) == 38


def test_one_check_can_be_asked_for() -> None:
    """--only looks at the named checks, in the order of the registry."""
    assert [check.id for check in chosen(("lock", "limits"), None)] == ["limits", "lock"]


def test_an_unknown_check_is_refused() -> None:
    """A name that no check has is a mistyped call, answered with the names there are."""
    with pytest.raises(UsageError, match="there is no check limit, known are configuration, limits"):
        chosen(("limit",), None)


def test_gates_are_looked_at_before_a_promotion_alone() -> None:
    """SHADOW needs no evidence; the phases after it need every gate."""
    assert chosen((), None) == chosen((), Phase.SHADOW) == CHECKS
    assert chosen((), Phase.SEMI_AUTO) == (*CHECKS, *GATES)
    with pytest.raises(UsageError) as refused:
        chosen(("gate_drill",), None)
    assert refused.value.hint == "gates need --phase"


def row(name: str, finding: Finding) -> Row:
    return Row(id=name, finding=finding)


def test_connectivity_needs_all_three_ties() -> None:
    """Connectivity is verified when REST, feed and portfolio stream all passed: a warning is not enough."""
    ties = [row(name, passed("good")) for name in ("rest", "feed", "portfolio_stream")]
    assert is_connected(ties)
    assert not is_connected(ties[1:])
    assert not is_connected([*ties[:2], row("portfolio_stream", warned("slow", mend="wait"))])
    assert not is_connected([*ties[:2], row("portfolio_stream", failed("gone", mend="wait"))])


def test_the_document_holds_every_row_with_its_figures(sound: Context) -> None:
    """The document counts verdicts, keeps figures beside their limits, and is good without a failed row."""
    rows = [
        row(
            "one",
            passed("well", Evidence(name="age", seen="3 s", limit="10 s"), Evidence(name="n", seen="4")),
        ),
        row("two", warned("so so", mend="mend it")),
    ]
    document = validate_document(rows, sound)
    assert document["ok"] is True
    assert document["counts"] == {"pass": 1, "warn": 1, "fail": 0, "skipped": 0}
    assert document["rows"][0]["evidence"] == [
        {"name": "age", "seen": "3 s", "limit": "10 s"},
        {"name": "n", "seen": "4", "limit": None},
    ]
    assert document["rows"][1]["mend"] == "mend it"
    assert (document["live"], document["connectivity_verified"]) == (False, False)
    assert validate_document([row("three", failed("no", mend="x"))], sound)["ok"] is False


def test_each_check_is_announced_before_it_is_looked_at(sound: Context) -> None:
    """The operator sees what is being looked at while it takes its time."""
    told: list[str] = []
    rows = look(chosen(("disk", "lock"), None), sound, lambda check: told.append(check.id))
    assert told == [one.id for one in rows] == ["disk", "lock"]


def test_a_sound_folder_passes_offline(sound: Context) -> None:
    """On a sound folder offline checks pass, but for events that nobody lists and alerts that nobody set."""
    verdicts = {check.id: row_of(sound, check.id).verdict for check in CHECKS if not check.is_live}
    others = {name: verdict for name, verdict in verdicts.items() if verdict is not Verdict.PASS}
    assert others == {"events": Verdict.WARN, "alerts": Verdict.SKIPPED}
    assert "no channel is configured" in row_of(sound, "alerts").finding.reason


def test_every_row_shows_what_it_saw(sound: Context) -> None:
    """A verdict without a figure cannot be checked by a person: every row that was looked at has one."""
    for check in CHECKS:
        found = row_of(sound, check.id)
        if found.verdict is not Verdict.SKIPPED:
            assert found.finding.evidence, check.id
        if found.verdict in (Verdict.FAIL, Verdict.WARN):
            assert found.finding.mend, check.id


def test_a_mend_is_aimed_where_the_look_was(scene: Scene) -> None:
    """In a rehearsal the mending command goes to the look-alike, never to the broker."""
    folder: Path = scene.folder()
    to = 'upstox.{}_url="http://127.0.0.1:9{}"'
    context = scene.context(
        folder, to.format("base", ""), to.format("order", "/hft"), to.format("assets", "/a")
    )
    found = row_of(context, "instruments")
    assert found.finding.mend == "volguard data instruments --base-url http://127.0.0.1:9"
    assert "data/rehearsal/instruments" in found.finding.reason
    assert row_of(context, "token").finding.mend == "volguard token --base-url http://127.0.0.1:9"
    assert figures(row_of(context, "secrets")) == {"address": ("http://127.0.0.1:9", "")}
