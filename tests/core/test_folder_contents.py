"""What is hidden or a system's own is data of no problem, at any depth."""

import pytest

from rtl_core.folder_contents import SYSTEM, entries_below, entries_in, is_data

OURS = ("x.png", "a.b", "Thumbs", "icons", "macosx", "~x", "_x", "фото")


@pytest.mark.parametrize("name", [".DS_Store", "._x.png", ".ipynb_checkpoints", "THUMBS.DB", *sorted(SYSTEM)])
def test_hidden_and_system_files_are_no_data_in_any_folder(tmp_path, name):
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/x.png").touch()
    for folder in (tmp_path, tmp_path / "deep", tmp_path / "deep/er"):
        (folder / name).mkdir()
        (folder / name / "x.png").touch()
    assert not is_data(name) and [path.name for path in entries_in(tmp_path)] == ["deep"]
    found = sorted(path.relative_to(tmp_path).as_posix() for path in entries_below(tmp_path))
    assert found == ["deep", "deep/er", "deep/er/x.png"]


def test_what_is_not_hidden_is_data_also_below_a_hidden_folder_that_was_named(tmp_path):
    for name in OURS:
        (tmp_path / ".named" / name).mkdir(parents=True)
    assert sorted(path.name for path in entries_in(tmp_path / ".named")) == sorted(OURS)
    assert len([*entries_below(tmp_path / ".named")]) == len(OURS)
