"""Raw settings from every source in order of precedence: files, then a preset, then `--set`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from volguard.config.roots import MAIN_FILE, Root
from volguard.config.toml_lines import KeyPath, key_lines
from volguard.model.errors import ConfigError

PRESET_TABLE = "preset"
OVERRIDE_ORIGIN = "--set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Where one field of the settings is written: a table (dotted if nested), or a whole file if it is empty.

    Keys of the section begin with its table, those of a whole file with its name.
    """

    name: str
    file: str
    table: str = ""

    @property
    def path(self) -> KeyPath:
        """The section's place among the keys."""
        return tuple((self.table or self.name).split("."))

    @property
    def depth(self) -> int:
        """Parts of the table's name: nested tables are taken out before those that hold them."""
        return len(self.path) if self.table else 0


class RawSettings:
    """Unchecked values by section, and for each key the place it came from."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.sections = tuple(sections)
        self.values: dict[KeyPath, Any] = {}
        self.origins: dict[KeyPath, str] = {}
        self.presets: dict[str, Any] = {}
        self.overridden: dict[KeyPath, str] = {}  # the text of a `--set`, empty for a preset's

    def origin(self, path: KeyPath) -> str:
        """The place of this key, or of the nearest one that holds it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
        return ""

    def put(self, key: str, value: Any, *, origin: str, text: str = "") -> None:
        """Override one key; ConfigError when no section holds it or it lies below a plain value."""
        words = tuple(key.split("."))
        owners = [section.path for section in self.sections if words[: len(section.path)] == section.path]
        if not owners:
            known = [
                text for path in self.origins if path[0] != PRESET_TABLE and (text := key_text(path)) != key
            ]
            raise ConfigError(f"{origin}: unknown key {key}, {nearest(key, known)}")
        path = max(owners, key=len)
        holder: Any = self.values
        part: Any = path
        for word in words[len(path) :]:
            if isinstance(holder, dict) and part not in holder:
                holder[part] = {}
                self.origins[path] = origin
            holder = holder[part]
            part = _part_of(holder, path, word, origin)
            path = (*path, part)
        holder[part] = value
        self._mark(path, origin, text)

    def _mark(self, path: KeyPath, origin: str, text: str) -> None:
        # what stood below a replaced table is gone
        for notes in (self.origins, self.overridden):
            for below in [other for other in notes if other[: len(path)] == path]:
                del notes[below]
        self.origins[path] = origin
        self.overridden[path] = text


def read_sources(
    root: Root, overrides: Sequence[str], sections: Sequence[Section], preset: str | None
) -> RawSettings:
    """Values of all sources merged, the later one wins; ConfigError names file, line and key."""
    raw = RawSettings(sections)
    for file in sorted({section.file for section in sections}):
        _read_file(root, file, raw)
    if preset is not None:
        _apply_preset(root, raw, preset)
    for override in overrides:
        _apply_override(raw, override)
    return raw


def key_text(path: KeyPath) -> str:
    """A key as people write it, parts joined by dots."""
    return ".".join(str(part) for part in path)


def nearest(key: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown key: the closest known one, or all of them."""
    from difflib import get_close_matches  # only ever needed for an error

    names = sorted(set(known))
    close = [name for name in names if name.endswith(f".{key}")] or get_close_matches(key, names, 1, 0.5)
    return f"nearest known is {close[0]}" if close else f"known are {', '.join(names) or 'none'}"


def shown(value: object) -> str:
    """A value as it is written in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "an array"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _read_file(root: Root, file: str, raw: RawSettings) -> None:
    text = _read_text(root, file)
    document = _parse(text, root.place(file))
    sections = [section for section in raw.sections if section.file == file]
    places = {path: f"{root.place(file)}:{line}" for path, line in key_lines(text).items()}
    if file == MAIN_FILE and isinstance(document.get(PRESET_TABLE), dict):
        raw.presets = document.pop(PRESET_TABLE)
    for section in sections:
        raw.origins[section.path] = root.place(file)
    for path, place in places.items():
        raw.origins[_as_setting(path, sections)] = place
    for section in sorted(sections, key=lambda section: -section.depth):
        if section.depth == 0:
            raw.values[section.path], document = document, {}
        else:
            _take_table(document, section, places, raw)
    _refuse_leftovers(document, (), sections, places)


def _read_text(root: Root, file: str) -> str:
    try:
        return (root.config_dir / file).read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        raise ConfigError(
            f"{root.place(file)} is missing from {root.config_dir}",
            hint=f"restore {file} from the repository's config folder; no setting has a default outside it",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{root.place(file)}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{root.place(file)} cannot be read: {error.strerror}") from error


def _parse(text: str, place: str) -> dict[str, Any]:
    try:
        # Decimal keeps an amount as written; it becomes a float only where the setting is one
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", str(error))
        what, line = (found[1], found[2]) if found else (str(error), str(text.count("\n") + 1))
        raise ConfigError(f"{place}:{line}: not valid TOML: {what.split(' (at ')[0]}") from None


def _as_setting(path: KeyPath, sections: Sequence[Section]) -> KeyPath:
    whole = next((section for section in sections if section.depth == 0), None)
    is_table = any(
        section.depth and path[: section.depth] == section.path[: len(path)] for section in sections
    )
    if whole is None or is_table or path[0] == PRESET_TABLE:
        return path
    return whole.path + path


def _take_table(
    document: dict[str, Any], section: Section, places: Mapping[KeyPath, str], raw: RawSettings
) -> None:
    # an emptied parent goes too, so that whatever is left is unknown
    holders: list[tuple[dict[str, Any], str]] = []
    node: Any = document
    for end, part in enumerate(section.path, start=1):
        if part not in node:
            return
        holders.append((node, str(part)))
        node = node[part]
        if end < section.depth and not isinstance(node, dict):
            raise _not_a_table(places[section.path[:end]], section.path[:end], node)
    raw.values[section.path] = node
    for holder, key in reversed(holders):
        if holder[key] is node or not holder[key]:
            del holder[key]


def _refuse_leftovers(
    node: Mapping[str, Any], path: KeyPath, sections: Sequence[Section], places: Mapping[KeyPath, str]
) -> None:
    known = [section.path for section in sections if section.path[: len(path)] == path]
    for key, value in node.items():
        here = (*path, key)
        if isinstance(value, dict) and any(table[: len(here)] == here for table in known):
            _refuse_leftovers(value, here, sections, places)
        else:
            names = [key_text(table[: len(here)]) for table in known if len(table) >= len(here)]
            raise ConfigError(
                f"{places[here]}: unknown key {key_text(here)}, {nearest(key_text(here), names)}"
            )


def _part_of(holder: object, path: KeyPath, word: str, origin: str) -> str | int:
    if isinstance(holder, dict):
        return word
    if not isinstance(holder, list):
        raise _not_a_table(origin, path, holder)
    if not word.isdecimal() or int(word) >= len(holder):
        there = f"{key_text(path)} has {len(holder)} rows, numbered from 0"
        raise ConfigError(f"{origin}: unknown key {key_text((*path, word))}, {there}")
    return int(word)


def _not_a_table(origin: str, path: KeyPath, value: object) -> ConfigError:
    return ConfigError(f"{origin}: {key_text(path)} was {shown(value)}, must be a table")


def _apply_preset(root: Root, raw: RawSettings, preset: str) -> None:
    chosen = raw.presets.get(preset)
    if not isinstance(chosen, dict):
        raise ConfigError(
            f"--preset was {preset}, {nearest(preset, raw.presets)}",
            hint=f"presets are the [{PRESET_TABLE}.NAME] tables of {root.place(MAIN_FILE)}",
        )
    for path, value in _leaves(chosen, (PRESET_TABLE, preset)):
        raw.put(key_text(path[2:]), value, origin=f"preset {preset} {raw.origin(path)}")


def _leaves(table: Mapping[str, Any], path: KeyPath) -> Iterable[tuple[KeyPath, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _apply_override(raw: RawSettings, override: str) -> None:
    key, equals, text = override.partition("=")
    if not (key.strip() and equals):
        raise ConfigError(f"--set was {override}, must be key=value", hint="for example --set table.key=3")
    raw.put(key.strip(), _override_value(text.strip()), origin=OVERRIDE_ORIGIN, text=text.strip())


def _override_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text
