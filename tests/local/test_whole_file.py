"""Files that hold keys and addresses are written in one step, or not at all."""

from pathlib import Path

import pytest

from local.program import write_whole


@pytest.mark.parametrize(("mode", "given"), [(0o600, {}), (0o644, {"mode": 0o644})])
def test_file_is_replaced_with_its_mode(tmp_path: Path, mode: int, given: dict[str, int]) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"of another user")
    path.chmod(0o666)
    write_whole(path, b"mine", **given)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"mine", mode)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "key"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(folder, b"mine")
    assert list(tmp_path.iterdir()) == [folder]
