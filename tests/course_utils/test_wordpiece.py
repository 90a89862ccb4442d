from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import BertJapaneseTokenizer

from course_utils.japanese import normalize, split_words
from course_utils.wordpiece import MAX_WORD, SPECIAL_TOKENS, WordPiece, stack_rows, train_wordpiece

TEXTS = [
    "私はその人を常に先生と呼んでいた。",
    "吾輩は猫である。名前はまだ無い。",
    "どこで生れたかとんと見当がつかぬ。",
    "ﾃﾚﾋﾞで㍻の ニュースを見た。",
    "先生は言葉に力を入れて、静かに笑った。",
]
PIECES = ["先", "先生", "##生", "は", "猫", "##達", "言", "##葉", "言葉", "力"]


@pytest.fixture(scope="module")
def small() -> WordPiece:
    return WordPiece([*SPECIAL_TOKENS, *PIECES])


@pytest.fixture(scope="module")
def trained() -> list[str]:
    return train_wordpiece((word for text in TEXTS for word in split_words(normalize(text))), 150)


def test_longest_piece_is_taken_first(small: WordPiece) -> None:
    assert small.pieces("先生は") == ["先生", "は"]
    assert small.pieces("猫達") == ["猫", "[UNK]"]


def test_word_without_pieces_is_unknown_as_a_whole() -> None:
    tokenizer = WordPiece([*SPECIAL_TOKENS, "言", "は"])

    assert tokenizer.pieces("言葉は") == ["[UNK]", "は"]
    assert tokenizer.ids("言葉は") == [tokenizer.unk, 6]


def test_a_piece_inside_a_word_needs_its_mark() -> None:
    assert WordPiece([*SPECIAL_TOKENS, "言", "##葉"]).pieces("言葉") == ["言", "##葉"]
    assert WordPiece([*SPECIAL_TOKENS, "言", "葉"]).pieces("言葉") == ["[UNK]"]


def test_pieces_are_those_of_transformers(trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(trained) + "\n", "utf-8")
    theirs = BertJapaneseTokenizer(  # type: ignore[no-untyped-call]
        str(tmp_path / "vocab.txt"),
        word_tokenizer_type="mecab",
        subword_tokenizer_type="wordpiece",
        mecab_kwargs={"mecab_dic": "unidic_lite"},
    )
    ours = WordPiece.load(tmp_path / "vocab.txt")
    unseen = ["先生の猫は、ニュースを静かに見ていた。", "呼んだのは私である", "龍", ""]

    for text in [*TEXTS, *unseen]:
        assert ours.pieces(text) == theirs.tokenize(text)

    pairs = [*TEXTS[1:], TEXTS[0]]
    encoded = ours.encode(TEXTS, pairs, length=80)
    expected = theirs(TEXTS, pairs, padding="max_length", max_length=80, return_token_type_ids=True)
    for key, name in [
        ("token_ids", "input_ids"),
        ("segment_ids", "token_type_ids"),
        ("padding_mask", "attention_mask"),
    ]:
        np.testing.assert_array_equal(encoded[key], expected[name])


def test_word_longer_than_transformers_allow_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    # MeCab itself cuts unknown words long before that.
    monkeypatch.setattr("course_utils.wordpiece.split_words", lambda text, _dictionary: [text])
    tokenizer = WordPiece([*SPECIAL_TOKENS, "x", "##x"])

    assert tokenizer.pieces("x" * MAX_WORD) == ["x", *["##x"] * (MAX_WORD - 1)]
    assert tokenizer.pieces("x" * (MAX_WORD + 1)) == ["[UNK]"]


def test_text_comes_back_normalised_and_without_special_tokens(trained: list[str]) -> None:
    tokenizer = WordPiece(trained)

    for text in TEXTS:
        assert tokenizer.text(tokenizer.ids(text)) == normalize(text).replace(" ", "")
    row = tokenizer.encode(["先生"], ["猫"], length=12)["token_ids"][0]
    assert tokenizer.text(row) == "先生猫"
    assert tokenizer.text([tokenizer.mask, tokenizer.unk]) == "[MASK][UNK]"


def test_training_puts_special_tokens_first_and_keeps_to_the_size(trained: list[str]) -> None:
    assert tuple(trained[:5]) == SPECIAL_TOKENS
    assert len(trained) == len(set(trained)) <= 150
    assert not any(WordPiece(trained).unk in WordPiece(trained).ids(text) for text in TEXTS)


def test_encoding_marks_segments_and_padding(small: WordPiece) -> None:
    encoded = small.encode(["先生", "猫"], ["は", "言葉は"], length=7)

    a, ha, cat, word = small.ids("先生")[0], small.ids("は")[0], small.ids("猫")[0], small.ids("言葉")[0]
    cls, sep, pad = small.cls, small.sep, small.pad
    assert encoded["token_ids"].tolist() == [
        [cls, a, sep, ha, sep, pad, pad],
        [cls, cat, sep, word, ha, sep, pad],
    ]
    assert encoded["segment_ids"].tolist() == [[0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0]]
    assert encoded["padding_mask"].tolist() == [[1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 0]]
    assert {array.dtype for array in encoded.values()} == {np.dtype("int32")}


def test_single_text_has_one_segment(small: WordPiece) -> None:
    encoded = small.encode(["先生は"], length=5)

    assert encoded["token_ids"].tolist() == [[small.cls, *small.ids("先生は"), small.sep, small.pad]]
    assert not encoded["segment_ids"].any()


@pytest.mark.parametrize(
    ("lengths", "room", "left"),
    [((6, 2), 6, (4, 2)), ((2, 6), 6, (2, 4)), ((5, 5), 6, (3, 3)), ((3, 3), 6, (3, 3)), ((9, 0), 6, (6, 0))],
)
def test_longer_segment_loses_its_end_first(
    small: WordPiece, lengths: tuple[int, int], room: int, left: tuple[int, int]
) -> None:
    first, second = ([base + n for n in range(size)] for base, size in zip((10, 30), lengths, strict=True))

    ids, begins = small.row(first, second, room + 3)

    assert ids == [small.cls, *first[: left[0]], small.sep, *second[: left[1]], small.sep]
    assert begins == left[0] + 2


def test_long_single_text_keeps_its_separator(small: WordPiece) -> None:
    assert small.row(list(range(10, 20)), None, 5) == ([small.cls, 10, 11, 12, small.sep], 5)
    assert small.row([10], None, 2) == ([small.cls, small.sep], 2)


def test_rows_fill_up_with_padding() -> None:
    encoded = stack_rows([([5, 6, 7], 1), ([8], 1)], pad=9, length=4)

    assert encoded["token_ids"].tolist() == [[5, 6, 7, 9], [8, 9, 9, 9]]
    assert encoded["segment_ids"].tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    assert encoded["padding_mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


def test_room_for_special_tokens_is_needed(small: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"長さ 1 には.*longer than 1"):
        small.encode(["先生"], length=1)
    with pytest.raises(ValueError, match=r"長さ 2 には.*longer than 2"):
        small.encode(["先生"], ["猫"], length=2)


def test_texts_and_pairs_are_as_many(small: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"1 と 2 / 1 texts do not go with 2 pairs"):
        small.encode(["先生"], ["猫", "は"])


def test_vocabulary_without_a_special_token_is_refused() -> None:
    with pytest.raises(ValueError, match=r"特殊トークン.*must hold every special token.*\[SEP\] \[MASK\]"):
        WordPiece([*SPECIAL_TOKENS[:3], "猫"])


def test_vocabulary_with_a_piece_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"重複.*no piece twice: 猫"):
        WordPiece([*SPECIAL_TOKENS, "猫", "は", "猫"])


def test_vocabulary_file_comes_back(small: WordPiece, tmp_path: Path) -> None:
    odd = (*small.vocabulary, "\u3000", "\u2028", "a\u00a0b")
    (tmp_path / "vocab.txt").write_text("\n".join(odd) + "\n", "utf-8")
    (tmp_path / "unended.txt").write_text("\n".join(odd), "utf-8")
    (tmp_path / "windows.txt").write_bytes("\r\n".join(small.vocabulary).encode())

    assert WordPiece.load(tmp_path / "vocab.txt").vocabulary == odd
    assert WordPiece.load(tmp_path / "unended.txt").vocabulary == odd
    assert WordPiece.load(tmp_path / "windows.txt").vocabulary == small.vocabulary


def test_bad_vocabulary_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "gap.txt").write_text("\n".join([*SPECIAL_TOKENS, "猫", "", "は"]), "utf-8")
    (tmp_path / "other.txt").write_bytes("先生".encode("cp932"))

    with pytest.raises(FileNotFoundError, match=r"語彙のファイルがありません: .*none\.txt / There is no"):
        WordPiece.load(tmp_path / "none.txt")
    with pytest.raises(ValueError, match=r"gap\.txt の 7 行目が空.*Line 7 of gap\.txt is empty"):
        WordPiece.load(tmp_path / "gap.txt")
    with pytest.raises(ValueError, match=r"other\.txt は UTF-8.*not a text in UTF-8"):
        WordPiece.load(tmp_path / "other.txt")
