"""Where each key of a TOML text stands: the line numbers that the standard reader does not give."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})' + r"|'''.*?'''(?:'{0,2})" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Line (from 1) of each table, key and array element, by its path; rows of arrays are numbered from 0.

    `text` must be valid TOML 1.0 (read it with tomllib first): the scan does not check.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._newest_row: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._next():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _next(self) -> str:
        # the next character that means something; empty at the end
        self._take(_BLANK)
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._line()} was unreadable, must be valid TOML")
        self._at = match.end()
        return match.group()

    def _line(self) -> int:
        return bisect_right(self._newlines, self._at - 1) + 1

    def _header(self) -> KeyPath:
        is_row = self._text.startswith("[[", self._at)
        line = self._line()
        self._at += 2 if is_row else 1
        self._next()
        parts = _split(self._take(_KEY))
        self._next()
        self._at += 2 if is_row else 1
        table = (*self._within_rows(parts[:-1]), parts[-1])
        self._note(table, line)
        if is_row:
            self._newest_row[table] = self._newest_row.get(table, -1) + 1
            table += (self._newest_row[table],)
            self._note(table, line)
        return table

    def _within_rows(self, parts: KeyPath) -> KeyPath:
        # a header below an array of tables speaks of the row written last
        path: KeyPath = ()
        for part in parts:
            path += (part,)
            if path in self._newest_row:
                path += (self._newest_row[path],)
        return path

    def _note(self, path: KeyPath, line: int) -> None:
        for end in range(1, len(path) + 1):
            self._lines.setdefault(path[:end], line)

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table + _split(self._take(_KEY))
        self._note(path, line)
        self._next()
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self._next()
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._take(_STRING if first in "\"'" else _SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while (first := self._next()) != "]":
            if first == ",":
                self._at += 1
                continue
            self._note((*path, index), self._line())
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while (first := self._next()) != "}":
            if first == ",":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1


def _split(key: str) -> KeyPath:
    if not re.search(r"[\"'\s]", key):
        return tuple(key.split("."))
    parts: list[str | int] = []
    node: object = tomllib.loads(f"{key} = 0")
    while isinstance(node, dict):
        part, node = next(iter(node.items()))
        parts.append(part)
    return tuple(parts)
