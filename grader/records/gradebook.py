"""The gradebook: an SQLite file that remembers every submission, attempt, answer and result.

A result is kept under the content of what gave it (:func:`result_key`), so that an unchanged answer is never
run twice and a batch that was killed goes on where it stopped. Each is committed as soon as it is known.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout
from sqlalchemy import JSON, ForeignKey, create_engine, event, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.messages import _
from grader.reading.submission import AnswerCode

FILE = "gradebook.sqlite"
SCHEMA = 1
_MISSES = 20_000
"""So many rows in turn that are not there or cannot be read are the end of a damaged table."""
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class GradebookError(Exception):
    """The gradebook cannot be read or written; the message says what to do."""


class _Base(DeclarativeBase):
    type_annotation_map = {dict[str, str]: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's own way


class _Environment(_Base):
    __tablename__ = "environments"
    key: Mapped[str] = mapped_column(primary_key=True)
    isolation: Mapped[str]
    versions: Mapped[dict[str, str]]


class _Source(_Base):
    """What was run for an answer: a list of cells."""

    __tablename__ = "sources"
    key: Mapped[str] = mapped_column(primary_key=True)
    cells: Mapped[list[str]]
    attempted: Mapped[bool]


class _Result(_Base):
    __tablename__ = "results"
    key: Mapped[str] = mapped_column(primary_key=True)
    exercise: Mapped[str] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.key"))
    environment: Mapped[str] = mapped_column(ForeignKey("environments.key"))
    title: Mapped[str]
    status: Mapped[str]
    score: Mapped[int]
    max_score: Mapped[int]
    reason: Mapped[str]
    seconds: Mapped[float]
    check: Mapped[str]
    detail: Mapped[str]
    given: Mapped[str]
    expected: Mapped[str]
    hint: Mapped[str]
    mistake: Mapped[str]
    judged_at: Mapped[str]
    digest: Mapped[str]


class _Submission(_Base):
    __tablename__ = "submissions"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class _Attempt(_Base):
    """One state of a submission's file, graded."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), index=True)
    notebook: Mapped[str]
    chapter: Mapped[str | None]
    problem: Mapped[str]
    environment: Mapped[str] = mapped_column(ForeignKey("environments.key"))
    graded_at: Mapped[str]
    entries: Mapped[list[_Entry]] = relationship(order_by="_Entry.position", lazy="selectin")
    beside: Mapped[_Note | None] = relationship(lazy="selectin")

    @property
    def note(self) -> str:
        """What else was handed in with the file; empty for nothing."""
        return self.beside.text if self.beside is not None else ""


class _Entry(_Base):
    """Which result an attempt has for an exercise."""

    __tablename__ = "entries"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    result_key: Mapped[str] = mapped_column(ForeignKey("results.key"))
    result: Mapped[_Result] = relationship(lazy="joined")


class _Note(_Base):
    """What else was handed in with the file of an attempt. A gradebook from before has no such table yet."""

    __tablename__ = "notes"
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    text: Mapped[str]


@dataclass(frozen=True)
class Environment:
    """Where results come about.

    Attributes:
        key: Digest of everything in it that can change a verdict.
        isolation: What keeps learners' code apart.
        versions: Versions by name.
    """

    key: str
    isolation: str
    versions: dict[str, str]


@dataclass(frozen=True)
class StoredAnswer:
    """The answer to an exercise in the latest attempt of a submission.

    Attributes:
        submission: Name of the submission.
        code: What was run.
        result: What became of it.
    """

    submission: str
    code: AnswerCode
    result: ExerciseResult


def result_key(exercise_id: str, code: AnswerCode, checks: str, environment: str) -> str:
    """Returns the name under which a result is kept.

    Args:
        exercise_id: The exercise.
        code: What is run.
        checks: Digest of the checks that judge it.
        environment: Digest of where it runs.

    Returns:
        A digest in hexadecimal: equal for what must have an equal verdict.
    """
    return digest(exercise_id, code.cells, code.attempted, checks, environment)


def digest(*parts: Any) -> str:
    """Returns the SHA-256 of data that JSON can hold, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


class Gradebook:
    """An open gradebook. Threads may share it; a second process is refused."""

    def __init__(self, path: Path, *, mend: bool = True) -> None:
        """Opens or makes a gradebook.

        A damaged file is set aside, never overwritten; :attr:`set_aside` names it then, and those results in
        it that can still be proved right are carried over. Whose they are is known again once the submissions
        are graded again.

        Args:
            path: The file.
            mend: Whether a damaged file may be set aside.

        Raises:
            GradebookError: If it is in use, of another version, or cannot be written, or if it is damaged and
                may not be set aside.
        """
        self.path = path
        self.set_aside: Path | None = None
        self._mutex = threading.RLock()
        self._lock = FileLock(f"{path}.lock", thread_local=False)
        with _plainly(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            try:
                rescued = self._set_aside_if_damaged(mend)
                self._engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
                event.listen(self._engine, "connect", _on_connect)
                _Base.metadata.create_all(self._engine)
                self._keep_rows(rescued)
            except BaseException:
                self._lock.release()
                raise

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the file."""
        self._engine.dispose()
        self._lock.release()

    def find(self, key: str) -> ExerciseResult | None:
        """Looks a result up.

        Args:
            key: What :func:`result_key` gave.

        Returns:
            The result; ``None`` where there is none, or what is stored is not what was stored.
        """
        with self._session() as session:
            row = session.get(_Result, key)
            return _result_of(row) if row is not None and row.digest == _row_digest(_values(row)) else None

    def keep(self, key: str, code: AnswerCode, result: ExerciseResult, environment: Environment) -> None:
        """Stores a result at once; one that is there already under the key is replaced.

        Args:
            key: What :func:`result_key` gave.
            code: What was run.
            result: What became of it.
            environment: Where.
        """
        source = digest(code.cells, code.attempted)
        fields = asdict(result) | {"status": str(result.status), "seconds": float(result.seconds)}
        fields |= {"exercise": fields.pop("id"), "key": key, "source": source}
        fields |= {"environment": environment.key, "judged_at": _now()}
        row = _Result(**fields, digest=_row_digest(fields))
        with self._session() as session:
            session.merge(_Environment(**asdict(environment)))
            session.merge(_Source(key=source, cells=list(code.cells), attempted=code.attempted))
            session.flush()
            session.merge(row)

    def record(
        self, result: SubmissionResult, keys: Sequence[str], environment: Environment
    ) -> SubmissionResult:
        """Records an attempt whose results are stored.

        An attempt that does not differ from the latest of its submission is not recorded again.

        Args:
            result: The submission's result.
            keys: Where each of its exercises' results is stored.
            environment: Where it was graded.

        Returns:
            The result, with the time of its attempt.
        """
        with self._session() as session:
            latest = self._latest(session, result.submission)
            if latest is not None and _is_same(latest, result, keys):
                return replace(result, graded_at=latest.graded_at)
            session.merge(_Environment(**asdict(environment)))
            submission = session.scalar(select(_Submission).where(_Submission.name == result.submission))
            if submission is None:
                submission = _Submission(name=result.submission)
                session.add(submission)
            session.flush()
            attempt = _Attempt(
                submission_id=submission.id,
                notebook=result.notebook,
                chapter=result.chapter,
                problem=result.problem,
                environment=environment.key,
                graded_at=_now(),
                entries=[_Entry(position=number, result_key=key) for number, key in enumerate(keys)],
                beside=_Note(text=result.note) if result.note else None,
            )
            session.add(attempt)
            return replace(result, graded_at=attempt.graded_at)

    def current(self) -> list[SubmissionResult]:
        """Returns the latest attempt of every submission, by name."""
        with self._session() as session:
            environments = {row.key: row for row in session.scalars(select(_Environment))}
            names = {row.id: row.name for row in session.scalars(select(_Submission))}
            results = [
                _submission_result(names[attempt.submission_id], attempt, environments[attempt.environment])
                for attempt in session.scalars(_latest_attempts())
            ]
        return sorted(results, key=lambda result: result.submission)

    def answers(self, exercise_id: str) -> list[StoredAnswer]:
        """Returns the answers to an exercise in the latest attempts, with what became of them."""
        with self._session() as session:
            names = {row.id: row.name for row in session.scalars(select(_Submission))}
            found = []
            for attempt in session.scalars(_latest_attempts()):
                for entry in attempt.entries:
                    if entry.result.exercise == exercise_id:
                        source = session.get_one(_Source, entry.result.source)
                        code = AnswerCode(tuple(source.cells), source.attempted)
                        found.append(
                            StoredAnswer(names[attempt.submission_id], code, _result_of(entry.result))
                        )
        return sorted(found, key=lambda answer: answer.submission)

    def replace_results(self, exercise_id: str, keys: Mapping[str, str]) -> None:
        """Records a new attempt for submissions of which one exercise was judged anew.

        Args:
            exercise_id: The exercise.
            keys: Where its new result is stored, by submission.
        """
        with self._session() as session:
            for name, key in keys.items():
                latest = self._latest(session, name)
                if latest is None:
                    raise GradebookError(_("There is no submission {name}.").format(name=name))
                entries = [
                    _Entry(
                        position=entry.position,
                        result_key=key if entry.result.exercise == exercise_id else entry.result_key,
                    )
                    for entry in latest.entries
                ]
                session.add(
                    _Attempt(
                        submission_id=latest.submission_id,
                        notebook=latest.notebook,
                        chapter=latest.chapter,
                        problem=latest.problem,
                        environment=session.get_one(_Result, key).environment,
                        graded_at=_now(),
                        entries=entries,
                        beside=_Note(text=latest.note) if latest.note else None,
                    )
                )

    def attempts(self, name: str) -> int:
        """Returns how many attempts of a submission are recorded."""
        with self._session() as session:
            count = select(func.count(_Attempt.id)).join(
                _Submission, _Submission.id == _Attempt.submission_id
            )
            return session.scalar(count.where(_Submission.name == name)) or 0

    def _latest(self, session: Session, name: str) -> _Attempt | None:
        attempts = select(_Attempt).join(_Submission, _Submission.id == _Attempt.submission_id)
        return session.scalar(attempts.where(_Submission.name == name).order_by(_Attempt.id.desc()).limit(1))

    def _keep_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Stores rows of :func:`_rows`, all or none, in an empty gradebook."""
        with self._session() as session:
            for kind, prefix in ((_Environment, "environment_"), (_Source, "source_"), (_Result, "")):
                fields = {name: f"{prefix}{name}" for name in _columns(kind)}
                values = {
                    row[fields["key"]]: {name: row[field] for name, field in fields.items()} for row in rows
                }
                if values:
                    session.execute(insert(kind), [*values.values()])

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        with self._mutex, _plainly(self.path), Session(self._engine) as session, session.begin():
            yield session

    def _take_lock(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise GradebookError(
                _("{path} is in use: wait until the other grader has finished.").format(path=self.path)
            ) from error

    def _set_aside_if_damaged(self, mend: bool) -> list[dict[str, Any]]:
        """Sets a damaged file aside.

        Returns:
            The results in it that are what they were when they were stored.
        """
        if not self.path.exists() or _is_sound(self.path):
            return []
        if not mend:
            told = _(
                "{path} is damaged. Run grader grade on the submissions again: it carries over what is right."
            )
            raise GradebookError(told.format(path=self.path))
        rescued = list(_sound_rows(self.path))
        self.set_aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        for suffix in ("", "-wal", "-shm"):
            damaged = Path(f"{self.path}{suffix}")
            if damaged.exists():
                damaged.rename(f"{self.set_aside}{suffix}")
        return rescued


@contextlib.contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Says in one message what is wrong with the file or its disk."""
    try:
        yield
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.DatabaseError) and _code(cause) in _LOCKED:
            raise _held_by_another(path) from error
        raise GradebookError(
            _(
                "The gradebook {path} cannot be written or read ({cause}). See that the disk has room and "
                "the file is yours, then run the same command again: what is done is kept."
            ).format(path=path, cause=cause)
        ) from error


def _code(error: sqlite3.DatabaseError) -> int:
    """Returns SQLite's primary code of an error; 0 where the error is not SQLite's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _held_by_another(path: Path) -> GradebookError:
    return GradebookError(
        _(
            "Another program holds {path}: close it, such as a viewer of databases, "
            "then run the same command again: what is done is kept."
        ).format(path=path)
    )


def _on_connect(connection: Any, _record: Any) -> None:
    """Sets SQLite up: no commit is lost when this process is killed, and another reader may look on."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"user_version={SCHEMA}"):
        connection.execute(f"PRAGMA {pragma}")


def _is_sound(path: Path) -> bool:
    """Tells whether a file is a gradebook that can be read to its end, and holds what was stored.

    Raises:
        GradebookError: If it is one of another version.
    """
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.text_factory = _text
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            sound = sound and connection.execute("PRAGMA foreign_key_check").fetchone() is None
            if sound and version == SCHEMA and _Result.__tablename__ in tables:
                (last,) = connection.execute("SELECT max(rowid) FROM results").fetchone()
                sound = None not in _rows(connection, last or 0)
    except sqlite3.DatabaseError as error:
        if _code(error) in _LOCKED:
            raise _held_by_another(path) from error
        if _code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise OSError(str(error)) from error
        return False
    if sound and tables and version != SCHEMA:
        raise GradebookError(
            _("{path} was made by another version of the grader: choose another folder.").format(path=path)
        )
    return sound


def _sound_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yields what a damaged file still holds, as far as each row proves itself by its digest."""
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = _text
        yield from (row for row in _rows(connection) if row is not None)


def _rows(connection: sqlite3.Connection, last: int | None = None) -> Iterator[dict[str, Any] | None]:
    """Yields each result with its source and environment; ``None`` for one that is not what was stored.

    Args:
        connection: The file.
        last: Number of the last row, where that can be known.
    """
    query = (
        "SELECT r.*, s.key AS source_key, s.cells AS source_cells, s.attempted AS source_attempted, "
        "e.key AS environment_key, e.isolation AS environment_isolation, e.versions AS environment_versions "
        "FROM results r LEFT JOIN sources s ON s.key = r.source "
        "LEFT JOIN environments e ON e.key = r.environment WHERE r.rowid = ?"
    )
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    missed, number = 0, 0
    # One by one, so that a page that cannot be read costs its own rows alone.
    while missed < _MISSES and number != last:
        number += 1
        try:
            found = cursor.execute(query, (number,)).fetchone()
        except sqlite3.DatabaseError:
            found = None
        missed = missed + 1 if found is None else 0
        if found is None:
            continue
        row = dict(found)
        try:
            row["source_cells"] = json.loads(row["source_cells"])
            row["source_attempted"] = bool(row["source_attempted"])
            row["environment_versions"] = json.loads(row["environment_versions"])
            source = digest(row["source_cells"], row["source_attempted"])
            proved = row["digest"] == _row_digest(row) and row["source"] == source
        except (ValueError, TypeError):
            proved = False
        yield row if proved else None


def _text(stored: bytes) -> str:
    """Reads a text that may be damaged."""
    return stored.decode(errors="replace")


def _values(row: _Result) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _columns(_Result)}


def _row_digest(values: Mapping[str, Any]) -> str:
    """Digests a result's columns, all but the digest itself."""
    return digest([values[name] for name in _columns(_Result) if name != "digest"])


@cache
def _columns(kind: type[_Base]) -> tuple[str, ...]:
    return tuple(column.name for column in kind.__table__.columns)


def _result_of(row: _Result) -> ExerciseResult:
    names = set(ExerciseResult.__dataclass_fields__) - {"id", "status"}
    fields = {name: getattr(row, name) for name in names}
    return ExerciseResult(id=row.exercise, status=Status(row.status), **fields)


def _submission_result(name: str, attempt: _Attempt, environment: _Environment) -> SubmissionResult:
    exercises = [_result_of(entry.result) for entry in attempt.entries]
    return SubmissionResult(
        submission=name,
        chapter=attempt.chapter,
        score=sum(exercise.score for exercise in exercises),
        max_score=sum(exercise.max_score for exercise in exercises),
        exercises=exercises,
        isolation=environment.isolation,
        problem=attempt.problem,
        note=attempt.note,
        notebook=attempt.notebook,
        graded_at=attempt.graded_at,
        versions=environment.versions,
    )


def _latest_attempts() -> Any:
    latest = select(func.max(_Attempt.id)).group_by(_Attempt.submission_id)
    return select(_Attempt).where(_Attempt.id.in_(latest))


def _is_same(attempt: _Attempt, result: SubmissionResult, keys: Sequence[str]) -> bool:
    before = (attempt.notebook, attempt.problem, attempt.note)
    same_file = before == (result.notebook, result.problem, result.note)
    return same_file and [entry.result_key for entry in attempt.entries] == list(keys)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
