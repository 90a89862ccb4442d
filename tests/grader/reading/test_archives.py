import io
import random
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from grader.reading.archives import OF_A_LEARNER, Bounds, Member, names_in, unpack
from grader.reading.files import SubmissionError, may_be_notebook
from tests.grader.classes import zipped

BOUNDS = Bounds(files=20, total=3_000_000, largest=1_000_000)


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")


def unpacked(tmp_path: Path, content: bytes, bounds: Bounds = BOUNDS) -> list[Member]:
    """What comes out of an archive; nothing may appear outside the folder for it."""
    archive = tmp_path / "hw.zip"
    archive.write_bytes(content)
    into = tmp_path / "unpacked" / "1"
    members = list(unpack(archive, into, bounds, may_be_notebook))
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {archive, *(member.path for member in members if member.path is not None)}
    assert all(path.is_relative_to(into) for path in there - {archive})
    return members


def refused(tmp_path: Path, content: bytes, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(SubmissionError) as caught:
        unpacked(tmp_path, content, bounds)
    return str(caught.value)


def test_what_is_wanted_is_unpacked_and_the_rest_is_named(tmp_path: Path) -> None:
    notebook, picture = unpacked(tmp_path, zipped({"a/x.ipynb": b"{}", "a/p.png": b"p"}))
    assert (notebook.name, picture) == ("a/x.ipynb", Member("a/p.png"))
    assert notebook.path is not None
    assert (notebook.path.name, notebook.path.read_bytes()) == ("x.ipynb", b"{}")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../x.ipynb", "x.ipynb"),
        ("a/../../x.ipynb", "a/x.ipynb"),
        ("/etc/x.ipynb", "etc/x.ipynb"),
        ("..\\..\\x.ipynb", "x.ipynb"),
        ("C:\\x.ipynb", "C:/x.ipynb"),
        ("..", "?"),
    ],
)
def test_a_path_that_leads_out_is_named_and_not_read(tmp_path: Path, name: str, safe: str) -> None:
    bad, good = unpacked(tmp_path, zipped({name: b"{}", "good.ipynb": b"{}"}))
    assert (bad.name, bad.path) == (safe, None)
    assert "leads out" in bad.problem
    assert good.path is not None


@pytest.mark.parametrize("name", ["a\\b\\x.ipynb", "./a//b/x.ipynb"])
def test_paths_are_read_as_windows_and_odd_tools_write_them(tmp_path: Path, name: str) -> None:
    assert [member.name for member in unpacked(tmp_path, zipped({name: b"{}"}))] == ["a/b/x.ipynb"]


@pytest.mark.parametrize(
    "name", ["\n\x1b[2J.ipynb", "x" * 5000 + ".ipynb", "<|>:.ipynb", ". .ipynb", "CON.ipynb"]
)
def test_odd_names_are_written_under_a_plain_one(tmp_path: Path, name: str) -> None:
    (member,) = unpacked(tmp_path, zipped({name: b"{}"}))
    assert member.path is not None
    assert member.path.name.isprintable()
    assert len(member.path.name) <= 60


def test_a_link_is_named_and_not_followed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("x.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    (member,) = unpacked(tmp_path, buffer.getvalue())
    assert "link to another file" in member.problem


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_japanese_names_survive_tools_that_do_not_mark_them(tmp_path: Path, encoding: str) -> None:
    name = "山田 太郎/課題.ipynb"
    content = zipped({"Q" * len(name.encode(encoding)): b"{}"}).replace(
        b"Q" * len(name.encode(encoding)), name.encode(encoding)
    )
    assert [member.name for member in unpacked(tmp_path, content)] == [name]


def test_an_encrypted_notebook_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped({"x.ipynb": b"{}"}))
    content[6] |= 1  # the flag in the member's own head
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    (member,) = unpacked(tmp_path, bytes(content))
    assert "password" in member.problem


def test_too_many_files_are_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = zipped({f"{number}.txt": b"" for number in range(21)})
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was opened"))
    assert "more than 20 files" in refused(tmp_path, content)


def test_too_much_is_refused_whatever_the_archive_says(tmp_path: Path) -> None:
    large = bytes(range(256)) * 3900  # 998,400 bytes
    assert "3 MB" in refused(tmp_path, zipped({f"{number}.ipynb": large for number in range(4)}))


def test_a_notebook_that_is_too_large_is_refused_whatever_the_archive_says(tmp_path: Path) -> None:
    content = zipped({"x.ipynb": bytes(2_000_000)})
    size = struct.pack("<I", 2_000_000)
    assert content.count(size) == 2
    for member in (content, content.replace(size, struct.pack("<I", 10))):
        (bomb,) = unpacked(tmp_path, member)
        assert bomb.path is None
        assert bomb.problem


def test_what_grows_beyond_measure_is_not_read(tmp_path: Path) -> None:
    members = unpacked(tmp_path, zipped({"x.ipynb": bytes(15_000_000), "y.ipynb": b"{}"}), OF_A_LEARNER)
    assert [bool(member.path) for member in members] == [False, True]
    assert "far more" in members[0].problem


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    content = zipped({"aaaa.ipynb": random.Random(1).randbytes(4000), "bbbb.ipynb": b"{}"})
    directory = content.index(b"PK\x01\x02")
    first = content[directory : content.index(b"PK\x01\x02", directory + 4)]
    end = content.index(b"PK\x05\x06")
    tail = bytearray(content[end:])
    tail[8:12] = struct.pack("<HH", 18, 18)
    tail[12:16] = struct.pack("<I", 18 * len(first))
    assert "damaged" in refused(tmp_path, content[:directory] + first * 18 + bytes(tail))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06", b"no archive at all" * 100])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "damaged" in refused(tmp_path, content)


def test_an_archive_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SubmissionError, match="cannot be read: Permission denied"):
        names_in(tmp_path, BOUNDS)


def test_a_damaged_member_costs_itself_alone(tmp_path: Path) -> None:
    content = bytearray(zipped({"x.ipynb": b"abcdefgh" * 50, "y.ipynb": b"{}"}))
    content[40] ^= 0xFF
    broken, sound = unpacked(tmp_path, bytes(content))
    assert "damaged" in broken.problem
    assert sound.path is not None


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    assert "empty" in refused(tmp_path, zipped({}))
    assert "empty" in refused(tmp_path, zipped({"folder/": b""}))


def test_names_are_told_without_unpacking(tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    archive.write_bytes(zipped({"a/x.ipynb": b"{}", "p.png": b""}))
    assert names_in(archive, BOUNDS) == ["a/x.ipynb", "p.png"]
