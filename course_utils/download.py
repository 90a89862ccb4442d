"""Files from the network: looked for at home first, verified by checksum, never left half."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pooch
import requests

from course_utils.paths import data_dir, shipped_data

_SHOW_PROGRESS_FROM = 5_000_000
_TIMEOUT_SECONDS = 30


class DownloadError(RuntimeError):
    """A file is missing or damaged and could not be had from the network."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that the course uses but does not ship.

    Attributes:
        name: File name, also the name under ``COURSE_DATA_DIR``.
        url: Where it comes from.
        hash: ``sha256:`` or ``md5:`` and the digest; empty where the publisher gives none.
        size: Bytes, or ``None`` where the publisher does not say.
        licence: Terms of use.
    """

    name: str
    url: str
    hash: str
    size: int | None
    licence: str


@cache
def registry() -> dict[str, RemoteFile]:
    """Reads ``data/registry.json``: every file that the course may download, by name."""
    entries = json.loads((shipped_data() / "registry.json").read_text(encoding="utf-8"))
    return {name: RemoteFile(name=name, **entry) for name, entry in entries.items()}


def fetch(name: str) -> Path:
    """Returns a registered file, verified, from ``COURSE_DATA_DIR``, the cache or the network.

    Args:
        name: A key of :func:`registry`.

    Returns:
        Path of the file.

    Raises:
        ValueError: If the name is not registered.
        DownloadError: If the file is damaged, or is missing and cannot be downloaded.
    """
    if name not in registry():
        known = ", ".join(registry())
        raise ValueError(
            f"{name} は data/registry.json にありません。登録済み: {known} / "
            f"{name} is not in data/registry.json; registered: {known}"
        )
    file = registry()[name]
    folder = data_dir()
    if folder is not None and (folder / name).is_file():
        return _verified(folder / name, file)
    return _download(file)


def fetch_unverified(name: str, url: str) -> Path:
    """Downloads a file for which its publisher gives no checksum, once.

    That it arrived whole is verified, not that it is what the course was written for: whoever uses it
    checks what it holds.

    Args:
        name: Name under which it is kept in the cache; may begin with folders.
        url: Where it comes from.

    Returns:
        Path of the file in the cache.

    Raises:
        DownloadError: If it cannot be downloaded.
    """
    return _download(RemoteFile(name=name, url=url, hash="", size=None, licence=""))


def _verified(path: Path, file: RemoteFile) -> Path:
    algorithm, _, digest = file.hash.partition(":")
    if pooch.file_hash(str(path), alg=algorithm) != digest:
        raise DownloadError(
            f"COURSE_DATA_DIR の {file.name} は壊れているか、別のファイルです({algorithm} が一致しません)。"
            f"{file.url} から取り直してください。 / {file.name} in COURSE_DATA_DIR is damaged or another "
            f"file ({algorithm} differs); get it again from {file.url}"
        )
    return path


def _download(file: RemoteFile) -> Path:
    big = file.size is None or file.size >= _SHOW_PROGRESS_FROM
    downloader = pooch.HTTPDownloader(progressbar=big, chunk_size=1 << 20, timeout=_TIMEOUT_SECONDS)
    try:
        path = pooch.retrieve(
            file.url,
            known_hash=file.hash or None,
            fname=file.name,
            path=pooch.os_cache("deep-learning-day4"),
            downloader=downloader,
        )
    except requests.RequestException as error:
        raise DownloadError(
            f"{file.name} をダウンロードできませんでした({type(error).__name__})。"
            f"ネットワークにつながる機械で {file.url} を保存し、"
            "そのフォルダーを環境変数 COURSE_DATA_DIR に指定してください。 / "
            f"{file.name} could not be downloaded; save {file.url} on a machine with a network "
            "and set COURSE_DATA_DIR to the folder that holds it."
        ) from error
    except ValueError as error:
        raise DownloadError(
            f"{file.url} から届いた {file.name} のチェックサムが一致しないので、捨てました。"
            "時間をおいてやり直すか、正しいファイルのあるフォルダーを COURSE_DATA_DIR に指定してください。 / "
            f"The checksum of {file.name} from {file.url} differs, so it was discarded; try again later, "
            "or set COURSE_DATA_DIR to a folder that holds the right file."
        ) from error
    return Path(path)


def archive_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Reads the files of a tar archive one after another; nothing is written to disk.

    Args:
        path: A ``.tar``, ``.tar.gz``, ``.tgz`` or ``.tar.xz`` file.

    Yields:
        Name in the archive and content of each regular file.

    Raises:
        DownloadError: If the archive cannot be read to its end.
    """
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield member.name, content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DownloadError(
            f"{path.name} を最後まで読めません。壊れているので、取り直してください。 / "
            f"{path.name} cannot be read to its end; it is damaged, get it again."
        ) from error
