import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_utils import download
from course_utils.download import DownloadError, archive_files, fetch, fetch_unverified
from course_utils.paths import shipped_data
from tests.course_utils.file_server import FileServer

NAME = "letters.tar.gz"


def small_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("letters/a.txt", b"alpha" * 4000), ("letters/b.txt", b"beta")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def archive() -> bytes:
    return small_archive()


@pytest.fixture
def cache(
    archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_server: FileServer
) -> Iterator[Path]:
    """The download cache, with a registry of one archive on the local server."""
    entry = {
        "url": file_server.url(f"/{NAME}"),
        "hash": "sha256:" + hashlib.sha256(archive).hexdigest(),
        "size": len(archive),
        "licence": "none",
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "registry.json").write_text(json.dumps({NAME: entry}))
    monkeypatch.setattr(download, "shipped_data", lambda: tmp_path / "data")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    download.registry.cache_clear()
    file_server.files[f"/{NAME}"] = archive
    yield tmp_path / "cache"
    download.registry.cache_clear()


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_download_once_then_cached(cache: Path, archive: bytes, file_server: FileServer) -> None:
    path = fetch(NAME)

    assert path.read_bytes() == archive
    assert fetch(NAME) == path
    assert file_server.requests == [f"/{NAME}"]
    assert files_below(cache) == [NAME]


def test_own_data_folder_comes_first(
    cache: Path, archive: bytes, file_server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / NAME).write_bytes(archive)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "mine"))

    assert fetch(NAME) == tmp_path / "mine" / NAME
    assert file_server.requests == []


def test_damaged_file_in_own_data_folder_is_refused(
    cache: Path, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / NAME).write_bytes(archive[:-1])
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "mine"))

    with pytest.raises(DownloadError, match=r"COURSE_DATA_DIR の letters\.tar\.gz は壊れて.* is damaged"):
        fetch(NAME)


def test_wrong_checksum_is_discarded(cache: Path, archive: bytes, file_server: FileServer) -> None:
    file_server.files[f"/{NAME}"] = archive[:-1] + b"?"

    with pytest.raises(DownloadError, match=r"チェックサムが一致しない.*The checksum of letters\.tar\.gz"):
        fetch(NAME)
    assert files_below(cache) == []


def test_dropped_connection_leaves_no_half_file(cache: Path, archive: bytes, file_server: FileServer) -> None:
    file_server.cut_after = len(archive) // 2

    with pytest.raises(DownloadError, match=r"ダウンロードできませんでした.*could not be downloaded"):
        fetch(NAME)
    assert files_below(cache) == []

    file_server.cut_after = None
    assert fetch(NAME).read_bytes() == archive


def test_file_that_is_gone(cache: Path, file_server: FileServer) -> None:
    file_server.files.clear()

    with pytest.raises(DownloadError, match="HTTPError"):
        fetch(NAME)


def test_no_network_names_file_address_and_remedy(
    cache: Path, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*address: object, **_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.create_connection", unreachable)
    monkeypatch.setattr("urllib3.util.connection.create_connection", unreachable)

    with pytest.raises(DownloadError) as caught:
        fetch(NAME)
    message = str(caught.value)
    assert message.count(NAME) >= 2
    assert message.count(file_server.url(f"/{NAME}")) == 2
    assert message.count("COURSE_DATA_DIR") == 2
    assert "\n" not in message
    assert files_below(cache) == []


def test_unregistered_name(cache: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown\.bin は .*registered: letters\.tar\.gz"):
        fetch("unknown.bin")


def test_own_data_folder_that_does_not_exist(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", "/no/such/folder")

    with pytest.raises(NotADirectoryError, match="COURSE_DATA_DIR names /no/such/folder"):
        fetch(NAME)


def test_file_without_a_checksum(cache: Path, archive: bytes, file_server: FileServer) -> None:
    url = file_server.url(f"/{NAME}")
    path = fetch_unverified(f"folder/{NAME}", url)

    assert path.read_bytes() == archive
    assert path.parent.name == "folder"
    assert fetch_unverified(f"folder/{NAME}", url) == path
    assert file_server.requests == [f"/{NAME}"]


def test_file_without_a_checksum_that_arrives_half(
    cache: Path, archive: bytes, file_server: FileServer
) -> None:
    file_server.cut_after = len(archive) // 2

    with pytest.raises(DownloadError, match=r"letters\.tar\.gz をダウンロードできませんでした"):
        fetch_unverified(NAME, file_server.url(f"/{NAME}"))
    assert files_below(cache) == []


def test_archive_is_read_without_extracting(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(archive)

    assert dict(archive_files(tmp_path / NAME)) == {
        "letters/a.txt": b"alpha" * 4000,
        "letters/b.txt": b"beta",
    }
    assert files_below(tmp_path) == [NAME]


def test_truncated_archive_is_one_clear_message(archive: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(archive[: len(archive) // 2])

    with pytest.raises(DownloadError, match=r"letters\.tar\.gz を最後まで読めません.*is damaged"):
        list(archive_files(tmp_path / NAME))


def test_shipped_registry_is_complete() -> None:
    entries = json.loads((shipped_data() / "registry.json").read_text(encoding="utf-8"))

    assert len(entries) == 14
    for name, entry in entries.items():
        assert set(entry) == {"url", "hash", "size", "licence"}
        assert entry["url"].startswith("https://")
        assert entry["url"].endswith(f"/{name}")
        algorithm, _, digest = entry["hash"].partition(":")
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
