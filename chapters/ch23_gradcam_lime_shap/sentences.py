"""Short remarks on an inn, written for this course, and how they become bags of words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import MeCab
import numpy as np
import numpy.typing as npt
from sklearn.neural_network import MLPClassifier

Array = npt.NDArray[Any]

PLEASED = (
    "料理がおいしかったです。",
    "朝食はとてもおいしい。",
    "夕食の魚がおいしく、また食べたいです。",
    "パンもコーヒーもおいしかった。",
    "部屋は広くて明るいです。",
    "お風呂が広い。",
    "庭が広くて気持ちがいい。",
    "部屋がとても静かでした。",
    "夜は静かでよく眠れました。",
    "静かな宿です。",
    "係の人が親切でした。",
    "受付の人はとても親切です。",
    "親切に道を教えてくれました。",
    "部屋が清潔です。",
    "お風呂も清潔でした。",
    "窓から見える海が美しい。",
    "庭の紅葉が美しかったです。",
    "駅から近くて便利です。",
    "海が近い。",
    "値段が安いです。",
    "この料理でこの値段は安い。",
    "部屋は汚くなかったです。",
    "お風呂は汚くない。",
    "料理はまずくなかった。",
    "朝食もまずくないです。",
    "部屋は狭くない。",
    "お風呂が狭くなくてよかった。",
    "夜もうるさくなかったです。",
    "隣の部屋はうるさくない。",
    "値段は高くなかったです。",
    "食事の値段も高くない。",
    "駅から遠くないです。",
    "海も遠くなかった。",
    "部屋は暗くないです。",
    "廊下は暗くなかった。",
    "受付の人は冷たくなかったです。",
)
"""Remarks of guests who were pleased."""

DISPLEASED = (
    "料理がまずかったです。",
    "朝食はとてもまずい。",
    "夕食の魚がまずくて残しました。",
    "パンもコーヒーもまずかった。",
    "部屋は狭くて暗いです。",
    "お風呂が狭い。",
    "庭が狭くて残念です。",
    "部屋がとてもうるさかった。",
    "夜はうるさくて眠れませんでした。",
    "うるさい宿です。",
    "係の人が冷たかったです。",
    "受付の人はとても冷たい。",
    "冷たい返事をされました。",
    "部屋が汚いです。",
    "お風呂も汚かった。",
    "窓が汚くて海が見えません。",
    "庭の池が汚かったです。",
    "駅から遠くて不便です。",
    "海が遠い。",
    "値段が高いです。",
    "この料理でこの値段は高い。",
    "料理はおいしくなかったです。",
    "夕食はおいしくない。",
    "朝食もおいしくなかった。",
    "コーヒーがおいしくないです。",
    "部屋は広くない。",
    "お風呂も広くなかったです。",
    "部屋が静かではない。",
    "夜も静かではなかったです。",
    "受付の人は親切ではない。",
    "係の人は親切ではなかったです。",
    "部屋は清潔ではない。",
    "駅から近くないです。",
    "海は近くなかった。",
    "値段は安くないです。",
    "庭の紅葉は美しくなかった。",
)
"""Remarks of guests who were not."""

UNSEEN = (
    ("庭が美しい宿です。", 1),
    ("受付の人が親切でした。", 1),
    ("朝食のパンがおいしい。", 1),
    ("廊下は汚くない。", 1),
    ("食事はまずくなかったです。", 1),
    ("宿は駅から遠くない。", 1),
    ("庭が汚い宿です。", 0),
    ("受付の人が冷たい。", 0),
    ("朝食のパンがまずい。", 0),
    ("廊下は広くない。", 0),
    ("食事はおいしくなかったです。", 0),
    ("宿は海から近くない。", 0),
)
"""Remarks that no training sees, with 1 for pleased."""

CONTENT = {"名詞", "代名詞", "形容詞", "形状詞", "動詞", "副詞"}

ORTH_BASE = 10
"""Field of UniDic's features that holds a word's dictionary form, in the spelling that was used."""

_tagger: MeCab.Tagger | None = None


def words(sentence: str) -> list[str]:
    """Splits a sentence by MeCab and unidic-lite.

    Args:
        sentence: Japanese text.

    Returns:
        Dictionary forms of the content words and of ない, in the order of the sentence, each once.
    """
    global _tagger
    _tagger = _tagger or MeCab.Tagger()
    found = []
    node = _tagger.parseToNode(sentence)
    while node:
        features = node.feature.split(",")
        base = features[ORTH_BASE] if len(features) > ORTH_BASE else node.surface
        if features[0] in CONTENT or base == "ない":
            found.append(base)
        node = node.next
    return list(dict.fromkeys(found))


def vocabulary(sentences: Iterable[str]) -> list[str]:
    """Lists the words of all sentences, sorted."""
    return sorted({word for sentence in sentences for word in words(sentence)})


def bag(chosen: Iterable[str], known: Sequence[str]) -> Array:
    """Marks which known words are there.

    Args:
        chosen: Words.
        known: From :func:`vocabulary`.

    Returns:
        0.0 or 1.0, float32, shape ``(len(known),)``; words that are not known leave no mark.
    """
    present = set(chosen)
    return np.array([word in present for word in known], "float32")


def train_reader() -> Callable[[Sequence[str], Array], Array]:
    """Trains a small network to tell pleased remarks from displeased ones.

    Returns:
        Function from words and which of them are kept, 0 or 1 of shape ``(n, words)``, to the probability
        ``(n,)`` that the writer was pleased.
    """
    remarks = [*PLEASED, *DISPLEASED]
    pleased = np.repeat([1, 0], [len(PLEASED), len(DISPLEASED)])
    known = vocabulary(remarks)
    bags = np.stack([bag(words(remark), known) for remark in remarks])
    network = MLPClassifier((8,), activation="tanh", solver="lbfgs", alpha=0.3, max_iter=500, random_state=0)
    network.fit(bags, pleased)

    def probability(chosen: Sequence[str], kept: Array) -> Array:
        bags = [bag([word for word, keep in zip(chosen, row, strict=True) if keep], known) for row in kept]
        return np.asarray(network.predict_proba(np.stack(bags))[:, 1])

    return probability
