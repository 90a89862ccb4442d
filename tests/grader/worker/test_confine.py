"""The layers of the sandbox, each in a process of its own."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.grader.apart import in_child

if sys.platform != "linux":
    pytest.skip("these layers are Linux's", allow_module_level=True)

from grader.worker import confine
from grader.worker.confine import ConfinementError

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_USER = 0x1000_0000
MIB = 2**20
COLUMNS = {"x86_64": 0, "aarch64": 1}
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"),),
}
AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}


@cache
def has_landlock() -> bool:
    return bool(in_child(lambda: confine.restrict_files([Path("/")], [])))


@cache
def has_namespaces() -> bool:
    try:
        in_child(confine.enter_namespaces)
    except AssertionError:
        return False
    return True


landlock = pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
namespaces = pytest.mark.skipif(
    not has_namespaces(), reason="there are no namespaces for ordinary users here"
)
seccomp = pytest.mark.skipif(
    platform.machine() not in confine._SYSTEM_CALLS, reason="the filter does not know this processor"
)
root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def refused(call: Callable[[], Any]) -> str:
    """Returns the name of the error that a call ends with, empty where it works."""
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def listed(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def system_call(*arguments: int) -> str:
    ctypes.set_errno(0)
    result = LIBC.syscall(*(ctypes.c_long(argument) for argument in arguments))
    return errno.errorcode[ctypes.get_errno()] if result < 0 else ""


def numbers(machine: str) -> dict[str, int]:
    """Returns the numbers that the filter uses for a processor, by name."""
    _arch, forbidden, clone, clone3, socket_, setsockopt = confine._SYSTEM_CALLS[machine]
    named = {name: both[COLUMNS[machine]] for name, both in confine._FORBIDDEN.items()}
    assert sorted(named.values()) == forbidden
    return named | {"clone": clone, "clone3": clone3, "socket": socket_, "setsockopt": setsockopt}


def number(name: str) -> int:
    """Returns the number of a system call on this machine."""
    return numbers(platform.machine())[name]


class TestSystemCalls:
    """seccomp."""

    CALLS: ClassVar[dict[str, Callable[[], Any]]] = {
        "unshare": lambda: _checked(LIBC.unshare(NEW_USER)),
        "mount": lambda: _checked(LIBC.mount(b"none", b"/nowhere", b"tmpfs", 0, None)),
        "ptrace": lambda: _checked(LIBC.ptrace(0, 0, None, None)),
        "socket(AF_INET)": lambda: socket.socket(socket.AF_INET).close(),
        "socket(AF_INET6)": lambda: socket.socket(socket.AF_INET6).close(),
        "socket(AF_NETLINK)": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "socket(AF_PACKET)": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
        "memfd_create": lambda: os.close(os.memfd_create("memory")),
        "shmget": lambda: _checked(LIBC.shmget(0, 4096, 0o1600)),
        "semget": lambda: _checked(LIBC.semget(0, 1, 0o1600)),
        "msgget": lambda: _checked(LIBC.msgget(0, 0o1600)),
        "setns": lambda: _checked(LIBC.setns(0, 0)),
        "personality": lambda: _checked(LIBC.personality(0xFFFF_FFFF)),
    }

    @seccomp
    def test_calls_that_lead_out_are_refused(self) -> None:
        def work() -> dict[str, str]:
            assert confine.filter_system_calls()
            return {name: refused(call) for name, call in self.CALLS.items()}

        assert in_child(work) == dict.fromkeys(self.CALLS, "EPERM")

    def test_some_of_these_work_without_the_filter(self) -> None:
        names = ("ptrace", "socket(AF_INET)", "memfd_create", "personality")
        assert in_child(lambda: [refused(self.CALLS[name]) for name in names]) == [""] * len(names)

    @seccomp
    def test_every_forbidden_call_is_refused_before_it_looks_at_its_arguments(self) -> None:
        def work() -> dict[str, str]:
            confine.filter_system_calls()
            return {name: system_call(number(name), *[-1] * 6) for name in confine._FORBIDDEN}

        assert in_child(work) == dict.fromkeys(confine._FORBIDDEN, "EPERM")

    @seccomp
    @pytest.mark.parametrize("flag", [1 << bit for bit in (17, 25, 26, 27, 28, 29, 30)], ids=hex)
    def test_no_process_is_started_in_new_namespaces(self, flag: int) -> None:
        def work() -> str:
            confine.filter_system_calls()
            return system_call(number("clone"), flag | signal.SIGCHLD, 0, 0, 0, 0)

        assert in_child(work) == "EPERM"

    @seccomp
    def test_clone3_is_unknown_so_that_clone_is_used(self) -> None:
        def work() -> str:
            confine.filter_system_calls()
            return system_call(number("clone3"), 0, 0)

        assert in_child(work) == "ENOSYS"

    @seccomp
    @pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is of x86_64")
    def test_calls_of_x32_are_refused(self) -> None:
        def work() -> str:
            confine.filter_system_calls()
            return system_call(0x4000_0000 + 39)

        assert in_child(work) == "EPERM"

    @seccomp
    def test_what_exercises_need_still_works(self) -> None:
        def work() -> list[Any]:
            confine.filter_system_calls()
            heard: list[bytes] = []
            one, other = socket.socketpair()
            thread = threading.Thread(target=lambda: heard.append(other.recv(5)))
            thread.start()
            one.sendall(b"heard")
            thread.join()
            told = subprocess.run(["echo", "told"], capture_output=True, text=True, check=True).stdout
            with socket.socket(socket.AF_UNIX) as local:
                local.bind("\0" + f"test_confine {os.getpid()}")
            return [heard[0].decode(), told, in_child(lambda: "forked")]

        assert in_child(work) == ["heard", "told\n", "forked"]

    def test_filter_for_an_unknown_processor_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(platform, "machine", lambda: "riscv64")

        def work() -> list[Any]:
            return [confine.filter_system_calls(), refused(self.CALLS["memfd_create"])]

        assert in_child(work) == [False, ""]

    @pytest.mark.parametrize("machine", AUDIT_ARCH)
    def test_numbers_agree_with_the_kernels_headers(self, machine: str) -> None:
        header = next((path for path in HEADERS[machine] if path.is_file()), None)
        if header is None:
            pytest.skip("the kernel's headers are not installed")
        defined = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE)
        known = {name: int(value) for name, value in defined}
        assert {name: value for name, value in numbers(machine).items() if name in known} == {
            name: known[name] for name in numbers(machine) if name in known
        }
        assert len(set(numbers(machine)) & set(known)) > 40

    @pytest.mark.parametrize("machine", AUDIT_ARCH)
    def test_numbers_agree_with_libseccomp(self, machine: str) -> None:
        try:
            resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name_arch
        except OSError:
            pytest.skip("libseccomp is not installed")
        known = {name: resolve(AUDIT_ARCH[machine], name.encode()) for name in numbers(machine)}
        assert numbers(machine) == known

    @pytest.mark.parametrize("machine", AUDIT_ARCH)
    def test_processors_are_told_apart(self, machine: str) -> None:
        assert confine._SYSTEM_CALLS[machine][0] == AUDIT_ARCH[machine]
        assert len(set(numbers(machine).values())) == len(numbers(machine))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


@landlock
class TestFiles:
    """Landlock."""

    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path, Path]:
        """A readable folder, a writable one and another; each with a file."""
        readable, writable, other = (tmp_path / name for name in ("readable", "writable", "other"))
        for folder in (readable, writable, other):
            folder.mkdir()
            (folder / "file").write_text(folder.name)
            (folder / "program").write_text("#!/bin/sh\necho ran\n")
            (folder / "program").chmod(0o755)
        return readable, writable, other

    def results(
        self, folders: tuple[Path, Path, Path], actions: dict[str, Callable[[Path], Any]]
    ) -> dict[str, list[str]]:
        """Does something in each folder under the rules; returns how it ended in each."""

        def work() -> dict[str, list[str]]:
            assert confine.restrict_files([folders[0], Path("/usr"), Path("/lib64")], [folders[1]])
            return {
                name: [refused(partial(action, each)) for each in folders] for name, action in actions.items()
            }

        return dict(in_child(work))

    def test_reading_outside_is_refused(self, folders: tuple[Path, Path, Path]) -> None:
        found = self.results(
            folders,
            {
                "read": lambda folder: (folder / "file").read_text(),
                "list": listed,
                "by a detour": lambda folder: (folders[0] / ".." / folder.name / "file").read_text(),
            },
        )
        assert {tuple(ends) for ends in found.values()} == {("", "", "EACCES")}

    def test_writing_outside_is_refused(self, folders: tuple[Path, Path, Path]) -> None:
        found = self.results(
            folders,
            {
                "write": lambda folder: (folder / "file").write_text("changed"),
                "append": lambda folder: (folder / "file").open("a").close(),
                "truncate": lambda folder: os.truncate(folder / "file", 0),
                "make": lambda folder: (folder / "new").touch(),
                "make a folder": lambda folder: (folder / "new folder").mkdir(),
                "link": lambda folder: (folder / "link").symlink_to("file"),
                "make a pipe": lambda folder: os.mkfifo(folder / "pipe"),
                "rename": lambda folder: (folder / "file").rename(folder / "renamed"),
                "remove": lambda folder: (folder / "renamed").unlink(missing_ok=False),
            },
        )
        removed = found.pop("remove")
        assert (removed[1], removed[0] in ("EACCES", "ENOENT")) == ("", True)
        assert {tuple(ends) for ends in found.values()} == {("EACCES", "", "EACCES")}
        assert [(folder / "file").is_file() for folder in folders] == [True, False, True]
        assert (folders[2] / "file").read_text() == "other"

    def test_running_outside_is_refused(self, folders: tuple[Path, Path, Path]) -> None:
        found = self.results(
            folders, {"run": lambda folder: os.posix_spawn(folder / "program", ["program"], {})}
        )
        assert found["run"] == ["", "", "EACCES"]

    def test_file_and_missing_folder_may_be_named(self, folders: tuple[Path, Path, Path]) -> None:
        def work() -> list[str]:
            confine.restrict_files([folders[2] / "missing", folders[2] / "file"], [Path("/dev/null")])
            Path("/dev/null").write_text("gone")
            return [(folders[2] / "file").read_text(), refused(lambda: listed(folders[2]))]

        assert in_child(work) == ["other", "EACCES"]

    def test_children_inherit_the_rules(self, folders: tuple[Path, Path, Path]) -> None:
        def work() -> str:
            confine.restrict_files([Path("/usr")], [])
            return str(in_child(lambda: refused((folders[2] / "file").read_text)))

        assert in_child(work) == "EACCES"

    @pytest.mark.skipif(LIBC.syscall(444, None, 0, 1) < 4, reason="this kernel's Landlock knows no TCP")
    def test_tcp_is_refused(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def work() -> list[str]:
                confine.restrict_files([Path("/")], [])
                with socket.socket() as one, socket.socket() as other:
                    reach, serve = (
                        partial(one.connect, server.getsockname()),
                        partial(other.bind, ("127.0.0.1", 0)),
                    )
                    return [refused(reach), refused(serve)]

            assert in_child(work) == ["EACCES", "EACCES"]

    @pytest.mark.skipif(LIBC.syscall(444, None, 0, 1) < 6, reason="this kernel's Landlock knows no scopes")
    def test_signals_and_abstract_sockets_do_not_leave(self) -> None:
        name = f"\0test_confine {os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
            server.listen()

            def work() -> list[str]:
                parent = os.getppid()
                confine.restrict_files([Path("/")], [])
                with socket.socket(socket.AF_UNIX) as one:
                    return [refused(partial(os.kill, parent, 0)), refused(partial(one.connect, name))]

            assert in_child(work) == ["EPERM", "EPERM"]


def test_kernel_without_landlock_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class WithoutLandlock:
        def syscall(self, *_arguments: object) -> int:
            return -1

    monkeypatch.setattr(confine, "_LIBC", WithoutLandlock())
    assert confine.restrict_files([tmp_path], [tmp_path]) is False


def test_layer_that_cannot_be_put_in_place_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Callable[..., int]:
            return lambda *_arguments: 1 if name == "syscall" and _arguments[-1] == 1 else -1

    monkeypatch.setattr(confine, "_LIBC", Refusing())
    for layer in (
        confine.enter_user_namespace,
        confine.start_pid_namespace,
        confine.enter_namespaces,
        confine.drop_capabilities,
        confine.adopt_orphans,
        lambda: confine.hide_memory(True),
        lambda: confine.restrict_files([], []),
        lambda: confine.mount_privately(Path("/nowhere"), 1),
    ):
        with pytest.raises(ConfinementError):
            layer()


@namespaces
class TestNamespaces:
    """Namespaces and mounts."""

    SIZE = 2 * MIB

    @pytest.fixture
    def home(self) -> Iterator[Path]:
        """A home outside ``/tmp``, which is covered first; with a file in it."""
        folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
        (folder / "secret").write_text("another learner's")
        yield folder
        shutil.rmtree(folder)

    def inside(self, home: Path, work: Callable[[], Any]) -> Any:
        """Does something in namespaces and mounts of its own."""

        def first() -> Any:
            confine.enter_user_namespace()
            confine.start_pid_namespace()
            return in_child(second)

        def second() -> Any:
            confine.enter_namespaces()
            confine.mount_privately(home, self.SIZE)
            return work()

        return in_child(first)

    def test_files_take_no_more_than_they_may(self, home: Path) -> None:
        def work() -> list[Any]:
            (home / "fits").write_bytes(bytes(MIB))
            places = (home, Path("/tmp"), Path("/dev/shm"))
            more = [refused(partial((folder / "more").write_bytes, bytes(2 * MIB))) for folder in places]
            (home / "fits").unlink()
            return [more, refused(partial((home / "more").write_bytes, bytes(MIB // 2)))]

        more, _afterwards = self.inside(home, work)
        assert more == ["ENOSPC"] * 3

    def test_there_are_no_more_files_than_there_may_be(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(confine, "MAX_SCRATCH_FILES", 60)

        def work() -> int:
            for made in range(100):
                if refused((Path("/tmp") / str(made)).touch) == "ENOSPC":
                    return made
            return 100

        assert 20 < self.inside(home, work) < 60

    def test_nothing_of_the_outside_is_in_the_scratch_folders(self, home: Path, tmp_path: Path) -> None:
        assert tmp_path.is_relative_to(tempfile.gettempdir())
        shared = Path("/dev/shm", f"test_confine_{os.getpid()}")
        shared.touch()
        try:
            found = self.inside(
                home, lambda: [listed(each) for each in (Path("/tmp"), Path("/dev/shm"), home)]
            )
        finally:
            shared.unlink()
        assert found == [[], [], []]
        assert (home / "secret").read_text() == "another learner's"

    def test_nothing_of_the_inside_is_left_outside(self, home: Path) -> None:
        name = f"test_confine_{os.getpid()}"

        def work() -> None:
            for folder in (home, Path("/tmp"), Path("/dev/shm")):
                (folder / name).touch()

        self.inside(home, work)
        assert not any((folder / name).exists() for folder in (home, Path("/tmp"), Path("/dev/shm")))

    def test_proc_shows_this_process_alone(self, home: Path) -> None:
        def work() -> list[Any]:
            entries = listed(Path("/proc"))
            command = Path("/proc/self/cmdline").read_bytes().decode()
            return [entries, os.getpid(), command, str(home) in Path("/proc/mounts").read_text()]

        entries, pid, command, mounted = self.inside(home, work)
        assert pid == 1
        assert [name for name in entries if name.isdigit()] == ["1"]
        assert {"self", "mounts", "meminfo", "cpuinfo"} <= set(entries)
        assert "kcore" not in entries
        assert "sys" not in entries
        assert command == Path("/proc/self/cmdline").read_bytes().decode()
        assert mounted

    def test_there_is_no_network(self, home: Path) -> None:
        def work() -> list[Any]:
            with socket.socket() as one:
                reach = partial(one.connect, ("192.0.2.1", 80))
                return [[name for _index, name in socket.if_nameindex()], refused(reach)]

        names, error = self.inside(home, work)
        assert names in ([], ["lo"])
        assert error == "ENETUNREACH"

    def test_other_processes_cannot_be_reached(self, home: Path) -> None:
        outside = os.getpid()

        def work() -> str:
            try:
                os.kill(outside, 0)
            except ProcessLookupError:
                return "nobody there"
            return "reached"

        assert outside > 100
        assert self.inside(home, work) == "nobody there"

    def test_user_is_who_it_was(self, home: Path) -> None:
        assert self.inside(home, lambda: [os.getuid(), os.getgid()]) == [os.getuid(), os.getgid()]

    def test_home_is_the_working_folder(self, home: Path) -> None:
        assert self.inside(home, os.getcwd) == str(home)

    def test_capabilities_are_given_up(self, home: Path) -> None:
        def work() -> list[Any]:
            before = refused(lambda: os.chroot("/"))
            confine.drop_capabilities()
            status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines())
            held = [int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff")]
            again = refused(lambda: _checked(LIBC.umount2(b"/tmp", 0)))
            return [before, refused(lambda: os.chroot("/")), held, status["NoNewPrivs"], again]

        assert self.inside(home, work) == ["", "EPERM", [0, 0, 0], "1", "EPERM"]


class TestLimits:
    """Resource limits."""

    def test_address_space_is_on_top_of_what_is_there(self) -> None:
        def work() -> list[Any]:
            before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            confine.limit({"RLIMIT_AS": 64 * MIB})
            limit, hard = resource.getrlimit(resource.RLIMIT_AS)
            fits = len(bytearray(32 * MIB))
            try:
                bytearray(128 * MIB)
            except MemoryError:
                return [limit - before, limit == hard, fits, "too much"]
            return [limit - before, limit == hard, fits, "no limit"]

        on_top, same, fits, more = in_child(work)
        assert 64 * MIB <= on_top < 66 * MIB
        assert (same, fits, more) == (True, 32 * MIB, "too much")

    def test_others_are_what_they_are_called(self) -> None:
        def work() -> list[Any]:
            confine.limit({"RLIMIT_NOFILE": 20, "RLIMIT_FSIZE": MIB, "RLIMIT_CORE": 0})
            kinds = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
            return [resource.getrlimit(kind) for kind in kinds]

        assert in_child(work) == [[20, 20], [MIB, MIB], [0, 0]]

    def test_limit_that_is_lower_already_stays(self) -> None:
        def work() -> tuple[int, int]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (10, 15))
            confine.limit({"RLIMIT_NOFILE": 20})
            return resource.getrlimit(resource.RLIMIT_NOFILE)

        assert in_child(work) == [15, 15]


class TestProcess:
    """What a process says of itself to the kernel."""

    @root
    def test_root_becomes_an_ordinary_user_for_good(self) -> None:
        def work() -> list[Any]:
            confine.become_user(65534, 65534)
            back = [refused(lambda: os.setuid(0)), refused(lambda: os.setgid(0))]
            return [os.getresuid(), os.getresgid(), os.getgroups(), back]

        assert in_child(work) == [[65534] * 3, [65534] * 3, [], ["EPERM", "EPERM"]]

    @root
    def test_hidden_memory_cannot_be_read_by_the_same_user(self) -> None:
        def work(hidden: bool) -> str:
            confine.become_user(65534, 65534)
            confine.hide_memory(hidden)
            own = os.getpid()
            return str(in_child(lambda: refused(lambda: Path(f"/proc/{own}/mem").open("rb").close())))

        assert in_child(partial(work, True)) == "EACCES"
        assert in_child(partial(work, False)) == ""

    def test_what_dies_first_when_memory_runs_out(self) -> None:
        def work() -> list[str]:
            confine.die_first()
            return [in_child(Path("/proc/self/oom_score_adj").read_text)]

        assert in_child(work) == ["1000\n"]

    def test_orphans_are_adopted(self) -> None:
        def work() -> bool:
            confine.adopt_orphans()
            read_end, write_end = os.pipe()
            go_between = os.fork()
            if go_between == 0:
                middle = os.getpid()
                if os.fork() == 0:
                    while os.getppid() == middle:
                        time.sleep(0.001)
                    os.write(write_end, str(os.getppid()).encode())
                os._exit(0)
            os.waitpid(go_between, 0)
            os.close(write_end)
            with os.fdopen(read_end) as told:
                return int(told.read()) == os.getpid()

        assert in_child(work)
