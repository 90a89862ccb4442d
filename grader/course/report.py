"""What a chapter's section of the report states, and where the chapter treats it: ``report.toml``.

The statements are in our own words and in the report's order. :func:`read_report` reads them, :func:`faults`
compares them with the lesson in both directions, and :func:`report_box` makes of them the folded box that
stands for ``{{report}}`` in a notebook.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from grader.course.chapters import Chapter

FILE_NAME = "report.toml"
WHOSE = {"report": "レポート", "record": "別の学習者の記録"}
OPENING = "この章のはじめ"
"""Name of what stands before a lesson's first section."""
# Sections that every chapter has, whatever the report says.
STANDING = frozenset({OPENING, "レポート", "準備", "演習", "まとめ", "もっと調べる", "参考文献"})
_HEADING = re.compile(r"# ## (?:(\d+)\. )?(.+)")
_CLAIM = re.compile(r"""\bclaim\(\s*["'](ch\d\d\.[\w.]+)["']""")
_EXERCISE = re.compile(r"# EXERCISE (ch\d\d\.\w+)")


class ReportError(Exception):
    """A chapter's list of the report's statements is missing or not as it should be."""


@dataclass(frozen=True)
class Statement:
    """One thing that the report, or a public record of the same exercise, states.

    Attributes:
        says: The statement, in our own words.
        whose: ``report`` or ``record``.
        part: Heading of the part of the section that begins with it; empty within a part.
        sections: Sections of the lesson that treat it, without their numbers.
        claims: Claims that test it.
        exercises: Exercises in which the learner does it.
        open: What the chapter does not treat of it yet; empty when nothing is missing.
    """

    says: str
    whose: str = "report"
    part: str = ""
    sections: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    exercises: tuple[str, ...] = ()
    open: str = ""


@dataclass(frozen=True)
class Report:
    """The section of the report that a chapter treats.

    Attributes:
        title: Title of the section in the report.
        about: One sentence that says what the report is and which section the chapter treats.
        statements: What the section states, in its order.
        beyond: Sections and exercises that the chapter adds of its own.
    """

    title: str
    about: str
    statements: tuple[Statement, ...]
    beyond: tuple[str, ...] = ()

    @property
    def treated(self) -> int:
        """Number of statements of which nothing is missing."""
        return sum(not statement.open for statement in self.statements)


@dataclass
class Places:
    """What a lesson holds that a statement can name.

    Attributes:
        sections: Headings with their numbers, by their text alone, in the order of the lesson.
        claims: The section in which each claim stands, by id; empty for a claim that no section holds.
        exercises: The section in which each exercise stands, by id.
    """

    sections: dict[str, str] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    exercises: dict[str, str] = field(default_factory=dict)

    def treating(self, statement: Statement) -> list[str]:
        """Returns the sections that treat a statement: those it names and those in which its claims stand."""
        named = {*statement.sections, *(self.claims.get(claim, "") for claim in statement.claims)}
        return [section for section in self.sections if section in named]


def read_report(chapter: Chapter) -> Report:
    """Reads a chapter's ``report.toml``.

    Args:
        chapter: The chapter.

    Returns:
        The report's section.

    Raises:
        ReportError: If the file is missing or breaks its grammar; the message is a line that names file and
            statement, in Japanese and English.
    """
    path = chapter.folder / FILE_NAME
    where = f"{chapter.name}/{FILE_NAME}"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"{where} がありません。 / {where} is missing.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{where} を TOML として読めません ({error})。 / {where} is not TOML ({error})."
        ) from error
    _expect_keys(data, {"title", "about", "beyond", "statement"}, where)
    listed = data.get("statement", [])
    if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
        raise ReportError(f"{where}: [[statement]] がありません。 / {where} has no [[statement]].")
    statements = tuple(
        _statement(item, f"{where}, statement {number}") for number, item in enumerate(listed, start=1)
    )
    said: set[str] = set()
    for number, statement in enumerate(statements, start=1):
        if statement.says in said:
            place = f"{where}, statement {number} 「{statement.says}」"
            raise ReportError(f"{place}: 同じ文が 2 つあります。 / it stands there twice.")
        said.add(statement.says)
    return Report(
        title=_text(data, "title", where),
        about=_text(data, "about", where),
        statements=statements,
        beyond=_names(data, "beyond", where),
    )


def places_in(chapter: Chapter) -> Places:
    """Finds the sections, claims and exercises of a chapter's lesson, without running it."""
    places, current = Places(), ""
    places.sections[OPENING] = OPENING
    text = chapter.lesson.read_text("utf-8")
    pattern = re.compile(rf"^{_HEADING.pattern}$|{_CLAIM.pattern}|^{_EXERCISE.pattern}$", re.MULTILINE)
    for found in pattern.finditer(text):
        number, heading, claim, exercise = found.groups()
        if heading:
            current = heading.strip()
            places.sections[current] = f"{number}. {current}" if number else current
        elif claim:
            places.claims.setdefault(claim, current)
        elif exercise in chapter.exercises:
            places.exercises[exercise] = current
    declared = chapter.folder / "claims.toml"
    if declared.is_file():
        for claim in tomllib.loads(declared.read_text("utf-8")):
            places.claims.setdefault(claim, "")
    return places


def fitting_report(chapter: Chapter) -> tuple[Report, Places]:
    """Reads a chapter's ``report.toml`` and what its lesson holds, for a page that shows both.

    Args:
        chapter: The chapter.

    Returns:
        The report's section, and the places in the lesson.

    Raises:
        ReportError: If ``report.toml`` cannot be read, or names what the lesson does not have.
    """
    report, places = read_report(chapter), places_in(chapter)
    if unknown := _unknown_names(report, places, f"{chapter.name}/{FILE_NAME}"):
        raise ReportError(unknown[0])
    return report, places


def faults(chapter: Chapter) -> list[str]:
    """Compares a chapter's ``report.toml`` with its lesson, in both directions.

    Args:
        chapter: The chapter.

    Returns:
        A line for each name that the lesson does not have, and for each section and exercise of the lesson
        that no statement reaches and ``beyond`` does not list; empty when the two agree.

    Raises:
        ReportError: If ``report.toml`` cannot be read.
    """
    report, places = read_report(chapter), places_in(chapter)
    where = f"{chapter.name}/{FILE_NAME}"
    found = _unknown_names(report, places, where)
    reached: set[str] = set()
    for statement in report.statements:
        sections = places.treating(statement)
        reached.update(sections, statement.exercises)
        if not (sections or statement.exercises or statement.open):
            found.append(
                f"{where} 「{statement.says}」: 扱う節を section に書いてください。"
                " / no section of the lesson holds its claims: name one."
            )
    own = [section for section in places.sections if section not in STANDING] + [*places.exercises]
    for name in own:
        if name not in reached and name not in report.beyond:
            found.append(
                f"{where}: 「{name}」を扱う文がなく、beyond にもありません。"
                f" / no statement reaches {name!r}, and beyond does not list it."
            )
    for name in report.beyond:
        if name not in own:
            found.append(
                f"{where}, beyond: 「{name}」という節や問題はありません。"
                f" / there is no section or exercise {name!r}."
            )
        elif name in reached:
            found.append(
                f"{where}, beyond: 「{name}」には、扱う文があります。 / {name!r} is reached by a statement."
            )
    return found


def report_box(chapter: Chapter) -> str:
    """Returns the folded box that stands for ``{{report}}``: the sentence on the report and its statements.

    Args:
        chapter: The chapter.

    Returns:
        Markdown with an HTML fold around it, as JupyterLab, Colab and GitHub show it.

    Raises:
        ReportError: If ``report.toml`` cannot be read, or names what the lesson does not have.
    """
    report, places = fitting_report(chapter)
    lines = []
    for number, statement in enumerate(report.statements, start=1):
        if statement.part:
            lines += [f"**{statement.part}**", ""] if number == 1 else ["", f"**{statement.part}**", ""]
        where = where_treated(chapter, places, statement)
        lines.append(f"{number}. {_whose_mark(statement)}{statement.says}<br>{where}")
    summary = f"{escape(report.about, quote=False)} <b>節が述べていることの一覧を開く</b>"
    intro = (
        "レポートの順番のまま、この講座の言葉で書き直しました。矢印の先が、この章でそれを扱う場所です。"
        "正しくないところは、そこで直します。"
    )
    # Markdown inside an HTML block is read as such only between blank lines.
    return "\n".join(["<details>", f"<summary>{summary}</summary>", "", intro, "", *lines, "", "</details>"])


def where_treated(chapter: Chapter, places: Places, statement: Statement) -> str:
    """Says for a reader where a chapter treats a statement, and on a line of its own what is missing."""
    numbers = {exercise: number for number, exercise in enumerate(chapter.exercises, start=1)}
    found = [places.sections[section] for section in places.treating(statement)]
    found += [
        f"問題 {numbers[exercise]} {chapter.exercises[exercise].title}" for exercise in statement.exercises
    ]
    lines = [f"→ {' / '.join(found)}"] if found else []
    if statement.open:
        lines.append(f"**まだ扱っていないこと**: {statement.open}")
    return "<br>".join(lines)


def _unknown_names(report: Report, places: Places, where: str) -> list[str]:
    found = []
    for number, statement in enumerate(report.statements, start=1):
        groups: list[tuple[str, str, Sequence[str], dict[str, str]]] = [
            ("節", "section", statement.sections, places.sections),
            ("主張", "claim", statement.claims, places.claims),
            ("問題", "exercise", statement.exercises, places.exercises),
        ]
        found += [
            f"{where}, statement {number} 「{statement.says}」: "
            f"{japanese}「{name}」は lesson.py にありません。"
            f" / lesson.py has no {english} {name!r}."
            for japanese, english, names, known in groups
            for name in names
            if name not in known
        ]
    return found


def _statement(data: dict[str, Any], where: str) -> Statement:
    where += f" 「{data.get('says', '')}」"
    _expect_keys(data, {"part", "says", "whose", "section", "claims", "exercises", "open"}, where)
    whose = data.get("whose", "report")
    if whose not in WHOSE:
        raise ReportError(
            f"{where}: whose は {'、'.join(WHOSE)} のどれかです。 / whose is one of {', '.join(WHOSE)}."
        )
    statement = Statement(
        says=_text(data, "says", where),
        whose=whose,
        part=_text(data, "part", where) if "part" in data else "",
        sections=_names(data, "section", where),
        claims=_names(data, "claims", where),
        exercises=_names(data, "exercises", where),
        open=_text(data, "open", where) if "open" in data else "",
    )
    if not (statement.sections or statement.claims or statement.exercises or statement.open):
        raise ReportError(
            f"{where}: section、claims、exercises、open のどれかが要ります。"
            " / it needs a section, claims, exercises or open."
        )
    return statement


def _expect_keys(data: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(data.keys() - known):
        raise ReportError(
            f"{where}: {'、'.join(unknown)} という項目はありません。 / there is no key {', '.join(unknown)}."
        )


def _text(data: dict[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip() or "\n" in value.strip():
        raise ReportError(f"{where}: {key} は 1 行の文です。 / {key} is a line of text.")
    return value.strip()


def _names(data: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Reads one name or a list of names."""
    value = data.get(key, [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ReportError(
            f"{where}: {key} は名前か、名前のリストです。 / {key} is a name or a list of names."
        )
    return tuple(names)


def _whose_mark(statement: Statement) -> str:
    return "" if statement.whose == "report" else f"({WHOSE[statement.whose]}) "
