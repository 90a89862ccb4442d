"""Removes what an exercise has left under a user of its own: processes and files.

For a server that is root in a container. There, exercises share one PID namespace and one set of folders,
and are kept from each other by running one after the other, with nothing left of the one before. All is done
with the rights of that user and no others, so it can touch nothing else, whatever the user has prepared.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

_BATCH = 1000


def prepare(user: int) -> None:
    """Readies root for what follows: it gets a real user id that no process has, the one below the user's.

    A process may signal those of its real user too: root itself would hit every process of root's.

    Args:
        user: Whose processes and files are to be removed later.
    """
    os.setresuid(user - 1, 0, 0)


def kill_processes(user: int) -> None:
    """Kills all processes of a user at one stroke, so that none can start another meanwhile.

    Args:
        user: Whose.
    """
    with _acting_as(user):
        if 0 in os.getresuid()[:2]:
            raise PermissionError("a process that is root would kill all others")
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)


def remove_files(user: int, folders: Iterable[Path], seconds: float) -> bool:
    """Removes all files and folders that a user owns in some folders.

    Args:
        user: Whose; none of its processes may be left.
        folders: Where to look; those that are not there are left out.
        seconds: After which to give up.

    Returns:
        Whether none is left.
    """
    deadline = time.monotonic() + seconds
    with _acting_as(user):
        return all(_empty(folder, user, deadline) for folder in folders if folder.is_dir())


@contextlib.contextmanager
def _acting_as(user: int) -> Iterator[None]:
    """Gives up root's rights for the time of the block; the effective user has no capabilities."""
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _empty(folder: Path, user: int, deadline: float) -> bool:
    """Removes a folder's contents, and moves up what lies in folders of it, so that no depth is too deep."""
    while own := _owned(folder, user):
        for entry in own:
            if entry.is_dir(follow_symlinks=False):
                _flatten(Path(entry.path), folder, user)
            else:
                Path(entry.path).unlink()
            if time.monotonic() > deadline:
                return False
    return True


def _flatten(inner: Path, folder: Path, user: int) -> None:
    """Removes a batch of what a folder holds, moves folders in it up, and removes it once it is empty."""
    inner.chmod(0o700)
    held = _owned(inner, user)
    for entry in held:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            path.chmod(0o700)
            path.rename(folder / uuid.uuid4().hex)
        else:
            path.unlink()
    if len(held) < _BATCH:
        inner.rmdir()


def _owned(folder: Path, user: int) -> list[os.DirEntry[str]]:
    """Returns the first entries of a folder that a user owns."""
    with os.scandir(folder) as entries:
        return [
            *islice((entry for entry in entries if entry.stat(follow_symlinks=False).st_uid == user), _BATCH)
        ]
