"""Where the worker runs: a staged public copy of the course, and the command that starts the worker in it.

``bubblewrap`` gives it its own namespaces: no network, no other process, and of the file system only the
system, the Python environment and the public copy, all read-only, and an empty home; each exercise then
gets namespaces and a scratch folder of its own inside (:mod:`grader.worker.confine`). ``docker`` and
``podman`` give it a container (:mod:`grader.sandbox.container`), where each exercise is a process of a user
other than the server's.
``process`` is an ordinary process with resource limits and, where the kernel has them, Landlock and seccomp.
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

from grader import messages
from grader.sandbox import container
from grader.sandbox.container import COURSE
from grader.sandbox.limits import Isolation, Limits

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
_INSIDE_COURSE = Path(container.INSIDE_COURSE)
_INSIDE_HOME = Path(container.INSIDE_HOME)
_COVERED = (_INSIDE_HOME, Path("/tmp"), Path("/dev/shm"))
"""Where each exercise gets a scratch folder of its own."""
_PYTHON = os.path.abspath(sys.executable)  # noqa: PTH100 - as it was called, but without ".."
_ORDINARY_USER = 65534
"""Whom the worker becomes when root grades, and whom its children become in a container: nobody."""


class IsolationUnavailable(Exception):
    """The isolation that was asked for does not work here; the message says what to do."""


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
            elif isolation == "process":
                (staged / name).symlink_to(folder)
        return cls(isolation, staged, home, linked)

    def command(self, arguments: Iterable[str]) -> list[str]:
        """Returns the command that runs this Python with some arguments inside; a container has its own.

        Args:
            arguments: Arguments of the interpreter.
        """
        python = [_PYTHON, "-P", *arguments]
        return python if self.isolation == "process" else [*self._bubblewrap(), *python]

    def confinement(self, limits: Limits) -> list[str]:
        """Returns the worker's arguments that say how it is to keep its children apart.

        Args:
            limits: What they may use.
        """
        if self.isolation == "process":
            return ["--readable", *map(str, self._readable())]
        if self.isolation in container.ENGINES:
            return ["--child-user", str(_ORDINARY_USER), "--readable", "/"]
        user = ["--user", str(_ORDINARY_USER)] if _is_root() else []
        kept = [str(prefix) for prefix in _python_prefixes() if any(map(prefix.is_relative_to, _COVERED))]
        scratch = ["--namespaces", "--scratch", str(limits.scratch), "--keep", *kept]
        return [*user, *scratch, "--readable", "/"]

    def _readable(self) -> list[Path]:
        """Returns what a child may read where nothing else limits what it sees."""
        system = [Path(name) for name in (*_SYSTEM, *_SETTINGS, "/dev", "/proc")]
        return [*system, *_python_prefixes(), self.staged, *self.linked.values()]

    def environment(self) -> dict[str, str]:
        """Returns the whole environment of the worker: nothing of the judge's own is passed on."""
        process = self.isolation == "process"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home) if process else container.INSIDE_HOME,
            "PYTHONPATH": str(self.staged) if process else container.INSIDE_COURSE,
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
        options = [*_namespaces(), "--clearenv"]
        for name, value in self.environment().items():
            options += ["--setenv", name, value]
        options += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
        options += ["--perms", "1777", "--tmpfs", str(_INSIDE_HOME)]
        options += _system_mounts() + _python_mounts()
        options += ["--ro-bind", str(self.staged), str(_INSIDE_COURSE)]
        for name, folder in self.linked.items():
            options += ["--ro-bind", str(folder), str(_INSIDE_COURSE / name)]
        return [*options, "--chdir", str(_INSIDE_HOME), "--remount-ro", "/dev", "--remount-ro", "/", "--"]


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
        isolation: The isolation.

    Raises:
        IsolationUnavailable: If it does not, with one line in Japanese and English that says what to do.
    """
    if isolation in container.ENGINES and (problem := container.problem(isolation)):
        raise IsolationUnavailable(problem)
    if isolation == "process" and os.name != "posix":
        raise IsolationUnavailable(
            "Windows では --isolation docker か podman を指定するか、WSL の中で実行してください。 / "
            "On Windows, use --isolation docker or podman, or run this in WSL."
        )
    if isolation == "bubblewrap" and not bubblewrap_available():
        raise IsolationUnavailable(
            "bubblewrap(bwrap)が使えないため、受講者のコードを隔離できません。bubblewrap をインストールするか"
            "(Debian/Ubuntu: apt install bubblewrap)、--isolation docker か podman を指定してください。"
            "コードを信頼できる場合に限り --isolation process も使えます。 / "
            "Learners' code cannot be isolated because bubblewrap (bwrap) does not work here. "
            "Install it (Debian/Ubuntu: apt install bubblewrap), use --isolation docker or podman or, "
            "only if you trust the code, use --isolation process."
        )


@cache
def bubblewrap_available() -> bool:
    """Tells whether bubblewrap works here, by running Python in it."""
    probe = [*_namespaces(), "--clearenv"]
    probe += ["--proc", "/proc", "--dev", "/dev", *_system_mounts(), *_python_mounts(), "--"]
    try:
        finished = subprocess.run(
            [*probe, _PYTHON, "-I", "-c", ""], capture_output=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def _is_root() -> bool:
    return os.name == "posix" and os.getuid() == 0


def _namespaces() -> list[str]:
    """Starts a bubblewrap command.

    Root keeps its user namespace, so that the worker can become a user who is nobody outside either.
    """
    options = ["bwrap", "--die-with-parent", "--new-session"]
    if not _is_root():
        return [*options, "--unshare-all"]
    apart = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    return [*options, *apart, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]


def _system_mounts() -> list[str]:
    options = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    options += ["--perms", "0755", "--dir", "/etc"]
    for name in _SETTINGS:
        options += ["--ro-bind-try", name, name]
    return options


def _python_mounts() -> list[str]:
    """Mounts the environment, its base and the links between them; hides any ``chapters`` in them."""
    prefixes = _python_prefixes()
    options = []
    for folder in sorted({parent for prefix in prefixes for parent in prefix.parents} - {Path("/")}):
        options += ["--perms", "0755", "--dir", str(folder)]
    for prefix in prefixes:
        options += ["--ro-bind", str(prefix.resolve()), str(prefix)]
    visible = [*prefixes, Path("/usr")]
    link = Path(_PYTHON)
    while link.is_symlink():
        if not any(link.is_relative_to(prefix) for prefix in visible):
            options += ["--symlink", str(link.readlink()), str(link)]
        link = link.parent / link.readlink()
    for installed in _installed_chapters():
        if any(installed.is_relative_to(prefix) for prefix in visible):
            options += ["--tmpfs", str(installed)]
    return options


def _python_prefixes() -> list[Path]:
    named = (sys.prefix, sys.base_prefix, sys.base_exec_prefix)
    prefixes = {Path(os.path.abspath(prefix)) for prefix in named}  # noqa: PTH100 - keeps links, drops ".."
    prefixes |= {prefix.resolve() for prefix in prefixes}
    return sorted(prefix for prefix in prefixes if not prefix.is_relative_to("/usr"))


def _installed_chapters() -> list[Path]:
    places = {Path(entry).absolute() / "chapters" for entry in sys.path} | {COURSE / "chapters"}
    return sorted(place for place in places if place.is_dir())
