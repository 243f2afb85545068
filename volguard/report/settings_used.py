"""The settings a session ran with, beside where each came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from volguard.model.event import SessionStarted

CHANGED_BY: Final = ("--set", "preset")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingUsed:
    """One setting; `value` None where the origin names a key that the settings do not hold."""

    key: str
    value: Any
    origin: str

    @property
    def is_changed(self) -> bool:
        """It was changed for this session, by an override or a preset, not written in the files."""
        return self.origin.startswith(CHANGED_BY)


def settings_used(session: SessionStarted) -> tuple[SettingUsed, ...]:
    """Every setting with an origin, sorted by key."""
    values = dict(_leaves(session.settings, ""))
    return tuple(
        SettingUsed(key=key, value=_found(values, key), origin=session.settings_origins[key])
        for key in sorted(session.settings_origins)
    )


def setting_named(session: SessionStarted, name: str) -> Any:
    """The value of the only setting with that last word, None when there is none or several."""
    found = [value for key, value in _leaves(session.settings, "") if key.rpartition(".")[2] == name]
    return found[0] if len(found) == 1 else None


def _found(values: Mapping[str, Any], key: str) -> Any:
    # The files' table names may differ from the parts' names: compare from the last word backwards.
    words = key.split(".")
    for start in range(len(words)):
        tail = ".".join(words[start:])
        found = [value for name, value in values.items() if name == tail or name.endswith(f".{tail}")]
        if len(found) == 1:
            return found[0]
    return None


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, held in value.items():
            yield from _leaves(held, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
