import pytest

from grader.exercise import changed


def test_one_place_is_changed() -> None:
    assert changed("return a + b\n", "+", "-") == "return a - b\n"


@pytest.mark.parametrize("old", ["*", "a"])
def test_a_place_that_is_missing_or_not_the_only_one_is_refused(old: str) -> None:
    with pytest.raises(ValueError, match="must occur once in"):
        changed("return a + a\n", old, "-")
