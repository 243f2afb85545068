"""Key and secret: where they come from, and that nothing shows them."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path

import pytest

from volguard.adapters.private_file import NotPrivate
from volguard.adapters.upstox.credentials import (
    KEY_VARIABLE,
    SECRET_VARIABLE,
    ApiCredentials,
    Secret,
    read_credentials,
)
from volguard.model.errors import ConfigError

MARKER = "m4rk3r-of-the-secret"


def env_file(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / ".env"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_secret_shows_in_no_form() -> None:
    """repr, str, format, f-string, containers and errors about it show *** and never the text."""
    secret = Secret(MARKER)
    held = ApiCredentials(api_key=Secret("key"), api_secret=secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret]  # noqa: UP031
    assert set(shown) == {"***"}
    assert MARKER not in f"{held} {[secret]} { ({'x': secret}) }"
    assert repr(held) == "ApiCredentials(api_key=***, api_secret=***)"
    assert secret.reveal() == MARKER


def test_a_secret_is_not_written_by_accident() -> None:
    """It is neither pickled, copied, iterated nor turned into JSON."""
    secret = Secret(MARKER)
    for write in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps, list, len, vars):
        with pytest.raises(TypeError) as caught:
            write(secret)  # type: ignore[operator]
        assert MARKER not in str(caught.value)


def test_secrets_are_compared_by_what_they_hide() -> None:
    """Equal texts are equal secrets; a plain text never equals one."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


@pytest.mark.parametrize("text", ["", "two words", "line\nbreak", "tab\t", "naïve", "nul\x00"])
def test_a_secret_that_no_header_can_carry_is_refused(text: str) -> None:
    """Empty, spaced, broken over lines or outside ASCII: refused, without being quoted."""
    with pytest.raises(ValueError, match="empty, or held a space") as caught:
        Secret(text)
    assert not text or text not in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Each value comes from the environment where it is there, else from .env; others in it are ignored."""
    path = env_file(tmp_path, f"{KEY_VARIABLE}=file-key\n# note\n{SECRET_VARIABLE}='file-secret'\nOTHER=1\n")
    both = read_credentials({}, path)
    assert (both.api_key.reveal(), both.api_secret.reveal()) == ("file-key", "file-secret")
    mixed = read_credentials({KEY_VARIABLE: "env-key"}, path)
    assert (mixed.api_key.reveal(), mixed.api_secret.reveal()) == ("env-key", "file-secret")


def test_the_file_never_enters_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of .env are read for this call alone, and nothing in them is expanded."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    path = env_file(tmp_path, f"{KEY_VARIABLE}=a${{HOME}}b\n{SECRET_VARIABLE}=s\n")
    assert read_credentials({}, path).api_key.reveal() == "a${HOME}b"
    assert KEY_VARIABLE not in os.environ


def test_a_file_that_is_not_needed_is_not_looked_at(tmp_path: Path) -> None:
    """With both in the environment even a lax .env does not matter."""
    path = env_file(tmp_path, "", 0o644)
    found = read_credentials({KEY_VARIABLE: "k", SECRET_VARIABLE: "s"}, path)
    assert found == ApiCredentials(api_key=Secret("k"), api_secret=Secret("s"))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Looser than 0600 is refused with the command that mends it; its content is not quoted."""
    path = env_file(tmp_path, f"{KEY_VARIABLE}={MARKER}\n{SECRET_VARIABLE}={MARKER}\n", mode)
    with pytest.raises(NotPrivate, match="others could read it") as caught:
        read_credentials({}, path)
    assert caught.value.hint == f"chmod 600 {path}"
    assert MARKER not in repr(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("", f"{KEY_VARIABLE} and {SECRET_VARIABLE}"),
        (f"{KEY_VARIABLE}=k\n", SECRET_VARIABLE),
        (f"{SECRET_VARIABLE}=s\n{KEY_VARIABLE}=\n", KEY_VARIABLE),
        (None, f"{KEY_VARIABLE} and {SECRET_VARIABLE}"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, text: str | None, missing: str) -> None:
    """The message says which of the two is nowhere, and the hint how to give it."""
    path = tmp_path / ".env" if text is None else env_file(tmp_path, text)
    with pytest.raises(ConfigError, match=f"^{missing} neither in the environment nor in ") as caught:
        read_credentials({}, path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("bad", [f"{MARKER} spaced", f"{MARKER}ü"])
def test_a_value_that_cannot_be_sent_is_named_and_not_quoted(tmp_path: Path, bad: str) -> None:
    """The variable is named; the value is not shown."""
    path = env_file(tmp_path, f"{KEY_VARIABLE}=k\n{SECRET_VARIABLE}='{bad}'\n")
    with pytest.raises(ConfigError, match=f"{SECRET_VARIABLE} holds a space") as caught:
        read_credentials({}, path)
    assert MARKER not in repr(caught.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no secret either, and are not quoted."""
    path = tmp_path / ".env"
    path.write_bytes(f"{KEY_VARIABLE}=k\n{SECRET_VARIABLE}={MARKER}".encode() + b"\xff\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=SECRET_VARIABLE) as caught:
        read_credentials({}, path)
    assert MARKER not in repr(caught.value) and caught.value.__cause__ is None


def test_the_example_file_names_what_is_read() -> None:
    """.env.example shows both variables, and holds no value for either."""
    text = (Path(__file__).resolve().parents[3] / ".env.example").read_text()
    for name in (KEY_VARIABLE, SECRET_VARIABLE):
        assert f"# {name}=\n" in text
    assert "chmod 600" in text
