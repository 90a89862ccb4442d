import unicodedata

import pytest

from grader.reading.names import Student, is_noise, letters, student_of


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


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ann Lee_11_assignsubmission_file_/x_202_assignsubmission_file_.ipynb", "11"),
        ("Ann Lee_11_assignsubmission_file_/Kim_202_assignsubmission_file_/x.ipynb", "11"),
        ("Ann Lee_11_assignsubmission_file_x_202_assignsubmission_file_.ipynb", "11"),
        ("Ann Lee_11_assignsubmission_file_/kim_303_7_x.ipynb", "11"),
        ("Ann Lee_11_assignsubmission_file_/hw.zip/kim_303_7_x.ipynb", "11"),
        ("Ann Lee_11_assignsubmission_onlinetext/onlinetext.html", "11"),
        ("Ann Lee_11_assignsubmission_onlinetext_onlinetext.html", "11"),
        ("Participant_7_assignsubmission_file_/x.ipynb", "7"),
        ("s1234 山田 太郎_12_assignsubmission_file_/x.ipynb", "12"),
    ],
)
def test_of_a_moodle_path_the_first_number_counts(name: str, key: str) -> None:
    assert (student(name).system, student(name).key) == ("moodle", key)


@pytest.mark.parametrize(
    ("name", "key", "full_name"),
    [
        ("leeann_101_7_kim_102_8_x.ipynb", "101", "leeann"),
        ("leeann_101_7_hw.zip/kim_102_8_x.ipynb", "101", "leeann"),
        ("leeann_101_text.html", "101", "leeann"),
        ("leeann_LATE_101_link.html", "101", "leeann"),
        ("lee_ann_101_7_x.ipynb", "101", "lee_ann"),
        ("ใจดีสมชาย_101_7_x.ipynb", "101", "ใจดีสมชาย"),
        ("कुमारअनिल_LATE_101_7_x.ipynb", "101", "कुमारअनिल"),
        ("leeann101_question_5_7_x.ipynb", "101", "leeann"),
        ("leeann_2026_99123_28.ipynb", "2026", "leeann"),
    ],
)
def test_canvas_writes_name_and_number_in_front(name: str, key: str, full_name: str) -> None:
    found = student(name)
    assert (found.system, found.key, found.name) == ("canvas", key, full_name)


@pytest.mark.parametrize(
    "name", ["anon_Ab3dE_7002_05_resnet.ipynb", "LATE_anon_Ab3dE_7002_x.ipynb", "anon_Ab3dE_text.html"]
)
def test_an_anonymous_file_of_canvas_names_nobody(name: str) -> None:
    found = student(name)
    assert found.anonymous
    assert found.key == "anon_Ab3dE"


@pytest.mark.parametrize(
    "name",
    [
        *("homework_2026_11_28.ipynb", "hw_2026_1_2_lee.ipynb", "ps_5_final.ipynb", "my work_1_2_x.ipynb"),
        *("kim_303_7_x/05.ipynb", "x_question_5_y.ipynb"),
    ],
)
def test_what_only_looks_like_a_systems_name_is_a_persons(name: str) -> None:
    assert student(name).system is None
    assert not student(name).place


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("submitted/lee/ps5/Kim_202_assignsubmission_file_/x.ipynb", "lee"),
        ("submitted/lee/ps5/kim_303_7_x.ipynb", "lee"),
        ("submitted/lee/ps5/submitted/kim/ps5/x.ipynb", "lee"),
        ("submitted/Ann Lee_11_assignsubmission_file_/deep/er/x.ipynb", "11"),
        ("lee/ch05_resnet_transfer/kim/ch05_resnet_transfer/x.ipynb", "lee"),
        ("lee.zip/05_resnet_transfer.ipynb", "lee"),
        ("lee/05_resnet_transfer.ipynb.txt", "lee"),
        ("lee (1).ipynb.json", "lee"),
        ("john.smith.ipynb", "john.smith"),
    ],
)
def test_the_outermost_folder_of_a_layout_counts(name: str, key: str) -> None:
    assert student(name).key == key


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_names_in_mojibake_are_repaired(encoding: str) -> None:
    garbled = "山田 太郎".encode(encoding).decode("cp437")
    assert student(f"{garbled}_12_assignsubmission_file_/x.ipynb").name == "山田 太郎"
    assert student("José Ñuñez_12_assignsubmission_file_/x.ipynb").name == "José Ñuñez"


def test_files_of_one_learner_have_one_place() -> None:
    one = ["山田_12_assignsubmission_file_/x.ipynb", "山田_12_assignsubmission_onlinetext/onlinetext.html"]
    two = ["leeann_101_7_x.ipynb", "leeann_LATE_101_8_y-1.ipynb", "leeann_101_text.html"]
    three = ["submitted/lee/ps5/x.ipynb", "submitted/lee/ps5/data/y.csv"]
    others = ["a/山田_12_assignsubmission_file_/x.ipynb", "鈴木_12_assignsubmission_file_/x.ipynb"]
    for names in (one, two, three):
        assert len({student(name).place for name in names}) == 1
    assert len({student(name).place for name in [one[0], two[0], three[0], *others]}) == 5


@pytest.mark.parametrize(
    ("name", "noise"),
    [
        *[("__MACOSX/a/._x.ipynb", True), ("a/.DS_Store", True), ("a/.ipynb_checkpoints/x.ipynb", True)],
        *[("._x.ipynb", True), ("~$report.docx", True), ("Thumbs.db", True), ("a/.git/config", True)],
        *[("submitted/lee/ps5/timestamp.txt", True), ("lee/timestamp.txt", False)],
        *[(".ipynb", False), ("a/.gitignore", False), ("x.DS_Store.ipynb", False), ("_x.ipynb", False)],
    ],
)
def test_noise_is_known(name: str, noise: bool) -> None:
    assert is_noise(name) == noise


def test_combining_marks_are_letters() -> None:
    assert letters("ใจดี, สมชาย") == "ใจดีสมชาย"
    assert letters(unicodedata.normalize("NFD", "ガガ・ダイ")) == "ガガダイ"
    assert letters("Ｌee_Ann") == "leeann"


def test_a_long_part_is_read_in_no_time() -> None:
    assert student("1" * 60_000 + "_assignsubmission").system is None
