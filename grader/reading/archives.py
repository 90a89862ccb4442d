"""Opens a zip archive that somebody handed in. Nothing in it is trusted: neither names nor sizes.

No member is written under a name of its own, so that none can land elsewhere; what is read is counted while
it is read.
"""

from __future__ import annotations

import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.messages import _
from grader.reading.files import MAX_BYTES, SubmissionError
from grader.reading.names import is_of_a_word, repaired

MAX_RATIO = 300
"""A member that grows by more is taken for a bomb: text and pictures stay far below."""
_ENTRY = b"PK\x01\x02"
_BLOCK = 1 << 20
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_FAILURES = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold.

    Attributes:
        files: Files.
        total: Bytes of what is unpacked, all together.
        largest: Bytes of one file.
    """

    files: int
    total: int
    largest: int


OF_A_LEARNER = Bounds(files=5_000, total=200_000_000, largest=MAX_BYTES)
OF_A_CLASS = Bounds(files=500_000, total=50_000_000_000, largest=200_000_000)


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path within the archive.
        path: Where its content lies; ``None`` where that was not asked for or cannot be had.
        problem: Why its content cannot be had; empty where it can.
    """

    name: str
    path: Path | None = None
    problem: str = ""


def unpack(archive: Path, into: Path, bounds: Bounds, wanted: Callable[[str], bool]) -> Iterator[Member]:
    """Unpacks what is wanted of an archive.

    Args:
        archive: The file.
        into: Folder for the contents; each gets a folder of its own there.
        bounds: What the archive may hold.
        wanted: Tells by the name of a member whether its content is needed.

    Yields:
        Every file in it.

    Raises:
        SubmissionError: If it is no sound archive, empty, or holds too much.
    """
    left = bounds.total
    with _opened(archive, bounds) as opened:
        for number, info in enumerate(_files(opened)):
            name, problem = _name(info)
            if problem or not wanted(name):
                yield Member(name, problem=problem)
                continue
            content, problem = _content(opened, info, min(bounds.largest, left))
            left -= len(content)
            if left < 0:
                raise _too_much(bounds)
            path = _free_path(into, number, name)
            if not problem:
                path.parent.mkdir(parents=True)
                path.write_bytes(content)
            yield Member(name, None if problem else path, problem)


def names_in(archive: Path, bounds: Bounds) -> list[str]:
    """Returns the paths of the files in an archive.

    Raises:
        SubmissionError: If it is no sound archive, empty, or holds too much.
    """
    with _opened(archive, bounds) as opened:
        return [_name(info)[0] for info in _files(opened)]


@contextmanager
def _opened(archive: Path, bounds: Bounds) -> Iterator[zipfile.ZipFile]:
    """Opens an archive, if its directory is within bounds and its members lie apart."""
    damaged = _("The archive is damaged: upload it again, or hand in the notebook itself (.ipynb).")
    try:
        if archive.stat().st_size > bounds.total or _entries(archive, bounds.files) > bounds.files:
            raise _too_much(bounds)
        opened = zipfile.ZipFile(archive)
    except OSError as error:
        raise SubmissionError(_("The file cannot be read: {error}.").format(error=error.strerror)) from error
    except _FAILURES as error:
        raise SubmissionError(damaged) from error
    with opened:
        if not _files(opened):
            raise SubmissionError(_("The archive is empty: hand in the notebook itself (.ipynb)."))
        if sum(info.compress_size for info in opened.infolist()) > archive.stat().st_size:
            raise SubmissionError(damaged)
        yield opened


def _files(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in opened.infolist() if not info.is_dir()]


def _entries(archive: Path, most: int) -> int:
    """Counts what may be entries of the archive's directory, before anything is made of them."""
    count, tail = 0, b""
    with archive.open("rb") as file:
        while count <= most and (block := file.read(_BLOCK)):
            count += (tail + block).count(_ENTRY)
            tail = block[-len(_ENTRY) + 1 :]
    return count


def _name(info: zipfile.ZipInfo) -> tuple[str, str]:
    """Returns a member's path, made safe, and why it is not read."""
    written = info.filename if info.flag_bits & _UTF8_NAME else repaired(info.filename)
    plain = written.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in parts or plain.startswith("/") or re.match("[A-Za-z]:", plain):
        safe = "/".join(part for part in parts if part != "..") or "?"
        return safe, _("Its path leads out of the archive, so it is not read.")
    if stat.S_ISLNK(info.external_attr >> 16):
        return "/".join(parts), _("This is a link to another file: hand in the file itself.")
    return "/".join(parts) or "?", ""


def _content(opened: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> tuple[bytes, str]:
    """Reads a member; returns its bytes and why it is not used."""
    if info.flag_bits & _ENCRYPTED:
        return b"", _("The archive is locked with a password: hand in the notebook itself (.ipynb).")
    if info.file_size > _BLOCK and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        return b"", _("It unpacks to far more than it seems to be, so it is not read.")
    try:
        with opened.open(info) as file:
            content = file.read(most + 1)
    except _FAILURES:
        return b"", _("The archive is damaged: upload it again, or hand in the notebook itself (.ipynb).")
    if len(content) > most:
        return content, _(
            "The file has {size:.1f} MB, more than the {cap:.0f} MB allowed: clear its outputs first."
        ).format(size=max(info.file_size, len(content)) / 1e6, cap=most / 1e6)
    return content, ""


def _free_path(into: Path, number: int, name: str) -> Path:
    """Returns a path of our own making, its last part like the member's name."""
    last = name.rpartition("/")[2]
    plain = "".join(each if is_of_a_word(each) or each in " -_" else "." for each in last).strip(". ")
    return into / str(number) / (plain[-60:].strip(". ") or "file")


def _too_much(bounds: Bounds) -> SubmissionError:
    return SubmissionError(
        _(
            "The archive holds more than {files:,} files or {size:.0f} MB: "
            "hand in the notebook itself (.ipynb)."
        ).format(files=bounds.files, size=bounds.total / 1e6)
    )
