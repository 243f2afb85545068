"""The token at rest: whose, where, until when, and everything that makes its file unusable."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.upstox.client_parts import upstox_settings
from tests.adapters.upstox.login_parts import jwt, stored_token
from tests.fakes import TS
from volguard.adapters.upstox.credentials import Secret
from volguard.adapters.upstox.token_store import (
    StoredToken,
    TokenFile,
    TokenKind,
    decode_token,
    encode_token,
)
from volguard.model.errors import ConfigError, TokenError
from volguard.model.units import IST

MARKER = "m4rk3r-of-the-token"
DIES = datetime(2026, 9, 17, 3, 30, tzinfo=IST)


def token_file(folder: Path, account: str = "paper", **changes: Any) -> TokenFile:
    return TokenFile(folder, account, upstox_settings(**changes))


def test_a_token_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    """Everything but the mode of writing is the same again; the file is the owner's alone."""
    file, stored = token_file(tmp_path), stored_token(MARKER)
    file.save(stored)
    assert file.path == tmp_path / ".token-paper.json"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.load(TS) == file.read() == stored
    assert stored.expires_at == DIES and stored.kind is TokenKind.ACCESS
    assert file.read().issued_at.utcoffset() == timedelta(hours=5, minutes=30)


def test_a_rehearsal_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Each look-alike's address names its file, so that a rehearsal never touches the real token."""
    names = [
        token_file(tmp_path, base_url=url, order_url=f"{url}/hft", assets_url=f"{url}/assets").path.name
        for url in (
            "http://127.0.0.1:8765",
            "http://localhost:9000/",
            "http://[::1]:8765",
            "http://127.0.0.1",
        )
    ]
    assert names == [
        ".token-paper-127.0.0.1-8765.json",
        ".token-paper-localhost-9000.json",
        ".token-paper-__1-8765.json",
        ".token-paper-127.0.0.1-80.json",
    ]
    partly = token_file(tmp_path, base_url="http://127.0.0.1:8765")  # orders still leave for the broker
    assert partly.path.name == ".token-paper.json"


def test_no_form_of_a_stored_token_shows_it() -> None:
    """repr and str show ***; only its own encoding, for file and socket, holds it."""
    stored = stored_token(MARKER)
    assert MARKER not in f"{stored} {stored!r}"
    assert MARKER.encode() in encode_token(stored)


def test_a_long_lived_token_reads_alone() -> None:
    """One that outlives the next 03:30 by its own word is of the kind whose orders the broker refuses."""
    year = stored_token(jwt((TS + timedelta(days=365)).timestamp()))
    assert year.kind is TokenKind.LONG_LIVED
    usual = stored_token(jwt(DIES.timestamp()))
    assert (usual.kind, usual.expires_at) == (TokenKind.ACCESS, DIES)
    shorter = stored_token(jwt((TS + timedelta(hours=1)).timestamp()))
    assert (shorter.kind, shorter.expires_at) == (TokenKind.ACCESS, TS + timedelta(hours=1))


def test_a_token_that_comes_dead_is_refused() -> None:
    """Its own end lies before now: the clock of the machine is the first suspect."""
    with pytest.raises(TokenError, match="the token that came died at 09:59 IST on 16 Sep 2026") as caught:
        stored_token(jwt((TS - timedelta(minutes=1)).timestamp()))
    assert "clock" in caught.value.hint


def test_time_left_ends_at_the_expiry(tmp_path: Path) -> None:
    """Alive to the last second before, dead from the expiry on."""
    file, stored = token_file(tmp_path), stored_token()
    file.save(stored)
    almost = DIES - timedelta(seconds=1)
    assert (stored.left_s(almost), stored.is_expired(almost)) == (1.0, False)
    assert (stored.left_s(DIES), stored.is_expired(DIES)) == (0.0, True)
    assert stored.left_s(DIES + timedelta(days=1)) == 0.0
    assert file.load(almost) == stored
    with pytest.raises(TokenError, match="of VG0001 expired at 03:30 IST on 17 Sep 2026") as caught:
        file.load(DIES)
    assert (caught.value.exit_code, caught.value.hint) == (4, "volguard token")
    assert file.read() == stored  # still to be looked at


def test_no_token(tmp_path: Path) -> None:
    """None stored: log in."""
    file = token_file(tmp_path / "none-yet")
    with pytest.raises(TokenError, match="no access token for account paper") as caught:
        file.load(TS)
    assert (caught.value.exit_code, caught.value.hint) == (4, "volguard token")
    assert file.stamp() is None and not file.delete()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o606])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Looser than 0600: whoever could read it may have the token, so a new one is asked for as well."""
    file = token_file(tmp_path)
    file.save(stored_token(MARKER))
    file.path.chmod(mode)
    with pytest.raises(TokenError, match=f"was {mode:04o}, must be 0600") as caught:
        file.load(TS)
    assert f"chmod 600 {file.path}" in caught.value.hint and "volguard token" in caught.value.hint
    assert MARKER not in repr(caught.value)


def test_a_torn_file_is_refused_wherever_it_is_torn(tmp_path: Path) -> None:
    """Any beginning of the file is no token, and is not quoted."""
    file = token_file(tmp_path)
    file.save(stored_token(MARKER))
    whole = file.path.read_bytes()
    for length in range(len(whole)):
        file.path.write_bytes(whole[:length])
        with pytest.raises(TokenError, match="is torn or is no token") as caught:
            file.read()
        assert MARKER not in repr(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("access_token", ""),
        ("access_token", f"{MARKER} x"),
        ("access_token", 5),
        ("kind", "other"),
        ("issued_at", "2026-09-16T10:00:00"),
        ("expires_at", "soon"),
        ("user_id", None),
    ],
)
def test_a_changed_field_is_refused(tmp_path: Path, field: str, value: object) -> None:
    """A token without its zone, its kind, its person or a sendable text is none."""
    row = json.loads(encode_token(stored_token(MARKER)))
    file = token_file(tmp_path)
    file.path.write_text(json.dumps(row | {field: value}))
    file.path.chmod(0o600)
    with pytest.raises(TokenError, match="is torn or is no token") as caught:
        file.read()
    assert MARKER not in repr(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account": "other"}, "account of .* was 'other', must be 'paper'"),
        ({"base_url": "https://api-v2.upstox.com"}, "base_url of .* was 'https://api-v2.upstox.com', must"),
    ],
)
def test_a_token_of_another_account_or_address_is_refused(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    """A file that was copied or renamed does not pass for this account's."""
    file = token_file(tmp_path)
    file.save(stored_token(**changes))
    with pytest.raises(TokenError, match=said):
        file.read()


def test_a_newer_form_is_refused() -> None:
    """Another schema is not guessed at."""
    row = json.loads(encode_token(stored_token())) | {"schema": "volguard.access_token/2"}
    with pytest.raises(TokenError, match=r"schema of here was 'volguard\.access_token/2'"):
        decode_token(json.dumps(row).encode(), account="paper", settings=upstox_settings(), place="here")


def test_an_address_counts_without_its_last_slash(tmp_path: Path) -> None:
    """A slash more or less in the settings is the same broker."""
    file = token_file(tmp_path, base_url=f"{upstox_settings().base_url}/")
    file.save(stored_token())
    assert file.read().user_id == "VG0001"


def test_the_stamp_changes_with_the_file_and_with_its_mode(tmp_path: Path) -> None:
    """Another token, or the same one made private again, is seen."""
    file = token_file(tmp_path)
    file.save(stored_token("one"))
    first = file.stamp()
    assert first == file.stamp()
    file.path.chmod(0o644)
    second = file.stamp()
    file.path.chmod(0o600)
    file.save(stored_token("two"))
    assert len({first, second, file.stamp()}) == 3
    assert file.delete() and file.stamp() is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A token that cannot be stored is said, without it."""
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        token_file(tmp_path / "data").save(stored_token(MARKER))
    assert MARKER not in repr(caught.value)


def test_a_path_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder in its place is an unusable token, not a missing one."""
    file = token_file(tmp_path)
    file.path.mkdir()
    with pytest.raises(TokenError, match="is no plain file"):
        file.read()


def test_a_token_is_kept_in_india_time() -> None:
    """Whatever zone it was issued in, its times are IST."""
    moment = TS.astimezone()
    stored = StoredToken.of(
        Secret("t"), account="a", base_url="https://x/", user_id="U", user_name=None, issued_at=moment
    )
    assert stored.issued_at.tzinfo is IST and stored.base_url == "https://x"
