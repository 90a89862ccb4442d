"""Japanese text: one spelling for each character, words by MeCab, and Aozora Bunko's mark-up taken away."""

from __future__ import annotations

import importlib
import re
import unicodedata
from functools import cache
from pathlib import Path

import MeCab

_PACKAGES = {"unidic-lite": "unidic_lite", "ipadic": "ipadic"}

_DASHES = re.compile(r"^-{20,}$", re.MULTILINE)
_TITLE_AND_AUTHOR = re.compile(r"[^\n　][^\n]*(?:\n[^\n]+){1,4}\n(?=\n)")
_FOOTER = re.compile(r"^底本：", re.MULTILINE)
_UNENCODED_CHARACTER = re.compile(r"※［＃[^］]*］")
_MARK_UP = re.compile(r"《[^》]*》|［＃[^］]*］|｜")


def normalize(text: str) -> str:
    """Writes every character in its compatibility form (NFKC).

    Half-width katakana become full-width, full-width letters, digits and spaces become ASCII, and a
    ligature such as ㍻ becomes the characters that it stands for.

    Args:
        text: Any text.

    Returns:
        The text in Unicode's normalisation form KC (Unicode Standard Annex 15).
    """
    return unicodedata.normalize("NFKC", text)


def split_words(text: str, dictionary: str = "unidic-lite") -> list[str]:
    """Splits a text into words, as ``mecab -Owakati`` does.

    Each line is analysed by itself, so a newline always ends a word and a sentence. Spaces, tabs and
    full-width spaces also end a word and are never words: the words, joined, are the text without
    its white space. The text is not normalised.

    Args:
        text: Japanese text; empty text has no words.
        dictionary: ``"unidic-lite"`` or ``"ipadic"``.

    Returns:
        The words in reading order.

    Raises:
        ValueError: If the dictionary is unknown.
        ModuleNotFoundError: If the dictionary is not installed.
        RuntimeError: If the dictionary is installed but cannot be read.

    Source: Kudo, Yamamoto and Matsumoto, "Applying Conditional Random Fields to Japanese Morphological
        Analysis", EMNLP 2004.
    """
    tagger = _tagger(dictionary)
    return [word for line in _lines(text) for word in tagger.parse(line).split()]


def unknown_words(text: str, dictionary: str = "unidic-lite") -> list[str]:
    """Lists the words that the dictionary does not hold, which MeCab guessed from their characters.

    Args:
        text: Japanese text, split as by :func:`split_words`.
        dictionary: ``"unidic-lite"`` or ``"ipadic"``.

    Returns:
        The unknown words in reading order, repeated as often as they occur.

    Raises:
        ValueError: If the dictionary is unknown.
        ModuleNotFoundError: If the dictionary is not installed.
        RuntimeError: If the dictionary is installed but cannot be read.
    """
    tagger = _tagger(dictionary)
    unknown = []
    for line in _lines(text):
        node = tagger.parseToNode(line)
        while node:
            if node.stat == MeCab.MECAB_UNK_NODE and node.surface.strip():
                unknown.append(node.surface)
            node = node.next
    return unknown


def clean_aozora(raw: bytes) -> str:
    """Takes Aozora Bunko's mark-up away and leaves what the author wrote.

    - The header ends with the second line of dashes. In a file without them it is title and author: two to
      five lines, the first not indented, before an empty line; a file that begins otherwise has no header.
    - The footer begins with the line ``底本：``; a file without one has no footer.
    - A character that Shift_JIS lacks, described as ``※［＃…］``, becomes 〓.
    - Ruby ``《…》``, notes ``［＃…］`` and ``｜``, which marks where ruby begins, are dropped.

    Args:
        raw: A text file of Aozora Bunko, in CP932.

    Returns:
        The work's text, its lines ended by ``"\\n"``; empty lines before it are dropped, those before the
        footer stay.

    Raises:
        ValueError: If the bytes are not CP932.
    """
    text = decode_aozora(raw)
    body = text[_header_end(text) :]
    footer = _FOOTER.search(body)
    if footer:
        body = body[: footer.start()]
    body = _MARK_UP.sub("", _UNENCODED_CHARACTER.sub("〓", body))
    return body.lstrip("\n")


def decode_aozora(raw: bytes) -> str:
    """Decodes a text file of Aozora Bunko and takes nothing away.

    Args:
        raw: The file, in CP932.

    Returns:
        The text with header, footer, ruby and notes, its lines ended by ``"\\n"``.

    Raises:
        ValueError: If the bytes are not CP932.
    """
    try:
        text = raw.decode("cp932")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"青空文庫のテキスト(CP932)として読めません({error.start} バイト目)。"
            "ファイルの文字コードを確かめてください。 / "
            f"Not a text of Aozora Bunko: byte {error.start} is not CP932."
        ) from error
    return text.replace("\r\n", "\n")


@cache
def _tagger(dictionary: str) -> MeCab.Tagger:
    """Opens a dictionary, once."""
    if dictionary not in _PACKAGES:
        known = "、".join(_PACKAGES)
        raise ValueError(
            f"辞書 {dictionary!r} はありません。{known} のどちらかにしてください。 / "
            f"Unknown dictionary {dictionary!r}; choose one of: {', '.join(_PACKAGES)}"
        )
    try:
        package = importlib.import_module(_PACKAGES[dictionary])
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"MeCab の辞書 {dictionary} が入っていません。pip install {dictionary} で入れてください。 / "
            f"MeCab's dictionary {dictionary} is not installed; run: pip install {dictionary}"
        ) from error
    folder = Path(package.DICDIR)
    try:
        return MeCab.Tagger(f'-Owakati -r "{folder / "mecabrc"}" -d "{folder}"')
    except RuntimeError as error:
        raise RuntimeError(
            f"MeCab の辞書 {dictionary} を {folder} から読めません。"
            f"pip install --force-reinstall {dictionary} で入れ直してください。 / "
            f"MeCab's dictionary {dictionary} cannot be read from {folder}; "
            f"run: pip install --force-reinstall {dictionary}"
        ) from error


def _lines(text: str) -> list[str]:
    """Lines without NUL, at which MeCab would stop reading."""
    return text.replace("\0", " ").splitlines()


def _header_end(text: str) -> int:
    """Position of the first character after the header."""
    dashes = list(_DASHES.finditer(text))
    if len(dashes) >= 2:
        return dashes[1].end()
    title = _TITLE_AND_AUTHOR.match(text)
    return title.end() if title else 0
