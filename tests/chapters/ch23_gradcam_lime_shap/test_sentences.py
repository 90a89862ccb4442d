"""The remarks and their words."""

from __future__ import annotations

import numpy as np

from chapters.ch23_gradcam_lime_shap import sentences


def test_words_are_dictionary_forms_with_the_negation() -> None:
    assert sentences.words("料理はおいしくなかったです。") == ["料理", "おいしい", "ない"]


def test_a_repeated_word_counts_once() -> None:
    assert sentences.words("海、海、また海。").count("海") == 1


def test_unseen_remarks_were_not_trained_on_but_use_known_words() -> None:
    seen = [*sentences.PLEASED, *sentences.DISPLEASED]
    known = set(sentences.vocabulary(seen))

    for text, _ in sentences.UNSEEN:
        assert text not in seen
        assert set(sentences.words(text)) <= known, text


def test_both_moods_have_as_many_remarks_and_negations() -> None:
    assert len(sentences.PLEASED) == len(sentences.DISPLEASED) == 36
    negated = [
        sum("ない" in sentences.words(text) for text in mood)
        for mood in (sentences.PLEASED, sentences.DISPLEASED)
    ]
    assert abs(negated[0] - negated[1]) <= 4


def test_bag_marks_the_known_words() -> None:
    np.testing.assert_array_equal(sentences.bag(["海", "山"], ["庭", "海"]), [0, 1])
