import unicodedata

import pytest

from grader.reading.names import Student, student_of


def student(name: str, chapter: str = "ch05_resnet_transfer") -> Student:
    return student_of(name, chapter)


@pytest.mark.parametrize(
    ("name", "key", "full_name"),
    [
        ("yamadataro_12345_678_05_resnet_transfer.ipynb", "12345", "yamadataro"),
        ("yamadataro_LATE_12345_678_05_resnet_transfer-1.ipynb", "12345", "yamadataro"),
        ("山田太郎_12345_678_x.ipynb", "12345", "山田太郎"),
        ("submissions/leeann_12345_678_x y.ipynb", "12345", "leeann"),
    ],
)
def test_canvas_files_tell_canvas_number(name: str, key: str, full_name: str) -> None:
    found = student(name)
    assert (found.system, found.key, found.name) == ("canvas", key, full_name)


@pytest.mark.parametrize(
    "name",
    [
        "山田 太郎_123_assignsubmission_file_/x.ipynb",
        "山田 太郎_123_assignsubmission_file/x.ipynb",
        "山田 太郎_123_assignsubmission_file/folder of mine/x.ipynb",
        "course-assignment-77/山田 太郎_123_assignsubmission_file_/x.ipynb",
        "山田 太郎_123_assignsubmission_file_x.ipynb",
    ],
)
def test_moodle_files_tell_the_participants_number(name: str) -> None:
    found = student(name)
    assert (found.system, found.key, found.name) == ("moodle", "123", "山田 太郎")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("submitted/yamada/ps5/05_resnet_transfer.ipynb", "yamada"),
        ("course/autograded/yamada/ps5/05_resnet_transfer.ipynb", "yamada"),
        ("yamada/ch05_resnet_transfer/05_resnet_transfer.ipynb", "yamada"),
        ("yamada.ipynb", "yamada"),
        ("class A/yamada.ipynb", "yamada"),
        ("yamada/05_resnet_transfer.ipynb", "yamada"),
        ("yamada/05_resnet_transfer (1).ipynb", "yamada"),
        ("yamada/05_resnet_transfer-2.ipynb", "yamada"),
        ("yamada/Copy of 05_resnet_transfer.ipynb", "yamada"),
        ("05_resnet_transfer_yamada.ipynb", "05_resnet_transfer_yamada"),
        ("05_resnet_transfer.ipynb", "05_resnet_transfer"),
        ("yamada.txt", "yamada"),
    ],
)
def test_other_files_tell_the_student_by_folder_or_name(name: str, key: str) -> None:
    found = student(name)
    assert (found.system, found.key) == (None, key)


def test_a_decomposed_name_is_read_as_it_looks() -> None:
    found = student(unicodedata.normalize("NFD", "やまだたろう_12345_678_ガ.ipynb"))
    assert (found.system, found.key, found.name) == ("canvas", "12345", "やまだたろう")
