# %% [markdown]
# # 第 8 章 物体検知とセグメンテーション — Object Detection and Segmentation
#
# {{colab_badge}}
#
# **どんな問題か** 画像に「何が」写っているかだけでなく、「どこに」「いくつ」あるかを答える課題です。2014 年に Girshick たちの **R-CNN** が、物体のありそうな
# 領域 1 つずつに畳み込みネットワークを使い、検出の精度を大きく上げました。翌年には **FCN** と **U-Net** が、画素ごとに答えるネットワークを示しました。
# いまでは、自動運転の障害物検知、製品の検査、医用画像で病変の形を測る仕事などに使われています。
#
# *One image, four tasks: detection, semantic, instance and panoptic segmentation, each with its measure.
# R-CNN, Fast R-CNN, SSD and RetinaNet are built on one trunk and compared on the same scenes, in time and in average precision;
# FCN and U-Net are compared with and without skip connections, and a panoptic map is merged from both kinds of answer.*
#
# **この章でできるようになること**
#
# - IoU、Dice、NMS、平均適合率 (AP)、パノプティック品質を、手計算とプログラムの両方で求める
# - R-CNN、Fast R-CNN、SSD、RetinaNet の違いを、書いて、測って、説明する
# - 背景ばかりの画像で何が起きるかを数え、損失の選び方を測って判断する
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ 畳み込みと残差ブロックは[第 5 章](05_resnet_transfer.ipynb) |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | この講座のプログラムが描いた場面の絵と、それで学習した重み (どちらも CC BY 4.0) |
# | 論文 | Girshick et al. 2014 [(R-CNN)](https://arxiv.org/abs/1311.2524)、Girshick 2015 [(Fast R-CNN)](https://arxiv.org/abs/1504.08083)、Liu et al. 2016 [(SSD)](https://arxiv.org/abs/1512.02325)、Lin et al. 2017 [(RetinaNet)](https://arxiv.org/abs/1708.02002)、Kirillov et al. 2019 [(パノプティック)](https://arxiv.org/abs/1801.00868) |
# | 前後の章と用語 | ← [第 7 章 Vision Transformer](07_vision_transformer.ipynb) · [第 9 章 Mask R-CNN](09_mask_rcnn.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=8)

# %%
from chapters.ch08_detection_segmentation import experiment, figures, tables
from chapters.ch08_detection_segmentation.proposals import propose_boxes, segment
from course_utils.backbones import build_detection_trunk
from course_utils.claims import claim, claims_table
from course_utils.detection import decode_boxes, dice, encode_boxes, mean_iou, panoptic_quality
from course_utils.scenes import PER_CLASS, STUFF, THINGS, shared_scenes
from course_utils.tables import result_table
from grader import check, hint, score, solution

figures.draw_network(title="この章の全体")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch08.mask_measures")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルと、下の 1 つのセルを実行すれば、どの問題からでも始められます。

# %% tags=["export"]
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from course_utils.detection import Detections, box_iou, nms

SIZE = 96
THING_CLASSES = 4
ALL_CLASSES = 6

# %% [markdown]
# ## 1. 1 枚の画像に、いくつの問いがあるか
#
# 1 枚の画像に「どこに何があるか」を答えるとき、答え方は 1 つではありません。何が違うのでしょうか。
#
# この章から第 10 章まで、プログラムで描いた同じ場面の絵を使います。数えられる**もの** (things、検出では「物体」) が 4 種類、数えられない**背景** (stuff) が 2 種類あります。
# ものを囲む**箱** (bounding box) も、ものの画素に印を付けた**マスク** (mask) も、描いたときに分かっています。
# 模様、色、大きさ、場所は、どの種類でも同じ決め方で選ぶので、種類を見分けるには**形を見る**しかありません。

# %%
known, unseen = shared_scenes("train", 150), shared_scenes("test")
print("もの:", "、".join(THINGS), " 背景:", "、".join(STUFF))
print(f"訓練 {experiment.TRAINING_SCENES:,} 枚、テスト {len(unseen)} 枚、1 辺 {SIZE} 画素")
scene, shown = unseen.scenes[20], [20, 33]  # 例として見せる絵
figures.show_tasks(scene)

# %% [markdown]
# | 課題 | 答えの形 | 同じ種類の 2 つを区別するか | 背景にも答えるか |
# |:--|:--|:--|:--|
# | 物体検出 (object detection) | ものごとに箱とクラス | する | しない |
# | セマンティックセグメンテーション (semantic segmentation) | 画素ごとにクラス | **しない** | する |
# | インスタンスセグメンテーション (instance segmentation) | ものごとにマスクとクラス | する | しない |
# | パノプティックセグメンテーション (panoptic segmentation) | 画素ごとにクラスと番号 | する | する |
#
# 画素ごとのクラスを並べたものを**地図** (map) と呼びます。セマンティックの地図だけを渡されたら、ものを数えられるでしょうか。
# 同じ種類の画素がつながった塊を数えて、本当の数と比べます。

# %%
from skimage.measure import label as connected

counted = [
    sum(connected(each.semantic == k, return_num=True)[1] for k in range(len(STUFF), ALL_CLASSES))
    for each in unseen.scenes
]
real = [len(each.labels) for each in unseen.scenes]
wrong = np.not_equal(counted, real)
print(f"この絵: 塊は {counted[20]} 個、ものは {real[20]} 個")
print(f"{len(unseen)} 枚のうち、塊の数とものの数が違う絵: {wrong.mean():.0%}")
claim("ch08.tasks.semantic_counts", float(wrong.mean()))

# %% [markdown]
# 種類が同じで触れ合うものは 1 つに見え、隠されて 2 つに割れたものは 2 つに見えます。
# この節の答えは、**問いは 4 つあり、ものどうしを区別するかと、背景にも答えるかが違う**です。
#
# ## 2. 重なりを、どう測るか
#
# 予測した箱やマスクが、正解にぴったり重なることは、まずありません。どれだけ合っているかを、1 つの数で言えるでしょうか。
#
# 正解の箱が $(2, 2, 8, 8)$、予測の箱が $(4, 4, 10, 10)$ だとします。どちらも面積は 36、重なりは 4 × 4 = 16 です。
# レポートの式は、画素を数えます。予測に入る画素のうち、正解にも入るものが TP、入らないものが FP、正解に入るのに予測に入らないものが FN です。
# **IoU** (intersection over union) は、次の割合です。
#
# $$\text{IoU}=\frac{\text{TP}}{\text{TP}+\text{FP}+\text{FN}} = \frac{\text{重なりの面積}}{\text{2 つを合わせた面積}}$$
#
# 合わせた面積は、36 + 36 から、2 回数えた 16 を引いた 56 です。画素で数えても、箱の角から計算しても、同じになるでしょうか。

# %%
truth, guess = np.array([2, 2, 8, 8]), np.array([4, 4, 10, 10])
real, said = (figures.mask_of(box, 12) for box in (truth, guess))
tp, fp, fn = (real & said).sum(), (~real & said).sum(), (real & ~said).sum()
print(f"TP {tp}、FP {fp}、FN {fn} → {tp / (tp + fp + fn):.4f}")
corner = np.concatenate([np.maximum(truth, guess)[:2], np.minimum(truth, guess)[2:]])
intersection = np.prod(np.maximum(corner[2:] - corner[:2], 0))
print(f"箱の角から: {intersection} / {36 + 36 - intersection} = {intersection / (72 - intersection):.4f}")
claim("ch08.iou.report", float(abs(tp / (tp + fp + fn) - box_iou(truth[None], guess[None])[0, 0])))
figures.show_overlap(truth, guess, 12)

# %% [markdown]
# 同じでした。**箱の IoU** は検出に、**画素の IoU** はセグメンテーションに使います。円の箱がぴったり合っていても、箱を塗りつぶしたマスクは円に合いません。
# 医用画像では **Dice 係数** もよく使います。IoU が高いほど Dice も高いので、どちらで比べても、マスク 1 枚どうしの順位は同じです。
#
# $$\text{Dice}=\frac{2\,\text{TP}}{2\,\text{TP}+\text{FP}+\text{FN}}=\frac{2\,\text{IoU}}{1+\text{IoU}}$$

# %% tags=["nbval-check-output"]
iou = tp / (tp + fp + fn)
print(f"Dice {dice(real, said):.4f}、IoU から {2 * iou / (1 + iou):.4f}")
for shift in (1, 2, 3):
    small, large = (box_iou(box, box + shift)[0, 0] for box in np.array([[[2, 2, 8, 8]], [[2, 2, 26, 26]]]))
    print(f"縦横に {shift} 画素ずれた箱の IoU: 1 辺 6 なら {small:.3f}、1 辺 24 なら {large:.3f}")

# %% [markdown]
# 同じ 2 画素のずれでも、1 辺 6 画素の箱の IoU は 0.5 を下回り、1 辺 24 画素の箱では上回ります。**小さなものほど、わずかなずれで IoU が下がります**。
# この節の答えは、**重なりの面積を、2 つを合わせた面積で割る**です。
#
# ### 問題 1 2 枚のマスクを比べる (1 点)
#
# ★ 同じ形の真偽値の配列 `truth` (正解のマスク) と `predicted` (予測したマスク) を画素ごとに比べ、5 つの数のタプル
# `(tp, fp, fn, iou, dice)` を返す関数 `mask_measures(truth, predicted)` を書きましょう。
#
# - `tp` は両方が True の画素、`fp` は予測だけが True の画素、`fn` は正解だけが True の画素の数です。
# - `iou` は TP / (TP + FP + FN)、`dice` は 2·TP / (2·TP + FP + FN) です。
# - 両方のマスクが空 (すべて False) のときは、`iou` も `dice` も 1.0 とします。
#
# たとえば次の値になります。
#
# ```python
# a = np.array([[True, True, True, False]])
# b = np.array([[False, True, True, True]])
# mask_measures(a, b)  # → (2, 1, 1, 0.5, 0.6666666666666666)
# ```

# %%
# EXERCISE ch08.mask_measures

# %%
check("ch08.mask_measures")

# %% [markdown]
# ## 3. 検出を、どう採点するか
#
# 検出器は、1 つの物体に何個もの箱を出し、どの箱にも 0 から 1 の得点を付けます。重なった箱を片付け、検出の良しあしを 1 つの数にするには、どうすればよいでしょうか。
#
# ### 重なった箱を片付ける
#
# **NMS** (non-maximum suppression) は、得点の高い順に箱を見て、すでに残した箱との IoU がしきい値を超えるものを捨てます。
# 物体の周りに、わざとずらした箱を 6 個ずつ並べて試しましょう。

# %%
rng = np.random.default_rng(course.seed)
jitter = np.repeat(scene.boxes, 6, axis=0) + rng.normal(0, 2, (6 * len(scene.boxes), 4))
crowd = Detections(jitter, np.repeat(scene.labels, 6), rng.uniform(0.4, 1, len(jitter)))

remaining, kept = list(np.argsort(-crowd.scores)), []
while remaining:
    best = remaining.pop(0)
    kept.append(best)
    overlap = box_iou(crowd.boxes[[best]], crowd.boxes[remaining])[0]
    remaining = [other for other, each in zip(remaining, overlap, strict=True) if each <= 0.5]

after = Detections(crowd.boxes[kept], crowd.labels[kept], crowd.scores[kept])
figures.show_before_and_after(scene.image, crowd, after)

# %% [markdown]
# これはクラスを見ない NMS です。実際には、**クラスごとに**行うことが多く、5 節からは、そのように書いた `course_utils` の `nms` を使います。
# それでも、同じクラスの 2 つの物体が大きく重なっていれば、正しい箱まで捨てるおそれがあります。
#
# ### 問題 2 捨てずにまとめる NMS (2 点)
#
# ★★ NMS が捨てる箱も、同じ物体を見つけています。捨てる代わりに平均する関数 `merge_boxes(boxes, scores, labels, threshold)` を書きましょう。
# `boxes` は形 `(n, 4)`、正の `scores` と整数の `labels` は形 `(n,)` の配列です。
#
# - 得点の高い順に見ます。得点が等しければ、先に並んでいるものが先です。
# - まだ抑えられていない箱が来たら、その箱は**残り**ます。同じクラスで、まだ抑えられておらず、残る箱との IoU が `threshold` **より大きい**箱を、抑えます。
#   IoU は、もとの位置で測ります。
# - 残る箱の位置は、その箱自身と、それが抑えた箱の、得点を重みにした平均です。得点とクラスは、残る箱のままです。
#
# 残った箱の `(箱, 得点, クラス)` を、得点の高い順の 3 つの配列で返します。`n` は 0 のこともあり、そのとき箱の配列の形は `(0, 4)` です。
#
# たとえば次の値になります。
#
# ```python
# boxes = np.array([[0.0, 0.0, 8.0, 8.0], [1.0, 0.0, 9.0, 8.0], [20.0, 0.0, 28.0, 8.0]])
# merge_boxes(boxes, np.array([0.75, 0.25, 0.5]), np.array([0, 0, 0]), 0.5)[0]  # → [[ 0.25 0. 8.25 8. ] [20. 0. 28. 8. ]]
# ```

# %%
# EXERCISE ch08.merge_boxes

# %%
check("ch08.merge_boxes")

# %% [markdown]
# ### 手で計算する
#
# 2 枚の画像に、同じクラスの物体が合わせて 4 つあり、検出器が 5 つの箱を出しました。得点の高い順に見て、まだ取られていない物体に IoU 0.5 以上で重なれば**当たり**、ほかは**外れ**とします。
# 5 つ目の箱は、もう取られた物体に重なったので、外れです。NMS が要るのは、このためでもあります。
# 上から $n$ 個目までを採用したときの**適合率** (precision、採用した箱のうち当たりの割合) と**再現率** (recall、4 つの物体のうち見つけた割合) を並べます。

# %%
hits, objects = np.array([True, True, False, True, False]), 4
recall, precision = np.cumsum(hits) / objects, np.cumsum(hits) / np.arange(1, 6)
for n, hit in enumerate(hits):
    print(f"{n + 1} 個目 {'○' if hit else '×'}  適合率 {precision[n]:.3f}  再現率 {recall[n]:.2f}")

# %% [markdown]
# 採用する数を増やすと、再現率は下がることがなく、適合率は上下します。**平均適合率** (average precision、AP) は、この折れ線を 1 つの数にまとめます。
# COCO の方法では、再現率 0, 0.01, …, 1 の 101 点それぞれで、「その再現率以上のところでの、いちばん高い適合率」を読み、平均します。
#
# 再現率 0.5 までは 1、0.75 までは 3/4、その先には届かないので 0 です。101 点のうち、51 点が 1、25 点が 3/4 なので、(51 + 25 × 3/4) / 101 です。

# %%
points = np.linspace(0, 1, 101)
envelope = np.array([max(precision[recall >= point], default=0.0) for point in points])
print(f"AP = {envelope.mean():.4f}、手計算 {(51 + 25 * 0.75) / 101:.4f}")
claim("ch08.ap.by_hand", float(envelope.mean()))
figures.plot_precision(recall, precision, envelope)

# %% [markdown]
# AP はクラスごとに求めて平均します (mAP と書く本もあります)。当たりとする IoU のしきい値が 0.5 のものを **AP50** と呼び、COCO の **AP** は、0.5 から 0.95 まで 0.05 刻みの 10 通りの平均です。
# この節の答えは、**重なった箱は NMS で捨て、得点の順の適合率と再現率を 1 つの数 AP にまとめる**です。
#
# ### 問題 3 適合率・再現率の曲線の面積 (2 点)
#
# ★★ 101 点での平均は COCO の決めごとです。PASCAL VOC は 2010 年から、曲線の下の面積そのものを AP としています。
# 得点の高い順に並べた検出が当たりかどうかの配列 `hits` (真偽値、空のこともあります) と、物体の総数 `objects` (1 以上) から、この AP を返す関数
# `voc_ap(hits, objects)` を書きましょう。
#
# - 上から n 個の検出の適合率は「当たりの数 / n」、再現率は「当たりの数 / `objects`」です。
# - 適合率を、その検出**か、それより後ろの検出**での最大の適合率に置き換えます。曲線は、右下がりの階段になります。
# - AP は、再現率 0 から 1 までの、この階段の下の面積です。届かなかった再現率での高さは 0 です。
#
# たとえば次の値になります。
#
# ```python
# voc_ap(np.array([True, False, True, True]), 4)  # → 0.625
# ```

# %%
# EXERCISE ch08.voc_ap

# %%
check("ch08.voc_ap")

# %% [markdown]
# ## 4. 画素ごとに答えるには
#
# ここからはネットワークを書きます。まず、図の上の段のセマンティックセグメンテーションです。分類のネットワークを、画素ごとに答えるように変えるには、どうすればよいでしょうか。
#
# 分類のネットワークの本体は、画像を縮めながら特徴マップを作ります。1 辺 96 画素の画像が 6 × 6 のマップになると、1 マスは画像の 16 × 16 画素に当たります (**ストライド** 16)。
# マスごとに 1 つのクラスを答えて塗れば、**マスより細かい境目は描けません**。正解の地図をマスごとの多数決で塗り直し、正解とどれだけ合うかを測ります。
# **mIoU** は、クラスごとの画素の IoU の平均です。

# %%
for block in (16, 8, 4):
    blocks = experiment.block_majority(unseen.semantic, block)
    print(f"{block:2} 画素のマスの多数決: mIoU {mean_iou(unseen.semantic, blocks, ALL_CLASSES):.3f}")

# %% [markdown]
# マスが粗いほど、正解からでも mIoU が下がります。2015 年の **FCN** (fully convolutional network) は、分類の全結合層を畳み込みに変えて、どんな大きさの画像にもマップで答えるようにし、
# クラスごとの得点 (logit) を双線形補間で拡大しながら、**細かいマップの得点を足しました**。同じ年の **U-Net** は、縮める途中の特徴マップを取っておき、広げるときに**連結**して畳み込みます。
# 縮める側から広げる側へのこの近道を**スキップ** (skip connection) と呼びます。どちらも、同じ**本体** (trunk、ストライド 4、8、16 の特徴マップを出す小さな残差ネットワーク) の上に作ります。


# %% tags=["export"]
def fcn(trunk, skips):
    """どの層も畳み込み: 粗いマップの得点を拡大し、skips なら細かいマップの得点を足します。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    scores = [layers.Conv2D(ALL_CLASSES, 1)(feature) for feature in trunk(inputs)]
    total = scores[-1]
    for finer in scores[-2::-1]:
        total = layers.UpSampling2D(2, interpolation="bilinear")(total)
        if skips:
            total = total + finer
    return keras.Model(inputs, layers.UpSampling2D(4, interpolation="bilinear")(total))


def double(x, filters):
    """3×3 の畳み込み 2 つ。"""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return x


def unet(trunk, skips, widths=(48, 32, 16)):
    """U-Net: 縮めた特徴を広げながら、同じ大きさのマップを連結します。skips=False なら 0 を連結します。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    fine, middle, x = trunk(inputs)
    finest = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for skip, filters in zip((middle, fine, finest), widths, strict=True):
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = double(layers.Concatenate()([x, skip if skips else skip * 0]), filters)
    return keras.Model(
        inputs, layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(ALL_CLASSES, 1)(x))
    )


# %% [markdown]
# 学習の部品は、この章のどのネットワークでも同じです。正解と損失だけが変わります。


# %% tags=["export"]
def to_input(images):
    """0〜255 の画素を -1〜1 に変えます。"""
    return (images / 127.5 - 1).astype("float32")


def train(model, loss, batches, steps, rate=3e-3):
    """batches が渡す (入力, 正解, …) で学習し、ステップごとの損失を返します。"""
    warmup = max(1, steps // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, global_clipnorm=5.0)

    @tf.function
    def step(inputs, *targets):
        with tf.GradientTape() as tape:
            value = loss(model(inputs, training=True), *targets)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return [float(step(*next(batches))) for _ in range(steps)]


def pixel_loss(logits, maps):
    """画素ごとの交差エントロピーの平均。"""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(maps, logits))


# %% [markdown]
# FCN を、この場で少しだけ学習させて、損失が下がるのを見ましょう。

# %%
keras.utils.set_random_seed(course.seed)
batches = experiment.pixel_batches(known.scenes, np.random.default_rng(course.seed), size=8)
live = train(fcn(build_detection_trunk(), skips=True), pixel_loss, batches, steps=60)
print(f"損失 はじめの 5 ステップ {np.mean(live[:5]):.2f} → 終わりの 5 ステップ {np.mean(live[-5:]):.2f}")
figures.plot_loss(live)

# %% [markdown]
# 次の表は、前もって測った結果です (`python -m chapters.ch08_detection_segmentation.experiment segmentation`)。
# 論文の FCN が ImageNet で学習した本体から始めるのにならい、どれも、検出器 (8 節の RetinaNet) として学習した本体から始めます。
# 基準は 2 つ、**どの画素にも、いちばん多いクラスを答える**ものと、**その画素の色だけを見る**もの (ランダムフォレスト) です。
# 「スキップなし」の U-Net は、連結する特徴マップを 0 に置き換えただけで、重みの数は同じです。

# %%
segmented = experiment.stored_segmentation()
result_table(
    tables.segmentation_rows(segmented),
    caption=f"テスト {len(unseen)} 枚。{experiment.SEGMENTATION_STEPS} ステップ、シードごとの最小 / 中央値 / 最大",
)

# %% [markdown]
# 色だけの基準は、画素の正解率では高く見えますが、mIoU では低くなります。空と地面はかなり当てるのに、ものの種類は、ほとんど当てられません (クラスごとの表は「もっと調べる」)。

# %%
scores = {key: np.array(tables.of(segmented, key)) for key in experiment.NETWORKS}
colour = tables.of(segmented, "colour")[0]
versus = " ".join(f"{gap:+.3f}" for gap in scores["U-Net"] - scores["FCN + skips"])
print(f"U-Net − FCN (細かいマップも足す) の mIoU の差、シードごと: {versus}")
claim("ch08.semantic.colour", float(np.median(scores["FCN + skips"]) - colour))
claim("ch08.fcn.skips", float(np.median(scores["FCN + skips"] - scores["FCN"])))
claim("ch08.unet.skips", float(np.median(scores["U-Net"] - scores["U-Net, no skips"])))

maps = experiment.load_network("U-Net").predict(to_input(scene.image[None]), verbose=0).argmax(axis=-1)
blocks = experiment.block_majority(scene.semantic[None], 16)
figures.show_maps([scene], {"U-Net": maps, "16 画素のマスの多数決": blocks})

# %% [markdown]
# 細かいマップの得点を足すと、FCN の mIoU は、どのシードでも上がりました。U-Net でも、連結を 0 に置き換えると、どのシードでも下がります。ほかは同じなので、違いは連結した特徴マップにあります。
# U-Net と FCN (細かいマップも足す) の差は、シードによって向きが変わります。どちらが優れているかは、ここからは**分かりません**。
# この節の答えは、**畳み込みだけで答えて拡大し、細かいマップを足すか連結して、境目を取り戻す**です。
#
# ## 5. 候補を出してから、調べる
#
# 検出に移ります。2014 年の **R-CNN** は、物体のありそうな領域の**候補** (region proposal) を先に挙げ、候補ごとに分類しました。翌年の **Fast R-CNN** は、計算の順番を変えました。何が変わったのでしょうか。

# %%
figures.draw_network(*figures.TWO_STAGES, title="この節で組み立てるところ: 2 段階の検出器")

# %% [markdown]
# ### 候補を出す
#
# 候補を出すのに、ネットワークは使いません。色の似た画素をつないで区画に分け (ここは scikit-image の関数です)、似た隣どうしを順に合わせていきます。
# できた区画を囲む箱のうち、小さすぎず大きすぎないものを、すべて候補にします (**選択的探索**、selective search を小さくしたものです)。

# %%
offered = [propose_boxes(each.image) for each in unseen.scenes[:100]]
overlaps = [box_iou(boxes, each.boxes) for boxes, each in zip(offered, unseen.scenes, strict=False)]
reached = np.concatenate([overlap.max(axis=0) for overlap in overlaps]) >= 0.5
print(f"1 枚に {np.mean([len(boxes) for boxes in offered]):.0f} 個の候補")
print(f"IoU 0.5 以上の候補がある物体: {reached.mean():.1%}")
claim("ch08.proposals.recall", float(reached.mean()))
figures.show_proposals(scene, segment(scene.image, 40.0), offered[20], overlaps[20].argmax(axis=0))

# %% [markdown]
# どの候補とも重ならない物体は、あとでどんなによいネットワークを使っても見つかりません。候補の再現率は、検出の上限の目安です。
#
# ### 問題 4 Fast R-CNN は、どこで時間を省くか (1 点)
#
# R-CNN と Fast R-CNN に、同じ画像と同じ候補を渡します。Fast R-CNN が R-CNN より速くなるのは、おもにどこの時間が減るからでしょうか。
#
# - ア: 候補を出すところ
# - イ: 畳み込みで特徴を取り出すところ
# - ウ: 候補ごとに、クラスと箱のずれを答えるところ

# %%
# EXERCISE ch08.predict_speed

# %%
check("ch08.predict_speed")

# %% [markdown]
# ### R-CNN: 候補を 1 つずつ切り出す
#
# 候補を画像から切り出し、決まった大きさに伸び縮みさせて、**1 枚ずつ**ネットワークに通します。出すのは、5 クラス (物体 4 種類と背景) の得点と、候補から正解の箱へのずれ 4 つです。
# 検出での**背景**は「どの物体でもない」という意味です。ずれは、候補の中心 $(a_x, a_y)$ と幅、高さ $(a_w, a_h)$ から見た、次の数です
# (実際には、ほどよい大きさの数になるように、はじめの 2 つを 0.1 で、あとの 2 つを 0.2 で割ります)。
#
# $$t_x = \frac{x - a_x}{a_w}, \quad t_y = \frac{y - a_y}{a_h}, \quad t_w = \log\frac{w}{a_w}, \quad t_h = \log\frac{h}{a_h}$$

# %% tags=["nbval-check-output"]
anchor, target = np.array([[10.0, 10, 30, 30]]), np.array([[12.0, 10, 36, 34]])
offsets = encode_boxes(target, anchor)
print("ずれ", offsets.round(3), " 戻すと", decode_boxes(offsets, anchor).round(3))


# %% tags=["export"]
def box_head(x):
    """候補の特徴から、背景を含む 5 クラスの得点と、箱のずれ 4 つを出します。"""
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return layers.Concatenate()([layers.Dense(THING_CLASSES + 1)(x), layers.Dense(4)(x)])


def rcnn(trunk, side=48):
    """R-CNN: 切り出して side 画素四方に伸び縮みさせた候補を、1 枚ずつ trunk に通します。"""
    crops = keras.Input((side, side, 3))
    return keras.Model(crops, box_head(trunk(crops)[-1]))


def region_loss(outputs, labels, offsets):
    """クラスの交差エントロピーと、物体の候補の箱のずれの smooth L1 (1 までは 2 乗、先は絶対値)。"""
    logits, predicted = outputs[:, : THING_CLASSES + 1], outputs[:, THING_CLASSES + 1 :]
    classes = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    gap = tf.abs(predicted - offsets)
    smooth = tf.reduce_sum(tf.where(gap < 1, gap**2 / 2, gap - 0.5), axis=-1)
    return tf.reduce_mean(classes + smooth * tf.cast(labels < THING_CLASSES, tf.float32))


# %% [markdown]
# ### Fast R-CNN: 画像は 1 度だけ通す
#
# 候補は互いに重なっているので、R-CNN は同じ画素を何度も計算しています。Fast R-CNN は、**画像全体を 1 度だけ**ネットワークに通し、
# できた特徴マップから、候補の部分を取り出します。大きさがまちまちなので、**RoI プーリング** (region of interest pooling) でそろえます。
#
# 手で 1 つやってみましょう。ストライド 4 のマップで、箱 $(8, 4, 28, 24)$ は、4 で割って丸めると、列 2〜6、行 1〜5 の 5 × 5 マスに当たります (番号は 0 から)。これを 2 × 2 の区画に分け、区画ごとに最大値を取ります。
# 5 は 2 で割り切れないので、まん中の行と列は、両側の区画に入れます。


# %% tags=["export"]
class RoIPool(layers.Layer):
    """箱の中のマップを bins × bins の区画に分け、まず行、次に列の最大値を取ります。"""

    def __init__(self, stride, bins=4, **options):
        super().__init__(**options)
        self.stride, self.bins = stride, bins

    def cells(self, low, high, limit):
        """区画ごとに、そこに入るマスの番号を返します。足りないところは、最後の番号をくり返します。"""
        low, high = (tf.cast(tf.round(edge / self.stride), tf.int32) for edge in (low, high))
        size = tf.cast(tf.maximum(high - low, 1), tf.float32)[:, None]
        bins = tf.range(self.bins, dtype=tf.float32)[None]
        first = low[:, None] + tf.cast(tf.floor(bins * size / self.bins), tf.int32)
        last = low[:, None] + tf.cast(tf.math.ceil((bins + 1) * size / self.bins), tf.int32) - 1
        most = tf.reduce_max(last - first) + 1
        places = tf.minimum(first[..., None] + tf.range(most), last[..., None])
        return tf.clip_by_value(places, 0, limit - 1)  # (箱, 区画, マス)

    def call(self, feature, boxes):
        images, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
        flat = tf.reshape(boxes, (-1, 4))
        rows = self.cells(flat[:, 1], flat[:, 3], feature.shape[1])
        columns = self.cells(flat[:, 0], flat[:, 2], feature.shape[2])
        image = tf.repeat(tf.range(images), count)[:, None, None]
        lines = tf.reshape(feature, (-1, *feature.shape[2:]))  # すべての画像の行を、縦に並べます
        lines = tf.reduce_max(tf.gather(lines, image * feature.shape[1] + rows), axis=2)
        found = tf.gather(lines, columns, axis=2, batch_dims=1)  # (箱, bins, bins, マス, チャネル)
        return tf.reduce_max(found, axis=3)


# %% tags=["nbval-check-output"]
feature = np.arange(64, dtype="float32").reshape(1, 8, 8, 1)
pooled = RoIPool(stride=4, bins=2)(tf.constant(feature), tf.constant([[[8.0, 4, 28, 24]]]))
print("マップの行 1〜5、列 2〜6\n", feature[0, 1:6, 2:7, 0].astype(int))
print("2 × 2 の区画の最大値\n", np.asarray(pooled)[0, :, :, 0].astype(int))


# %% tags=["export"]
def fast_rcnn(trunk):
    """Fast R-CNN: 画像を trunk に 1 度だけ通し、3 つのマップを足した 1 枚から、すべての候補を取り出します。"""
    images, boxes = keras.Input((SIZE, SIZE, 3)), keras.Input((None, 4))
    fine, middle, coarse = (layers.Conv2D(48, 1)(feature) for feature in trunk(images))
    merged = fine + layers.UpSampling2D(2)(middle + layers.UpSampling2D(2)(coarse))
    return keras.Model([images, boxes], box_head(RoIPool(stride=4)(merged, boxes)))


def best_detections(boxes, scores, least=0.02, most=100):
    """箱ごとにいちばん高いクラスを選び、低い得点を捨て、クラスごとに NMS をかけます。"""
    labels, best = scores.argmax(axis=1), scores.max(axis=1)
    order = np.argsort(-best)[: 4 * most]
    order = order[best[order] >= least]
    boxes = np.clip(boxes[order], 0, SIZE)
    kept = nms(boxes, best[order], 0.5, labels[order])[:most]
    return Detections(boxes[kept], labels[order][kept], best[order][kept])


# %% [markdown]
# `best_detections` は、答えにする箱を選びます。この章のどの検出器でも同じです。
#
# どちらも、同じ重みの本体から始め、同じ場面を、同じステップ数だけ学習しました (1 ステップの候補の数は Fast R-CNN のほうが多い)。重みは付属しています (`… experiment weights`)。
# 論文の検出器は ImageNet で学習した本体から始めますが、ここでは、4 節の FCN を乱数の重みから学習し、その本体から始めます。
# テストの場面での成績と、NMS までにプロセッサが働いた時間を比べます (`… experiment detectors`)。

# %%
detectors = {row.name: row for row in experiment.stored_detectors()}
slow, fast = detectors["R-CNN"], detectors["Fast R-CNN"]
parts = experiment.seconds_by_part(unseen.images[:20])
print(f"いまの実測: 候補を出すのに {1000 * parts['']:.0f} ミリ秒 (どちらも同じ)")
for each in (slow, fast):
    work = f"積和 {each.multiply_adds / 1e6:.0f} 百万、候補のあとは {1000 * parts[each.name]:.0f} ミリ秒"
    print(f"{each.name}: {work}、AP {each.ap:.3f} (小さな物体 {each.small:.3f})")
claim("ch08.fast.products", slow.multiply_adds / fast.multiply_adds)
claim("ch08.fast.seconds", slow.seconds / fast.seconds)

# %% [markdown]
# 減ったのは、畳み込みの積和です。R-CNN は候補の数だけ本体を通し、Fast R-CNN は 1 度しか通しません。レポートの「計算効率を向上」は、**ネットワークの計算については**、そのとおりです。
# ところが、候補を出す時間はどちらにも同じだけ残り、ここではそれがいちばん長いので、全体の時間はあまり変わりません。この時間を減らすのは、第 9 章の Faster R-CNN の仕事です。
# R-CNN のほうが AP が高いのは、候補を 48 画素に拡大してから本体に通すので、小さな物体にも細かい特徴が使えるためかもしれません (対照を置いていないので、確かめてはいません)。
# この節の答えは、**「切り出してから畳み込む」を、「畳み込んでから切り出す」に変えた**です。
#
# ## 6. 候補を出さずに、1 度で答える
#
# 2016 年の **SSD** (single shot multibox detector) は、候補を出しません。候補なしで、どうやって箱を答えるのでしょうか。
#
# ### デフォルトボックス
#
# 特徴マップのマスごとに、大きさと縦横比の違う箱を、はじめから置いておきます。これが**デフォルトボックス** (default box、アンカーとも) です。
# ネットワークは、どの箱についても「何のクラスか」と「どれだけずらせばよいか」を、1 度に答えます。細かいマップは小さな物体を、粗いマップは大きな物体を受け持ちます。
# 学習では、物体を受け持つデフォルトボックスを**正例**、どの物体も受け持たないものを**背景**とします。


# %% tags=["export"]
STRIDES = (4, 8, 16)
SIDES = {4: (12, 16), 8: (22, 29), 16: (38, 48)}
RATIOS = (1.0, 1.6, 0.625)


def default_boxes(sides=SIDES, ratios=RATIOS):
    """すべてのマスのデフォルトボックスを、マップ、行、列、大きさ、縦横比の順に並べます。"""
    boxes = []
    for stride in STRIDES:
        centres = (np.arange(SIZE // stride) + 0.5) * stride
        y, x = np.meshgrid(centres, centres, indexing="ij")
        shapes = [(side * ratio**0.5, side / ratio**0.5) for side in sides[stride] for ratio in ratios]
        half = np.array(shapes) / 2
        middle = np.stack([x, y], axis=-1)[:, :, None]
        boxes.append(np.concatenate([middle - half, middle + half], axis=-1).reshape(-1, 4))
    return np.concatenate(boxes)


def match_default_boxes(boxes, defaults, threshold=0.5):
    """デフォルトボックスごとに、受け持つ物体の番号を返します。背景は -1。"""
    overlap = box_iou(defaults, boxes)
    owner = np.where(overlap.max(axis=1) >= threshold, overlap.argmax(axis=1), -1)
    owner[overlap.argmax(axis=0)] = np.arange(len(boxes))  # どの物体にも、少なくとも 1 つ
    return owner


# %%
defaults = default_boxes()
cells = [(SIZE // stride) ** 2 for stride in STRIDES]
per_cell = 2 * len(RATIOS)
print(f"({' + '.join(map(str, cells))}) マス × {per_cell} 個 = {sum(cells) * per_cell:,} 個")
figures.show_default_boxes(scene.image, defaults, STRIDES)

# %% [markdown]
# ### 問題 5 背景のデフォルトボックスの割合を予想する (1 点)
#
# この章の SSD のデフォルトボックスは、1 枚に 4,536 個です。学習用の画像には、平均で 3 個ほどの物体があります。
# 上の `match_default_boxes` のように受け持ちを決めると、**背景**になるのは、デフォルトボックスのおよそ何 % でしょうか。小数でも答えられます。

# %%
# EXERCISE ch08.predict_background

# %%
check("ch08.predict_background")

# %%
owners = [match_default_boxes(each.boxes, defaults) for each in unseen.scenes]
background = float(np.mean([each == -1 for each in owners]))
best = np.concatenate([box_iou(defaults, each.boxes).max(axis=0) for each in unseen.scenes])
print(f"背景のデフォルトボックス: {background:.2%}")
print(f"IoU 0.5 以上のデフォルトボックスがある物体: {np.mean(best >= 0.5):.1%}")
claim("ch08.ssd.background", background)
figures.show_matches(scene, defaults, owners[20])

# %% [markdown]
# ### 問題 6 アンカーに物体を割り当てる (2 点)
#
# ★★ RetinaNet では、デフォルトボックスを**アンカー** (anchor) と呼び、どの物体とも中くらいにしか重ならないアンカーは、学習に使いません。アンカーごとに、受け持つ物体の番号か、−1 (背景) か、−2 (使わない) を並べた
# 配列を返す関数 `match_anchors(anchors, boxes)` を書きましょう。`anchors` は形 `(n, 4)`、物体の `boxes` は形 `(m, 4)` の配列です。
#
# 1. そのアンカーといちばん重なる物体との IoU が 0.5 以上なら、その物体の番号にします。等しく重なる物体が 2 つあれば、番号の小さいほうです。
# 2. それが 0.4 以上 0.5 未満なら −2、0.4 未満なら −1 にします。
# 3. 最後に、物体 0、1、2、… の順に、その物体といちばん重なるアンカー (等しければ番号の小さいほう) を、**何になっていても**、その物体の番号に書き換えます。
#    2 つの物体が同じアンカーを書き換えれば、あとの物体のものになります。
#
# どの物体も、どれかのアンカーと重なっています。物体が 1 つもないこともあり、そのときはすべて −1 です。
#
# たとえば次の値になります。
#
# ```python
# anchors = np.array([[0.0, 0.0, 10.0, 9.0], [0.0, 0.0, 20.0, 9.0], [0.0, 5.0, 20.0, 15.0], [38.0, 0.0, 50.0, 10.0]])
# boxes = np.array([[0.0, 0.0, 10.0, 10.0], [30.0, 0.0, 40.0, 10.0]])
# match_anchors(anchors, boxes)  # → [ 0 -2 -1 1]
# ```

# %%
# EXERCISE ch08.match_anchors

# %%
check("ch08.match_anchors")

# %% [markdown]
# ### SSD を組み立てる
#
# 3 つのマップのそれぞれに、出力の畳み込みを付けるだけです。画像の全体を 1 度に処理するので、切り出しも RoI プーリングもありません (レポートの「画像全体を見て」)。


# %% tags=["export"]
def ssd_heads(maps, per_cell=6, prior=0.01):
    """3 つのマップのマスごとに、デフォルトボックス per_cell 個の得点 4 つとずれ 4 つを出します。"""
    start = keras.initializers.Constant(-np.log((1 - prior) / prior))  # はじめは、どれも確率 1 %
    outputs = []
    for feature in maps:
        x = layers.Conv2D(48, 3, padding="same", activation="relu")(feature)
        scores = layers.Conv2D(per_cell * THING_CLASSES, 3, padding="same", bias_initializer=start)(x)
        offsets = layers.Conv2D(per_cell * 4, 3, padding="same")(x)
        parts = [layers.Reshape((-1, 4))(part) for part in (scores, offsets)]
        outputs.append(layers.Concatenate()(parts))
    return layers.Concatenate(axis=1)(outputs)


def ssd(trunk):
    """SSD: trunk の 3 つのマップに、出力の畳み込みを付けます。"""
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, ssd_heads(trunk(inputs)))


# %% [markdown]
# ## 7. 背景ばかりの損失を、どうするか
#
# デフォルトボックスのほとんどは背景でした。1 個ずつの損失は小さくても、数が多ければ、合計はどうなるでしょうか。学習のじゃまになるのでしょうか。
#
# ### 問題 7 損失のほとんどは、どこから来るか (1 点)
#
# 1 枚の画像に、背景のアンカーが 4,500 個、物体のアンカーが 10 個あるとします。
# ネットワークの答えた「物体の確率」は、背景のアンカーでは 0.02 (もう、ほとんど正しい)、物体のアンカーでは 0.1 (まだ、見つけていない) です。
# 損失を全部のアンカーで足すと、背景の合計と物体の合計は、どちらが大きいでしょうか。交差エントロピーと、**フォーカルロス** (focal loss) で考えます。
# フォーカルロスは、交差エントロピーに $(1-p)^2$ と、物体なら 0.25、背景なら 0.75 を掛けたものです。$p$ は、正しい答えの確率です。
#
# - ア: 交差エントロピーでもフォーカルロスでも、背景の合計のほうが大きい
# - イ: 交差エントロピーでは背景の合計、フォーカルロスでは物体の合計のほうが大きい
# - ウ: 交差エントロピーでもフォーカルロスでも、物体の合計のほうが大きい

# %%
# EXERCISE ch08.predict_focal

# %%
check("ch08.predict_focal")

# %% tags=["nbval-check-output"]
background, objects = 4500 * -np.log(0.98), 10 * -np.log(0.1)
print(f"交差エントロピー: 背景 {background:.1f}、物体 {objects:.1f}")
print(f"フォーカルロス:   背景 {0.75 * 0.02**2 * background:.3f}、物体 {0.25 * 0.9**2 * objects:.3f}")

# %% [markdown]
# 交差エントロピーでは、ほとんど正しい背景でも、数が多いので合計が大きくなります。2017 年の **RetinaNet** のフォーカルロスは、正しい答えの確率 $p$ が高いほど、損失を軽くします。
#
# $$\mathrm{FL} = -\alpha\,(1-p)^{\gamma}\log p$$
#
# $\alpha$ は、正例なら 0.25、背景なら 1 から引いた 0.75 です。$\gamma = 0$ なら、交差エントロピーに重みを付けただけになります。

# %%
figures.plot_focal([0, 0.5, 2, 5])

# %% [markdown]
# もう 1 つの方法は、SSD の論文の**難しい背景だけを選ぶ** (hard negative mining) やり方です。背景を損失の大きい順に並べ、正例の 3 倍の個数まで残します。


# %% tags=["export"]
def class_weights(kind, entropy, logits, target, gamma=2.0, alpha=0.25):
    """交差エントロピーの 1 つ 1 つに掛ける重みを、3 通りの方法で決めます。"""
    if kind == "focal":  # 簡単なものほど軽く
        right = tf.where(target > 0, tf.sigmoid(logits), 1 - tf.sigmoid(logits))
        return tf.where(target > 0, alpha, 1 - alpha) * (1 - right) ** gamma
    if kind == "mining":  # 正例と、画像ごとに、損失の大きい背景を 3 倍まで
        positive = tf.reduce_max(target, axis=-1)
        hardness = tf.reduce_sum(entropy, axis=-1) * (1 - positive)
        rank = tf.argsort(tf.argsort(hardness, direction="DESCENDING"))
        most = 3 * tf.reduce_sum(positive, axis=1, keepdims=True)
        return tf.maximum(positive, tf.cast(tf.cast(rank, tf.float32) < most, tf.float32))[..., None]
    return tf.ones_like(logits)  # "plain": どれも同じ


def ssd_loss(kind):
    """クラスの損失と、正例の箱のずれの smooth L1 の和を、正例の数で割ります。"""

    def loss(outputs, labels, offsets):
        logits, predicted = outputs[..., :THING_CLASSES], outputs[..., THING_CLASSES:]
        target = tf.one_hot(labels, THING_CLASSES)  # 背景 (-1) は、すべて 0
        positive = tf.cast(labels >= 0, tf.float32)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
        classes = tf.reduce_sum(class_weights(kind, entropy, logits, target) * entropy)
        gap = tf.abs(predicted - offsets)
        smooth = tf.reduce_sum(tf.where(gap < 1, gap**2 / 2, gap - 0.5), axis=-1)
        return (classes + tf.reduce_sum(smooth * positive)) / tf.maximum(tf.reduce_sum(positive), 1)

    return loss


# %%
logits = tf.random.normal((1, 500, 4), seed=1)
target = tf.one_hot(tf.random.uniform((1, 500), -1, 4, tf.int32, seed=2), 4)
entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
focal = class_weights("focal", entropy, logits, target, gamma=0.0, alpha=0.5) * entropy
claim("ch08.focal.zero", float(tf.reduce_max(tf.abs(2 * focal - entropy))))

# %% [markdown]
# ### 問題 8 あふれないフォーカルロス (2 点)
#
# ★★ フォーカルロスを NumPy で計算する関数 `focal_loss(logits, targets, alpha=0.25, gamma=2.0)` を書きましょう。
# `logits` (sigmoid に通す前の得点) と `targets` (0 か 1) は、形 `(アンカー, クラス)` の配列です。背景のアンカーの `targets` は、どのクラスも 0 です。
#
# - 1 つ 1 つの数で、正しい答えの確率を p とします。正解が 1 なら p = sigmoid(logit)、0 なら p = 1 − sigmoid(logit) です。
# - その損失は、−(1 − p) の `gamma` 乗 × log p に、正解が 1 なら `alpha`、0 なら 1 − `alpha` を掛けたものです。
# - すべての和を、**正例のアンカー** (どれかのクラスが 1 のアンカー) の数で割ります。正例が 1 つもなければ、1 で割ります。
# - ロジットが ±100 でも、正確な値を返します。無限大や NaN にしません。
#
# たとえば次の値になります。
#
# ```python
# loss = focal_loss(np.array([[0.0], [-100.0]]), np.array([[1.0], [1.0]]))
# round(float(loss), 4)  # → 12.5217
# ```

# %%
# EXERCISE ch08.focal_loss

# %%
check("ch08.focal_loss")

# %% [markdown]
# ### 効くのか
#
# 損失だけを変えて、比べましょう。4 節の FCN の本体を**凍結**し、その上の出力の畳み込みだけを、5 つのシードで学習します (`… experiment losses`)。
# 本体、初期値、見せる順番、ステップ数は、3 つの損失で同じです。

# %%
losses = experiment.stored_losses()
runs = {name: [r.ap for r in losses if r.key == key] for key, name in tables.LOSSES.items()}
plain, mining, focal = (np.array(values) for values in runs.values())
for name, each in (("難しい背景だけ", mining), ("フォーカルロス", focal)):
    print(f"{name} − 交差エントロピー:", " ".join(f"{value:+.3f}" for value in each - plain))
claim("ch08.mining.gain", float(np.median(mining - plain)))
claim("ch08.focal.gain", float(np.median(focal - plain)))
figures.plot_losses(runs)

# %% [markdown]
# フォーカルロスの AP は、どのシードでも、交差エントロピーより低くなりました。論文 (表 1) では上がりますが、**この規模では成り立ちません**。難しい背景だけを選ぶ方法は、上がったシードも下がったシードもあるので、**分からない**とします。
# 論文と違うのは、学習が短いこと、本体を凍結したこと、背景が単純なことなどです。また、3 つとも、はじめの確率を 1 % にして背景の損失を小さくする、RetinaNet の論文の工夫を使っています。どれが効いているかは、調べていません。
# この節の答えは、**損失の合計は背景が占める。それでも、この規模では交差エントロピーで足りた**です。
#
# ## 8. 4 つの検出器を、同じ画像で比べる
#
# R-CNN、Fast R-CNN、SSD、RetinaNet は、どれがよいのでしょうか。同じ本体、同じ場面で学習した 4 つに、同じ画像を見せます。
# この章の SSD は「難しい背景だけ」の損失で、RetinaNet は、同じネットワークをフォーカルロスで学習したものです。

# %%
names = experiment.DETECTORS
few = [unseen.scenes[k] for k in shown]
found = {name: [experiment.detect(name, each.image) for each in few] for name in names}
figures.show_detectors(few, found, least=0.35)

# %%
claim("ch08.ssd.seconds", detectors["Fast R-CNN"].seconds / detectors["SSD"].seconds)
result_table(
    tables.detector_rows([detectors[name] for name in names]),
    caption=f"4 つの検出器、テスト {len(unseen)} 枚。「本体の何倍」は、本体に画像を 1 度通す時間と比べた時間",
)

# %% [markdown]
# SSD と RetinaNet は、候補を出さないので、2 段階の検出器より速く答えます。レポートの「高速」は、この比のことです。いちばん AP が高かったのは、いちばん遅い R-CNN でした。
# SSD と RetinaNet は損失しか違わず、どの行も 1 つのシードの結果なので、AP の小さな差は読み取れません。ネットワークは同じなので、2 つの時間の差は、そのあとの NMS の差です。
# この節の答えは、**速さと AP の両方を、同じ画像で測って選ぶ**です。第 9 章と第 10 章で、この表に 4 つの検出器を加えます。
#
# ### 問題 9 測って、得点のしきい値を決める (3 点)
#
# ★★★ 検出器は、得点の低い検出も返します。使うときは、どこかで切らなければなりません。**検証用**の画像で F1 (適合率と再現率の調和平均) が最大になる得点のしきい値を選び、
# `(しきい値, F1)` を返す関数 `choose_threshold(found, truth)` を書きましょう。
#
# `found` は、画像ごとの検出 `(boxes, labels, scores)` のリスト、`truth` は、同じ順の、画像ごとの物体 `(boxes, labels)` のリストです。
# 箱は形 `(個数, 4)`、クラスと得点は形 `(個数,)` の配列で、個数は 0 のこともあります。全部の画像を合わせれば、検出も物体も 1 つ以上あります。
#
# - 得点がしきい値**以上**の検出を残します。しきい値は、検出の得点の中から選びます。
# - 画像ごとに、残した検出を得点の高い順 (等しければ先に並んでいる順) に見ます。同じ画像の、同じクラスの、まだ当たっていない物体のうち、IoU が最大のもの
#   (等しければ番号の小さいもの) を選び、IoU が 0.5 以上なら**当たり**です。当たった物体は、もう使えません。
# - 当たりの数、残した検出の数、物体の数を、それぞれ全部の画像で足してから、F1 = 2 × 当たり / (検出 + 物体) を計算します。
# - F1 が同じしきい値が 2 つあれば、高いほうを選びます。
#
# たとえば次の値になります。
#
# ```python
# found = [(np.array([[0.0, 0.0, 8.0, 8.0], [20.0, 20.0, 30.0, 30.0]]), np.array([1, 1]), np.array([0.75, 0.25]))]
# truth = [(np.array([[0.0, 0.0, 8.0, 8.0]]), np.array([1]))]
# choose_threshold(found, truth)  # → (0.75, 1.0)
# ```

# %%
# EXERCISE ch08.choose_threshold

# %%
check("ch08.choose_threshold")

# %% [markdown]
# ## 9. ものと背景を、1 枚にまとめる
#
# パノプティックセグメンテーションは、1 枚の地図で、検出とセマンティックの両方に答えます。これまでに作った 2 つを合わせれば、できるでしょうか。
#
# 検出の箱を得点の高い順に見て、箱の中の「もの」の画素に、検出のクラスと番号を付けます。どの箱にも入らなかった「もの」の画素には、空か地面のうち、得点の高いほうを付けます。


# %% tags=["export"]
def merge_answers(detections, logits, least=0.3):
    """検出の箱と、画素ごとの得点 (縦, 横, クラス) から、パノプティックの地図 (クラス × 1000 + 番号) を作ります。"""
    semantic = logits.argmax(axis=-1)
    panoptic = logits[..., :2].argmax(axis=-1) * 1000  # まず、背景だけの地図
    free = semantic >= 2
    for number, k in enumerate(np.argsort(-detections.scores), 1):
        if detections.scores[k] >= least:
            x1, y1, x2, y2 = np.round(detections.boxes[k]).astype(int)
            inside = np.zeros(semantic.shape, bool)
            inside[y1:y2, x1:x2] = True
            mine = free & inside
            panoptic[mine] = (2 + detections.labels[k]) * 1000 + number
            free &= ~mine
    return panoptic


# %% [markdown]
# 採点は**パノプティック品質** (panoptic quality、PQ) です。クラスが同じで IoU が 0.5 を超えるものどうしを組にし、
#
# $$\mathrm{PQ} = \underbrace{\frac{\sum_{\text{組}} \mathrm{IoU}}{|\mathrm{TP}|}}_{\text{形の質 (SQ)}} \times \underbrace{\frac{|\mathrm{TP}|}{|\mathrm{TP}| + \frac12|\mathrm{FP}| + \frac12|\mathrm{FN}|}}_{\text{見つけた質 (RQ)}}$$
#
# をクラスごとに求めて平均します。たとえば、もの 2 つのうち 1 つを IoU 0.8 で見つけ、ほかに 1 つ余計に出したなら、0.8 × 1 / (1 + 0.5 + 0.5) = 0.4 です。

# %%
some = unseen.scenes[:60]
logits = experiment.load_network("U-Net").predict(to_input(unseen.images[:60]), verbose=0)
detected = [experiment.detect("RetinaNet", each.image) for each in some]
merged = np.stack([merge_answers(*pair) for pair in zip(detected, logits, strict=True)])
truth = np.stack([each.panoptic for each in some])
quality = panoptic_quality(truth, merged, ALL_CLASSES)
result_table(tables.quality_rows(quality), caption=f"テスト {len(some)} 枚のパノプティック品質")

# %%
stuff, things = quality.by_class[: len(STUFF)].mean(), quality.by_class[len(STUFF) :].mean()
claim("ch08.panoptic.stuff", float(stuff - things))
figures.show_panoptic([some[k] for k in shown], merged[shown], PER_CLASS)

# %% [markdown]
# 図の灰色は、どの正解とも組にならなかったものです。広い背景は、境目が少しずれても IoU が 0.5 を超えます。ものは、検出が外れれば、画素が合っていても組になりません。
# この節の答えは、**合わせられる。ただし、正しく残るのは、検出と地図の両方が当たったものだけ**です。
#
# ### 問題 10 パノプティックな地図にまとめる (3 点)
#
# ★★★ 物体のマスクと、空 (0) と地面 (1) の地図を、パノプティックな地図 1 枚にまとめる関数 `panoptic_merge(masks, scores, labels, stuff)` を書きましょう。
# `masks` は形 `(n, 縦, 横)` の真偽値、`scores` は形 `(n,)` の得点、`labels` は形 `(n,)` の整数のクラス (2 以上)、`stuff` は形 `(縦, 横)` の 0 か 1 の地図です。
# `n` は 0 のこともあります。結果は、形 `(縦, 横)` の配列です。
#
# - 物体を得点の高い順に置きます。得点が等しければ、先に並んでいるものが先です。
# - すでに置いた物体の画素は、書き換えません。残りの画素が**自分のマスクの半分に満たない**物体は、捨てます。ちょうど半分なら置きます。
# - 捨てた物体は、ほかの物体を隠しません。1 画素もないマスクも捨てます。
# - 置いた物体には、置いた順に番号 1、2、3、… を振り、画素の値を 1000 × クラス + 番号 とします。
# - 物体のない画素の値は、1000 × `stuff` です。
#
# たとえば次の値になります。
#
# ```python
# masks = np.array([[[True, True, True, False, False, False]], [[False, False, True, True, False, False]]])
# stuff = np.array([[0, 0, 0, 0, 1, 1]])
# panoptic_merge(masks, np.array([0.5, 0.9]), np.array([2, 3]), stuff)  # → [[2002 2002 3001 3001 1000 1000]]
# ```

# %%
# EXERCISE ch08.panoptic_merge

# %%
check("ch08.panoptic_merge")

# %% [markdown]
# ## 10. 補足・訂正
#
# - **課題の種類** レポートの 3 つに**インスタンスセグメンテーション**を加えると、いまの分け方になります (1 節)。Mask R-CNN (第 9 章) が解くのは、これです。
# - **パノプティック** 「すべての物体を個別に認識し」は、**もの**についてのことです。**背景**は、個別に数えません (次のセル)。
# - **IoU の TP、FP、FN** レポートの式で数えるのは画素です。検出の採点の TP、FP、FN で数えるのは**箱**で、IoU は当たりかどうかの判定に使います (3 節)。
# - **R-CNN の「回帰」** 論文の R-CNN は、分類 (SVM) と箱の回帰を別々に学習しました。一緒に学習するのは Fast R-CNN からで、この章の R-CNN もそれにそろえました。

# %% tags=["nbval-check-output"]
ids = np.unique(scene.panoptic)
print("背景の番号:", sorted({int(i) % PER_CLASS for i in ids if i // PER_CLASS < len(STUFF)}))
print("ものの番号:", sorted(int(i) % PER_CLASS for i in ids if i // PER_CLASS >= len(STUFF)))

# %% [markdown]
# ## 11. まとめ
#
# 1. 4 つの課題は、ものどうしを区別するかと、背景にも答えるかが違います。
# 2. IoU は、重なりの面積を、合わせた面積で割ったものです。検出は AP、セマンティックは mIoU、パノプティックは PQ で採点します。
# 3. 画素ごとに答えるネットワークでは、細かいマップを足すか連結すると、境目が戻ります。画素の正解率は、色だけの基準と並べて読みます。
# 4. 畳み込みの本体を、R-CNN は候補の数だけ、Fast R-CNN は画像に 1 度だけ通します。SSD は候補も出しません。
# 5. デフォルトボックスのほとんどは背景です。損失は、ほかの条件をそろえ、測って選びます。
#
# **早見表**
#
# $$\text{IoU}=\frac{\text{TP}}{\text{TP}+\text{FP}+\text{FN}}, \quad \mathrm{FL} = -\alpha(1-p)^{\gamma}\log p, \quad \mathrm{PQ}=\mathrm{SQ}\times\mathrm{RQ}$$
#
# ```python
# owner = match_default_boxes(scene.boxes, defaults)      # 受け持ち
# train(ssd(trunk), ssd_loss("focal"), batches, steps)    # 学習
# found = best_detections(decode_boxes(offsets, defaults), scores)
# average_precision(found, scenes, classes).ap            # 採点
# ```
#
# よく使う値: 正例とする IoU 0.5、NMS のしきい値 0.45〜0.6、フォーカルロスの γ 2 と α 0.25、はじめの確率 0.01、難しい背景は正例の 3 倍まで。

# %%
claims_table()

# %%
score()
print(course.cost())

# %% [markdown]
# ## もっと調べる
#
# ### クラスごとの IoU と、境目

# %%
result_table(
    tables.class_rows(segmented), caption="クラスごとの画素の IoU と、境目から 2 画素以内の正解率 (中央値)"
)

# %% [markdown]
# ### しきい値を、検証用の場面で
#
# 問題 9 ができたら、RetinaNet のしきい値を検証用の場面で決めてみましょう。
#
# ```python
# scenes = shared_scenes("validation", 60).scenes
# answers = [experiment.detect("RetinaNet", each.image) for each in scenes]
# found = [(each.boxes, each.labels, each.scores) for each in answers]
# choose_threshold(found, [(each.boxes, each.labels) for each in scenes])
# ```
#
# ### 考えてみよう (採点しません)
#
# 工場で、ベルトコンベアの上の部品を数え、傷の面積を測りたいそうです。4 つの課題のうち、どれを選びますか。速さと精度のどちらを優先し、何を測って決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 数えるには個体の区別が、面積を測るには画素の答えが要ること (1 節)。部品が触れ合うなら、セマンティックだけでは数えられないこと。
# 背景にも答える必要があるか。1 枚に何ミリ秒使えるか (8 節)。小さな傷を、どのマップが受け持つか (6 節)。見逃しと誤検出のどちらが高くつくかで、しきい値を決めること。
#
# </details>
#
# ### 自分の写真で
#
# 環境変数 `COURSE_DATA_DIR` に、COCO 形式の注釈 `coco/annotations.json` と画像のあるフォルダーを指定すると、`load_scenes("coco")` が、この章の絵と同じ形で読みます。
# 箱、マスク、地図がそろうので、この章の採点は、そのまま使えます。
#
# ### 論文との違い
#
# この章では、損失だけを比べられるように、SSD もクラスごとのシグモイドで学習しました。論文の SSD は、背景を含むクラスの softmax です。
# 論文の RetinaNet は、フォーカルロスのほかに、特徴ピラミッド (第 10 章) と深い出力層を持ちます。
#
# ### 公開されている数
#
# | | データ | 成績 | 出典 |
# |:--|:--|:--|:--|
# | RetinaNet、ResNet-101-FPN | COCO test-dev | AP 39.1 | Lin et al. 2017、表 2 |
# | RetinaNet、ResNet-50、γ を 0 から 2 に | COCO minival | AP 31.1 → 34.0 | Lin et al. 2017、表 1 |
# | FCN-8s | PASCAL VOC 2012 | mIoU 62.2 | Long et al. 2015、表 3 |
#
# ## 参考文献
#
# - J. Long, E. Shelhamer, T. Darrell, [Fully Convolutional Networks for Semantic Segmentation](https://arxiv.org/abs/1411.4038), CVPR 2015
# - O. Ronneberger, P. Fischer, T. Brox, [U-Net](https://arxiv.org/abs/1505.04597), MICCAI 2015
# - R. Girshick et al., [Rich feature hierarchies](https://arxiv.org/abs/1311.2524), CVPR 2014 (R-CNN)
# - R. Girshick, [Fast R-CNN](https://arxiv.org/abs/1504.08083), ICCV 2015
# - W. Liu et al., [SSD: Single Shot MultiBox Detector](https://arxiv.org/abs/1512.02325), ECCV 2016
# - T.-Y. Lin et al., [Focal Loss for Dense Object Detection](https://arxiv.org/abs/1708.02002), ICCV 2017 (RetinaNet)
# - T.-Y. Lin et al., [Microsoft COCO](https://arxiv.org/abs/1405.0312), ECCV 2014
# - A. Kirillov et al., [Panoptic Segmentation](https://arxiv.org/abs/1801.00868), CVPR 2019
# - J. Uijlings et al., [Selective Search for Object Recognition](https://doi.org/10.1007/s11263-013-0620-5), IJCV 2013
# - P. Felzenszwalb, D. Huttenlocher, [Efficient Graph-Based Image Segmentation](https://doi.org/10.1023/B:VISI.0000022288.19776.77), IJCV 2004
