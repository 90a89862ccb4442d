"""The report's text generation with BERT: as it was, and mended step by step.

The report takes the places of words in a sorted vocabulary for BERT's own ids, freezes BERT, and trains a
dense layer to name the next word, although BERT has that word in its input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from chapters.ch12_bert.encoders import Bert, run
from course_utils.japanese import normalize, split_words
from course_utils.wordpiece import Encoding

WINDOW = 128
"""Pieces that the model reads: a window of 129 gives 128 inputs and the 128 that follow them."""

CONTEXTS = (32, 64, 96, 128)
"""How much of a held-out window is read before the next piece is asked for."""

PROMPT = "私は"
SAMPLED = 30

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """One way to train.

    Attributes:
        key: Its number in the tables.
        title: What it changes.
        foreign_ids: Whether places in a sorted list of words are fed as if they were BERT's ids.
        causal: Whether a position sees only itself and those before it.
        whole: Whether the encoder is trained too, with the head of its own pretraining, not a new dense layer.
        learning_rate: Adam's learning rate.
        pretrained: Whether the encoder starts from the pretrained weights.
    """

    key: str
    title: str
    foreign_ids: bool
    causal: bool
    whole: bool
    learning_rate: float
    pretrained: bool = True


STEPS: tuple[Step, ...] = (
    Step("0", "レポートのまま", True, False, False, 1e-7),
    Step("1", "BERT 自身の番号", False, False, False, 1e-7),
    Step("2", "因果マスク", False, True, False, 1e-7),
    Step("3", "学習率 1e-3", False, True, False, 1e-3),
    Step("5", "エンコーダも学習", False, True, True, 5e-4),
    Step("漏", "マスクなしでエンコーダも学習", False, False, True, 5e-4),
    Step("乱", "5 をランダムな初期値から", False, True, True, 5e-4, pretrained=False),
)
"""What is trained. Step 4 of the tables is the model of step 3, read with its full context."""


class Corpus(NamedTuple):
    """A text to learn from and one that is kept for measuring.

    Attributes:
        training: Text, with newlines.
        held_out: Text that no training sees.
    """

    training: str
    held_out: str


class Stream(NamedTuple):
    """A corpus as numbers.

    Attributes:
        training: Targets, int32, one for each word or piece.
        held_out: The same of the held-out text.
        size: Number of different targets: V.
        characters: Characters of a held-out word or piece, on average.
        ids: Turns a text into targets.
        text: Turns targets into a text.
    """

    training: Ids
    held_out: Ids
    size: int
    characters: float
    ids: Callable[[str], list[int]]
    text: Callable[[Iterable[int]], str]


class Generator(NamedTuple):
    """What names the next piece.

    Attributes:
        encoder: From BERT's inputs to hidden states ``(batch, length, hidden)``.
        head: From hidden states to logits over the V targets.
        vocabulary_size: Ids that the encoder has an embedding for.
    """

    encoder: keras.Model
    head: keras.layers.Layer
    vocabulary_size: int


@dataclass
class Generation:
    """What a step measured. Losses are in nats for each word or piece.

    Attributes:
        key: The step's key.
        seed: Seed of split, weights and sampling.
        size: V, the number of different targets.
        steps: Batches of an epoch.
        seconds: Training time, features included.
        loss: Training loss of each epoch.
        apparent: Held-out loss as in training: every position of a window, the following ones in sight
            unless the encoder is causal.
        one_word: Held-out loss where one word is all that is read, as the report samples.
        full: Held-out loss where all before the target is read and nothing after it.
        unigram: Held-out loss of the training text's frequencies, each count plus one.
        characters: Characters of a held-out word or piece, on average.
        sample_one_word: Text that goes on :data:`PROMPT`, only the last word fed back.
        sample_full: The same with everything fed back.
    """

    key: str
    seed: int
    size: int
    steps: int
    seconds: float
    loss: list[float]
    apparent: float
    one_word: float
    full: float
    unigram: float
    characters: float
    sample_one_word: str
    sample_full: str


def word_stream(corpus: Corpus) -> Stream:
    """Numbers MeCab's words by their place in a sorted vocabulary, as the report did."""
    training, held_out = (split_words(text) for text in corpus)
    vocabulary = sorted({*training, *held_out})
    place = {word: number for number, word in enumerate(vocabulary)}

    def ids(text: str) -> list[int]:
        return [place[word] for word in split_words(text)]

    def text(numbers: Iterable[int]) -> str:
        return "".join(vocabulary[number] for number in numbers)

    return _stream([place[w] for w in training], [place[w] for w in held_out], corpus, vocabulary, ids, text)


def piece_stream(corpus: Corpus, bert: Bert) -> Stream:
    """Numbers WordPiece's pieces by BERT's own ids."""
    tokenizer = bert.tokenizer
    training, held_out = (tokenizer.ids(text) for text in corpus)
    return _stream(training, held_out, corpus, tokenizer.vocabulary, tokenizer.ids, tokenizer.text)


def _stream(
    training: list[int],
    held_out: list[int],
    corpus: Corpus,
    vocabulary: Sequence[str],
    ids: Callable[[str], list[int]],
    text: Callable[[Iterable[int]], str],
) -> Stream:
    characters = len("".join(normalize(corpus.held_out).split())) / len(held_out)
    return Stream(
        np.array(training, "int32"), np.array(held_out, "int32"), len(vocabulary), characters, ids, text
    )


def windows(ids: Ids) -> Ids:
    """Cuts ids into windows of 129, shape ``(n, 129)``; what is left over is dropped.

    Raises:
        ValueError: If there are fewer than 129.
    """
    count = len(ids) // (WINDOW + 1)
    if count == 0:
        raise ValueError(
            f"テキストが短すぎます。{WINDOW + 1} 語以上が必要ですが、{len(ids)} 語です。 / "
            f"The text is too short: {len(ids)} words where {WINDOW + 1} are needed."
        )
    return ids[: count * (WINDOW + 1)].reshape(count, WINDOW + 1)


def readable(ids: Ids, vocabulary_size: int) -> Encoding:
    """Makes ids into BERT's inputs: one segment, nothing padded.

    A place in a list of words may lie beyond BERT's vocabulary; it is wrapped around, so that every
    word has some valid, if foreign, id. (In the report all places did: 12,900 words, 32,000 ids.)

    Args:
        ids: Shape ``(batch, length)``.
        vocabulary_size: Ids that BERT has an embedding for.

    Returns:
        BERT's three inputs.
    """
    inside = (ids % vocabulary_size).astype("int32")
    return {
        "token_ids": inside,
        "segment_ids": np.zeros_like(inside),
        "padding_mask": np.ones_like(inside),
    }


def build_generator(step: Step, size: int, bert: Bert) -> Generator:
    """Builds a step's model.

    Args:
        step: The step.
        size: V, the number of different targets.
        bert: The encoder.

    Returns:
        Encoder and head; a frozen encoder has ``trainable`` off.
    """
    backbone, mlm = bert.build(step.causal, step.pretrained)
    encoder = keras.Model(backbone.input, backbone.output["sequence_output"])
    encoder.trainable = step.whole
    head = mlm.get_layer("mlm_head") if step.whole else keras.layers.Dense(size, name="logits")
    return Generator(encoder, head, bert.vocabulary_size)


def train(generator: Generator, rows: Ids, learning_rate: float, batch: int, epochs: int) -> list[float]:
    """Trains to name the next piece; a frozen encoder's hidden states are computed once.

    Args:
        generator: What is trained, in place.
        rows: Windows from :func:`windows`.
        learning_rate: Adam's.
        batch: Windows of a batch; windows that fill none are dropped.
        epochs: Epochs.

    Returns:
        Training loss of each epoch.
    """
    rows = rows[: max(len(rows) // batch, 1) * batch]
    inputs: Any = readable(rows[:, :-1], generator.vocabulary_size)
    start = generator.encoder.input
    if generator.encoder.trainable:
        model = keras.Model(start, generator.head(generator.encoder.output))
    else:
        inputs = run(generator.encoder, inputs)
        start = keras.Input(inputs.shape[1:])
        model = keras.Model(start, generator.head(start))
    model.compile(
        keras.optimizers.Adam(learning_rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    history = model.fit(inputs, rows[:, 1:], batch_size=batch, epochs=epochs, verbose=0)
    return [float(value) for value in history.history["loss"]]


def apparent_loss(generator: Generator, rows: Ids) -> float:
    """Held-out loss as training counts it: at every position of whole windows."""
    hidden = run(generator.encoder, readable(rows[:, :-1], generator.vocabulary_size))
    return float(np.mean([_loss(generator.head, h, t) for h, t in zip(hidden, rows[:, 1:], strict=True)]))


def hidden_target_loss(generator: Generator, rows: Ids, contexts: Sequence[int] = CONTEXTS) -> float:
    """Held-out loss of a piece that is not in the input, whatever the encoder could see.

    Args:
        generator: What is measured.
        rows: Windows from :func:`windows`.
        contexts: How many pieces are read before the one that is asked for; the mean over all is returned.

    Returns:
        Loss in nats.
    """
    losses = []
    for count in contexts:
        hidden = run(generator.encoder, readable(rows[:, :count], generator.vocabulary_size))
        losses.append(_loss(generator.head, hidden[:, -1], rows[:, count]))
    return float(np.mean(losses))


def one_word_loss(generator: Generator, ids: Ids, most: int = 2000) -> float:
    """Held-out loss where a single word is read, and the next asked for."""
    pairs = np.stack([ids[:-1], ids[1:]], axis=1)[:most]
    return hidden_target_loss(generator, pairs, contexts=(1,))


def unigram_loss(stream: Stream) -> float:
    """Held-out loss of guessing by the training text's frequencies, each count plus one."""
    counts = np.bincount(stream.training, minlength=stream.size) + 1
    return float(-np.log(counts[stream.held_out] / counts.sum()).mean())


def next_probabilities(generator: Generator, ids: Sequence[int]) -> Floats:
    """Probabilities of what comes after these ids, shape ``(V,)``."""
    hidden = generator.encoder(readable(np.array([ids], "int32"), generator.vocabulary_size))
    return np.asarray(ops.convert_to_numpy(ops.softmax(generator.head(hidden[:, -1])[0])))


def sample(
    generator: Generator, prompt: Sequence[int], full_context: bool, seed: int, count: int = SAMPLED
) -> list[int]:
    """Writes on, at temperature 1.

    Args:
        generator: What names the next piece.
        prompt: Ids to go on from.
        full_context: Whether everything written is read again, or, as in the report, the last word alone.
        seed: Seed of the choices.
        count: How many ids to write.

    Returns:
        The prompt and what was written.
    """
    rng = np.random.default_rng(seed)
    written, read = list(prompt), list(prompt)
    for _ in range(count):
        probabilities = next_probabilities(generator, read[-WINDOW:]).astype("float64")
        chosen = int(rng.choice(len(probabilities), p=probabilities / probabilities.sum()))
        written.append(chosen)
        read = [*read, chosen] if full_context else [chosen]
    return written


def execute(step: Step, corpus: Corpus, bert: Bert, seed: int, batch: int, epochs: int = 5) -> Generation:
    """Trains a step and measures it on the held-out text.

    Args:
        step: The step.
        corpus: What it learns from, and what it is measured on.
        bert: The encoder.
        seed: Seed of weights and sampling.
        batch: Windows of a batch.
        epochs: Epochs.

    Returns:
        What was measured.
    """
    keras.utils.set_random_seed(seed)
    stream = word_stream(corpus) if step.foreign_ids else piece_stream(corpus, bert)
    generator = build_generator(step, stream.size, bert)
    rows, unseen = windows(stream.training), windows(stream.held_out)
    started = time.perf_counter()
    loss = train(generator, rows, step.learning_rate, batch, epochs)
    seconds = time.perf_counter() - started
    prompt = stream.ids(PROMPT)
    return Generation(
        key=step.key,
        seed=seed,
        size=stream.size,
        steps=max(len(rows) // batch, 1),
        seconds=round(seconds, 1),
        loss=loss,
        apparent=apparent_loss(generator, unseen),
        one_word=one_word_loss(generator, stream.held_out),
        full=hidden_target_loss(generator, unseen),
        unigram=unigram_loss(stream),
        characters=stream.characters,
        sample_one_word=stream.text(sample(generator, prompt, False, seed)),
        sample_full=stream.text(sample(generator, prompt, True, seed)),
    )


def _loss(head: keras.layers.Layer, hidden: Any, targets: Ids) -> float:
    """Mean cross-entropy of logits from hidden states ``(n, hidden)``."""
    losses = ops.sparse_categorical_crossentropy(targets, head(hidden), from_logits=True)
    return float(ops.mean(losses))
