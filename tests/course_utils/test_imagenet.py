import numpy as np
import pytest

from course_utils.imagenet import CLASSES, JAPANESE, class_name, english_name, top_classes


def test_classes_are_named_in_both_languages() -> None:
    assert (class_name(967), english_name(967)) == ("エスプレッソ", "espresso")
    assert english_name(0) == "tench"


def test_where_the_lessons_need_no_japanese_name_the_english_one_stands() -> None:
    assert 1 not in JAPANESE
    assert class_name(1) == english_name(1) == "goldfish"


def test_no_two_classes_have_one_japanese_name() -> None:
    assert len(set(JAPANESE.values())) == len(JAPANESE)
    assert set(JAPANESE) <= set(range(CLASSES))


@pytest.mark.parametrize("index", [-1, 1000])
def test_a_class_that_does_not_exist_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match=f"there is no class {index}"):
        class_name(index)


def test_the_likeliest_classes_come_first_with_their_probabilities() -> None:
    logits = np.zeros(CLASSES)
    logits[[285, 967]] = np.log(999 / 2), np.log(999 / 4)

    first, second = top_classes(logits, count=2)

    assert (first.index, first.name, second.english) == (285, "エジプト猫", "espresso")
    total = 999 / 2 + 999 / 4 + 998
    assert [first.probability, second.probability] == pytest.approx([999 / 2 / total, 999 / 4 / total])


def test_large_scores_do_not_overflow() -> None:
    (guess,) = top_classes(np.linspace(0, 1e5, CLASSES), count=1)

    assert (guess.index, guess.probability) == (999, 1.0)


def test_a_batch_is_refused_with_its_shape() -> None:
    with pytest.raises(ValueError, match=r"not \(1, 1000\)"):
        top_classes(np.zeros((1, CLASSES)))
