"""Raw values into the frozen settings classes; each fault names place, key, value and what is expected."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import msgspec

from volguard.config.sources import RawSettings, key_text, nearest, shown
from volguard.config.toml_lines import KeyPath
from volguard.model.errors import ConfigError

_WORDS: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text",
    date: "a date such as 2026-09-16",
    datetime: "a date with a time",
    time: "a time such as 09:15:00",
}


class Builder:
    """Builds typed values and remembers the path of every leaf (a row of a table array counts as one)."""

    def __init__(self, raw: RawSettings) -> None:
        self._raw = raw
        self.leaves: list[KeyPath] = []

    def build(self, hint: Any, value: Any, path: KeyPath, *, is_row: bool = False) -> Any:
        """The value as its annotation wants it; ConfigError when it does not fit.

        Tables become dataclasses or mappings sorted by key, arrays tuples; a key annotated `X | None`
        may be left out, every other one must be written.
        """
        hint = _bare(hint)
        if is_dataclass(hint):
            return self._instance(hint, value, path, is_row=is_row)
        if get_origin(hint) in (Mapping, dict):
            return self._mapping(hint, value, path, is_row=is_row)
        if get_origin(hint) is tuple:
            return self._rows(hint, value, path, is_row=is_row)
        self._note(path, is_row=is_row)
        return self._leaf(hint, value, path)

    def refused(self, path: KeyPath, value: object, expected: str) -> ConfigError:
        """The error for a value that does not fit its key."""
        return ConfigError(
            f"{self._raw.origin(path)}: {key_text(path)} was {shown(value)}, must be {expected}"
        )

    def construct(self, settings_class: Any, arguments: Mapping[str, Any], path: KeyPath) -> Any:
        """An instance; a ValueError of its own checks is told with the place of the field it names."""
        try:
            return settings_class(**arguments)
        except ValueError as error:
            raise self._out_of_range(str(error), arguments, path) from error

    def _out_of_range(self, message: str, arguments: Mapping[str, Any], path: KeyPath) -> ConfigError:
        subject = message.split(" ", 1)[0].rstrip(",:")
        words = subject.replace("[", ".").replace("]", "").split(".")
        if words[0] not in arguments:
            told = f"{key_text(path)}: {message}" if path else message
            return ConfigError(": ".join(filter(None, (self._raw.origin(path), told))))
        if not path:  # a check across sections names the section first
            path = next(section.path for section in self._raw.sections if section.name == words[0])
            words = words[1:]
        full = path + tuple(int(word) if word.isdecimal() else word for word in words)
        return ConfigError(f"{self._raw.origin(full)}: {key_text(full)}{message[len(subject) :]}")

    def _note(self, *paths: KeyPath, is_row: bool) -> None:
        if not is_row:
            self.leaves.extend(paths)

    def _table(self, value: Any, path: KeyPath) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.refused(path, value, "a table")
        return value

    def _instance(self, settings_class: Any, value: Any, path: KeyPath, *, is_row: bool) -> Any:
        table = self._table(value, path)
        hints = field_hints(settings_class)
        for key in table:
            if key not in hints:
                raise self._unknown((*path, key), [key_text((*path, name)) for name in hints])
        arguments = {}
        for name, hint in hints.items():
            if name in table:
                arguments[name] = self.build(hint, table[name], (*path, name), is_row=is_row)
            elif type(None) in get_args(hint):
                self._note((*path, name), is_row=is_row)
                arguments[name] = None
            else:
                raise self._missing((*path, name), hint)
        return self.construct(settings_class, arguments, path)

    def _unknown(self, path: KeyPath, known: Sequence[str]) -> ConfigError:
        key = key_text(path)
        return ConfigError(f"{self._raw.origin(path)}: unknown key {key}, {nearest(key, known)}")

    def _missing(self, path: KeyPath, hint: Any) -> ConfigError:
        return ConfigError(
            f"{self._raw.origin(path)}: missing key {key_text(path)}",
            hint=f"every setting is written out; add {path[-1]} ({_expected_of(hint)})",
        )

    def _mapping(self, hint: Any, value: Any, path: KeyPath, *, is_row: bool) -> Any:
        table = self._table(value, path)
        key_hint, value_hint = get_args(hint)
        if not table:
            self._note(path, is_row=is_row)
        # sorted: nothing may depend on the order of the file
        return {
            self._mapping_key(key_hint, key, (*path, key)): self.build(
                value_hint, table[key], (*path, key), is_row=is_row
            )
            for key in sorted(table)
        }

    def _mapping_key(self, hint: Any, key: str, path: KeyPath) -> Any:
        try:
            typed = msgspec.convert(key, hint, strict=False)
        except msgspec.ValidationError:
            raise self._bad_mapping_key(hint, key, path) from None
        if msgspec.to_builtins({typed: 0}, str_keys=True) != {key: 0}:  # 5 may not be written 05
            raise self._bad_mapping_key(hint, key, path)
        return typed

    def _bad_mapping_key(self, hint: Any, key: str, path: KeyPath) -> ConfigError:
        origin, table = self._raw.origin(path), key_text(path[:-1])
        return ConfigError(f"{origin}: key {key} of {table} must be {_expected_of(hint)}")

    def _rows(self, hint: Any, value: Any, path: KeyPath, *, is_row: bool) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.refused(path, value, "an array")
        hints = get_args(hint)
        row_hints = hints[:1] * len(value) if hints[-1] is Ellipsis else hints
        if len(row_hints) != len(value):
            raise self.refused(path, value, f"an array of {len(row_hints)}, not {len(value)}")
        rows = [(*path, index) for index in range(len(value))]
        holds_tables = any(is_dataclass(_bare(row_hint)) for row_hint in row_hints)
        self._note(*(rows if holds_tables else [path]), is_row=is_row)
        return tuple(
            self.build(row_hint, held, row, is_row=True)
            for row_hint, held, row in zip(row_hints, value, rows, strict=True)
        )

    def _leaf(self, hint: Any, value: Any, path: KeyPath) -> Any:
        try:
            converted = msgspec.convert(value, hint)
        except msgspec.ValidationError as error:
            text = self._raw.overridden.get(path)
            if isinstance(value, str) or not text:
                raise self.refused(path, value, _expected_of(hint, error)) from None
            try:  # `--set name=7` where text is wanted
                converted = msgspec.convert(text, hint)
            except msgspec.ValidationError:
                raise self.refused(path, value, _expected_of(hint, error)) from None
        if isinstance(converted, float | Decimal) and not isfinite(converted):
            raise self.refused(path, value, "finite")  # not-a-number passes every range check
        return converted


@cache
def field_hints(settings_class: Any) -> Mapping[str, Any]:
    """The annotation of each field that is given when the class is built, in order of definition."""
    hints = get_type_hints(settings_class, include_extras=True)
    return {field.name: hints[field.name] for field in fields(settings_class) if field.init}


def _bare(hint: Any) -> Any:
    # without `| None` and NewType
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) in (Union, types.UnionType):
        held = [one for one in get_args(hint) if one is not type(None)]
        return _bare(held[0]) if len(held) == 1 else hint
    return hint


def _expected_of(hint: Any, error: msgspec.ValidationError | None = None) -> str:
    hint = _bare(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return f"one of {', '.join(str(member.value) for member in hint)}"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(str(value) for value in get_args(hint))}"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_expected_of(one) for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is Annotated:
        return str(error) if error else _expected_of(get_args(hint)[0])
    if get_origin(hint) in (tuple, frozenset):
        return "an array"
    return _WORDS.get(hint, "a table")
