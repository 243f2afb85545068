"""`volguard validate` as an operator and as a script run it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.command import Day, together, volguard
from volguard.operations.validate import CHECKS, GATES

SECRET = "a-secret-of-the-operator"


def test_a_fresh_folder_is_not_ready_and_says_what_to_do(fresh_root: Path) -> None:
    """Exit 3 with a row per check, none of them about the network, each failure with its mend."""
    table, as_json = together((("validate",), fresh_root), (("validate", "--json"), fresh_root))
    assert (table.code, as_json.code) == (3, 3)
    document = as_json.document
    assert document["schema"] == "volguard.validate/1"
    assert (document["ok"], document["live"], document["connectivity_verified"]) == (False, False, False)
    rows = {row["id"]: row for row in document["rows"]}
    assert list(rows) == [check.id for check in CHECKS]
    failing = {name for name, row in rows.items() if row["verdict"] == "fail"}
    assert {"secrets", "token", "instruments", "history"} <= failing
    assert all(rows[name]["mend"] for name in failing)
    assert {row["verdict"] for name, row in rows.items() if name in ("rest", "feed", "funds")} == {"skipped"}
    assert "NOT READY" in table.out and "volguard token" in table.out
    assert "CONNECTIVITY VERIFIED" not in table.out


def test_one_check_alone_decides_the_exit_code(fresh_root: Path) -> None:
    """--only looks at one thing, shows its figures, and exits by it."""
    calls = together(
        (("validate", "--only", "limits"), fresh_root),
        (("validate", "--only", "limits", "--set", "limits.orders_per_second_max=11"), fresh_root),
        (("validate", "--only", "nothing", "--json"), fresh_root),
        (("validate", "--only", "gate_sessions", "--phase", "SEMI_AUTO"), fresh_root),
    )
    assert [done.code for done in calls] == [0, 3, 2, 3]
    assert "hard_stop_share 0.03" in calls[0].out
    assert "orders_per_second_max was 11" in calls[1].out
    assert "there is no check nothing" in calls[2].error["error"]
    assert "0 complete SHADOW sessions" in calls[3].out


def test_a_broken_configuration_is_a_row(fresh_root: Path) -> None:
    """A file that cannot be read is told in its row with its place: the other rows still stand."""
    path = fresh_root / "config/volguard.toml"
    path.write_text(path.read_text().replace("[account]\n", "[account]\nnonsense = 1\n"))
    done = volguard("validate", "--json", root=fresh_root)
    assert done.code == 3
    rows = {row["id"]: row for row in done.document["rows"]}
    assert rows["configuration"]["verdict"] == "fail"
    assert "config/volguard.toml:" in rows["configuration"]["reason"]
    assert rows["disk"]["verdict"] in ("pass", "warn")
    assert done.document["broker"] is None


def test_no_secret_is_printed(fresh_root: Path) -> None:
    """Key and secret are looked at and shown nowhere, in neither form, nor in the progress."""
    env = fresh_root / ".env"
    env.write_text(f"VOLGUARD_UPSTOX_API_KEY={SECRET}-key\nVOLGUARD_UPSTOX_API_SECRET={SECRET}\n")
    env.chmod(0o600)
    table, as_json = together((("validate",), fresh_root), (("validate", "--json"), fresh_root))
    rows = {row["id"]: row["verdict"] for row in as_json.document["rows"]}
    assert (rows["secrets"], rows["secret_files"]) == ("pass", "pass")
    assert SECRET not in table.out + table.err + as_json.out + as_json.err


def test_a_simulated_day_is_verified_and_is_no_evidence(short_day: Day, fresh_root: Path) -> None:
    """The newest journal's chain is looked at whoever wrote it; for a promotion only live sessions count."""
    shutil.copytree(short_day.root / "journal", fresh_root / "journal")
    done = volguard("validate", "--phase", "SEMI_AUTO", "--json", root=fresh_root)
    rows = {row["id"]: row for row in done.document["rows"]}
    assert list(rows)[-len(GATES) :] == [gate.id for gate in GATES]
    assert rows["journal_chain"]["verdict"] == "pass"
    assert rows["lock"]["verdict"] == "pass"
    assert rows["gate_chain"]["verdict"] == "fail"
    assert rows["gate_drill"]["reason"] == "no drill is kept"
    assert rows["gate_slippage"]["reason"].startswith("no complete SHADOW session")
    assert done.document["phase"] == "SEMI_AUTO"


def test_a_look_alike_that_is_away_is_told(fresh_root: Path) -> None:
    """Exit 75 and how to start one: without it there is no time to check at."""
    done = volguard("validate", "--live", "--base-url", "http://127.0.0.1:9", "--json", root=fresh_root)
    assert done.code == 75
    assert done.error["hint"] == "start one with volguard simulator serve"


def test_the_self_test_shows_that_every_check_can_fail(fresh_root: Path) -> None:
    """Exit 0 and a line for each way in which each check was broken; it takes no other option."""
    done, refused = together(
        (("validate", "--self-test", "--json"), fresh_root),
        (("validate", "--self-test", "--live", "--json"), fresh_root),
    )
    assert done.code == 0, done.err
    document = done.document
    assert (document["schema"], document["ok"]) == ("volguard.validate_self_test/1", True)
    assert {row["id"] for row in document["rows"]} == {check.id for check in (*CHECKS, *GATES)}
    assert {row["broken"]["verdict"] for row in document["rows"]} == {"fail", "warn"}
    assert refused.code == 2
