"""Pretrains the tiny Japanese BERT that ships with the course. Pure Keras 3: runs on any of its backends.

    COURSE_DATA_DIR=DIR python data/language/pretrain.py

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
    MlmHead,
    build_bert,
    mask_tokens,
    save_bert,
)
from course_utils.japanese import normalize, split_words  # noqa: E402
from course_utils.texts import read_works  # noqa: E402
from course_utils.wordpiece import WordPiece, stack_rows, train_wordpiece  # noqa: E402

VOCABULARY = 8000
LENGTH = 128
PREDICTIONS = 24
"""Masked pieces of a row that the loss looks at: 15 % of 125 are 19 on average."""
HELD_OUT = 0.05
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


def encode(works: list[list[str]], tokenizer: WordPiece) -> Corpus:
    """Turns the sentences of works into ids."""
    sentences = [np.array(tokenizer.ids(s), "int16") for work in works for s in work]
    return Corpus(sentences, np.cumsum([0, *map(len, works)]))


class Pairs(keras.utils.PyDataset):
    """Batches of two segments of sentences; half of the time the second follows the first."""

    def __init__(self, corpus: Corpus, tokenizer: WordPiece, batch: int, batches: int, seed: int) -> None:
        super().__init__()
        self.corpus, self.tokenizer = corpus, tokenizer
        self.batch, self.batches = batch, batches
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
        half = (LENGTH - 3) // 2
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
            rows.append((*self.tokenizer.row(first, second, LENGTH), one))
        inputs = stack_rows([row[:2] for row in rows], self.tokenizer.pad, LENGTH)
        masked, labels = mask_tokens(inputs["token_ids"], self.tokenizer, rng)
        order = np.argsort(labels < 0, axis=1, kind="stable")[:, :PREDICTIONS].astype("int32")
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


def build_pretrainer(backbone: keras.Model) -> tuple[keras.Model, MlmHead]:
    """Puts both heads on a backbone; that of the masked pieces looks at ``positions`` only."""
    positions = keras.Input((PREDICTIONS,), dtype="int32", name="positions")
    chosen = ops.take_along_axis(backbone.output["sequence_output"], positions[..., None], axis=1)
    head = MlmHead(backbone.get_layer("embeddings").token, name="mlm_head")
    mlm = layers.Activation("linear", dtype="float32", name="mlm")(head(chosen))
    nsp = layers.Dense(2, dtype="float32", name="nsp")(backbone.output["pooled_output"])
    return keras.Model({**backbone.input, "positions": positions}, {"mlm": mlm, "nsp": nsp}), head


def train(
    corpus: Corpus, tokenizer: WordPiece, config: BertConfig, chosen: argparse.Namespace
) -> keras.Model:
    """Pretrains, and writes the weights after every epoch; returns the pretrainer."""
    keras.utils.set_random_seed(chosen.seed)
    keras.config.set_dtype_policy(chosen.dtype_policy)
    backbone = build_bert(config)
    model, head = build_pretrainer(backbone)
    rate = keras.optimizers.schedules.CosineDecay(
        chosen.rate / 100,
        chosen.steps - chosen.steps // 20,
        alpha=0.02,
        warmup_target=chosen.rate,
        warmup_steps=chosen.steps // 20,
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01, beta_2=0.98, clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    model.compile(
        optimizer,
        {"mlm": loss, "nsp": loss},
        weighted_metrics={"mlm": ["accuracy"], "nsp": ["accuracy"]},
        jit_compile=chosen.jit,
    )
    data = Pairs(corpus, tokenizer, chosen.batch, chosen.steps // chosen.epochs, chosen.seed)
    mlm = keras.Model(backbone.input, head(backbone.output["sequence_output"]))
    path = chosen.out / f"{TINY}.npz"
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: save_bert(backbone, mlm, config, path))
    model.fit(data, epochs=chosen.epochs, shuffle=False, verbose=2, callbacks=[keep])
    return model


def measure(model: keras.Model, test: Corpus, training: Corpus, tokenizer: WordPiece) -> dict[str, float]:
    """Measures both tasks on the works kept for the test, beside guessing by frequency alone."""
    data = Pairs(test, tokenizer, 32, 60, seed=1)
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
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=20, help="how often progress is printed and kept")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--dtype-policy", default="float32")
    parser.add_argument("--jit", action="store_true", help="compile with XLA")
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
    words = (" ".join(split_words(sentence)) for name in learnt for sentence in works[name])
    tokenizer = WordPiece(train_wordpiece(words, VOCABULARY))
    training = encode([works[name] for name in learnt], tokenizer)
    test = encode([works[name] for name in held_out], tokenizer)
    print(f"{len(learnt)} + {len(held_out)} works, {len(training):,} + {len(test):,} pieces", flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "vocab.txt").write_text("\n".join(tokenizer.vocabulary) + "\n", "utf-8")
    config = BertConfig(len(tokenizer.vocabulary), 4, 4, 128, 512, LENGTH, dropout=0.0)
    model = train(training, tokenizer, config, chosen)
    measured = measure(model, test, training, tokenizer)
    print(measured)
    record = {
        "seed": chosen.seed,
        "steps": chosen.steps,
        "batch": chosen.batch,
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
