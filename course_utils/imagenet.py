"""Names of ImageNet's 1,000 classes, and the classes that a network holds most likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLASSES = 1000

JAPANESE = {
    21: "トビ",
    117: "オウムガイ",
    281: "縞猫",
    282: "トラ猫",
    283: "ペルシャ猫",
    284: "シャム猫",
    285: "エジプト猫",
    287: "オオヤマネコ",
    331: "野ウサギ",
    335: "キツネリス",
    354: "ヒトコブラクダ",
    401: "アコーディオン",
    403: "航空母艦",
    405: "飛行船",
    406: "祭壇",
    407: "救急車",
    413: "自動小銃",
    417: "気球",
    422: "バーベル",
    430: "バスケットボール",
    432: "ファゴット",
    434: "バスタオル",
    437: "灯台",
    439: "近衛兵の毛皮帽",
    444: "2 人乗り自転車",
    447: "双眼鏡",
    450: "ボブスレー",
    456: "弓",
    457: "蝶ネクタイ",
    470: "ろうそく",
    479: "車の車輪",
    485: "CD プレーヤー",
    504: "マグカップ",
    505: "コーヒーポット",
    507: "ダイヤル錠",
    513: "コルネット",
    517: "クレーン",
    518: "ヘルメット",
    523: "松葉杖",
    535: "ディスクブレーキ",
    540: "掘削リグ",
    541: "太鼓",
    542: "ドラムのばち",
    543: "ダンベル",
    546: "エレキギター",
    552: "羽毛の襟巻き",
    560: "アメフトのヘルメット",
    567: "フライパン",
    573: "ゴーカート",
    593: "ハーモニカ",
    610: "ジャージ",
    618: "おたま",
    620: "ノートパソコン",
    621: "芝刈り機",
    622: "レンズキャップ",
    625: "救命ボート",
    632: "スピーカー",
    641: "マラカス",
    650: "マイク",
    652: "軍服",
    657: "ミサイル",
    661: "T 型フォード",
    665: "原動機付き自転車",
    668: "モスク",
    670: "スクーター",
    671: "マウンテンバイク",
    682: "オベリスク",
    684: "オカリナ",
    686: "オイルフィルター",
    700: "ペーパータオル",
    704: "パーキングメーター",
    707: "公衆電話",
    711: "香水",
    715: "角付きヘルメット",
    722: "ピンポン球",
    728: "ポリ袋",
    733: "棒",
    744: "発射体",
    746: "アイスホッケーのパック",
    747: "サンドバッグ",
    758: "リール",
    759: "一眼レフカメラ",
    761: "リモコン",
    764: "ライフル",
    768: "ラグビーボール",
    769: "定規",
    787: "盾",
    795: "スキー",
    805: "サッカーボール",
    809: "スープ皿",
    812: "スペースシャトル",
    828: "こし器",
    830: "担架",
    832: "仏塔",
    843: "ぶらんこ",
    849: "ティーポット",
    857: "玉座",
    862: "たいまつ",
    863: "トーテムポール",
    865: "おもちゃ屋",
    866: "トラクター",
    868: "お盆",
    870: "三輪車",
    872: "三脚",
    875: "トロンボーン",
    880: "一輪車",
    889: "バイオリン",
    896: "洗面台",
    900: "給水塔",
    904: "網戸",
    907: "ワインボトル",
    925: "コンソメ",
    960: "チョコレートソース",
    967: "エスプレッソ",
    968: "カップ",
    969: "エッグノッグ",
    981: "野球選手",
    985: "ヒナギク",
}
"""Names by index, for the classes that the lessons' photographs bring up."""


@dataclass(frozen=True)
class Guess:
    """One class and how likely a network holds it.

    Attributes:
        index: Of the class, 0 to 999.
        name: In Japanese where the lessons need it, else in English.
        english: Name in English.
        probability: Share of the softmax over all classes.
    """

    index: int
    name: str
    english: str
    probability: float


def class_name(index: int) -> str:
    """Returns the Japanese name of a class, or the English one where the lessons need no other.

    Args:
        index: Of the class, 0 to 999.

    Returns:
        The name.

    Raises:
        ValueError: If there is no such class.
    """
    return JAPANESE.get(index) or english_name(index)


def english_name(index: int) -> str:
    """Returns the English name of a class, as ImageNet's word list has it.

    Args:
        index: Of the class, 0 to 999.

    Returns:
        The name, with spaces between its words.

    Raises:
        ValueError: If there is no such class.
    """
    import keras_hub  # takes seconds, and most lessons need no name

    if not 0 <= index < CLASSES:
        raise ValueError(
            f"ImageNet のクラスは 0〜999 です。{index} はありません。 / "
            f"ImageNet's classes are 0 to 999; there is no class {index}."
        )
    return str(keras_hub.utils.imagenet_id_to_name(index)).replace("_", " ")


def top_classes(logits: npt.ArrayLike, count: int = 5) -> list[Guess]:
    """Returns the most likely classes of one image, the likeliest first.

    Args:
        logits: Scores of the 1,000 classes before the softmax, shape ``(1000,)``.
        count: How many to return.

    Returns:
        The classes with their probabilities.

    Raises:
        ValueError: If the scores are not those of one image.
    """
    scores = np.asarray(logits, "float64")
    if scores.shape != (CLASSES,):
        raise ValueError(
            f"1 枚の画像の得点、形 (1000,) を渡してください。形は {scores.shape} でした。 / "
            f"Give the scores of one image, shape (1000,), not {scores.shape}."
        )
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    best = np.argsort(-chances, kind="stable")[:count]
    return [Guess(int(i), class_name(int(i)), english_name(int(i)), float(chances[i])) for i in best]
