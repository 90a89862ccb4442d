import ast
import shutil
import subprocess
import sys
import tempfile
import textwrap
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.exercise import Status
from grader.judging.judge import Judge
from grader.sandbox import staging as sandbox
from grader.sandbox.limits import Limits
from grader.sandbox.staging import IsolationUnavailable, Sandbox, public_files
from tests.grader.engine_course import code, toy_chapter

needs_bubblewrap = pytest.mark.skipif(
    not sandbox.bubblewrap_available(), reason="bubblewrap does not work on this machine"
)


def inside(box: Sandbox, script: str) -> Any:
    """Runs Python in a sandbox and returns the literal that it prints."""
    finished = subprocess.run(
        box.command(["-c", textwrap.dedent(script)]),
        env=box.environment(),
        cwd=box.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return ast.literal_eval(finished.stdout)


@pytest.fixture
def chapter_folder(tmp_path: Path) -> Path:
    folder = toy_chapter(tmp_path / "course").folder
    for name in ("answers_old.py", "notes.txt", "results.json", "probes.py"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "answers.cpython-311.pyc").touch()
    return folder


def test_only_public_files_are_copied(chapter_folder: Path, tmp_path: Path) -> None:
    public = ["probes.py", "results.json"]
    assert [path.name for path in public_files(chapter_folder)] == public
    (tmp_path / "scratch").mkdir()
    box = Sandbox.stage("process", chapter_folder, tmp_path / "scratch")
    copied = sorted(path.name for path in (box.staged / "chapters").rglob("*") if path.is_file())
    assert copied == ["__init__.py", *public]


@needs_bubblewrap
class TestBubblewrap:
    @pytest.fixture
    def box(self, chapter_folder: Path, tmp_path: Path) -> Sandbox:
        (tmp_path / "scratch").mkdir()
        return Sandbox.stage("bubblewrap", chapter_folder, tmp_path / "scratch")

    def test_neither_answers_nor_checks_can_be_found(self, box: Sandbox, chapter_folder: Path) -> None:
        script = """
            import os
            found = [
                os.path.join(folder, name)
                for top in os.listdir("/") if top not in ("proc", "sys", "dev")
                for folder, _folders, names in os.walk("/" + top)
                for name in names if name.startswith(("answers", "exercises")) and "chapters" in folder
            ]
            print(found)
        """
        assert (chapter_folder / "answers.py").is_file()
        assert inside(box, script) == []

    def test_course_is_there_and_read_only(self, box: Sandbox) -> None:
        script = """
            import errno, os
            from pathlib import Path
            import grader.worker.workspace, chapters.ch98_toy.probes
            refused = []
            for place in ("/course", "/course/grader", "/usr", os.path.dirname(os.__file__)):
                try: Path(place, "written").touch()
                except OSError as error: refused.append(error.errno == errno.EROFS)
            Path.home().joinpath("written").touch()
            print(sorted(os.listdir("/course")), refused, os.listdir(), sep=",")
        """
        listing, refused, home = inside(box, script)
        assert {"chapters", "course_utils", "grader"} <= set(listing)
        assert refused == [True] * 4
        assert home == ["written"]

    def test_environment_below_a_covered_folder_can_be_imported_from(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as covered:
            environment = Path(covered, "course", ".venv")
            venv.create(environment, symlinks=True)
            (packages,) = environment.glob("lib/python*/site-packages")
            installed = Path(np.__file__).parent.parent
            for name in ("numpy", "numpy.libs"):
                if (installed / name).is_dir():
                    shutil.copytree(installed / name, packages / name)
            (packages / "late.py").write_text("two = 2")
            monkeypatch.setattr(sys, "prefix", str(environment))
            monkeypatch.setattr(sandbox, "_PYTHON", str(environment / "bin" / "python"))
            answer = """
                import sys
                from pathlib import Path

                def double(x):
                    import late, numpy.polynomial
                    Path("/tmp/scratch").touch()
                    try:
                        Path(late.__file__).write_text("two = 3")
                    except OSError:
                        return late.two * x if sys.prefix == str(Path(late.__file__).parents[3]) else x
            """
            with Judge(toy_chapter(tmp_path), isolation="bubblewrap") as judge:
                (result,) = judge.grade({"ch98.double": code(answer)}, ["ch98.double"])
        assert (result.status, result.detail) == (Status.PASSED, "")

    def test_there_is_no_network_and_no_other_process(self, box: Sandbox) -> None:
        script = """
            import os, socket
            reached = [name for _index, name in socket.if_nameindex() if name != "lo"]
            try:
                socket.create_connection(("192.0.2.1", 80), timeout=2)
                reached.append("192.0.2.1")
            except OSError as error:
                reason = type(error).__name__, error.errno
            print((reached, len([name for name in os.listdir("/proc") if name.isdigit()])))
        """
        reached, processes = inside(box, script)
        assert reached == []
        assert processes <= 3

    def test_environment_and_files_of_the_judge_are_absent(
        self, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JUDGES_SECRET", "1")
        script = f"import os; print(('JUDGES_SECRET' in os.environ, os.path.exists({str(tmp_path)!r})))"
        assert inside(box, script) == (False, False)

    def test_answers_in_an_installed_package_are_hidden(
        self, tmp_path: Path, chapter_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "venv" / "lib"
        (site / "chapters" / "ch98_toy").mkdir(parents=True)
        (site / "chapters" / "ch98_toy" / "answers.py").touch()
        monkeypatch.setattr(sys, "exec_prefix", str(tmp_path / "venv"))
        monkeypatch.setattr(sys, "base_exec_prefix", str(tmp_path / "venv"))
        monkeypatch.syspath_prepend(site)
        (tmp_path / "scratch").mkdir()
        box = Sandbox.stage("bubblewrap", chapter_folder, tmp_path / "scratch")
        script = f"import os; print((os.path.isdir({str(site)!r}), os.listdir({str(site / 'chapters')!r})))"
        assert inside(box, script) == (True, [])

    def test_fork_bomb_harms_only_itself(self, tmp_path: Path) -> None:
        bomb = (
            "import os\ndef double(x):\n    while True:\n        try: os.fork()\n        except OSError: pass"
        )
        with Judge(toy_chapter(tmp_path / "c"), isolation="bubblewrap", limits=Limits(processes=64)) as judge:
            (bombed,) = judge.grade({"ch98.quick": code(bomb)}, {"ch98.quick"})
            (right,) = judge.grade({"ch98.double": code("def double(x): return 2 * x")}, {"ch98.double"})
        assert bombed.status is Status.TIME_LIMIT
        assert right.status is Status.PASSED


def test_environment_holds_nothing_of_the_judges(
    chapter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGES_SECRET", "1")
    (tmp_path / "scratch").mkdir()
    box = Sandbox.stage("process", chapter_folder, tmp_path / "scratch")
    script = "import os, grader.messages; print(('JUDGES_SECRET' in os.environ, os.environ['MPLBACKEND']))"
    assert inside(box, script) == (False, "Agg")


def test_isolation_that_does_not_work_is_refused_in_both_languages(
    chapter_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "bubblewrap_available", lambda: False)
    with pytest.raises(
        IsolationUnavailable, match=r"インストール.*Install it.*--isolation process"
    ) as caught:
        Sandbox.stage("bubblewrap", chapter_folder, tmp_path)
    assert "\n" not in str(caught.value)


def test_bubblewrap_that_is_not_installed_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.bubblewrap_available.__wrapped__() is False


def test_limits_are_named_as_resource_names_them() -> None:
    limits = Limits(memory=100, processes=7, cpu=2.0)
    assert limits.of_exercise("bubblewrap", 30.0)["RLIMIT_NPROC"] == 7
    assert "RLIMIT_NPROC" not in limits.of_exercise("process", 30.0)
    assert limits.of_exercise("process", 30.0)["RLIMIT_AS"] == 100
    assert limits.of_exercise("process", 30.0)["cpu"] == 60
