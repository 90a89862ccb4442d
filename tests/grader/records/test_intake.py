import os
import random
from pathlib import Path
from tempfile import mkdtemp

import pytest

from grader.course.chapters import Chapter
from grader.reading.names import is_noise, student_of
from grader.records.intake import Intake, find_submissions
from tests.grader.classes import HALF, RIGHT, Files, notebook, written, zipped


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")


def taken_in(tmp_path: Path, chapter: Chapter, *paths: Path, skip: Path | None = None) -> Intake:
    (tmp_path / "unpacked").mkdir(exist_ok=True)
    return find_submissions(paths, Path(mkdtemp(dir=tmp_path / "unpacked")), [chapter], skip)


def of_files(tmp_path: Path, chapter: Chapter, files: Files) -> Intake:
    return taken_in(tmp_path, chapter, written(tmp_path / "class", files))


def owned(*files: str) -> list[str]:
    return [f"Ann Lee_11_assignsubmission_file_/{file}" for file in files]


def test_notebooks_of_a_folder_are_found_and_told_apart(tmp_path: Path, chapter: Chapter) -> None:
    names = (
        *("a/work.ipynb", "b/work.ipynb", "b/.ipynb_checkpoints/work.ipynb", "b/._work.ipynb", "c/notes.txt"),
    )
    folder = written(tmp_path / "class", dict.fromkeys(names, b""))
    intake = taken_in(tmp_path, chapter, folder)
    assert list(intake.files) == ["a/work.ipynb", "b/work.ipynb", "c/notes.txt"]
    assert (intake.notebooks, intake.others, intake.noise, intake.total) == (2, 1, 2, 5)
    assert list(intake.problems) == ["c/notes.txt"]
    files = [folder / "a/work.ipynb", folder / "b/work.ipynb", folder / "a/work.ipynb"]
    assert list(taken_in(tmp_path, chapter, *files).files) == ["work.ipynb", files[1].as_posix()]
    missing = taken_in(tmp_path, chapter, tmp_path / "missing.ipynb")
    assert (list(missing.files), missing.problems) == (["missing.ipynb"], {})


@pytest.mark.parametrize(
    "name",
    [
        *(
            "x.ipynb.txt",
            "x.ipynb.json",
            "x.json",
            "x.IPYNB",
            "x (1).ipynb",
            "Copy of x.ipynb",
            "x.ipynb.ipynb",
        ),
        *("x.txt", "x", "x.ipynb (1).json", "x.ipynb.download", "x.ipynb.bak", ".ipynb", "x.Ipynb.TXT"),
    ],
)
def test_notebooks_under_other_endings_are_read(tmp_path: Path, chapter: Chapter, name: str) -> None:
    content = notebook(chapter, RIGHT)
    for files in ({name: content}, {"hw.zip": zipped({name: content})}):
        intake = of_files(tmp_path / str(len(files["hw.zip"]) if "hw.zip" in files else 0), chapter, files)
        assert (intake.notebooks, intake.problems) == (1, {})
        assert [path.read_bytes() for path in intake.files.values()] == [content]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", b'{"name": "package"}'),
        ("x.txt", b"cell_type metadata"),
        ("x.py", b'{"cells": [{"cell_type": "code", "metadata": {}}]}'),
        ("x.ipynb - Colab.pdf", b"%PDF"),
        ("x.ipynb.html", b"<html>"),
        ("x.pdf", b"%PDF"),
        ("x.tar.gz", b"\x1f\x8b"),
        ("x.npy", b"\x93NUMPY"),
        ("Dockerfile", b"FROM x"),
    ],
)
def test_other_files_are_named_with_what_to_do(
    tmp_path: Path, chapter: Chapter, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = of_files(tmp_path, chapter, {name: content})
    assert (list(intake.files), intake.others) == ([name], 1)
    assert ".ipynb" in intake.problems[name]
    monkeypatch.setenv("COURSE_LANG", "ja")
    assert not of_files(tmp_path, chapter, {name: content}).problems[name].isascii()


def test_an_untouched_notebook_never_beats_an_answered_one(tmp_path: Path, chapter: Chapter) -> None:
    untouched, half, right = (notebook(chapter, answers) for answers in ({}, HALF, RIGHT))
    names = owned("a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb", "e.ipynb")
    contents = (half, right, untouched, b"{", right)
    intake = of_files(tmp_path, chapter, dict(zip(names, contents, strict=True)))
    assert list(intake.files) == [names[4]]
    assert (intake.notebooks, intake.unused) == (1, 4)
    assert "the one with most answers is graded, of equals the last" in intake.notes[names[4]]
    for named in ("a.ipynb (1 of 2", "b.ipynb (2 of 2", "c.ipynb (0 of 2", "d.ipynb (The file is cut off"):
        assert named in intake.notes[names[4]]


@pytest.mark.parametrize(
    "names",
    [
        owned("x.ipynb", "x (1).ipynb", "x (2).ipynb", "x (10).ipynb"),
        owned("x.ipynb", "x-1.ipynb"),
        ["leeann_101_99_x.ipynb", "leeann_101_100_x.ipynb"],
        ["leeann_LATE_101_99_x.ipynb", "leeann_LATE_101_100_a-1.ipynb"],
    ],
)
def test_of_equals_the_last_counts(tmp_path: Path, chapter: Chapter, names: list[str]) -> None:
    intake = of_files(tmp_path, chapter, dict.fromkeys(reversed(names), notebook(chapter, RIGHT)))
    assert list(intake.files) == [names[-1]]


def test_several_that_cannot_be_read_are_all_named(tmp_path: Path, chapter: Chapter) -> None:
    names = owned("a.ipynb", "b.ipynb")
    intake = of_files(tmp_path, chapter, dict.fromkeys(names, b"{"))
    assert list(intake.files) == [names[1]]
    assert "a.ipynb (The file is cut off" in intake.notes[names[1]]


def test_people_of_one_number_in_two_assignments_stay_apart(tmp_path: Path, chapter: Chapter) -> None:
    content = notebook(chapter, RIGHT)
    folders = [written(tmp_path / name, dict.fromkeys(owned("x.ipynb"), content)) for name in ("one", "two")]
    intake = taken_in(tmp_path, chapter, *folders)
    assert (intake.notebooks, intake.unused, len(intake.files)) == (2, 0, 2)
    together = {f"hw{number}/{owned('x.ipynb')[0]}": content for number in (1, 2)}
    assert of_files(tmp_path, chapter, together).notebooks == 2


def test_people_without_a_system_are_never_thrown_together(tmp_path: Path, chapter: Chapter) -> None:
    content = notebook(chapter, RIGHT)
    names = ["A/yamada.ipynb", "A/suzuki.ipynb", "01_numbers.ipynb", "01_numbers (1).ipynb", "A/kim.pdf"]
    intake = of_files(tmp_path, chapter, dict.fromkeys(names, content))
    assert set(intake.files) == set(names)
    assert not intake.notes


def test_nbgraders_folders_hold_one_learner_each(tmp_path: Path, chapter: Chapter) -> None:
    content = notebook(chapter, RIGHT)
    files = {
        "submitted/lee/ps1/01_numbers.ipynb": content,
        "submitted/lee/ps1/data/x.csv": b"",
        "submitted/lee/ps1/timestamp.txt": b"2026",
        "submitted/kim/ps1/01_numbers.py": b"",
    }
    intake = of_files(tmp_path, chapter, files)
    assert list(intake.files) == ["submitted/kim/ps1/01_numbers.py", "submitted/lee/ps1/01_numbers.ipynb"]
    assert "x.csv" in intake.notes["submitted/lee/ps1/01_numbers.ipynb"]
    assert intake.noise == 1


def test_nbgraders_folder_itself_may_be_named(tmp_path: Path, chapter: Chapter) -> None:
    files = {
        **dict.fromkeys(["lee/ps1/01_numbers.ipynb", "lee/ps1/draft.ipynb"], notebook(chapter, RIGHT)),
        "lee/ps1/01_numbers (1).ipynb": notebook(chapter, {}),
        "lee/ps1/timestamp.txt": b"2026",
    }
    intake = taken_in(tmp_path, chapter, written(tmp_path / "submitted", files))
    assert list(intake.files) == ["lee/ps1/draft.ipynb"]
    assert (intake.unused, intake.noise) == (2, 1)


def test_a_shell_may_name_files_and_folders_one_by_one(tmp_path: Path, chapter: Chapter) -> None:
    right, untouched = notebook(chapter, RIGHT), notebook(chapter, {})
    folder = written(
        tmp_path / "class",
        {
            "leeann_101_7_x.ipynb": right,
            "leeann_101_8_x.ipynb": untouched,
            **dict.fromkeys(owned("x.ipynb"), right),
            "Min Kim_12_assignsubmission_onlinetext/onlinetext.html": b"",
        },
    )
    one_by_one = taken_in(tmp_path, chapter, *sorted(folder.iterdir()))
    assert set(one_by_one.files) == set(taken_in(tmp_path, chapter, folder).files)
    assert (one_by_one.notebooks, one_by_one.unused, one_by_one.others) == (2, 1, 1)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, chapter: Chapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "class", {"lee/x.ipynb": b"", "kim/x.ipynb": b""})
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "kim":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    intake = taken_in(tmp_path, chapter, folder)
    assert list(intake.files) == ["lee/x.ipynb", "kim"]
    assert intake.problems == {"kim": "This folder cannot be read."}


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes with names")
def test_pipes_keep_nobody_waiting(tmp_path: Path, chapter: Chapter) -> None:
    folder = written(tmp_path / "class", {"lee.ipynb": b""})
    for name in ("a.zip", "b.txt", "c.pdf"):
        os.mkfifo(folder / name)
    assert set(taken_in(tmp_path, chapter, folder).problems) == {"a.zip", "b.txt", "c.pdf"}


def test_one_without_a_notebook_has_a_line_with_all_that_came(tmp_path: Path, chapter: Chapter) -> None:
    intake = of_files(tmp_path, chapter, dict.fromkeys(owned("a.pdf", "b.pdf", "c.py"), b""))
    (name,) = intake.files
    assert "document" in intake.problems[name]
    assert "b.pdf (A document" in intake.notes[name]
    assert "c.py (A Python script" in intake.notes[name]
    assert (intake.others, intake.notebooks) == (3, 0)


def test_many_files_are_counted_not_all_named(tmp_path: Path, chapter: Chapter) -> None:
    names = owned("x.ipynb", *(f"{number:03}.png" for number in range(50)))
    intake = of_files(tmp_path, chapter, dict.fromkeys(names, notebook(chapter, RIGHT)))
    assert "019.png and 30 more" in intake.notes[names[0]]
    assert intake.others == 50


def test_archives_within_a_learners_archive_are_named(tmp_path: Path, chapter: Chapter) -> None:
    inner = zipped({"x.ipynb": notebook(chapter, RIGHT)})
    nested = zipped({"inner.zip": inner})
    (name,) = owned("hw.zip")
    for intake in (
        of_files(tmp_path / "1", chapter, {name: nested}),
        of_files(tmp_path / "2", chapter, {"lee.zip": nested}),
    ):
        assert intake.notebooks == 0
        assert "none within another" in next(iter(intake.problems.values()))


def test_bombs_and_damaged_archives_are_their_owners_line(tmp_path: Path, chapter: Chapter) -> None:
    names = (
        owned("hw.zip")[0],
        "Min Kim_12_assignsubmission_file_/hw.zip",
        "Bo_13_assignsubmission_file_/hw.zip",
    )
    many = zipped({f"{number}.txt": b"" for number in range(5001)})
    contents = (zipped({"x.ipynb": bytes(15_000_000)}), many, b"PK")
    intake = of_files(tmp_path, chapter, dict(zip(names, contents, strict=True)))
    assert intake.notebooks == 0
    told = list(intake.problems.values())
    assert ["damaged" in each for each in told] == [False, True, False]
    assert sum("far more" in each for each in told) == 1
    assert sum("5,000 files" in each for each in told) == 1


def test_a_zip_that_was_asked_for_reads_like_its_folder(tmp_path: Path, chapter: Chapter) -> None:
    files = {
        **dict.fromkeys(owned("x.ipynb", "notes.pdf"), notebook(chapter, RIGHT)),
        "Min Kim_12_assignsubmission_file_/hw.zip": zipped({"a/x.ipynb": notebook(chapter, HALF)}),
    }
    archive = tmp_path / "hw1.zip"
    archive.write_bytes(zipped(files))
    from_zip, from_folder = taken_in(tmp_path, chapter, archive), of_files(tmp_path, chapter, files)
    assert set(from_zip.files) == set(from_folder.files)
    assert (from_zip.notes, from_zip.problems) == (from_folder.notes, from_folder.problems)
    assert all(path.is_relative_to(tmp_path / "unpacked") for path in from_zip.files.values())


def test_a_plain_zip_keeps_its_name_in_front(tmp_path: Path, chapter: Chapter) -> None:
    archive = tmp_path / "lee.zip"
    archive.write_bytes(zipped({"01_numbers.ipynb": notebook(chapter, RIGHT)}))
    assert list(taken_in(tmp_path, chapter, archive).files) == ["lee.zip/01_numbers.ipynb"]


def test_members_of_one_name_are_all_taken(tmp_path: Path, chapter: Chapter) -> None:
    archive = zipped({"a.ipynb": notebook(chapter, RIGHT), "b.ipynb": notebook(chapter, HALF)})
    intake = of_files(tmp_path, chapter, {"lee.zip": archive.replace(b"b.ipynb", b"a.ipynb")})
    assert list(intake.files) == ["lee.zip/a.ipynb", "lee.zip/a.ipynb [2]"]


def test_links_are_named_and_not_followed(tmp_path: Path, chapter: Chapter) -> None:
    folder = written(tmp_path / "class", {"lee.ipynb": notebook(chapter, RIGHT)})
    for name, target in {
        "a.zip": "lee.ipynb",
        "b.txt": "lee.ipynb",
        "c": "/etc",
        "d.ipynb": "/etc/passwd",
    }.items():
        (folder / name).symlink_to(target)
    intake = taken_in(tmp_path, chapter, folder)
    assert set(intake.files) == {"a.zip", "b.txt", "c", "d.ipynb", "lee.ipynb"}
    assert {name for name, told in intake.problems.items() if "link" in told} == {"a.zip", "b.txt", "c"}


def test_the_folder_for_the_results_is_left_out(tmp_path: Path, chapter: Chapter) -> None:
    folder = written(
        tmp_path / "class", {"lee.ipynb": b"", "out/grades.csv": b"", "out/learners/x.html": b""}
    )
    assert list(taken_in(tmp_path, chapter, folder, skip=folder / "out").files) == ["lee.ipynb"]


FRONTS = (
    *("", "A/", "lee/", "Ann Lee_11_assignsubmission_file_/", "Ann Lee_11_assignsubmission_onlinetext/"),
    *("山田 太郎_12_assignsubmission_file_", "leeann_101_7_", "kim_LATE_102_8_", "anon_Ab3dE_9_"),
    *("submitted/lee/ps1/", "submitted/kim/ps1/deep/", "hw1/Ann Lee_11_assignsubmission_file_/"),
)
FILES = (
    "x.ipynb",
    "x (1).ipynb.txt",
    "x.json",
    "a.py",
    "b.pdf",
    "c.zip",
    "d.html",
    ".DS_Store",
    "e",
    "x_2_y.md",
)


@pytest.mark.parametrize("seed", range(20))
def test_every_file_is_accounted_for(tmp_path: Path, chapter: Chapter, seed: int) -> None:
    rng = random.Random(seed)
    contents = [notebook(chapter, RIGHT), notebook(chapter, {}), b"{", b"", b"PK", zipped({"y.ipynb": b"{"})]
    names = sorted({rng.choice(FRONTS) + rng.choice(FILES) for _ in range(40)})
    noise = {name for name in names if is_noise(name)}
    intake = of_files(tmp_path, chapter, {name: rng.choice(contents) for name in names})
    assert (intake.total, intake.noise) == (len(names), len(noise))
    notes = " ".join(intake.notes.values())
    for name in {*names} - noise:
        told = student_of(name).rest or name.rpartition("/")[2]
        assert any(each.startswith(name) for each in intake.files) or told in notes, name
    places = {student_of(name).place for name in {*names} - noise}
    assert places == {student_of(name).place for name in intake.files}


@pytest.mark.parametrize(
    ("name", "is_class"), [("x.pdf", False), (owned("x.pdf")[0], True), ("x.ipynb", True)]
)
def test_a_class_is_known(tmp_path: Path, chapter: Chapter, name: str, is_class: bool) -> None:
    assert of_files(tmp_path, chapter, {name: b""}).is_of_a_class == is_class


@pytest.mark.skipif(os.name != "posix", reason="names of files are text here")
def test_a_name_that_is_no_text_is_escaped(tmp_path: Path, chapter: Chapter) -> None:
    folder = written(tmp_path / "class", {os.fsdecode(b"\xff.ipynb"): b""})
    assert list(taken_in(tmp_path, chapter, folder).files) == ["\\udcff.ipynb"]
