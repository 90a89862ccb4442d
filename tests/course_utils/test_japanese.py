import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils import japanese
from course_utils.download import archive_files
from course_utils.japanese import clean_aozora, decode_aozora, normalize, split_words, unknown_words
from course_utils.paths import data_dir

SENTENCE = "私はその人を常に先生と呼んでいた。"
DASHES = "-" * 55
HEADER = f"題\r\n著者\r\n\r\n{DASHES}\r\n【記号について】\r\n\r\n《》：ルビ\r\n{DASHES}\r\n\r\n"
FOOTER = "\r\n底本：「全集」出版社\r\n　　　1991年\r\n"


@pytest.fixture
def fresh_taggers() -> None:
    japanese._tagger.cache_clear()


def aozora(body: str, header: str = HEADER, footer: str = FOOTER) -> bytes:
    return (header + body + footer).encode("cp932")


def test_normalize() -> None:
    assert normalize("ﾃﾞｨｰﾌﾟ　ＢＥＲＴ１２㍻") == "ディープ BERT12平成"


@pytest.mark.parametrize("dictionary", ["unidic-lite", "ipadic"])
def test_words_join_to_the_sentence(dictionary: str) -> None:
    words = split_words(SENTENCE, dictionary)

    assert words[:5] == ["私", "は", "その", "人", "を"]
    assert "".join(words) == SENTENCE


def test_dictionaries_cut_differently() -> None:
    assert split_words("国立国会図書館", "ipadic") != split_words("国立国会図書館", "unidic-lite")


@pytest.mark.parametrize("dictionary", ["unidic-lite", "ipadic"])
@pytest.mark.parametrize("text", ["", "\n\n", " \t　\r\n"])
def test_white_space_has_no_words(text: str, dictionary: str) -> None:
    assert split_words(text, dictionary) == []
    assert unknown_words(text, dictionary) == []


@pytest.mark.parametrize("dictionary", ["unidic-lite", "ipadic"])
def test_white_space_ends_a_word_and_is_none(dictionary: str) -> None:
    assert split_words("東\n京", dictionary) == ["東", "京"]
    assert split_words("　月が 出た\0星も\r\n\n出た", dictionary) == [
        "月",
        "が",
        "出",
        "た",
        "星",
        "も",
        "出",
        "た",
    ]


@pytest.mark.parametrize("dictionary", ["unidic-lite", "ipadic"])
def test_unknown_words(dictionary: str) -> None:
    assert unknown_words(SENTENCE, dictionary) == []
    assert unknown_words("ゲレヌンポ と ゲレヌンポ", dictionary) == ["ゲレヌンポ", "ゲレヌンポ"]


def test_unknown_dictionary_is_named() -> None:
    with pytest.raises(ValueError, match=r"neologd.*unidic-lite、ipadic.* / .*unidic-lite, ipadic"):
        split_words(SENTENCE, "neologd")


def test_missing_dictionary_is_named(monkeypatch: pytest.MonkeyPatch, fresh_taggers: None) -> None:
    monkeypatch.setitem(sys.modules, "ipadic", None)

    with pytest.raises(ModuleNotFoundError, match=r"入れてください。 / .*pip install ipadic"):
        unknown_words(SENTENCE, "ipadic")


def test_damaged_dictionary_is_named(
    monkeypatch: pytest.MonkeyPatch, fresh_taggers: None, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ipadic", SimpleNamespace(DICDIR=str(tmp_path)))

    with pytest.raises(RuntimeError, match=r"読めません.* / .*cannot be read"):
        split_words(SENTENCE, "ipadic")


def test_dictionary_is_opened_once(monkeypatch: pytest.MonkeyPatch, fresh_taggers: None) -> None:
    split_words(SENTENCE, "ipadic")
    monkeypatch.setitem(sys.modules, "ipadic", None)

    assert split_words("猫", "ipadic") == ["猫"]


def test_header_footer_and_mark_up_go() -> None:
    raw = aozora("　先生一人｜麦藁帽《むぎわらぼう》を［＃「を」に傍点］被《かぶ》った。\r\n\r\n　次の段落。")

    assert clean_aozora(raw) == "　先生一人麦藁帽を被った。\n\n　次の段落。\n"


def test_unencoded_character_becomes_geta() -> None:
    raw = aozora("※［＃「てへん＋劣」、第3水準1-84-77］《む》しる。※印は残る。")

    assert clean_aozora(raw) == "〓しる。※印は残る。\n"


def test_file_without_dashes_loses_title_and_author() -> None:
    assert clean_aozora(aozora("本文。\r\n\r\n続き。", header="題\r\n著者\r\n\r\n")) == "本文。\n\n続き。\n"


def test_file_without_header_loses_nothing() -> None:
    for header in ("", "\r\n"):
        raw = aozora("　本文。\r\n　続き。\r\n\r\n　終わり。", header, footer="")
        assert clean_aozora(raw) == "　本文。\n　続き。\n\n　終わり。"


def test_file_without_footer_keeps_its_end() -> None:
    assert clean_aozora(aozora("底本：とは何か、と彼は言った。", footer="")) == ""
    assert clean_aozora(aozora("その底本：のことだ。", footer="")) == "その底本：のことだ。"


def test_one_line_of_dashes_is_no_header() -> None:
    raw = aozora(f"前。\r\n{DASHES}\r\n後。", header="題\r\n著者\r\n\r\n")

    assert clean_aozora(raw) == f"前。\n{DASHES}\n後。\n"


def test_text_in_another_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CP932.* / .*byte 2 is not CP932"):
        clean_aozora("ab".encode("cp932") + b"\x82")


def test_decoding_takes_nothing_away() -> None:
    assert decode_aozora(aozora("私《わたくし》")) == (HEADER + "私《わたくし》" + FOOTER).replace(
        "\r\n", "\n"
    )


def kokoro() -> bytes | None:
    """The published file of こころ from ``COURSE_DATA_DIR``, if it is there."""
    folder = data_dir()
    if folder is None:
        return None
    name = "773_ruby_5968.txt"
    for path in (folder / name, folder / f"cards/000148/files/{name.removesuffix('.txt')}/{name}"):
        if path.is_file():
            return path.read_bytes()
    archive = folder / "aozora.tar.xz"
    files = archive_files(archive) if archive.is_file() else iter(())
    return next((content for path, content in files if path.endswith(name)), None)


def test_length_of_kokoro() -> None:
    raw = kokoro()
    if raw is None:
        pytest.skip("COURSE_DATA_DIR does not hold the text")

    assert len(decode_aozora(raw)) == 187_197
    assert len(clean_aozora(raw)) == 162_484
