import io
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import messages
from grader.course.chapters import Chapter
from grader.exercise import Status
from grader.judging.judge import Judge
from grader.judging.results import ExerciseResult
from grader.sandbox import container
from grader.sandbox.container import COURSE
from grader.sandbox.limits import Isolation, Limits
from grader.sandbox.staging import IsolationUnavailable, require
from grader.worker.server import descendants
from tests.grader.engine_course import code, keras_chapter, toy_chapter
from tests.grader.fake_engine import write_engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker needs Linux")

RIGHT = "def double(x): return 2 * x"
LIMITS = Limits(memory=512 * 2**20)


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_chosen", "en")
    container.problem.cache_clear()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for docker, first on the path; returns its log."""
    log = write_engine(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return log


@pytest.fixture
def judge(engine: Path, tmp_path: Path) -> Iterator[Judge]:
    with Judge(toy_chapter(tmp_path / "course"), isolation="docker", limits=LIMITS) as opened:
        yield opened


def grade(judge: Judge, *cells: str, exercise: str = "ch98.double") -> ExerciseResult:
    (result,) = judge.grade({exercise: code(*cells)}, {exercise})
    return result


def worker_of(judge: Judge) -> container.ContainerWorker:
    judge.start()
    assert judge._server is not None
    worker = judge._server._worker
    assert isinstance(worker, container.ContainerWorker)
    return worker


def client_of(judge: Judge) -> subprocess.Popen[bytes]:
    """Returns the process of the engine's client."""
    return worker_of(judge)._process


def container_of(judge: Judge) -> str:
    """Returns the name of the container."""
    return worker_of(judge)._name


class TestOverTheStreamsOfAStandIn:
    @pytest.mark.parametrize(
        ("answer", "exercise", "status"),
        [
            (RIGHT, "ch98.double", Status.PASSED),
            ("def double(x): return 3 * x", "ch98.double", Status.WRONG_VALUE),
            ("while True: pass", "ch98.quick", Status.TIME_LIMIT),
            ("def double(x):\n    while True: pass", "ch98.quick", Status.TIME_LIMIT),
            ("def double(x): return [0] * 10**9", "ch98.double", Status.MEMORY_LIMIT),
            ("import os; os._exit(0)", "ch98.double", Status.WORKER_DIED),
            ("import os\ndef double(x): os.kill(os.getpid(), 11)", "ch98.double", Status.WORKER_DIED),
            ("def double(x): raise ValueError", "ch98.double", Status.RAISED),
        ],
    )
    def test_verdicts_are_those_of_any_worker(
        self, judge: Judge, answer: str, exercise: str, status: Status
    ) -> None:
        result = grade(judge, answer, exercise=exercise)
        assert (result.status, result.score > 0) == (status, status is Status.PASSED)
        assert grade(judge, RIGHT).status is Status.PASSED

    def test_many_exercises_are_judged_by_one_container(self, judge: Judge, engine: Path) -> None:
        results = [grade(judge, RIGHT if number % 2 else "double = None").status for number in range(30)]
        assert results == [Status.NOT_ATTEMPTED, Status.PASSED] * 15
        runs = [line for line in engine.read_text("utf-8").splitlines() if "--child-user" in line]
        assert len(runs) == 1

    def test_tens_of_megabytes_come_back(self, judge: Judge) -> None:
        answer = "import numpy as np\ndef double(x): return np.zeros((2**22, 2))"
        result = grade(judge, answer)
        assert (result.status, "(4194304, 2)" in result.reason) == (Status.WRONG_SHAPE, True)

    @pytest.mark.parametrize("where", ["double", "cell"])
    def test_flood_earns_nothing_and_harms_no_other(self, judge: Judge, where: str) -> None:
        flood = """
            import os
            def flood():
                while True:
                    for descriptor in range(3, 64):
                        try: os.write(descriptor, bytes(2 ** 20))
                        except OSError: pass
            def double(x): flood()
        """
        cells = textwrap.dedent(flood) + ("" if where == "double" else "flood()\n")
        assert grade(judge, cells, exercise="ch98.quick").status is not Status.PASSED
        assert grade(judge, RIGHT).status is Status.PASSED

    def test_killed_container_costs_no_exercise(self, judge: Judge) -> None:
        client = client_of(judge)
        for pid in [*descendants(client.pid)][1:]:
            os.kill(pid, signal.SIGKILL)
        assert grade(judge, RIGHT).status is Status.PASSED
        assert client_of(judge) is not client

    def test_container_of_a_killed_client_is_removed(self, judge: Judge, engine: Path) -> None:
        name = container_of(judge)
        client_of(judge).kill()
        judge.stop()
        assert f"rm --force {name}" in engine.read_text("utf-8").splitlines()
        assert grade(judge, RIGHT).status is Status.PASSED

    def test_nothing_runs_or_lies_about_after_the_judge(
        self, engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "temporary").mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
        with Judge(toy_chapter(tmp_path / "course"), isolation="docker", limits=LIMITS) as judge:
            pids = [*descendants(client_of(judge).pid)]
            assert len(pids) >= 3
            assert grade(judge, RIGHT).status is Status.PASSED
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        assert not [*(tmp_path / "temporary").iterdir()]
        assert not [line for line in engine.read_text("utf-8").splitlines() if line.startswith("rm ")]

    def test_client_runs_where_what_it_leaves_is_removed(self, judge: Judge) -> None:
        folder = Path(f"/proc/{client_of(judge).pid}/cwd").resolve()
        assert folder == judge._sandbox.home.resolve() != Path.cwd()

    def test_worker_that_does_not_start_says_why(
        self, engine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        chapter = toy_chapter(tmp_path / "course")
        (chapter.folder / "probes.py").write_text("raise ValueError('broken probes')", encoding="utf-8")
        with Judge(chapter, isolation="docker") as judge:
            assert grade(judge, RIGHT).status is Status.GRADER_FAULT
        assert "broken probes" in caplog.text

    def test_judge_uses_nothing_that_windows_lacks(self, engine: Path, tmp_path: Path) -> None:
        script = f"""
            import _socket, sys
            del _socket.socketpair, _socket.AF_UNIX
            sys.modules |= dict.fromkeys(("resource", "fcntl", "pwd", "grp", "termios"))
            import os, signal, socket
            assert not hasattr(socket, "AF_UNIX")
            lacking = {{
                os: "fork forkpty getegid geteuid getgid getpgid getuid killpg setsid sysconf waitid",
                signal: "SIGXCPU SIGHUP SIGQUIT SIGALRM SIGUSR1 pthread_sigmask",
                socket: "send_fds recv_fds",
            }}
            for module, names in lacking.items():
                for name in names.split(): delattr(module, name)
            sys.path[:0] = {sys.path!r}
            from pathlib import Path
            from tests.grader.engine_course import code, toy_chapter
            import grader.records.batch, grader.cli
            from grader.judging.judge import Judge
            with Judge(toy_chapter(Path({str(tmp_path / "course")!r})), isolation="docker") as judge:
                wrong = "def double(x): return 3 * x"
                for answer in ({RIGHT!r}, wrong, "import os; os._exit(0)", "while True: pass"):
                    (result,) = judge.grade({{"ch98.quick": code(answer)}}, {{"ch98.quick"}})
                    print(result.status)
        """
        finished = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
        )
        assert finished.stdout.splitlines() == ["passed", "wrong value", "worker died", "time limit"], (
            finished.stderr
        )


DOCKER_COMMAND = """
docker run --rm --interactive --name=grader-1 --pull=never --log-driver=none --network=none --read-only
--cap-drop=ALL --cap-add=SETUID --cap-add=SETGID --cap-add=KILL --security-opt=no-new-privileges
--pids-limit=71 --memory=1073745224 --memory-swap=1073745224 --shm-size=1100
--tmpfs=/course:rw,exec,mode=0755 --tmpfs=/tmp:rw,exec,mode=1777,size=1100
--tmpfs=/home/learner:rw,exec,mode=1777,size=1100 --workdir=/home/learner
IMAGE env -i A=b c PATH=/bin python3 -P -c START /course --child-user 65534
"""


@pytest.mark.parametrize("engine_name", container.ENGINES)
def test_command_is_this(engine_name: str) -> None:
    limits = Limits(memory=100, scratch=1100, processes=7)
    environment = {"A": "b c", "PATH": "/bin"}
    command = container.command(engine_name, "grader-1", limits, environment, ["--child-user", "65534"])
    wanted = " ".join(DOCKER_COMMAND.split()).replace("IMAGE", container.image())
    if engine_name == "podman":
        own = "--workdir=/home/learner --read-only-tmpfs=false --http-proxy=false"
        wanted = wanted.replace("--workdir=/home/learner", own).replace("docker run", "podman run")
    started = command.index("-c") + 1
    compile(command[started], "start", "exec")
    assert " ".join([*command[:started], "START", *command[started + 1 :]]) == wanted


def test_course_that_is_sent_holds_no_answers_and_belongs_to_root(engine: Path, tmp_path: Path) -> None:
    chapter = toy_chapter(tmp_path / "course")
    (chapter.folder / "probes.py").touch(0o600)
    with Judge(chapter, isolation="docker") as judge:
        box = judge._sandbox
        packed = container.pack(box.staged, box.linked)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        entries = archive.getmembers()
    names = {entry.name.removeprefix("./") for entry in entries}
    assert {"chapters/ch98_toy/probes.py", "grader/worker/server.py", "course_utils/__init__.py"} <= names
    assert not [
        name for name in names if "answers" in name or "exercises.py" in name or "__pycache__" in name
    ]
    assert {(entry.uid, entry.gid, entry.uname) for entry in entries} == {(0, 0, "")}
    assert {entry.mode for entry in entries} == {0o755, 0o644}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"version": 1, "info": 1}, r"応答しません.*does not answer.*start it"),
        ({"run": 125}, r"起動できません.*\(the stand-in fails\).*cannot start.*\(the stand-in fails\)"),
        ({"image": 1}, r"ありません.*is not there.*python\S* -m grader\.container (docker|podman)"),
    ],
    ids=["engine does not run", "no container starts", "no image"],
)
@pytest.mark.parametrize("isolation", container.ENGINES)
def test_what_is_missing_is_told_in_both_languages(
    isolation: Isolation, answers: dict[str, int], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_engine(tmp_path / "bin", isolation, **answers)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(IsolationUnavailable, match=said) as caught:
        require(isolation)
    assert "\n" not in str(caught.value)


def test_engine_that_is_not_installed_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IsolationUnavailable, match="does not answer"):
        require("docker")


def test_engine_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(container, "_ANSWER_SECONDS", 0.5)
    started = time.monotonic()
    assert "does not answer" in container.problem("docker")
    assert time.monotonic() - started < 20


def test_image_changes_its_name_with_what_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in container._RECIPE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((COURSE / name).read_bytes())
    before = container.image()
    monkeypatch.setattr(container, "COURSE", tmp_path)
    assert container.image() == before
    (tmp_path / "constraints.txt").write_bytes((COURSE / "constraints.txt").read_bytes() + b"x==1\n")
    assert container.image() != before
    assert container.image().startswith("deep-learning-day4-grader:")


@pytest.mark.parametrize(
    ("arguments", "told"), [([], ""), (["podman", "--base", "debian:12"], "--build-arg=BASE=debian:12 ")]
)
def test_image_is_built_with_the_engine_that_is_there_on_the_base_that_is_named(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = write_engine(tmp_path / "bin", "podman", build=3)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "argv", ["container", *arguments])
    with pytest.raises(SystemExit, match="3"):
        container.main()
    recipe = COURSE / "grader" / "sandbox" / "Containerfile"
    assert log.read_text("utf-8") == f"build --file {recipe} --tag {container.image()} {told}{COURSE}\n"


def instructions() -> list[tuple[str, list[str]]]:
    """Reads the Containerfile: each instruction's name and words."""
    text = (COURSE / "grader" / "sandbox" / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, words) for name, *words in lines]


def test_image_is_made_of_packages_alone() -> None:
    recipe = instructions()
    assert [name for name, _words in recipe] == ["ARG", "FROM", "COPY", "RUN"]
    assert recipe[0][1][0].startswith("BASE=docker.io/library/python:3.11-slim-")
    assert recipe[1][1] == ["${BASE}"]
    *copied, target = recipe[2][1]
    assert (copied, target) == (["requirements.txt", "constraints.txt"], "/build/")
    run = " ".join(recipe[3][1])
    assert "-r /build/requirements.txt -c /build/constraints.txt" in run
    assert "--no-cache-dir" in run


def test_builder_is_given_nothing_else() -> None:
    lines = (COURSE / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules == ["*", "!requirements.txt", "!constraints.txt"]


@pytest.mark.parametrize("isolation", container.ENGINES)
class TestInARealContainer:
    """Where an engine runs and has the image; elsewhere nothing of this can be seen."""

    @pytest.fixture
    def real(self, isolation: Isolation, tmp_path: Path) -> Iterator[Judge]:
        if container.problem(isolation):
            pytest.skip(f"{isolation} does not run here, or has no image")
        with Judge(
            toy_chapter(tmp_path / "course"), isolation=isolation, limits=Limits(memory=2**29, processes=64)
        ) as judge:
            yield judge

    def test_fork_bomb_harms_only_itself(self, real: Judge) -> None:
        bomb = (
            "import os\ndef double(x):\n    while True:\n        try: os.fork()\n        except OSError: pass"
        )
        assert grade(real, bomb, exercise="ch98.quick").status is Status.TIME_LIMIT
        assert grade(real, RIGHT).status is Status.PASSED

    def test_nothing_leads_out(self, real: Judge) -> None:
        attempts = """
            import os, signal, socket
            reached = [name for name in os.listdir("/sys/class/net") if name != "lo"]
            for address in (("192.0.2.1", 80), ("127.0.0.1", 22)):
                try: socket.create_connection(address, timeout=2); reached.append(address)
                except OSError: pass
            for path in ("/w", "/course/w", "/course/grader/w", "/var/tmp/w", "/run/w", "/usr/w"):
                try: open(path, "w"); reached.append(path)
                except OSError: pass
            for path in ("/proc/1/environ", "/proc/1/mem", f"/proc/{os.getppid()}/mem", "/etc/shadow"):
                try: open(path, "rb").read(1); reached.append(path)
                except OSError: pass
            for pid in (1, os.getppid()):
                try: os.kill(pid, signal.SIGSTOP); reached.append(pid)
                except OSError: pass
            for change in (lambda: os.setuid(0), lambda: os.chroot("/tmp"), lambda: os.nice(-5)):
                try: change(); reached.append("rights")
                except OSError: pass
            private = ("answers.py", "exercises.py")
            inside = [(top, name) for top, _folders, names in os.walk("/") for name in names]
            reached += [name for top, name in inside if "chapters" in top and name in private]
            if reached: raise ValueError(f"{reached}")
            def double(x): return 2 * x
        """
        result = grade(real, attempts)
        assert (result.status, result.reason) == (Status.PASSED, "")

    def test_exercise_leaves_nothing_for_the_next(self, real: Judge) -> None:
        places = "('/tmp', '/dev/shm', '/dev/mqueue', os.path.expanduser('~'))"
        mess = f"""
            import os, time
            for place in {places}:
                try:
                    open(place + "/file", "w").write("x")
                    os.makedirs(place + "/a/b"); os.chmod(place + "/a", 0)
                except OSError: pass
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True: time.sleep(1)
                os._exit(0)
            def double(x): return 2 * x
        """
        look = f"""
            import os
            left = [os.listdir(place) for place in {places}]
            running = [pid for pid in os.listdir("/proc") if pid.isdigit()]
            if any(left) or len(running) > 3: raise ValueError(f"{{left}} {{running}}")
            def double(x): return 2 * x
        """
        assert grade(real, mess).status is Status.PASSED
        result = grade(real, look)
        assert (result.status, result.reason) == (Status.PASSED, "")

    def test_memory_and_files_meet_their_limits(self, real: Judge) -> None:
        hog = """
            import os, time
            for _number in range(8):
                if os.fork() == 0:
                    held = bytearray(2**28); held[::4096] = b"x" * len(held[::4096]); time.sleep(60)
            time.sleep(60)
        """
        assert grade(real, hog).status is Status.MEMORY_LIMIT
        flood = "import os\ndef double(x):\n    for n in range(99): open(f'{n}', 'wb').write(bytes(2**23))"
        result = grade(real, flood)
        assert (result.status, "space for files" in result.reason) == (Status.RESOURCE_LIMIT, True)
        assert grade(real, RIGHT).status is Status.PASSED

    def test_killed_client_costs_no_exercise_and_leaves_no_container(
        self, real: Judge, isolation: Isolation
    ) -> None:
        name = container_of(real)
        client_of(real).kill()
        assert grade(real, RIGHT).status is Status.PASSED
        listed = [isolation, "ps", "--all", "--quiet", "--filter", f"name={name}"]
        assert subprocess.run(listed, capture_output=True, check=True).stdout == b""

    def test_keras_answers_are_judged(self, isolation: Isolation, tmp_path: Path) -> None:
        if container.problem(isolation):
            pytest.skip(f"{isolation} does not run here, or has no image")
        chapter: Chapter = keras_chapter(tmp_path)
        head = """
            import keras
            def head(features):
                return keras.Sequential([keras.Input((features,)), keras.layers.Dense(2)])
        """
        with Judge(chapter, isolation=isolation, seed=3) as judge:
            (result,) = judge.grade({"ch97.head": code(head)}, {"ch97.head"})
        assert (result.status, result.reason) == (Status.PASSED, "")
