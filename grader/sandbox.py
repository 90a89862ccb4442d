"""Where the worker runs: a staged public copy of the course, and the command that starts the worker in it.

``bubblewrap`` gives it its own namespaces: no network, no other process, and of the file system only the
system, the Python environment and the public copy, all read-only, and an empty home. ``process`` is an
ordinary process with resource limits: it keeps the verdict apart from the learner's code, but that code can
read and write whatever the user can.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from grader import messages

Isolation = Literal["bubblewrap", "process"]

COURSE = Path(__file__).resolve().parent.parent
PUBLIC_PATTERNS = ("*.py", "results.json")
PRIVATE_PATTERNS = ("answers*", "exercises.py")
"""What stays with the judge. The worker does not need the visible checks either."""

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mecabrc",
)
_INSIDE_COURSE = Path("/course")
_INSIDE_HOME = Path("/home/learner")


class IsolationUnavailable(Exception):
    """The isolation that was asked for does not work here; the message says what to do."""


@dataclass(frozen=True)
class Limits:
    """What one exercise's process may use.

    Attributes:
        memory: Bytes of address space on top of what the worker holds after its imports. Training
            Keras' ResNet50 on 64-pixel images takes 2.1 GiB of it.
        file_size: Bytes of one file.
        processes: Processes and threads of the sandbox; without one the kernel would count all of the
            user's, so ``process`` has no such limit.
    """

    memory: int = 3 * 2**30
    file_size: int = 64 * 2**20
    processes: int = 512

    def resources(self, isolation: Isolation, seconds: float) -> dict[str, int]:
        """Returns the limits by their names in :mod:`resource`.

        Args:
            isolation: Where the process runs.
            seconds: Wall-clock limit of the exercise; processor time is limited as a second line.
        """
        limits = {
            "RLIMIT_AS": self.memory,
            "RLIMIT_CPU": int(seconds * (os.cpu_count() or 1)) + 10,
            "RLIMIT_FSIZE": self.file_size,
            "RLIMIT_CORE": 0,
        }
        return limits | {"RLIMIT_NPROC": self.processes} if isolation == "bubblewrap" else limits


@dataclass(frozen=True)
class Sandbox:
    """A staged public copy of the course for one chapter.

    Attributes:
        isolation: How the worker is kept apart.
        staged: The copy.
        home: An empty folder in which the command is started; the worker's home under ``process``.
        linked: Folders of the course that are mounted or linked, not copied, by name.
    """

    isolation: Isolation
    staged: Path
    home: Path
    linked: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def stage(cls, isolation: Isolation, chapter_folder: Path, scratch: Path) -> Sandbox:
        """Makes the public copy.

        Args:
            isolation: How the worker is kept apart.
            chapter_folder: Folder of the chapter.
            scratch: An empty folder to make it in.

        Returns:
            The sandbox.

        Raises:
            IsolationUnavailable: If that isolation does not work on this machine.
        """
        require(isolation)
        staged, home = scratch / "course", scratch / "home"
        home.mkdir()
        linked = {name: COURSE / name for name in ("course_utils", "grader")}
        if (COURSE / "data" / "README.md").is_file():
            linked["data"] = COURSE / "data"
        public = staged / "chapters" / chapter_folder.name
        public.mkdir(parents=True)
        (staged / "chapters" / "__init__.py").touch()
        for path in public_files(chapter_folder):
            shutil.copy(path, public)
        for name, folder in linked.items():
            if isolation == "bubblewrap":
                (staged / name).mkdir()
            else:
                (staged / name).symlink_to(folder)
        return cls(isolation, staged, home, linked)

    def command(self, arguments: Iterable[str]) -> list[str]:
        """Returns the command that runs this Python with some arguments inside.

        Args:
            arguments: Arguments of the interpreter.
        """
        python = [sys.executable, "-P", *arguments]
        return python if self.isolation == "process" else [*self._bubblewrap(), *python]

    def environment(self) -> dict[str, str]:
        """Returns the whole environment of the worker: nothing of the judge's own is passed on."""
        bubblewrap = self.isolation == "bubblewrap"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(_INSIDE_HOME if bubblewrap else self.home),
            "PYTHONPATH": str(_INSIDE_COURSE if bubblewrap else self.staged),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            "COURSE_LANG": messages.language(),
            "COURSE_PROFILE": "quick",
            "MPLBACKEND": "Agg",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _bubblewrap(self) -> list[str]:
        options = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
        for name, value in self.environment().items():
            options += ["--setenv", name, value]
        options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        options += _system_mounts() + _python_mounts()
        options += ["--ro-bind", str(self.staged), str(_INSIDE_COURSE)]
        for name, folder in self.linked.items():
            options += ["--ro-bind", str(folder), str(_INSIDE_COURSE / name)]
        return [*options, "--tmpfs", str(_INSIDE_HOME), "--chdir", str(_INSIDE_HOME), "--"]


def public_files(chapter_folder: Path) -> list[Path]:
    """Returns the files of a chapter that learners' code may see."""
    return sorted(
        path
        for pattern in PUBLIC_PATTERNS
        for path in chapter_folder.glob(pattern)
        if not any(path.match(pattern) for pattern in PRIVATE_PATTERNS)
    )


def require(isolation: Isolation) -> None:
    """Checks that an isolation works here.

    Args:
        isolation: ``"bubblewrap"`` or ``"process"``.

    Raises:
        IsolationUnavailable: If it does not, with one line in Japanese and English that says what to do.
    """
    if isolation == "bubblewrap" and not bubblewrap_available():
        raise IsolationUnavailable(
            "bubblewrap(bwrap)が使えないため、受講者のコードを隔離できません。bubblewrap をインストールするか"
            "(Debian/Ubuntu: apt install bubblewrap)、コードを信頼できる場合に限り --isolation process を"
            "指定してください。 / Learners' code cannot be isolated because bubblewrap (bwrap) does not work "
            "here. Install it (Debian/Ubuntu: apt install bubblewrap) or, only if you trust the code, use "
            "--isolation process."
        )


@cache
def bubblewrap_available() -> bool:
    """Tells whether bubblewrap works here, by running Python in it."""
    probe = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    probe += ["--proc", "/proc", "--dev", "/dev", *_system_mounts(), *_python_mounts(), "--"]
    try:
        finished = subprocess.run(
            [*probe, sys.executable, "-I", "-c", ""], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def _system_mounts() -> list[str]:
    options = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    for name in _SETTINGS:
        options += ["--ro-bind-try", name, name]
    return options


def _python_mounts() -> list[str]:
    """Mounts the environment, its base and the links between them; hides any ``chapters`` in them."""
    prefixes = {Path(prefix).absolute() for prefix in (sys.prefix, sys.base_prefix, sys.base_exec_prefix)}
    prefixes |= {prefix.resolve() for prefix in prefixes}
    prefixes = {prefix for prefix in prefixes if not prefix.is_relative_to("/usr")}
    options = []
    for prefix in sorted(prefixes):
        options += ["--ro-bind", str(prefix.resolve()), str(prefix)]
    visible = [*prefixes, Path("/usr")]
    link = Path(sys.executable)
    while link.is_symlink():
        if not any(link.is_relative_to(prefix) for prefix in visible):
            options += ["--symlink", str(link.readlink()), str(link)]
        link = link.parent / link.readlink()
    for installed in _installed_chapters():
        if any(installed.is_relative_to(prefix) for prefix in visible):
            options += ["--tmpfs", str(installed)]
    return options


def _installed_chapters() -> list[Path]:
    places = {Path(entry).absolute() / "chapters" for entry in sys.path} | {COURSE / "chapters"}
    return sorted(place for place in places if place.is_dir())
