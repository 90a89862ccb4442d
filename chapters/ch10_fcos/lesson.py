# %% [markdown]
# # 第 10 章 FCOS — FCOS: Object Detection without Anchors
#
# {{colab_badge}}
#
# **どんな問題か** SSD や Faster R-CNN は、大きさと縦横比を人が決めた何千枚もの箱 (**アンカー**、anchor) を画像に敷き詰め、
# 物体に合うものを探します。何枚を、どの大きさで置くかは、データごとに調整が要ります。2019 年、アデレード大学の Tian らは、
# アンカーを使わない **FCOS** (Fully Convolutional One-Stage) を発表しました。特徴マップの 1 点ごとに「ここには何があるか。
# その物体の端まで、上下左右に何画素か」を答えます。それだけで、候補を出さない 1 段階の検出器の、当時で最高の AP に達しました。
#
# *This chapter builds FCOS whole: targets without anchors, pyramid levels, centre-ness, the IoU loss and detection. It
# measures what each part brings over several seeds, compares hand-set anchors with hand-set ranges, and closes with all
# detectors of chapters 8 to 10 on the same scenes. Eight exercises and three questions grade themselves.*
#
# **この章でできるようになること**
#
# - 箱を 4 辺までの距離 (l, t, r, b) で表し、どの点がどの物体を受け持つかを決める
# - FCOS のネットワーク、損失、推論を組み立て、部品ごとの効き目を測る
# - AP と計算の量を同じ場面で比べて、検出器を選ぶ
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★★ IoU、NMS、AP、フォーカルロスは第 8 章 (物体検知)、2 段階の検出器は第 9 章 (Mask R-CNN) |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 図形の場面は、この講座のプログラムが描いたもの (CC BY 4.0)。重みの出どころは、[カード](../data/detectors/ch10.md) |
# | 論文 | Tian et al. 2019 [(FCOS)](https://arxiv.org/abs/1904.01355)、Lin et al. 2017 [(特徴ピラミッド)](https://arxiv.org/abs/1612.03144)、Lin et al. 2017 [(フォーカルロス)](https://arxiv.org/abs/1708.02002) |
# | 前後の章と用語 | ← [第 9 章 Mask R-CNN](09_mask_rcnn.ipynb) · [第 11 章 Transformer](11_transformer.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=10)

# %%
from chapters.ch10_fcos import experiment, figures, tables
from course_utils.backbones import DETECTOR_STEPS, multiply_adds
from course_utils.claims import claim, claims_table
from course_utils.detection import average_precision
from course_utils.scenes import shared_scenes
from course_utils.tables import result_table
from grader import check, hint, score, solution

figures.draw_network(title="FCOS の全体: どの段でも、同じ 2 つの塔を使う")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch10.distances")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. 箱を、アンカーなしで表す
#
# アンカーがなければ、箱を何から測ればよいでしょうか。FCOS は、**点から 4 辺までの距離**で測ります。
#
# ### 手で計算する
#
# 左上が (30, 20)、右下が (70, 60) の箱があり、その中の点 (40, 50) に立っているとします。左の辺 (left) まで 40 − 30 = 10、
# 上の辺 (top) まで 50 − 20 = 30、右の辺 (right) まで 70 − 40 = 30、下の辺 (bottom) まで 60 − 50 = 10 画素です。
#
# $$l = x - x_1, \quad t = y - y_1, \quad r = x_2 - x, \quad b = y_2 - y$$
#
# 戻すのも足し算と引き算だけです。$x_1 = x - l$、$x_2 = x + r$ で、$l + r$ は箱の幅になります。
# 4 つとも正なら点は箱の中にあり、1 つでも 0 以下なら、辺の上か外です。

# %%
train = shared_scenes("train", 300)
scene = train.scenes[26]
points = [(44, 51), (37, 57)]
figures.show_sides(scene, [0, 0], points)

# %% [markdown]
# アンカーの版と比べてください。アンカーから見た箱は「中心のずれ ÷ アンカーの幅」と「幅の比の対数」で、**アンカーの大きさ**を知らないと
# 箱に戻せません (第 8 章)。(l, t, r, b) は、点の場所さえ分かれば、箱に戻せます。

# %% [markdown]
# ### 問題 1 箱と、4 つの距離 (1 点)
#
# ★ 2 つの関数を書きましょう。
#
# - `to_sides(points, box)` は、形 `(n, 2)` の点 (x, y) と 1 つの箱 (x1, y1, x2, y2) から、点ごとの距離 (l, t, r, b) を、形 `(n, 4)` の配列で返します。
#   箱の外の点では、通り過ぎた辺までの距離を負にします。
# - `to_boxes(points, sides)` は、点と、点ごとの (l, t, r, b) から、点ごとの箱 (x1, y1, x2, y2) を、形 `(n, 4)` の配列で返します。
#
# たとえば次の値になります。
#
# ```python
# points, box = np.array([[4.0, 5.0], [1.0, 8.0]]), np.array([3.0, 2.0, 7.0, 6.0])
# to_sides(points, box)  # → [[ 1. 3. 3. 1.] [-2. 6. 6. -2.]]
# ```

# %%
# EXERCISE ch10.distances

# %%
check("ch10.distances")

# %% [markdown]
# ### 箱の損失
#
# 4 つの距離の差を損失にすると、大きな箱の 1 画素のずれも、小さな箱の 1 画素のずれも、同じ重さになります。
# FCOS は、評価に使う IoU そのものから損失を作ります (**IoU loss**)。同じ点から測った 2 つの箱なら、重なりも距離だけで書けます。
#
# $$L_{\text{IoU}} = -\ln \frac{I}{U}, \qquad I = \bigl(\min(l, l^*) + \min(r, r^*)\bigr)\bigl(\min(t, t^*) + \min(b, b^*)\bigr)$$
#
# $U$ は 2 つの面積の和から $I$ を引いたもので、面積は $(l + r)(t + b)$ です。20×20 の箱を 1 画素だけ横にずらして当てると、
# $I = 19 \times 20$、$U = 21 \times 20$ で、損失は $-\ln(19/21)$ です。10 倍に拡大しても、値は変わりません。

# %% tags=["nbval-check-output"]
import math

print("20×20 の箱を 1 画素ずらす:     ", round(-math.log(19 / 21), 4))
print("200×200 の箱を 10 画素ずらす:  ", round(-math.log(190 / 210), 4))
print("200×200 の箱を 1 画素ずらす:   ", round(-math.log(199 / 201), 4))

# %% [markdown]
# ### 問題 2 距離から IoU loss (2 点)
#
# ★★ IoU loss を NumPy で計算する関数 `iou_loss(predicted, wanted, positive)` を書きましょう。`predicted` (予測) と `wanted` (正解) は、形 `(n, 4)` の
# (l, t, r, b)、`positive` は形 `(n,)` の真偽値です。
#
# - `positive` が True の点だけで、−ln(IoU) を平均します。False の点には正しい箱がなく、どんな値 (0 や NaN も) が入っているか分かりません。
# - 正解の 4 つの距離は、どれも正です。予測の l + r と t + b は正ですが、1 つ 1 つの距離は負のこともあるので、2 つの箱が重ならないことがあります。
# - IoU が 1e-6 より小さければ、1e-6 として計算します。損失が無限大にならないようにするためです。
# - `positive` が True の点が 1 つもなければ、0.0 を返します。
#
# たとえば次の値になります。
#
# ```python
# predicted, wanted = np.array([[2.0, 2.0, 2.0, 2.0], [9.0, 9.0, 9.0, 9.0]]), np.array([[1.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
# round(float(iou_loss(predicted, wanted, np.array([True, False]))), 4)  # → 0.2877
# ```

# %%
# EXERCISE ch10.iou_loss

# %%
check("ch10.iou_loss")

# %% [markdown]
# ## 2. どの点が、どの物体を受け持つか
#
# 特徴マップの 1 マスを、そのまん中にある、画像の上の 1 点で表します。1 マスが画像の $s$ 画素四方に当たる (ストライド (stride) が $s$ の) 特徴マップなら、
# 点は $s$ 画素おきに、$(\frac{s}{2} + s\,i,\ \frac{s}{2} + s\,j)$ に並びます。

# %% tags=["export"]
import keras
import numpy as np
from keras import layers, ops

from course_utils.backbones import build_detection_trunk
from course_utils.detection import Detections, box_area, box_iou, nms, to_corners

CLASSES = 4  # 円、三角形、四角形、星
STRIDES = (4, 8, 16)
RANGES = ((0, 12), (12, 24), (24, np.inf))


def grid_points(size, strides=STRIDES):
    """全部の特徴マップの点 (x, y) と、点ごとのストライドを返します。"""
    levels = []
    for stride in strides:
        middles = (np.arange(size // stride) + 0.5) * stride
        x, y = np.meshgrid(middles, middles)
        levels.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    table = np.concatenate(levels)
    return table[:, :2], table[:, 2]


# %% tags=["nbval-check-output"]
places, of_point = grid_points(96)
print("(ストライド, 点の数):", [(s, int((of_point == s).sum())) for s in STRIDES])
print("ストライド 16 の最初の 3 点:", places[of_point == 16][:3].tolist())

# %% [markdown]
# 箱の中にある点が、その物体を受け持ちます。物体を受け持つ点を**正の点** (positive location)、ほかの点を背景と呼びます。
# では、いくつかの箱が重なったところの点は、どの物体を受け持てばよいでしょうか。どれとも決められないので、
# **あいまいな点** (ambiguous sample) と呼びます。FCOS は、2 つの決まりで解きます。
#
# 1. まず、**大きさの違う物体を、別の段に分ける**。
# 2. それでも重なった点は、**面積が最小の箱**を受け持つ。
#
# **段** (level) は、ストライド 4、8、16 の特徴マップから作る**特徴ピラミッド** (feature pyramid) の 1 枚 1 枚です。点から見た
# 4 つの距離のうち最大のもの $m = \max(l, t, r, b)$ が、段の**範囲**に入る点だけが受け持ちます。論文はストライド 8〜128 の 5 つの段で、
# 範囲の境目は 64、128、256、512 です。この章は 96 画素の場面なので、3 つの段で、境目をまず 12 と 24 にします (7 節で変えてみます)。
#
# 手で 1 つ確かめましょう。1 節の点 (40, 50) は $m = 30$ なので、ストライド 16 の段が受け持つはずです。同じ箱のまん中 (50, 40) は
# $m = 20$ で、ストライド 8 の段です。**同じ物体でも、見る場所によって段が変わります。**

# %% [markdown]
# ### 問題 3 点と物体の段を決める (2 点)
#
# ★★ 点と物体の組ごとに、どの段が受け持つかを返す関数 `levels(points, boxes, edges)` を書きましょう。`points` は形 `(n, 2)`、`boxes` は形 `(m, 4)` の配列、
# `edges` は段の境目を小さい順に並べたリストです。`m` は 0 のこともあります。結果は形 `(n, m)` の整数の配列です。
#
# - 点が箱の中にあれば、4 つの距離の最大値 m で段を決めます。最初の境目より小さければ 0、その上の段から順に 1、2、… です。
#   ちょうど境目のときは、上の (大きいほうの) 段です。
# - 点が箱の外か、辺の上にあれば、−1 です。
#
# たとえば次の値になります。
#
# ```python
# points, boxes = np.array([[10.0, 10.0], [30.0, 10.0]]), np.array([[0.0, 0.0, 20.0, 20.0], [4.0, 4.0, 40.0, 16.0]])
# levels(points, boxes, [12, 24])  # → [[ 0 2] [-1 2]]
# ```

# %%
# EXERCISE ch10.levels

# %%
check("ch10.levels")

# %% [markdown]
# 割り当ての全体です。`owners` は点ごとの持ち主を、`fcos_targets` はネットワークに教える値を作ります。


# %% tags=["export"]
def owners(boxes, points, low, high):
    """点ごとに、受け持つ物体の番号 (背景は −1) と、その物体の 4 辺までの距離を返します。"""
    distances = np.concatenate([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], axis=2)
    largest = distances.max(axis=2)
    inside = distances.min(axis=2) > 0
    wanted = inside & (largest >= low[:, None]) & (largest < high[:, None])
    area = np.where(wanted, box_area(boxes), np.inf)  # 何枚かの箱に入る点は、最小の箱の物体を受け持つ
    owner = area.argmin(axis=1)
    return np.where(wanted.any(axis=1), owner, -1), distances[np.arange(len(points)), owner]


# %% tags=["export"]
def fcos_targets(scene, strides=STRIDES, ranges=RANGES):
    """点ごとに (クラス, l, t, r, b) を並べます。背景のクラスは CLASSES、距離は 1 です。"""
    points, of_point = grid_points(len(scene.image), strides)
    level = np.searchsorted(strides, of_point)
    owner, distances = owners(scene.boxes, points, *np.array(ranges)[level].T)
    background = owner < 0
    classes = np.where(background, CLASSES, scene.labels[owner])
    return np.column_stack([classes, np.where(background[:, None], 1, distances)]).astype("float32")


# %%
def of_level(stride, low, high):
    """1 つの段の点と、それぞれが受け持つ物体の番号を返します。"""
    here, _ = grid_points(96, (stride,))
    owner, _ = owners(scene.boxes, here, np.full(len(here), low), np.full(len(here), high))
    return here, owner


panels = {"1 つの段だけ (ストライド 8)": of_level(8, 0, np.inf)}
panels |= {
    f"ストライド {s}、{low} 画素以上": of_level(s, low, high)
    for s, (low, high) in zip(STRIDES, RANGES, strict=True)
}
figures.show_levels(scene, panels)

# %% [markdown]
# 左端の 1 つの段だけの図では、大きな物体の上に小さな物体が重なったところを、小さなほうが奪っています。段に分けると、
# 小さな物体は細かい段、大きな物体は粗い段の担当になり、取り合いが減ります。

# %% [markdown]
# ### 問題 4 段の正解を作る (3 点)
#
# ★★★ 1 つの段のすべての点の正解を、画像の形に並べて返す関数 `level_targets(boxes, labels, height, width, stride, low, high)` を書きましょう。
# `boxes` は形 `(m, 4)`、`labels` は形 `(m,)` の整数の配列で、`m` は 0 のこともあります。画像の縦 `height` と横 `width` は `stride` の倍数です。
#
# - 点は、`stride` 画素四方のマスの中心にあります。行 i、列 j の点は x = (j + 0.5) × stride、y = (i + 0.5) × stride です。
# - 点が箱の中 (辺の上は除きます) にあり、4 つの距離の最大値が `low` 以上 `high` 未満の物体が候補です。候補のうち、箱の面積が最小の物体を受け持ちます。
#   面積が等しければ、番号の小さい物体です。
# - 3 つの配列のタプル `(classes, distances, centres)` を返します。`classes` は形 `(行, 列)` のクラスで、候補のない点は −1、
#   `distances` は形 `(行, 列, 4)` の (l, t, r, b) (画素)、`centres` は形 `(行, 列)` の中心らしさです。候補のない点の距離と中心らしさは 0 です。
#
# 中心らしさ (centre-ness) は、箱のまん中で 1、辺の上で 0 になる値です。次の節で使いみちを見ます。ここでは、$\sqrt{\frac{\min(l, r)}{\max(l, r)} \cdot \frac{\min(t, b)}{\max(t, b)}}$ と計算します。
#
# たとえば次の値になります。
#
# ```python
# boxes, labels = np.array([[0.0, 0.0, 8.0, 8.0], [1.0, 1.0, 16.0, 7.0]]), np.array([2, 3])
# level_targets(boxes, labels, 8, 16, 4, 0, 12)[0]  # → [[ 2 2 3 -1] [ 2 2 3 -1]]
# ```

# %%
# EXERCISE ch10.targets

# %%
check("ch10.targets")

# %% [markdown]
# 段に分けると、あいまいな点は、どれだけ減るでしょうか。まず、数える関数を書きましょう。
#
# ### 問題 5 あいまいな点の割合 (1 点)
#
# ★★ あいまいな点の割合を返す関数 `ambiguous_share(scenes, levels)` を書きましょう。`scenes` は場面ごとの箱の配列 (形 `(m, 4)`、`m` は 0 のこともあります) のリスト、
# `levels` は段ごとの `(points, low, high)` のリストで、`points` は形 `(n, 2)` の点です。
#
# - 点が箱の中 (辺の上は除きます) にあり、4 つの距離の最大値が、その段の `low` 以上 `high` 未満なら、その箱は点を**望み**ます。
# - 1 つ以上の箱に望まれる点の数と、2 つ以上の箱に望まれる点の数を、全部の場面の全部の段で足し、後者を前者で割った値を返します。
# - 望まれる点が 1 つもなければ、0.0 を返します。
#
# たとえば次の値になります。
#
# ```python
# scenes = [np.array([[0.0, 0.0, 8.0, 8.0], [2.0, 2.0, 12.0, 10.0]])]
# levels = [(np.array([[4.0, 4.0], [6.0, 6.0], [10.0, 4.0], [20.0, 4.0]]), 0, 100)]
# round(ambiguous_share(scenes, levels), 4)  # → 0.6667
# ```

# %%
# EXERCISE ch10.ambiguous

# %%
check("ch10.ambiguous")

# %%
choices = {
    "1 つ (ストライド 4)": ((4,), ((0, np.inf),)),
    "1 つ (ストライド 8)": ((8,), ((0, np.inf),)),
    "1 つ (ストライド 16)": ((16,), ((0, np.inf),)),
    "3 つ": (STRIDES, RANGES),
}
counted = {name: tables.shares(train.scenes, *choice) for name, choice in choices.items()}
claim("ch10.ambiguous", counted["3 つ"].ambiguous / counted["1 つ (ストライド 8)"].ambiguous)
claim("ch10.reach", counted["3 つ"].reached)
result_table(tables.shares_table(counted), caption="点の割り当て、訓練用の場面 300 枚")

# %% [markdown]
# 論文は COCO で、ストライド 16 の 1 つの段では 23.2 % だったあいまいな点が、5 つの段では 7.1 % に減ったと報告しています (表 2)。ここでも向きは同じです。
# 担当のある (受け持つ点が 1 つでもある) 物体の割合は、完璧なネットワークでも超えられない再現率の上限です (best possible recall、論文では 98.4 %)。
# ストライド 16 の 1 つの段では、点の間に落ちる小さな物体があり、上限が下がります。
# この節の答えは、**箱の中の点が受け持ち、段で分け、残った取り合いは最小の箱が勝つ**です。

# %% [markdown]
# ## 3. 中心らしさ

# %%
figures.draw_network("centre", "product", title="この節: 中心らしさと、その使い道")

# %% [markdown]
# 箱の隅にある点は、物体のごく一部と背景を見ながら、遠くの辺までの距離を答えることになります。論文は、そういう点から、ずれた箱がたくさん出ると報告しました。
# そこで FCOS は、点が箱のまん中にどれだけ近いかを表す**中心らしさ** (centre-ness、センターネス) も学び、得点に掛けます。
#
# $$\text{中心らしさ} = \sqrt{\frac{\min(l, r)}{\max(l, r)} \cdot \frac{\min(t, b)}{\max(t, b)}}$$
#
# まん中では $l = r$、$t = b$ なので 1、辺の上では 0 です。1 節の点なら $\sqrt{(10/30) \cdot (10/30)} = 1/3$ になります。
# 平方根は、まん中から離れたときに、値が急に下がらないようにするためのものです。

# %% [markdown]
# ### 問題 6 中心らしさの平均を予想する (1 点)
#
# 箱の中にびっしりと点を並べ、中心らしさを平均します。まん中では 1、辺の上では 0 です。平均は、どのくらいでしょうか。
#
# - ア: およそ 0.33
# - イ: およそ 0.5
# - ウ: およそ 0.67

# %%
# EXERCISE ch10.predict_centerness

# %%
check("ch10.predict_centerness")


# %%
def of_box(width, height):
    """幅と高さが決まった箱の、全部の画素の中心らしさを返します。"""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    across = np.minimum(x, width - x) / np.maximum(x, width - x)
    down = np.minimum(y, height - y) / np.maximum(y, height - y)
    return np.sqrt(across * down)


figures.show_centerness(of_box(60, 40), of_box(24, 40))

# %% [markdown]
# 箱の形によらず、辺に沿った値の並び方は同じです。横方向の平均は $2\int_0^{1/2}\!\sqrt{u/(1-u)}\,du = \pi/2 - 1$ なので、箱の中の平均は、
# どんな箱でも $(\pi/2 - 1)^2$ になります。正の点の多くは、まん中から遠いのです。

# %%
claim("ch10.centre.mean", float(of_box(600, 400).mean()))

# %% [markdown]
# ### 問題 7 中心らしさ (1 点)
#
# ★ 点ごとの (l, t, r, b) を並べた形 `(n, 4)` の配列 `sides` から、中心らしさを形 `(n,)` の配列で返す関数 `centerness(sides)` を書きましょう。
# 箱の外か辺の上の点、つまり 4 つの距離に 1 つでも 0 以下のものがある点では、0 にします。箱の幅 l + r と高さ t + b は、いつも正です。
#
# たとえば次の値になります。
#
# ```python
# centerness(np.array([[10.0, 30.0, 30.0, 10.0], [5.0, 5.0, 5.0, 5.0], [-2.0, 4.0, 8.0, 4.0]])).round(4)  # → [0.3333 1. 0. ]
# ```

# %%
# EXERCISE ch10.centerness

# %%
check("ch10.centerness")

# %% [markdown]
# ## 4. ネットワークと損失
#
# 特徴を取り出す本体 (backbone、バックボーン) は、第 8 章と第 9 章の検出器とまったく同じ小さな残差ネットワークです。3 つの特徴マップを、深いほうから順に拡大して足し
# (特徴ピラミッド)、どの段にも**同じ** 2 つの塔 (tower、3×3 の畳み込み 2 層) を掛けます。レポートの「分類ヘッド」は分類の塔とその上の畳み込み、
# 「回帰ヘッド」は回帰の塔とその上の畳み込みです。「センターネスヘッド」は 1 枚の畳み込みだけの枝で、ここでは回帰の塔から伸ばします
# (論文は、はじめ分類の塔から伸ばし、あとで、回帰の塔からのほうが良いと報告しました)。
#
# 距離は正でなければならないので、$\exp$ を通し、段のストライドを掛けます。


# %% tags=["export"]
def tower(channels):
    """3×3 の畳み込み 2 層。どの段にも同じ重みを使えるように、層を先に作ります。"""
    parts = []
    for _ in range(2):
        parts += [layers.Conv2D(channels, 3, padding="same"), layers.GroupNormalization(8), layers.ReLU()]
    return keras.Sequential(parts)


def exponential(raw, stride):
    """どんな実数からも、正の距離を作ります。ストライドを掛けるので、単位は段ごとに変わります。"""
    return stride * ops.exp(ops.clip(raw, -4, 4))


# %% tags=["export"]
def detector(strides=STRIDES, distances=exponential, per_point=1, channels=32):
    """画像から、点ごとの (クラスの logit, l, t, r, b, 中心らしさの logit) を返すモデルを作ります。"""
    image = keras.Input((None, None, 3))
    fine, middle, coarse = build_detection_trunk()(layers.Rescaling(1 / 127.5, -1)(image))
    top = layers.Conv2D(channels, 1)(coarse)  # 深い段の意味を、上から下へ足していく
    centre = layers.Conv2D(channels, 1)(middle) + layers.UpSampling2D()(top)
    bottom = layers.Conv2D(channels, 1)(fine) + layers.UpSampling2D()(centre)
    pyramid = {16: top, 8: centre, 4: bottom}
    classify, regress = tower(channels), tower(channels)
    rare = keras.initializers.Constant(-4.6)  # はじめは、どの点も「ほぼ背景」(確率 0.01) と答える
    scores = layers.Conv2D(per_point * CLASSES, 3, padding="same", bias_initializer=rare)
    sides = layers.Conv2D(per_point * 4, 3, padding="same")
    centred = layers.Conv2D(per_point, 3, padding="same")
    outputs = []
    for stride in strides:
        feature = layers.Conv2D(channels, 3, padding="same")(pyramid[stride])
        kinds, shape = classify(feature), regress(feature)
        raw = layers.Reshape((-1, 4))(sides(shape))
        parts = [layers.Reshape((-1, CLASSES))(scores(kinds)), distances(raw, stride)]
        outputs.append(ops.concatenate([*parts, layers.Reshape((-1, 1))(centred(shape))], axis=2))
    return keras.Model(image, ops.concatenate(outputs, axis=1))


# %%
fcos = detector()
grid = {s: (96 // s) ** 2 for s in STRIDES}
print(f"点の数 {sum(grid.values())}、出力の形 {fcos.output_shape}、パラメータ {fcos.count_params():,}")

# %% [markdown]
# 損失は 3 つの和です。クラスの損失は、全部の点のフォーカルロス (focal loss、第 8 章) です。箱の IoU loss と、中心らしさの交差エントロピー (BCE) は、
# 正の点だけで足します。割る数は、どれも正の点の数 $N$ です。
#
# $$L = \frac{1}{N}\Bigl(\sum_{\text{全部の点}} L_{\text{focal}} + \sum_{\text{正の点}} \bigl(L_{\text{IoU}} + L_{\text{BCE}}\bigr)\Bigr)$$


# %% tags=["export"]
def focal(truth, logits, alpha=0.25, gamma=2.0):
    """第 8 章のフォーカルロス。平均せず、和を返します。"""
    right = ops.sigmoid(ops.where(truth > 0, logits, -logits))
    weight = ops.where(truth > 0, alpha, 1 - alpha) * (1 - right) ** gamma
    return ops.sum(weight * ops.binary_crossentropy(truth, logits, from_logits=True))


def overlap(first, second):
    """同じ点から測った (l, t, r, b) どうしの IoU を返します。"""
    smaller = ops.minimum(first, second)
    inner = [ops.maximum(smaller[..., k] + smaller[..., k + 2], 0) for k in (0, 1)]
    areas = [(d[..., 0] + d[..., 2]) * (d[..., 1] + d[..., 3]) for d in (first, second)]
    intersection = inner[0] * inner[1]
    return intersection / (areas[0] + areas[1] - intersection)


def centred(distances):
    """中心らしさ。まん中で 1、辺の上で 0 です。"""
    pairs = [(distances[..., k], distances[..., k + 2]) for k in (0, 1)]
    ratios = [ops.minimum(a, b) / ops.maximum(a, b) for a, b in pairs]
    return ops.sqrt(ops.maximum(ratios[0] * ratios[1], 0))


# %% tags=["export"]
def fcos_loss(target, output, centerness=True):
    """クラス、箱、中心らしさの 3 つの損失を、物体を受け持つ点の数で割って足します。"""
    kind, wanted = target[..., 0], target[..., 1:]
    positive = ops.cast(kind < CLASSES, "float32")
    count = ops.maximum(ops.sum(positive), 1)
    truth = ops.one_hot(ops.cast(kind, "int32"), CLASSES)  # 背景は全部 0
    iou = overlap(output[..., CLASSES:-1], wanted)
    total = focal(truth, output[..., :CLASSES]) + ops.sum(positive * -ops.log(ops.maximum(iou, 1e-6)))
    if centerness:
        wrong = ops.binary_crossentropy(centred(wanted), output[..., -1], from_logits=True)
        total = total + ops.sum(positive * wrong)
    return total / count


# %% [markdown]
# ### その場で学習する
#
# ランダムな重みから、300 枚で少しだけ学習し、損失が下がることを見ます。物体を見つけるには足りません。
# 次の節では、同じ関数で長く学習した重みを読み込みます。

# %%
wanted = np.stack([fcos_targets(each) for each in train.scenes])
fcos.compile(keras.optimizers.AdamW(2e-3), loss=fcos_loss, jit_compile=False)
before = fcos.evaluate(train.images[:48], wanted[:48], batch_size=16, verbose=0)
history = fcos.fit(train.images, wanted, batch_size=16, epochs=3, verbose=0).history
print(f"学習前 {before:.2f} →", " → ".join(f"{value:.2f}" for value in history["loss"]))

# %% [markdown]
# ## 5. 点から検出まで
#
# 推論では、どの点も箱を 1 つ出します。クラスの確率に中心らしさを掛けて得点とし、低いものを捨て、
# NMS で重複を除きます。


# %% tags=["export"]
def decode(output, points):
    """1 枚分の出力を、箱、クラスの確率、中心らしさに直します。"""
    sides = output[:, CLASSES:-1]
    boxes = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
    return boxes, 1 / (1 + np.exp(-output[:, :CLASSES])), 1 / (1 + np.exp(-output[:, -1:]))


def detections(boxes, scores, threshold=0.01, iou=0.5, most=100):
    """クラスごとの得点から、しきい値と NMS で残った検出を返します。"""
    label, score = scores.argmax(axis=1), scores.max(axis=1)
    best = np.argsort(-score)[:most]
    best = best[score[best] > threshold]
    kept = best[nms(boxes[best], score[best], iou, label[best])]
    return Detections(boxes[kept], label[kept], score[kept])


# %% [markdown]
# 付属の重みを読み込みます (`python -m chapters.ch10_fcos.experiment weights`)。画素の分類を学んだ本体から始め、訓練用の場面 1,500 枚と、
# それを左右、上下に反転した場面で学習したものです。

# %%
trained = experiment.trained_fcos()
test = shared_scenes("test", 100)
outputs = trained.predict(test.images, batch_size=50, verbose=0)

boxes, probability, centre = decode(outputs[10], places)
stages = {
    "得点が 0.01 以上": detections(boxes, probability * centre, iou=1.0, most=len(boxes)),
    "そのうち 0.2 以上": detections(boxes, probability * centre, 0.2, iou=1.0),
    "NMS のあと": detections(boxes, probability * centre, 0.2),
}
figures.show_steps(test.scenes[10], stages)

# %%
found = [detections(b, p * c) for b, p, c in (decode(output, places) for output in outputs)]
figures.show_detections(test.scenes[:8], found[:8], least=0.2)

# %% [markdown]
# 点線が正解、実線が得点 0.2 以上の検出です。まわりに余白のある物体では、箱がよく合っています。重なったところには、見落としや、余分な箱があります。

# %% [markdown]
# ### 問題 8 出力から検出まで (2 点)
#
# ★★ 点ごとの出力から検出を作る関数 `detect(logits, sides, centres, points, threshold, iou, most)` を書きましょう。`logits` は形 `(n, クラスの数)` のクラスのロジット (logit、sigmoid に通す前の値)、
# `sides` は形 `(n, 4)` の (l, t, r, b)、`centres` は形 `(n,)` の中心らしさのロジット、`points` は形 `(n, 2)` の点 (x, y) です。
#
# 1. 点ごとに、sigmoid を通した確率がいちばん高いクラスを選びます。得点は、その確率と、sigmoid を通した中心らしさの積です。
# 2. 得点が `threshold` **より大きい**点だけを残し、箱 (x1, y1, x2, y2) に直します。
# 3. クラスごとに NMS をかけます。得点のより高い、同じクラスの残った箱との IoU が `iou` **より大きい**箱は消えます。
# 4. **NMS のあとで**、得点の高い順に `most` 個までを残します。
#
# `(箱, クラス, 得点)` の 3 つの配列を、得点の高い順に返します。1 つも残らないときの箱の形は `(0, 4)` です。
#
# たとえば次の値になります。
#
# ```python
# logits, centres = np.array([[3.0, -2.0], [2.0, -2.0], [-1.0, 1.0]]), np.array([-1.0, 2.0, 1.0])
# points, sides = np.array([[10.0, 10.0], [12.0, 10.0], [12.0, 10.0]]), np.full((3, 4), 8.0)
# detect(logits, sides, centres, points, 0.05, 0.5, 5)[0]  # → [[ 4. 2. 20. 18.] [ 4. 2. 20. 18.]]
# ```

# %%
# EXERCISE ch10.detect

# %%
check("ch10.detect")

# %% [markdown]
# ### 中心らしさは、良い箱を選んでいるか
#
# 1 つの物体のまわりに重なった箱のうち、NMS で残るのは、得点が最高の箱です。中心らしさを掛けると、もっとよく合う箱が残るでしょうか。
# 物体ごとに、その物体を受け持つ点の中から、得点が最高の点を選びます。得点の決め方だけを変えて、選ばれた点の箱の IoU を比べます。

# %%
low, high = np.array(RANGES)[np.searchsorted(STRIDES, of_point)].T
chosen_iou = []
for each, output in zip(test.scenes, outputs, strict=True):
    owner, _ = owners(each.boxes, places, low, high)
    boxes, probability, centre = decode(output, places)
    fits = box_iou(boxes, each.boxes)
    for k in np.unique(owner[owner >= 0]):
        mine = np.flatnonzero(owner == k)
        by_class = probability[mine].max(axis=1)
        ways = by_class, by_class * centre[mine, 0], fits[mine, k]
        chosen_iou.append([fits[mine[way.argmax()], k] for way in ways])
plain_iou, product_iou, best_iou = np.array(chosen_iou).T
figures.plot_winners(plain_iou, product_iou)

# %%
for name, values in {"クラスの確率": plain_iou, "積": product_iou, "最善の点": best_iou}.items():
    print(f"選ばれた箱の IoU の平均 ({name}): {values.mean():.3f}")
claim("ch10.centre.winner", float((product_iou - plain_iou).mean()))

# %% [markdown]
# 中心らしさを掛けると、選ばれる箱は平均して良くなります。ただし、いつもではありません。対角線の下の印は、掛けたために悪い箱が選ばれた物体です。
# 最善の点を選べたときとの差も、まだ残っています。
#
# ## 6. 部品は、どれだけ効くか
#
# 64 画素の小さな場面 600 枚で、乱数の種 (シード) を 5 通りに変えて学習し、別の 150 枚で測りました (`… experiment compare`)。
# どの検出器も、画素の分類を学んだ同じ本体から始めます。シードで変わるのは、本体の上の層の初期値と、場面を見せる順番です。
#
# はじめの 3 行は、3 つの段 (範囲の境目は 8 と 16) の、**学習した同じ重み**です。得点の作り方だけを変えます。「予測した箱から計算」は、中心らしさの枝を使わず、
# 予測した l, t, r, b を 3 節の式に入れたものです。あとの 2 行は、段の数と範囲を変えた別の学習で、学習した中心らしさを掛けています。AP の差は、0.01 を 1 点と数えます。

# %%
compared = experiment.stored_comparison()
rows = {
    "クラスの確率だけ": ("fcos", "none"),
    "× 学習した中心らしさ": ("fcos", "learnt"),
    "× 予測した箱から計算": ("fcos", "computed"),
    "1 つの段": ("one level", "learnt"),
    "3 つの段、境目を 2 倍に": ("fcos double", "learnt"),
}
result_table(
    tables.compared_table(compared, rows, paper=(0.335, 0.371, 0.335)),
    caption=f"64 画素の場面、{experiment.SHORT:,} ステップ、5 つのシード: 最小 / 中央値 / 最大",
)

# %%
ap = {name: tables.values(compared, *key) for name, key in rows.items()}
gain = tables.differences(ap["× 学習した中心らしさ"], ap["クラスの確率だけ"])
split = tables.differences(ap["3 つの段、境目を 2 倍に"], ap["1 つの段"])
calculated = tables.differences(ap["× 学習した中心らしさ"], ap["× 予測した箱から計算"])
claim("ch10.centre.ap", 100 * min(gain))
claim("ch10.centre.branch", 100 * min(calculated))
claim("ch10.levels.ap", 100 * min(split))

# %% [markdown]
# 学習した中心らしさを掛けると、5 つのシードのどれでも AP が上がりました。重みは同じなので、変わったのは得点の作り方だけです。
# 予測した箱から計算した値を掛けると、どのシードでも、掛けないときより下がりました。論文の表 4 でも、上がったのは学習した値だけです。
# 中心らしさは、箱とは**別の枝で学んで**、はじめて役に立ちます。ただし、いつでもではありません。範囲を半分にした FCOS (7 節) では、掛けても、上がったとは言えません。
#
# 段の数の答えは、一言では言えません。境目が 8 と 16 の 3 つの段は、あいまいな点が 1 つの段より少ないのに、5 つのシードのどれでも**負けました**。境目を 2 倍の
# 16 と 32 にすると、どのシードでも勝ちます。段に分けて得をするかは、**範囲の決め方しだい**です。なぜこれほど変わるのかは、この実験では切り分けていません。
# 論文は、段に分けるときと分けないときの AP を比べていません。
#
# ### 誤検出は減ったか
#
# 「誤検出が少なく」も測れます。96 画素のテスト用の場面 100 枚で、同じ再現率になるように得点のしきい値を選び、外れた検出 (IoU 0.5 に届かないか、二重) を数えます。

# %%
ways = {"クラスの確率だけ": "none", "× 学習した中心らしさ": "learnt", "× 予測した箱から計算": "computed"}
by_way = {name: experiment.found_in(outputs, places, way) for name, way in ways.items()}
plain, learnt = (tables.false_alarms(by_way[name], test.scenes, 0.9) for name in list(ways)[:2])
claim("ch10.false_alarms", learnt / plain)
result_table(
    tables.alarms_table(by_way, test.scenes, recalls=(0.8, 0.9, 0.95)),
    caption="付属の重み、テスト用の場面 100 枚。誤検出は、その再現率までの 1 枚あたりの数",
)

# %% [markdown]
# 付属の重みでも、学習した中心らしさを掛けるだけで AP が上がり、どの再現率でも誤検出が減りました。「誤検出が少なく精度が向上した」は、
# この意味で成り立ちます。ただし、こちらは 1 回の学習で、シードを変えてはいません。
#
# ## 7. アンカーの調整は、不要になるのか
#
# レポートは「アンカー方式に関連する複雑な設計や調整が不要になる」と述べています。論文も、RetinaNet の AP はアンカーの大きさ、縦横比、数によって
# 4 点まで変わる、と書いています (1 節)。確かめるために、本体も、特徴ピラミッドも、塔も、クラスと箱の損失も同じで、
# **割り当てと箱の表し方だけがアンカー**の検出器を作ります。どの点にも正方形のアンカーを 3 枚置き、IoU が 0.5 以上のアンカーが物体を受け持ちます。
# そういうアンカーがない物体にも、いちばん合うアンカーを 1 枚だけ渡します。


# %% tags=["export"]
SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))


def square_anchors(size, base):
    """どの点にも、1 辺がストライド × base × SCALES の正方形のアンカーを 3 枚置きます。"""
    points, stride = grid_points(size)
    sides = (stride[:, None] * base * np.array(SCALES)).reshape(-1, 1)
    return to_corners(np.column_stack([np.repeat(points, len(SCALES), axis=0), sides, sides]))


def anchor_targets(scene, base):
    """アンカーごとに (クラス, 中心から見た l, t, r, b) を並べます。IoU が 0.5 以上のアンカーが物体を受け持ちます。"""
    anchors = square_anchors(len(scene.image), base)
    iou = box_iou(anchors, scene.boxes)
    owner = np.where(iou.max(axis=1) >= 0.5, iou.argmax(axis=1), -1)
    owner[iou.argmax(axis=0)] = np.arange(len(scene.boxes))  # どの物体も、いちばん合うアンカーには渡す
    middle = (anchors[:, :2] + anchors[:, 2:]) / 2
    sides = np.concatenate([middle - scene.boxes[owner, :2], scene.boxes[owner, 2:] - middle], axis=1)
    background = owner < 0
    classes = np.where(background, CLASSES, scene.labels[owner])
    return np.column_stack([classes, np.where(background[:, None], 1, sides)]).astype("float32")


# %%
training = experiment.scenes_of("train").scenes
middle_of = {s: int(np.flatnonzero(grid_points(64)[1] == s)[0]) for s in STRIDES}
chosen = [3 * (middle_of[s] + (64 // s) * (32 // s) + 32 // s) + k for s in STRIDES for k in range(3)]
figures.show_anchors(
    training[0],
    {f"base = {base}": square_anchors(64, base)[chosen] for base in (1, 2, 4)},
)

# %% [markdown]
# `base` は人が決めます。FCOS にも、人が決めるものが残っています。**段の範囲**です。そこで、はじめに見積もった値 (アンカーは `base` = 2、範囲の境目は 8 と 16) を
# **基準**とし、どちらも半分と 2 倍に変えてみます。

# %% [markdown]
# ### 問題 9 大きさを決め間違えたら (1 点)
#
# アンカーの大きさと、FCOS の段の範囲の境目を、どちらも半分にします。学習する前に、訓練用の物体のうち、**担当のない物体**を数えます。
# アンカーでは「IoU が 0.5 以上のアンカーがない物体」、FCOS では「受け持つ点が 1 つもない物体」のことです。どれだけあるでしょうか。
#
# - ア: アンカーでは 1 割を超えるが、FCOS では 1 割に届かない
# - イ: アンカーでも FCOS でも、1 割を超える
# - ウ: アンカーでも FCOS でも、1 割に届かない

# %%
# EXERCISE ch10.predict_anchors

# %%
check("ch10.predict_anchors")

# %%
from functools import partial
from itertools import pairwise

settings = {
    "FCOS、基準": (tables.reached_by_points, experiment.BASE_RANGES),
    "FCOS、半分": (tables.reached_by_points, experiment.stretched(0.5)),
    "FCOS、2 倍": (tables.reached_by_points, experiment.stretched(2)),
    "アンカー、基準": (tables.reached_by_anchors, 2),
    "アンカー、半分": (tables.reached_by_anchors, 1),
    "アンカー、2 倍": (tables.reached_by_anchors, 4),
}
told = {name: count(training, setting) for name, (count, setting) in settings.items()}
edges, sizes = [6, 9, 12, 16, 22, 33], tables.longest(training)
figures.plot_reach(
    [f"{a}〜{b - 1}" for a, b in pairwise(edges)],
    {name: tables.by_size(values, sizes, edges) for name, values in told.items()},
)

# %% [markdown]
# アンカーは、半分でも 2 倍でも、担当のない物体が増えます。FCOS の範囲は、半分にすると、小さな物体まで粗い段に回され、点の間に落ちます。
# 2 倍にすると、担当のない物体は、ほとんどなくなります。では、設定はそのままで、もっと小さな物体や大きな物体の場面を見せたら、どうなるでしょうか。

# %%
kinds = tables.kind_titles()
claim("ch10.reach.anchors", 1 - told["アンカー、半分"].mean())
result_table(
    tables.reach_table(settings),
    caption="担当のある物体の割合、どの列も 64 画素の場面 150 枚",
)

# %% [markdown]
# 小さな物体の場面では、基準のアンカーでも、半分以上の物体に、合うアンカーがありません。FCOS の基準と 2 倍の範囲では、大半の物体に担当の点があります。
# ただし、担当があっても、学習していない大きさの物体を見つけられるとは限りません。**学習してから**、同じ 3 通りの場面で AP を測ります
# (`… experiment compare`、どれも中心らしさは掛けません)。

# %%
keys = "fcos", "fcos half", "fcos double", "anchors", "anchors half", "anchors double"
variants = {"FCOS、1 つの段": "one level", **dict(zip(settings, keys, strict=True))}
figures.plot_kinds(
    {
        title: {name: tables.values(compared, key, "none", scenes=kind) for name, key in variants.items()}
        for kind, title in kinds.items()
    }
)

# %%
ahead = partial(tables.least_gain, compared)
claim("ch10.tuning.anchors", ahead("anchors", "anchors half"))
claim("ch10.tuning.ranges", ahead("fcos double", "fcos half"))
claim("ch10.anchors.ap", ahead("fcos", "anchors", scoring="learnt"))
claim("ch10.sizes", min(ahead("fcos", "anchors", scenes=kind) for kind in ("small", "large")))
result_table(
    tables.kinds_table(compared, variants),
    caption="AP、5 つのシード: 最小 / 中央値 / 最大",
)

# %% [markdown]
# **調整は、要ります。** FCOS の AP は、範囲が半分か 2 倍かで、どのシードでも大きく変わりました。アンカーも、半分にすると、どのシードでも下がります
# (論文が述べる 4 点より大きな差です)。アンカーの基準と 2 倍の差は、シードによって向きが変わるので、分かりません。
# 「基準」は、はじめの見積もりにすぎず、FCOS では 2 倍のほうが、どのシードでも良い範囲でした。担当のない物体がいちばん少ないのも、2 倍の範囲です。
# ところが、アンカーでは、担当のない物体が多い 2 倍でも、AP は下がったとは言えません。数え上げだけでは、決められません。
#
# FCOS とアンカーを比べましょう。訓練用と同じ大きさで、基準どうしなら、中心らしさを掛けた FCOS は、どのシードでもアンカーを上回りました
# (6 節の表。論文では 0.363 と 0.359、表 3)。掛けないと、シードによって向きが変わり、分かりません。2 倍どうしなら、掛けなくても FCOS が上です。
#
# 「多様な物体サイズに対応でき」は、どうでしょうか。小さな物体でも大きな物体でも、基準どうし、2 倍どうしなら、どのシードでも FCOS がアンカーを上回りました。
# ただし、**どの検出器も、訓練用と同じ大きさのときより AP が大きく下がり**、小さな物体は、ほとんど見つけられません。アンカーよりは対応できる、というだけで、
# 学習していない大きさに強いわけではありません。段の数でいえば、小さな物体では、1 つの段は、基準と 2 倍の 3 つの段にどのシードでも負けます。

# %% [markdown]
# ### 問題 10 訓練用の箱から、段の範囲を決める (2 点)
#
# ★★★ 学習する前に、訓練用の箱を数えて、段の範囲を見積もりましょう。物体が段に均等に分かれる境目を選ぶ関数 `choose_ranges(scenes, candidates)` を書きます。
# `scenes` は場面ごとの箱の配列 (形 `(m, 4)`、`m` は 0 のこともあります) のリスト、`candidates` は境目のリストの候補を並べたリストで、
# 境目は小さい順、数はどの候補も同じです。
#
# - 物体の段は、箱の中心から見た最大の距離、つまり長いほうの辺の半分で決めます。ちょうど境目なら、上の (大きいほうの) 段です。
# - 候補ごとに、全部の場面の物体を段に分けて数え、いちばん多い段と、いちばん少ない段 (0 個も含みます) の差を求めます。
# - 差が最小の候補の `(境目のリスト, 段ごとの数のリスト)` を返します。同じ差なら、先に並んでいる候補です。
#
# たとえば次の値になります。
#
# ```python
# scenes = [np.array([[0.0, 0.0, 10.0, 8.0], [0.0, 0.0, 20.0, 30.0]]), np.array([[0.0, 0.0, 18.0, 9.0]])]
# choose_ranges(scenes, [[4, 8], [8, 12], [20, 40]])  # → ([8, 12], [1, 1, 1])
# ```

# %%
# EXERCISE ch10.choose_ranges

# %%
check("ch10.choose_ranges")

# %% [markdown]
# ## 8. 計算コストと、3 つの章の検出器
#
# レポートは「完全畳み込みネットワークとピクセルごとの予測により計算コストが増加している」と述べています。何と比べて、どれだけ増えるのでしょうか。

# %% [markdown]
# ### 問題 11 FCOS の計算の量を予想する (1 点)
#
# 96 画素の画像 1 枚で、FCOS 全体 (本体、特徴ピラミッド、塔、出力の畳み込み) の積和 (掛けて足す計算の回数) は、本体だけの何倍になるでしょうか。
#
# - ア: 1.1 倍ほど
# - イ: 1.5 倍ほど
# - ウ: 2 倍以上

# %%
# EXERCISE ch10.predict_cost

# %%
check("ch10.predict_cost")

# %%
parts = {
    "本体だけ": build_detection_trunk(),
    "FCOS、1 つの段": experiment.built("one level")[0],
    "FCOS、3 つの段": experiment.built("fcos")[0],
    "アンカー 3 枚、3 つの段": experiment.built("anchors")[0],
}
cost = {name: multiply_adds(model, (1, 64, 64, 3)) / 1e6 for name, model in parts.items()}
whole = multiply_adds(trained, (1, 96, 96, 3)) / multiply_adds(parts["本体だけ"], (1, 96, 96, 3))
claim("ch10.cost.heads", whole)
claim("ch10.cost.anchors", cost["FCOS、3 つの段"] / cost["アンカー 3 枚、3 つの段"])
result_table(
    [{"ネットワーク": name, "積和 (百万回)": value} for name, value in cost.items()],
    caption="64 画素の画像 1 枚",
    digits=1,
)

# %% [markdown]
# 特徴ピラミッドと塔は、どの段のどの点にも 3×3 の畳み込みを何枚も掛けるので、FCOS 全体の積和は、本体だけの何倍にもなります。レポートの文は、
# **本体だけ、あるいは段が 1 つの検出器と比べれば**、そのとおりです。ただし、FCOS に限ったことではありません。7 節のアンカーの
# 検出器は、点ごとにアンカーの数だけ答えを出すので、FCOS より少し多く掛かります。
#
# ### 8 つの検出器を、同じ場面で
#
# 第 8 章から第 10 章までの検出器は、どれも、画素の分類を学んだ同じ本体から始め、同じ訓練用の場面 1,500 枚とその反転で、同じステップ数だけ学習し、同じテスト用の場面 300 枚で測りました。

# %%
detectors = tables.summarised(tables.all_detectors()[0])
result_table(
    tables.detector_table(detectors),
    caption=f"テスト用の場面 300 枚、どれも {DETECTOR_STEPS:,} ステップ。小・中・大は、面積 16² と 32² で分けた AP。時間 (倍) は、本体だけの何倍か",
)

# %%
figures.plot_cost(detectors)

# %% [markdown]
# AP がいちばん高いのは、積和も時間もいちばん大きい R-CNN、いちばん速いのは、AP がいちばん低い YOLO です。FCOS は、AP も積和も時間も、SSD に近いところにあります。
#
# そろえたのは、出発点の本体、訓練用の場面、ステップ数です。違うのは、検出器の仕組みと、損失です。ただし、**どの検出器も 1 回の学習**です。
# 別のシードなら、どの AP も少し変わるので、小さな差は読み取れません。時間は、3 つの章で別々に測ったので、目安です。
# FCOS の範囲は、7 節でいえば「基準」です。2 倍にしたときの AP は、この大きさの場面では測っていません。
#
# ### 考えてみよう (採点しません)
#
# 農場のドローンが、畑の上から 1 種類の果実を数えます。果実は 8〜20 画素で、よく重なります。FCOS のストライド、段の範囲、中心らしさをどう決めますか。
# 何を測って決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 大きさの幅が狭いので、粗い段は要らない。重なりが多いので、あいまいな点の割合を、訓練用の箱から先に数える。
# 8 画素の果実にも点が入るストライドにする (2 節の「担当のある物体」)。段の範囲は、検証用の場面でいくつか試す。NMS のしきい値を、重なった果実を消さない値に、検証用の場面で決める。
# 数えるのが目的なら、AP より、決めたしきい値での個数の誤差を測る。
#
# </details>
#
# ## 9. 補足・訂正
#
# - **「各ピクセルが」** 答えるのは画像の画素ではなく、特徴マップの点です。いちばん細かい段でも、4 画素おきです。
# - **「調整が不要」** アンカーはなくなりましたが、段の数、範囲、正の点の決め方が残ります。7 節で見たとおり、範囲の決め方で AP は大きく変わります。
# - **「センターネスで誤検出が少なく」** 中心らしさが見分けるのは、箱のずれです。正の点だけで学ぶので、背景の点での値は教わっていません。
#   物体があるかどうかは、クラスの確率が受け持ちます。下のセルで、中心らしさだけを得点にすると、AP50 は 6 節の値より下がります。
# - **「ピクセルごとの予測により計算コストが増加」** 何と比べるかによります。8 節のとおり、アンカーの検出器と比べれば、増えません。
# - **NMS** 「一番スコアが高い」箱との比べ合いは、1 回では終わりません。残った中でいちばん高い箱を選ぶことを、くり返します。比べるのは同じクラスの箱どうしです。

# %%
by_centre = [
    detections(b, c * (p == p.max(axis=1, keepdims=True))) for b, p, c in (decode(o, places) for o in outputs)
]
print(f"中心らしさだけを得点にした AP50: {average_precision(by_centre, test.scenes, CLASSES).ap50:.3f}")

# %% [markdown]
# ## 10. まとめ
#
# 1. FCOS は、点から 4 辺までの距離で箱を表すので、アンカーの大きさを決めなくて済みます。
# 2. 箱の中の点が物体を受け持ち、特徴ピラミッドの段と範囲で、大きさの違う物体の取り合いを減らします。
# 3. 中心らしさは、まん中で 1、辺で 0 になる値です。枝で学んでクラスの確率に掛けると、AP が上がり、誤検出が減ります。
# 4. アンカーの大きさの代わりに、段の範囲が残ります。範囲の決め方で AP は大きく変わるので、調整は不要になりません。
# 5. 計算コストが増えるかは、何と比べるかによります。本体だけの何倍にもなりますが、アンカーの検出器よりは少なく済みます。
#
# **早見表**
#
# $$L = \frac{1}{N}\Bigl(\sum L_{\text{focal}} + \sum_{\text{正の点}} (-\ln \text{IoU} + L_{\text{BCE}})\Bigr), \qquad \text{得点} = \text{クラスの確率} \times \text{中心らしさ}$$
#
# ```python
# inside = distances.min(axis=2) > 0                                   # 箱の中の点だけ
# wanted = inside & (distances.max(axis=2) >= low) & (distances.max(axis=2) < high)  # 段の範囲
# owner = np.where(wanted, area, np.inf).argmin(axis=1)                # 最小の箱が勝つ
# boxes = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)     # 箱に戻す
# ```
#
# | よく使う値 | |
# |:--|:--|
# | 段のストライドと範囲 (論文、COCO) | 8, 16, 32, 64, 128 と 0, 64, 128, 256, 512, ∞ |
# | フォーカルロス | $\alpha = 0.25$、$\gamma = 2$、はじめの確率 0.01 |
# | NMS のしきい値 | 0.6 (論文)、0.5 (この章) |

# %%
claims_table()

# %%
score()
print(course.cost())

# %% [markdown]
# ## もっと調べる
#
# - **中心の近くだけを正の点にする** (center sampling): 箱の中でも、中心からストライドの 1.5 倍以内の点だけを正の点にします。論文の表 3 では、AP が上がりました (0.374 → 0.381)。
#   `owners` の `inside` を変えて、あいまいな点がどれだけ減るかを数えてみましょう。
# - **ATSS** (Zhang et al. 2020) は、RetinaNet と FCOS の AP の差は、正の点の決め方の違いでほとんど説明できると示しました。7 節の比べ方は、この論文と同じ考えです。
# - **自分の写真で**: `COURSE_DATA_DIR` に COCO 形式の `coco` フォルダを置くと、`load_scenes("coco")` が同じ形の場面を返します。
#
# ## 参考文献
#
# - Z. Tian, C. Shen, H. Chen, T. He, [FCOS: Fully Convolutional One-Stage Object Detection](https://arxiv.org/abs/1904.01355), ICCV 2019
# - T.-Y. Lin et al., [Feature Pyramid Networks for Object Detection](https://arxiv.org/abs/1612.03144), CVPR 2017
# - T.-Y. Lin et al., [Focal Loss for Dense Object Detection](https://arxiv.org/abs/1708.02002), ICCV 2017
# - J. Yu et al., [UnitBox: An Advanced Object Detection Network](https://arxiv.org/abs/1608.01471), ACM MM 2016 (IoU loss)
# - S. Zhang et al., [Bridging the Gap Between Anchor-based and Anchor-free Detection via Adaptive Training Sample Selection](https://arxiv.org/abs/1912.02424), CVPR 2020
