import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root may act as another user"
)

USER = 2_000_000 + 2 * os.getpid()
"""Nobody's on this machine, as is the one below it, which ``prepare`` takes."""


def as_root(script: str) -> Any:
    """Runs Python in a process of its own, prepared, and returns the literal that it prints last."""
    start = f"""
import os, time
from pathlib import Path
from grader.worker import confine, sweep
USER = {USER}
sweep.prepare(USER)

def as_user(work):
    pid = os.fork()
    if pid == 0:
        confine.become_user(USER, USER)
        work()
        os._exit(0)
    return pid
"""
    finished = subprocess.run(
        [sys.executable, "-c", start + textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return ast.literal_eval(finished.stdout)


def test_all_processes_of_the_user_are_killed_and_no_other() -> None:
    script = """
        other = os.fork()
        if other == 0:
            os.setresuid(0, 0, 0)
            time.sleep(60)
        def daemon():
            os.setsid()
            for _number in range(3): os.fork()
            while True: time.sleep(1)
        pid = as_user(daemon)
        time.sleep(0.5)
        sweep.kill_processes(USER)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        def running():
            found = []
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                    if folder.stat().st_uid == USER and state != "Z": found.append(folder.name)
                except OSError: pass
            return found
        deadline = time.monotonic() + 20
        while running() and time.monotonic() < deadline: time.sleep(0.05)
        others = running()
        alive = os.waitpid(other, os.WNOHANG) == (0, 0)
        os.kill(other, 9)
        print((ended, others, alive, os.geteuid()))
    """
    assert as_root(script) == (-9, [], True, 0)


def test_kill_without_processes_is_nothing() -> None:
    assert as_root("sweep.kill_processes(USER); print(os.getresuid())") == (USER - 1, 0, 0)


def test_unprepared_root_is_refused_before_it_kills_everyone() -> None:
    script = """
        os.setresuid(0, 0, 0)
        try: sweep.kill_processes(USER)
        except PermissionError as error: print([str(error)])
    """
    assert "kill all others" in as_root(script)[0]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and parent != parent.parent:
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder


def test_everything_that_the_user_owns_is_removed_whatever_its_form(shared: Path) -> None:
    (shared / "of root").write_text("stays", encoding="utf-8")
    (shared / "folder of root").mkdir()
    script = f"""
        place = Path({str(shared)!r})
        def mess():
            os.chdir(place)
            for number in range(2500): open(f"file {{number}}", "w").close()
            os.mkdir("wide")
            for number in range(2500): open(f"wide/{{number}}", "w").close()
            Path("link").symlink_to("/etc")
            Path("wide/link").symlink_to(place / "folder of root")
            os.mkfifo("pipe")
            open(b"\\xff\\n", "w").close()
            for number in range(3000):
                os.mkdir("deep"); os.chdir("deep")
            os.chmod(".", 0); os.chmod("..", 0)
            os.chdir(place)
            os.chmod("wide", 0); os.chmod("deep", 0)
        os.waitpid(as_user(mess), 0)
        held = len(os.listdir(place))
        removed = sweep.remove_files(USER, [place, Path("/no/such/folder")], 60.0)
        print((held, removed, sorted(os.listdir(place))))
    """
    assert as_root(script) == (2507, True, ["folder of root", "of root"])


def test_too_much_to_remove_in_time_is_told(shared: Path) -> None:
    script = f"""
        place = Path({str(shared)!r})
        def mess():
            for number in range(100): open(place / str(number), "w").close()
        os.waitpid(as_user(mess), 0)
        print(sweep.remove_files(USER, [place], -1.0))
    """
    assert as_root(script) is False
