"""Load the settings, say where each came from, hash them, rebuild them from the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from volguard.config.roots import Root
from volguard.config.sources import RawSettings, Section, key_text, read_sources
from volguard.config.toml_lines import KeyPath
from volguard.config.typed import Builder, field_hints
from volguard.model.errors import ConfigError

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting as `config show` prints it; `value` as the journal holds it."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[SettingsT]):
    """Checked settings; `values` is their plain form for the journal, `digest` its BLAKE2b in hex."""

    settings: SettingsT
    values: Mapping[str, Any]
    digest: str
    rows: tuple[SettingRow, ...]

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each setting came from: file and line, preset, or `--set`."""
        return {row.key: row.origin for row in self.rows}


def load(
    root: Root,
    overrides: Sequence[str] = (),
    *,
    settings_class: type[SettingsT],
    sections: Sequence[Section],
    preset: str | None = None,
) -> Loaded[SettingsT]:
    """Read every section of `settings_class` from the root's config folder, then preset, then `overrides`.

    Each override is "key=value", the value in TOML or else plain text. There is one section per field,
    its type is the field's. Raises ConfigError naming file, line, key and value for whatever is missing,
    unknown, of the wrong type or out of range.
    """
    composition: Any = settings_class
    hints = field_hints(composition)
    _check_sections(sections, hints)
    raw = read_sources(root, overrides, sections, preset)
    builder = Builder(raw)
    arguments = {section.name: _section(raw, builder, section, hints[section.name]) for section in sections}
    settings: SettingsT = builder.construct(settings_class, arguments, ())
    values = values_of(settings)
    return Loaded(
        settings=settings,
        values=values,
        digest=digest_of(values),
        rows=_setting_rows(raw, builder.leaves, values),
    )


def values_of(settings: Any) -> Mapping[str, Any]:
    """All settings as plain JSON values, keys sorted, decimals as text without trailing zeros."""
    plain = msgspec.to_builtins(settings, order="sorted", str_keys=True, builtin_types=(Decimal,))
    values: Mapping[str, Any] = _canonical(plain)
    return values


def digest_of(values: Mapping[str, Any]) -> str:
    """BLAKE2b (32 bytes, hex) over the canonical JSON of the values; origins and paths play no part."""
    return blake2b(msgspec.json.encode(values, order="sorted"), digest_size=32).hexdigest()


def restore(values: Mapping[str, Any], settings_class: type[SettingsT]) -> SettingsT:
    """The very settings whose `values` a journal holds; ConfigError when this version has other ones."""
    try:
        settings = msgspec.convert(values, settings_class, str_keys=True)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"settings in the journal do not fit this version: {error}", hint=_OTHER_VERSION
        ) from error
    if digest_of(values_of(settings)) != digest_of(values):
        raise ConfigError("settings in the journal hold keys that this version lacks", hint=_OTHER_VERSION)
    return settings


_OTHER_VERSION = "use the version of volguard that wrote the journal"


def _check_sections(sections: Sequence[Section], hints: Mapping[str, Any]) -> None:
    # a fault of the program, not of the user
    names = [section.name for section in sections]
    if sorted(names) != sorted(hints):
        raise TypeError(f"sections were {names}, must be {list(hints)}")
    if len({section.path for section in sections}) != len(names):
        raise TypeError(f"two of the sections {names} are written in the same table")


def _section(raw: RawSettings, builder: Builder, section: Section, hint: Any) -> Any:
    if section.path not in raw.values:
        raise ConfigError(
            f"{raw.origin(section.path)}: missing table [{section.table}]",
            hint="every setting is written out; restore the table from the repository's config folder",
        )
    return builder.build(hint, raw.values[section.path], section.path)


def _setting_rows(
    raw: RawSettings, leaves: Sequence[KeyPath], values: Mapping[str, Any]
) -> tuple[SettingRow, ...]:
    # an override inside a row of a table array shows beside that row
    inside = [path for path in raw.overridden if any(path[: len(leaf)] == leaf != path for leaf in leaves)]
    rows = []
    for path in (*leaves, *inside):
        value = _value_at(raw.sections, values, path)
        rows.append(SettingRow(key=key_text(path), value=value, origin=raw.origin(path)))
    return tuple(sorted(rows, key=lambda row: row.key))


def _value_at(sections: Sequence[Section], values: Mapping[str, Any], path: KeyPath) -> Any:
    owner = max((one for one in sections if path[: len(one.path)] == one.path), key=lambda one: len(one.path))
    value: Any = values[owner.name]
    for part in path[len(owner.path) :]:
        value = value[part]
    return value


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(held) for held in value]
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value
