"""Japanese passages with a class each: three registers that ship, or three authors of Aozora Bunko."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from course_utils.download import DownloadError, archive_files, fetch, registry
from course_utils.japanese import clean_aozora, decode_aozora
from course_utils.paths import data_dir, shipped_data

Source = Literal["registers", "aozora"]

REGISTERS = ("随筆", "説明", "物語")
"""Classes of the passages that ship."""

AUTHORS = ("夏目漱石", "芥川龍之介", "太宰治")
"""Classes of the passages from Aozora Bunko."""

WORKS = {
    "こころ": "773_ruby_5968.txt",
    "それから": "56143_ruby_50824.txt",
    "三四郎": "794_ruby_4237.txt",
    "河童": "69_ruby_1321.txt",
    "偸盗": "31_ruby_584.txt",
    "路上": "132_ruby_1577.txt",
    "斜陽": "1565_ruby_8220.txt",
    "人間失格": "301_ruby_5915.txt",
    "正義と微笑": "1577_ruby_8221.txt",
}
"""Works that may be downloaded one by one: title, and name in ``data/registry.json``."""

_SENTENCE = re.compile(r"[^。！？]*[。！？]+[」』）]*")
_SHORTEST, _LONGEST = 0.8, 1.4


@dataclass(frozen=True)
class Passages:
    """Short texts with a class and a group each.

    Attributes:
        texts: The passages.
        labels: Index into ``class_names``, int64, shape ``(n,)``.
        groups: What must stay on one side of a split: the topic or the work of each passage.
        class_names: Names of the classes in label order.
    """

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    class_names: tuple[str, ...]

    def take(self, indices: Iterable[int]) -> Passages:
        """Returns the passages at these places, in this order."""
        places = list(indices)
        return Passages(
            tuple(self.texts[i] for i in places),
            self.labels[places],
            tuple(self.groups[i] for i in places),
            self.class_names,
        )


@dataclass(frozen=True)
class Work:
    """A work of Aozora Bunko without its mark-up.

    Attributes:
        author: One of :data:`AUTHORS`.
        title: The first line of its file.
        text: What :func:`course_utils.japanese.clean_aozora` leaves.
    """

    author: str
    title: str
    text: str


def load_passages(
    source: Source = "registers",
    *,
    per_class: int = 600,
    per_work: int = 40,
    length: int = 100,
    seed: int = 2026,
) -> Passages:
    """Loads passages of three classes, the same number of each.

    Args:
        source: ``"registers"`` reads all of ``data/registers/registers.csv``, grouped by topic, and takes no
            notice of the other arguments. ``"aozora"`` cuts paragraphs of three authors' works into passages,
            grouped by work: of the works in ``COURSE_DATA_DIR`` (see :func:`read_works`) or, without them,
            of :data:`WORKS`, which are downloaded.
        per_class: Passages of each author at the most; each gets as many as the author with the fewest.
        per_work: Passages of each work at the most.
        length: Characters of a passage, about: whole sentences, from 0.8 to 1.4 times as many.
        seed: Seed of the choice; the same seed gives the same passages.

    Returns:
        The passages, sorted by class where they are from Aozora Bunko.

    Raises:
        DownloadError: If a work is damaged, or is missing and cannot be downloaded.
        ValueError: If the source is unknown, or an author has no passage.
    """
    if source == "registers":
        return _read_registers(shipped_data() / "registers" / "registers.csv")
    if source == "aozora":
        corpus = _corpus()
        works = read_works() if corpus is not None else _downloaded_works()
        return _cut(works, per_class, per_work, length, np.random.default_rng(seed))
    raise ValueError(
        f"source={source!r} はありません。registers か aozora にしてください。 / "
        f"Unknown source {source!r}; choose registers or aozora."
    )


def split_by_group(passages: Passages, fraction: float, seed: int) -> tuple[Passages, Passages]:
    """Splits so that no group is on both sides and every class is on both.

    Groups that hold the same classes are shared out together: where every topic has all three
    registers, all topics; where every work has one author, the works of each author by themselves.

    Args:
        passages: What to split.
        fraction: Share of the groups that goes to the second side, above 0 and below 1.
        seed: Seed of the choice; the same seed gives the same split.

    Returns:
        The first side, such as training data, and the second, such as test data; on each the order stays.

    Raises:
        ValueError: If the fraction makes no sense or a class would be missing on one side.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"fraction={fraction} は使えません。0 より大きく 1 より小さい割合にしてください。 / "
            f"fraction={fraction} makes no sense; give a share above 0 and below 1."
        )
    rng = np.random.default_rng(seed)
    held_out: set[str] = set()
    for groups in _groups_by_classes(passages):
        count = round(fraction * len(groups))
        if len(groups) > 1:
            count = min(max(count, 1), len(groups) - 1)
        held_out.update(groups[i] for i in rng.permutation(len(groups))[:count])
    second = [group in held_out for group in passages.groups]
    sides = (
        passages.take(i for i, held in enumerate(second) if not held),
        passages.take(i for i, held in enumerate(second) if held),
    )
    classes = set(range(len(passages.class_names)))
    missing = [passages.class_names[c] for side in sides for c in sorted(classes - set(side.labels.tolist()))]
    if missing:
        raise ValueError(
            f"{'、'.join(missing)} が片方にしか入りません。グループ(話題や作品)を増やしてください。 / "
            f"On one side there is no {', '.join(missing)}; more groups (topics or works) are needed."
        )
    return sides


def load_work(name: str, *, cleaned: bool = True) -> str:
    """Loads one work of Aozora Bunko, verified by its checksum.

    Args:
        name: A title of :data:`WORKS`.
        cleaned: Whether to take the mark-up away; without it header, footer, ruby and notes stay.

    Returns:
        The text, its lines ended by ``"\\n"``.

    Raises:
        DownloadError: If the work is damaged, or is missing and cannot be downloaded.
        ValueError: If the name is unknown.
    """
    if name not in WORKS:
        raise ValueError(
            f"作品 {name!r} は登録されていません。登録済み: {'、'.join(WORKS)} / "
            f"Unknown work {name!r}; registered: {', '.join(WORKS)}"
        )
    raw = _registered_file(WORKS[name])
    return clean_aozora(raw) if cleaned else decode_aozora(raw)


def read_works() -> Iterator[Work]:
    """Reads the three authors' works in ``COURSE_DATA_DIR``, in the order of their files' names.

    ``COURSE_DATA_DIR`` holds ``aozora.tar.xz`` or what is in it, ``cards/…/files/…/….txt``. Works in the
    spelling from before 1946 are left out: they write った and って as つた and つて. So are those whose
    header names none of the three, and second editions of a title.

    Yields:
        The works in today's spelling.

    Raises:
        DownloadError: If the archive cannot be read to its end.
        FileNotFoundError: If ``COURSE_DATA_DIR`` holds neither.
        ValueError: If a file is not in CP932.
    """
    corpus = _corpus()
    if corpus is None:
        raise FileNotFoundError(
            "青空文庫のテキストがありません。aozora.tar.xz か、それを展開した cards/ のある"
            "フォルダーを環境変数 COURSE_DATA_DIR に指定してください。 / "
            "No texts of Aozora Bunko: set COURSE_DATA_DIR to a folder with aozora.tar.xz or its cards/."
        )
    seen: set[tuple[str, str]] = set()
    for _, raw in sorted(_corpus_files(corpus)):
        work = _work(raw)
        if work is not None and (work.author, work.title) not in seen and _is_new_spelling(work.text):
            seen.add((work.author, work.title))
            yield work


def _read_registers(path: Path) -> Passages:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Passages(
        texts=tuple(row["text"] for row in rows),
        labels=np.array([REGISTERS.index(row["register"]) for row in rows], dtype=np.int64),
        groups=tuple(row["topic"] for row in rows),
        class_names=REGISTERS,
    )


def _cut(
    works: Iterable[Work], per_class: int, per_work: int, length: int, rng: np.random.Generator
) -> Passages:
    """Chooses passages: at most ``per_work`` of each work, then as many of each author."""
    pools: list[list[tuple[str, str]]] = [[] for _ in AUTHORS]
    seen: set[str] = set()
    for work in works:
        own = [passage for passage in dict.fromkeys(_cut_work(work.text, length)) if passage not in seen]
        seen.update(own)
        group = f"{work.author}「{work.title}」"
        pool = pools[AUTHORS.index(work.author)]
        pool.extend((own[i], group) for i in sorted(rng.permutation(len(own))[:per_work]))
    count = min(per_class, *(len(pool) for pool in pools))
    if count < 1:
        raise ValueError(
            "文章が 1 つもない著者があります。per_class、per_work、length と、テキストを確かめてください。 / "
            "An author has no passage; check per_class, per_work, length and the texts."
        )
    chosen = [pool[i] for pool in pools for i in sorted(rng.permutation(len(pool))[:count])]
    return Passages(
        texts=tuple(text for text, _ in chosen),
        labels=np.repeat(np.arange(len(AUTHORS), dtype=np.int64), count),
        groups=tuple(group for _, group in chosen),
        class_names=AUTHORS,
    )


def _cut_work(text: str, length: int) -> Iterator[str]:
    """Joins whole sentences of one paragraph until they are long enough; drops what is left over."""
    for paragraph in text.splitlines():
        passage = ""
        for sentence in _SENTENCE.findall(paragraph.strip()):
            passage += sentence
            if len(passage) >= _SHORTEST * length:
                if len(passage) <= _LONGEST * length:
                    yield passage
                passage = ""


def _groups_by_classes(passages: Passages) -> list[list[str]]:
    """Groups, in order of appearance, those with the same classes together."""
    classes: dict[str, set[int]] = {}
    for group, label in zip(passages.groups, passages.labels.tolist(), strict=True):
        classes.setdefault(group, set()).add(label)
    alike: dict[frozenset[int], list[str]] = {}
    for group, labels in classes.items():
        alike.setdefault(frozenset(labels), []).append(group)
    return list(alike.values())


def _corpus() -> Path | None:
    """The texts of Aozora Bunko in ``COURSE_DATA_DIR``, extracted or packed."""
    folder = data_dir()
    if folder is not None:
        for path in (folder / "cards", folder / "aozora.tar.xz"):
            if path.exists():
                return path
    return None


def _corpus_files(corpus: Path) -> Iterator[tuple[str, bytes]]:
    if corpus.is_dir():
        for path in corpus.rglob("*.txt"):
            yield path.name, path.read_bytes()
    else:
        for name, content in archive_files(corpus):
            if name.endswith(".txt"):
                yield PurePosixPath(name).name, content


def _registered_file(name: str) -> bytes:
    """A work from the corpus, or else as :func:`course_utils.download.fetch` finds it."""
    corpus = _corpus()
    for found, content in _corpus_files(corpus) if corpus is not None else ():
        if found == name:
            if registry()[name].hash != f"sha256:{hashlib.sha256(content).hexdigest()}":
                raise DownloadError(
                    f"{corpus} の {name} は壊れているか、別の版です(sha256 が一致しません)。"
                    f"{registry()[name].url} から取り直してください。 / {name} in {corpus} is damaged or "
                    f"another edition (sha256 differs); get it again from {registry()[name].url}"
                )
            return content
    return fetch(name).read_bytes()


def _downloaded_works() -> Iterator[Work]:
    for name in WORKS.values():
        work = _work(_registered_file(name))
        if work is not None:
            yield work


def _work(raw: bytes) -> Work | None:
    """Reads title and author from the header; ``None`` for another author."""
    lines: Sequence[str] = decode_aozora(raw).split("\n", 4)[:4]
    author = next((line.strip() for line in lines[1:] if line.strip() in AUTHORS), None)
    return None if author is None else Work(author, lines[0].strip(), clean_aozora(raw))


def _is_new_spelling(text: str) -> bool:
    return len(re.findall("っ[たて]", text)) > len(re.findall("つ[たて]", text))
