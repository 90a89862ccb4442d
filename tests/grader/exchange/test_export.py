import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from grader.exchange.export import (
    SCHEMA,
    SCHEMA_VERSION,
    GradeFormat,
    export_grades,
    results_csv,
    results_json,
)
from grader.exchange.roster import ExportError
from grader.exercise import Status
from grader.judging.results import SubmissionResult
from tests.grader.graded import exercise, graded, scored, ungraded

SCHEMA_DOCUMENT = json.loads(SCHEMA.read_text("utf-8"))
COURSE = "https://github.com/OWNER/REPO"
EVERY_STATUS = graded(
    "every.ipynb", *(exercise(number, status, "<理由>") for number, status in enumerate(Status))
)
RESULTS = [EVERY_STATUS, scored("b.ipynb", 3), ungraded("bad.ipynb")]


def validated(text: str) -> Any:
    document = json.loads(text)
    Draft202012Validator(SCHEMA_DOCUMENT).validate(document)
    return document


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA_DOCUMENT)
    assert SCHEMA_DOCUMENT["properties"]["schema"]["const"] == SCHEMA_VERSION
    assert SCHEMA_DOCUMENT["$id"].endswith(f":{SCHEMA_VERSION}")


@pytest.mark.parametrize("results", [[], RESULTS, [SubmissionResult("bare.ipynb", None, 0, 0)]])
def test_every_document_keeps_to_the_schema(results: list[SubmissionResult]) -> None:
    document = validated(results_json(results, COURSE))
    assert document["course"] == COURSE
    assert document["graded"] == [result.to_dict() for result in results]


def test_the_schema_names_every_field_and_status() -> None:
    definitions = SCHEMA_DOCUMENT["$defs"]
    for name, data in [
        ("submission", EVERY_STATUS.to_dict()),
        ("exercise", EVERY_STATUS.exercises[0].to_dict()),
    ]:
        assert set(definitions[name]["properties"]) == set(definitions[name]["required"]) == set(data)
    assert definitions["status"]["enum"] == [str(status) for status in Status]


@pytest.mark.parametrize(
    "broken",
    [
        replace(RESULTS[1], notebook="abc"),
        replace(RESULTS[1], versions={"python": 3}),  # type: ignore[dict-item]
        replace(RESULTS[1], score=-1),
    ],
    ids=["no SHA-256", "a version that is no text", "points below zero"],
)
def test_the_schema_refuses_what_it_describes_otherwise(broken: SubmissionResult) -> None:
    assert list(Draft202012Validator(SCHEMA_DOCUMENT).iter_errors(json.loads(results_json([broken], ""))))


def test_the_table_has_a_line_for_each_exercise() -> None:
    table = lines(results_csv([scored("山田太郎_102_7_01_numbers.ipynb", 3)]))
    assert [line["exercise"] for line in table] == ["ch01.part1", "ch01.part2"]
    assert table[1] == {
        "submission": "山田太郎_102_7_01_numbers.ipynb",
        "student": "102",
        "name": "山田太郎",
        "chapter": "ch01_numbers",
        "exercise": "ch01.part2",
        "title": "問題 2",
        "status": "wrong value",
        "score": "0",
        "max_score": "1",
        "check": "visible",
        "mistake": "3 倍",
        "reason": "違います。",
        "seconds": "0.123",
        "graded_at": "2026-11-24T09:00:00+00:00",
        "isolation": "bubblewrap",
        "problem": "",
        "note": "",
    }


def test_the_table_has_a_line_for_a_file_that_could_not_be_graded() -> None:
    (line,) = lines(results_csv([ungraded("bad.ipynb")]))
    assert (line["submission"], line["student"], line["problem"]) == ("bad.ipynb", "bad", "空です。")
    assert (line["exercise"], line["score"], line["max_score"]) == ("", "0", "0")


def test_the_table_tells_nothing_of_hidden_checks_and_holds_no_formula() -> None:
    text = results_csv([graded("=1+1.ipynb", exercise(1, Status.RAISED, "-1 になりました"))])
    assert "秘密" not in text
    (line,) = lines(text)
    assert (line["submission"], line["student"], line["reason"]) == (
        "'=1+1.ipynb",
        "'=1+1",
        "'-1 になりました",
    )


def test_files_are_written_by_chapter_and_name(tmp_path: Path) -> None:
    results = [scored("b.ipynb", 1), scored("a.ipynb", 1, chapter="ch02_b"), scored("a.ipynb", 1)]
    assert export_grades(results, "json", tmp_path / "new/results.json", course=COURSE) == []
    document = validated((tmp_path / "new/results.json").read_text("utf-8"))
    assert [(each["chapter"], each["submission"]) for each in document["graded"]] == [
        ("ch01_numbers", "a.ipynb"),
        ("ch01_numbers", "b.ipynb"),
        ("ch02_b", "a.ipynb"),
    ]


def test_the_table_opens_in_excel(tmp_path: Path) -> None:
    export_grades(RESULTS, "csv", tmp_path / "results.csv")
    content = (tmp_path / "results.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfsubmission,")
    assert b"\r\n" in content
    assert b"\r\r\n" not in content


def test_systems_get_their_tables_and_the_notices_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    gradebook = tmp_path / "gradebook.csv"
    gradebook.write_text("Student,ID,SIS Login ID,Section\nLee,1,lee,A\n")
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(
        "Identifier,Full name,Status,Grade,Maximum grade,Feedback comments\nParticipant 1,Lee,,,4,\n"
    )
    results = [scored("lee.ipynb", 3), scored("kim.ipynb", 4)]
    for to, roster in [("canvas", gradebook), ("moodle", worksheet)]:
        out = tmp_path / f"{to}.csv"
        notices = export_grades(results, to, out, roster=roster)  # type: ignore[arg-type]
        assert notices[0] == "kim.ipynb: kim is not in the roster."
        assert "Lee" in out.read_text("utf-8-sig")


@pytest.mark.parametrize("to", ["csv", "json", "moodle"])
def test_options_of_another_format_are_refused(tmp_path: Path, to: GradeFormat) -> None:
    with pytest.raises(ExportError):
        export_grades(RESULTS, to, tmp_path / "out", assignment="Quiz")
    if to != "moodle":
        with pytest.raises(ExportError):
            export_grades(RESULTS, to, tmp_path / "out", roster=tmp_path / "roster.csv")
    assert not (tmp_path / "out").exists()


def test_a_folder_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "file" / "x.csv"):
        with pytest.raises(ExportError, match=out.name):
            export_grades(RESULTS, "csv", out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_notices_speak_the_chosen_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    notice, _without_roster = export_grades([scored("kim.ipynb", 4)], "canvas", tmp_path / "x.csv")
    assert notice.isascii() == (language == "en")
