"""Locks the process that is about to run learners' code into namespaces, limits and rules of its own.

Linux only, and imported by the worker alone. Every layer narrows what the layers before it left open:

1. namespaces (user, PID, mount, IPC, network, UTS): no process but its own, no network device;
2. mounts: a scratch folder of limited size over ``/tmp``, home and ``/dev/shm``; of ``/proc``, itself alone;
3. resource limits;
4. Landlock: what may be read, where may be written, no TCP, no signal and no abstract socket to the outside;
5. seccomp: no new namespaces, mounts, tracing, memory that outlives a process, or sockets but ``AF_UNIX``.

Sources: namespaces(7), landlock(7), seccomp(2), proc_pid_mem(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)

# prctl(2)
_SET_DUMPABLE, _SET_SECCOMP, _SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 4, 22, 36, 38

# unshare(2), clone(2)
_NEW_NS, _NEW_CGROUP, _NEW_UTS, _NEW_IPC = 0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000
_NEW_USER, _NEW_PID, _NEW_NET, _NEW_TIME = 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x0000_0080
_ALL_NEW = _NEW_NS | _NEW_CGROUP | _NEW_UTS | _NEW_IPC | _NEW_USER | _NEW_PID | _NEW_NET | _NEW_TIME

# mount(2)
_NOSUID, _NODEV, _NOEXEC, _BIND, _MOVE, _REC, _PRIVATE = 2, 4, 8, 0x1000, 0x2000, 0x4000, 0x4_0000

_PROC_FILES = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version")
MAX_SCRATCH_FILES = 10_000


class ConfinementError(Exception):
    """A layer that must hold could not be put in place."""


def become_user(uid: int, gid: int) -> None:
    """Turns root into an ordinary user for good.

    Args:
        uid: Its user id.
        gid: Its group id.
    """
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def hide_memory(hidden: bool) -> None:
    """Says whether processes of the same user may look into this one (ptrace, ``/proc/<pid>/mem``)."""
    _check(_LIBC.prctl(_SET_DUMPABLE, 0 if hidden else 1, 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def die_first() -> None:
    """Lets the kernel end this process, and what it starts, before others where memory runs out."""
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants leave behind."""
    _check(_LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def enter_user_namespace() -> None:
    """Enters a new user namespace, which holds this user alone and in which it may make other namespaces.

    Raises:
        ConfinementError: If the kernel does not allow it, or this process has more than one thread.
    """
    _enter_with_user(0)


def start_pid_namespace() -> None:
    """Gives the next child of this thread a PID namespace of its own; a thread can do so once.

    Raises:
        ConfinementError: If the kernel does not allow it: :func:`enter_user_namespace` comes first.
    """
    _check(_LIBC.unshare(_NEW_PID), "unshare")


def enter_namespaces() -> None:
    """Enters new user, mount, IPC, UTS and network namespaces.

    Raises:
        ConfinementError: If the kernel does not allow it.
    """
    _enter_with_user(_NEW_NS | _NEW_IPC | _NEW_UTS | _NEW_NET)


def mount_privately(home: Path, size: int, kept: Iterable[Path] = ()) -> None:
    """Gives this mount namespace a scratch folder of its own, and a ``/proc`` that shows this process alone.

    Args:
        home: Home of the learner; its contents, and those of ``/tmp`` and ``/dev/shm``, are covered.
        size: Bytes that all files in them may take together.
        kept: Folders below these that stay where they are, as they are: an environment from which more may be
            imported.

    Raises:
        ConfinementError: If the kernel does not allow it.
    """
    _mount("none", Path("/"), "", _REC | _PRIVATE)
    seen = {folder: os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for folder in kept}
    own = Path("/proc/self").readlink()
    top = Path("/tmp")
    options = f"size={size},nr_inodes={MAX_SCRATCH_FILES},mode=0700"
    _mount("scratch", top, "tmpfs", _NOSUID | _NODEV, options)
    for name, place in (("home", home), ("shm", Path("/dev/shm"))):
        if place.is_dir():
            _bind(_made(top / name), place)
    _mount("proc", _made(top / "proc"), "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=64k,mode=0755")
    _bind(f"/proc/{own}", _made(top / "proc/self"))
    (top / "proc" / str(os.getpid())).symlink_to("self")
    (top / "proc/mounts").symlink_to("self/mounts")
    for name in _PROC_FILES:
        if Path("/proc", name).exists():
            (top / "proc" / name).touch()
            _bind(f"/proc/{name}", top / "proc" / name)
    _mount(str(top / "proc"), Path("/proc"), "", _MOVE)
    _bind(_made(top / "tmp"), top)
    for folder, descriptor in seen.items():
        folder.mkdir(parents=True)
        _bind(f"/proc/self/fd/{descriptor}", folder)
        os.close(descriptor)
    os.chdir(home)


def drop_capabilities() -> None:
    """Gives up every capability in this user namespace, and the way to new ones."""
    _check(_LIBC.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x2008_0522, 0))
    none = ctypes.create_string_buffer(24)
    _check(_LIBC.capset(header, none), "capset")


def limit(limits: Mapping[str, int]) -> None:
    """Sets resource limits.

    Args:
        limits: By the names of :mod:`resource`; ``RLIMIT_AS`` is on top of what this process holds already.
    """
    for name, value in limits.items():
        kind = getattr(resource, name)
        wanted = value + _address_space() if kind == resource.RLIMIT_AS else value
        _soft, hard = resource.getrlimit(kind)
        ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (ceiling, ceiling))


def restrict_files(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Restricts this process and its children with Landlock.

    Args:
        readable: Folders below which files may be read and run; the others cannot be opened.
        writable: Folders below which everything may be done.

    Returns:
        Whether this kernel has Landlock.

    Raises:
        ConfinementError: If it has, and refuses.
    """
    return _Landlock.restrict(readable, writable)


def filter_system_calls() -> bool:
    """Forbids, with seccomp, the system calls that no exercise needs and that lead out of a sandbox.

    Returns:
        Whether the filter is known for this processor.

    Raises:
        ConfinementError: If the kernel refuses it.
    """
    table = _SYSTEM_CALLS.get(platform.machine())
    if table is None:
        return False
    program = _filter_program(*table)
    buffer = ctypes.create_string_buffer(b"".join(program), 8 * len(program))
    header = ctypes.create_string_buffer(struct.pack("HP", len(program), ctypes.addressof(buffer)))
    _check(_LIBC.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    _check(_LIBC.prctl(_SET_SECCOMP, 2, header, 0, 0), "prctl(PR_SET_SECCOMP)")
    return True


def _check(result: int, what: str) -> int:
    if result < 0:
        raise ConfinementError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _enter_with_user(others: int) -> None:
    uid, gid = os.getuid(), os.getgid()
    _check(_LIBC.unshare(_NEW_USER | others), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def _mount(source: str, target: Path, kind: str, flags: int, options: str = "") -> None:
    texts = [text.encode() or None for text in (source, str(target), kind, options)]
    result = _LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _check(result, f"mount {target}")


def _bind(source: Path | str, target: Path) -> None:
    _mount(str(source), target, "", _BIND)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


class _Landlock:
    """The three system calls of landlock(7); their numbers are the same on every processor."""

    CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
    EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
    FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
    READ = EXECUTE | READ_FILE | READ_DIR
    # By the ABI that brought them: refer, truncate, (none: TCP), ioctl on devices.
    RIGHTS = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
    TCP, SCOPES = 3, 3

    @classmethod
    def restrict(cls, readable: Iterable[Path], writable: Iterable[Path]) -> bool:
        abi = _LIBC.syscall(cls.CREATE_RULESET, None, ctypes.c_size_t(0), 1)
        if abi < 1:
            return False
        everything = 0
        for since, rights in cls.RIGHTS:
            everything |= rights if since <= abi else 0
        network, scopes = (cls.TCP if abi >= 4 else 0), (cls.SCOPES if abi >= 6 else 0)
        attributes = struct.pack("=QQQ", everything, network, scopes)
        size = 24 if abi >= 6 else 16 if abi >= 4 else 8
        ruleset = _check(
            _LIBC.syscall(cls.CREATE_RULESET, attributes, ctypes.c_size_t(size), 0), "landlock_create_ruleset"
        )
        try:
            for paths, rights in ((readable, cls.READ), (writable, everything)):
                for path in paths:
                    cls._allow(ruleset, path, rights & everything)
            _check(_LIBC.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
            _check(_LIBC.syscall(cls.RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
        finally:
            os.close(ruleset)
        return True

    @classmethod
    def _allow(cls, ruleset: int, path: Path, rights: int) -> None:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            allowed = rights if path.is_dir() else rights & cls.FILE_RIGHTS
            rule = struct.pack("=Qi", allowed, descriptor)
            _check(_LIBC.syscall(cls.ADD_RULE, ruleset, 1, rule, 0), f"landlock_add_rule {path}")
        finally:
            os.close(descriptor)


_FORBIDDEN = {
    # name: (x86_64, aarch64)
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semget": (64, 190),
    "setns": (308, 268),
    "shmget": (29, 194),
    "swapon": (167, 224),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
_SYSTEM_CALLS = {
    # processor: (its AUDIT_ARCH, forbidden numbers, clone, clone3, socket, setsockopt)
    "x86_64": (0xC000_003E, sorted(x86 for x86, _arm in _FORBIDDEN.values()), 56, 435, 41, 54),
    "aarch64": (0xC000_00B7, sorted(arm for _x86, arm in _FORBIDDEN.values()), 220, 435, 198, 208),
}

# Classic BPF over struct seccomp_data: nr at 0, arch at 4, low halves of the arguments at 16, 24, 32 …
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_X32_CALLS = 0x4000_0000
_BUFFER_SIZES = (7, 8, 32, 33)
"""SO_SNDBUF, SO_RCVBUF and their FORCE: the memory of large buffers is nobody's."""


def _filter_program(
    arch: int, forbidden: list[int], clone: int, clone3: int, socket: int, setsockopt: int
) -> list[bytes]:
    """Assembles the filter: jumps go forward, over as many instructions as they say."""
    refuse, unknown = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
    program = [
        _instruction(_LOAD, 4),
        _instruction(_EQUAL, arch, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, 0),
        _instruction(_AT_LEAST, _X32_CALLS, 0, 1),
        _instruction(_RETURN, refuse),
    ]
    for number in forbidden:
        program += [_instruction(_EQUAL, number, 0, 1), _instruction(_RETURN, refuse)]
    # glibc falls back to clone, whose flags can be read here.
    program += [_instruction(_EQUAL, clone3, 0, 1), _instruction(_RETURN, unknown)]
    program += [
        _instruction(_EQUAL, clone, 0, 4),
        _instruction(_LOAD, 16),
        _instruction(_ANY_BIT, _ALL_NEW & ~_NEW_TIME, 0, 1),
        _instruction(_RETURN, refuse),
        _instruction(_RETURN, _ALLOW),
        _instruction(_EQUAL, socket, 0, 4),
        _instruction(_LOAD, 16),
        _instruction(_EQUAL, 1, 0, 1),  # AF_UNIX
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, refuse),
        _instruction(_EQUAL, setsockopt, 1, 0),
        _instruction(_RETURN, _ALLOW),
        _instruction(_LOAD, 32),
    ]
    for option in _BUFFER_SIZES:
        program += [_instruction(_EQUAL, option, 0, 1), _instruction(_RETURN, refuse)]
    program.append(_instruction(_RETURN, _ALLOW))
    return program


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
