"""`data list`: what lies there, and whether it is still what was written."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.test_manifest import recorded
from tests.operations.data_parts import Heard, desk_at
from volguard.operations.data_list import exit_code_of, list_document


def test_files_are_listed_without_being_read(tmp_path: Path) -> None:
    """Without verification a lost file is still listed, and nothing is said of its state."""
    recorded(tmp_path, "a").unlink()
    document = list_document(desk_at(tmp_path), verify=False)
    assert document["schema"] == "volguard.data_list/1"
    assert [(file["path"], file["state"]) for file in document["files"]] == [("a", None)]
    assert (document["verified"], document["differing"], exit_code_of(document)) == (False, 0, 0)


def test_verification_tells_each_files_state(tmp_path: Path) -> None:
    """Each file is read again, one that is not the same is exit 3, and progress is told per file."""
    recorded(tmp_path, "a")
    recorded(tmp_path, "b").write_bytes(b"other")
    heard = Heard()
    document = list_document(desk_at(tmp_path, heard), verify=True)
    assert [(file["path"], file["state"]) for file in document["files"]] == [("a", "same"), ("b", "changed")]
    assert (document["differing"], exit_code_of(document)) == (1, 3)
    assert heard.progress == [(0, 2, "a"), (1, 2, "b")]


def test_an_empty_folder_is_an_empty_list(tmp_path: Path) -> None:
    """Nothing was written yet: nothing to show, nothing wrong."""
    document = list_document(desk_at(tmp_path / "none"), verify=True)
    assert (document["files"], exit_code_of(document)) == ([], 0)
