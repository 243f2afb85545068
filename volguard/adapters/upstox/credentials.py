"""Key and secret of the operator's app: from the environment, else from a .env file of mode 0600."""

from __future__ import annotations

import hmac
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from volguard.adapters.private_file import read_private
from volguard.model.errors import ConfigError

KEY_VARIABLE: Final = "VOLGUARD_UPSTOX_API_KEY"
SECRET_VARIABLE: Final = "VOLGUARD_UPSTOX_API_SECRET"
MASK: Final = "***"


class Secret:
    """A text that no repr, message or format shows; `reveal` is the one way to it."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        """Raises ValueError on a text that is empty, or could not go into a header."""
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("a secret was empty, or held a space or a character that no header can carry")
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the request that needs it and for nothing else."""
        return self.__text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__text, other.__text)

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCredentials:
    """The app's key (public: it stands in the login address) and its secret."""

    api_key: Secret
    api_secret: Secret


def read_credentials(environ: Mapping[str, str], env_file: Path) -> ApiCredentials:
    """Each from the environment, else from `env_file`, whose values never enter the environment.

    Raises ConfigError naming what is missing, and NotPrivate when others could read the file.
    """
    found = {name: environ.get(name, "") for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    if not all(found.values()):
        stored = _stored(env_file)
        found = {name: value or stored.get(name, "") for name, value in found.items()}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} neither in the environment nor in {env_file}",
            hint=f"copy .env.example to {env_file}, fill it in, chmod 600 {env_file}",
        )
    return ApiCredentials(
        api_key=_secret(KEY_VARIABLE, found[KEY_VARIABLE]),
        api_secret=_secret(SECRET_VARIABLE, found[SECRET_VARIABLE]),
    )


def _stored(env_file: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values  # needed only where the environment does not have them

    try:
        content = read_private(env_file).decode(errors="replace")  # what was replaced no secret may hold
    except FileNotFoundError:
        return {}
    values = dotenv_values(stream=io.StringIO(content), interpolate=False)
    return {name: value for name, value in values.items() if value}


def _secret(name: str, text: str) -> Secret:
    try:
        return Secret(text.strip())
    except ValueError:
        raise ConfigError(f"{name} holds a space or a character that no header can carry") from None
