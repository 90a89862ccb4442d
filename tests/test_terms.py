"""The words that docs/terms.md rules out stand in no lesson and no exercise."""

from __future__ import annotations

from pathlib import Path

import pytest

COURSE = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((COURSE / "chapters").glob("ch*"))
TERMS = (COURSE / "docs" / "terms.md").read_text("utf-8")


def ruled_out() -> list[str]:
    """Returns the words of the list's last section."""
    return TERMS.rpartition("\n\n")[2].strip().split("、")


def test_list_rules_words_out() -> None:
    assert {"でたらめ", "述べた値", "チャンネル"} < set(ruled_out())


@pytest.mark.parametrize("folder", CHAPTERS, ids=lambda folder: folder.name)
def test_no_word_that_is_ruled_out_is_used(folder: Path) -> None:
    found = [
        f"{path.name}:{number}: {word}"
        for path in [*sorted(folder.glob("*.py")), *sorted(folder.glob("*.toml"))]
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word in ruled_out()
        if word in line
    ]
    assert found == []
