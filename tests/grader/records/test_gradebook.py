import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from grader import messages
from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.reading.submission import AnswerCode
from grader.records import gradebook
from grader.records.gradebook import FILE, Environment, Gradebook, GradebookError, StoredAnswer, result_key
from tests.grader.apart import can_mount, in_child, mount, own_mounts, read_only

HERE = Environment("here", "bubblewrap", {"python": "3.11.2", "keras": "3.15.1"})
CODE = AnswerCode(("import numpy as np", "def double(x):\n    return 3 * x  # 三倍"), attempted=True)
WRONG = ExerciseResult(
    id="ch01.double",
    title="2 倍にする「標準」",
    status=Status.WRONG_VALUE,
    score=0,
    max_score=3,
    reason="3 倍になっています。",
    seconds=0.1 + 0.2,
    check="hidden",
    detail="double(0.5): 1.5 ではなく 1.0 です。🎓",
    given="[1.5, 3.0]",
    expected="[1.0, 2.0]",
    hint="かけ算です。",
    mistake="triples",
)
RIGHT = replace(
    WRONG, status=Status.PASSED, score=3, reason="", detail="", given="", expected="", hint="", mistake=""
)
MANY = 200
posix = pytest.mark.skipif(os.name != "posix", reason="this forks")
alone = pytest.mark.skipif(
    sys.platform != "linux" or not can_mount(), reason="nothing can be mounted on this machine"
)


def code_of(name: str) -> AnswerCode:
    return AnswerCode((f"# {name}", *CODE.cells), attempted=True)


def key_of(name: str, result: ExerciseResult) -> str:
    return result_key(result.id, code_of(name), "checks", result.status)


KEYS = [key_of(f"{number}.ipynb", WRONG) for number in range(MANY)]


@pytest.fixture(autouse=True)
def _english() -> None:
    messages.set_language("en")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / FILE


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook of several pages; nobody changes it."""
    file = tmp_path_factory.mktemp("many") / FILE
    fill(file, MANY)
    with raw(file) as connection:
        connection.execute("VACUUM")
    return file


@pytest.fixture
def copy(many: Path, path: Path) -> Path:
    """A copy of it."""
    path.parent.mkdir()
    shutil.copy(many, path)
    return path


@pytest.fixture
def book(path: Path) -> Iterator[Gradebook]:
    with Gradebook(path) as opened:
        yield opened


def submission(
    name: str, *results: ExerciseResult, notebook: str = "0" * 64, problem: str = ""
) -> SubmissionResult:
    return SubmissionResult(
        submission=name,
        chapter="ch01_numbers" if results else None,
        score=sum(each.score for each in results),
        max_score=sum(each.max_score for each in results),
        exercises=list(results),
        isolation=HERE.isolation,
        problem=problem,
        notebook=notebook,
        versions=HERE.versions,
    )


def graded(book: Gradebook, name: str, *results: ExerciseResult, notebook: str = "0" * 64) -> list[str]:
    """Keeps results of one submission and records its attempt; returns their keys."""
    keys = [key_of(name, each) for each in results]
    for key, each in zip(keys, results, strict=True):
        book.keep(key, code_of(name), each, HERE)
    book.record(submission(name, *results, notebook=notebook), keys, HERE)
    return keys


@contextlib.contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Opens the file as another program would, and keeps what it does."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def fill(path: Path, count: int) -> list[str]:
    """Makes a gradebook of several pages; returns the keys of its results."""
    with Gradebook(path) as book:
        return [
            key for number in range(count) for key in graded(book, f"{number}.ipynb", numbered(WRONG, number))
        ]


def numbered(result: ExerciseResult, number: int) -> ExerciseResult:
    return replace(result, detail=f"答え {number:04d}。")


def found(path: Path, keys: list[str]) -> tuple[list[ExerciseResult], Path | None]:
    """Opens a gradebook; returns what it finds and where it set a damaged file aside."""
    with Gradebook(path) as book:
        return [result for key in keys if (result := book.find(key)) is not None], book.set_aside


def refusal(path: Path, work: Callable[[Gradebook], None] = lambda _book: None) -> str:
    """Opens a gradebook and works with it, one of which must fail; returns what is told."""
    with pytest.raises(GradebookError) as caught, Gradebook(path) as book:
        work(book)
    return str(caught.value)


def test_result_is_found_as_it_was_kept(book: Gradebook, path: Path) -> None:
    others = [replace(WRONG, status=status, seconds=1e-9 * number) for number, status in enumerate(Status)]
    for number, result in enumerate([WRONG, *others]):
        book.keep(f"key {number}", CODE, result, HERE)
        assert book.find(f"key {number}") == result
    book.__exit__(None, None, None)
    with Gradebook(path) as reopened:
        assert [reopened.find(f"key {number}") for number in range(len(others) + 1)] == [WRONG, *others]
        assert reopened.set_aside is None


def test_whole_seconds_are_found_too(book: Gradebook) -> None:
    book.keep("key", CODE, replace(WRONG, seconds=2), HERE)
    assert book.find("key") == replace(WRONG, seconds=2.0)


def test_unknown_key_is_not_found(book: Gradebook) -> None:
    book.keep("key", CODE, WRONG, HERE)
    assert book.find("other key") is None


def test_result_under_the_same_key_replaces_the_former(book: Gradebook) -> None:
    book.keep("key", CODE, WRONG, HERE)
    book.keep("key", CODE, RIGHT, HERE)
    assert book.find("key") == RIGHT


@pytest.mark.parametrize(
    ("column", "value"), [("score", 3), ("status", "passed"), ("detail", "x"), ("exercise", "ch01.area")]
)
def test_edited_result_is_not_found(book: Gradebook, path: Path, column: str, value: Any) -> None:
    book.keep("key", CODE, WRONG, HERE)
    with raw(path) as connection:
        connection.execute(f"UPDATE results SET {column} = ?", (value,))
    assert book.find("key") is None
    book.keep("key", CODE, WRONG, HERE)
    assert book.find("key") == WRONG


def test_keys_differ_with_everything_that_can_change_a_verdict() -> None:
    keys = {
        result_key("ch01.double", CODE, "checks", "here"),
        result_key("ch01.area", CODE, "checks", "here"),
        result_key("ch01.double", replace(CODE, cells=CODE.cells[:1]), "checks", "here"),
        result_key("ch01.double", replace(CODE, cells=("".join(CODE.cells),)), "checks", "here"),
        result_key("ch01.double", replace(CODE, attempted=False), "checks", "here"),
        result_key("ch01.double", CODE, "other checks", "here"),
        result_key("ch01.double", CODE, "checks", "there"),
    }
    assert len(keys) == 7
    assert result_key("ch01.double", CODE, "checks", "here") in keys


def test_same_attempt_twice_is_one(book: Gradebook) -> None:
    graded(book, "a.ipynb", WRONG)
    graded(book, "a.ipynb", WRONG)
    assert book.attempts("a.ipynb") == 1
    assert book.attempts("b.ipynb") == 0


def test_changed_notebook_or_result_is_a_second_attempt(book: Gradebook) -> None:
    graded(book, "a.ipynb", WRONG)
    graded(book, "a.ipynb", WRONG, notebook="1" * 64)
    assert book.attempts("a.ipynb") == 2
    graded(book, "a.ipynb", RIGHT, notebook="1" * 64)
    assert book.attempts("a.ipynb") == 3
    graded(book, "a.ipynb", WRONG)
    assert book.attempts("a.ipynb") == 4
    assert [each.notebook for each in book.current()] == ["0" * 64]


def test_current_tells_the_latest_attempts_by_name(book: Gradebook) -> None:
    area = replace(RIGHT, id="ch01.area", title="円の面積", max_score=4, score=4)
    graded(book, "b.ipynb", WRONG, area)
    graded(book, "a.ipynb", WRONG)
    graded(book, "b.ipynb", RIGHT, area, notebook="1" * 64)
    current = book.current()
    expected = [submission("a.ipynb", WRONG), submission("b.ipynb", RIGHT, area, notebook="1" * 64)]
    assert [replace(each, graded_at="") for each in current] == expected
    assert [(each.score, each.max_score) for each in current] == [(0, 3), (7, 7)]
    assert all(each.graded_at.endswith("+00:00") for each in current)


def test_recording_tells_the_time_of_the_attempt(book: Gradebook, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(["first", "second", "third"])
    monkeypatch.setattr(gradebook, "_now", lambda: next(times))
    result = submission("a.ipynb", problem="The file is empty.")
    assert book.record(result, [], HERE) == replace(result, graded_at="first")
    assert book.record(result, [], HERE) == replace(result, graded_at="first")
    changed = replace(result, notebook="1" * 64)
    assert book.record(changed, [], HERE) == replace(changed, graded_at="second")


def test_file_that_could_not_be_graded_is_recorded(book: Gradebook) -> None:
    ungradable = submission("空.ipynb", problem="ファイルが空です。", notebook="")
    book.record(ungradable, [], HERE)
    (current,) = book.current()
    assert replace(current, graded_at="") == ungradable
    book.record(replace(ungradable, problem="違うファイルです。"), [], HERE)
    assert book.attempts("空.ipynb") == 2


def test_attempt_without_its_results_is_refused(book: Gradebook) -> None:
    with pytest.raises(GradebookError):
        book.record(submission("a.ipynb", WRONG), ["no such key"], HERE)
    assert book.current() == []
    assert book.attempts("a.ipynb") == 0


def test_answers_are_those_of_the_latest_attempts(book: Gradebook) -> None:
    graded(book, "b.ipynb", WRONG, replace(WRONG, id="ch01.area"))
    graded(book, "a.ipynb", WRONG)
    graded(book, "a.ipynb", RIGHT, notebook="1" * 64)
    book.record(submission("empty.ipynb", problem="The file is empty."), [], HERE)
    assert book.answers("ch01.double") == [
        StoredAnswer("a.ipynb", code_of("a.ipynb"), RIGHT),
        StoredAnswer("b.ipynb", code_of("b.ipynb"), WRONG),
    ]
    assert [answer.submission for answer in book.answers("ch01.area")] == ["b.ipynb"]
    assert book.answers("ch01.other") == []


def test_answer_that_was_not_attempted_stays_so(book: Gradebook) -> None:
    nothing = AnswerCode((), attempted=False)
    book.keep("key", nothing, replace(WRONG, status=Status.NOT_ATTEMPTED), HERE)
    book.record(submission("a.ipynb", WRONG), ["key"], HERE)
    assert [answer.code for answer in book.answers("ch01.double")] == [nothing]


def test_replaced_result_is_a_new_attempt_that_keeps_the_others(book: Gradebook) -> None:
    area = replace(RIGHT, id="ch01.area")
    graded(book, "a.ipynb", WRONG, area)
    graded(book, "b.ipynb", WRONG, area)
    there = Environment("there", "process", {"python": "3.12.0"})
    book.keep("new", code_of("a.ipynb"), RIGHT, there)
    book.replace_results("ch01.double", {"a.ipynb": "new"})
    changed, same = book.current()
    assert (changed.exercises, changed.score, changed.isolation) == ([RIGHT, area], 6, "process")
    assert (same.exercises, same.score, same.isolation) == ([WRONG, area], 3, "bubblewrap")
    assert [book.attempts(name) for name in ("a.ipynb", "b.ipynb")] == [2, 1]


def test_result_of_an_unknown_submission_replaces_nothing(book: Gradebook) -> None:
    graded(book, "a.ipynb", WRONG)
    book.keep("new", CODE, RIGHT, HERE)
    with pytest.raises(GradebookError, match=r"no submission b\.ipynb"):
        book.replace_results("ch01.double", {"a.ipynb": "new", "b.ipynb": "new"})
    assert book.attempts("a.ipynb") == 1


@posix
def test_second_process_is_refused_while_the_first_has_it(path: Path) -> None:
    with Gradebook(path):
        for told in (refusal(path), in_child(lambda: refusal(path))):
            assert told.endswith("gradebook.sqlite is in use: wait until the other grader has finished.")
    assert in_child(lambda: found(path, [])[0]) == []


def test_gradebook_may_be_closed_by_another_thread(path: Path) -> None:
    book = Gradebook(path)
    closing = threading.Thread(target=book.__exit__, args=(None, None, None))
    closing.start()
    closing.join()
    with Gradebook(path):
        pass


@posix
def test_killed_grader_leaves_what_it_kept_and_no_lock(path: Path) -> None:
    child = os.fork()
    if child == 0:
        book = Gradebook(path)
        for number in range(20):
            graded(book, f"{number:02d}.ipynb", WRONG)
        os.kill(os.getpid(), signal.SIGKILL)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert Path(f"{path}-wal").stat().st_size > 0
    with Gradebook(path) as book:
        assert book.set_aside is None
        assert [each.exercises for each in book.current()] == [[WRONG]] * 20


def test_file_of_another_version_is_refused_and_left_alone(path: Path) -> None:
    fill(path, 1)
    with raw(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    with pytest.raises(GradebookError, match="another version"):
        Gradebook(path)
    assert path.read_bytes() == before


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with raw(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE cookies (name TEXT)")
    with pytest.raises(GradebookError, match="another version"):
        Gradebook(tmp_path / FILE)


def test_gradebook_whose_tables_were_not_all_made_is_completed(path: Path) -> None:
    fill(path, 0)
    with raw(path) as connection:
        for table in ("entries", "attempts", "results"):
            connection.execute(f"DROP TABLE {table}")
    with Gradebook(path) as book:
        assert book.set_aside is None
        graded(book, "a.ipynb", WRONG)
        assert [each.exercises for each in book.current()] == [[WRONG]]


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 4096])
def test_garbage_is_set_aside_and_a_new_gradebook_made(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with Gradebook(path) as book:
        assert book.set_aside is not None
        assert book.set_aside.read_bytes() == content
        assert book.current() == []
        graded(book, "a.ipynb", WRONG)
    with Gradebook(path) as book:
        assert book.set_aside is None
        assert book.attempts("a.ipynb") == 1


def test_empty_file_becomes_a_gradebook(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert found(path, []) == ([], None)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_truncated_file_is_set_aside_and_what_is_sound_in_it_rescued(copy: Path, share: float) -> None:
    content = copy.read_bytes()
    copy.write_bytes(content[: int(share * len(content))])
    rescued, set_aside = found(copy, KEYS)
    assert set_aside is not None
    assert set_aside.stat().st_size < len(content)
    assert {each.detail for each in rescued} <= {numbered(WRONG, number).detail for number in range(MANY)}
    assert len(rescued) < MANY


def test_overwritten_page_costs_its_own_rows_alone(copy: Path) -> None:
    with copy.open("r+b") as file:
        page = file.read().rindex("答え 0100".encode()) // 4096
        file.seek(4096 * page)
        file.write(os.urandom(4096))
    rescued, set_aside = found(copy, KEYS)
    assert set_aside is not None
    left = [number for number in range(MANY) if numbered(WRONG, number) in rescued]
    lost = sorted({*range(MANY)} - {*left})
    assert len(rescued) == len(left)
    assert 100 in lost
    assert lost == [*range(lost[0], lost[-1] + 1)]
    assert len(lost) < 20


@pytest.mark.parametrize("byte", [b"!", b"\xff"], ids=["readable", "no longer UTF-8"])
@pytest.mark.parametrize("victim", ["答え 0123", "# 123.ipynb"], ids=["result", "answer"])
def test_flipped_byte_that_sqlite_does_not_notice_costs_its_row_alone(
    copy: Path, victim: str, byte: bytes
) -> None:
    content = copy.read_bytes()
    assert content.count(victim.encode()) == 1
    at = content.index(victim.encode())
    copy.write_bytes(content[:at] + byte + content[at + 1 :])
    with raw(copy) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rescued, set_aside = found(copy, KEYS)
    assert set_aside is not None
    assert rescued == [numbered(WRONG, number) for number in range(MANY) if number != 123]
    assert found(copy, KEYS) == (rescued, None)


def test_raised_score_is_neither_found_nor_reported(path: Path) -> None:
    (key,) = fill(path, 1)
    with raw(path) as connection:
        connection.execute("UPDATE results SET score = 3, status = 'passed'")
    with Gradebook(path) as book:
        assert book.set_aside is not None
        assert book.find(key) is None
        assert book.current() == []


def test_attempt_that_points_at_no_result_is_noticed(path: Path) -> None:
    keys = fill(path, 2)
    with raw(path) as connection:
        connection.execute("UPDATE entries SET result_key = 'none' WHERE attempt_id = 1")
    rescued, set_aside = found(path, keys)
    assert set_aside is not None
    assert len(rescued) == 2


def test_file_that_another_program_has_locked_is_not_set_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = fill(path, 2)
    connect = sqlite3.connect
    with contextlib.closing(connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", lambda file: connect(file, timeout=0.1))
        with pytest.raises(GradebookError, match="Another program holds"):
            Gradebook(path)
    monkeypatch.undo()
    messages.set_language("en")
    assert found(path, keys) == ([numbered(WRONG, 0), numbered(WRONG, 1)], None)


def test_lock_of_another_program_while_results_are_kept_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path, 1)
    with Gradebook(path) as book:
        event.listen(
            book._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50")
        )
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(GradebookError, match="Another program holds") as caught:
                book.keep("key", CODE, WRONG, HERE)
            assert "disk" not in str(caught.value)
        book.keep("key", CODE, WRONG, HERE)


def test_what_came_beside_a_file_is_kept(book: Gradebook) -> None:
    noted = replace(submission("a.ipynb"), note="Also handed in, not graded: a.pdf.")
    book.record(noted, [], HERE)
    book.record(noted, [], HERE)
    assert [each.note for each in book.current()] == [noted.note]
    assert book.attempts("a.ipynb") == 1
    book.record(replace(noted, note=""), [], HERE)
    assert [each.note for each in book.current()] == [""]
    assert book.attempts("a.ipynb") == 2


def test_what_came_beside_a_file_stays_when_an_exercise_is_judged_anew(book: Gradebook) -> None:
    graded(book, "a.ipynb", WRONG)
    (result,) = book.current()
    book.record(replace(result, note="besides"), [key_of("a.ipynb", WRONG)], HERE)
    book.keep("new", code_of("a.ipynb"), RIGHT, HERE)
    book.replace_results(WRONG.id, {"a.ipynb": "new"})
    assert [(each.score, each.note) for each in book.current()] == [(3, "besides")]


def test_gradebook_from_before_notes_opens(path: Path) -> None:
    keys = fill(path, 2)
    with raw(path) as connection:
        connection.execute("DROP TABLE notes")
    assert found(path, keys) == ([numbered(WRONG, 0), numbered(WRONG, 1)], None)
    with Gradebook(path) as book:
        assert [each.note for each in book.current()] == ["", ""]
        book.record(replace(submission("new.ipynb"), note="besides"), [], HERE)
        assert [each.note for each in book.current() if each.note] == ["besides"]


def test_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(GradebookError, match=r"gradebook\.sqlite cannot be written or read"):
        Gradebook(tmp_path / FILE)


def test_file_in_the_place_of_its_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(GradebookError, match="cannot be written or read"):
        Gradebook(tmp_path / "out" / FILE)


@alone
@pytest.mark.parametrize("count", [0, 2], ids=["empty folder", "with a gradebook"])
def test_read_only_folder_is_told(path: Path, count: int) -> None:
    path.parent.mkdir()
    if count:
        fill(path, count)

    def open_read_only() -> str:
        own_mounts()
        read_only(path.parent)
        return refusal(path)

    told = in_child(open_read_only)
    assert told.startswith(f"The gradebook {path} cannot be written or read (")
    assert "the file is yours" in told


@alone
def test_full_disk_is_told_and_leaves_the_gradebook_sound(tmp_path: Path) -> None:
    path, other = tmp_path / FILE, tmp_path / "other"

    def fill_disk() -> list[object]:
        own_mounts()
        mount("none", tmp_path, "tmpfs", options="size=2m")
        other.write_bytes(bytes(700_000))
        told = [refusal(path, grade_many) for _run in range(2)]
        other.unlink()
        with Gradebook(path) as book:
            done = [each.exercises for each in book.current()]
            graded(book, "z.ipynb", WRONG)
            return [*told, len(done), done == [[WRONG]] * len(done), book.attempts("z.ipynb"), book.set_aside]

    *told, done, right, attempts, set_aside = in_child(fill_disk)
    assert all("See that the disk has room" in each for each in told), told
    assert 5 < done < 999
    assert (right, attempts, set_aside) == (True, 1, None)


def test_gradebook_that_may_not_grow_stays_sound(path: Path) -> None:
    keys = fill(path, 3)
    with Gradebook(path) as book:
        event.listen(book._engine, "connect", lambda connection, _record: _cap(connection))
        book._engine.dispose()
        with pytest.raises(GradebookError, match="database or disk is full"):
            grade_many(book)
        assert [book.find(key) for key in keys] == [numbered(WRONG, number) for number in range(3)]
    rescued, set_aside = found(path, keys)
    assert (len(rescued), set_aside) == (3, None)


def grade_many(book: Gradebook) -> None:
    for number in range(1000):
        graded(book, f"more {number}", WRONG)


def _cap(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 4}")


def test_threads_may_share_a_gradebook(book: Gradebook) -> None:
    def work(number: int) -> ExerciseResult | None:
        (key,) = graded(book, f"{number % 40}.ipynb", numbered(WRONG, number % 40))
        book.current()
        return book.find(key)

    with ThreadPoolExecutor(8) as executor:
        results = list(executor.map(work, range(80)))
    assert results == [numbered(WRONG, number % 40) for number in range(80)]
    assert len(book.current()) == 40
    assert {book.attempts(f"{number}.ipynb") for number in range(40)} == {1}
