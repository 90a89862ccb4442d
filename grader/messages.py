"""The grader's messages in Japanese and English.

Code holds English message ids, ``_("{name} is not right.").format(name=name)``; the Japanese is in
``grader/locale/ja/LC_MESSAGES/grader.po``. After adding or changing a message, run

    python -m grader.messages

It brings the ``.po`` up to date, lists what still has no Japanese, and compiles the ``.mo``. Write the
missing ``msgstr`` in the ``.po`` and run it again. (Needs Babel, a developer's dependency.)
"""

from __future__ import annotations

import codecs
import gettext
import io
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

Language = Literal["ja", "en"]

PACKAGE = Path(__file__).resolve().parent
LOCALE = PACKAGE / "locale"
CATALOGUE = LOCALE / "ja" / "LC_MESSAGES" / "grader.po"

_STAND_INS = str.maketrans(
    {
        **{"✅": "o", "✓": "o", "❌": "x", "✗": "x", "■": "x", "⬜": "-", "⚠": "!", "💡": "i", "\ufe0f": ""},
        **{"–": "-", "—": "-", "…": "...", "·": ".", "“": '"', "”": '"', "‘": "'", "’": "'", "→": "->"},
        "📝": "i",
    }
)
"""What a console or pipe gets for signs that its encoding lacks; "?" for anything else."""

_chosen: Language | None = None


def set_language(language: Language) -> None:
    """Sets the language of all messages from now on.

    Args:
        language: ``"ja"`` or ``"en"``.

    Raises:
        ValueError: If it is neither.
    """
    global _chosen
    if language not in ("ja", "en"):
        raise ValueError(
            f"言語 {language!r} は使えません。ja か en を指定してください。 / "
            f"Unknown language {language!r}; choose ja or en."
        )
    _chosen = language


def language() -> Language:
    """Returns the language of messages.

    It is what :func:`set_language` set, else ``COURSE_LANG``, else English under an English locale,
    else Japanese. A notebook's kernel does not look at the locale: Colab's is English for everybody,
    and the lessons are Japanese.
    """
    if _chosen is not None:
        return _chosen
    asked = os.environ.get("COURSE_LANG", "")
    if asked in ("ja", "en"):
        return cast(Language, asked)
    if "ipykernel" in sys.modules:
        return "ja"
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((value for name in names if (value := os.environ.get(name))), "")
    return "en" if locale.lower().startswith("en") else "ja"


def _(message: str) -> str:
    """Translates a message id.

    Args:
        message: The English message, with named ``str.format`` fields.

    Returns:
        The message in the current language, fields not yet filled.
    """
    return _translations(language()).gettext(message)


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Says what is written instead of characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_STAND_INS)
    return "".join(sign if sign.isascii() else "?" for sign in text), error.end


_STAND_IN = "grader.stand_in"
codecs.register_error(_STAND_IN, _stand_in)


def write_what_can_be_shown() -> None:
    """Lets standard output and error replace what their encoding lacks (``cp932``, ASCII), not fail on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_STAND_IN)


def shown(text: str) -> str:
    """Returns a text with what the encoding of standard output lacks replaced."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, _STAND_IN).decode(encoding)


@cache
def _translations(language: Language) -> gettext.NullTranslations:
    return gettext.translation("grader", LOCALE, languages=[language], fallback=language == "en")


def extract() -> Catalog:
    """Collects every message id of the package's code.

    Returns:
        A catalogue without translations.
    """
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir

    template = Catalog()
    for _file, _line, message, _comments, _context in extract_from_dir(
        PACKAGE, method_map=[("**.py", "python")], keywords={"_": None}
    ):
        template.add(message)
    return template


def read_catalogue() -> Catalog:
    """Reads the Japanese catalogue from its ``.po``."""
    from babel.messages.pofile import read_po

    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ja")


def compiled(catalogue: Catalog) -> bytes:
    """Returns the ``.mo`` of a catalogue."""
    from babel.messages.mofile import write_mo

    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def update() -> list[str]:
    """Brings the ``.po`` up to date with the code and compiles the ``.mo``.

    Returns:
        The message ids that have no Japanese yet.
    """
    from babel.messages.pofile import write_po

    catalogue = read_catalogue()
    catalogue.update(extract(), no_fuzzy_matching=True, update_creation_date=False)
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=0, no_location=True, sort_output=True, ignore_obsolete=True)
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(read_catalogue()))
    return [str(message.id) for message in catalogue if message.id and not message.string]


if __name__ == "__main__":
    untranslated = update()
    for message in untranslated:
        print(f"no Japanese: {message}")
    sys.exit(bool(untranslated))
