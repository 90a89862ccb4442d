"""Runs parts of a test in a process, and with mounts, of its own."""

from __future__ import annotations

import ctypes
import json
import os
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_NS, _NEW_USER = 0x0002_0000, 0x1000_0000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 0x1000, 0x4000, 0x4_0000


def in_child(work: Callable[[], Any]) -> Any:
    """Runs something in a forked process and returns what it gives.

    Args:
        work: Gives something that JSON can hold.

    Raises:
        AssertionError: If it raised, with its traceback, or if its process was killed.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = {"value": work()}
        except BaseException:  # noqa: BLE001 - told on the other side
            told = {"error": traceback.format_exc()}
        with os.fdopen(write_end, "w") as pipe:
            json.dump(told, pipe)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        text = pipe.read()
    _pid, status = os.waitpid(child, 0)
    assert text, f"the child told nothing and ended with {os.waitstatus_to_exitcode(status)}"
    said = json.loads(text)
    assert "error" not in said, said["error"]
    return said["value"]


def own_mounts() -> None:
    """Gives this process a mount namespace in which it may mount, root or not.

    Raises:
        OSError: If the kernel does not allow it.
    """
    ids = {"uid_map": os.getuid(), "gid_map": os.getgid()}
    _check(_LIBC.unshare(_NEW_USER | _NEW_NS))
    Path("/proc/self/setgroups").write_text("deny")
    for name, own in ids.items():
        Path("/proc/self", name).write_text(f"0 {own} 1")
    mount("none", Path("/"), flags=RECURSIVE | PRIVATE)


def mount(source: str | Path, target: Path, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mounts as mount(2) does."""
    texts = [text.encode() or None for text in (str(source), str(target), kind, options)]
    _check(_LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]))


def read_only(folder: Path) -> None:
    """Makes a folder read-only, for root too."""
    mount(folder, folder, flags=BIND)
    mount("none", folder, flags=BIND | REMOUNT | READ_ONLY)


@cache
def can_mount() -> bool:
    """Tells whether :func:`own_mounts` works on this machine."""
    try:
        in_child(own_mounts)
    except (AssertionError, AttributeError):
        return False
    return True


def _check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
