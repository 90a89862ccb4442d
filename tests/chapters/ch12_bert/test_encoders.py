"""What the lesson takes for granted of its tokenizer and of its encoder."""

from __future__ import annotations

import numpy as np
import pytest

from chapters.ch12_bert.encoders import Bert
from course_utils.bert import attention_maps
from course_utils.japanese import normalize


@pytest.mark.parametrize("text", ["ＢＥＲＴは㍻３０年にｶﾞｸｼｭｳした", "①㌔ﾊﾟ", "どこで生れたか"])
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_weights_of_a_row_sum_to_1(bert: Bert, causal: bool) -> None:
    backbone, _ = bert.build(causal, True)

    maps = attention_maps(backbone, bert.tokenizer.encode(["私は猫を見た。"], ["雨が降る。"], length=16))

    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
