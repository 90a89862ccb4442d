"""Chapter 11's runs over five seeds: dates normalised by a Transformer and by what it is compared with, and distance.

    python -m chapters.ch11_transformer.experiment dates       # the Transformer
    python -m chapters.ch11_transformer.experiment ablations   # without positions; LSTMs without attention
    python -m chapters.ch11_transformer.experiment distance    # one layer of attention and LSTMs as distance grows

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers, ops

from chapters.ch11_transformer import dates, distance
from chapters.ch11_transformer.dates import Dates, Pairs
from chapters.ch11_transformer.transformer import Sizes, Transformer, make_decoder
from course_utils.results import read_results, run_experiment

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)

BATCH, EPOCHS, STEPS = 96, 8, 100
"""Pairs of an update, epochs, and updates of an epoch; every epoch has pairs of its own."""
RATE, WARM_UP = 5e-3, 50
HALFWAY = 3
"""Epochs after which a model that still makes mistakes is kept, to see what beam search mends."""
BEAMS = 4

Array = npt.NDArray[Any]


def date_sizes(positions: bool = True) -> Sizes:
    """Gives the sizes of the Transformer that normalises dates."""
    vocabulary = len(dates.VOCABULARY)
    return Sizes(vocabulary, width=64, heads=4, inner=128, layers=2, dropout=0.0, positions=positions)


def build_transformer(positions: bool = True) -> Transformer:
    """Builds the Transformer that normalises dates."""
    model = Transformer(date_sizes(positions))
    model.build()
    return model


def build_lstm(width: int = 64, units: int = 112) -> keras.Model:
    """Builds encoder and decoder of an LSTM each, without attention; as many parameters as the Transformer.

    All that the decoder learns of the source is the encoder's last state, as in Sutskever et al., "Sequence to
    Sequence Learning with Neural Networks", NeurIPS 2014.
    """
    source = keras.Input((dates.SOURCE_LENGTH,), dtype="int32")
    target = keras.Input((dates.TARGET_LENGTH,), dtype="int32")
    embedding = layers.Embedding(len(dates.VOCABULARY), width)
    _, *state = layers.LSTM(units, return_state=True)(embedding(source))
    decoded = layers.LSTM(units, return_sequences=True)(embedding(target), initial_state=state)
    return keras.Model([source, target], layers.Dense(len(dates.VOCABULARY))(decoded))


def exact(wanted: Any, logits: Any) -> Any:
    """Metric: whether each row is right to its last token, given the right tokens before each."""
    right = ops.equal(ops.cast(wanted, "int32"), ops.cast(ops.argmax(logits, axis=-1), "int32"))
    return ops.cast(ops.all(right, axis=-1), "float32")


def arrays(pairs: Pairs) -> tuple[tuple[Array, Array], Array]:
    """Turns pairs into ``(source, decoder input), target``: the target is the input one step later."""
    rows = dates.encode_targets(pairs.wanted)
    return (dates.encode(pairs.texts), rows[:, :-1]), rows[:, 1:]


def load_dates(seed: int) -> Dates:
    """Draws the pairs of a seed: fresh ones for each update."""
    return dates.make_dates(seed, train=BATCH * STEPS * EPOCHS)


def train(
    model: keras.Model,
    data: Dates,
    rate: float = RATE,
    callbacks: list[keras.callbacks.Callback] | None = None,
) -> dict[str, list[float]]:
    """Trains by teacher forcing; the learning rate rises, then falls along a cosine.

    Args:
        model: From source and decoder input to logits.
        data: Pairs from :func:`load_dates`.
        rate: The highest learning rate.
        callbacks: Of Keras.

    Returns:
        The training curves, Keras' ``history``.
    """
    steps = len(data.train) // BATCH
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - WARM_UP, warmup_target=rate, warmup_steps=WARM_UP
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.98, clipnorm=1.0), loss, metrics=[exact], jit_compile=False
    )
    # Now rather than in the first step, which TensorFlow would then have to trace twice.
    model.optimizer.build(model.trainable_variables)
    batches = tf.data.Dataset.from_tensor_slices(arrays(data.train)).batch(BATCH, drop_remainder=True)
    fitted = model.fit(
        batches.repeat(),
        epochs=EPOCHS,
        steps_per_epoch=steps // EPOCHS,
        validation_data=arrays(data.validation),
        validation_batch_size=500,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return dict(fitted.history)


class KeepHalfway(keras.callbacks.Callback):
    """Keeps the weights that the model has after :data:`HALFWAY` epochs, in ``weights``."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Copies the weights once."""
        if epoch + 1 == HALFWAY:
            self.weights = self.model.get_weights()


Search = Callable[[Sequence[str]], tuple[list[str], Array]]
"""From dates as written to ISO dates and their log probabilities."""


def make_search(model: Transformer, width: int) -> Search:
    """Compiles greedy search, for width 1, or beam search.

    Args:
        model: A Transformer; the weights that it has when the search is called are used.
        width: Beams.

    Returns:
        The search.
    """
    decoder = make_decoder(model, dates.SOURCE_LENGTH, dates.TARGET_LENGTH, width)

    def search(texts: Sequence[str]) -> tuple[list[str], Array]:
        ids, scores = decoder(dates.encode(texts))
        return dates.decode(ids[:, 0]), scores[:, 0]

    return search


@dataclass
class Normalised:
    """What one model made of dates that it had never seen.

    Attributes:
        model: What was trained.
        seed: Seed of dates and weights.
        parameters: Number of weights.
        exact: Share of test dates right to the last character.
        eras: The same among those in an era's style.
        seconds: Of training.
        loss: Training loss of each epoch.
        validation: Share of validation dates that are right, after each epoch.
        halfway_greedy: Share of test dates right after :data:`HALFWAY` epochs, greedy; Transformer only.
        halfway_beam: The same by beam search.
        halfway_changed: Share of answers that beam search changed then.
        halfway_worse: Share of answers of beam search that were less probable than those of greedy search then.
        beam: Share of test dates right at the end, by beam search; Transformer only.
    """

    model: str
    seed: int
    parameters: int
    exact: float
    eras: float
    seconds: float
    loss: list[float]
    validation: list[float]
    halfway_greedy: float | None = None
    halfway_beam: float | None = None
    halfway_changed: float | None = None
    halfway_worse: float | None = None
    beam: float | None = None


def right_rows(model: keras.Model, pairs: Pairs) -> Array:
    """Tells which pairs a model gets right, shape ``(n,)``, bool.

    Given the right tokens so far, all next tokens are right exactly where greedy search is right.
    """
    inputs, wanted = arrays(pairs)
    return np.asarray(
        (model.predict(inputs, batch_size=500, verbose=0).argmax(axis=-1) == wanted).all(axis=1)
    )


def normalise(name: str, build: Callable[[], keras.Model], seed: int, rate: float = RATE) -> Normalised:
    """Trains one model on the dates of one seed and tests it.

    Args:
        name: Of the model, for the result.
        build: Makes it with fresh weights.
        seed: Seed of dates and weights.
        rate: The highest learning rate.

    Returns:
        What was measured.
    """
    data = load_dates(seed)
    keras.utils.set_random_seed(seed)
    model, halfway = build(), KeepHalfway()
    started = time.perf_counter()
    history = train(model, data, rate, [halfway])
    seconds = time.perf_counter() - started
    right = right_rows(model, data.test)
    of_eras = np.isin(data.test.styles, dates.ERA_STYLES)
    result = Normalised(
        name,
        seed,
        model.count_params(),
        exact=float(right.mean()),
        eras=float(right[of_eras].mean()),
        seconds=seconds,
        loss=history["loss"],
        validation=history["val_exact"],
    )
    if isinstance(model, Transformer):
        add_searches(result, model, halfway.weights, data.test)
    return result


def add_searches(result: Normalised, model: Transformer, halfway: list[Array], test: Pairs) -> None:
    """Compares greedy and beam search, at the end and halfway; leaves the model halfway."""
    greedy, beam = (make_search(model, width) for width in (1, BEAMS))
    result.beam = dates.exact_match(beam(test.texts)[0], test.wanted)
    model.set_weights(halfway)
    (one, one_scores), (best, best_scores) = greedy(test.texts), beam(test.texts)
    result.halfway_greedy = dates.exact_match(one, test.wanted)
    result.halfway_beam = dates.exact_match(best, test.wanted)
    result.halfway_changed = 1 - dates.exact_match(best, one)
    result.halfway_worse = float((best_scores < one_scores - 1e-4).mean())


TRANSFORMER, NO_POSITIONS, LSTM = "Transformer", "位置を足さない Transformer", "注意のない LSTM"


def date_results() -> Iterator[Normalised]:
    """Trains the Transformer on each seed."""
    for seed in SEEDS:
        yield normalise(TRANSFORMER, build_transformer, seed)
        keras.backend.clear_session()


def ablation_results() -> Iterator[Normalised]:
    """Trains what the Transformer is compared with on each seed."""
    for seed in SEEDS:
        yield normalise(NO_POSITIONS, lambda: build_transformer(positions=False), seed)
        yield normalise(LSTM, build_lstm, seed)
        keras.backend.clear_session()


# Distance

DISTANCES = (5, 10, 25, 50, 100, 200)
UPDATES, READER_RATE = 400, 0.01


@dataclass
class Recalled:
    """How well one reader recalls a symbol from far away.

    Attributes:
        reader: One of ``distance.READERS``.
        distance: Symbols between.
        seed: Seed of rows and weights.
        parameters: Number of weights.
        log_gradient: Logarithm to base 10 of the mean norm of the gradient at the far symbol, before training.
        accuracy: On unseen rows, after :data:`UPDATES` updates.
    """

    reader: str
    distance: int
    seed: int
    parameters: int
    log_gradient: float
    accuracy: float

    @property
    def gradient(self) -> float:
        """Mean norm of the gradient at the far symbol, before training."""
        return float(10**self.log_gradient)


def recall(reader: str, far: int, seed: int) -> Recalled:
    """Trains one reader at one distance.

    Args:
        reader: One of ``distance.READERS``.
        far: The distance.
        seed: Seed of rows and weights.

    Returns:
        What was measured.
    """
    keras.utils.set_random_seed(seed)
    model, rng = distance.build_reader(reader, far), np.random.default_rng(seed)
    test = distance.make_rows(np.random.default_rng(1000 + seed), 500, far)
    log_gradient = float(np.log10(distance.far_gradient(model, *test)))
    distance.train_reader(model, rng, far, UPDATES, READER_RATE)
    return Recalled(reader, far, seed, model.count_params(), log_gradient, distance.accuracy(model, *test))


def distance_results() -> Iterator[Recalled]:
    """Trains every reader at every distance on each seed."""
    for far in DISTANCES:
        for seed in SEEDS:
            for reader in distance.READERS:
                yield recall(reader, far, seed)
            keras.backend.clear_session()


Measured = Normalised | Recalled

EXPERIMENTS: dict[str, Callable[[], Iterator[Measured]]] = {
    "dates": date_results,
    "ablations": ablation_results,
    "distance": distance_results,
}
"""What each name on the command line measures."""

KINDS_OF_RESULT: dict[str, type[Measured]] = {
    "dates": Normalised,
    "ablations": Normalised,
    "distance": Recalled,
}


def stored_results(name: str) -> list[Any]:
    """Reads what ``experiment.py`` measured.

    Args:
        name: An experiment, as on the command line.

    Returns:
        Its results; empty where that experiment was not run.
    """
    return [KINDS_OF_RESULT[name](**result) for result in read_results(RESULTS, name)]


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 11, EXPERIMENTS)
