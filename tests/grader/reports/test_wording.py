import pytest

from grader.exercise import Status
from grader.reports.statistics import Outcome
from grader.reports.wording import (
    SYMBOLS,
    chapter_words,
    check_word,
    isolation_words,
    outcome_words,
    page_words,
    status_word,
    symbol,
)


@pytest.fixture(params=["ja", "en"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COURSE_LANG", request.param)
    return str(request.param)


def test_every_status_has_a_word_of_its_own(language: str) -> None:
    words = [status_word(status) for status in Status]
    assert len(set(words)) == len(words)
    assert language == "en" or not any(word.isascii() for word in words)


def test_every_outcome_has_a_word_and_a_symbol_of_its_own(language: str) -> None:
    words = outcome_words()
    assert set(words) == set(SYMBOLS) == set(Outcome)
    assert len(set(words.values())) == len(set(SYMBOLS.values())) == len(Outcome)
    assert language == "en" or not any(word.isascii() for word in words.values())


def test_only_a_pass_is_ticked() -> None:
    assert [status for status in Status if symbol(status) == "✓"] == [Status.PASSED]


def test_every_isolation_says_what_it_keeps_apart(language: str) -> None:
    words = {name: isolation_words(name) for name in ("bubblewrap", "docker", "podman", "process")}
    assert all(name in text.lower() for name, text in words.items())
    assert len(set(words.values())) == 4
    assert "信頼できない" in words["process"] or "strangers" in words["process"]


def test_unknown_isolation_is_named_and_none_is_not_made_up() -> None:
    assert "chroot" in isolation_words("chroot")
    assert isolation_words("") == ""


def test_checks_are_told_apart(language: str) -> None:
    assert len({check_word("visible"), check_word("hidden"), check_word("")}) == 3
    assert check_word("") == ""


def test_chapter_goes_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "ja")
    assert chapter_words("ch05_resnet_transfer") == "第 5 章"
    assert chapter_words("toy") == "toy"


def test_page_words_are_all_in_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "ja")
    assert [name for name, word in page_words().items() if word.isascii()] == []
