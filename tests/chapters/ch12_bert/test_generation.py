"""The report's text generation: what is trained, what is measured, what is written."""

from __future__ import annotations

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from chapters.ch12_bert import generation
from chapters.ch12_bert.encoders import Bert
from chapters.ch12_bert.generation import STEPS, WINDOW, Corpus, Generator, Step

SENTENCES = "私は猫を見た。雨が降る。" * 60
CORPUS = Corpus(SENTENCES, SENTENCES[:900])


def step(key: str) -> Step:
    return next(step for step in STEPS if step.key == key)


def build(key: str, bert: Bert) -> tuple[Generator, generation.Stream]:
    stream = generation.piece_stream(CORPUS, bert)
    return generation.build_generator(step(key), stream.size, bert), stream


def test_words_are_numbered_by_their_place_in_a_sorted_list() -> None:
    stream = generation.word_stream(Corpus("雨が降る。", "私は雨。"))

    assert stream.size == len({"雨", "が", "降る", "。", "私", "は"})
    assert stream.text(stream.held_out) == "私は雨。"
    assert [stream.text([number]) for number in range(stream.size)] == sorted(
        ["雨", "が", "降る", "。", "私", "は"]
    )


def test_characters_are_counted_without_white_space() -> None:
    stream = generation.word_stream(Corpus("雨が降る。", "雨が\n降る。"))

    assert stream.characters == 5 / 4


def test_windows_hold_one_more_than_the_model_reads() -> None:
    rows = generation.windows(np.arange(300, dtype="int32"))

    assert rows.shape == (2, WINDOW + 1)
    np.testing.assert_array_equal(rows[1], np.arange(129, 258))


def test_a_text_without_a_window_is_named() -> None:
    with pytest.raises(ValueError, match="too short: 5 words"):
        generation.windows(np.arange(5, dtype="int32"))


def test_places_beyond_the_vocabulary_are_wrapped_around() -> None:
    inputs = generation.readable(np.array([[3, 17, 25]], "int32"), vocabulary_size=17)

    np.testing.assert_array_equal(inputs["token_ids"], [[3, 0, 8]])
    np.testing.assert_array_equal(inputs["padding_mask"], [[1, 1, 1]])
    np.testing.assert_array_equal(inputs["segment_ids"], [[0, 0, 0]])


@pytest.mark.parametrize("key", ["3", "5"])
def test_the_encoder_moves_only_where_it_is_trained(key: str, bert: Bert) -> None:
    generator, stream = build(key, bert)
    before = [weight.numpy() for weight in generator.encoder.weights]

    losses = generation.train(generator, generation.windows(stream.training)[:2], 1e-2, batch=1, epochs=3)

    still = all(np.array_equal(a, w.numpy()) for a, w in zip(before, generator.encoder.weights, strict=True))
    assert still == (key == "3")
    assert losses[-1] < losses[0]


def test_at_the_reports_rate_nothing_is_learnt(bert: Bert) -> None:
    generator, stream = build("1", bert)

    losses = generation.train(generator, generation.windows(stream.training)[:2], 1e-7, batch=1, epochs=3)

    assert abs(losses[-1] - losses[0]) < 1e-4


@pytest.mark.parametrize(("key", "sees"), [("1", True), ("2", False)])
def test_what_follows_matters_unless_the_encoder_is_causal(key: str, sees: bool, bert: Bert) -> None:
    generator, stream = build(key, bert)
    inputs = generation.readable(stream.training[None, :20], generator.vocabulary_size)
    other = {name: array.copy() for name, array in inputs.items()}
    other["token_ids"][0, 12] = bert.tokenizer.mask

    first, second = (np.asarray(generator.encoder(each))[0, :12] for each in (inputs, other))

    assert np.allclose(first, second, atol=1e-6) != sees


def test_apparent_and_hidden_loss_agree_for_a_causal_encoder(bert: Bert) -> None:
    generator, stream = build("2", bert)
    rows = generation.windows(stream.held_out)[:2]

    hidden = generation.hidden_target_loss(generator, rows, contexts=range(1, WINDOW + 1))

    assert generation.apparent_loss(generator, rows) == pytest.approx(hidden, abs=1e-3)


def test_a_uniform_head_loses_ln_v(bert: Bert) -> None:
    generator, stream = build("2", bert)
    generator.head(generator.encoder.output)
    generator.head.set_weights([np.zeros_like(weight) for weight in generator.head.get_weights()])

    assert generation.one_word_loss(generator, stream.held_out) == pytest.approx(
        math.log(stream.size), abs=1e-5
    )
    np.testing.assert_allclose(generation.next_probabilities(generator, [5, 6]), 1 / stream.size, rtol=1e-5)


def test_unigram_loss_is_that_of_counts_plus_one() -> None:
    stream = generation.word_stream(Corpus("雨雨雨猫", "雨"))
    counts = np.bincount(stream.training, minlength=stream.size) + 1
    shares = counts / counts.sum()

    assert generation.unigram_loss(stream) == pytest.approx(-np.log(shares[stream.held_out]).mean())


def test_the_report_reads_only_the_last_word(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, _ = build("2", bert)
    read: list[list[int]] = []
    next_probabilities = generation.next_probabilities

    def spy(model: Generator, ids: list[int]) -> np.ndarray:
        read.append(list(ids))
        return next_probabilities(model, ids)

    monkeypatch.setattr(generation, "next_probabilities", spy)
    written = generation.sample(generator, [5, 6], full_context=False, seed=1, count=3)
    everything = generation.sample(generator, [5, 6], full_context=True, seed=1, count=3)

    assert read[:3] == [[5, 6], [written[2]], [written[3]]]
    assert read[3:] == [everything[:2], everything[:3], everything[:4]]


def test_sampling_is_repeatable(bert: Bert) -> None:
    generator, _ = build("2", bert)

    first, second = (generation.sample(generator, [5], full_context=True, seed=3, count=5) for _ in range(2))

    assert first == second
    assert len(first) == 6


@pytest.mark.parametrize("key", ["0", "5"])
def test_a_step_reports_what_it_measured(key: str, bert: Bert) -> None:
    result = generation.execute(step(key), CORPUS, bert, seed=1, batch=2, epochs=2)

    assert result.key == key
    assert len(result.loss) == 2
    assert result.size == (generation.word_stream(CORPUS).size if key == "0" else bert.vocabulary_size)
    assert min(result.apparent, result.one_word, result.full, result.unigram) > 0
    assert result.sample_full.startswith("私は")


def test_a_step_gives_the_same_numbers_again(bert: Bert) -> None:
    first, second = (generation.execute(step("3"), CORPUS, bert, seed=2, batch=2, epochs=1) for _ in range(2))

    assert replace(first, seconds=0) == replace(second, seconds=0)


def test_random_weights_are_other_weights(bert: Bert) -> None:
    pretrained, random = (build(key, bert)[0].encoder.get_weights()[0] for key in ("5", "乱"))

    assert not np.array_equal(pretrained, random)


def test_batches_that_are_not_full_are_dropped(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, stream = build("2", bert)
    seen: list[int] = []
    fit = keras.Model.fit

    def spy(model: keras.Model, x: np.ndarray, *args: object, **options: object) -> object:
        seen.append(len(x))
        return fit(model, x, *args, **options)

    monkeypatch.setattr(keras.Model, "fit", spy)
    generation.train(generator, generation.windows(stream.training)[:5], 1e-3, batch=2, epochs=1)

    assert seen == [4]
