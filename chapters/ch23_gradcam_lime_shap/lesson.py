# %% [markdown]
# # 第 23 章 Grad-CAM、LIME、SHAP — Explaining what a model looked at
#
# {{colab_badge}}
#
# *This chapter writes Grad-CAM, LIME and SHAP from their definitions and checks them where the truth is known:
# closed forms, drawn images whose evidence has a known place, and the `lime` and `shap` packages. The report's Grad-CAM
# is run as it was, its faults are shown one by one and mended, and the three methods are measured over five seeds.*
#
# 深層学習のモデルは、何百万もの重みで答えを出します。なぜそう答えたのかは、重みを眺めても読み取れません。中の見えない箱、**ブラックボックス**です。
# 診断や融資の判断にモデルを使うとき、「よく当たるから信じてよい」では足りません。正しい根拠で当てたのか、背景や余計な印を見て当てたのかを、確かめる道具が要ります。
# この章では、そのための 3 つの方法、LIME (Ribeiro ら、2016 年)、Grad-CAM (Selvaraju ら、2017 年)、SHAP (Lundberg と Lee、2017 年) を作り、説明をどこまで信じてよいかを測ります。
#
# この章でいう**レポート**とは、この講座のもとになった深層学習のレポートの「Grad-CAM, LIME, SHAP」の節です。その節も、ブラックボックスとしてのモデルが
# どのように予測しているかを理解する、という目的から始まります。そこに書かれたことを 1 つずつ確かめます。
#
# **この章でできるようになること**
#
# - Grad-CAM、LIME、SHAP を定義から書き、どの数が何を意味するのかを説明する
# - 説明の図が本当にモデルを説明しているかを、指差しゲーム、挿入と削除の曲線、重みの乱数化で確かめる
# - 画像、表、日本語の文のそれぞれに合った方法を選び、費用と限界を数で言う
#
# **前提** 第 5 章 (転移学習) の畳み込みと全体平均プーリング。この章だけを読むこともできます。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 図形の絵と日本語の文はこの講座で作ったもの (CC BY 4.0) です。写真は scikit-image に付属するもの、
# 糖尿病の表は scikit-learn に付属するもので、どちらもダウンロードは要りません。
#
# **論文** Selvaraju et al., *Grad-CAM* (ICCV 2017) · Zhou et al., *CAM* (CVPR 2016) · Ribeiro et al., *LIME* (KDD 2016) ·
# Lundberg & Lee, *SHAP* (NeurIPS 2017) · Adebayo et al., *Sanity Checks for Saliency Maps* (NeurIPS 2018)

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=23)

# %%
import time
from itertools import permutations

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from chapters.ch23_gradcam_lime_shap import experiment, figures, methods, photos, tables
from chapters.ch23_gradcam_lime_shap.shapes import KINDS, draw_shapes
from course_utils.backbones import preprocess
from course_utils.claims import claim, claims_table
from course_utils.plots import new_figure, plot_runs, show_images
from course_utils.tables import result_table

rng = np.random.default_rng(course.seed)

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. Grad-CAM を定義から
#
# ### 手で計算する
#
# 最後の畳み込み層の特徴マップが 2 枚 (2×2) あるとします。
#
# $$A^1 = \begin{pmatrix} 1 & 0 \\ 2 & 1 \end{pmatrix}, \qquad A^2 = \begin{pmatrix} 0 & 3 \\ 1 & 0 \end{pmatrix}$$
#
# クラスの得点を各マスで微分し、マップごとに平均した値が $\alpha_1 = 0.5$、$\alpha_2 = -1$ だったとします。
# $0.5 A^1 - A^2$ を計算し、負の値を 0 にすると、左上と右下だけが残ります。

# %% tags=["nbval-check-output"]
A = np.array([[[1, 0], [2, 1]], [[0, 3], [1, 0]]])
alpha = np.array([0.5, -1])
weighted = np.tensordot(alpha, A, axes=1)
print("重みを掛けた和\n", weighted, "\n負を 0 に\n", np.maximum(weighted, 0))

# %% [markdown]
# 式で書くと、次のとおりです。$y^c$ はクラス $c$ の**得点 (logit)**、つまり softmax の前の値で、$Z$ はマスの数です。
#
# $$\alpha_k^c = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad
# L^c = \mathrm{ReLU}\Bigl( \sum_k \alpha_k^c A^k \Bigr)$$
#
# レポートの 3 つの文「勾配を計算し」「勾配を集約し」「重み付けされた特徴マップを合計して」が、そのまま 3 行になります。


# %%
def explain_by_gradient(model, layer, image, label):
    probe = keras.Model(model.input, [model.get_layer(layer).output, model.output])
    with tf.GradientTape() as tape:
        features, scores = probe(image[None])
        score = scores[0, label]
    gradient = tape.gradient(score, features)[0]  # 勾配を計算し
    alpha = gradient.numpy().mean(axis=(0, 1))  # 集約し
    return np.maximum(features[0].numpy() @ alpha, 0)  # 重みを付けて合計する


# %% [markdown]
# ## 2. レポートの Grad-CAM を、いまの Keras で
#
# レポートは ImageNet の VGG16 の `block5_conv3` を見ました。まず本物の構造を組み立てます。`quick` プロファイルでは重みが乱数なので、
# 確かめられるのは形と手順だけです。`full` プロファイルでは、公開されている重みを md5 で照合して読み込みます。

# %% tags=["nbval-check-output"]
vgg16 = experiment.load_vgg16(course.profile)
claim("ch23.vgg16.parameters", vgg16.count_params())
claim("ch23.vgg16.layer", str(tuple(vgg16.get_layer("block5_conv3").output.shape[1:])))

# %% [markdown]
# レポートの手順を、順番を変えずに書きます。いまの Keras に合わせて変えたのは 1 か所、`[self.model.inputs]` を `model.input` にしたことです。
# レポートの VGG16 は確率を出力するので、確率を微分する版にしてあります。`x` は OpenCV が読んだ画像、つまり **BGR の順**です。


# %%
def report_map(model, layer, x):
    X = tf.cast(x[np.newaxis] / 255.0, tf.float32)
    probe = keras.Model(model.input, [model.get_layer(layer).output, ops.softmax(model.output)])
    with tf.GradientTape() as tape:
        features, outputs = probe(X)
        class_output = outputs[:, tf.math.argmax(outputs[0])]
    weights = tf.reduce_mean(tape.gradient(class_output, features), axis=(1, 2))
    cam = tf.nn.relu(tf.squeeze(features @ weights[..., tf.newaxis]))
    return (cam / tf.reduce_max(cam)).numpy()


def report_overlay(cam, x):
    jetcam = cv2.applyColorMap((255.0 * cam).astype("uint8"), cv2.COLORMAP_JET)
    jetcam = cv2.cvtColor(jetcam, cv2.COLOR_BGR2RGB)
    jetcam = cv2.resize(jetcam, x.shape[:2])
    return jetcam + x / 2


# %%
cat = photos.load_photo("chelsea", 224)
cat_bgr = cat[..., ::-1]
report_cam = report_map(vgg16, "block5_conv3", cat_bgr)
print(
    f"マップ {report_cam.shape}、最大 {report_cam.max():.2f}、重ねた図 {report_overlay(report_cam, cat_bgr).shape}"
)

# %%
if course.profile == "full":
    names = experiment.class_names()
    for name, prepare in (("正しい前処理", preprocess), ("x / 255", experiment.divide_by_255)):
        chances = ops.softmax(experiment.logits(vgg16, cat[None], prepare)).numpy()[0]
        print(f"{name}: {names[chances.argmax()]} ({chances.max():.2f})")

# %%
picture = np.clip(report_overlay(report_cam, cat_bgr), 0, 255).astype("uint8")
show_images(
    np.stack([cat, picture[..., ::-1]]),
    ["元の写真", "レポートの図"],
    columns=2,
    heading="それらしい図は出る。けれども、正しいのか",
    alt="ch23.report_picture",
)

# %%
best = int(vgg16.predict(preprocess(cat[None]), verbose=0).argmax())
right_cam = explain_by_gradient(vgg16, "block5_conv3", preprocess(cat), best)
del vgg16  # 550 MB あるので、使い終えたら手放す
keras.backend.clear_session()
figures.show_maps(
    [cat, cat],
    methods.enlarge(np.stack([report_cam, right_cam]), 224),
    ["レポートの手順", "1 節の式と正しい前処理"],
    columns=2,
    heading="VGG16 の block5_conv3 のマップ",
    alt="ch23.two_maps",
)

# %% [markdown]
# 図は出ました。`quick` プロファイルでは重みが乱数なので、**この図に意味はありません**。それでも、図だけを見て見抜けるでしょうか。
# 正しさを確かめるには、答えの分かっている問題が要ります。

# %% [markdown]
# ## 3. 答えの分かっている問題で確かめる
#
# **根拠の場所が初めから分かっている絵**を使います。まだらな背景に短い線を散らし、丸、四角、三角、十字のどれか 1 つを描きます。場所も色も大きさも、4 種類で同じように選びます。
# 種類を決める手がかりは、図形そのもののほかにありません。

# %%
shapes = experiment.unseen_shapes(seed=1)
show_images(
    shapes.images[:4],
    [KINDS[label] for label in shapes.labels[:4]],
    columns=4,
    alt="ch23.shapes",
)

# %% [markdown]
# VGG と同じ並び (3×3 の畳み込みを 2 つずつ、間に最大プーリング) の小さなネットワークを学習します。
# 出力層は、全体平均プーリングのあとに Dense が 1 つです。学習の結果は**乱数の種** (random seed、このあとは**シード**と呼びます) で変わります。シード 1 の 1 回を、ここで学習します。

# %%
started = time.perf_counter()
model = experiment.train(seed=1)
print(f"学習 {time.perf_counter() - started:.1f} 秒、パラメータ {model.count_params():,}")

# %%
accuracy = experiment.accuracy(model, shapes)
claim("ch23.shapes.accuracy", accuracy)

# %% [markdown]
# ### 1 節の式で説明する
#
# 1 節の関数を、1 枚目に使います。

# %% tags=["nbval-check-output"]
image, label = shapes.images[0], int(shapes.labels[0])
heat = explain_by_gradient(model, "block3_conv2", preprocess(image), label)
print(f"画像 {image.shape} → マップ {heat.shape}")

# %% [markdown]
# マップは粗いので、画像の大きさまで滑らかに拡大して重ねます。白い線は最大値の半分を超えた場所、×は最大の場所、破線は図形を囲む枠です。

# %%
inputs = preprocess(shapes.images)
maps = methods.enlarge(methods.grad_cam(model, "block3_conv2", inputs, shapes.labels), experiment.SIZE)
figures.show_maps(
    shapes.images[:6],
    maps[:6],
    [KINDS[label] for label in shapes.labels[:6]],
    boxes=shapes.boxes[:6],
    columns=6,
    heading="Grad-CAM: 正しいクラスの根拠",
    alt="ch23.gradcam_on_shapes",
)

# %%
claim(
    "ch23.gradcam.same",
    float(
        np.abs(methods.grad_cam(model, "block3_conv2", inputs[:1], shapes.labels[:1])[0] - heat).max()
        / heat.max()
    ),
)

# %% [markdown]
# ### CAM との一致
#
# このネットワークは、全体平均プーリングのあとに Dense が 1 つだけです。すると得点は
# $y^c = \sum_k w_k^c \frac{1}{Z} \sum_{ij} A^k_{ij} + b^c$ なので、微分はどのマスでも $w_k^c / Z$ です。
# つまり Grad-CAM は、Zhou らの**クラス活性化マップ (class activation map, CAM)** $\sum_k w_k^c A^k$ を $Z$ で割り、負を 0 にしたものに**ぴったり一致**します。

# %%
features = keras.Model(model.input, model.get_layer("block3_conv2").output).predict(inputs, verbose=0)
kernel = model.get_layer("logits").kernel.numpy()
places = features.shape[1] * features.shape[2]
cam = np.einsum("nhwk,kn->nhw", features, kernel[:, shapes.labels]) / places
gradcam = methods.grad_cam(model, "block3_conv2", inputs, shapes.labels)
claim("ch23.gradcam.cam", float(np.abs(gradcam - np.maximum(cam, 0)).max() / gradcam.max()))

# %% [markdown]
# ### 指差しゲーム
#
# **指差しゲーム (pointing game)** では、マップの最大の場所が図形を囲む枠に入れば当たりです。ランダムに指しても、枠の面積の割合だけは当たります。
# いつも絵の真ん中を指す、という手抜きも比べておきます。

# %%
hits = np.mean([methods.pointing_game(m, box) for m, box in zip(maps, shapes.boxes, strict=True)])
chance = shapes.boxes.mean()
middle = shapes.boxes[:, experiment.SIZE // 2, experiment.SIZE // 2].mean()
print(f"Grad-CAM {hits:.3f}、ランダム {chance:.3f}、いつも真ん中 {middle:.3f}")
claim("ch23.gradcam.pointing", float(hits))
claim("ch23.gradcam.chance", float(chance))

# %% [markdown]
# ## 4. レポートの手順を、1 つずつ直す
#
# レポートの手順には、直したいところが 6 つあります。1 つずつ、セルで確かめます。
# 使うのは、いま学習した小さなネットワークです。前処理の約束は VGG16 と同じ caffe 方式です。
#
# ### 4.1 前処理: `x / 255` は VGG16 の待つ入力ではない
#
# VGG16 が待っているのは、BGR に並べて平均を引いた、およそ −124〜151 の値です。`x / 255` は 0〜1 しか動かないので、
# ネットワークには「ほとんど一様な灰色」に見えます。

# %%
report_prepare = experiment.divide_by_255
wrong_maps = methods.grad_cam(model, "block3_conv2", report_prepare(shapes.images), shapes.labels)
wrong_hits = np.mean(
    [
        methods.pointing_game(m, box)
        for m, box in zip(methods.enlarge(wrong_maps, experiment.SIZE), shapes.boxes, strict=True)
    ]
)
result_table(
    [
        {"前処理": "caffe 方式 (正しい)", "精度": accuracy, "指差しゲーム": float(hits)},
        {
            "前処理": "x / 255 (レポート)",
            "精度": experiment.accuracy(model, shapes, report_prepare),
            "指差しゲーム": float(wrong_hits),
        },
    ],
    caption="前処理を取り違えると、予測も説明も崩れる (当てずっぽうなら精度 0.25)",
)

# %%
claim("ch23.fault.preprocess", experiment.accuracy(model, shapes, report_prepare))

# %% [markdown]
# ### 4.2 RGB の色を、BGR の画像に足している
#
# `cvtColor` で RGB に直した色を、BGR のままの `x` に足しています。それを `cv2.imwrite` に渡すと、OpenCV は BGR と思って書き出すので、
# **いちばん注目した場所が、赤ではなく青**になります。

# %% tags=["nbval-check-output"]
hottest = report_overlay(np.ones((14, 14), "float32"), np.zeros((224, 224, 3)))[0, 0]
print("最も注目した場所の値:", hottest, "→ OpenCV は (青, 緑, 赤) の順に読む")
claim("ch23.fault.colours", ["青", "緑", "赤"][int(hottest.argmax())])

# %% [markdown]
# ### 4.3 足しただけでは 255 を超える
#
# 色 (0〜255) に `x / 2` (0〜127.5) を足すと、最大で 382.5 になります。255 を超えた値の行き先は、表示する関数によって変わります。
# `cv2.imwrite` は 255 で止めるので、色がつぶれます。整数にしてから `astype("uint8")` で直すと、256 で割った余りになり、明るい場所が暗くなります。

# %%
bright = np.full((224, 224, 3), 200, "uint8")
ramp = np.tile(np.linspace(0, 1, 14, dtype="float32"), (14, 1))
summed = report_overlay(ramp, bright)
written = cv2.convertScaleAbs(summed)  # imwrite と同じく、255 で止める
wrapped = summed.astype("uint16").astype("uint8")
place = np.unravel_index(summed.argmax(), summed.shape)
print(f"足した値 {summed[place]:.0f} → 書き出すと {written[place]}、uint8 に直すと {wrapped[place]}")
claim("ch23.fault.overflow", float(np.mean(summed.max(axis=2) > 255)))

# %% [markdown]
# ### 4.4 空のマップは 0 ÷ 0
#
# 重み付きの和がどこも負なら、ReLU のあとは 0 だけです。それを最大値 0 で割ると NaN になり、`uint8` に直すと意味のない値になります。
# 丸 (種類 0) の根拠がどこも負で、バイアスだけで選ばれるような出力層を作って確かめます。

# %%
negated = keras.models.clone_model(model)
negated.set_weights(model.get_weights())
only_against = np.zeros_like(model.get_layer("logits").kernel.numpy())
only_against[:, 0] = -1
negated.get_layer("logits").set_weights([only_against, np.array([100, 0, 0, 0])])
empty = report_map(negated, "block3_conv2", shapes.images[0])
claim("ch23.fault.empty", bool(np.isnan(empty).all()))

# %% [markdown]
# ### 4.5 色を付けてから拡大している
#
# 14×14 のマップに色を付け、その**色**を拡大しています。赤と青の間を補間すると、カラーマップにない紫が生まれます。
# 値を先に拡大し、あとから色を付ければ、どの画素もカラーマップの色になります。


# %%
def share_off_the_map(colours):
    jet = cv2.applyColorMap(np.arange(256, dtype="uint8")[:, None], cv2.COLORMAP_JET)[:, 0]
    pixels = colours.reshape(-1, 1, 3).astype(int)
    return float((np.abs(pixels - jet.astype(int)).max(axis=2).min(axis=1) > 8).mean())


coarse = (255 * gradcam[0] / gradcam[0].max()).astype("uint8")
colours_first = cv2.resize(cv2.applyColorMap(coarse, cv2.COLORMAP_JET), (96, 96))
values_first = cv2.applyColorMap(cv2.resize(coarse, (96, 96)), cv2.COLORMAP_JET)
print(
    f"カラーマップにない色の画素: 色が先 {share_off_the_map(colours_first):.0%}、値が先 {share_off_the_map(values_first):.0%}"
)

# %%
claim("ch23.fault.colour_map", share_off_the_map(colours_first))
claim("ch23.fault.colour_map_mended", share_off_the_map(values_first))

# %% [markdown]
# ### 4.6 確率を微分している
#
# 論文の $y^c$ は softmax の**前**の得点です。確率 $p^c$ を微分すると、$p^c (1 - p^c)$ が掛かり、ほかのクラスの得点も混ざります。
# 自信があるほど $1 - p^c$ は 0 に近づき、マップは消えていきます。

# %%
probabilities = ops.softmax(experiment.logits(model, shapes.images)).numpy()
with_softmax = keras.Model(model.input, ops.softmax(model.output))
softmax_maps = methods.grad_cam(with_softmax, "block3_conv2", inputs, shapes.labels)
own = probabilities[np.arange(len(shapes.labels)), shapes.labels]
confident = own.argsort()[-20:]
shrinkage = softmax_maps[confident].max(axis=(1, 2)) / gradcam[confident].max(axis=(1, 2))
print(f"最も自信のある 20 枚の確率: {own[confident].min():.4f}〜{own[confident].max():.4f}")
claim("ch23.fault.softmax", float(np.median(shrinkage)))

# %% [markdown]
# ### 直した版
#
# 前処理は caffe 方式、微分するのは得点、空のマップは 0 のまま、値を拡大してから色を付け、RGB にそろえて割合で混ぜます。


# %%
def blend(image_rgb, cam, share=0.5):
    scaled = cam / cam.max() if cam.max() > 0 else cam
    large = cv2.resize(scaled.astype("float32"), image_rgb.shape[1::-1])
    colours = cv2.applyColorMap((255 * large).round().astype("uint8"), cv2.COLORMAP_JET)
    return (share * colours[..., ::-1] + (1 - share) * image_rgb).round().astype("uint8")


# %%
big = cv2.resize(image, (224, 224), interpolation=cv2.INTER_NEAREST)
report_picture = np.clip(report_overlay(gradcam[0] / gradcam[0].max(), big[..., ::-1]), 0, 255).astype(
    "uint8"
)
show_images(
    np.stack([big, report_picture[..., ::-1], blend(big, gradcam[0])]),
    ["元の絵", "レポートの重ね方", "直した重ね方"],
    columns=3,
    heading="同じマップを、2 つの重ね方で",
    alt="ch23.overlays",
)

# %%
claim("ch23.mended.empty", bool(np.isfinite(blend(big, np.zeros((12, 12), "float32"))).all()))
claim(
    "ch23.mended.red",
    ["赤", "緑", "青"][
        int(blend(np.zeros((224, 224, 3), "uint8"), np.ones((12, 12), "float32"))[0, 0].argmax())
    ],
)

# %% [markdown]
# ## 5. 重みを乱数にしたら、マップは変わるか
#
# 説明がモデルを説明しているなら、モデルを壊せば説明も壊れるはずです。Adebayo らは、出力層から入口へ向かって
# 重みを 1 層ずつ乱数に替え、もとのマップと比べました。ここでは**順位相関 (rank correlation)**、つまりマスの順位がどれだけそろうかで比べます。輪郭線を描いただけの絵は、見た目はそれらしくても、モデルをまったく見ていません。

# %%
sanity = experiment.sanity(model, experiment.unseen_shapes(1, 40), seed=1)
figure, axis = new_figure("ch23.randomised_layers")
for name, values, marker in (
    ("輪郭線 (モデルを見ない)", sanity.edges, "s"),
    ("Grad-CAM", sanity.grad_cam, "o"),
):
    axis.plot(values, marker=marker, label=name)
axis.set_xticks(range(len(sanity.layers)), sanity.layers, rotation=30)
axis.set(
    xlabel="ここまで乱数に替えた層",
    ylabel="もとのマップとの順位相関",
    title="重みを出力層から順に乱数に替える",
)
axis.legend()
figure

# %%
stored_sanity = experiment.stored_results("sanity")
claim("ch23.sanity.gradcam", float(np.median([result.grad_cam[-1] for result in stored_sanity])))

# %% [markdown]
# 重みを乱数に替えると、Grad-CAM のマップは、もとのマップと似なくなりました。マップは、学習した重みを見て描かれていたのです。
# 輪郭線の絵は、はじめからモデルを見ていないので、モデルを壊しても変わりようがありません。

# %% [markdown]
# ## 6. LIME を定義から
#
# ### 手で計算する
#
# 部品が 2 つだけの画像を考えます。両方見せると得点 0.9、1 つ目だけなら 0.7、2 つ目だけなら 0.3、何も見せないと 0.1 でした。
# 1 つ目を見せると、2 つ目があってもなくても 0.6 増えます。2 つ目は 0.2 増やします。
# つまり、得点は $0.1 + 0.6 z_1 + 0.2 z_2$ です。LIME は、この係数を最小二乗法で求めます。

# %% tags=["nbval-check-output"]
shown = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
scores = np.array([0.9, 0.7, 0.3, 0.1])
columns = np.column_stack([np.ones(4), shown])
print("切片と係数:", np.linalg.lstsq(columns, scores)[0].round(6))

# %% [markdown]
# 部品が多いときは、見せる部品をランダムに選んだ標本 $z$ をたくさん作り、もとの画像に近いものほど重く数えます。
#
# $$\min_{b, w} \sum_z \pi(z) \bigl( f(z) - b - w \cdot z \bigr)^2 + \lambda \lVert w \rVert^2,
# \qquad \pi(z) = \sqrt{\exp(-d(z)^2 / \sigma^2)}$$
#
# $d$ は「全部見せた $z$」とのコサイン距離です。$\sigma = 0.25$、$\lambda = 1$ は、`lime` パッケージの画像用の既定値です。
# 部品には SLIC の**スーパーピクセル (superpixel)** を使います。色と位置の近い画素を集めた小片です。

# %%
pieces = methods.superpixels(image, experiment.PIECES)
coalitions = rng.integers(0, 2, (4, pieces.max() + 1))
coalitions[0] = 1
show_images(
    methods.show_only(image, pieces, coalitions),
    ["もとの絵", *[f"標本 {n}" for n in range(1, 4)]],
    columns=4,
    heading=f"スーパーピクセル {pieces.max() + 1} 個を、ランダムに隠した標本",
)


# %%
def nearness(z, sigma=0.25):
    cosine = z.sum(axis=1) / np.sqrt(z.shape[1] * np.maximum(z.sum(axis=1), 1))
    return np.sqrt(np.exp(-((1 - cosine) ** 2) / sigma**2))


def fit_surrogate(z, scores, weights, ridge=1.0):
    columns = np.column_stack([np.ones(len(z)), z])
    penalty = ridge * np.diag([0] + [1] * z.shape[1])  # 切片には罰則を掛けない
    gram = columns.T @ (weights[:, None] * columns) + penalty
    fitted = np.linalg.solve(gram, columns.T @ (weights * scores))
    return fitted[1:], fitted[0]


# %%
predict = experiment.probability_of(model, label)
z = np.random.RandomState(1).randint(0, 2, 300 * (pieces.max() + 1)).reshape(300, -1)
z[0] = 1
scores = predict(methods.show_only(image, pieces, z))
coefficients, intercept = fit_surrogate(z, scores, nearness(z))
fitted = intercept + z @ coefficients
r2 = 1 - np.average((scores - fitted) ** 2, weights=nearness(z)) / np.cov(
    scores, aweights=nearness(z), ddof=0
)
print(f"係数 {len(coefficients)} 個、直線の当てはまり R² = {r2:.2f}")

# %% [markdown]
# ### `lime` パッケージと比べる
#
# `lime` は 2020 年の 0.2.0.1 を最後に更新が止まっています。それでもこの講座の環境 (NumPy 2、scikit-image 0.26) で動くので、
# 同じシード、同じ部品を渡して、係数を突き合わせます。

# %%
from lime import lime_image

lime_image.tqdm = iter  # 進行表示を出さない


def classify(images):
    return ops.softmax(experiment.logits(model, images)).numpy()


explainer = lime_image.LimeImageExplainer(random_state=1, feature_selection="none")
explanation = explainer.explain_instance(
    image,
    classify,
    labels=(label,),
    top_labels=None,
    hide_color=methods.hidden(image)[0, 0],
    num_samples=300,
    batch_size=100,
    segmentation_fn=lambda _: pieces,
    random_seed=0,
)
theirs = dict(explanation.local_exp[label])

# %%
difference = max(abs(coefficients[piece] - value) for piece, value in theirs.items())
claim("ch23.lime.package", float(difference))
claim(
    "ch23.lime.methods",
    float(np.abs(methods.weighted_ridge(z, scores, methods.lime_weights(z)) - coefficients).max()),
)

# %% [markdown]
# ### 線形なら、係数をそのまま取り戻す
#
# 隠したことを $z_i = 0$ と書く線形モデル $f(z) = b + w \cdot z$ なら、罰則を 0 にした LIME は $w$ をそのまま返します。

# %%
true_weights = rng.normal(size=10)
samples = rng.integers(0, 2, (200, 10))
found, found_intercept = fit_surrogate(samples, 0.3 + samples @ true_weights, nearness(samples), ridge=0.0)
claim("ch23.lime.linear", float(np.abs(found - true_weights).max()))

# %% [markdown]
# ### 隠し方で、説明は変わる
#
# `lime` は、部品を「その部品の平均の色」で隠すのが既定です。1 色で塗った図形は、平均の色に替えても**何も隠れません**。
# この章では、画像全体の平均の色で隠しています。同じ 300 標本で比べましょう。

# %%
own_colour = np.stack([image[pieces == piece].mean(axis=0) for piece in range(pieces.max() + 1)])[pieces]
by_piece = np.where(z.astype(bool)[:, pieces][..., None], image, own_colour.round().astype("uint8"))
by_piece_scores = predict(by_piece)
print(f"得点の標準偏差: 画像の平均で隠す {scores.std():.3f}、部品の平均で隠す {by_piece_scores.std():.3f}")
claim("ch23.lime.hiding", float(by_piece_scores.std() / scores.std()))

# %% [markdown]
# ## 7. SHAP を定義から
#
# ### 手で計算する
#
# 3 人で働いた日当を分けます。だれもいなければ 0、A だけなら 6、B だけなら 3、C だけなら 0 (単位は千円)。
# A と B なら 12、A と C なら 9、B と C なら 6、3 人なら 18 でした。だれにいくら渡せば公平でしょうか。
#
# シャープレイの答えは、**来る順番をすべて並べ、その人が来たときに増えた分を平均する**ことです。順番は $3! = 6$ 通りです。

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
# $v$ は $2^M$ 通りあるので、10 個の特徴なら 1,024 回の予測で正確に求まります。

# %%
from math import factorial


def exact_shapley(v, players):  # v は提携 (0 と 1 の組) から価値への辞書
    phi = np.zeros(players)
    for coalition, value in v.items():
        size = sum(coalition)
        for i in range(players):
            if not coalition[i]:
                joined = (*coalition[:i], 1, *coalition[i + 1 :])
                share = factorial(size) * factorial(players - size - 1) / factorial(players)
                phi[i] += share * (v[joined] - value)
    return phi


# %% tags=["nbval-check-output"]
as_masks = {tuple(int(p in who) for p in "ABC"): pay for who, pay in wages.items()}
print("シャープレイ値:", exact_shapley(as_masks, 3).round(6))

# %% [markdown]
# ### 公平さの約束を確かめる
#
# レポートは「各特徴の寄与を公平に評価する」「一貫して解釈できる」といいます。公平とは、次の約束を守ることです。
# 8 個の特徴からなり、どの提携の価値も乱数で決めたゲームで確かめます。

# %%
masks = methods.all_coalitions(8)
game = rng.normal(size=256)
phi = methods.shapley_values(game)
claim(
    "ch23.shap.same",
    float(np.abs(exact_shapley(dict(zip(map(tuple, masks.tolist()), game, strict=True)), 8) - phi).max()),
)
claim("ch23.shap.accuracy", float(phi.sum() - (game[-1] - game[0])))

# %%
swapped = masks.copy()
swapped[:, [0, 1]] = swapped[:, [1, 0]]
fair = (game + game[swapped @ 2 ** np.arange(8)]) / 2  # 特徴 0 と 1 が同じ働きをする
idle = game[np.arange(256) & ~4]  # 特徴 2 は何も変えない
claim("ch23.shap.symmetry", float(methods.shapley_values(fair)[0] - methods.shapley_values(fair)[1]))
claim("ch23.shap.dummy", float(methods.shapley_values(idle)[2]))

# %% [markdown]
# 「一貫して (consistency)」とは、モデルが変わって、ある特徴を加えたときの増え方がどの提携でも減らなければ、その特徴の値も減らないことです。
# 100 個のゲームで、特徴 0 の増え方にランダムな正の値を上乗せして数えます。

# %%
decreased = 0
for _ in range(100):
    first = rng.normal(size=256)
    second = first + np.where(masks[:, 0] == 1, rng.exponential(size=256), 0)
    decreased += methods.shapley_values(second)[0] < methods.shapley_values(first)[0]
claim("ch23.shap.consistency", int(decreased))

# %% [markdown]
# ### 画像: 9 つの区画で、正確に
#
# 絵を 3×3 の区画に分け、区画を「人」にします。$2^9 = 512$ 枚の予測で、正確なシャープレイ値が求まります。

# %%
squares = np.arange(9).reshape(3, 3).repeat(16, axis=0).repeat(16, axis=1)
subsets = methods.all_coalitions(9)
values = predict(methods.show_only(image, squares, subsets))
square_phi = methods.shapley_values(values)
claim("ch23.shap.image", float(square_phi.sum() - (values[-1] - values[0])))

# %% [markdown]
# ### kernel SHAP: 回帰で同じ答えを出す
#
# Lundberg らは、LIME と同じ形の回帰で、重みを次のように選ぶと、係数がシャープレイ値になることを示しました。
#
# $$\pi(S) = \frac{M - 1}{\binom{M}{|S|}\,|S|\,(M - |S|)}, \qquad \sum_i \phi_i = v(\text{全員}) - v(\emptyset)$$
#
# すべての提携を使えば、答えは列挙と**一致**します。特徴が多くて列挙できないときは、提携を選び出して近似します。

# %%
sizes = subsets[1:-1].sum(axis=1)
weights = np.array([methods.shapley_kernel(9, int(size)) for size in sizes])
by_regression = methods.kernel_shap(subsets[1:-1], values[1:-1], weights, values[0], values[-1])
claim("ch23.shap.kernel", float(np.abs(by_regression - square_phi).max()))

# %% [markdown]
# `shap` パッケージ (保守されています) にも、同じ関数を渡します。

# %%
import shap

print("shap", shap.__version__)


def show_squares(z):
    return predict(methods.show_only(image, squares, np.asarray(z)))


package = shap.KernelExplainer(show_squares, np.zeros((1, 9)))
theirs = package.shap_values(np.ones((1, 9)), nsamples=512, l1_reg=0, silent=True)[0]
claim("ch23.shap.package", float(np.abs(theirs - square_phi).max()))

# %% [markdown]
# 同じ絵を 3 つの方法で説明し、並べて見ます。SHAP と LIME は同じスーパーピクセルを使います。

# %%
chosen = range(4)
shown_maps, titles = [], []
for name in ("Grad-CAM", "LIME", "SHAP"):
    for index in chosen:
        explain = experiment.EXPLAINERS[name]
        shown_maps.append(explain(model, shapes.images[index], int(shapes.labels[index]), 1))
        titles.append(f"{name}: {KINDS[shapes.labels[index]]}")
figures.show_maps(
    [shapes.images[index] for index in chosen] * 3,
    shown_maps,
    titles,
    boxes=[shapes.boxes[index] for index in chosen] * 3,
    columns=4,
    heading="同じ絵、3 つの説明",
    alt="ch23.three_methods",
)

# %% [markdown]
# ## 8. 表のデータ: 10 個の特徴を、正確に
#
# scikit-learn に付属する糖尿病のデータは、患者 442 人の 10 個の特徴から、1 年後の進み具合を予測する表です。特徴が 10 個なので、
# 勾配を持たない決定木の集まり (勾配ブースティング) でも、$2^{10} = 1024$ 通りを列挙できます。
# 見せない特徴には、背景の 20 人の値を順に入れて平均します。

# %%
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

FEATURES = [
    "年齢",
    "性別",
    "BMI",
    "血圧",
    "総コレステロール",
    "LDL",
    "HDL",
    "TC/HDL",
    "中性脂肪 (対数)",
    "血糖",
]
table, progress = load_diabetes(return_X_y=True)
trees = GradientBoostingRegressor(random_state=0).fit(table[:342], progress[:342])
linear = LinearRegression().fit(table[:342], progress[:342])
background, patients = table[:20], table[342:]
print(
    f"見ていない 100 人での決定係数: 木 {trees.score(patients, progress[342:]):.2f}、線形 {linear.score(patients, progress[342:]):.2f}"
)


# %%
def coalition_values(predict, row, background):
    members = methods.all_coalitions(len(row)).astype(bool)
    mixed = np.where(members[:, None, :], row, background)
    return predict(mixed.reshape(-1, len(row))).reshape(len(members), -1).mean(axis=1)


# %%
patient = patients[0]
tree_values = coalition_values(trees.predict, patient, background)
tree_phi = methods.shapley_values(tree_values)
figures.plot_values(
    FEATURES,
    tree_phi,
    label="進み具合への寄与 (背景の平均との差)",
    heading=f"ある患者の予測 {tree_values[-1]:.0f} = 背景の平均 {tree_values[0]:.0f} + 寄与の和 {tree_phi.sum():+.0f}",
)

# %%
linear_phi = methods.shapley_values(coalition_values(linear.predict, patient, background))
claim(
    "ch23.shap.linear", float(np.abs(linear_phi - linear.coef_ * (patient - background.mean(axis=0))).max())
)
package = shap.KernelExplainer(trees.predict, background)
theirs = package.shap_values(patient, nsamples=1024, l1_reg=0, silent=True)
claim("ch23.shap.table", float(np.abs(theirs - tree_phi).max()))

# %% [markdown]
# ### 表の LIME
#
# 数値の表では、隠す代わりに、もとの行の**周りの行**を正規乱数で作り、近いものほど重く数えます。
# 距離は各列を標準偏差で割ってから測り、$\sigma = 0.75\sqrt{M}$ とします (`lime` の既定値)。ここでも `lime` と突き合わせます。


# %%
def explain_row(predict, row, scale, count=1000, ridge=1.0, seed=1):
    rows = row + np.random.RandomState(seed).normal(size=(count, len(row))) * scale
    rows[0] = row
    distance = np.linalg.norm((rows - row) / scale, axis=1)
    weights = np.sqrt(np.exp(-(distance**2) / (0.75**2 * len(row))))
    return fit_surrogate(rows / scale, predict(rows), weights, ridge)[0]


# %%
from lime.lime_tabular import LimeTabularExplainer

scale = table[:342].std(axis=0)
row_lime = explain_row(trees.predict, patient, scale)
explainer = LimeTabularExplainer(
    table[:342],
    mode="regression",
    discretize_continuous=False,
    sample_around_instance=True,
    feature_selection="none",
    random_state=1,
)
explanation = explainer.explain_instance(patient, trees.predict, num_samples=1000)
theirs = dict(explanation.local_exp[1])
claim("ch23.lime.table", max(abs(float(row_lime[feature] - value)) for feature, value in theirs.items()))
claim(
    "ch23.lime.linear_table",
    float(np.abs(explain_row(linear.predict, patient, scale, ridge=0.0) - linear.coef_ * scale).max()),
)

# %% [markdown]
# 木の集まりには勾配がなく、Grad-CAM は使えません。LIME と SHAP は予測の関数を呼ぶだけなので、そのまま使えます。
# レポートの「モデル非依存」とは、このことです。そして「局所的」とは、**人が違えば説明も違う**ことです。

# %%
other = explain_row(trees.predict, patients[1], scale)
result_table(
    [
        {"特徴": name, "患者 1 の LIME": one, "患者 2 の LIME": two, "患者 1 の SHAP": phi}
        for name, one, two, phi in zip(FEATURES, row_lime, other, tree_phi, strict=True)
    ],
    caption="LIME は 1 標準偏差あたりの傾き、SHAP は背景の平均からの寄与 (意味が違うので、値は一致しません)",
    digits=1,
)

# %%
claim("ch23.lime.local", float(np.abs(row_lime - other).max() / np.abs(row_lime).max()))

# %% [markdown]
# ### 「グローバルおよび局所的な解釈が可能」
#
# 1 人ずつの値 (局所的) の大きさを多くの患者で平均すると、モデル全体での重要さ (グローバル) になります。
# 別の物差しである「その特徴の列を混ぜると予測がどれだけ動くか」と、順位を比べます。

# %%
local = np.array(
    [methods.shapley_values(coalition_values(trees.predict, row, background)) for row in patients[:20]]
)
overall = np.abs(local).mean(axis=0)
moved = []
for feature in range(10):
    mixed = np.repeat(patients[:, None], 20, axis=1)
    mixed[:, :, feature] = background[:, feature]
    change = (
        trees.predict(mixed.reshape(-1, 10)).reshape(len(patients), -1) - trees.predict(patients)[:, None]
    )
    moved.append(np.abs(change).mean())
claim("ch23.shap.global", methods.rank_correlation(overall, np.array(moved)))

# %% [markdown]
# ## 9. 日本語の文: 「おいしくない」は、どの言葉のせいか
#
# 宿の感想を 72 文、この講座のために書きました。MeCab (unidic-lite) で語に分け、辞書の形に直し、助詞などを除いた
# **言葉の袋 (bag of words)** を小さなネットワークに渡して、満足か不満かを当てさせます。

# %% tags=["nbval-check-output"]
from chapters.ch23_gradcam_lime_shap import sentences

print(sentences.words("料理はおいしくなかったです。"))
print(sentences.words("静かな庭の見える部屋で、よく眠れました。"))

# %%
from sklearn.neural_network import MLPClassifier

remarks = [*sentences.PLEASED, *sentences.DISPLEASED]
pleased = np.repeat([1, 0], [len(sentences.PLEASED), len(sentences.DISPLEASED)])
known = sentences.vocabulary(remarks)
bags = np.stack([sentences.bag(sentences.words(remark), known) for remark in remarks])
reader = MLPClassifier((8,), activation="tanh", solver="lbfgs", alpha=0.3, max_iter=500, random_state=0)
reader.fit(bags, pleased)
print(f"語 {len(known)} 種類、訓練データの精度 {reader.score(bags, pleased):.2f}")

# %%
unseen = np.stack([sentences.bag(sentences.words(text), known) for text, _ in sentences.UNSEEN])
answers = np.array([answer for _, answer in sentences.UNSEEN])
claim("ch23.text.accuracy", float(reader.score(unseen, answers)))


# %% [markdown]
# 「人」は文の中の語です。その語だけを残した袋を渡したときの確率が $v(S)$ になります。


# %%
def word_scores(tokens, coalitions):
    kept = [[token for token, keep in zip(tokens, row, strict=True) if keep] for row in coalitions]
    bags = np.stack([sentences.bag(chosen, known) for chosen in kept])
    return reader.predict_proba(bags)[:, 1]


tokens = sentences.words("料理はおいしくなかったです。")
coalitions = methods.all_coalitions(len(tokens))
result_table(
    [
        {
            "残した語": "、".join(t for t, keep in zip(tokens, row, strict=True) if keep) or "(なし)",
            "満足の確率": score,
        }
        for row, score in zip(coalitions, word_scores(tokens, coalitions), strict=True)
    ],
    caption="語の組み合わせごとの、満足の確率",
)

# %% [markdown]
# 「おいしい」だけなら満足、「おいしい」と「ない」がそろうと不満です。語の効き目は、**いっしょにある語で変わります**。
# もっと長い文で、SHAP と LIME を比べましょう。

# %%
text = "朝食のパンはおいしくなかったけれど、部屋は広くて、お風呂も清潔でした。"
tokens = sentences.words(text)
word_phi = methods.shapley_values(word_scores(tokens, methods.all_coalitions(len(tokens))))
figures.plot_values(tokens, word_phi, label="満足の確率への寄与", heading=text)

# %%
z = np.random.default_rng(1).integers(0, 2, (1000, len(tokens)))
z[0] = 1
word_lime, _ = fit_surrogate(z, word_scores(tokens, z), nearness(z))
result_table(
    [{"語": token, "SHAP": a, "LIME": b} for token, a, b in zip(tokens, word_phi, word_lime, strict=True)],
    caption="同じ文、同じモデル",
)

# %%
claim("ch23.text.agree", "、".join(tokens[int(np.abs(values).argmax())] for values in (word_phi, word_lime)))
package = shap.KernelExplainer(lambda z: word_scores(tokens, z), np.zeros((1, len(tokens))))
theirs = package.shap_values(np.ones((1, len(tokens))), nsamples=2 ** len(tokens), l1_reg=0, silent=True)[0]
claim("ch23.text.package", float(np.abs(theirs - word_phi).max()))

# %% [markdown]
# どちらの方法も、効いたのは「ない」だと答えます。「おいしい」そのものは満足の語なので、責めは「ない」に行くのです。
# ほかの語の値は小さく、並び方や符号は方法によって変わります。SHAP はすべての提携を公平に平均し、LIME は全文に近い提携だけを重く数えるからです。

# %% [markdown]
# ## 10. 3 つの方法を、測って比べる
#
# - **指差しゲーム**: 最大の場所が、図形の枠に入る割合。LIME と SHAP では部品 1 つの全体が最大になるので、その部品の面積のうち枠に入った割合を数える
# - **挿入曲線 (insertion curve)**: 何も見せない絵に、大事な順に区画を足していく。早く確率が上がるほどよい (面積が大きい)
# - **削除曲線 (deletion curve)**: もとの絵から、大事な順に区画を隠していく。早く確率が下がるほどよい (面積が小さい)
# - **安定さ**: 方法の中の乱数を替えた 2 つのマップの順位相関
#
# どのマップも 4 画素四方の区画で平均し、区画を並べた順で比べます。「ランダム」は、区画をランダムに並べた順です。

# %%
live = [experiment.measure(name, model, shapes, 1, 6, accuracy) for name in experiment.EXPLAINERS]
result_table(tables.one_seed(live), caption="シード 1、6 枚、いまの実行")

# %% [markdown]
# 5 つのシードで 30 枚ずつ測った結果が保存してあります (`python -m chapters.ch23_gradcam_lime_shap.experiment quick`)。
# ネットワークも絵も、シードごとに別です。

# %%
stored = experiment.stored_results("quick")
result_table(
    tables.summary(stored),
    caption="図形の絵、5 つのシード: 最小 / 中央値 / 最大 (↑ は大きいほど、↓ は小さいほどよい)",
)

# %%
figures.plot_two_curves(
    [
        (name, tables.curves(stored, name, "insertion_curve"), tables.curves(stored, name, "deletion_curve"))
        for name in experiment.EXPLAINERS
    ],
    heading="挿入曲線と削除曲線 (5 つのシード、30 枚ずつの平均)",
    alt="ch23.insertion_and_deletion",
)

# %% [markdown]
# 3 つの方法の曲線は、ほとんど重なります。この問題では、どれも図形を正しく見つけているからです。
# 違いは、ほかの列にあります。Grad-CAM は 1 回の逆伝播で済み、乱数も使いませんが、畳み込みのあるモデルにしか使えません。
# LIME と SHAP は何百回も予測を呼び、乱数で少し揺れますが、モデルを選びません。
# 何も見せないときの確率は、当てずっぽうと同じ 0.25 に近いので、削除曲線は 0 までは下がりません。

# %%
plot_runs(
    {name: [result.pointing for result in tables.by_method(stored, name)] for name in experiment.EXPLAINERS},
    metric="指差しゲームの当たりの割合",
    baseline=float(np.mean([result.chance for result in stored])),
    heading="指差しゲーム (点はシードごと、横棒は中央値)",
)


# %%
def over_seeds(method, field):
    return np.array([getattr(result, field) for result in tables.by_method(stored, method)])


def least_gap(better, worse):  # 3 つの方法と 5 つのシードのうち、差の最も小さいところ
    names = ("Grad-CAM", "LIME", "SHAP")
    return float(min((better(name) - worse(name)).min() for name in names))


claim(
    "ch23.measure.insertion",
    least_gap(lambda name: over_seeds(name, "insertion"), lambda _: over_seeds("ランダム", "insertion")),
)
claim(
    "ch23.measure.deletion",
    least_gap(lambda _: over_seeds("ランダム", "deletion"), lambda name: over_seeds(name, "deletion")),
)

# %%
claim(
    "ch23.measure.seconds",
    float(np.median(over_seeds("LIME", "seconds")) / np.median(over_seeds("Grad-CAM", "seconds"))),
)

# %% [markdown]
# ## 11. 本物の写真で見る
#
# 講座に同梱の backbone (CIFAR-10 で事前学習した小さな ResNet) に出力層をつなぎ、scikit-image に付属する 4 枚の写真の切れ端を見分けさせます。
# そして 4 枚を 2×2 に貼り合わせた絵を見せて、「猫の根拠は」「コーヒーの根拠は」と順に尋ねます。答えの区画は分かっています。

# %%
photo_model = photos.photo_classifier(seed=1)
order = np.array([1, 2, 0, 3])
pasted = photos.collage(order)
last = photo_model.layers[-3].name
asked = preprocess(np.repeat(pasted[None], 4, axis=0))
photo_maps = methods.enlarge(methods.grad_cam(photo_model, last, asked, order), 128)
figures.show_maps(
    [pasted] * 4,
    photo_maps,
    [f"「{list(photos.PHOTOS.values())[label]}」の根拠" for label in order],
    columns=4,
    heading="貼り合わせた写真に、1 つずつ尋ねる",
    alt="ch23.four_photos",
)

# %%
squares = np.arange(4).reshape(2, 2).repeat(64, axis=0).repeat(64, axis=1)
shares, tops, photo_phi = [], [], []
for order in permutations(range(4)):
    pasted = photos.collage(np.array(order))
    asked = preprocess(np.repeat(pasted[None], 4, axis=0))
    heats = methods.enlarge(methods.grad_cam(photo_model, last, asked, np.array(order)), 128)
    for place, heat in enumerate(heats):
        inside = squares == place
        shares.append(heat[inside].sum() / max(heat.sum(), 1e-9))
        tops.append(methods.pointing_game(heat, inside))
claim("ch23.photos.pointing", float(np.mean(tops)))
claim("ch23.photos.share", float(np.mean(shares)))

# %% [markdown]
# 図をよく見ると、「宇宙飛行士」の根拠が猫の目に少し漏れています。切れ端を見分けるだけの小さなモデルなので、
# 「丸くて光るもの」のような、人とは違う手がかりを使っているのかもしれません。**説明の図は、こうした疑いを持つために使います。**
#
# 区画は 4 つなので、SHAP は $2^4 = 16$ 枚の予測で正確に求まります。表は 1 行ずつ読みます。
# どの行も、尋ねた写真の区画の値が、ほかの区画より大きいでしょうか。

# %%
order = np.array([1, 2, 0, 3])
pasted = photos.collage(order)
asked = methods.show_only(pasted, squares, methods.all_coalitions(4))
photo_scores = experiment.logits(photo_model, asked).astype("float64")
tile_phi = np.array([methods.shapley_values(photo_scores[:, label]) for label in order])
subjects = [list(photos.PHOTOS.values())[label] for label in order]
result_table(
    [
        {"尋ねたもの": f"「{asked}」"}
        | {f"{tile}の区画": value for tile, value in zip(subjects, row, strict=True)}
        for asked, row in zip(subjects, tile_phi, strict=True)
    ],
    caption="写真の区画のシャープレイ値 (得点への寄与)",
    digits=2,
)

# %%
claim("ch23.photos.shapley", int((tile_phi.argmax(axis=1) == np.arange(4)).sum()))

# %% [markdown]
# ## 12. 演習
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch23.cam_weights")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルとその次のセル、そしてすぐ下の `from grader import …` のセルの 3 つを実行すれば、どの問題からでも始められます。

# %%
from grader import check, hint, score, solution

# %% [markdown]
# ### 問題 1 Grad-CAM の式 (1 点)
#
# `channel_weights(gradients)` は、勾配 `(バッチ, 高さ, 幅, チャネル)` からチャネルの重み `(バッチ, チャネル)` を求めます。
# `weighted_map(features, weights)` は、特徴マップに重みを掛けて足し、ReLU を通したマップ `(バッチ, 高さ, 幅)` を求めます。2 つとも書きましょう。
# たとえば勾配が `[[[[1, 2], [3, -4]]]]` なら重みは `[[2, -1]]` で、これを特徴マップ `[[[[1, 1], [0, 5]]]]` に使ったマップは `[[[1, 0]]]` です。

# %%
# EXERCISE ch23.cam_weights

# %%
check("ch23.cam_weights")

# %% [markdown]
# ### 問題 2 マップを 0〜1 にそろえて拡大する (2 点)
#
# `to_heatmap(cam, size)` を書きましょう。0 以上のマップ `cam` を最大値で割り、`size = (高さ, 幅)` まで双線形補間で拡大します。
# すべて 0 のマップは、0 のまま拡大します。
# たとえば `to_heatmap(np.array([[1.0, 4.0]]), (2, 2))` は `[[0.25, 1], [0.25, 1]]` です。

# %%
# EXERCISE ch23.heatmap

# %%
check("ch23.heatmap")

# %% [markdown]
# ### 問題 3 色を重ねる (2 点)
#
# `overlay(image, colours, alpha)` を書きましょう。`image` は RGB、`colours` は `cv2.applyColorMap` が返す BGR で、どちらも uint8 です。
# 色を `alpha` の割合、画像を `1 - alpha` の割合で混ぜ、RGB の uint8 で返します。
# たとえば `image` の画素が `[200, 100, 40]`、`colours` の画素が `[40, 0, 240]` なら、`alpha` が 0.25 のときの画素は `[210, 75, 40]` です。

# %%
# EXERCISE ch23.overlay

# %%
check("ch23.overlay")

# %% [markdown]
# ### 問題 4 Keras のモデルの Grad-CAM (3 点)
#
# `grad_cam(model, image, layer_name, class_index)` を書きましょう。`model` の最後の層は softmax つきの Dense ですが、
# 微分するのは softmax の**前**の得点です。`class_index` を省いたら、予測したクラスについて求めます。
# 前処理ずみの画像 1 枚を受け取り、ReLU のあとのマップ `(高さ, 幅)` を返します。
# たとえば `layer_name` の層の出力が `(1, 7, 7, 32)` なら、形が `(7, 7)` のマップが返ります。

# %%
# EXERCISE ch23.grad_cam

# %%
check("ch23.grad_cam")

# %% [markdown]
# ### 問題 5 シャープレイ値を数え上げる (3 点)
#
# `shapley_values(value, players)` を書きましょう。`value(mask)` は提携の価値を返す関数で、`mask` は 0 と 1 を `players` 個並べたものです。
# すべての提携を数え上げ、`players` 人のシャープレイ値を返します。
# たとえば `value` が `lambda mask: 3 * mask[0] + mask[1] + 2 * mask[0] * mask[1]` なら、2 人のシャープレイ値は `[4, 2]` です。

# %%
# EXERCISE ch23.shap_exact

# %%
check("ch23.shap_exact")

# %% [markdown]
# ### 問題 6 シャープレイ・カーネル (1 点)
#
# `kernel_weights(masks)` を書きましょう。`masks` の各行の 1 の数を $s$、列の数を $M$ として、重み $\frac{M-1}{\binom{M}{s}\,s\,(M-s)}$ を並べて返します。
# $s$ が 0 か $M$ の行は `np.inf` にします。
# たとえば `masks` が `[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]` なら `[0.25, 0.125, np.inf]` です。

# %%
# EXERCISE ch23.kernel_weights

# %%
check("ch23.kernel_weights")

# %% [markdown]
# ### 問題 7 LIME の重み付きリッジ回帰 (2 点)
#
# `fit_lime(masks, outputs, weights, penalty, keep)` を書きましょう。「重み × 誤差の 2 乗」の和と、「`penalty` × 係数の 2 乗」の和との合計を最小にする
# `(係数, 切片)` の組を返します。切片に罰則は掛けません。ただし、説明を短くするために、`lime` パッケージの `num_features` のように特徴を `keep` 個に絞ります。
# すべての特徴で一度当てはめ、係数の絶対値が大きい `keep` 個を選び、それだけで当てはめ直します。係数は `(特徴の数,)` の配列で、選ばなかった特徴では 0 です。
# たとえば `masks` が `[[1, 1], [1, 0], [0, 1], [0, 0]]`、`outputs` が `[5, 4, 2, 1]`、`weights` がどれも 1 なら、`penalty` も `keep` も 1 のときの結果は `([1.5, 0], 2.25)` です。

# %%
# EXERCISE ch23.lime

# %%
check("ch23.lime")

# %% [markdown]
# ### 問題 8 挿入曲線で説明を測る (2 点)
#
# `insertion_curve(score, image, baseline, heatmap, steps)` を書きましょう。`baseline` に `image` の画素を、`heatmap` の値が大きい順に
# `steps` 回に分けて同じ数ずつ入れていきます。`steps + 1` 個の得点を並べた曲線と、その面積 (台形公式) の組を返します。
# たとえば `image` が `[[[1, 1, 1], [2, 2, 2]]]`、`baseline` がすべて 0、`heatmap` が `[[0.2, 0.9]]` で、得点が値の合計なら、`steps` が 2 のときの結果は `([0, 6, 9], 5.25)` です。

# %%
# EXERCISE ch23.insertion

# %%
check("ch23.insertion")

# %%
score()

# %% [markdown]
# ## 13. 補足・訂正
#
# - **前処理と色** レポートの `x / 255` は VGG16 の待つ入力ではなく、RGB の色を BGR の画像に足しています。4.1〜4.5 節で 1 つずつ直しました。
# - **確率ではなく得点を微分する** 「対象のクラスに対する出力」は、論文では softmax の前の得点です。確率を微分すると、自信のある画像ほど
#   マップが消えます (4.6 節)。
# - **SHAP の基準** レポートは「特定のデータポイントに対するモデルの予測を基準にして」といいますが、基準は**背景データでの予測の平均**です。
#   寄与の和は、その平均と、いまの予測との差になります。8 節の患者で、次のセルが確かめます。
# - **Grad-CAM の図は、それだけでは根拠になりません** 5 節のような検査を通ってはじめて、モデルを見た図だといえます。
# - **LIME の係数は、決め方で変わります** 部品の分け方、隠し方、核の幅、標本の数は、使う人が選びます。6 節では、隠し方だけで得点のばらつきが変わりました。
# - **寄与は原因ではありません** 3 つの方法が説明するのはモデルで、世の中の因果ではありません。同じ情報の列が 2 つあると、寄与は分け合われます。

# %%
claim(
    "ch23.note.baseline",
    float(tree_phi.sum() - (trees.predict(patient[None])[0] - trees.predict(background).mean())),
)

# %% [markdown]
# BMI の列を複製した表で、線形モデル (わずかな罰則つき) を学習し直します。BMI の寄与はどうなるでしょうか。

# %%
from sklearn.linear_model import Ridge


def bmi_share(rows, columns):
    ridge = Ridge(alpha=1e-3).fit(rows[:342], progress[:342])
    return float(ridge.coef_[columns[0]] * (rows[342, columns[0]] - rows[:20, columns[0]].mean()))


doubled = np.column_stack([table, table[:, 2]])
claim("ch23.note.duplicate", bmi_share(doubled, [2, 10]) / bmi_share(table, [2]))

# %% [markdown]
# ## 14. まとめ
#
# この章で確かめたことを一覧にします。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017
# - B. Zhou et al., "Learning Deep Features for Discriminative Localization" (CAM), CVPR 2016
# - M. T. Ribeiro, S. Singh, C. Guestrin, "Why Should I Trust You?" (LIME), KDD 2016
# - S. M. Lundberg, S.-I. Lee, "A Unified Approach to Interpreting Model Predictions" (SHAP), NeurIPS 2017
# - L. S. Shapley, "A Value for n-Person Games", 1953
# - J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018
# - J. Zhang et al., "Top-down Neural Attention by Excitation Backprop" (pointing game), ECCV 2016
# - V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized Input Sampling for Explanation" (挿入と削除の曲線), BMVC 2018
# - M. Böhle, M. Fritz, B. Schiele, "Convolutional Dynamic Alignment Networks" (写真を貼り合わせた指差しゲーム), CVPR 2021
# - R. Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", PAMI 2012
# - K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (VGG), ICLR 2015
# - B. Efron et al., "Least Angle Regression", Annals of Statistics 2004 (糖尿病のデータ)
