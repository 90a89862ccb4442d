"""Pretrains the tiny Japanese BERT that ships with the course. Pure Keras 3: runs on any of its backends.

    COURSE_DATA_DIR=DIR python data/language/pretrain_bert.py

DIR holds ``aozora.tar.xz`` or its ``cards/``: works of 青空文庫 (``course_utils.texts.read_works``). They are
cut into sentences, and one work in twenty is kept for the test. Then a WordPiece vocabulary is learnt, and
BERT on its two tasks: masked pieces, and whether the second segment follows the first. Writes ``vocab.txt``,
``bert_tiny_aozora.npz`` (float16, after every epoch) and ``bert_tiny_aozora.json`` (what was measured) beside
this script.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from course_utils.bert import (  # noqa: E402
    TINY,
    BertConfig,
    build_bert,
    load_bert,
    mask_tokens,
    save_bert,
    with_mlm_head,
)
from course_utils.japanese import normalize, split_words  # noqa: E402
from course_utils.texts import read_works  # noqa: E402
from course_utils.wordpiece import WordPiece, stack_rows, train_wordpiece  # noqa: E402

VOCABULARY = 8000
STAGES = ((32, 128, 0.75), (128, 32, 0.25))
"""Pieces of a row, rows of a batch and share of the steps: what is near is learnt sooner from short rows."""
LENGTH = max(length for length, _batch, _share in STAGES)
LAYERS, HEADS, WIDTH, HIDDEN = 4, 4, 128, 512
HELD_OUT = 0.05
TEST_BATCHES = 60
SENTENCE_END = re.compile(r"(?<=[。！？])(?![」』）。！？])|\n+")


@dataclass(frozen=True)
class Corpus:
    """Works as ids: ``sentences[first[w]:first[w + 1]]`` are those of work ``w``."""

    sentences: list[np.ndarray]
    first: np.ndarray

    def __len__(self) -> int:
        return sum(map(len, self.sentences))


def cut(text: str) -> list[str]:
    """Cuts a text into sentences."""
    return [sentence.strip() for sentence in SENTENCE_END.split(text) if sentence.strip()]


def learn_vocabulary(works: list[list[str]], path: Path) -> WordPiece:
    """Learns the pieces, or keeps those that are there: ties are broken at random."""
    if not path.exists():
        words = (" ".join(split_words(sentence)) for work in works for sentence in work)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(train_wordpiece(words, VOCABULARY)) + "\n", "utf-8")
    return WordPiece.load(path)


def encode(works: list[list[str]], tokenizer: WordPiece) -> Corpus:
    """Turns the sentences of works into ids."""
    sentences = [np.array(tokenizer.ids(s), "int16") for work in works for s in work]
    return Corpus(sentences, np.cumsum([0, *map(len, works)]))


class Pairs(keras.utils.PyDataset):
    """Batches of two segments of sentences; half of the time the second follows the first."""

    def __init__(
        self, corpus: Corpus, tokenizer: WordPiece, length: int, batch: int, batches: int, seed: int
    ) -> None:
        super().__init__()
        self.corpus, self.tokenizer = corpus, tokenizer
        self.length, self.batch, self.batches = length, batch, batches
        self.seed, self.epoch = seed, 0
        lengths = np.diff(corpus.first)
        self.share = np.where(lengths > 3, lengths, 0) / lengths[lengths > 3].sum()

    def __len__(self) -> int:
        return self.batches

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        follows = rng.integers(0, 2, self.batch)
        half = (self.length - 3) // 2
        rows = []
        for one in follows:
            work = rng.choice(len(self.share), p=self.share)
            start = rng.integers(self.corpus.first[work], self.corpus.first[work + 1] - 2)
            first, after = self._segment(work, start, half)
            if not one or after >= self.corpus.first[work + 1]:
                other = rng.choice(len(self.share), p=self.share)
                after = rng.integers(self.corpus.first[other], self.corpus.first[other + 1] - 2)
                one, work = 0, other
            second, _ = self._segment(work, after, half)
            rows.append((*self.tokenizer.row(first, second, self.length), one))
        inputs = stack_rows([row[:2] for row in rows], self.tokenizer.pad, self.length)
        masked, labels = mask_tokens(inputs["token_ids"], self.tokenizer, rng)
        order = np.argsort(labels < 0, axis=1, kind="stable")[:, : self.length // 5 + 2].astype("int32")
        right = np.take_along_axis(labels, order, 1)
        targets = {"mlm": np.maximum(right, 0), "nsp": np.array([row[2] for row in rows], "int32")}
        weights = {"mlm": (right >= 0).astype("float32"), "nsp": np.ones(self.batch, "float32")}
        return {**inputs, "token_ids": masked, "positions": order}, targets, weights

    def _segment(self, work: int, start: int, length: int) -> tuple[list[int], int]:
        """Joins sentences from ``start`` to ``length`` pieces or the work's end; returns the next one too."""
        ids: list[int] = []
        while start < self.corpus.first[work + 1] and len(ids) < length:
            ids.extend(self.corpus.sentences[start].tolist())
            start += 1
        return ids[:length], start


def build_pretrainer(backbone: keras.Model, mlm: keras.Model) -> keras.Model:
    """Puts both heads on a backbone; that of the masked pieces looks at ``positions`` only."""
    positions = keras.Input((None,), dtype="int32", name="positions")
    chosen = ops.take_along_axis(backbone.output["sequence_output"], positions[..., None], axis=1)
    logits = layers.Identity(name="mlm")(mlm.get_layer("mlm_head")(chosen))
    nsp = layers.Dense(2, name="nsp")(backbone.output["pooled_output"])
    return keras.Model({**backbone.input, "positions": positions}, {"mlm": logits, "nsp": nsp})


def train(
    corpus: Corpus, tokenizer: WordPiece, config: BertConfig, chosen: argparse.Namespace
) -> keras.Model:
    """Pretrains, and writes the weights after every epoch; returns the pretrainer."""
    keras.utils.set_random_seed(chosen.seed)
    path = chosen.out / f"{TINY}.npz"
    if chosen.stage > 1:
        backbone, mlm = load_bert(path)
    else:
        backbone = build_bert(config)
        mlm = with_mlm_head(backbone)
    model = build_pretrainer(backbone, mlm)
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda _epoch, _logs: save_bert(backbone, mlm, config, path)
    )
    for length, batch, share in STAGES[chosen.stage - 1 :]:
        steps, epochs = round(chosen.steps * share), round(chosen.epochs * share)
        compile_for(model, steps, chosen.rate)
        data = Pairs(corpus, tokenizer, length, batch, steps // epochs, chosen.seed)
        model.fit(data, epochs=epochs, shuffle=False, verbose=2, callbacks=[keep])
    return model


def compile_for(model: keras.Model, steps: int, rate: float) -> None:
    """Gives a stage its optimizer: the rate rises over a tenth of the steps, then falls along a cosine."""
    warm_up = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 100, steps - warm_up, alpha=0.02, warmup_target=rate, warmup_steps=warm_up
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, beta_2=0.98, clipnorm=1.0),
        {"mlm": loss, "nsp": loss},
        weighted_metrics={"mlm": ["accuracy"], "nsp": ["accuracy"]},
        jit_compile=False,
    )
    # Now rather than in the first step, which TensorFlow would then have to trace twice.
    model.optimizer.build(model.trainable_variables)


def measure(model: keras.Model, test: Corpus, training: Corpus, tokenizer: WordPiece) -> dict[str, float]:
    """Measures both tasks on the works kept for the test, beside guessing by frequency alone."""
    data = Pairs(test, tokenizer, LENGTH, 32, TEST_BATCHES, seed=1)
    measured = model.evaluate(data, return_dict=True, verbose=0)
    counts = np.bincount(np.concatenate(training.sentences), minlength=len(tokenizer.vocabulary))
    share = (counts + 1) / (counts + 1).sum()
    batches = [data[index] for index in range(len(data))]
    right = np.concatenate([targets["mlm"][weights["mlm"] > 0] for _, targets, weights in batches])
    return {
        "mlm_loss": measured["mlm_loss"],
        "mlm_accuracy": measured["mlm_accuracy"],
        "unigram_loss": float(-np.log(share[right]).mean()),
        "unigram_accuracy": float((right == share.argmax()).mean()),
        "nsp_accuracy": measured["nsp_accuracy"],
        "test_pieces": len(right),
    }


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=3_200)
    parser.add_argument("--epochs", type=int, default=16, help="how often progress is printed and kept")
    parser.add_argument("--stage", type=int, default=1, help="go on with this stage from the weights in OUT")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def main() -> dict[str, float]:
    """Reads, pretrains, measures and writes; returns what was measured."""
    chosen = options()
    begun = time.monotonic()
    works = {f"{work.author}「{work.title}」": cut(normalize(work.text)) for work in read_works()}
    names = np.random.default_rng(chosen.seed).permutation(sorted(works)).tolist()
    held_out = names[: round(HELD_OUT * len(names))]
    learnt = names[len(held_out) :]
    tokenizer = learn_vocabulary([works[name] for name in learnt], chosen.out / "vocab.txt")
    training = encode([works[name] for name in learnt], tokenizer)
    test = encode([works[name] for name in held_out], tokenizer)
    print(f"{len(learnt)} + {len(held_out)} works, {len(training):,} + {len(test):,} pieces", flush=True)

    config = BertConfig(len(tokenizer.vocabulary), LAYERS, HEADS, WIDTH, HIDDEN, LENGTH, dropout=0.0)
    model = train(training, tokenizer, config, chosen)
    measured = measure(model, test, training, tokenizer)
    print(measured)
    record = {
        "seed": chosen.seed,
        "steps": chosen.steps,
        "stages": STAGES,
        "begun_with_stage": chosen.stage,
        "rate": chosen.rate,
        "config": asdict(config),
        "works": {"training": len(learnt), "test": sorted(held_out)},
        "pieces": {"training": len(training), "test": len(test)},
        "measured": {name: round(value, 4) for name, value in measured.items()},
        "seconds": round(time.monotonic() - begun),
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend(), "numpy": np.__version__},
        "machine": platform.machine(),
    }
    (chosen.out / f"{TINY}.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return measured


if __name__ == "__main__":
    main()
