"""Every key of a TOML text is found on the line where a person would look for it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.config.toml_lines import KeyPath, key_lines

TEXT = '''# a comment with [brackets] and key = value
title = "one # two"

[strategy]   # policy
require_vrp = true
"odd key".'and.dotted' = 1
text = """
inside = 1
[nor_this]
"""
raw = \'\'\'
x = "\'\'\'
after = 2

[bucket.weekly]
limits = { low = 1, high = [1,
  2] }
days = [
  2026-01-26,  # holiday
  2026-03-03,
]

[[lot]]
size = 75
[lot.source]
circular = "A]"

[[lot]]
size = 65
[[lot.note]]
text = "n"
'''

EXPECTED: dict[KeyPath, int] = {
    ("title",): 2,
    ("strategy",): 4,
    ("strategy", "require_vrp"): 5,
    ("strategy", "odd key"): 6,
    ("strategy", "odd key", "and.dotted"): 6,
    ("strategy", "text"): 7,
    ("strategy", "raw"): 11,
    ("strategy", "after"): 13,
    ("bucket",): 15,
    ("bucket", "weekly"): 15,
    ("bucket", "weekly", "limits"): 16,
    ("bucket", "weekly", "limits", "low"): 16,
    ("bucket", "weekly", "limits", "high"): 16,
    ("bucket", "weekly", "limits", "high", 0): 16,
    ("bucket", "weekly", "limits", "high", 1): 17,
    ("bucket", "weekly", "days"): 18,
    ("bucket", "weekly", "days", 0): 19,
    ("bucket", "weekly", "days", 1): 20,
    ("lot",): 23,
    ("lot", 0): 23,
    ("lot", 0, "size"): 24,
    ("lot", 0, "source"): 25,
    ("lot", 0, "source", "circular"): 26,
    ("lot", 1): 28,
    ("lot", 1, "size"): 29,
    ("lot", 1, "note"): 30,
    ("lot", 1, "note", 0): 30,
    ("lot", 1, "note", 0, "text"): 31,
}


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """All paths of a parsed document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, held in pairs:
        yield (*path, part)
        yield from paths_of(held, (*path, part))


def test_each_table_key_and_row_has_its_line() -> None:
    """Headers, dotted and quoted keys, texts over many lines, arrays and rows are all counted right."""
    assert dict(key_lines(TEXT)) == EXPECTED


def test_a_text_that_is_not_toml_is_refused_with_its_line() -> None:
    """The scan expects valid TOML and says where it is not."""
    with pytest.raises(ValueError, match="line 2 was unreadable, must be valid TOML"):
        key_lines("a = 1\n= 2\n")


SCALARS = st.sampled_from(
    ["1", "-0.5", "true", '"a # b"', "'[x]'", "2026-09-16", '"""\na = 1\n"""', '"\\""', "'''x'''"]
)
KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", "_g"])
VALUES = st.recursive(
    SCALARS,
    lambda held: st.one_of(
        st.lists(held, max_size=3).map(lambda items: "[\n" + ", # next\n".join(items) + "]"),
        st.dictionaries(KEYS, held, max_size=3).map(
            lambda items: "{ " + ", ".join(f"{key} = {value}" for key, value in items.items()) + " }"
        ),
    ),
    max_leaves=6,
)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4).map(
    lambda items: "".join(f"  {key} = {value} # end\n" for key, value in items.items())
)


@given(st.lists(TABLES, min_size=1, max_size=4), st.lists(TABLES, max_size=3))
@settings(derandomize=True, deadline=None, max_examples=80)
def test_the_paths_are_those_of_the_standard_reader(tables: list[str], rows: list[str]) -> None:
    """Whatever the layout, the scan sees exactly the keys that tomllib reads."""
    text = "".join(f"[table{number}]\n{body}" for number, body in enumerate(tables))
    text += "".join(f"[[row]]\n{body}\n[row.'of x']\n{body}" for body in rows)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        pytest.fail(f"the generated text is not TOML:\n{text}")
    lines = key_lines(text)
    assert set(lines) == set(paths_of(document))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())
