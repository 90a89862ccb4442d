import string
import sys
from types import ModuleType

import pytest

from grader import messages
from grader.messages import _

pytest.importorskip("babel", reason="the catalogue is kept with Babel, a developer's dependency")


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_chosen", None)
    for name in ("COURSE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "ja"),
        ({"LANG": "C"}, "ja"),
        ({"LANG": "C.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "fr_FR.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8", "COURSE_LANG": "ja"}, "ja"),
        ({"COURSE_LANG": "en"}, "en"),
        ({"COURSE_LANG": "nonsense"}, "ja"),
    ],
)
def test_language_is_japanese_unless_english_is_asked_for(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert messages.language() == language


def test_a_notebook_speaks_japanese_under_an_english_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert messages.language() == "ja"
    monkeypatch.setenv("COURSE_LANG", "en")
    assert messages.language() == "en"


def test_chosen_language_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "ja")
    messages.set_language("en")
    assert _("{name} is not right.") == "{name} is not right."
    messages.set_language("ja")
    assert _("{name} is not right.") == "{name} が違います。"


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="ja or en"):
        messages.set_language("fr")  # type: ignore[arg-type]


def test_every_message_has_japanese_and_none_is_left_over() -> None:
    in_code = {str(message.id) for message in messages.extract() if message.id}
    translated = {str(message.id) for message in messages.read_catalogue() if message.id and message.string}
    assert in_code == translated, "run: python -m grader.messages"


def test_compiled_catalogue_is_current() -> None:
    compiled = messages.CATALOGUE.with_suffix(".mo").read_bytes()
    assert compiled == messages.compiled(messages.read_catalogue()), "run: python -m grader.messages"


def test_japanese_fills_in_the_same_fields() -> None:
    for message in messages.read_catalogue():
        if message.id and message.string:
            assert fields_of(str(message.string)) == fields_of(str(message.id)), message.id


def fields_of(text: str) -> set[tuple[str, str | None, str | None]]:
    return {
        (name, spec, conversion) for _text, name, spec, conversion in string.Formatter().parse(text) if name
    }
