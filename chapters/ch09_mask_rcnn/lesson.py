# %% [markdown]
# # 第 9 章 Mask R-CNN — Mask R-CNN, Faster R-CNN and YOLO
#
# {{colab_badge}}
#
# **どんな問題か** 写真に何がどこに写っているかを、箱ではなく**形**で答えたいとします。自動運転の障害物、細胞の輪郭、倉庫の部品。
# 2017 年、Facebook の He たちは、2015 年の Faster R-CNN に小さな枝を 1 本足し、特徴の切り出し方を直した **Mask R-CNN** で、物体ごとの形を当てました。
# Faster R-CNN と同じ 2015 年には、逆に部品を減らし、画像を 1 回見るだけで箱を答える **YOLO** も発表されています。
#
# *This chapter builds a miniature Mask R-CNN part by part: RoIAlign, the region proposal network, the box branch and the mask branch.
# Faster R-CNN is the same network without its last part, and a YOLOv1 is trained on the same scenes beside it. The report's
# sentences on accuracy, speed, small and crowded objects are measured; exercises and questions grade themselves.*
#
# **この章でできるようになること**
#
# - RoI プーリングと RoI アラインを手で計算し、ずれがマスクに何をするかを測る
# - 地域提案ネットワーク (RPN)、ボックスの枝、マスクの枝を組み立て、5 つの損失で一緒に学習する
# - YOLO の出力と損失を 1 項ずつ書き、二段階の検出器と、速さ、小さな物体、混み合った物体で比べる
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★★ IoU、NMS、AP、アンカーは[第 8 章](08_detection_segmentation.ipynb) |
# | 読む時間 | 演習を解きながら 3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 場面の絵は、この講座のプログラムが描いたもの (CC BY 4.0)。重みの出どころは[モデルカード](../data/detectors/ch09.md) |
# | 論文 | He et al. 2017 [(Mask R-CNN)](https://arxiv.org/abs/1703.06870)、Ren et al. 2015 [(Faster R-CNN)](https://arxiv.org/abs/1506.01497)、Redmon et al. 2016 [(YOLO)](https://arxiv.org/abs/1506.02640) |
# | 前後の章と用語 | ← [第 8 章 物体検知](08_detection_segmentation.ipynb) · [第 10 章 FCOS](10_fcos.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=9)

# %%
import numpy as np

from chapters.ch09_mask_rcnn import experiment, figures
from course_utils.backbones import load_weights, start_from_trunk
from course_utils.claims import claim, claims_table
from course_utils.detection import average_precision, box_iou, encode_boxes
from course_utils.paths import shipped_data
from course_utils.scenes import shared_scenes
from course_utils.tables import min_median_max, result_table
from grader import check, hint, score, solution

# %%
figures.draw_network(title="この章のネットワーク。上が Mask R-CNN、下が YOLO")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch09.anchors")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. RoI アライン: 箱の中の特徴を、ずらさずに切り出す
#
# 大きさの違う領域から同じ大きさの特徴を作るとき、何が失われるのでしょうか。
#
# [第 8 章](08_detection_segmentation.ipynb)の Fast R-CNN は、画像全体の特徴マップを 1 度だけ計算し、候補の箱ごとに、その一部を切り出して、
# 決まった大きさ (この章では $7 \times 7$) にまとめました。これが **RoI プーリング** (RoI は region of interest、候補領域) です。
#
# ### 手で計算する
#
# ストライド (stride) 8 の特徴マップでは、1 マスが画像の 8 画素に当たります。画像の 20 画素目から 52 画素目までの箱は、マスで数えると
# 2.5 から 6.5 まで。半端です。RoI プーリングは、端を最も近いマスに**丸めて**から、区画に分けます。
#
# 丸めの影響だけを見るために、1 行の特徴マップに「そのマスの中心の x 座標」を入れておきます。これが**傾斜 (ramp)** です。
# 区画の中心の x 座標がそのまま読めれば、正解です。

# %%
ramp = (np.arange(12) + 0.5) * 8  # k 番目のマスの中心は、画像の 8k + 4 画素目
left, right, bins = 20, 52, 4
truth = left + (np.arange(bins) + 0.5) / bins * (right - left)

rounded = np.floor(np.array([left, right]) / 8 + 0.5).astype(int)  # 2.5 → 3、6.5 → 7
cells = ramp[rounded[0] : rounded[1] + 1]  # Fast R-CNN の論文のプログラムは、両端のマスを含む
pooled = [cells[i * len(cells) // bins : -((-(i + 1) * len(cells)) // bins)].max() for i in range(bins)]

place = truth / 8 - 0.5  # 区画の中心を、マスの番号で表す (k 番目のマスの中心が k)
below = np.floor(place).astype(int)
aligned = ramp[below] * (below + 1 - place) + ramp[below + 1] * (place - below)
result_table(
    [{"": name, **{f"区画 {i + 1}": float(v) for i, v in enumerate(values)}}
     for name, values in (("正解", truth), ("RoI プーリング", pooled), ("RoI アライン", aligned))],
    digits=1,
)  # fmt: skip

# %% [markdown]
# ### 問題 1 箱を 3 画素動かすと、特徴はどれだけ動くか (1 点)
#
# 上の表の箱 (20 画素目から 52 画素目まで) を、右へ 3 画素だけ動かします。箱は 23 画素目から 55 画素目までになり、正解は、どの区画でも 3 増えます。
# RoI プーリングと RoI アラインで読んだ値は、それぞれどれだけ増えるでしょうか。
#
# - ア: RoI プーリングは 3、RoI アラインも 3 増える
# - イ: RoI プーリングは変わらず、RoI アラインは 3 増える
# - ウ: RoI プーリングは 8、RoI アラインは 3 増える

# %%
# EXERCISE ch09.predict_align

# %%
check("ch09.predict_align")

# %% [markdown]
# **RoI アライン (RoIAlign)** は丸めません。区画の中心の座標を実数のまま計算し、まわりのマスの値を距離に応じて混ぜます (**双線形補間**)。
# 縦と横に分けると、位置 $p$ でのマス $k$ の重みは、三角形の関数 1 つで書けます ($F_{r,c}$ は、特徴マップの $r$ 行 $c$ 列の値です)。
#
# $$w_k(p) = \max(0,\ 1 - |p - k|), \qquad \text{値} = \sum_{r} \sum_{c} w_r(p_y)\, w_c(p_x)\, F_{r,c}$$
#
# 重みが 0 でないのは、上下と左右の 2 マスずつ、合わせて 4 マスだけです。和の形なので、すべての箱、すべての区画を 1 つの積で計算できます。

# %% tags=["export"]
import keras
import tensorflow as tf
from keras import layers

from chapters.ch09_mask_rcnn import regions
from chapters.ch09_mask_rcnn.regions import ANCHORS, CLASSES, GRID, SIDE, STRIDE, decode, encode, hat
from course_utils.backbones import build_detection_trunk


def align_regions(maps, boxes, size=7, stride=STRIDE):
    """箱 (画像ごとに n 個、画素) の中の特徴を、size × size の区画の中心で読み取ります。"""
    height, width = maps.shape[1:3]
    middle = (tf.range(size, dtype="float32") + 0.5) / size
    x1, y1, x2, y2 = tf.unstack(boxes[..., None], axis=2)
    rows = hat((y1 + middle * (y2 - y1)) / stride - 0.5, height)  # hat は max(0, 1 - |p - k|)
    columns = hat((x1 + middle * (x2 - x1)) / stride - 0.5, width)
    return tf.einsum("bnyh,bhwc,bnxw->bnyxc", rows, maps, columns)


# %% [markdown]
# RoI プーリングは区画の最大値を取るので、傾斜では、いつも右寄りの値になります。これは丸めの影響ではありません。
# そこで、値そのものではなく、箱を少しずつ右へ動かしたとき、**読み取った値も同じだけ動くか**を見ます。

# %%
maps = np.tile(ramp[None, None, :, None], (1, 12, 1, 1)).astype("float32")
shifts = np.arange(0, 16.25, 0.25, dtype="float32")
boxes = np.stack([[16 + s, 16, 16 + s + 56, 72] for s in shifts])[None].astype("float32")
moved = {}
for name, read in (("RoI プーリング", regions.roi_pool), ("RoI アライン", align_regions)):
    values = np.array(read(maps, boxes))[0, :, 3, 3, 0]  # 真ん中の区画
    moved[name] = values - values[0]
off = {name: np.ptp(values - shifts) / 8 for name, values in moved.items()}  # 最大 − 最小、マスで
claim("ch09.ramp.align", float(off["RoI アライン"]))
claim("ch09.ramp.pool", float(off["RoI プーリング"]))
figures.plot_shift(shifts, moved)

# %% [markdown]
# RoI アラインの値は、箱を動かしたとおりに動きます。RoI プーリングの値は階段です。段の途中では、箱がずれても特徴が変わらないので、
# 特徴だけを受け取る側は、そのずれを知ることができません。
#
# ### 問題 2 RoI プーリング (2 点)
#
# ★★ Fast R-CNN の RoI プーリングをする関数 `roi_pool(feature, box, rows, columns, stride)` を、NumPy で書きましょう。
# `feature` は形 `(縦, 横)` の特徴マップ、`box` は画像の画素で表した箱 `(x1, y1, x2, y2)` の配列です (箱は画像の中にあります)。
#
# 1. 箱の 4 つの数を `stride` で割り、いちばん近い整数に丸めて、マスの番号にします。ちょうど .5 のときは切り上げます。
# 2. 特徴マップの最後のマスより大きい番号は、最後のマスの番号に直します。
# 3. 始まりの番号から終わりの番号まで、**両端のマスを含めて**切り出します (第 8 章と違い、論文のプログラムに合わせます)。
# 4. 切り出した縦 $h$ 個のマスを `rows` 個の区画に分けます。$i$ 番の区画 (0 から数えます) は、$\lfloor ih/\text{rows} \rfloor$ 番のマスから、$\lceil (i+1)h/\text{rows} \rceil$ 番の手前までです。
#    割り切れないときは、隣の区画と同じマスを使います。横も同じように `columns` 個に分けます。
# 5. 区画ごとの最大値を、形 `(rows, columns)` の配列で返します。
#
# たとえば次の値になります。
#
# ```python
# feature = np.arange(30.0).reshape(5, 6)  # 0, 1, …, 5 / 6, 7, …, 11 / …
# roi_pool(feature, np.array([4, 8, 28, 32]), 2, 2, 8)   # [[14, 16], [26, 28]]
# roi_pool(feature, np.array([4, 12, 28, 32]), 1, 2, 8)  # [[26, 28]]
# ```

# %%
# EXERCISE ch09.roi_pool

# %%
check("ch09.roi_pool")

# %% [markdown]
# ### 問題 3 1 区画に何点も取る RoI アライン (2 点)
#
# ★★ 論文の RoI アラインは、区画の真ん中の 1 点ではなく、区画の中の 4 点の平均を取ります。点の数も選べる関数
# `roi_align(feature, box, size, stride, samples)` を、NumPy で書きましょう。`feature` は形 `(縦, 横)` の特徴マップ、`box` は画像の画素で表した箱 `(x1, y1, x2, y2)` の配列です。
#
# 1. 箱を `size` × `size` の区画に、区画を `samples` × `samples` の小さな区画に等分します。小さな区画の**真ん中**が、読む点です。箱の端は丸めません。
# 2. 点の座標を `stride` で割り、0.5 を引いて、マスの番号 (実数) にします。0 から最後のマスの番号までの範囲を出るときは、範囲の端の値に直します。
# 3. 点の値は、まわりの 4 マスの双線形補間です。
# 4. 区画ごとの点の平均を、形 `(size, size)` の配列で返します。
#
# たとえば次の値になります。
#
# ```python
# feature = np.arange(30.0).reshape(5, 6)
# roi_align(feature, np.array([10, 8, 34, 32]), 2, 8, 2)  # [[9, 10.5], [18, 19.5]]
# ```

# %%
# EXERCISE ch09.roi_align

# %%
check("ch09.roi_align")

# %% [markdown]
# ### ずれは、マスクをどれだけ悪くするか
#
# 箱とクラスを与え、マスクだけを当てさせます。検出器が出す箱は正確ではないので、正しい箱の端を、辺の 25 % まで無作為に動かしました。
# 学習ずみの Faster R-CNN の**本体** (trunk、特徴マップを作る部分) を凍結し、マスクを答える小さなネットワーク (3 節) だけを学習します。
# **対照**として、端を動かさない**正しい箱**でも学習します。物体が、いつも箱にちょうど収まります。
# **乱数の種** (random seed、以下シード) を変えて、くり返しました (`python -m chapters.ch09_mask_rcnn.experiment alignment`)。

# %%
alignment = experiment.stored_alignment()
gain = {case: experiment.alignment_gains(alignment, *case) for case in figures.GIVEN_BOXES}
for case, gains in gain.items():
    print(f"{figures.GIVEN_BOXES[case]}: アライン − プーリング = {min_median_max(gains)}")
print(f"(シード {len(gains)} 通りの最小 / 中央値 / 最大)")
moved8, moved16, exact16 = gain.values()
claim("ch09.align.stride16", min(moved16))
claim("ch09.align.grows", float(max(np.subtract(moved16, moved8))))
figures.plot_alignment(alignment)

# %% [markdown]
# 端を動かした箱では、どちらのストライドでも、5 通りのシードのすべてで、RoI アラインのほうが良いマスクになりました。正しい箱では、差がほとんどなくなり、
# わずかながら向きも逆です。物体が箱にちょうど収まっていれば、丸めた特徴からでも形を描けました。
# 実際の検出器の箱は正確ではありません。この節の答えは、**失われるのは、箱に対する物体の位置**です。
#
# 論文では、ストライド 16 で約 3 点、32 で 7.3 点、マスクの AP が上がり、ストライドが大きいほど RoI アラインが効きました (表 2)。
# ここでは逆に、どのシードでも、ストライド 8 のほうが差が開きました。その理由は、確かめていません。
#
# ## 2. 地域提案ネットワーク: どこを見るかを、ネットワークに決めさせる
#
# 候補の箱を、画像処理ではなくネットワークに出させるには、何を学習させればよいのでしょうか。

# %%
figures.draw_network("trunk", "rpn", title="この節で組み立てるところ: 特徴マップと RPN")

# %% [markdown]
# **地域提案ネットワーク** (region proposal network、**RPN**。「領域提案ネットワーク」とも訳します) は、特徴マップのすべてのマスに、
# 大きさと縦横比の違う箱 (**アンカー**) を並べ、1 つずつについて「物体があるか」と「箱をどれだけ直すか」を答えます。
# アンカーは、Faster R-CNN の論文でもこの章でも、1 マスに 3 通りの大きさ × 3 通りの縦横比、合わせて 9 個です。

# %%
anchors = regions.anchor_boxes()
cells = regions.SIDE // regions.STRIDE
print(f"マス {cells}×{cells} × 9 = アンカー {len(anchors):,} 個")
scenes = shared_scenes("test")
best = np.concatenate([box_iou(scene.boxes, anchors).max(axis=1) for scene in scenes.scenes])
for least in (0.5, 0.7):
    print(f"最も合うアンカーとの IoU が {least} 以上の物体 {np.mean(best >= least):.1%}")
figures.show_anchors(scenes.scenes[0], anchors)

# %% [markdown]
# ### 問題 4 アンカーを並べる (1 点)
#
# ★ `height` 行 `width` 列のマスの真ん中にアンカーを並べる関数 `make_anchors(height, width, stride, scales, ratios)` を書きましょう。
# マスの一辺は、画像の `stride` 画素です。1 つのマスに、大きさ `scales` のそれぞれと、比 `ratios` のそれぞれを組み合わせたアンカーを置きます。
#
# - 比は、高さ ÷ 幅です。
# - 面積は、比によらず、大きさの 2 乗です。
# - アンカーは、左上と右下の角 `(x1, y1, x2, y2)` で表します。画像からはみ出しても、そのままにします。
# - 順は、1 行目のマスを左から右へ、次に 2 行目、と進みます。1 つのマスの中では、1 つ目の大きさについて比を先に全部並べ、次の大きさに進みます。
#
# 結果は、形 `(マスの数 × 大きさの数 × 比の数, 4)` の配列です。たとえば次の値になります。
#
# ```python
# make_anchors(1, 1, 8, [8, 16], [1, 4])
# # [[0, 0, 8, 8], [2, -4, 6, 12], [-4, -4, 12, 12], [0, -12, 8, 20]]
# ```

# %%
# EXERCISE ch09.anchors

# %%
check("ch09.anchors")

# %% [markdown]
# ### 手で計算する: アンカーから箱への差
#
# 箱を直す量は、アンカーの大きさで割った中心のずれと、大きさの比の対数で表します (第 8 章の `encode_boxes`)。たとえば幅 20 のアンカーを、中心を
# 4 画素右へ動かし、幅を 1.5 倍に直すべきなら、横の量は $4/20 = 0.2$ と $\ln 1.5 = 0.405$ です。0.1 と 0.2 で割って、どれも 1 くらいの数にそろえます。

# %% tags=["nbval-check-output"]
anchor, thing = np.array([[40.0, 40, 60, 60]]), np.array([[39.0, 40, 69, 60]])
print("教える値 (x, y, 幅, 高さ):", encode_boxes(thing, anchor)[0].round(3))

# %% [markdown]
# ### ネットワーク
#
# 特徴マップは、本体 (`build_detection_trunk`) のストライド 8 の出力に、ストライド 16 の出力を 2 倍に広げて足したものです。RPN は、その上の小さな畳み込みです。
# 領域ごとに答える 2 つの小さなネットワーク (**枝**、branch) も、ここで一緒に作っておきます。枝は、1 つの領域から切り出した特徴 ($7 \times 7$) を受け取ります。

# %% tags=["export"]
CHANNELS = 48


def conv(x, padding="same"):
    """3×3 の畳み込みと ReLU を掛けます。"""
    return layers.Conv2D(CHANNELS, 3, padding=padding, activation="relu")(x)


class MaskRCNN(keras.Model):
    """特徴マップ、RPN、ボックスの枝、マスクの枝。masks=False なら Faster R-CNN です。"""

    def __init__(self, masks=True):
        super().__init__()
        image = keras.Input((SIDE, SIDE, 3))
        _, fine, coarse = build_detection_trunk()(image)  # ストライド 4、8、16
        coarse = layers.UpSampling2D()(layers.Conv2D(CHANNELS, 1)(coarse))
        self.backbone = keras.Model(image, conv(layers.Conv2D(CHANNELS, 1)(fine) + coarse))

        maps = keras.Input((SIDE // STRIDE, SIDE // STRIDE, CHANNELS))
        x = conv(maps)
        scores, offsets = layers.Conv2D(9, 1)(x), layers.Conv2D(9 * 4, 1)(x)
        self.rpn = keras.Model(maps, [layers.Reshape((-1,))(scores), layers.Reshape((-1, 4))(offsets)])

        region = keras.Input((7, 7, CHANNELS))
        x = layers.Flatten()(conv(conv(region, "valid"), "valid"))
        x = layers.Dense(128, activation="relu")(x)
        offsets = layers.Reshape((CLASSES, 4))(layers.Dense(CLASSES * 4)(x))
        self.box_branch = keras.Model(region, [layers.Dense(CLASSES + 1)(x), offsets])  # 0 番は背景

        x = layers.Conv2DTranspose(CHANNELS, 2, 2, activation="relu")(conv(conv(region)))
        self.mask_branch = keras.Model(region, layers.Conv2D(CLASSES, 1)(x)) if masks else None


# %% [markdown]
# ### 教える値と損失
#
# どのアンカーを「物体」とするかは、IoU で決めます。物体との IoU が 0.5 以上なら物体 (論文は 0.7。上で見たとおり、0.7 に届く物体は少ないので下げます)、0.3 未満なら背景、
# その間は数えません。ただし、どの物体にも**最も合うアンカー**を 1 つは割り当てます。物体のアンカーはわずかで、ほとんどが背景です。
# 論文は、なるべく半々になるように 256 個を抜き出しますが、ここでは、物体の損失の平均と背景の損失の平均を、半分ずつにします。


# %% tags=["export"]
def mean_where(values, chosen):
    """選ばれたものの平均を返します。1 つもなければ 0 です。"""
    chosen = tf.cast(chosen, tf.float32)
    return tf.reduce_sum(values * chosen) / tf.maximum(tf.reduce_sum(chosen), 1.0)


def smooth_l1(difference):
    """1 までは 2 乗、その先は 1 次の損失を、4 つの数で平均します。"""
    size = tf.abs(difference)
    return tf.reduce_mean(tf.where(size < 1, size**2 / 2, size - 0.5), -1)


def rpn_losses(scores, offsets, boxes, valid):
    """RPN の 2 つの損失 (物体かどうか、箱の差) を返します。"""
    overlap = regions.pairwise_iou(ANCHORS[None], boxes) * valid[:, None]
    best, owner = tf.reduce_max(overlap, 2), tf.argmax(overlap, 2)
    champion = (overlap > 0) & (overlap > tf.reduce_max(overlap, 1, keepdims=True) - 1e-6)
    positive = (best >= 0.5) | tf.reduce_any(champion, 2)
    negative = (best < 0.3) & ~positive
    there = mean_where(tf.nn.softplus(-scores), positive)  # -log(sigmoid(s))
    not_there = mean_where(tf.nn.softplus(scores), negative)
    wanted = encode(tf.gather(boxes, owner, batch_dims=1), ANCHORS[None])
    return (there + not_there) / 2, mean_where(smooth_l1(offsets - wanted), positive)


# %% [markdown]
# 得点の高い箱を残し、それと大きく重なる箱を除くのが NMS でした。NMS で残った箱が**提案 (proposal)** です。TensorFlow には、画像の束をまとめて NMS にかける関数があります。


# %% tags=["export"]
def propose(scores, offsets, count=50):
    """直した箱を NMS (IoU 0.7) にかけ、得点の高い順に count 個までの提案を返します。"""
    boxes, likely = decode(offsets, ANCHORS)[:, :, None], tf.sigmoid(scores)[..., None]
    kept = tf.image.combined_non_max_suppression(boxes, likely, count, count, 0.7, 0.0, clip_boxes=False)
    return kept.nmsed_boxes, kept.nmsed_scores


# %% [markdown]
# ### 問題 5 RPN に教えるラベル (2 点)
#
# ★★ Faster R-CNN の論文の規則でアンカーにラベルを付ける関数 `rpn_labels(anchors, boxes, side)` を書きましょう。
# `anchors` は形 `(アンカーの数, 4)`、`boxes` は形 `(物体の数, 4)` の箱の配列、`side` は正方形の画像の一辺の画素数です。物体は 0 個のこともあります。
#
# - 画像からはみ出すアンカーは **−1** (使わない) です。画像の端にちょうど接するアンカーは、はみ出していません。
# - どれかの物体との IoU が 0.7 以上のアンカーは **1** (物体) です。
# - どの物体との IoU も 0.3 未満のアンカーは **0** (背景) です。
# - その間のアンカーは **−1** です。
# - ただし、物体ごとに、はみ出さないアンカーの中で IoU がいちばん大きいものは、0.7 に届かなくても **1** です。いちばんが 2 つ以上あれば、全部を 1 にします。どのアンカーとも重ならない物体 (IoU が 0) のためには、何もしません。
#
# 結果は、長さがアンカーの数の配列です。IoU には `box_iou` を使えます。たとえば次の値になります。
#
# ```python
# anchors = np.array([[10, 10, 20, 20], [10, 10, 20, 15], [40, 40, 50, 50], [-5, 0, 5, 10], [30, 10, 40, 16]])
# rpn_labels(anchors, np.array([[10, 10, 20, 20], [30, 10, 40, 20]]), 60)  # [1, -1, 0, -1, 1]
# ```

# %%
# EXERCISE ch09.rpn_targets

# %%
check("ch09.rpn_targets")

# %% [markdown]
# ### 学習ずみの RPN は、いくつの提案で物体を拾えるか
#
# この講座のプログラムで学習した重みを読み込みます (学習のしかたは 3 節)。提案と物体の IoU が 0.5 以上なら、その物体を「拾えた」と数えます。

# %%
model = load_weights(MaskRCNN(), shipped_data() / "detectors" / "mask_rcnn.npz")
find_regions = tf.function(lambda images: propose(*model.rpn(model.backbone(images, training=False)), 300))
test_images = regions.scaled(scenes.images)
proposals = np.concatenate([find_regions(part)[0] for part in np.split(test_images, 6)])

counts = (1, 5, 10, 20, 50, 100, 300)
recall = experiment.recalls(proposals, scenes.scenes, counts)
untrained = experiment.recalls(experiment.random_boxes(len(scenes), seed=course.seed), scenes.scenes, counts)
claim("ch09.rpn.recall50", recall[counts.index(50)])
figures.plot_recall(counts, {"RPN": recall, "同じ大きさの無作為な箱": untrained})

# %% [markdown]
# 無作為な箱に比べて、RPN の提案は、ずっと少ない数で物体を拾います。提案が少なければ、あとの枝が計算する領域も少なくて済みます。
# この節の答えは、**アンカーごとに「物体か」と「箱の差」の 2 つを学習させればよい**です。
#
# ### 問題 6 測って、提案の数を決める (2 点)
#
# ★★★ 提案が多いほど物体を見落としませんが、枝の計算は増えます。検証用の画像で測って、1 枚あたりの提案の数を決める関数
# `choose_proposals(found, truth, target)` を書きましょう。
#
# - `found` は、画像ごとの `(箱, 得点)` のリスト、`truth` は、同じ順に並べた画像ごとの `(物体の箱, 物体のクラス)` のリストです。提案の数は、画像によって違います。提案は、得点の順に並んでいるとは限りません。
# - 提案の数が n のときは、画像ごとに、得点の高い順に n 個の提案を使います。n 個に足りない画像では、全部を使います。得点が等しいときは、先に並んでいる提案を先に使います。
# - 同じ画像の、使った提案のどれかとの IoU が 0.5 以上なら、物体は拾われています。1 つの提案が、2 つの物体を拾ってもかまいません。
# - クラスの再現率は、全部の画像を合わせた、そのクラスの物体のうち、拾われたものの割合です。提案にはクラスがありません。
#
# **どのクラスの**再現率も `target` 以上になる n のうち、最小のもの (1 以上の整数) を返します。全部の提案を使っても届かなければ、`None` を返します。
#
# たとえば次の値になります。クラス 1 の物体は、得点が最も低い提案でしか拾えません。
#
# ```python
# found = [(np.array([[0, 0, 10, 10], [70, 0, 80, 10], [20, 0, 30, 10], [40, 0, 50, 10]]), np.array([0.9, 0.8, 0.6, 0.3]))]
# truth = [(np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]), np.array([0, 0, 1]))]
# choose_proposals(found, truth, 0.5)  # 4
# ```

# %%
# EXERCISE ch09.choose_proposals

# %%
check("ch09.choose_proposals")

# %% [markdown]
# ## 3. ボックスの枝とマスクの枝: 5 つの損失で、一緒に学習する
#
# 提案から、クラスと箱と形を、どうやって答えるのでしょうか。

# %%
figures.draw_network("align", "box", "mask", title="この節で組み立てるところ: 切り出しと、2 つの枝")

# %% [markdown]
# 枝の学習に使う領域は、提案と正しい箱から抜き出します。物体との IoU が 0.5 以上の領域 (物体の領域) を 8 個まで、そのほかの領域を 16 個です (論文は 1:3 の割合です)。


# %% tags=["export"]
def sample_regions(proposals, boxes, valid, positives=8, negatives=16):
    """学習する領域、その物体の番号、物体の領域かどうかを返します。物体の領域は、初めの 8 個に並びます。"""
    candidates = tf.concat([tf.stop_gradient(proposals), boxes], 1)
    overlap = regions.pairwise_iou(candidates, boxes) * valid[:, None]
    best, owner = tf.reduce_max(overlap, 2), tf.argmax(overlap, 2)
    real = tf.cast(candidates[..., 2] > candidates[..., 0], tf.float32)  # 詰めものの箱は使わない
    thing, order = real * tf.cast(best >= 0.5, tf.float32), tf.random.uniform(tf.shape(best))
    first = tf.math.top_k(2 * thing + real + order, positives).indices
    second = tf.math.top_k(3 * real - 2 * thing + order, negatives).indices
    chosen = tf.concat([first, second], 1)
    return tuple(tf.gather(each, chosen, batch_dims=1) for each in (candidates, owner, thing > 0))


# %% [markdown]
# **ボックスの枝**は、背景を含む 5 クラスの softmax と、クラスごとの箱の差を答えます。箱の損失は、物体の領域だけで数えます。
#
# **マスクの枝**は、クラスごとに 1 枚、合わせて 4 枚の $14 \times 14$ のマスクを答えます。学習するのは、**正解のクラスの 1 枚だけ**です。
# 画素ごとに 2 択 (sigmoid) なので、クラスどうしは争いません。何の形かを決めるのはボックスの枝の仕事です。


# %% tags=["export"]
def merged(array):
    """画像ごとの領域 (画像, 領域, …) を、1 列に並べます。"""
    return tf.reshape(array, [-1, *array.shape[2:]])


def branch_losses(model, maps, rois, owner, positive, batch):
    """ボックスの枝の 2 つの損失と、マスクの枝の損失を返します。"""
    features = align_regions(maps, rois)
    scores, offsets = model.box_branch(merged(features), training=True)
    label = tf.reshape(tf.gather(batch.labels, owner, batch_dims=1), [-1])
    thing = tf.reshape(positive, [-1])
    answer = tf.where(thing, label + 1, 0)
    kind = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(answer, scores))
    wanted = merged(encode(tf.gather(batch.boxes, owner, batch_dims=1), rois))
    place = mean_where(smooth_l1(tf.gather(offsets, label, batch_dims=1) - wanted), thing)
    if model.mask_branch is None:
        return kind, place, 0.0
    first = slice(0, 8)  # 物体の領域がある所だけ
    masks = model.mask_branch(merged(features[:, first]), training=True)
    label, thing = tf.reshape(label, tf.shape(owner))[:, first], positive[:, first]
    own = tf.gather(masks, tf.reshape(label, [-1]), axis=3, batch_dims=1)  # 正解のクラスの 1 枚
    shape = merged(regions.mask_targets(batch.masks, rois[:, first], owner[:, first]))
    error = tf.nn.sigmoid_cross_entropy_with_logits(shape, own)
    return kind, place, mean_where(tf.reduce_mean(error, [1, 2]), tf.reshape(thing, [-1]))


# %% [markdown]
# 部品がそろいました。1 ステップの学習は、特徴マップ → 提案 → 領域の抜き出し → 枝 と進み、5 つの損失を足して、全部の重みを一度に動かします。
# 学習は、第 8 章の場面の画素を分類することを学んだ本体から始めます。論文が、ImageNet の写真の分類を学んだ本体から始めるのと同じです。


# %% tags=["export"]
def mask_rcnn_losses(model, batch):
    """場面の束から、5 つの損失を返します。Faster R-CNN なら、マスクの損失は 0 です。"""
    maps = model.backbone(batch.images, training=True)
    scores, offsets = model.rpn(maps, training=True)
    rpn = rpn_losses(scores, offsets, batch.boxes, batch.valid)
    proposals, _ = propose(scores, offsets)
    rois = sample_regions(proposals, batch.boxes, batch.valid)
    return tf.stack([*rpn, *branch_losses(model, maps, *rois, batch)])


def make_step(model, optimizer, losses_of):
    """1 ステップ学習し、losses_of が計算した 5 つの損失を返す関数を作ります。"""

    @tf.function
    def step(*batch):
        with tf.GradientTape() as tape:
            losses = losses_of(model, *batch)
            total = tf.reduce_sum(losses)
        weights = model.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(total, weights), 5.0)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return losses

    return step


# %%
keras.utils.set_random_seed(course.seed)
rng = np.random.default_rng(course.seed)
train = regions.as_batch(shared_scenes("train", 300).scenes)
learner = MaskRCNN()
start_from_trunk(learner.backbone)
step = make_step(learner, keras.optimizers.AdamW(2e-3, weight_decay=1e-4), mask_rcnn_losses)
losses = np.array([step(regions.draw_batch(train, rng)) for _ in range(40)])
print(f"ここで {len(losses)} ステップ、付属の重みは {experiment.DETECTOR_STEPS:,} ステップ")
figures.plot_losses(losses, ("RPN: 物体か", "RPN: 箱", "枝: クラス", "枝: 箱", "枝: マスク"))

# %% [markdown]
# これだけでは、まだ使いものになりません。付属の重みは、同じ本体から、同じ関数で、もっと多くの場面を使って長く学習したものです
# (`python -m chapters.ch09_mask_rcnn.experiment mask_rcnn`)。
#
# ### 検出する
#
# 検出では、提案の箱をクラスごとに直し、クラスごとの NMS で絞ります。**マスクの枝は、残った箱だけ**に使います。


# %% tags=["export"]
def find_boxes(model, images, most=30):
    """特徴マップと、NMS で絞った箱、クラス、得点を返します。足りない所は 0 で埋まります。"""
    maps = model.backbone(images, training=False)
    rois, _ = propose(*model.rpn(maps, training=False))
    scores, offsets = model.box_branch(merged(align_regions(maps, rois)), training=False)
    count = rois.shape[1]
    likely = tf.reshape(tf.nn.softmax(scores)[:, 1:], [-1, count, CLASSES])
    boxes = decode(tf.reshape(offsets, [-1, count, CLASSES, 4]), rois[:, :, None])
    kept = tf.image.combined_non_max_suppression(boxes, likely, most, most, 0.5, 0.02, clip_boxes=False)
    return maps, kept.nmsed_boxes, tf.cast(kept.nmsed_classes, tf.int32), kept.nmsed_scores


def draw_masks(model, maps, boxes, labels):
    """箱ごとに、答えたクラスのマスク 14×14 (確率) を返します。"""
    masks = model.mask_branch(merged(align_regions(maps, boxes)), training=False)
    own = tf.gather(masks, tf.reshape(labels, [-1]), axis=3, batch_dims=1)
    return tf.reshape(tf.sigmoid(own), [-1, *boxes.shape[1:2], 14, 14])


# %%
found = experiment.detect(model, scenes.images)
figures.show_detections(scenes, found, chosen=range(3), least=0.5)

# %% [markdown]
# 実線の箱と、その中の色が検出 (得点 0.5 以上)、黒い点線が正解の箱です。
# この節の答えは、**提案ごとに特徴を切り出し、1 つの枝がクラスと箱を、もう 1 つの枝が形を答える**です。

# %% [markdown]
# ### 問題 7 小さなマスクを画像に貼る (2 点)
#
# ★★ マスクの枝は、箱の中を表す小さな正方形のマスクを答えます。これを画像に貼る関数 `paste_mask(mask, box, height, width)` を、NumPy で書きましょう。
# `mask` は形 `(m, m)` の確率、`box` は箱 `(x1, y1, x2, y2)` の配列です。箱の端は整数とは限らず、画像からはみ出すこともあります。
#
# 1. 画像の画素の**真ん中** (番号 + 0.5) が、箱の左端を 0、右端を 1 として、どの割合の所にあるかを求めます。縦も同じです。箱の端は丸めません。
# 2. 割合を $m$ 倍して 0.5 を引くと、マスクの番号 (実数) です。$k$ 番の値は、$m$ 等分した区画の真ん中の値だからです。
# 3. その位置の確率を、まわりの 4 つの値の双線形補間で求めます。マスクの**外の値は 0** とします。
# 4. 確率が 0.5 以上の画素が True の、形 `(height, width)` の真偽値の配列を返します。
#
# たとえば次のようになります (`astype(int)` で、True を 1 と表示しています)。
#
# ```python
# mask = np.array([[1.0, 0.25], [0.75, 0.5]])
# paste_mask(mask, np.array([1, 1, 9, 5]), 6, 10).astype(int)
# # [[0 0 0 0 0 0 0 0 0 0]
# #  [0 0 1 1 1 0 0 0 0 0]
# #  [0 1 1 1 1 1 0 0 0 0]
# #  [0 1 1 1 1 1 0 0 0 0]
# #  [0 0 0 1 0 0 0 0 0 0]
# #  [0 0 0 0 0 0 0 0 0 0]]
# ```

# %%
# EXERCISE ch09.paste_mask

# %%
check("ch09.paste_mask")

# %% [markdown]
# ## 4. マスクは、箱からどれだけ進んだか
#
# 箱を塗りつぶすだけでも、マスクにはなります。円を、ちょうど囲む正方形で答えたら、IoU はいくつでしょうか。
#
# $$\text{IoU} = \frac{\pi r^2}{(2r)^2} = \frac{\pi}{4} = 0.785$$
#
# これが基準です。「ピクセルレベルで精度が高い」と言うには、塗りつぶした箱に勝たなければなりません。

# %%
filled = experiment.filled_box_iou(scenes)
whole_circles = [iou for label, iou, hidden in filled if label == 0 and not hidden]
claim("ch09.mask.circle_fill", float(np.median(whole_circles)))

matched = experiment.matched_masks(found, scenes)
claim("ch09.mask.beats_fill", float(np.mean([p.mask - p.box for p in matched])))
for name, by_masks in (("箱", False), ("マスク", True)):
    scores = average_precision(found, scenes.scenes, 4, masks=by_masks)
    print(f"{name}の AP {scores.ap:.3f} (AP50 {scores.ap50:.3f})")
result_table(figures.mask_rows(matched), caption="見つけた物体のマスクの IoU の平均")

# %% [markdown]
# 「見つけた」は、箱の IoU が 0.5 以上で、クラスも正しいことです。どのクラスでも、マスクの枝が塗りつぶした箱に勝ちました。塗りつぶした箱の IoU が低いクラスほど、差が開きます。
# レポートの「物体の形状や細部を詳細にとらえる」は、形については確かめられました。細部は $14 \times 14$ までです。
#
# ### 「各クラスに対して独立したマスク」は、何を変えるか
#
# 画素ごとに「背景と 4 クラス」の softmax で、クラスどうしを争わせる方法もあります。正解が星 (3 番) の画素 1 つで、
# 損失の勾配が、どのクラスのマスクに届くかを比べます。

# %%
scores = tf.zeros((1, 5))  # 背景、円、三角形、四角形、星
with tf.GradientTape(persistent=True) as tape:
    tape.watch(scores)
    independent = tf.nn.sigmoid_cross_entropy_with_logits([1.0], scores[:, 4])  # 星の 1 枚だけ
    competing = tf.nn.sparse_softmax_cross_entropy_with_logits([4], scores)
print("sigmoid:", tape.gradient(independent, scores)[0].numpy().round(2))
print("softmax:", tape.gradient(competing, scores)[0].numpy().round(2))

masks = [experiment.alignment_values(alignment, 8, "align", kind) for kind in ("sigmoid", "softmax")]
better = experiment.gains(*masks)
print(f"マスクの IoU: sigmoid − softmax = {min_median_max(better)} (シード {len(better)} 通り)")
claim("ch09.mask.sigmoid", min(better))

# %% [markdown]
# sigmoid では、星のマスクだけが学びます。softmax では、同じ画素が、ほかの 3 クラスと背景のマスクも動かします。
# 精度は、1 節と同じ学習 (ストライド 8、端を動かした箱) で比べました。softmax では、正解のクラスの得点が**背景**の得点に勝つ画素をマスクとします。
# クラスは与えてあるので、ほかのクラスに負けても損をしません。それでも、どのシードでも、sigmoid のほうが良いマスクになりました。
# 論文でも、マスクの AP が 5.5 点高くなっています (表 2)。もっと長く学習したときの差は、分かりません。
#
# ## 5. Faster R-CNN: 提案をネットワークにして、どれだけ速くなったか
#
# Mask R-CNN からマスクの枝を除くと、2015 年の **Faster R-CNN** です (元の論文は RoI プーリングを使いました)。
# レポートは「物体候補領域の提案部分をニューラルネットワークで行うことでさらに高速化」と述べています。R-CNN と Fast R-CNN では、候補を出すのは
# 画像処理の仕事でした。その初めの段階である、scikit-image の領域分割 (`felzenszwalb`) と比べます。

# %%
seconds = experiment.time_parts(model, scenes.images[:20])
total = sum(seconds[part] for part in ("特徴マップ", "RPN と NMS", "切り出しとボックスの枝"))
claim("ch09.faster.proposals", seconds["領域分割 (RPN の代わり)"] / seconds["RPN と NMS"])
print(f"RPN と NMS が検出全体に占める割合: {seconds['RPN と NMS'] / total:.0%}")
print("1 枚に、" + "、".join(f"{part} {1000 * value:.1f}" for part, value in seconds.items()) + " ミリ秒")

# %% [markdown]
# 領域分割を 1 回するより短い時間で、RPN は提案を出し終えました。RPN は**検出に使う特徴マップを、提案にも使い回す**ので、足すのは、小さな畳み込みと NMS の時間だけです。
# この節の答えは、「提案の時間は、検出全体のうちの一部で済むようになった」です。
#
# ## 6. YOLO: 画像を 1 回だけ見る
#
# 提案も切り出しもやめて、画像から箱の一覧へ、1 回の計算で行けるでしょうか。

# %%
figures.draw_network("ytrunk", "dense", "grid", title="この節で組み立てるところ: YOLO")

# %% [markdown]
# YOLO は画像を $S \times S$ の格子で考え、物体の中心が入るマスに、物体を任せます。1 マスは、$B$ 個の箱 (中心、幅、高さ、信頼度) と、
# $C$ クラスの確率を答えます。
#
# ### 手で計算する
#
# 論文は $S = 7$、$B = 2$、$C = 20$ です。出力の数は $S \times S \times (B \times 5 + C)$ なので、次のようになります。


# %% tags=["nbval-check-output"]
claim("ch09.yolo.outputs", 7 * 7 * (2 * 5 + 20))
print(f"この章の数 {6 * 6 * (2 * 5 + 4)}、箱: 論文 {7 * 7 * 2}、この章 {6 * 6 * 2}")

# %% [markdown]
# ### 問題 8 4 つの物体のうち、YOLO が教わるのはいくつか (1 点)
#
# 96×96 画素の画像を、6×6 のマスに分けます (1 マスは 16 画素)。1 マスは 2 つの箱と、1 組のクラスの確率を答えます。
# 4 つの物体の中心 $(x, y)$ が、(20, 20)、(28, 28)、(40, 20)、(44, 28) 画素目にあるとき、学習で教わる物体はいくつでしょうか。
#
# - ア: 4 個。1 マスが 2 つの箱を答えるので、2 個ずつ受け持てる
# - イ: 2 個。1 マスが教わる物体は 1 つなので、残りの 2 個は教わらない
# - ウ: 1 個。近くにある物体は、NMS が 1 つにまとめる

# %%
# EXERCISE ch09.predict_crowd

# %%
check("ch09.predict_crowd")

# %% [markdown]
# 1 マスが答えるクラスの確率は 1 組だけです。だから、1 マスに 2 つの物体の中心が入ると、片方しか教わりません (この章では、大きいほうにします)。
# 2 つの箱は、形の違う物体を分担するためのもので、2 つの物体を答えるためのものではありません。
#
# ### 問題 9 YOLO に教える数 (2 点)
#
# ★★ 1 枚の画像の箱とクラスから、YOLO に教える数を作る関数 `yolo_encode(boxes, labels, width, height, cells, classes)` を書きましょう。
# `boxes` は形 `(物体の数, 4)` の箱 `(x1, y1, x2, y2)`、`labels` は 0 から始まるクラスの配列、`width` と `height` は画像の幅と高さの画素数です。物体は 0 個のこともあります。
#
# - 結果は、形 `(cells, cells, 5 + classes)` の配列 `target` です。添字は `[縦のマスの番号, 横のマスの番号]`、物体のないマスは全部 0 です。
# - 物体を受け持つのは、箱の**中心**が入るマスです。
# - そのマスの数は、順に $x, y, w, h$、信頼度の 1、そして、クラスの所だけが 1 の `classes` 個の数です。
# - $x, y$ は、マスの左上から測った中心の位置を、マスの幅と高さで割った数 (0 以上 1 未満) です。
# - $w, h$ は、箱の幅と高さを、**画像の**幅と高さで割った数です。平方根は取りません。
# - 1 つのマスを 2 つ以上の物体が取り合うときは、面積 (画素) の最も大きい物体だけを書きます。等しいときは、先に並んでいる物体です。
#
# たとえば次の値になります。2 つの物体が同じマスを取り合い、大きいほうが残ります。
#
# ```python
# boxes = np.array([[10, 20, 30, 36], [12, 22, 24, 30]])
# target = yolo_encode(boxes, np.array([1, 0]), 80, 40, 4, 2)
# target[2, 1]  # [0, 0.8, 0.25, 0.4, 1, 0, 1]
# target.sum()  # 3.45 (ほかのマスは 0)
# ```

# %%
# EXERCISE ch09.yolo_encode

# %%
check("ch09.yolo_encode")

# %% [markdown]
# ### ネットワーク
#
# 同じ本体のストライド 16 の出力が、ちょうど $6 \times 6$ マスです。論文 (とレポート) の YOLO は、ここで特徴マップを平らに並べ、全結合層に通します。
# この章では代わりに畳み込みを使い、重みをマスの間で共有します (8 節)。
# 中心はマスの左上から測り (0〜1)、幅と高さは**平方根**を答えます。同じ 2 画素の誤差を、小さな箱で重く数えるためです。

# %% tags=["export"]
BOXES = 2  # 1 マスが答える箱の数


def build_yolo(dense=False):
    """画像から、格子のマスごとの 2 × 5 + 4 個の数を返すネットワークを作ります。dense=True なら全結合層です。"""
    image, numbers = keras.Input((SIDE, SIDE, 3)), BOXES * 5 + CLASSES
    x = build_detection_trunk()(image)[2]
    if dense:
        x = layers.Dropout(0.3)(layers.Flatten()(layers.Conv2D(32, 1, activation="relu")(x)))
        x = layers.Dense(GRID * GRID * numbers)(layers.Dense(160, activation="relu")(x))
        return keras.Model(image, layers.Reshape((GRID, GRID, numbers))(x))
    x = layers.Conv2D(64, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, layers.Conv2D(numbers, 1)(x))


def cell_corners():
    """マスの左上の角 (x, y) を、マスの幅を 1 として返します。"""
    row, column = tf.meshgrid(tf.range(GRID), tf.range(GRID), indexing="ij")
    return tf.cast(tf.stack([column, row], -1), tf.float32)


def yolo_parts(outputs):
    """出力を、箱 (画像に対する割合)、マスの中の位置と大きさの平方根、信頼度、クラスの確率に分けます。"""
    shape = tf.shape(outputs)
    numbers = tf.reshape(outputs[..., : BOXES * 5], [shape[0], GRID, GRID, BOXES, 5])
    middle, half = (numbers[..., :2] + cell_corners()[:, :, None]) / GRID, numbers[..., 2:4] ** 2 / 2
    boxes = tf.concat([middle - half, middle + half], -1)
    return boxes, numbers[..., :4], numbers[..., 4], outputs[..., BOXES * 5 :]


# %% [markdown]
# ### 損失を、1 項ずつ
#
# 物体のあるマスでは、2 つの箱のうち、**いま物体との IoU が大きいほう**だけを責任のある箱 (responsible) として直します。
#
# | 項 | どこで | 何を | 重み |
# |:--|:--|:--|:--|
# | 中心 | 責任のある箱 | $(x-\hat x)^2 + (y-\hat y)^2$ | 5 |
# | 大きさ | 責任のある箱 | $(\sqrt w-\sqrt{\hat w})^2 + (\sqrt h-\sqrt{\hat h})^2$ | 5 |
# | 信頼度 (あり) | 責任のある箱 | $(c-\text{IoU})^2$ | 1 |
# | 信頼度 (なし) | ほかのすべての箱 | $c^2$ | 0.5 |
# | クラス | 物体のあるマス | $\sum_k (p_k - \hat p_k)^2$ | 1 |
#
# 信頼度 $c$ が目指すのは、責任のある箱では物体との IoU、ほかの箱では 0 です。ほとんどの箱には物体がありません。そこで論文は、「何もない」と教える勾配が
# 物体のあるマスの勾配を押し流さないように、重みを 0.5 に下げました (この章では比べていません)。


# %% tags=["export"]
def yolo_losses(outputs, cells):
    """5 つの項を、画像 1 枚あたりで返します。"""
    boxes, numbers, confidence, kinds = yolo_parts(outputs)
    truth = tf.concat([cells.centre - cells.size / 2, cells.centre + cells.size / 2], -1)[..., None, :]
    overlap = tf.stop_gradient(regions.pairwise_iou(boxes, truth)[..., 0])
    responsible = tf.one_hot(tf.argmax(overlap, -1), BOXES) * cells.filled[..., None]
    inside = cells.centre * GRID - cell_corners()  # マスの左上から
    wanted = tf.concat([inside, tf.sqrt(cells.size)], -1)[..., None, :]
    error, each = (numbers - wanted) ** 2, responsible[..., None]
    terms = (
        5 * tf.reduce_sum(each * error[..., :2]),
        5 * tf.reduce_sum(each * error[..., 2:]),
        tf.reduce_sum(responsible * (confidence - overlap) ** 2),
        0.5 * tf.reduce_sum((1 - responsible) * confidence**2),
        tf.reduce_sum(cells.filled[..., None] * (kinds - tf.one_hot(cells.label, CLASSES)) ** 2),
    )
    return tf.stack(terms) / tf.cast(tf.shape(outputs)[0], tf.float32)


def grid_losses(model, images, cells):
    """画像とマスの束から、5 つの項を返します。"""
    return yolo_losses(model(images, training=True), cells)


# %%
keras.utils.set_random_seed(course.seed)
learner = start_from_trunk(build_yolo())
step = make_step(learner, keras.optimizers.AdamW(2e-3, weight_decay=1e-4), grid_losses)
batches = [regions.draw_batch(train, rng) for _ in range(60)]
losses = np.array([step(batch.images, regions.grid_cells(batch)) for batch in batches])
terms = ("中心", "大きさ", "信頼度 (あり)", "信頼度 (なし)", "クラス")
parts = zip(terms, losses[:5].mean(axis=0), losses[-5:].mean(axis=0), strict=True)
print(f"{len(losses)} ステップのうち、初めの 5 ステップ → 終わりの 5 ステップ")
print("、".join(f"{name} {before:.2f} → {after:.2f}" for name, before, after in parts))

# %% [markdown]
# ### 問題 10 YOLO の 5 つの損失 (3 点)
#
# ★★★ 1 枚の画像の、5 つの損失の項を返す関数 `yolo_loss(predicted, target)` を、NumPy で書きましょう。
# `target` は問題 9 の結果、形 `(S, S, 5 + C)` の配列です。`predicted` は形 `(S, S, 5B + C)` の予測で、マスごとに $B$ 個の箱の $(x, y, w, h, \text{信頼度})$ が続けて並び、
# 最後がクラスの確率を表す $C$ 個の数です。$x, y, w, h$ の単位は `target` と同じで (ネットワークの出力と違い、$w, h$ は平方根ではありません)、$w, h$ は正の数です。$B$ と $C$ は形から分かります。
#
# - 物体のあるマスでは、物体との IoU が最も大きい箱だけ (等しければ先の箱) が、責任のある箱です。IoU は、$x, y$ と $w, h$ の単位をそろえて測ります。
# - 5 つの項は、上の表の「何を」を「どこで」の全部にわたって足し、「重み」を掛けた数です。「ほかのすべての箱」には、物体のあるマスの、責任のない箱も入ります。
#
# 表の順に、5 つの数を返します。IoU には `box_iou` を使えます。たとえば次の値になります。責任があるのは、2 つ目の箱です。
#
# ```python
# predicted = np.array([[[0.5, 0.5, 0.5, 0.5, 0.6, 0.5, 0.5, 0.25, 0.25, 0.2, 0.7, 0.4]]])
# target = np.array([[[0.5, 0.5, 0.25, 0.25, 1, 1, 0]]])
# yolo_loss(predicted, target)  # (0, 0, 0.64, 0.18, 0.25)
# ```

# %%
# EXERCISE ch09.yolo_loss

# %%
check("ch09.yolo_loss")

# %% [markdown]
# ### 検出する
#
# 検出の得点は、信頼度とクラスの確率の積です (どちらも 2 乗の誤差で学んだ数なので、負になることがあり、そのときは 0 とします)。あとは NMS だけです。


# %% tags=["export"]
def find_by_yolo(model, images, most=30):
    """NMS で絞った箱 (画素)、クラス、得点を返します。"""
    boxes, _, confidence, kinds = yolo_parts(model(images, training=False))
    scores = tf.nn.relu(confidence)[..., None] * tf.nn.relu(kinds)[..., None, :]
    count = GRID * GRID * BOXES
    boxes = tf.clip_by_value(tf.reshape(boxes, [-1, count, 1, 4]), 0.0, 1.0) * SIDE
    scores = tf.reshape(scores, [-1, count, CLASSES])
    kept = tf.image.combined_non_max_suppression(boxes, scores, most, most, 0.5, 0.02, clip_boxes=False)
    return kept.nmsed_boxes, tf.cast(kept.nmsed_classes, tf.int32), kept.nmsed_scores


# %%
yolo = load_weights(build_yolo(), shipped_data() / "detectors" / "yolo.npz")
found_by_yolo = experiment.detect(yolo, scenes.images)
crowded = [k for k, scene in enumerate(scenes.scenes) if len(scene.labels) >= 4][:4]
rows = {"Mask R-CNN": (found, 0.5), "YOLO": (found_by_yolo, 0.25)}
figures.compare_detections(scenes, rows, crowded)

# %% [markdown]
# 物体が 4 個以上ある、初めの 4 枚です。YOLO の得点は 2 つの数の積なので低めに出ます。そこで、描く得点の下限も下げました。
# この節の答えは、「行ける。多くの物体を 1 回の計算で見つけたが、箱の端は、二段階の検出器ほどは合わない」です。

# %% [markdown]
# ## 7. レポートの 3 つの文を測る
#
# レポートは YOLO を「他の物体検知手法と比べて高速」「小さな物体の検出が難しい」「物体が密集していたり重なり合っている場合には検出精度が低下する」と
# 述べています。同じ本体から、同じ場面で、同じステップ数だけ学習した重みで比べます。
#
# ### 速さ
#
# 画像を 1 枚ずつ渡し、検出が出るまでの時間を、同じ実行の中で交互に測ります (Faster R-CNN の時間は、3 節の重みで、マスクの枝を使わずに測ります)。

# %%
faster = experiment.seconds_an_image({"Faster R-CNN": model, "YOLO": yolo}, scenes.images[:40])
print("、".join(f"{name} {value * 1000:.1f} ミリ秒" for name, value in faster.items()))
claim("ch09.yolo.faster", faster["Faster R-CNN"] / faster["YOLO"])

# %% [markdown]
# ### 精度と、物体の大きさ
#
# 同じだけ箱がずれても、小さな物体ほど IoU は下がります。たとえば、一辺 $s$ 画素の正方形の箱が、縦にも横にも 2 画素ずれると、
# IoU は $(s-2)^2 / (2s^2 - (s-2)^2)$ で、$s = 6$ なら 0.29、$s = 48$ なら 0.85 です。どちらの検出器の AP が、大きく下がるでしょうか。

# %%
stored = experiment.stored_detectors()
share = {name: experiment.small_share(stored, name) for name in ("Faster R-CNN", "YOLO")}
for name, value in share.items():
    print(f"{name}: 小さな物体の AP は、大きな物体の AP の {value:.2f} 倍")
claim("ch09.yolo.small", share["YOLO"] / share["Faster R-CNN"])
result_table(
    figures.detector_rows(stored),
    caption=f"テスト用の {len(scenes)} 枚。どれも {experiment.DETECTOR_STEPS:,} ステップの学習 1 回ずつ",
)

# %% [markdown]
# どの検出器も、小さな物体が苦手です。落ち方は、YOLO のほうが Faster R-CNN より大きくなりました。その理由は、ここでは切り分けていません。
#
# 箱の AP は、Mask R-CNN のほうが Faster R-CNN よりわずかに高くなりました。論文も、マスクを一緒に学ぶと、箱の AP が 0.9 点上がると述べています (表 3)。
# けれども、どの重みもシードを変えない 1 回の学習です。これほど小さな差は、シードによる違いと区別できません。**分からない**、が答えです。
#
# ### 密集と重なり
#
# 物体の数、重なり、大きさを 1 つずつ変えた場面を新しく描き、同じ重みで検出しました (`… experiment conditions`)。学習し直してはいません。

# %%
conditions = experiment.stored_conditions()
kept = {name: experiment.kept_when_crowded(conditions, name) for name in ("Faster R-CNN", "YOLO")}
for name, value in kept.items():
    print(f"{name}: 物体 2 個の場面の AP50 に対して、10 個の場面は {value:.2f} 倍")
claim("ch09.yolo.crowd", kept["YOLO"] / kept["Faster R-CNN"])
print(f"物体 10 個の場面で、ほかの物体にマスを取られる物体: {experiment.lost_by_the_grid(10):.1%}")
figures.plot_conditions(conditions)

# %% [markdown]
# 左のパネルでは、大きさの範囲をそろえたまま、数だけを増やしました。どちらも下がり、YOLO のほうが大きく下がりました。数が増えれば、重なりも増えます。
# 中央のパネルは、8 個の物体をどこまで隠してよいかを変えたもので、重なるほど、どちらも下がります (まったく重ねない場面では、8 個が入りきらないことがあります)。
# 右のパネルでは、物体を 3 個までとし、重ねずに、大きさだけを変えました。
#
# マスを取られる物体の割合は、YOLO の AP50 の低下より、ずっと小さな数です。低下を、マスの取り合いだけでは説明できません。
# また、学習に使った場面の物体は 5 個までで、10 個の場面は、どちらの検出器にとっても初めてです。
#
# この節の答えは、「3 つの文とも、1 回ずつの学習では、そのとおりになった。ただし二段階の検出器も、小さな物体と重なりでは同じ向きに下がる」です。
#
# ## 8. 補足・訂正
#
# ### RoI アラインは「計算コストが高い」か
#
# 双線形補間は、1 つの値を読むのに 4 回の積和 (掛けて足す計算) を使います。検出全体の積和と比べましょう。時間も測ります。

# %%
cost = experiment.alignment_cost(model)
pool, align = (f"{1000 * cost[name]:.1f} ミリ秒" for name in ("pool", "align"))
print(f"50 個の領域の切り出し: プーリング {pool}、アライン {align}")
print(f"検出全体の積和に占める補間の割合 {cost['share']:.2%}")
claim("ch09.align.cost", cost["share"])

# %% [markdown]
# 補間の積和は、検出全体のごく一部です。時間は書き方によりますが、この章の 2 つの書き方では、RoI アラインのほうが遅いことはありませんでした。
#
# ### 「画像を複数のグリッドに分割し、各グリッドが特定の物体を検出する」か
#
# YOLO は画像を切り分けません。左上のマスの答えが、画像のどこを見ているかを、勾配で調べます。

# %%
with tf.GradientTape() as tape:
    image = tf.constant(test_images[:1])
    tape.watch(image)
    corner = tf.reduce_sum(yolo(image, training=False)[:, 0, 0])
sight = np.abs(tape.gradient(corner, image)[0]).sum(axis=-1)
outside = sight.copy()
outside[:16, :16] = 0
claim("ch09.yolo.sees_outside", float(outside.sum() / sight.sum()))
figures.show_sight(scenes.images[0], sight)

# %% [markdown]
# 左上のマスの答えは、枠の外の画素にも強く依存しています。切り分けた小片を 1 つずつ見ているのではなく、画像を見て、
# **答える担当をマスに割り振っている**のです。
#
# ### そのほか
#
# - **全結合層** レポート (と論文) の YOLO は、最後に全結合層を使います。この章では畳み込みに替えました。全結合層はマスごとに別の重みを学ぶので、
#   1 つの重みが学べる例が 36 分の 1 になります。論文の形は `build_yolo(dense=True)` です。YOLOv2 も、全結合層を外しました。
# - **「物体検知と平行して」マスクを予測する** 学習では、2 つの枝が同じ領域を同時に受け取ります。検出では、論文も 3 節のプログラムも、
#   ボックスの枝と NMS のあとに残った箱だけをマスクの枝に渡します。渡す箱が少なく、直したあとの箱になります。
# - **アンカーは「固定サイズのボックスをスライドさせ」** 固定なのは 9 通りの形で、答えはその形からの差です。箱を動かしながら 1 か所ずつ調べるのではなく、
#   畳み込みで、すべてのマスを同時に答えます。
# - **RoI アラインは「より多くのピクセルの情報を使う」** 1 点が読むのは 4 マスだけです。RoI プーリングは、区画の中のすべてのマスを見ます。
#   論文は、丸めてから補間する方法 (RoIWarp) も試し、精度は RoI プーリングとほぼ同じでした (表 2)。効いたのは、読むマスの数や補間ではなく、丸めないことです。
#
# ## 9. まとめ
#
# 1. RoI プーリングは箱の端を丸め、RoI アラインは実数の座標を双線形補間で読みます。
# 2. RPN は、アンカーごとに「物体か」と「箱の差」を答え、NMS で残った箱が提案になります。
# 3. Mask R-CNN は、Faster R-CNN に、クラスごとに 1 枚のマスクを答える枝を足したものです。
# 4. YOLO は、物体の中心が入るマスに物体を任せ、$S \times S \times (B \times 5 + C)$ 個の数を 1 回で答えます。
# 5. 速さと精度は、同じ画像、同じ本体、同じ学習の長さ、同じ機械で測って、はじめて比べられます。
#
# **早見表**
#
# $$w_k(p) = \max(0, 1 - |p - k|), \qquad L = L_{\text{RPN}} + L_{\text{クラス}} + L_{\text{箱}} + L_{\text{マスク}}$$
#
# ```python
# rois, _ = propose(*model.rpn(maps))                    # アンカー → 提案
# scores, offsets = model.box_branch(align_regions(maps, rois))   # 提案 → クラスと箱
# boxes = decode(offsets, rois)                          # NMS で絞る
# masks = model.mask_branch(align_regions(maps, boxes))      # 残った箱 → マスク
# ```
#
# | よく使う値 | 論文 | この章 |
# |:--|:--|:--|
# | アンカー | 3 つの大きさ × 3 つの比 | 3 × 3 |
# | RPN の物体 / 背景 | IoU 0.7 以上 / 0.3 未満 | 0.5 以上 / 0.3 未満 |
# | 提案の数 (検出のとき) | 300 か 1,000 | 50 |
# | RoI の大きさ、マスク | 7 と 14、28 | 7、14 |
# | YOLO の S、B、C | 7、2、20 | 6、2、4 |

# %%
claims_table()

# %%
score()
print(course.cost())

# %% [markdown]
# ## もっと調べる
#
# ここからは、興味のある人のためのものです。
#
# ### 公表された数字と並べる
#
# 論文の数字は、写真 (PASCAL VOC、COCO) と、何十倍も大きなネットワークのものです。この章の数字と、値そのものは比べられません。
#
# | 検出器 | データ | 精度 | 速さ |
# |:--|:--|:--|:--|
# | Faster R-CNN (VGG-16) | VOC 2007 | mAP 73.2 (07+12 で学習) | 7 枚 / 秒 |
# | YOLO | VOC 2007 | mAP 63.4 (07+12) | 45 枚 / 秒 |
# | Mask R-CNN (ResNet-101-FPN) | COCO | マスクの AP 35.7 | 5 枚 / 秒 |
#
# ### 考えてみよう (採点しません)
#
# ベルトコンベアを流れる部品を数えたいとします。部品は小さく、ときどき重なります。カメラの横には小さな計算機しかありません。
# 二段階の検出器と YOLO のどちらから始め、何を測って決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 1 枚にかけてよい時間はいくらか。部品の大きさは格子のマスと比べてどうか (1 マスに 2 つ入らないか)。数えるだけなら、形 (マスク) は要るのか。
# 格子を細かくする、入力を大きくするなど、YOLO の側で直せることは何か。見落としと数えすぎのどちらが困るか。何枚で測れば差が分かるか。
#
# </details>
#
# ### 学習のあいだの損失
#
# 付属の 3 つの重みは、それぞれ 1 回の学習です (シード 1)。どれも同じ本体から、1,500 枚の場面を 16 枚ずつ、左右と上下に反転しながら、AdamW で学習しました。
# 学習率は、初めに少しずつ上げ、そのあと余弦の形で 0 まで下げます。

# %%
result_table(
    figures.training_rows(experiment.stored_training()), caption="5 つの損失の和 (50 ステップの平均)"
)

# %% [markdown]
# ### 自分の写真で
#
# `load_scenes("coco")` は、環境変数 `COURSE_DATA_DIR` のフォルダーにある COCO 形式の写真を、同じ `Scene` にします。
# 3 節の `make_step` にそのまま渡せます (クラスの数 `CLASSES` は合わせてください)。
#
# ## 参考文献
#
# - K. He, G. Gkioxari, P. Dollár, R. Girshick, [Mask R-CNN](https://arxiv.org/abs/1703.06870), ICCV 2017
# - S. Ren, K. He, R. Girshick, J. Sun, [Faster R-CNN](https://arxiv.org/abs/1506.01497), NeurIPS 2015
# - R. Girshick, [Fast R-CNN](https://arxiv.org/abs/1504.08083), ICCV 2015
# - J. Redmon, S. Divvala, R. Girshick, A. Farhadi, [You Only Look Once](https://arxiv.org/abs/1506.02640), CVPR 2016
# - J. Redmon, A. Farhadi, [YOLO9000 (YOLOv2)](https://arxiv.org/abs/1612.08242), CVPR 2017
# - P. F. Felzenszwalb, D. P. Huttenlocher, [Efficient Graph-Based Image Segmentation](https://doi.org/10.1023/B:VISI.0000022288.19776.77), IJCV 2004
