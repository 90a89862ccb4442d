# %% [markdown]
# # 第 23 章 Grad-CAM、LIME、SHAP — Explaining what a model looked at
#
# {{colab_badge}}
#
# **どんな問題か** 深層学習のモデルは、何百万もの重みで答えを出します。なぜそう答えたのかは、重みを眺めても読み取れません。中の見えない箱、
# **ブラックボックス**です。診断や融資の判断では、「よく当たるから信じてよい」とは言えません。背景や余計な印を見て当てていることもあるからです。
# 2016〜2017 年に、答えの根拠を調べる方法が続けて現れました。Ribeiro たちの **LIME**、Selvaraju たちの **Grad-CAM**、Lundberg と Lee の **SHAP** です。
# 医用画像の点検、融資の審査の説明、学習データの誤りさがしなどで、いまも使われています。
#
# *This chapter writes Grad-CAM, LIME and SHAP from their definitions and asks a classifier trained on ImageNet what it sees in
# real photographs. What they say is proven by hiding it, and measured where the evidence is known. The report's Grad-CAM is run
# as it was, and its faults are mended one by one. Eight exercises and four questions grade themselves.*
#
# **この章でできるようになること**
#
# - Grad-CAM、LIME、SHAP を定義から書き、どの数が何を意味するのかを説明する
# - 説明が本当にモデルを説明しているかを、隠す、ランダムな重みと比べる、挿入曲線と削除曲線を描く、の 3 つで確かめる
# - 画像、表、文のそれぞれに合った方法を選び、費用と限界を数で言う
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ 畳み込みと全体平均プーリングは [第 5 章](05_resnet_transfer.ipynb)。微分の記号が読めること |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 写真は scikit-image、糖尿病の表は scikit-learn に付属。分類器の重みは Apache-2.0 ([モデルカード](../data/imagenet/README.md))。図形の絵と文はこの講座で作成 (CC BY 4.0) |
# | 論文 | Selvaraju et al. 2017 [(Grad-CAM)](https://arxiv.org/abs/1610.02391)、Ribeiro et al. 2016 [(LIME)](https://arxiv.org/abs/1602.04938)、Lundberg & Lee 2017 [(SHAP)](https://arxiv.org/abs/1705.07874) |
# | 前後の章と用語 | ← [第 22 章 グラフ畳み込み](22_gcn.ipynb) · 第 24 章 (準備中) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=23)

# %%
from itertools import permutations

import numpy as np
import tensorflow as tf

from chapters.ch23_gradcam_lime_shap import experiment, figures, methods, photos, tables
from chapters.ch23_gradcam_lime_shap.shapes import KINDS, draw_shapes
from course_utils.backbones import load_efficientnet_lite0, preprocess, preprocess_lite0
from course_utils.claims import claim, claims_table
from course_utils.photos import load_photo
from course_utils.tables import result_table
from grader import check, hint, score, solution

rng = np.random.default_rng(course.seed)
figures.draw_methods(title="この章の 3 つの方法。Grad-CAM は中を、LIME と SHAP は出口だけを見ます")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch23.cam_weights")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. Grad-CAM: どこを見て答えたか
#
# ImageNet の 1,000 種類を学習した分類器に、3 枚の写真を見せます。EfficientNet-Lite0 という、スマートフォン向けの小さなネットワークです。

# %%
names = {"chelsea": "猫", "coffee": "コーヒー", "camera": "カメラを構える人"}
photographs = np.stack([load_photo(name) for name in names])
classifier = load_efficientnet_lite0()
any_number = tf.TensorSpec((None, 224, 224, 3))
ask = tf.function(classifier, input_signature=[any_number])  # 何百枚も尋ねるので、速い形にしておく

inputs = preprocess_lite0(photographs)
logits = ask(inputs).numpy()
answers = logits.argmax(axis=1)
result_table(tables.guesses(names.values(), logits), caption="分類器の答えと確率")

# %% [markdown]
# 3 枚目の答えは、人でもカメラでもありません。**どこを見て**、そう答えたのでしょうか。Grad-CAM は、畳み込みが残した「場所」の情報から、それを描きます。
#
# ### 手で計算する
#
# 最後の畳み込み層の特徴マップが 2 枚 (2×2) あるとします。
#
# $$A^1 = \begin{pmatrix} 1 & 0 \\ 2 & 1 \end{pmatrix}, \qquad A^2 = \begin{pmatrix} 0 & 3 \\ 1 & 0 \end{pmatrix}$$
#
# クラスの得点を各マスで微分し、マップごとに平均した値が $\alpha_1 = 0.5$、$\alpha_2 = -1$ だったとします。
# $0.5 A^1 - A^2$ を計算し、負の値を 0 にすると、左上と右下だけが残ります。
#
# 式で書くと、次のとおりです。$y^c$ はクラス $c$ の**得点 (logit)**、つまり softmax の前の値で、$Z$ はマスの数です。
#
# $$\alpha_k^c = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad
# L^c = \mathrm{ReLU}\Bigl( \sum_k \alpha_k^c A^k \Bigr)$$
#
# レポートの 3 つの文「勾配を計算し」「勾配を集約し」「重み付けされた特徴マップを合計して」が、そのまま 3 行になります。


# %% tags=["export"]
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def gradcam_maps(model, layer, inputs, classes):
    """前処理ずみの画像 (n, 高さ, 幅, 3) のそれぞれを、classes のクラスについて説明するマップ (n, h, w) を返します。"""
    middle = model.get_layer(layer).output
    features = keras.Model(model.input, middle)(inputs)
    rest = keras.Model(middle, model.output)  # 特徴マップから得点まで。勾配が要るのは、ここだけ
    with tf.GradientTape() as tape:
        tape.watch(features)
        chosen = tf.gather(rest(features), classes, axis=1, batch_dims=1)
    gradients = tape.gradient(chosen, features)  # 勾配を計算し
    alpha = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)  # 集約し
    return tf.nn.relu(tf.reduce_sum(alpha * features, axis=-1)).numpy()  # 重みを付けて合計する


def mean_colour(image):
    """「何も見せない」絵として、どこも画像の平均の色の絵を返します。"""
    return np.broadcast_to(image.mean(axis=(0, 1)).round().astype("uint8"), image.shape)


# %%
coarse = gradcam_maps(classifier, "top_activation", inputs, answers)
heats = methods.enlarge(coarse, 224)
answer_names = [guess["1 位"] for guess in tables.guesses(names.values(), logits)]
print(f"特徴マップと同じ粗さ {coarse.shape} → 拡大 {heats.shape}")
figures.show_maps(
    photographs, heats, [f"「{name}」" for name in answer_names], heading="Grad-CAM", alt="ch23.gradcam"
)

# %% [markdown]
# 白い線は最大値の半分を超えた場所、×は最大の場所です。3 枚目では、三脚の脚が光りました。
#
# ### 問題 1 隠したら、どうなるか (1 点)
#
# 図が光っただけでは、そこが根拠だとは言えません。**隠して**確かめましょう。写真を 32 画素四方の 49 の区画に分け、
# Grad-CAM の値の大きい 10 区画 (およそ 2 割) を、写真の平均の色で塗りつぶします。「三脚」の確率は、はじめ 0.9 を超えていました。どうなるでしょうか。
#
# - ア: 0.8 より高いまま
# - イ: 0.3〜0.8 に下がる
# - ウ: 0.1 より低くなる

# %%
# EXERCISE ch23.predict_hide

# %%
check("ch23.predict_hide")

# %% [markdown]
# 比べる相手には、10 区画を**ランダムに**選んで隠した場合を使います。どこを隠しても下がるのなら、Grad-CAM の手柄ではありません。


# %%
def probability(images, label, batch=8):
    parts = [ask(preprocess_lite0(images[i : i + batch])) for i in range(0, len(images), batch)]
    return ops.softmax(ops.concatenate(parts)).numpy()[:, label].astype("float64")


def hide_top(image, heat, count=10):
    ranks = methods.tile_order(heat, 32, rng)  # 区画を、値の大きい順に並べた順位
    return np.where((ranks < count)[..., None], mean_colour(image), image)


# %%
hidden = np.stack([hide_top(image, heat) for image, heat in zip(photographs, heats, strict=True)])
rows = []
for image, cut, label, name in zip(photographs, hidden, answers, answer_names, strict=True):
    at_random = [hide_top(image, rng.random(image.shape[:2])) for _ in range(10)]
    before, by_map, *others = probability(np.stack([image, cut, *at_random]), label)
    middle = float(np.median(others))
    rows.append({"答え": name, "もとの確率": before, "Grad-CAM の 10 区画": by_map, "ランダム": middle})
claim("ch23.hide.tripod", rows[2]["Grad-CAM の 10 区画"])
claim("ch23.hide.random", max(row["Grad-CAM の 10 区画"] - row["ランダム"] for row in rows))
for when, image in (("はじめ", photographs[0]), ("隠すと", hidden[0])):
    print(when, f"猫の 5 クラスの合計 {sum(probability(image[None], c)[0] for c in range(281, 286)):.2f}")
titles = [f"「{name}」" for name in answer_names]
figures.show_grey(hidden, titles, heading="Grad-CAM の 10 区画を隠した写真", alt="ch23.hidden")
result_table(rows, caption="10 区画を隠したときの確率 (ランダムは 10 回の中央値)")

# %% [markdown]
# 三脚もコーヒーも、示された場所を隠すと答えが崩れます。分類器は、人ではなく三脚を見ていました。ImageNet の 1,000 種類に「人」はありません。
#
# 猫は違います。隠すと、かえって確率が上がりました。ランダムに隠しても上がっています。猫には 5 つのクラス (281〜285) があり、
# 確率を分け合っているので、1 つのクラスの確率だけでは読めません。5 つの合計を見ると、下がりますが、少しだけです。
# 隠していない 8 割にも、猫はまだ写っています。1 枚の図と 1 つの確率だけで、説明の良し悪しを決めないでください。
#
# ### CAM との一致
#
# この分類器の出口は、全体平均プーリングと Dense が 1 つずつです。すると得点は
# $y^c = \sum_k w_k^c \frac{1}{Z} \sum_{ij} A^k_{ij} + b^c$ なので、微分はどのマスでも $w_k^c / Z$ です。
# つまり Grad-CAM は、Zhou らの**クラス活性化マップ (class activation map, CAM)** $\sum_k w_k^c A^k$ を $Z$ で割り、負を 0 にしたものに一致するはずです。

# %%
features = keras.Model(classifier.input, classifier.get_layer("top_activation").output)(inputs).numpy()
kernel = classifier.get_layer("logits").kernel.numpy()[:, answers]
cam = np.einsum("nhwk,kn->nhw", features, kernel) / 49
claim("ch23.gradcam.cam", float(np.abs(coarse - np.maximum(cam, 0)).max() / coarse.max()))

# %% [markdown]
# この節の答えは、**得点への勾配で重みを付けた特徴マップが、見た場所を示す。正しいかどうかは、隠して確かめる**です。
#
# ### 問題 2 Grad-CAM の式 (1 点)
#
# ★ `channel_weights(gradients)` は、勾配 `(バッチ, 高さ, 幅, チャネル)` からチャネルの重み `(バッチ, チャネル)` を求めます。
# `weighted_map(features, weights)` は、特徴マップに重みを掛けて足し、ReLU を通したマップ `(バッチ, 高さ, 幅)` を求めます。NumPy で、2 つとも書きましょう。
# たとえば次の値になります。
#
# ```python
# channel_weights(np.array([[[[1, 2], [3, -4]]]]))  # → [[2, -1]]
# weighted_map(np.array([[[[1, 1], [0, 5]]]]), np.array([[2, -1]]))  # → [[[1, 0]]]
# ```

# %%
# EXERCISE ch23.cam_weights

# %%
check("ch23.cam_weights")

# %% [markdown]
# ## 2. レポートの演習: 猫の写真に Grad-CAM を使う
#
# レポートは、ImageNet で学習した VGG16 の `block5_conv3` を見ました。VGG16 の重みは 550 MB あるので、ふだんの `quick` プロファイルでは、
# 同じ ImageNet で学習した 1 節の分類器を使います。`full` プロファイルでは VGG16 そのものです。
#
# レポートの手順を、順番を変えずに書きます。いまの Keras に合わせて変えたのは 1 か所、`[self.model.inputs]` を `model.input` にしたことです。
# レポートの VGG16 は確率を出力するので、確率を微分します。`x` は OpenCV が読んだ画像、つまり **BGR の順**です。


# %% tags=["export"]
import cv2


def report_map(model, layer, x):
    """レポートの手順で、BGR の画像 1 枚のマップを作ります。"""
    X = tf.cast(x[np.newaxis] / 255.0, tf.float32)
    probe = keras.Model(model.input, [model.get_layer(layer).output, ops.softmax(model.output)])
    with tf.GradientTape() as tape:
        features, outputs = probe(X)
        class_output = outputs[:, tf.math.argmax(outputs[0])]
    weights = tf.reduce_mean(tape.gradient(class_output, features), axis=(1, 2))
    cam = tf.nn.relu(tf.squeeze(features @ weights[..., tf.newaxis]))
    return (cam / tf.reduce_max(cam)).numpy()


def report_overlay(cam, x):
    """レポートの手順で、マップに色を付けて画像に足します。"""
    jetcam = cv2.applyColorMap((255.0 * cam).astype("uint8"), cv2.COLORMAP_JET)
    jetcam = cv2.cvtColor(jetcam, cv2.COLOR_BGR2RGB)
    jetcam = cv2.resize(jetcam, x.shape[:2])
    return jetcam + x / 2


# %%
network, last, prepare = experiment.report_network(course.profile)
cat_bgr = photographs[0][..., ::-1]
report_cam = report_map(network, last, cat_bgr)
written = np.clip(report_overlay(report_cam, cat_bgr), 0, 255).astype("uint8")[..., ::-1]
figures.show_colour(
    [photographs[0], written],
    ["元の写真", "レポートの図"],
    heading="図は出る。正しいか",
    alt="ch23.report_picture",
)

# %% [markdown]
# 図は出ました。どこを見たと読めますか。赤いところ、と読むのがふつうですが、実は逆です。
# この手順には、直したいところが 6 つあります。1 つずつ確かめます。
#
# ### 問題 3 前処理の取り違え (1 点)
#
# 1 つ目は前処理です。1 節の分類器は、RGB の画素を −1〜1 に変えた値を待っています。そこへレポートのとおり、BGR のまま 255 で割った 0〜1 の値を渡します。
# 3 枚の写真の**答え (1 位のクラス)** は、どうなるでしょうか。
#
# - ア: 3 枚とも、別のクラスに変わる
# - イ: 3 枚とも、変わらない
# - ウ: 当てずっぽうになり、どのクラスの確率も 0.01 に届かない

# %%
# EXERCISE ch23.predict_preprocess

# %%
check("ch23.predict_preprocess")

# %%
by_report = ask(experiment.divide_by_255(photographs)).numpy()
for way, scores in (("正しい前処理", logits), ("BGR で x / 255", by_report)):
    found = tables.guesses(names.values(), scores)
    print(way, "、".join(f"{row['1 位']} {row['確率']:.2f}" for row in found))

# %% [markdown]
# この分類器では、答えは変わらず、確率が下がるだけでした。x / 255 は、待っている値に比べて明暗の差が半分になり、赤と青が入れ替わった絵です。それでも足りました。
# VGG16 は BGR で −124〜151 の値 (caffe 方式) を待つので、x / 255 では差が 255 分の 1 になり、どの写真もほとんど同じ灰色に見えます。
# 5 節で、同じ caffe 方式のネットワークを使って確かめます。**取り違えても、答えが当たれば気づけません**。
#
# ### 色の順、あふれ、0 での割り算、色の補間
#
# 2 つ目に、`cvtColor` で RGB に直した色を、BGR のままの `x` に足しています。それを `cv2.imwrite` に渡すと、OpenCV は BGR と思って書き出します。
# 3 つ目に、色 (0〜255) に `x / 2` (0〜127.5) を足すと、最大で 382.5 になり、255 を超えます。
#
# 4 つ目に、重み付きの和がどこも負なら、ReLU のあとは 0 だけです。それを最大値 0 で割ると NaN になります。
# 5 つ目に、粗いマップに色を付け、その**色**を拡大しています。赤と青の間を補間すると、カラーマップにない紫が生まれます。

# %%
hottest = report_overlay(np.ones((7, 7), "float32"), np.zeros((224, 224, 3)))[0, 0]
print("最も注目した場所の値:", hottest, "→ OpenCV は (青, 緑, 赤) の順に読む")
claim("ch23.report.colours", ["青", "緑", "赤"][int(hottest.argmax())])
bright = report_overlay(np.tile(np.linspace(0, 1, 7, dtype="float32"), (7, 1)), np.full((224, 224, 3), 200))
place = np.unravel_index(bright.argmax(), bright.shape)
print(f"255 を超えた画素 {np.mean(bright.max(axis=2) > 255):.0%}。最大の {bright[place]:.0f} は、", end="")
print(f"書き出すと {cv2.convertScaleAbs(bright)[place]}、整数の uint8 に直すと {int(bright[place]) % 256}")

with np.errstate(invalid="ignore"):
    print("根拠のないマップを割ると", (np.zeros(3) / np.zeros(3).max()))
small = (255 * report_cam).astype("uint8")
colour_first = cv2.resize(cv2.applyColorMap(small, cv2.COLORMAP_JET), (224, 224))
value_first = cv2.applyColorMap(cv2.resize(small, (224, 224)), cv2.COLORMAP_JET)
for order, picture in (("色が先", colour_first), ("値が先", value_first)):
    print(f"{order}: カラーマップにない色の画素 {methods.share_off_the_colour_map(picture):.0%}")

# %% [markdown]
# ### 確率を微分している
#
# 6 つ目に、論文の $y^c$ は softmax の**前**の得点です。確率 $p_c$ を微分すると、ほかのクラスの得点が混ざり、全体に $p_c$ が掛かります。
#
# $$\frac{\partial p_c}{\partial A} = p_c \Bigl( \frac{\partial y^c}{\partial A} - \sum_k p_k \frac{\partial y^k}{\partial A} \Bigr)$$
#
# $p_c$ が 1 に近ければ、括弧の中の 2 つは打ち消し合います。似たクラスが確率を分け合うときも、共通の根拠が打ち消し合います。

# %%
with_softmax = keras.Model(classifier.input, ops.softmax(classifier.output))
by_chance = gradcam_maps(with_softmax, "top_activation", inputs, answers)
shrinkage = by_chance.max(axis=(1, 2)) / coarse.max(axis=(1, 2))
print("最大値は、得点を微分したときの", " / ".join(f"{ratio:.3f}" for ratio in shrinkage), "倍")
claim("ch23.report.softmax", float(shrinkage.max()))

# %% [markdown]
# 猫の写真なら、得点のマップは「エジプト猫らしい場所」を、確率のマップは「**ほかの猫ではなく**エジプト猫らしい場所」を示します。問いが違うのです。
#
# この節の答えは、**それらしい図が出ても、手順が正しいとは限らない**です。次の 3 問で、正しい手順を組み立てましょう。
#
# ### 問題 4 マップを 0〜1 にそろえて拡大する (2 点)
#
# ★★ `to_heatmap(cam, size)` を書きましょう。0 以上のマップ `cam` を最大値で割り、`size = (高さ, 幅)` まで双線形補間で拡大します。
# すべて 0 のマップは、0 のまま拡大します。色は付けません。
# たとえば次の値になります。
#
# ```python
# to_heatmap(np.array([[1.0, 4.0]]), (2, 2))  # → [[0.25, 1], [0.25, 1]]
# ```

# %%
# EXERCISE ch23.heatmap

# %%
check("ch23.heatmap")

# %% [markdown]
# ### 問題 5 色を重ねる (2 点)
#
# ★★ `overlay(image, colours, alpha)` を書きましょう。`image` は RGB、`colours` は `cv2.applyColorMap` が返す BGR で、どちらも uint8 です。
# 色を `alpha` の割合、画像を `1 - alpha` の割合で混ぜ、RGB の uint8 で返します。
# たとえば次の値になります。
#
# ```python
# image, colours = (np.array([[pixel]], "uint8") for pixel in ([200, 100, 40], [40, 0, 240]))
# overlay(image, colours, 0.25)  # → [[[210, 75, 40]]]
# ```

# %%
# EXERCISE ch23.overlay

# %%
check("ch23.overlay")

# %% [markdown]
# ### 問題 6 Keras のモデルの Grad-CAM (3 点)
#
# ★★★ `grad_cam(model, image, layer_name, class_index)` を書きましょう。`model` の最後の層は softmax つきの Dense ですが、
# 微分するのは softmax の**前**の得点です。`class_index` を省いたら、予測したクラスについて求めます。
# 前処理ずみの画像 1 枚を受け取り、ReLU のあとのマップ `(高さ, 幅)` を返します。`model` は、呼ぶ前と同じままにします。
# たとえば、`layer_name` の層の出力が `(1, 7, 7, 32)` なら次の形になります。
#
# ```python
# grad_cam(model, image, layer_name).shape  # → (7, 7)
# ```

# %%
# EXERCISE ch23.grad_cam

# %%
check("ch23.grad_cam")

# %% [markdown]
# ## 3. LIME: 隠して、直線を当てはめる
#
# 中の見えないモデルでも、隠し方を変えて何度も尋ねれば、効いたところが分かるでしょうか。

# %%
figures.draw_asking(title="この節の LIME と、次の節の SHAP が見るところ")

# %% [markdown]
# ### 手で計算する
#
# 部品が 2 つだけの画像を考えます。両方見せると得点 0.9、1 つ目だけなら 0.7、2 つ目だけなら 0.3、何も見せないと 0.1 でした。
# 1 つ目を見せると、2 つ目があってもなくても 0.6 増えます。2 つ目は 0.2 増やします。
# つまり、得点は $0.1 + 0.6 z_1 + 0.2 z_2$ です。LIME は、この係数を最小二乗法で求めます。
#
# 部品が多いときは、見せる部品をランダムに選んだ標本 $z$ (0 と 1 の並び) をたくさん作り、もとの画像に近いものほど重く数えます。
#
# $$\min_{b, w} \sum_z \pi(z) \bigl( f(z) - b - w \cdot z \bigr)^2 + \lambda \lVert w \rVert^2,
# \qquad \pi(z) = \sqrt{\exp(-d(z)^2 / \sigma^2)}$$
#
# $d$ は「全部見せた $z$」とのコサイン距離です。$\sigma = 0.25$、$\lambda = 1$ は、`lime` パッケージの画像用の既定値です。
# 部品には SLIC の**スーパーピクセル (superpixel)** を使います。色と位置の近い画素を集めた小片です。


# %% tags=["export"]
def show_only(image, pieces, z):
    """z が 1 の部品だけを見せ、残りを画像の平均の色で隠した画像 (n, 高さ, 幅, 3) を返します。"""
    shown = z.astype(bool)[:, pieces]  # 画素ごとに、見せるかどうか
    return np.where(shown[..., None], image, mean_colour(image))


def nearness(z, sigma=0.25):
    """全部見せた画像に近い標本ほど大きい重み (n,) を返します。"""
    cosine = np.sqrt(z.mean(axis=1))
    return np.sqrt(np.exp(-((1 - cosine) ** 2) / sigma**2))


def fit_surrogate(z, scores, weights, ridge=1.0):
    """重み付きのリッジ回帰で、部品ごとの係数と切片を求めます。"""
    columns = np.column_stack([np.ones(len(z)), z])
    penalty = ridge * np.diag([0] + [1] * z.shape[1])  # 切片には罰則を掛けない
    gram = columns.T @ (weights[:, None] * columns) + penalty
    fitted = np.linalg.solve(gram, columns.T @ (weights * scores))
    return fitted[1:], fitted[0]


# %%
camera, tripod = photographs[2], int(answers[2])
pieces = methods.superpixels(camera, 40)
z = rng.integers(0, 2, (200, pieces.max() + 1))
z[0] = 1  # 1 枚目は、もとの写真
titles = ["もとの写真", *[f"標本 {n}" for n in range(1, 4)]]
heading = f"スーパーピクセル {pieces.max() + 1} 個を、ランダムに隠した標本"
figures.show_grey(show_only(camera, pieces, z[:4]), titles, heading=heading, alt="ch23.samples")

scores = probability(show_only(camera, pieces, z), tripod)
weights = nearness(z)
coefficients, intercept = fit_surrogate(z, scores, weights)
error = np.average((scores - intercept - z @ coefficients) ** 2, weights=weights)
r2 = 1 - error / np.average((scores - np.average(scores, weights=weights)) ** 2, weights=weights)
largest = coefficients.argmax()
print(f"係数の最大 {coefficients[largest]:.2f} (部品 {largest})、2 番目 {np.sort(coefficients)[-2]:.2f}")
print(f"直線の当てはまり R² = {r2:.2f}")

# %% [markdown]
# 係数の読み方は、手計算と同じです。「この部品を見せると、三脚の確率がいくつ増えるか」です。
# $R^2$ は直線がどれだけ当てはまったかで、小さいときは係数を信じられません。残りの 2 枚も説明しましょう (図は 4 節で並べます)。

# %%
lime_maps, fits = [], []
for image, label in zip(photographs[:2], answers[:2], strict=True):
    parts = methods.superpixels(image, 40)
    values, fit = methods.lime_image(lambda each, c=label: probability(each, c), image, parts, 200, rng)
    lime_maps.append(values[parts])
    fits.append(fit)
lime_maps, fits = [*lime_maps, coefficients[pieces]], [*fits, r2]
for name, fit in zip(answer_names, fits, strict=True):
    print(f"「{name}」直線の当てはまり R² = {fit:.2f}")

# %% [markdown]
# 猫は $R^2$ が小さく、直線では説明しきれていません。
#
# ### 線形なら、係数を取り戻す
#
# 隠したことを $z_i = 0$ と書く線形モデル $f(z) = b + w \cdot z$ なら、罰則を 0 にした LIME は $w$ をそのまま返すはずです。

# %%
true_weights, samples = rng.normal(size=10), rng.integers(0, 2, (200, 10))
found, _ = fit_surrogate(samples, 0.3 + samples @ true_weights, nearness(samples), ridge=0.0)
claim("ch23.lime.linear", float(np.abs(found - true_weights).max()))

# %% [markdown]
# 部品の分け方、隠し方、$\sigma$、標本の数は、使う人が決めます。決め方で説明は変わります (「もっと調べる」)。**説明には、決め方も書き添えます**。
#
# この節の答えは、**隠し方を変えて尋ね、直線を当てはめれば分かる。ただし、直線が当てはまるところまで**です。
#
# ### 問題 7 LIME の重み付きリッジ回帰 (2 点)
#
# ★★★ 説明を短くするために、`lime` パッケージの `num_features` のように特徴を `keep` 個に絞る `fit_lime(masks, outputs, weights, penalty, keep)` を書きましょう。
# 「重み × 誤差の 2 乗」の和と、「`penalty` × 係数の 2 乗」の和との合計を最小にする `(係数, 切片)` の組を返します。切片に罰則は掛けません。
# すべての特徴で一度当てはめ、係数の絶対値が大きい `keep` 個を選び、それだけで当てはめ直します。係数は `(特徴の数,)` の配列で、選ばなかった特徴では 0 です。
# たとえば次の値になります。
#
# ```python
# masks, outputs = np.array([[1, 1], [1, 0], [0, 1], [0, 0]]), np.array([5, 4, 2, 1])
# fit_lime(masks, outputs, np.ones(4), 1, 1)  # → ([1.5, 0], 2.25)
# ```

# %%
# EXERCISE ch23.lime

# %%
check("ch23.lime")

# %% [markdown]
# ## 4. SHAP: 寄与を公平に分ける
#
# 尋ね方は LIME と同じで、まとめ方が違います。部品はたがいに助け合います。だれの手柄と数えれば、公平でしょうか。
#
# ### 手で計算する
#
# 3 人で働いた日当を分けます。だれもいなければ 0、A だけなら 6、B だけなら 3、C だけなら 0 (単位は千円)。
# A と B なら 12、A と C なら 9、B と C なら 6、3 人なら 18 でした。
# シャープレイの答えは、**来る順番をすべて並べ、その人が来たときに増えた分を平均する**ことです。順番は $3! = 6$ 通りです。
#
# ### 問題 8 C の取り分 (1 点)
#
# C は、1 人では何も稼げません。6 通りの順番を書き出して、C の取り分を求めましょう。単位は千円です。

# %%
# EXERCISE ch23.estimate_share

# %%
check("ch23.estimate_share")

# %% tags=["nbval-check-output"]
wages = {"": 0, "A": 6, "B": 3, "C": 0, "AB": 12, "AC": 9, "BC": 6, "ABC": 18}
added = {person: [] for person in "ABC"}
for order in permutations("ABC"):
    for place, person in enumerate(order):
        before, after = ("".join(sorted(order[:n])) for n in (place, place + 1))
        added[person].append(wages[after] - wages[before])
for person, values in added.items():
    print(person, values, "平均", np.mean(values))

# %% [markdown]
# 3 人の平均を足すと、3 人で働いた 18 になります。同じ人がすでに来ている順番をまとめると、次の式になります。
#
# $$\phi_i = \sum_{S \not\ni i} \frac{|S|!\,(M - |S| - 1)!}{M!} \bigl( v(S \cup \{i\}) - v(S) \bigr)$$
#
# この値が**シャープレイ値 (Shapley value)** で、$S$ は先に来ていた人の集まり、**提携 (coalition)** です。
# 予測の説明では、特徴が「人」、提携 $S$ の特徴だけを見せたときの出力が「日当」$v(S)$ です。
# $v$ は $2^M$ 通りあります。提携には番号を付けます。番号を 2 進数で書き、1 の桁の人が入った提携です。A と C なら $2^0 + 2^2 = 5$ 番です。


# %% tags=["export"]
from math import comb, factorial


def exact_shapley(worth):
    """すべての提携の価値 (番号順、2**人数 個) から、1 人ずつのシャープレイ値を求めます。"""
    players = len(worth).bit_length() - 1
    phi = np.zeros(players)
    for coalition, value in enumerate(worth):
        size = coalition.bit_count()  # 提携の人数
        for i in range(players):
            if not coalition >> i & 1:  # i のいない提携に、i が加わる
                share = factorial(size) * factorial(players - size - 1) / factorial(players)
                phi[i] += share * (worth[coalition | 1 << i] - value)
    return phi


# %% [markdown]
# ### 公平とは、一貫とは
#
# レポートは「各特徴の寄与を公平に評価する」「一貫して解釈できる」といいます。公平とは、次の約束です。
# 和は全体の増えた分に等しい、同じ働きなら同じ値、何も変えなければ 0。日当の例でも、和は 3 人で働いた額に合っています。
#
# 「一貫して (consistency)」とは、モデルが変わって、ある特徴を加えたときの増え方がどの提携でも減らなければ、その特徴の値も減らないことです。
# 6 人のランダムなゲームを 100 個作り、0 番の人の増え方にランダムな正の値を上乗せして、値が減った回数を数えます。

# %%
in_order = [wages[who] for who in ("", "A", "B", "AB", "C", "AC", "BC", "ABC")]
print("シャープレイ値:", exact_shapley(in_order).round(6))

with_first = np.arange(64) & 1  # 0 番の人がいる提携
decreased = 0
for _ in range(100):
    game = rng.normal(size=64)
    better = game + with_first * rng.exponential(size=64)
    decreased += exact_shapley(better)[0] < exact_shapley(game)[0]
claim("ch23.shap.consistency", int(decreased))

# %% [markdown]
# ### kernel SHAP: 回帰で同じ答えを出す
#
# 部品が 25 個なら、提携は 3 千万通りを超え、列挙できません。Lundberg と Lee は、LIME と同じ形の回帰で、
# 重みを次のように選び、和を固定すると、係数がシャープレイ値になることを示しました。
#
# $$\pi(S) = \frac{M - 1}{\binom{M}{|S|}\,|S|\,(M - |S|)}, \qquad \sum_i \phi_i = v(\text{全員}) - v(\emptyset)$$


# %% tags=["export"]
def shapley_kernel(players, size):
    """size 人の提携の重み。だれもいない提携と全員の提携は、重みが無限大なので、ここでは使いません。"""
    return (players - 1) / (comb(players, size) * size * (players - size))


def kernel_shap(z, scores, weights, empty, full):
    """提携 z (n, 人数) の得点に、和が full - empty になるように直線を当てはめ、係数を返します。"""
    gram = z.T @ (weights[:, None] * z)
    moment = z.T @ (weights * (scores - empty))
    free, ones = np.linalg.solve(gram, np.stack([moment, np.ones(len(gram))], axis=1)).T
    return free - ones * (free.sum() - (full - empty)) / ones.sum()  # 余りを、和が合うように配る


# %% [markdown]
# 写真を 2×3 の区画に分け、区画を「人」にします。$2^6 = 64$ 枚の予測で、列挙した正確な値と、回帰の答えを比べられます。

# %%
tiles = np.arange(6).reshape(2, 3).repeat(112, axis=0).repeat([75, 75, 74], axis=1)
subsets = methods.all_coalitions(6)
worth = probability(show_only(camera, tiles, subsets), tripod)
phi = exact_shapley(worth)
weights = np.array([shapley_kernel(6, int(row.sum())) for row in subsets[1:-1]])
by_regression = kernel_shap(subsets[1:-1], worth[1:-1], weights, worth[0], worth[-1])
print("区画ごとのシャープレイ値\n", phi.reshape(2, 3).round(2))
claim("ch23.shap.kernel", float(np.abs(by_regression - phi).max()))

# %% [markdown]
# すべての提携を使えば、答えは列挙と一致します。列挙できないときは、重みに比例した割合で提携を選び出し、近似します (`methods.draw_coalitions`)。スーパーピクセルに使い、3 つの方法を並べましょう。

# %%
shap_maps = []
for image, label in zip(photographs, answers, strict=True):
    parts = methods.superpixels(image, 40)
    values = methods.shap_image(lambda each, c=label: probability(each, c), image, parts, 200, rng)
    shap_maps.append(values[parts])
explained = {"Grad-CAM": heats, "LIME": lime_maps, "SHAP": shap_maps}
figures.show_maps(
    [*photographs] * 3,
    [heat for maps in explained.values() for heat in maps],
    [f"{method}: {name}" for method in explained for name in ("猫", "コーヒー", "三脚")],
    columns=3,
    heading="同じ写真、3 つの説明",
    alt="ch23.three_methods",
)
for name, one, other in zip(answer_names, lime_maps, shap_maps, strict=True):
    print(f"「{name}」LIME と SHAP の順位相関 {methods.rank_correlation(one, other):.2f}")

# %% [markdown]
# コーヒーと三脚では、いちばん効いた物が一致しました。けれども、部品の順位までは一致しません。SHAP は提携の大きさごとに公平に平均し、
# LIME は全部見せた画像に近い標本だけを重く数えます。この違いと、200 標本の近似による揺れの、どちらの分が大きいかは、ここでは分けていません。
#
# この節の答えは、**先に来ていた人のすべての組み合わせで、増えた分を平均する**です。
#
# ### 問題 9 シャープレイ値を数え上げる (3 点)
#
# ★★ `shapley_values(value, players)` を書きましょう。`value(mask)` は提携の価値を返す関数で、`mask` は 0 と 1 を `players` 個並べたものです。
# `i` 番目が 1 なら、`i` 番目の人が提携に入っています。だれもいない提携の価値は、0 とは限りません。すべての提携を数え上げ、`players` 人のシャープレイ値を返します。
# たとえば次の値になります。
#
# ```python
# shapley_values(lambda mask: 3 * mask[0] + mask[1] + 2 * mask[0] * mask[1], 2)  # → [4, 2]
# ```

# %%
# EXERCISE ch23.shap_exact

# %%
check("ch23.shap_exact")

# %% [markdown]
# ### 問題 10 シャープレイ・カーネル (1 点)
#
# ★ `kernel_weights(masks)` を書きましょう。0 と 1 の `masks` の各行の 1 の数を $s$、列の数を $M$ として、重み $\frac{M-1}{\binom{M}{s}\,s\,(M-s)}$ を並べて返します。
# $s$ が 0 か $M$ の行は `np.inf` にします。
# たとえば次の値になります。
#
# ```python
# kernel_weights(np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]))  # → [0.25, 0.125, inf]
# ```

# %%
# EXERCISE ch23.kernel_weights

# %%
check("ch23.kernel_weights")

# %% [markdown]
# ## 5. 答えの分かっている問題で確かめる
#
# 根拠の場所が初めから分かっていれば、説明が当たったかどうかを数で言えます。
#
# ### 貼り合わせた写真
#
# 4 枚の写真を 2×2 に貼り合わせ、同じ分類器に「猫の根拠は」「コーヒーの根拠は」と順に尋ねます。答えの区画は分かっています。
# **指差しゲーム (pointing game)** では、マップの最大の場所がその区画に入れば当たりです。当てずっぽうなら 4 分の 1 です。

# %%
tops = []
for turn in range(4):
    order = np.roll(np.arange(4), turn)
    pasted = photos.collage(order)
    asked = preprocess_lite0(np.repeat(pasted[None], 4, axis=0))
    maps = methods.enlarge(gradcam_maps(classifier, "top_activation", asked, photos.CLASSES[order]), 224)
    tops += [methods.pointing_game(heat, n == photos.SQUARES) for n, heat in enumerate(maps)]
claim("ch23.photos.pointing", float(np.mean(tops)))
figures.show_maps(
    [pasted] * 4,
    maps,
    [f"「{photos.NAMES[label]}」" for label in order],
    columns=4,
    heading="貼り合わせた写真で尋ねた、それぞれの根拠",
    alt="ch23.four_photos",
)

# %% [markdown]
# ### 描いた図形
#
# 写真 4 枚では少ないので、**根拠の場所が分かっている絵**を何百枚も描きます。まだらな背景に短い線を散らし、丸、四角、三角、十字のどれか 1 つを描きます。
# 場所も色も大きさも、4 種類で同じように選びます。種類を決める手がかりは、図形そのもののほかにありません。
#
# VGG と同じ並び (3×3 の畳み込みを 2 つずつ、間に最大プーリング) の小さなネットワークを、VGG16 と同じ caffe 方式の前処理で学習します。
# 結果は**乱数の種** (random seed。以下**シード**) で変わります。シード 1 の 1 回を、ここで学習します。


# %% tags=["export"]
def small_vgg(classes, widths=(8, 16, 32)):
    """48 画素四方の画像から得点を返す、VGG に似た小さなネットワークを作ります。"""
    inputs = keras.Input((48, 48, 3))
    x = layers.Rescaling(1 / 64)(inputs)
    for block, width in enumerate(widths, 1):
        if block > 1:
            x = layers.MaxPooling2D()(x)
        for number in (1, 2):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{block}_{number}")(x)
            x = layers.BatchNormalization(momentum=0.9)(x)
            x = layers.ReLU(name=f"block{block}_conv{number}")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x))


def train_on(inputs, labels, seed, epochs=10):
    """前処理ずみの画像とラベルで、small_vgg を学習して返します。"""
    keras.utils.set_random_seed(seed)
    model = small_vgg(classes=int(labels.max()) + 1)
    schedule = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-len(labels) // 32))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    model.fit(inputs, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


# %%
drawn, shapes = draw_shapes(960, seed=1001), experiment.unseen_shapes(seed=1)
kinds = [KINDS[label] for label in shapes.labels]
model = train_on(preprocess(drawn.images), drawn.labels, seed=1)
for way, function in (("正しい caffe 方式", preprocess), ("x / 255", experiment.divide_by_255)):
    accuracy = experiment.accuracy(model, shapes, function)
    print(f"{way}: はじめて見る {len(shapes.labels)} 枚での精度 {accuracy:.2f}")
claim("ch23.report.preprocess", accuracy)

# %% [markdown]
# 2 節の予想どおり、caffe 方式のネットワークでは、x / 255 は致命的でした。予測は、当てずっぽうの 0.25 の近くまで落ちます。
# では、正しい前処理で Grad-CAM を求め、最大の場所が図形を囲む枠に入るかを数えます (図は「もっと調べる」)。

# %%
inputs = preprocess(shapes.images)
shape_maps = methods.enlarge(gradcam_maps(model, "block3_conv2", inputs, shapes.labels), 48)
hits = np.mean([methods.pointing_game(m, box) for m, box in zip(shape_maps, shapes.boxes, strict=True)])
middle = shapes.boxes[:, 24, 24].mean()
print(f"いつも真ん中を指すと {middle:.3f}、ランダムに指すと {shapes.boxes.mean():.3f}")
claim("ch23.gradcam.pointing", float(hits))

# %% [markdown]
# ### 重みをランダムにしたら、マップは変わるか
#
# 説明がモデルを説明しているなら、モデルを壊せば説明も壊れるはずです。Adebayo たちは、出力層から入口へ向かって
# 重みを 1 層ずつランダムな値に替え、もとのマップと比べました。ここでは**順位相関 (rank correlation)**、つまりマスの順位がどれだけそろうかで比べます。


# %% tags=["export"]
def randomised_from_the_top(model, seed):
    """出力層から順に重みをランダムな値に替え、層の名前とモデルを 1 つずつ返します。もとの model は変えません。"""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    yield "なし", copy
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)
    for layer in reversed([layer for layer in copy.layers if layer.weights]):
        layer.set_weights(fresh.get_layer(layer.name).get_weights())
        if not isinstance(layer, layers.BatchNormalization):
            yield layer.name, copy


# %%
followed = experiment.sanity(model, experiment.unseen_shapes(1, 40), seed=1)
print(f"順位相関: 出力層だけランダム {followed.grad_cam[1]:.2f}、すべてランダム {followed.grad_cam[-1]:.2f}")
stored_sanity = experiment.stored_results("sanity")
claim("ch23.sanity.gradcam", float(np.median([result.grad_cam[-1] for result in stored_sanity])))

# %% [markdown]
# 出力層を替えただけで、マップは似なくなりました。マップは、学習した重みを見て描かれていたのです。
# **輪郭線**の絵は、いかにも根拠らしく見えますが、モデルを見ていないので、モデルを壊しても変わりません。
#
# この節の答えは、**答えの分かっている絵では、よく当たる。モデルを壊すと、説明も壊れる**です。
#
# ## 6. 挿入曲線と削除曲線で比べる
#
# 本物の写真には、枠がありません。それでも、説明の良し悪しを測れるでしょうか。
#
# 1 節では 2 割だけを隠しました。割合を 0 から 1 まで動かすと、曲線になります。
#
# - **挿入曲線 (insertion curve)**: 何も見せない絵に、大事な順に区画を足していく。早く確率が上がるほどよい (面積が大きい)
# - **削除曲線 (deletion curve)**: もとの絵から、大事な順に区画を隠していく。早く確率が下がるほどよい (面積が小さい)


# %% tags=["export"]
def insertion_and_deletion(predict, image, ranks, steps=24):
    """画素の順位 ranks (0 が最も大事) の順に、見せたときと隠したときの確率の曲線を返します。"""
    limits = np.linspace(0, ranks.max() + 1, steps + 1)
    first = (ranks < limits[:, None, None])[..., None]  # 段ごとに、すでに動かした画素
    shown = np.where(first, image, mean_colour(image))
    cut = np.where(first, mean_colour(image), image)
    curves = predict(np.concatenate([shown, cut]))
    return curves[: steps + 1], curves[steps + 1 :]


# %%
def predict(images):
    return probability(images, tripod)


curves = []
for name, maps in (explained | {"ランダム": [rng.random((224, 224))] * 3}).items():
    ranks = methods.tile_order(maps[2], 32, rng)
    curves.append((name, *insertion_and_deletion(predict, camera, ranks, steps=14)))
figures.plot_two_curves(curves, heading="三脚の写真 (1 枚)", alt="ch23.tripod_curves")

# %% [markdown]
# 1 枚では、たまたまかもしれません。5 節の図形で、5 つのシードのネットワークと 30 枚ずつの絵を使って測った結果が保存してあります
# (`python -m chapters.ch23_gradcam_lime_shap.experiment quick`)。図形の絵は 4 画素四方の区画で、**安定さ**は、方法の中の乱数を替えた 2 つのマップの順位相関です。

# %%
stored = experiment.stored_results("quick")
claim("ch23.measure.curves", tables.least_gain(stored))
result_table(
    tables.summary(stored),
    caption="図形の絵、5 つのシード: 最小 / 中央値 / 最大 (↑ は大きいほど、↓ は小さいほどよい)",
)

# %% [markdown]
# 3 つの方法の面積は、ほとんど同じです。この課題では、どれがよいとは言えません。はっきり違うのは、費用と乱数です。
# Grad-CAM は 1 回の逆伝播で済み、乱数も使いませんが、畳み込みのあるモデルにしか使えません。
# LIME と SHAP は何百回も予測を呼び、乱数で少し揺れますが、モデルを選びません。
# 何も見せないときの確率は、当てずっぽうと同じ 0.25 に近いので、削除曲線は 0 までは下がりません。
#
# この節の答えは、**枠がなくても、隠しながら確率を追えば比べられる**です。
#
# ### 問題 11 挿入曲線で説明を測る (2 点)
#
# ★★ 区画ではなく、画素を 1 つずつ並べる `insertion_curve(score, image, baseline, heatmap, steps)` を書きましょう。`score(images)` は `(枚数, 高さ, 幅, チャネル)` の画像の得点を返します。
# `baseline` に `image` の画素を、`heatmap` の値が大きい順に `steps` 回に分けて同じ数ずつ入れていきます。画素の数は `steps` で割り切れます。
# `steps + 1` 個の得点を並べた曲線と、その面積 (台形公式。横軸は入れた画素の割合) の組を返します。
# たとえば次の値になります。
#
# ```python
# image, heatmap = np.array([[[1, 1, 1], [2, 2, 2]]]), np.array([[0.2, 0.9]])
# insertion_curve(lambda images: images.sum(axis=(1, 2, 3)), image, 0 * image, heatmap, 2)  # → ([0, 6, 9], 5.25)
# ```

# %%
# EXERCISE ch23.insertion

# %%
check("ch23.insertion")

# %% [markdown]
# ### 問題 12 測って、決める (1 点)
#
# 輪郭線の絵は、モデルを見ていません (5 節)。では、挿入曲線の面積で Grad-CAM に**勝ってしまう**写真は、あるでしょうか。
# 1 節のセルと問題 11 の答えを実行してあれば、セルを足して、あなたの `insertion_curve` で次のように測れます。
#
# ```python
# for name, label in zip(photos.FILES, photos.CLASSES):
#     image = load_photo(name)
#     maps = gradcam_maps(classifier, "top_activation", preprocess_lite0(image[None]), [label])
#     for way, heat in (("Grad-CAM", methods.enlarge(maps, 224)[0]), ("輪郭線", methods.edges(image[None])[0])):
#         score = lambda images: probability(images, label)
#         print(name, way, insertion_curve(score, image, mean_colour(image), heat, 14)[1])
# ```
#
# - ア: 猫 (chelsea)
# - イ: コーヒー (coffee)
# - ウ: 三脚 (camera)
# - エ: ロケット (rocket)

# %%
# EXERCISE ch23.decide_edges

# %%
check("ch23.decide_edges")

# %% [markdown]
# ## 7. 表と文でも使う
#
# 画像でないデータには、Grad-CAM の「場所」がありません。LIME と SHAP は、そのまま使えるでしょうか。
#
# ### 表: 糖尿病の進み具合
#
# scikit-learn に付属する表は、患者 442 人の 10 個の特徴から、1 年後の進み具合を予測します。モデルは、勾配を持たない決定木の集まり (勾配ブースティング) です。
# 見せない特徴には、**背景**の 20 人の値を順に入れて平均します。特徴が 10 個なので、$2^{10} = 1024$ 通りを列挙できます。

# %%
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor

table, progress = load_diabetes(return_X_y=True)
trees = GradientBoostingRegressor(random_state=0).fit(table[:342], progress[:342])
background, patients = table[:20], table[342:]
print(f"はじめて見る 100 人での決定係数 {trees.score(patients, progress[342:]):.2f}")


def worth_of_coalitions(predict, row, background):
    """表の 1 行について、見せない特徴に背景の値を入れた予測の平均を、すべての提携 (番号順) で求めます。"""
    members = (np.arange(2 ** len(row))[:, None] >> np.arange(len(row)) & 1).astype(bool)
    mixed = np.where(members[:, None, :], row, background)
    return predict(mixed.reshape(-1, len(row))).reshape(len(members), -1).mean(axis=1)


# %%
worth = worth_of_coalitions(trees.predict, patients[0], background)
phi = exact_shapley(worth)
figures.plot_values(
    tables.FEATURES,
    phi,
    label="進み具合への寄与 (背景の平均との差)",
    heading=f"ある患者の予測 {worth[-1]:.0f} = 背景の平均 {worth[0]:.0f} + 寄与の和 {phi.sum():+.0f}",
)
now, mean = trees.predict(patients[:1])[0], trees.predict(background).mean()
claim("ch23.shap.baseline", float(phi.sum() - (now - mean)))

# %% [markdown]
# ### 局所と全体
#
# 患者が変われば、値も変わります。これが「局所的」です。
# 1 人ずつの SHAP の大きさを多くの患者で平均すると、モデル全体での重要さ (グローバル) になります。
# 別の物差しである「その特徴の列を混ぜると、予測がどれだけ動くか」と、順位を比べます。

# %%
local = [exact_shapley(worth_of_coalitions(trees.predict, row, background)) for row in patients[:20]]
overall = np.abs(local).mean(axis=0)
moved = []
for feature in range(10):
    mixed = patients.copy()
    mixed[:, feature] = rng.permutation(mixed[:, feature])
    moved.append(np.abs(trees.predict(mixed) - trees.predict(patients)).mean())
claim("ch23.shap.global", methods.rank_correlation(overall, np.array(moved)))

# %% [markdown]
# ### 文: 「おいしくない」は、どの言葉のせいか
#
# 宿の感想を 72 文、この講座のために書きました。MeCab (unidic-lite) で語に分け、辞書の形に直し、助詞などを除いた
# **言葉の袋 (bag of words)** を小さなネットワークに渡して、満足か不満かを当てさせます。「人」は文の中の語です。

# %%
from chapters.ch23_gradcam_lime_shap import sentences

read = sentences.train_reader()
text = "朝食のパンはおいしくなかったけれど、部屋は広くて、お風呂も清潔でした。"
words = sentences.words(text)
word_phi = exact_shapley(read(words, methods.all_coalitions(len(words))))
print("満足の確率への寄与:", "、".join(f"{w} {v:+.2f}" for w, v in zip(words, word_phi, strict=True)))

# %% [markdown]
# 予測を不満の側へ大きく引いたのは「ない」でした。「おいしい」そのものは、わずかに満足の側です。
# この節の答えは、**使える。モデルを呼べて、特徴を「見せない」やり方さえ決めればよい**です。
#
# ## 8. どれを選ぶか
#
# | | Grad-CAM | LIME | SHAP |
# |:--|:--|:--|:--|
# | 分かること | 得点に効いた**場所** | 近くの**傾き** | 基準からの**寄与** |
# | 使えるモデル | 畳み込みと勾配のあるもの | 呼べるもの、すべて | 呼べるもの、すべて |
# | 画像 | ◎ 1 回の逆伝播 | ○ 部品ごと、数百枚の予測 | ○ 部品ごと、数百枚の予測 |
# | 表 | × | ○ 1 行の近くの傾き | ◎ 和が予測と合う。全体の重要さにもなる |
# | 文 | × | ○ 語ごと | ○ 語ごと |
# | 使う人が決めること | 層 | 部品、隠し方、$\sigma$、標本の数 | 背景 (基準)、標本の数 |
# | 限界 | 粗い (この章では 7×7) | 直線で足りないと当たらない | 特徴が増えると近似。ありえない組み合わせも尋ねる |
#
# 迷ったら、**CNN の画像なら、まず Grad-CAM**、細かい形がほしいか中が見えないなら LIME か SHAP、**表で人に数字を示すなら SHAP** です。どれを選んでも、5 節と 6 節の検査をします。
#
# ### 考えてみよう (採点しません)
#
# 銀行が、融資を断った人に理由を伝えることになりました。モデルは 30 個の項目を見る勾配ブースティングです。
# どの方法で、何を背景にし、その説明が正しいことをどう確かめますか。伝えてはいけないことは何ですか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 30 個では列挙できないので、近似 (または木に専用の速い方法) を使い、乱数を替えても順位が変わらないかを見るか。背景は全員か、承認された人か
# (問いが「平均と比べて」か「承認された人と比べて」かで変わる)。似た項目どうしで寄与が分け合われることを知っているか。
# 項目を変えたら本当に結果が変わるかを、モデルに尋ねて確かめるか。寄与を「原因」や「こうすれば借りられる」と言い換えていないか。
#
# </details>
#
# ## 9. 補足・訂正
#
# - **前処理と色** レポートの `x / 255` は VGG16 の待つ入力ではなく、RGB の色を BGR の画像に足しています (2 節)。
# - **確率ではなく得点を微分する** 「対象のクラスに対する出力」は、論文では softmax の前の得点です。確率を微分すると、マップが小さくなり、問いも変わります (2 節)。
# - **SHAP の基準** レポートは「特定のデータポイントに対するモデルの予測を基準にして」といいますが、基準は**背景データでの予測の平均**です。
#   寄与の和は、その平均と、いまの予測との差になります (7 節)。
# - **寄与は原因ではありません** 3 つの方法が説明するのはモデルで、世の中の因果ではありません。同じ情報の列が 2 つあると、寄与は分け合われます (「もっと調べる」)。
#
# ## 10. まとめ
#
# 1. Grad-CAM は、得点への勾配の平均を重みにして特徴マップを足し、負を 0 にします。微分するのは、softmax の前の得点です。
# 2. LIME は、近くの標本に直線を当てはめます。係数は「見せるといくつ増えるか」で、隠し方と $R^2$ を書き添えて読みます。
# 3. SHAP は、すべての組み合わせで増えた分を平均し、和が「いまの予測 − 背景の平均」に合うように分けます。
# 4. それらしい図は、手順が間違っていても出ます。隠す、重みを壊す、挿入曲線と削除曲線で測る、の 3 つで確かめます。
# 5. 説明するのはモデルであって、世の中の原因ではありません。
#
# **早見表**
#
# $$L^c = \mathrm{ReLU}\Bigl( \sum_k \alpha_k^c A^k \Bigr), \quad f(z) \approx b + w \cdot z, \quad
# \phi_i = \sum_{S \not\ni i} \tfrac{|S|!\,(M - |S| - 1)!}{M!} \bigl( v(S \cup \{i\}) - v(S) \bigr)$$
#
# ```python
# alpha = tf.reduce_mean(tape.gradient(score, features), axis=(1, 2), keepdims=True)        # Grad-CAM
# heat = tf.nn.relu(tf.reduce_sum(alpha * features, axis=-1))
# lime = lime_image.LimeImageExplainer().explain_instance(image, classify, hide_color=0)     # pip install lime
# phi = shap.KernelExplainer(predict, background).shap_values(row)                           # pip install shap
# ```
#
# | よく使う値 | Grad-CAM | LIME | SHAP |
# |:--|:--|:--|:--|
# | 尋ねる回数 | 1 | 1,000 (画像)、5,000 (表) | 2M + 2,048 (近似) |
# | そのほか | 最後の畳み込み層 | $\sigma = 0.25$ (画像)、$0.75\sqrt{M}$ (表) | 背景 20〜100 行 |

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
# ### 隠し方、表の LIME、パッケージ、同じ情報の列
#
# `lime` は、部品を「その部品の平均の色」で隠すのが既定です。この章は、画像全体の平均の色で隠しました。3 節の三脚の写真を、同じ 200 標本で比べます。
#
# LIME を表に使うときは、隠す代わりに、もとの行の**周りの行**を作り、近いものほど重く数えます。3 節の `fit_surrogate` がそのまま使えます。
# `shap` は保守されています。`lime` は 2020 年の 0.2.0.1 を最後に更新が止まっていますが、いまの NumPy でも動きます。`shap` の値は、7 節の値と一致するはずです。
# 最後に、BMI の列を複製した表で線形モデル (わずかな罰則つき) を学習し直し、同じ情報の列が 2 つあると寄与がどうなるかを見ます。5 節と 6 節の図も描きます。

# %%
z = np.random.default_rng(1).integers(0, 2, (200, pieces.max() + 1))
own_colour = np.stack([camera[pieces == piece].mean(axis=0) for piece in range(pieces.max() + 1)])[pieces]
by_piece = np.where(z.astype(bool)[:, pieces][..., None], camera, own_colour.round().astype("uint8"))
ways = [
    fit_surrogate(z, probability(pictures, tripod), nearness(z))[0]
    for pictures in (show_only(camera, pieces, z), by_piece)
]
print(
    f"部品 {largest} の係数: 画像の平均で隠す {ways[0][largest]:.2f}、部品の平均で隠す {ways[1][largest]:.2f}"
)
print(f"2 つの説明の順位相関 {methods.rank_correlation(*ways):.2f}")

# %%
scale = table[:342].std(axis=0)


def explain_row(row):
    steps = np.random.default_rng(1).normal(size=(1000, len(row)))  # 標準偏差を単位にした、ずれ
    variance = 0.75**2 * len(row)  # lime パッケージの表用の既定値
    weights = np.sqrt(np.exp(-(steps**2).sum(axis=1) / variance))
    return fit_surrogate(steps, trees.predict(row + steps * scale), weights)[0]


first, second = (explain_row(patient) for patient in patients[:2])
columns = zip(tables.FEATURES, first, second, phi, strict=True)
result_table(
    [{"特徴": f, "患者 1 LIME": a, "患者 2 LIME": b, "患者 1 SHAP": c} for f, a, b, c in columns],
    caption="LIME は 1 標準偏差あたりの傾き、SHAP は背景の平均からの寄与 (意味が違うので、値は一致しません)",
    digits=1,
)

# %%
import shap
from lime.lime_tabular import LimeTabularExplainer

theirs = shap.KernelExplainer(trees.predict, background).shap_values(
    patients[0], nsamples=1024, l1_reg=0, silent=True
)
print(f"shap {shap.__version__}: ずれは最大 {np.abs(theirs - phi).max():.0e}")
explainer = LimeTabularExplainer(
    table[:342], feature_names=tables.FEATURES, mode="regression", random_state=1, discretize_continuous=False
)
longest = explainer.explain_instance(patients[0], trees.predict, num_features=3, num_samples=1000)
print("lime で係数の大きい特徴:", [name for name, _ in longest.as_list()])

# %%
from sklearn.linear_model import Ridge


def bmi_share(rows, column=2):
    ridge = Ridge(alpha=1e-3).fit(rows[:342], progress[:342])
    return ridge.coef_[column] * (rows[342, column] - rows[:20, column].mean())  # 線形モデルのシャープレイ値


doubled = np.column_stack([table, table[:, 2]])
print(f"BMI の寄与: 1 列なら {bmi_share(table):.1f}、2 列あると 1 列あたり {bmi_share(doubled):.1f}")
figures.show_maps(
    shapes.images[:6],
    shape_maps[:6],
    kinds[:6],
    boxes=shapes.boxes[:6],
    heading="Grad-CAM: 正しいクラスの根拠",
    alt="ch23.gradcam_on_shapes",
)
figures.plot_randomised(followed)
figures.plot_two_curves(
    tables.mean_curves(stored), heading="図形の絵 (5 つのシードの平均)", alt="ch23.insertion_and_deletion"
)

# %% [markdown]
# ### レポートと同じ規模で
#
# 環境変数 `COURSE_PROFILE=full` を付けて開くと、2 節のレポートの手順が、公開されている VGG16 の重み (550 MB、md5 で照合) と `block5_conv3` で動きます。
# 写真への答えを前処理ごとに比べるには `python -m chapters.ch23_gradcam_lime_shap.experiment full` です。
#
# ## 参考文献
#
# - R. R. Selvaraju et al., [Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization](https://arxiv.org/abs/1610.02391), ICCV 2017
# - B. Zhou et al., [Learning Deep Features for Discriminative Localization](https://arxiv.org/abs/1512.04150), CVPR 2016 (CAM)
# - M. T. Ribeiro, S. Singh, C. Guestrin, ["Why Should I Trust You?"](https://arxiv.org/abs/1602.04938), KDD 2016 (LIME)
# - S. M. Lundberg, S.-I. Lee, [A Unified Approach to Interpreting Model Predictions](https://arxiv.org/abs/1705.07874), NeurIPS 2017 (SHAP)
# - L. S. Shapley, A Value for n-Person Games, 1953
# - J. Adebayo et al., [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), NeurIPS 2018
# - J. Zhang et al., [Top-down Neural Attention by Excitation Backprop](https://arxiv.org/abs/1608.00507), ECCV 2016 (指差しゲーム)
# - V. Petsiuk, A. Das, K. Saenko, [RISE](https://arxiv.org/abs/1806.07421), BMVC 2018 (挿入曲線と削除曲線)
# - M. Böhle, M. Fritz, B. Schiele, [Convolutional Dynamic Alignment Networks](https://arxiv.org/abs/2104.00032), CVPR 2021 (写真を貼り合わせて、根拠の場所を確かめる)
# - R. Achanta et al., SLIC Superpixels Compared to State-of-the-art Superpixel Methods, PAMI 2012
# - K. Simonyan, A. Zisserman, [Very Deep Convolutional Networks](https://arxiv.org/abs/1409.1556), ICLR 2015 (VGG)
# - M. Tan, Q. V. Le, [EfficientNet](https://arxiv.org/abs/1905.11946), ICML 2019
# - B. Efron et al., Least Angle Regression, Annals of Statistics 2004 (糖尿病のデータ)
