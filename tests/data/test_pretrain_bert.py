"""The script that pretrains the shipped BERT."""

from __future__ import annotations

import importlib.util
import io
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from course_utils.bert import load_bert
from course_utils.wordpiece import SPECIAL_TOKENS, WordPiece

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "language" / "pretrain_bert.py"
MODERN = "猫が窓から外をじっと見ていた。「雨だ。」と言って、少年は笑った。\n空は暗かった。風もあった。\n"


@pytest.fixture(scope="module")
def pretrain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pretrain_bert", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def archive_of(path: Path, works: dict[str, str]) -> None:
    """Packs works as Aozora Bunko does, by title."""
    with tarfile.open(path, "w:xz") as archive:
        for title, text in works.items():
            raw = f"{title}\r\n夏目漱石\r\n\r\n{text}\r\n底本：「本」\r\n".encode("cp932")
            member = tarfile.TarInfo(f"cards/000148/files/{title}/{title}.txt")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))


def test_the_script_names_no_tensorflow() -> None:
    assert "tensorflow" not in SCRIPT.read_text("utf-8")


def test_sentences_end_at_a_full_stop_but_not_inside_quotation_marks(pretrain: ModuleType) -> None:
    assert pretrain.cut(MODERN) == [
        "猫が窓から外をじっと見ていた。",
        "「雨だ。」と言って、少年は笑った。",
        "空は暗かった。",
        "風もあった。",
    ]


def test_pairs_follow_half_of_the_time_and_hide_the_pieces_that_the_labels_hold(pretrain: ModuleType) -> None:
    tokenizer = WordPiece([*SPECIAL_TOKENS, *map(chr, range(0x3041, 0x3041 + 80))])
    works = [[np.full(30, 5 + 10 * work + n % 10, "int16") for n in range(20)] for work in range(4)]
    corpus = pretrain.Corpus([s for work in works for s in work], np.cumsum([0, 20, 20, 20, 20]))

    inputs, targets, weights = pretrain.Pairs(corpus, tokenizer, 128, 400, 1, seed=3)[0]

    ids, segments = inputs["token_ids"], inputs["segment_ids"]
    assert ids.shape == (400, 128)
    works_of = [
        [np.bincount((row[(row >= 5) & (segment == side)] - 5) // 10).argmax() for side in (0, 1)]
        for row, segment in zip(ids, segments, strict=True)
    ]
    same = np.array([first == second for first, second in works_of])
    follows = targets["nsp"] == 1
    assert 0.4 < follows.mean() < 0.6
    assert same[follows].all()
    assert 0.1 < same[~follows].mean() < 0.4  # one work in four is drawn again by chance
    hidden = weights["mlm"] > 0
    assert 0.05 < hidden.sum() / (inputs["padding_mask"].sum() - 3 * 400) < 0.25
    shown = np.take_along_axis(ids, inputs["positions"], 1)[hidden]
    assert 0.75 < (shown == tokenizer.mask).mean() < 0.85
    assert 0.07 < (shown == targets["mlm"][hidden]).mean() < 0.14


def test_pretraining_learns_and_writes_what_loads_and_goes_on_from(
    pretrain: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_of(tmp_path / "aozora.tar.xz", {f"work{n}": MODERN * 40 for n in range(20)})
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    stages = ((16, 16, 0.5), (32, 8, 0.5))
    small = {"VOCABULARY": 120, "STAGES": stages, "LENGTH": 32}
    small |= {"LAYERS": 1, "HEADS": 2, "WIDTH": 32, "HIDDEN": 64, "TEST_BATCHES": 6}
    for name, value in small.items():
        monkeypatch.setattr(pretrain, name, value)
    arguments = ["--steps", "60", "--epochs", "2", "--rate", "4e-3", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["pretrain_bert.py", *arguments])

    measured = pretrain.main()

    assert measured["mlm_accuracy"] > measured["unigram_accuracy"] + 0.1
    tokenizer = WordPiece.load(tmp_path / "vocab.txt")
    _backbone, mlm = load_bert(tmp_path / "bert_tiny_aozora.npz")
    batch = tokenizer.encode(["空は暗かった。"], length=16)
    assert mlm(batch).shape == (1, 16, len(tokenizer.vocabulary))
    assert len(tokenizer.vocabulary) <= 120

    monkeypatch.setattr(sys, "argv", [*sys.argv, "--stage", "2", "--steps", "40"])
    assert pretrain.main()["mlm_loss"] < measured["mlm_loss"]
