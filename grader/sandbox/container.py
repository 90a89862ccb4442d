"""The worker in a container of Docker or Podman: for macOS, Windows, and Linux without bubblewrap.

The image holds packages alone (``Containerfile``). What a worker needs of the course is sent to the container
when it starts, over its standard input, so nothing of this machine is shared with it. After that, standard
input and output carry the worker's sockets (:mod:`grader.worker.bridge`, :mod:`grader.protocol.multiplex`).

    python -m grader.container [docker|podman] [--base IMAGE]

builds the image. Nothing here needs more than Python has on Windows.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from grader.protocol.multiplex import CONTROL, Multiplexer, MultiplexError, socket_pair
from grader.sandbox.limits import Limits

ENGINES = ("docker", "podman")
COURSE = Path(__file__).resolve().parents[2]
INSIDE_COURSE, INSIDE_HOME = "/course", "/home/learner"

_IMAGE = "deep-learning-day4-grader"
_RECIPE = ("grader/sandbox/Containerfile", "requirements.txt", "constraints.txt")
_ANSWER_SECONDS = 60.0
_END_SECONDS = 10.0
_OWN_PROCESSES = 64
_OWN_MEMORY = 2**30
"""What bridge and server take beside the child: threads and processes, and bytes."""

_ENGINE_OPTIONS = {
    "docker": (),
    # Podman alone would mount writable folders of its own, and pass on the proxies of this machine.
    "podman": ("--read-only-tmpfs=false", "--http-proxy=false"),
}

# Unpacks the course into the folder that the first argument names, and becomes the bridge.
_START = """
import importlib, io, runpy, sys, tarfile
size = int.from_bytes(sys.stdin.buffer.read(8), "big")
archive = io.BytesIO(sys.stdin.buffer.read(size))
tarfile.open(fileobj=archive).extractall(sys.argv.pop(1))
importlib.invalidate_caches()
runpy.run_module("grader.worker.bridge", run_name="__main__", alter_sys=True)
"""


def image() -> str:
    """Returns the name of the image, whose tag follows from what it is made of."""
    digest = hashlib.sha256()
    for name in _RECIPE:
        digest.update(hashlib.sha256((COURSE / name).read_bytes().replace(b"\r\n", b"\n")).digest())
    return f"{_IMAGE}:{digest.hexdigest()[:12]}"


@cache
def problem(engine: str) -> str:
    """Says why containers cannot be used here.

    Args:
        engine: One of :data:`ENGINES`.

    Returns:
        One line in Japanese and English that says what to do; empty where all is well.
    """
    if _fault([engine, "version" if engine == "docker" else "info"]):
        name = engine.capitalize()
        return (
            f"{name}({engine})が応答しません。インストールして起動してから、もう一度実行してください。 / "
            f"{name} ({engine}) does not answer. Install it, start it, and run this again."
        )
    build = f"{sys.executable} -m grader.container {engine}"
    if not all((COURSE / name).is_file() for name in _RECIPE):
        return (
            f"{engine} での採点には、コースのリポジトリが要ります。クローンの中で実行してください。 / "
            f"Grading in {engine} needs the course's repository: run this in a clone of it."
        )
    if _fault([engine, "image", "inspect", image()]):
        return (
            f"コンテナイメージ {image()} がありません。次を一度実行してください: {build} / "
            f"The container image {image()} is not there. Run this once: {build}"
        )
    start = [engine, "run", *_options(engine, new_name(), 2**29, 2**20, 64), image(), "true"]
    if fault := _fault(start):
        return (
            f"{engine} でコンテナを起動できません。{engine} の設定を確認してください({fault}) / "
            f"{engine} cannot start a container; check how it is set up ({fault})"
        )
    return ""


def build(engine: str, base: str | None = None) -> int:
    """Builds the image.

    Args:
        engine: One of :data:`ENGINES`.
        base: The image with Python to build on; ``None`` for the one that the recipe names.

    Returns:
        The exit code of the engine.
    """
    recipe = COURSE / _RECIPE[0]
    arguments = [f"--build-arg=BASE={base}"] if base else []
    command = [engine, "build", "--file", str(recipe), "--tag", image(), *arguments, str(COURSE)]
    return subprocess.run(command, check=False).returncode


def command(
    engine: str, name: str, limits: Limits, environment: Mapping[str, str], arguments: Iterable[str]
) -> list[str]:
    """Returns the command that runs the bridge in a new container.

    Args:
        engine: One of :data:`ENGINES`.
        name: What to call the container.
        limits: What a child may use; the container may use somewhat more.
        environment: The whole environment of what runs in it.
        arguments: Arguments of the worker.
    """
    memory = limits.memory + 3 * limits.scratch + _OWN_MEMORY
    options = _options(engine, name, memory, limits.scratch, limits.processes + _OWN_PROCESSES)
    inside = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    inside += ["python3", "-P", "-c", _START, INSIDE_COURSE, *arguments]
    return [engine, "run", *options, image(), *inside]


def _options(engine: str, name: str, memory: int, scratch: int, processes: int) -> list[str]:
    """Returns the options of ``run`` that keep a container apart."""
    return [
        "--rm",
        "--interactive",
        f"--name={name}",
        "--pull=never",
        "--log-driver=none",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--cap-add=SETUID",
        "--cap-add=SETGID",
        "--cap-add=KILL",
        "--security-opt=no-new-privileges",
        f"--pids-limit={processes}",
        f"--memory={memory}",
        f"--memory-swap={memory}",
        f"--shm-size={scratch}",
        f"--tmpfs={INSIDE_COURSE}:rw,exec,mode=0755",
        f"--tmpfs=/tmp:rw,exec,mode=1777,size={scratch}",
        f"--tmpfs={INSIDE_HOME}:rw,exec,mode=1777,size={scratch}",
        f"--workdir={INSIDE_HOME}",
        *_ENGINE_OPTIONS[engine],
    ]


def pack(staged: Path, linked: Mapping[str, Path]) -> bytes:
    """Packs the public copy of the course.

    Args:
        staged: The folder that becomes the course.
        linked: Other folders that become part of it, by name.

    Returns:
        A tar archive whose files belong to root and that everybody may read.
    """

    def public(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in entry.name.split("/") or not (entry.isfile() or entry.isdir()):
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, folder in {".": staged, **linked}.items():
            archive.add(folder, name, filter=public)
    return packed.getvalue()


class ContainerWorker:
    """A worker in a container of its own; see :class:`grader.sandbox.launch.Worker`.

    Attributes:
        control: The judge's end of the worker's socket.
    """

    def __init__(self, engine: str, command: list[str], name: str, course: bytes, folder: Path) -> None:
        """Starts the container.

        Args:
            engine: One of :data:`ENGINES`.
            command: What :func:`command` gave.
            name: What the container is called.
            course: What :func:`pack` gave.
            folder: Where the engine's client runs: Podman's leaves a file there when memory runs out.
        """
        self._engine, self._name = engine, name
        self._log: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=folder,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._output = cast(BinaryIO, self._process.stdout)
        self._input = cast(BinaryIO, self._process.stdin)
        self._multiplexer = Multiplexer(self._output, self._input)
        self._children = 0
        self.control, theirs = socket_pair()
        self._carrying = threading.Thread(target=self._carry, args=(course, theirs), daemon=True)
        self._carrying.start()

    def open_child(self) -> socket.socket:
        """Asks the worker for a child; see :meth:`grader.sandbox.launch.Worker.open_child`."""
        self._children += 1
        ours, theirs = socket_pair()
        self._multiplexer.attach(self._children, theirs)
        self._multiplexer.open(self._children)
        return ours

    def said(self) -> str:
        """Returns the end of what it wrote to its standard error; waits a moment for it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")

    def stop(self) -> None:
        """Ends the container, by force where it must be."""
        self.control.close()
        closing = threading.Thread(target=self._close_input, daemon=True)
        closing.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        if self._process.returncode != 0:
            _fault([self._engine, "rm", "--force", self._name])
            self._process.kill()
            self._process.wait()
        self._carrying.join(_END_SECONDS)
        closing.join(_END_SECONDS)
        self._output.close()
        self._log.close()

    def _carry(self, course: bytes, control: socket.socket) -> None:
        """Sends the course, then carries the worker's sockets until the container is gone."""
        with contextlib.suppress(OSError, ValueError):
            self._input.write(len(course).to_bytes(8, "big") + course)
            self._input.flush()
        self._multiplexer.attach(CONTROL, control)
        try:
            self._multiplexer.run()
        except MultiplexError:
            self._process.kill()

    def _close_input(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._input.close()


def new_name() -> str:
    """Returns a name for a container that no other has."""
    return f"grader-{secrets.token_hex(8)}"


def _fault(command: list[str]) -> str:
    """Runs a command; returns the last line of what it says where it fails, empty where it does not."""
    try:
        finished = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    said = finished.stderr.decode(errors="replace").strip() or f"exit code {finished.returncode}"
    return said.splitlines()[-1] if finished.returncode else ""


def main() -> None:
    """Builds the image with the engine that is named, or with the one that is there."""
    parser = argparse.ArgumentParser(prog="python -m grader.container", description="Builds the image.")
    parser.add_argument("engine", nargs="?", choices=ENGINES, help="default: the one that is installed")
    parser.add_argument("--base", help="an image with Python 3.11 or newer and pip, instead of the recipe's")
    arguments = parser.parse_args()
    sys.exit(build(arguments.engine or next(filter(shutil.which, ENGINES), "docker"), arguments.base))


if __name__ == "__main__":
    main()
