import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from course_utils import download
from course_utils.download import DownloadError
from course_utils.paths import data_dir, shipped_data
from course_utils.texts import (
    AUTHORS,
    REGISTERS,
    WORKS,
    Passages,
    load_passages,
    load_work,
    read_works,
    split_by_group,
)

NOUNS = dict(zip(AUTHORS, "猫鼻海", strict=True))
FOLDERS = dict(zip(AUTHORS, ("000148", "000879", "000035"), strict=True))
SENTENCE = "{}はまっすぐに立っていて、{}番目の話をゆっくりとしゃべった。"


def story(title: str, author: str, paragraphs: int, *, subtitle: str = "") -> str:
    """A file of Aozora Bunko whose paragraphs have five sentences of some thirty characters."""
    body = "\n".join(
        "　" + "".join(SENTENCE.format(title, 10 * p + s) for s in range(5)) for p in range(paragraphs)
    )
    return f"{title}\n{subtitle}{author}\n\n［＃大見出し］\n\n{body}\n\n\n底本：「全集」\n"


def old_spelling(title: str, author: str) -> str:
    return story(title, author, 30).replace("っ", "つ").replace("ゃ", "や").replace("ゅ", "ゆ")


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with ``cards/``: four works of each author, and files that must be left out."""
    files = {
        f"{FOLDERS[author]}/files/{i}_ruby/{i}_ruby.txt": story(f"{NOUNS[author]}{i}", author, 10 + 5 * i)
        for author in AUTHORS
        for i in range(1, 5)
    }
    files["000148/files/8_txt/8_txt.txt"] = old_spelling("門", "夏目漱石")
    files["000879/files/5_txt/5_txt.txt"] = story("訳", "別の人", 30)
    files["000879/files/9_txt/9_txt.txt"] = story("鼻4", "芥川龍之介", 30, subtitle="副題\n")
    for name, text in files.items():
        path = tmp_path / "cards" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("\n", "\r\n").encode("cp932"))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A registry of all works, each a story made on the spot, and their files by name."""
    authors = [author for author in AUTHORS for _ in range(3)]
    files = {
        name: story(title, author, 20).encode("cp932")
        for (title, name), author in zip(WORKS.items(), authors, strict=True)
    }
    entries = {
        name: {
            "url": f"http://127.0.0.1:9/{name}",
            "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "licence": "none",
        }
        for name, content in files.items()
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "registry.json").write_text(json.dumps(entries))
    monkeypatch.setattr(download, "shipped_data", lambda: tmp_path / "data")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    download.registry.cache_clear()
    yield files
    download.registry.cache_clear()


def pack(folder: Path) -> None:
    """Replaces ``cards/`` by ``aozora.tar.xz``."""
    with tarfile.open(folder / "aozora.tar.xz", "w:xz") as archive:
        archive.add(folder / "cards", "cards")
    (folder / "cards").rename(folder / "elsewhere")


def classes_by_group(passages: Passages) -> dict[str, set[int]]:
    classes: dict[str, set[int]] = {}
    for group, label in zip(passages.groups, passages.labels, strict=True):
        classes.setdefault(group, set()).add(int(label))
    return classes


def test_registers_are_balanced_in_every_topic() -> None:
    passages = load_passages("registers")
    cells = Counter(zip(passages.groups, passages.labels.tolist(), strict=True))

    assert passages.class_names == REGISTERS
    assert passages.labels.dtype == np.int64
    assert np.bincount(passages.labels).min() >= 150
    assert set(cells.values()) == {3}
    assert len(cells) == 3 * len(set(passages.groups))


def test_registers_differ_from_each_other() -> None:
    texts = load_passages("registers").texts

    assert len(set(texts)) == len(texts)
    assert all(text == text.strip() and "\n" not in text for text in texts)
    assert all(60 <= len(text) <= 130 for text in texts)


def test_length_alone_tells_the_registers_apart_as_the_card_says() -> None:
    passages = load_passages("registers")
    lengths = np.array([len(text) for text in passages.texts])
    means = np.array([lengths[passages.labels == label].mean() for label in range(len(REGISTERS))])
    nearest = np.abs(lengths[:, np.newaxis] - means).argmin(axis=1)
    card = (shipped_data() / "registers" / "README.md").read_text("utf-8")

    assert all(f"{mean:.1f}" in card for mean in means)
    assert f"{np.mean(nearest == passages.labels):.0%}".replace("%", " %") in card


def test_topics_stay_on_one_side() -> None:
    passages = load_passages("registers")
    first, second = split_by_group(passages, 0.25, seed=3)

    assert not set(first.groups) & set(second.groups)
    assert len(set(second.groups)) == round(0.25 * len(set(passages.groups)))
    assert sorted(first.texts + second.texts) == sorted(passages.texts)
    for side in (first, second):
        assert len(set(np.bincount(side.labels, minlength=3))) == 1


def test_labels_and_groups_follow_their_texts() -> None:
    passages = load_passages("registers")
    labels = dict(zip(passages.texts, passages.labels, strict=True))
    groups = dict(zip(passages.texts, passages.groups, strict=True))

    for side in split_by_group(passages, 0.5, seed=1):
        assert [labels[text] for text in side.texts] == side.labels.tolist()
        assert tuple(groups[text] for text in side.texts) == side.groups


def test_split_follows_the_seed() -> None:
    passages = load_passages("registers")
    held_out = [set(split_by_group(passages, 0.3, seed=s)[1].groups) for s in (1, 1, 2)]

    assert held_out[0] == held_out[1] != held_out[2]


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_every_class_is_on_both_sides_whatever_the_fraction(fraction: float) -> None:
    groups = tuple(f"{label}-{i}" for label in range(3) for i in range(2 + label))
    labels = np.array([int(group[0]) for group in groups])
    first, second = split_by_group(Passages(groups, labels, groups, ("a", "b", "c")), fraction, seed=0)

    assert set(first.labels) == set(second.labels) == {0, 1, 2}


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 30])
def test_fraction_that_makes_no_sense(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"使えません.* / .*makes no sense"):
        split_by_group(load_passages("registers"), fraction, seed=0)


def test_class_with_one_group_cannot_be_split() -> None:
    passages = Passages(("一", "二", "三"), np.array([0, 0, 1]), ("x", "y", "z"), ("甲", "乙"))

    with pytest.raises(ValueError, match=r"^乙 が片方.* / .*no 乙"):
        split_by_group(passages, 0.5, seed=0)


def test_unknown_source() -> None:
    with pytest.raises(ValueError, match=r"livedoor.* / .*registers or aozora"):
        load_passages("livedoor")  # type: ignore[arg-type]


def test_works_in_todays_spelling_by_the_three(corpus: Path) -> None:
    works = list(read_works())

    assert Counter(work.author for work in works) == dict.fromkeys(AUTHORS, 4)
    assert len({work.title for work in works}) == 12
    assert not any("底本" in work.text or "見出し" in work.text or work.author in work.text for work in works)


def test_packed_and_extracted_works_are_the_same(corpus: Path) -> None:
    extracted = load_passages("aozora", per_class=20)
    pack(corpus)
    packed = load_passages("aozora", per_class=20)

    assert packed.texts == extracted.texts
    assert packed.groups == extracted.groups


def test_passages_of_authors(corpus: Path) -> None:
    passages = load_passages("aozora", per_work=12, length=100)

    assert passages.class_names == AUTHORS
    assert np.bincount(passages.labels).tolist() == [48, 48, 48]
    assert set(Counter(passages.groups).values()) == {12}
    assert all(80 <= len(text) <= 140 and text.endswith("。") for text in passages.texts)
    assert len(set(passages.texts)) == len(passages.texts)
    assert all(len(classes) == 1 for classes in classes_by_group(passages).values())


def test_every_author_has_as_many_as_the_one_with_the_fewest(corpus: Path) -> None:
    for path in (corpus / "cards" / FOLDERS["太宰治"] / "files").glob("[1-3]_ruby/*.txt"):
        path.unlink()

    assert np.bincount(load_passages("aozora", per_work=9).labels).tolist() == [9, 9, 9]
    assert np.bincount(load_passages("aozora", per_class=5).labels).tolist() == [5, 5, 5]


def test_passages_of_authors_follow_the_seed(corpus: Path) -> None:
    first, same, other = (load_passages("aozora", per_class=15, seed=s) for s in (1, 1, 2))

    assert first.texts == same.texts
    assert first.texts != other.texts


def test_works_stay_on_one_side(corpus: Path) -> None:
    first, second = split_by_group(load_passages("aozora"), 0.25, seed=0)

    assert not set(first.groups) & set(second.groups)
    assert Counter(group[: group.index("「")] for group in set(second.groups)) == dict.fromkeys(AUTHORS, 1)


def test_author_without_passages(corpus: Path) -> None:
    with pytest.raises(ValueError, match=r"1 つもない著者.* / .*no passage"):
        load_passages("aozora", length=5000)


@pytest.mark.parametrize("folder", [None, "empty"])
def test_no_works_at_hand(folder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    if folder:
        monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))

    with pytest.raises(FileNotFoundError, match=r"COURSE_DATA_DIR.* / .*aozora\.tar\.xz"):
        list(read_works())


def test_registered_works_where_there_is_no_corpus(registered: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in registered.items():
        (tmp_path / name).write_bytes(content)
    passages = load_passages("aozora")

    assert len(set(passages.groups)) == len(WORKS)
    assert np.bincount(passages.labels).min() > 0


def test_work_from_the_archive(registered: dict[str, bytes], tmp_path: Path) -> None:
    content = registered[WORKS["こころ"]]
    with tarfile.open(tmp_path / "aozora.tar.xz", "w:xz") as archive:
        member = tarfile.TarInfo(f"cards/000148/files/773_ruby_5968/{WORKS['こころ']}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    assert load_work("こころ").startswith("　こころはまっすぐに")
    assert load_work("こころ", cleaned=False) == content.decode("cp932")


def test_work_that_differs_from_its_checksum(registered: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "cards" / WORKS["斜陽"]
    path.parent.mkdir()
    path.write_bytes(registered[WORKS["斜陽"]] + b"x")

    with pytest.raises(DownloadError, match=r"sha256 が一致しません.* / .*sha256 differs"):
        load_work("斜陽")


def test_work_that_cannot_be_downloaded(registered: dict[str, bytes]) -> None:
    with pytest.raises(DownloadError, match=r"ダウンロードできません.* / .*1577_ruby_8221\.txt could not"):
        load_work("正義と微笑")


def test_unknown_work() -> None:
    with pytest.raises(ValueError, match=r"吾輩.*こころ、.* / .*こころ, "):
        load_work("吾輩は犬である")


def test_every_work_is_registered() -> None:
    entries = [download.registry()[name] for name in WORKS.values()]

    assert all(f"「{title}」" in entry.licence for title, entry in zip(WORKS, entries, strict=True))
    assert all(any(author in entry.licence for author in AUTHORS) for entry in entries)


def has_corpus() -> bool:
    folder = data_dir()
    return folder is not None and ((folder / "cards").is_dir() or (folder / "aozora.tar.xz").is_file())


@pytest.mark.skipif(not has_corpus(), reason="COURSE_DATA_DIR does not hold the texts")
def test_published_works() -> None:
    assert len(load_work("こころ")) == 162_484
    assert {work.title for work in read_works()} >= set(WORKS)
    first, second = split_by_group(load_passages("aozora"), 0.25, seed=0)
    assert not set(first.groups) & set(second.groups)
    assert np.bincount(first.labels).min() > 300
