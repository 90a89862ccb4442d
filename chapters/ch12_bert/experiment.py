"""Chapter 12's two exercises of the report over several seeds and on real texts, as a command.

    python -m chapters.ch12_bert.experiment generation              # the passages that ship, five seeds
    python -m chapters.ch12_bert.experiment generation_aozora       # こころ and それから in COURSE_DATA_DIR
    python -m chapters.ch12_bert.experiment generation_full         # the same with the report's BERT: GPU
    python -m chapters.ch12_bert.experiment classification          # three registers, five seeds
    python -m chapters.ch12_bert.experiment classification_aozora   # three authors, split by work
    python -m chapters.ch12_bert.experiment classification_full     # the same with the report's BERT: GPU
    python -m chapters.ch12_bert.experiment few                     # three registers, few passages of each
    python -m chapters.ch12_bert.experiment few_aozora              # three authors, few passages of each

Each command writes what it measured into ``results.json``, which the notebook reads and plots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import keras

from chapters.ch12_bert import classification, generation
from chapters.ch12_bert.classification import Classification
from chapters.ch12_bert.encoders import Bert, published_bert, shipped_bert
from chapters.ch12_bert.generation import Corpus, Generation
from course_utils.results import read_results, run_experiment
from course_utils.texts import Passages, Source, load_passages, load_work, split_by_group

RESULTS = Path(__file__).with_name("results.json")
SEEDS = (1, 2, 3, 4, 5)
TEST_SHARE = 0.25
"""Share of the topics, or of an author's works, that is kept for the test."""

HELD_OUT = 0.1
"""Share of each novel, its end, that is kept for measuring a language model."""

NOVELS = ("こころ", "それから")

Result = Generation | Classification


def register_corpus(seed: int) -> Corpus:
    """Joins the passages that ship into two texts, split by topic."""
    train, held_out = split_by_group(load_passages("registers"), TEST_SHARE, seed)
    return Corpus("\n".join(train.texts), "\n".join(held_out.texts))


def novel_corpus(cleaned: bool = True) -> Corpus:
    """Joins the two novels; the end of each is held out.

    Args:
        cleaned: Whether ruby, notes, header and footer are taken away; the report left them in.

    Returns:
        The two texts.
    """
    novels = [load_work(name, cleaned=cleaned) for name in NOVELS]
    cuts = [round((1 - HELD_OUT) * len(novel)) for novel in novels]
    both = list(zip(novels, cuts, strict=True))
    return Corpus("\n".join(n[:cut] for n, cut in both), "\n".join(n[cut:] for n, cut in both))


def split_passages(source: Source, seed: int) -> tuple[Passages, Passages]:
    """Loads passages of three classes, 300 of each at the most, and keeps some of the groups for the test."""
    return split_by_group(load_passages(source, per_class=300), TEST_SHARE, seed)


def generate_registers() -> Iterator[Generation]:
    """Trains every step on the passages that ship.

    They are a tenth of the report's text, so a batch has 4 windows: an epoch then takes about as many
    steps as the report's 33.
    """
    bert = shipped_bert()
    for seed in SEEDS:
        for step in generation.STEPS:
            yield generation.execute(step, register_corpus(seed), bert, seed, batch=4)


def generate_novels(load: Callable[[], Bert]) -> Iterator[Generation]:
    """Trains every step on two novels, in the report's batches of 64; step 0 with ruby and notes left in."""
    bert = load()
    for step in generation.STEPS:
        corpus = novel_corpus(cleaned=not step.foreign_ids)
        yield generation.execute(step, corpus, bert, seed=1, batch=64)


def classify(source: Source, load: Callable[[], Bert]) -> Iterator[Classification]:
    """Trains the baselines and every method, seed by seed; each seed splits anew."""
    bert = load()
    for seed in SEEDS:
        train, test = split_passages(source, seed)
        for key in classification.BASELINES:
            yield classification.execute_baseline(key, train, test, seed)
        for method in classification.METHODS:
            yield classification.execute(method, train, test, bert, seed)
            keras.backend.clear_session()


def classify_few(source: Source, load: Callable[[], Bert]) -> Iterator[Classification]:
    """Measures learning curves, seed by seed; each seed splits and draws anew."""
    bert = load()
    for seed in SEEDS:
        train, test = split_passages(source, seed)
        yield from classification.learning_curves(train, test, bert, seed)


EXPERIMENTS: dict[str, Callable[[], Iterator[Result]]] = {
    "generation": generate_registers,
    "generation_aozora": lambda: generate_novels(shipped_bert),
    "generation_full": lambda: generate_novels(published_bert),
    "classification": lambda: classify("registers", shipped_bert),
    "classification_aozora": lambda: classify("aozora", shipped_bert),
    "classification_full": lambda: classify("aozora", published_bert),
    "few": lambda: classify_few("registers", shipped_bert),
    "few_aozora": lambda: classify_few("aozora", shipped_bert),
}
"""What each name on the command line measures."""


def stored_generations(name: str = "generation") -> list[Generation]:
    """Reads what a generation experiment measured; empty where it was not run."""
    return [Generation(**result) for result in read_results(RESULTS, name)]


def stored_classifications(name: str = "classification") -> list[Classification]:
    """Reads what a classification experiment measured; empty where it was not run."""
    return [Classification(**result) for result in read_results(RESULTS, name)]


def progress(result: Result) -> str:
    """Formats one result as a line."""
    begin = f"seed {result.seed}  {result.key:6} {result.seconds:7.1f} s"
    if isinstance(result, Classification):
        return f"{begin}  accuracy {result.accuracy:.3f}  macro F1 {result.f1:.3f}"
    return (
        f"{begin}  loss {result.loss[0]:.3f} -> {result.loss[-1]:.3f}  held out: apparent {result.apparent:.3f}"
        f"  one word {result.one_word:.3f}  full {result.full:.3f}  unigram {result.unigram:.3f}"
        f"  {result.sample_full}"
    )


if __name__ == "__main__":
    run_experiment(__doc__, RESULTS, 12, EXPERIMENTS, progress)
