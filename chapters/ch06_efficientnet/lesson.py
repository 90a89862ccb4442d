# %% [markdown]
# # 第 6 章 EfficientNet — EfficientNet and Compound Scaling
#
# {{colab_badge}}
#
# **どんな問題か** 使える計算が 2 倍になったら、ネットワークの何を大きくすればよいでしょうか。層を足す、チャネルを増やす、
# 大きな画像を渡す。2019 年、Google の Tan と Le は、この 3 つを**決まった割合で一緒に**大きくする **EfficientNet** を発表し、
# 当時の最高の精度に、8 分の 1 ほどのパラメータで並びました。小さな B0 から大きな B7 まであり、スマートフォンの画像認識や、
# 転移学習の出発点として使われています。
#
# *This chapter counts what width, depth and resolution cost, builds EfficientNet-B0 from its parts and derives B1 to B7
# from one rule. It scales a small network in five ways at equal cost over five seeds, and asks a network trained on
# ImageNet about real photographs. Eight exercises and three questions grade themselves.*
#
# **この章でできるようになること**
#
# - 幅、深さ、解像度を変えたときの計算の量を、手で見積もり、実際のネットワークで数える
# - MBConv、squeeze-and-excitation、swish、stochastic depth を組み立て、B0 を作る
# - 同じ計算の量で設計を比べ、ばらつきを見て、どれにするかを決める
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ depthwise 畳み込みは [第 4 章](04_mobilenet_densenet_wavenet.ipynb)、転移学習は [第 5 章](05_resnet_transfer.ipynb) |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 写真は scikit-image に付属のもの。花の絵は、この講座のプログラムが描いたもの (CC BY 4.0)。重みの出どころと条件は、[EfficientNet-Lite0](../data/imagenet/README.md) と [CIFAR-10](../data/pretrained/README.md) のカード |
# | 論文 | Tan & Le 2019 [(EfficientNet)](https://arxiv.org/abs/1905.11946)、Sandler et al. 2018 [(MobileNetV2)](https://arxiv.org/abs/1801.04381)、Hu et al. 2018 [(SE)](https://arxiv.org/abs/1709.01507) |
# | 前後の章と用語 | ← [第 5 章 ResNet と転移学習](05_resnet_transfer.ipynb) · [第 7 章 Vision Transformer](07_vision_transformer.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=6)

# %%
import time

from chapters.ch06_efficientnet import experiment, figures, tables
from course_utils.backbones import EFFICIENTNET_LITE0, load_efficientnet_lite0, preprocess_lite0
from course_utils.claims import claim, claims_table
from course_utils.flowers import draw_flowers
from course_utils.imagenet import top_classes
from course_utils.photos import PHOTOS, load_photo
from course_utils.plots import show_images
from course_utils.tables import result_table
from grader import check, hint, score, solution

# %%
figures.draw_network(title="この章のネットワーク (上) と、MBConv ブロックの中 (下)")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch06.scaled_cost")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. 大きくすると、計算はどれだけ増えるか
#
# ### 手で計算する
#
# 3×3 の畳み込みを 1 層考えます。入力も出力も 16 チャネル、特徴マップは 32×32 です。出力の値 1 つに、掛けて足す計算
# (**積和**、multiply-add) が 3×3×16 回要ります。出力の値は 32×32×16 個です。

# %% tags=["nbval-check-output"]
one_layer = (3 * 3 * 16) * (32 * 32 * 16)
print(f"1 層の積和: {one_layer:,} 回")

# %% [markdown]
# **幅**はチャネルの数、**深さ**は層の数、**解像度**は画像の縦横の画素数です。では、3 つをそれぞれ 2 倍にすると、どうなるでしょうか。
#
# ### 問題 1 幅を 2 倍にしたときの計算を予想する (1 点)
#
# 同じチャネル数の 3×3 の畳み込みを重ねたネットワークで、どの層のチャネルも 2 倍にします。特徴マップの縦横と、層の数は変えません。
# 1 層の積和は、何倍になるでしょうか (最初の層は考えません)。
#
# - ア: 約 1.4 倍
# - イ: 2 倍
# - ウ: 4 倍
# - エ: 8 倍

# %%
# EXERCISE ch06.guess_width

# %%
check("ch06.guess_width")

# %% tags=["nbval-check-output"]
print("幅を 2 倍:    ", (3 * 3 * 32) * (32 * 32 * 32) / one_layer, "倍")
print("深さを 2 倍:  ", 2 * one_layer / one_layer, "倍")
print("解像度を 2 倍:", (3 * 3 * 16) * (64 * 64 * 16) / one_layer, "倍")

# %% [markdown]
# 幅は入力にも出力にも、解像度は縦にも横にも掛かるので、2 乗で効きます。深さ $d$、幅 $w$、解像度 $r$ 倍の計算の量は、次のとおりです。
#
# $$\text{積和の倍率} = d \cdot w^2 \cdot r^2$$
#
# この節の答えは、**深さは 1 乗、幅と解像度は 2 乗で増える**です。ただし、3 チャネルの画像を受け取る最初の層のように、式に合わないところもあります。
#
# ### 問題 2 大きくしたネットワークの積和を数える (1 点)
#
# ★ 3×3 の畳み込みだけを重ねたネットワークの積和を返す関数 `scaled_cost(layers, width, depth, resolution)` を書きましょう。
# `layers` は、入り口から順に並べた `(出力のチャネル数, 出力の特徴マップの縦横の画素数)` のリストで、入力は 3 チャネルの画像です。3 つの倍率は 1 以上の整数です。
#
# - `width` は、どの層の出力のチャネル数にも掛けます。画像は 3 チャネルのままです。
# - `resolution` は、どの層の特徴マップの縦と横にも掛けます。
# - `depth` は、どの層も `depth` 枚に増やします。足した層は元の層のすぐあとに置き、すぐ前の層の出力を受け取って、元の層と同じチャネル数、同じ大きさを出力します。
#
# バイアスは数えず、掛けて足す 1 回を 1 と数えます。答えは整数です。ネットワークは作らず、計算だけで求めます。
#
# たとえば次の値になります。
#
# ```python
# scaled_cost([(4, 2)], 1, 1, 1)  # → 432
# scaled_cost([(4, 2)], 2, 1, 1)  # → 864
# ```

# %%
# EXERCISE ch06.scaled_cost

# %%
check("ch06.scaled_cost")

# %% [markdown]
# ### 本物のネットワークで数える
#
# 何層もあるネットワークの積和は、層の出力の形とカーネルの形から数えられます。


# %% tags=["export"]
import keras
import numpy as np
from keras import layers


def multiply_adds(model):
    """1 枚の画像を通すときの積和の数を返します。畳み込みと Dense だけを数えます。"""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.DepthwiseConv2D):  # 出力の値 1 つに、縦 × 横 回
            total += np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:2])
        elif isinstance(layer, layers.Conv2D):  # 出力の値 1 つに、縦 × 横 × 入力チャネル数 回
            total += np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:3])
        elif isinstance(layer, layers.Dense):
            total += np.prod(layer.kernel.shape)
    return int(total)


# %% tags=["nbval-check-output"]
image = keras.Input((32, 32, 16))
print(
    f"数えた 1 層の積和: {multiply_adds(keras.Model(image, layers.Conv2D(16, 3, padding='same')(image))):,} 回"
)

# %% [markdown]
# ## 2. B0 は、何でできているか
#
# 大きくする前の B0 は、どんな部品からできているのでしょうか。部品は 4 つあります。
#
# ### swish
#
# EfficientNet は、ReLU の代わりに **swish** $x \cdot \sigma(x)$ を使います ($\sigma$ はシグモイド)。
# $x = 1$ なら $1 \times 0.73$、$x = -1$ なら $-1 \times 0.27$ です。負の入力でも、すぐには 0 にならず、勾配が残ります
# (大きな負の入力では 0 に近づきます)。

# %% tags=["nbval-check-output"]
x = np.array([-5.0, -1.0, 0.0, 1.0, 5.0])
print("手で:  ", (x / (1 + np.exp(-x))).round(3))
print("Keras: ", np.array(keras.ops.silu(x)).round(3))

# %% [markdown]
# ### squeeze-and-excitation
#
# 畳み込みは、どの画像にも同じ重みを使います。**squeeze-and-excitation** (SE) は、画像ごとに、どのチャネルを強めるかを決めます。
# 特徴マップをチャネルごとに平均し (squeeze)、2 つの小さな層で 0〜1 の倍率を計算して (excite)、元の特徴マップに掛けます。
#
# $$s = \sigma\bigl(W_2\, \mathrm{swish}(W_1 \bar{x} + b_1) + b_2\bigr), \qquad y_{ijc} = s_c\, x_{ijc}$$


# %% tags=["export"]
def se_block(x, squeezed):
    """チャネルごとに 0〜1 の倍率を計算して掛けます。squeezed は、あいだの層のチャネル数です。"""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(squeezed, 1, activation="swish")(gate)
    gate = layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(gate)
    return x * gate


# %% [markdown]
# チャネルが 2 つで、倍率が 0.5 と 0.9 になった画像なら、1 つめの特徴マップは半分に弱まり、2 つめはほぼそのまま残ります。
# 特徴マップを 1 つの平均に縮めてから計算するので、掛かる計算はわずかです。どれだけわずかかは、B0 ができてから数えます。
#
# ### 問題 3 squeeze-and-excitation を NumPy で書く (2 点)
#
# ★★ SE の式を計算する関数 `squeeze_excite(x, w1, b1, w2, b2)` を、NumPy で書きましょう。
# `x` は形 `(枚数, 縦, 横, C)` の特徴マップ、`w1` は `(C, S)`、`b1` は `(S,)`、`w2` は `(S, C)`、`b2` は `(C,)` の配列です。
# 画像ごと、チャネルごとに縦横で平均し、`w1` と `b1` の層、swish ($z\,\sigma(z)$)、`w2` と `b2` の層、sigmoid の順に通した倍率を、元の `x` に掛けます。
# 結果は `x` と同じ形です。
#
# たとえば次の値になります。
#
# ```python
# x = np.array([[[[1.0], [3.0]]]])  # 平均は 2
# squeeze_excite(x, np.array([[1.0]]), np.array([0.0]), np.array([[0.0]]), np.array([0.0]))
# # → 倍率 0.5 を掛けた [[[[0.5], [1.5]]]]
# ```

# %%
# EXERCISE ch06.squeeze_excite

# %%
check("ch06.squeeze_excite")

# %% [markdown]
# ### stochastic depth
#
# 深いネットワークの学習では、ときどき残差枝を丸ごと落とし、浅いネットワークとして学ばせます (**stochastic depth**)。
# 画像 1 枚ごとに、確率 $p$ で残差枝を 0 にし、残った枝は $1 / (1 - p)$ 倍します。平均は変わりません。推論では何もしません。
# Keras では、1 枚に 1 つの乱数を使う `Dropout` で書けます。

# %%
drop_branch = layers.Dropout(0.25, noise_shape=(None, 1, 1, 1), seed=course.seed)
branches = np.ones((10_000, 2, 2, 3), "float32")
dropped = np.array(drop_branch(branches, training=True))
print("はじめの 8 枚の値:", dropped[:8].mean(axis=(1, 2, 3)).round(2))
print(f"平均 {dropped.mean():.3f}、推論での値 {np.array(drop_branch(branches)).mean():.0f}")

# %% [markdown]
# ### 問題 4 残差枝を画像ごとに落とす (2 点)
#
# ★★ stochastic depth の足し算をする関数 `drop_path(x, branch, keep, survives)` を、NumPy で書きましょう。
# `x` (ショートカット) と `branch` (残差枝) は同じ形の配列で、最初の軸が画像です。軸の数は 2 以上で、いくつでも動くようにします。
# `keep` は残差枝を残す確率 ($0 < keep \le 1$)、`survives` は画像ごとに残すかどうかを表す、長さが枚数の真偽値の配列です。
#
# - `survives` が True の画像では、`branch` を `keep` で割って `x` に足します。
# - False の画像では、残差枝を落として、`x` だけにします。
# - `survives` が `None` なら推論です。何も落とさず、割らずに `branch` を足します。
#
# たとえば次の値になります。
#
# ```python
# x, branch = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [2.0, 2.0]])
# drop_path(x, branch, 0.5, np.array([True, False]))  # → [[3, 4], [3, 4]]
# drop_path(x, branch, 0.5, None)  # → [[2, 3], [5, 6]]
# ```

# %%
# EXERCISE ch06.stochastic_depth

# %%
check("ch06.stochastic_depth")

# %% [markdown]
# ### MBConv

# %%
figures.draw_network(*figures.MBCONV, title="この項で組み立てるところ: MBConv ブロック")

# %% [markdown]
# **MBConv** は、MobileNetV2 のブロックに SE を加えたものです。チャネルを 1×1 の畳み込みで 6 倍に広げ、depthwise 畳み込みで
# 場所を混ぜ、1×1 で元の数に戻します。24 チャネルなら、1 か所あたりの積和は次のとおりです。

# %% tags=["nbval-check-output"]
print("MBConv:         ", 24 * 144 + 9 * 144 + 144 * 24)
print("144 チャネルの 3×3:", 9 * 144 * 144)

# %% [markdown]
# 144 チャネルに広げて場所を混ぜても、ふつうの畳み込みよりはるかに安く済みます。


# %% tags=["export"]
def conv(filters, kernel=1, stride=1):
    """バイアスのない畳み込みの層を返します。"""
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)


def normalised(x, layer, active=True):
    """層に BatchNormalization を続け、active なら swish を掛けます。"""
    x = layers.BatchNormalization(momentum=0.9)(layer(x))
    return layers.Activation("swish")(x) if active else x


# %% tags=["export"]
def mbconv(x, filters, kernel=3, stride=1, expansion=6, drop=0.0):
    """MBConv ブロック。drop は、残差枝を落とす確率です。"""
    channels = x.shape[-1]
    branch = normalised(x, conv(channels * expansion)) if expansion > 1 else x  # 広げる
    depthwise = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)
    branch = normalised(branch, depthwise)  # 場所を混ぜる
    branch = se_block(branch, max(1, channels // 4))
    branch = normalised(branch, conv(filters), active=False)  # 縮める
    if stride > 1 or channels != filters:  # 形が変わるブロックには、ショートカットがない
        return branch
    return x + layers.Dropout(drop, noise_shape=(None, 1, 1, 1))(branch)


# %% [markdown]
# 最後の 1×1 のあとに活性化関数はありません。チャネルが少ないところで負の値を捨てると、情報が失われるからだ、と MobileNetV2 の論文は説明しています。
#
# ### 問題 5 MBConv を組み立てる (3 点)
#
# ★★★ 形 `(縦, 横, channels)` の特徴マップを受け取る MBConv を `keras.Model` で返す関数
# `build_mbconv(channels, filters, stride, expansion, se_ratio)` を書きましょう。縦と横は決めず、どの大きさにも使えるようにします。
#
# 1. 広げる: `channels * expansion` チャネルへの 1×1 の畳み込み。`expansion` が 1 のときは置きません。
# 2. 3×3 の depthwise 畳み込み。`strides=stride`、`padding="same"`。
# 3. SE: あいだの層は `max(1, int(channels * se_ratio))` チャネル (**広げる前**の `channels` から計算)、活性化関数は swish。倍率は sigmoid。SE の 2 つの層にはバイアスを付けます。`se_ratio` が 0 のときは SE を置きません。
# 4. 縮める: `filters` チャネルへの 1×1 の畳み込み。
# 5. `stride` が 1 で、`channels` と `filters` が等しいときだけ、入力を足します。
#
# 1、2、4 の畳み込みにはバイアスを付けず、既定のままの BatchNormalization を続けます。1 と 2 では、さらに swish を掛けます。4 のあとには何も掛けません。
#
# たとえば次の値になります。
#
# ```python
# build_mbconv(8, 8, 1, 4, 0.25).count_params()  # → 1250
# build_mbconv(4, 6, 2, 1, 0)(np.ones((1, 6, 8, 4))).shape  # → (1, 3, 4, 6)
# ```

# %%
# EXERCISE ch06.mbconv

# %%
check("ch06.mbconv")

# %% [markdown]
# ### B0 を組み立てる
#
# B0 は、次の表のとおりに MBConv を並べたものです (論文の表 1)。左から、繰り返しの数、depthwise 畳み込みのカーネル、
# 段の最初のブロックのストライド、広げる倍率、出力のチャネル数です。この表は、5 節で使う EfficientNet-Lite0 と同じなので、その名前で読み込みました。

# %%
result_table([group._asdict() for group in EFFICIENTNET_LITE0], caption="B0 の 7 つの段")


# %% tags=["export"]
def efficientnet(groups, size, stem=32, top=1280, classes=1000, dropout=0.2, drop_connect=0.2):
    """段の表から、画像を得点 (logit) に写すネットワークを組み立てます。"""
    inputs = keras.Input((size, size, 3))
    x = normalised(inputs, conv(stem, 3, 2))
    done, count = 0, sum(group.repeats for group in groups)
    for repeats, kernel, first_stride, expansion, filters in groups:
        for block in range(repeats):
            stride = first_stride if block == 0 else 1
            x = mbconv(x, filters, kernel, stride, expansion, drop_connect * done / count)  # 深いほど落とす
            done += 1
    x = layers.GlobalAveragePooling2D()(normalised(x, conv(top)))
    return keras.Model(inputs, layers.Dense(classes)(layers.Dropout(dropout)(x)))


# %% [markdown]
# Keras の `EfficientNetB0` は、入口で画素の値をそろえる層を 2 つ持ち、そこに 7 個の数があります。重みを写して、得点が同じになるかも確かめます。

# %%
b0 = efficientnet(EFFICIENTNET_LITE0, 224)
published = keras.applications.EfficientNetB0(weights=None, classifier_activation=None)
b0.set_weights(published.get_weights()[3:])  # はじめの 3 つは、画素の値をそろえる層のもの
noise = np.random.default_rng(course.seed).uniform(0, 255, (1, 224, 224, 3)).astype("float32")
given, wanted = np.array(b0(noise / 255)), np.array(published(noise))

claim("ch06.parameters.b0", b0.count_params() + 7)
claim("ch06.cost.b0", multiply_adds(b0) / 1e9)
print(
    f"同じ重みでの得点のずれ: 最大 {np.abs(given - wanted).max():.1e} (得点の大きさ {np.abs(wanted).max():.1e})"
)

# %%
gates = [layer for layer in b0.layers if isinstance(layer, layers.Conv2D) and layer.output.shape[1] == 1]
share = sum(np.prod(layer.kernel.shape) for layer in gates) / multiply_adds(b0)
print(f"SE: 積和の {share:.2%}、パラメータの {sum(g.count_params() for g in gates) / b0.count_params():.0%}")
claim("ch06.se_cost", 100 * share)

# %% [markdown]
# 論文のとおりの大きさになりました。この節の答えは、**B0 は、SE を加えた MBConv を 16 個並べたもの**です。
# SE は、積和はほとんど増やさず、パラメータは 1 割ほど増やします。
#
# では、1 節の式は、本物の B0 にも当てはまるでしょうか。深さ、幅、解像度を 2 倍にして数えます。

# %%
deep = [group._replace(repeats=2 * group.repeats) for group in EFFICIENTNET_LITE0]
wide = [group._replace(filters=2 * group.filters) for group in EFFICIENTNET_LITE0]
with keras.StatelessScope():  # 重みのメモリを取らずに、形だけを作る
    claim("ch06.cost.depth", multiply_adds(efficientnet(deep, 224)) / multiply_adds(b0))
    claim("ch06.cost.width", multiply_adds(efficientnet(wide, 224, 64, 2560)) / multiply_adds(b0))
    claim("ch06.cost.resolution", multiply_adds(efficientnet(EFFICIENTNET_LITE0, 448)) / multiply_adds(b0))
del published, b0

# %% [markdown]
# ほぼ式のとおりです。depthwise 畳み込みは幅の 1 乗でしか増えませんが、積和のほとんどは 1×1 の畳み込みにあります。
#
# ## 3. 複合スケーリング
#
# 3 つを一緒に大きくするなら、どんな割合がよいでしょうか。論文は、深さ、幅、解像度を、1 つの数 $\phi$ で決めます。
#
# $$\text{深さ} = \alpha^\phi, \quad \text{幅} = \beta^\phi, \quad \text{解像度} = \gamma^\phi, \qquad \alpha \cdot \beta^2 \cdot \gamma^2 \approx 2$$
#
# 条件は、$\phi$ を 1 増やすと計算がおよそ 2 倍になるように、という約束です。Tan と Le は、B0 の 2 倍の計算で小さな格子を探索し、
# $\alpha = 1.2$、$\beta = 1.1$、$\gamma = 1.15$ を選びました。

# %% tags=["nbval-check-output"]
alpha, beta, gamma = 1.2, 1.1, 1.15
print(f"α·β²·γ² = {alpha * beta**2 * gamma**2:.4f}")
print(f"φ = 7 なら、深さ {alpha**7:.2f} 倍、幅 {beta**7:.2f} 倍、解像度 {224 * gamma**7:.0f} 画素")

# %% [markdown]
# ### 問題 6 チャネル数と繰り返しの数を丸める (2 点)
#
# ★★ ネットワークを大きくすると、チャネル数も層の繰り返しの数も、整数ではなくなります。EfficientNet の丸め方を 2 つの関数にしましょう。
#
# - `round_channels(channels, width, divisor=8)` は、`channels * width` を、いちばん近い `divisor` の倍数に丸めて、整数で返します。ちょうど真ん中なら、大きいほうにします。丸めた値が `channels * width` の 90 % を下回ったときは、`divisor` を足します。ですから、結果が 0 になることはありません。
# - `round_repeats(repeats, depth)` は、`repeats * depth` の端数を切り上げて、整数で返します。
#
# たとえば次の値になります。
#
# ```python
# round_channels(32, 1.1)  # → 32 (35.2 に近い倍数)
# round_channels(10, 1.0)  # → 16 (8 は 10 の 90 % を下回る)
# round_repeats(3, 1.2)  # → 4
# ```

# %%
# EXERCISE ch06.round_channels

# %%
check("ch06.round_channels")

# %% [markdown]
# ### 問題 7 複合スケーリングの倍率 (1 点)
#
# ★ $\phi$ 段大きくしたときの `(深さ, 幅, 解像度, 計算の量)` の倍率を、この順のタプルで返す関数
# `compound_scaling(phi, alpha, beta, gamma)` を書きましょう。深さは `alpha`、幅は `beta`、解像度は `gamma` から決めます。
# `phi` は 0 以上の数で、整数とは限りません。計算の量は、1 節の式で求めた倍率です。丸めはしません。
#
# たとえば次の値になります。
#
# ```python
# compound_scaling(2, 2.0, 1.5, 1.0)  # → (4.0, 2.25, 1.0, 20.25)
# ```

# %%
# EXERCISE ch06.compound

# %%
check("ch06.compound")

# %% [markdown]
# ### B0 から B7 まで
#
# 公開されている 8 つのネットワークは、この規則のとおりでしょうか。`keras.applications` のネットワークを、形だけ作って数えます。

# %%
counted = {}
for number in range(8):
    with keras.StatelessScope():
        model = getattr(keras.applications, f"EfficientNetB{number}")(weights=None)
    blocks = sum(isinstance(layer, layers.DepthwiseConv2D) for layer in model.layers)
    size, features = model.input_shape[1], model.layers[-1].kernel.shape[0]
    counted[f"B{number}"] = tables.Counted(size, blocks, features, model.count_params(), multiply_adds(model))
    del model
    keras.backend.clear_session()
result_table(tables.published(counted), caption="数えた値と、論文の値 (Tan & Le 2019、表 2)")

# %%
first, last = counted["B0"], counted["B7"]
claim("ch06.rule.doubling", (last.multiply_adds / first.multiply_adds) ** (1 / 7))
deeper, wider = last.blocks / first.blocks, last.features / first.features
print(f"B7 は B0 より、深さが {deeper:.2f} 倍、幅が {wider:.2f} 倍")
print(f"積和と論文の値のずれは、最大 {tables.largest_difference(counted):.1%}")
claim("ch06.rule.names", deeper / wider)

# %% [markdown]
# 計算の量は、$\phi$ を 1 増やすごとに、平均して $\alpha\beta^2\gamma^2$ 倍になっています。ただ、ぴったりではありません。
# 公開された B1〜B7 の係数は、式の値を丸めて少し調整したものです (B7 は深さ 3.1、幅 2.0、解像度 600)。
#
# 論文の精度は、B0 から B7 まで上がり続けます。レポートの「モデルのサイズと計算量が増えるごとに一貫して向上する」は、論文のこの表のとおりです。
# ただし、右端の列を見ると、計算を 2 倍にするごとの上がり幅は小さくなります。
#
# ## 4. 同じ計算の量で、大きくし方を比べる
#
# レポートによれば、1 つだけを大きくすると「ある程度まで増やすと精度向上は横ばい」で、3 つを一緒に大きくするとよいのでした。
# 小さなネットワークで確かめましょう。4 ブロックの EfficientNet の積和を、5 通りのやり方で、ほぼ 2 倍にします。
# 論文の比、1 つだけを大きくする 3 通り、それに、幅と解像度の 2 つを大きくする案です。論文も、B0 の 2 倍の計算で割合を探しました。
#
# ### 問題 8 どう大きくするのがよいかを予想する (1 点)
#
# 5 つの案を、それぞれ花の写真で学習します。シードを 5 通りに変え、同じシードどうしでテスト精度を比べると、どうなるでしょうか。
#
# - ア: 論文の比の案が、5 つのシードのすべてで最高になる
# - イ: 1 つだけを大きくした案のどれか 1 つが、5 つのシードのすべてで最高になる
# - ウ: 最高になる案は、シードによって変わる

# %%
# EXERCISE ch06.guess_scaling

# %%
check("ch06.guess_scaling")

# %% [markdown]
# 学習のしかたを、1 つのネットワークで示します。ここでは描いた花を使います。実験そのものは、花の写真で、5 つのシードについて行い、保存してあります
# (`python -m chapters.ch06_efficientnet.experiment scaling`)。


# %% tags=["export"]
def prepare(groups, size, stem, top, steps):
    """5 種類の花を見分けるネットワークを、steps ステップの学習に備えて返します。"""
    model = efficientnet(groups, size, stem, top, classes=5)
    rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=4e-3, warmup_steps=steps // 10)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.01), loss, metrics=["acc"], jit_compile=False)
    return model


# %%
pictures, kinds = draw_flowers(count_per_class=64, size=32, seed=course.seed)
fresh, answers = draw_flowers(count_per_class=64, size=32, seed=course.seed + 1)
both, labels = np.concatenate([pictures, pictures[:, :, ::-1]]), np.tile(kinds, 2)  # 左右の反転も使う

keras.utils.set_random_seed(course.seed)
small = prepare(*experiment.arguments(experiment.SMALL), steps=60)
history = small.fit(both / 127.5 - 1, labels, batch_size=64, epochs=6, verbose=0).history
print("エポックごとの訓練精度:", np.round(history["acc"], 2))
print(f"新しい絵での精度 {small.evaluate(fresh / 127.5 - 1, answers, verbose=0)[1]:.2f} (当てずっぽうは 0.2)")

# %%
scaling = experiment.stored_scaling()
figures.plot_scaling(scaling, factor=2)

# %%
result_table(tables.cost_summary(scaling, factor=2), caption="花の写真、5 つのシード")

# %%
compound = np.array(tables.by_direction(scaling, "compound", 2))
before = np.array(tables.by_direction(scaling, "depth", 1))
singles = {way: np.array(tables.by_direction(scaling, way, 2)) for way in ("depth", "width", "resolution")}
best = max(singles, key=lambda way: np.median(singles[way]))
print(f"1 つだけなら、いちばん良いのは「{experiment.DIRECTIONS[best].title}」")
claim("ch06.scaling.compound", float(np.median(compound - singles[best])))
claim("ch06.scaling.depth", float(np.median(singles["depth"] - before)))

# %% [markdown]
# 中央値がいちばん高いのは、解像度だけを大きくした案でした。32 画素では花の細かな形がつぶれるので、ここでは画素がいちばん
# 足りなかったのかもしれません (確かめてはいません)。論文の比で 3 つを一緒に大きくした案も、大きくする前より中央値は上がりましたが、
# 解像度だけの案との差は、シードによって符号が変わります。この節の問いの答えは、**この規模では、どちらがよいとも言えない**です。
# 深さだけを大きくした案は、大きくする前とほとんど変わりませんでした。
#
# ### 大きくし続けると、どこで横ばいになるか
#
# レポートのいう「横ばい」は、1 つの次元を大きくし続けたときの話です。2 倍で中央値が上がった解像度と幅を、4 倍まで大きくしました。
# 時間が掛かるので、4 倍のシードは、解像度が 3 つ、幅が 2 つだけです。2 倍で上がらなかった深さは、2 倍までです。

# %%
figures.plot_going_on(scaling)

# %%
result_table(tables.going_on_summary(scaling), caption="上がりは、シードの順")

# %%
claim("ch06.scaling.plateau", float(np.median(tables.gains_between(scaling, "resolution", 2, 4))))

# %% [markdown]
# 解像度だけでも、幅だけでも、測ったシードのすべてで、4 倍のほうが 2 倍より高くなりました。横ばいになる様子は見えません。
# ただし、シードは 2 つか 3 つで、上がりの小さいシードもあります。4 倍より先は測っていません。ですから、どこで横ばいが始まるのかは、
# **この規模では分からない**、が答えです。深さだけの案は、2 倍で上がりませんでした。
# ただし、それが深さの限界なのか、4 エポックの学習では足りないのかは、分けて確かめてはいません。
# 論文が測ったのは、ImageNet の 128 万枚と、もっと大きなネットワークです。
#
# ### 割合を選ぶ
#
# どの案を選ぶかは、検証精度で決めます。テスト精度で選ぶと、選んだ案の成績が甘くなるからです (第 5 章)。

# %%
candidates = tables.search_rows(scaling)
result_table(tables.search_table(candidates), caption="2 倍の計算での検証精度、5 つのシードの平均と標準誤差")

# %% [markdown]
# 平均がいちばん高い案でも、標準誤差ほどの差は、シードを変えれば入れ替わります。そこで、差が標準誤差より小さければ、安いほうを選びます。
#
# ### 問題 9 測って、割合を決める (3 点)
#
# ★★★ 測った表から割合を選ぶ関数 `choose_scaling(rows, budget, tolerance)` を書きましょう。`rows` の 1 行は辞書で、
# `"depth"`、`"width"`、`"resolution"` が倍率、`"cost"` が計算の量 (もとの何倍か)、`"validation"` がシードごとの検証精度のリスト (2 つ以上) です。
#
# 1. `cost` が `budget * (1 - tolerance)` 以上、`budget * (1 + tolerance)` 以下の行だけを候補にします。候補がなければ `None` を返します。
# 2. 検証精度の平均が最高の候補を見つけ、その候補の標準誤差を求めます。標準誤差は、$n-1$ で割る標準偏差を $\sqrt{n}$ で割った値です ($n$ はシードの数)。
# 3. 平均が「最高の平均 − その標準誤差」以上の候補のうち、`cost` が最小のものを選び、`(depth, width, resolution)` のタプルを返します。
#
# 平均が最高の候補や、`cost` が最小の候補が 2 つ以上あることは、考えなくてかまいません。
#
# たとえば次の値になります。
#
# ```python
# rows = [
#     {"depth": 2.0, "width": 1.0, "resolution": 1.0, "cost": 1.9, "validation": [0.69, 0.69]},
#     {"depth": 1.2, "width": 1.1, "resolution": 1.15, "cost": 2.0, "validation": [0.68, 0.72]},
#     {"depth": 1.0, "width": 2.0, "resolution": 1.0, "cost": 4.0, "validation": [0.80, 0.80]},
# ]
# choose_scaling(rows, 2.0, 0.1)  # → (2.0, 1.0, 1.0) (0.69 は 0.70 − 0.02 以上で、安い)
# ```

# %%
# EXERCISE ch06.search_scaling

# %%
check("ch06.search_scaling")

# %% [markdown]
# ## 5. ImageNet で学んだネットワークに、写真を見せる
#
# 学習ずみのネットワークでは、解像度を上げればよく見えるようになるのでしょうか。
#
# ここからは、ImageNet の約 128 万枚、1,000 クラスの写真で学習した **EfficientNet-Lite0** を使います。B0 から SE を除き、
# swish を ReLU6 に替えて、スマートフォン向けにしたものです。学習したときの解像度は 224 で、
# ImageNet の精度は 75.1 %、積和は 407 百万回と公表されています。積和は、ここでも数えてみましょう。

# %%
lite0 = load_efficientnet_lite0()
with keras.StatelessScope():  # どの解像度も受け取るネットワークを、数えるために 224 画素に決める
    sized = keras.models.clone_model(lite0, input_tensors=keras.Input((224, 224, 3)))
millions = multiply_adds(sized) / 1e6
print(f"EfficientNet-Lite0 の積和: {millions:.0f} 百万回 (公表の値の {millions / 407:.2f} 倍)")

# %% [markdown]
# B0 とほとんど同じで、公表の値より少しだけ少なくなりました。公表の値は、畳み込みと Dense のほかの計算も数えているのかもしれません
# (確かめてはいません)。積和を比べるときは、数え方もそろえましょう。では、写真を見せます。

# %%
photos = {name: load_photo(name) for name in PHOTOS}
logits = lite0.predict(preprocess_lite0(np.stack(list(photos.values()))), verbose=0)
guesses = {name: top_classes(row, 2) for name, row in zip(photos, logits, strict=True)}
titles = [f"{g.name} {g.probability:.2f}\n{h.name} {h.probability:.2f}" for g, h in guesses.values()]
show_images(np.stack(list(photos.values())), titles, columns=3, heading="上位 2 つのクラスと確率 (224 画素)")

# %% [markdown]
# 宇宙飛行士は ImageNet のクラスにないので、どれかほかのものに見立てるしかありません。ロケットにも迷っています。
#
# ### 解像度を変える
#
# 同じ写真を 96 画素から 320 画素まで変えて渡し、224 画素で 1 位だったクラスの確率 (確信度) と、1 枚に掛かる CPU の時間を測ります。


# %%
def probability(model, images, index):
    """画像の 1 枚ごとに、クラス index の確率を返します。images は RGB の 0〜255 です。"""
    logits = model.predict(preprocess_lite0(images), batch_size=16, verbose=0)
    return np.array(keras.ops.softmax(logits, axis=-1))[:, index]


# %%
sizes = (96, 128, 160, 192, 224, 256, 288, 320)
confidence = {
    name: [probability(lite0, load_photo(name, size)[None], guesses[name][0].index)[0] for size in sizes]
    for name in PHOTOS
}
seconds = []
for size in sizes:
    batch = preprocess_lite0(np.stack([load_photo(name, size) for name in PHOTOS]))
    lite0.predict_on_batch(batch)  # 形が変わった最初の 1 回は、準備に時間が掛かる
    runs = []
    for _ in range(3):
        started = time.process_time()
        lite0.predict_on_batch(batch)
        runs.append(time.process_time() - started)
    seconds.append(min(runs))
figures.plot_resolution(sizes, confidence, seconds)

# %%
at = {size: place for place, size in enumerate(sizes)}
falls = [curve[at[320]] < curve[at[224]] for curve in confidence.values()]
claim("ch06.resolution.confidence", float(np.mean(falls)))
claim("ch06.resolution.seconds", seconds[at[320]] / seconds[at[160]])
for size in (96, 128, 224):
    row = lite0.predict_on_batch(preprocess_lite0(load_photo("rocket", size)[None]))[0]
    guess = top_classes(row, 1)[0]
    print(f"ロケット、{size} 画素の 1 位: {guess.name} ({guess.probability:.2f})")

# %% [markdown]
# 224 画素より大きくすると、6 枚とも確信度が下がりました。大きくすれば細かいところまで写るのに、です。
# レポートの「解像度を高くして、より詳細な特徴を捉える」は、**その解像度で学習したとき** (4 節の「解像度だけ」) の話です。
# 小さくした側では、確信度が上がった写真もあります。ただし、ロケットの写真のように、別のものだと確信していることもあります。
# 確信度の高さは、正しさではありません。この節の問いの答えは、**この 6 枚では、上げても、よくは見えない**です。
# 6 枚の確信度からは、精度までは分かりません。学習したときより少し高い解像度で、ImageNet の精度が上がったという報告もあります
# (Touvron et al. 2019)。時間のほうは、解像度の 2 乗に近い増え方をしました。小さいほうでは、式ほどには減りません。
#
# ### 問題 10 間に合う解像度を選ぶ (2 点)
#
# ★★ 応答に使ってよい時間が決まっているとき、どの解像度で動かすかを選ぶ関数 `choose_resolution(rows, limit)` を書きましょう。
# `rows` の 1 行は `(解像度, 時間のリスト, 精度)` のタプルです。時間はミリ秒で、何回か測った値が並んでいます。
# `limit` ミリ秒以内 (ちょうども含みます) に終わった回が、**9 割以上**の解像度だけを候補にします。
# 候補のうち、精度が最高の解像度を返します。同点なら、解像度の低いほうです。候補がなければ `None` を返します。行の順は決まっていません。
#
# たとえば次の値になります。
#
# ```python
# rows = [(224, [18.0, 19.0], 0.75), (160, [9.0, 10.0], 0.70), (320, [40.0, 41.0], 0.78)]
# choose_resolution(rows, 20.0)  # → 224
# choose_resolution(rows, 5.0)  # → None
# ```

# %%
# EXERCISE ch06.choose_resolution

# %%
check("ch06.choose_resolution")

# %% [markdown]
# ### どこを見ているか
#
# 写真の一部を灰色で隠し、確率がどれだけ下がるかを、場所ごとに測ります (occlusion)。大きく下がる場所が、答えの根拠です。


# %%
def occlusion(name, patch=64, step=20):
    photo, index = photos[name], guesses[name][0].index
    corners = range(0, 224 - patch + 1, step)
    hidden = np.repeat(photo[None], len(corners) ** 2, axis=0)
    for image, (top, left) in zip(hidden, ((y, x) for y in corners for x in corners), strict=True):
        image[top : top + patch, left : left + patch] = 127
    drops = probability(lite0, photo[None], index)[0] - probability(lite0, hidden, index)
    return drops.reshape(len(corners), len(corners))


# %%
drops = {name: occlusion(name) for name in ("coffee", "camera")}
figures.plot_occlusion(photos, drops, guesses)

# %% [markdown]
# コーヒーではカップの縁と中身を、カメラを構える人では三脚の脚を隠すと、確率が大きく下がります。
# 背景を隠しても、ほとんど変わりません。根拠の見つけ方は、第 23 章で詳しく学びます。
#
# ### 特徴を借りる
#
# 第 5 章では、CIFAR-10 で学んだ backbone の特徴を借りました。ImageNet で学んだ特徴に替えると、どれだけ違うでしょうか。
#
# ### 問題 11 ImageNet の特徴の強みを予想する (1 点)
#
# 花の写真を 1 種類につき 20 枚ずつ使って、凍結した特徴の上の線形の出力層だけを学習します。ImageNet で学んだ特徴 (224 画素) のテスト精度は、
# CIFAR-10 で学んだ特徴 (48 画素) より、何点 (% の差) 高いでしょうか。5 つのシードの中央値どうしの差を、数で答えましょう。低いと思うなら、負の数にします。

# %%
# EXERCISE ch06.guess_transfer

# %%
check("ch06.guess_transfer")

# %% [markdown]
# 凍結した特徴に、ロジスティック回帰 (1 層の線形の分類) をつなぎます。まず、描いた花で試します。1 種類 20 枚で学び、20 枚で試します。

# %%
drawn, kinds = draw_flowers(count_per_class=40, size=128, seed=course.seed)
first, rest = slice(0, 100), slice(100, 200)
for name in ("imagenet 128", "cifar10 32"):
    features = experiment.FEATURES[name](drawn)
    head = experiment.linear_head(features[first], kinds[first], penalty=100)
    print(
        f"{name}: 特徴 {features.shape[1]} 個、新しい絵での精度 {head.score(features[rest], kinds[rest]):.2f}"
    )

# %% [markdown]
# 花の写真では、5 つのシードで測って保存してあります (`… experiment transfer`)。

# %%
transfer = experiment.stored_transfer()
figures.plot_transfer(transfer)

# %%
gains = tables.transfer_gains(transfer, "imagenet 224", "cifar10 48")
for count, gain in gains.items():
    print(
        f"1 種類 {count:3} 枚: 差の中央値 {100 * np.median(gain):+.0f} 点 ({min(gain):+.3f}〜{max(gain):+.3f})"
    )
claim("ch06.transfer.gain", float(min(min(gain) for gain in gains.values())))
few = np.median(tables.by_features(transfer, "imagenet 224", 20))
claim("ch06.transfer.images", float(few - np.median(tables.by_features(transfer, "cifar10 48", 100))))

# %% [markdown]
# どの枚数でも、ImageNet の特徴が大きく上回りました。ただし、違いは事前学習のデータだけではありません。ネットワークの大きさも、
# 画像の解像度も、特徴の数も違います。「ImageNet だから」と言い切るには、同じネットワークで比べる必要があります。
#
# ### 考えてみよう (採点しません)
#
# 工場のカメラは 1 枚を 4 ミリ秒で判定しなければなりません。ネットワークの大きさ、解像度、学習のしかたのどれをどう決めますか。
# 何を測りますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 見分けたい傷は何画素に写るか。学習と推論の解像度をそろえるか。時間は、その機械で測ったか (積和は時間そのものではない)。
# 精度は何回測り、どれだけの差なら意味があるとするか。選ぶデータと、最後に成績を測るデータは分けてあるか。
#
# </details>
#
# ## 6. 補足・訂正
#
# - **係数の名前** レポートの式は、幅を $\alpha^k$、深さを $\beta^k$ としています。論文では $\alpha$ が**深さ**、$\beta$ が**幅**です。
#   名前だけの違いですが、論文の値 1.2 と 1.1 を当てはめると逆になります。3 節で数えたとおり、B7 は幅より深さのほうが大きく伸びています。
# - **条件の式** レポートには、$\alpha \cdot \beta^2 \cdot \gamma^2 \approx 2$ という条件がありません。これがないと、
#   3 つの係数をいくらでも大きくでき、計算の量が決まりません。2 乗の理由は、1 節のとおりです。
# - **「計算コストを最小化しながら」** 論文が解いたのは、計算の量の上限を決めて、精度を最大にする問題です。最小化はしていません。
# - **「各層のユニット数」「ネットワークの総数」** 畳み込みでは、幅はチャネルの数です。深さは、ネットワークではなく**層**の数です。
# - **積和と時間** 積和が同じでも、時間は同じになりません。depthwise 畳み込みは、積和のわりに時間が掛かります。
#   4 節の表の右端を見てください。積和がほぼ同じでも、学習の時間は大きく違います。

# %% [markdown]
# ## 7. まとめ
#
# 1. 積和は、深さの 1 乗、幅の 2 乗、解像度の 2 乗で増えます。
# 2. EfficientNet は、SE を加えた MBConv を並べた B0 を、3 つの方向へ決まった割合で大きくしたものです。
# 3. 論文の割合は、深さ 1.2、幅 1.1、解像度 1.15 で、計算の量は 1 段ごとにおよそ 2 倍になります。
# 4. 同じ計算の量で比べた小さな実験では、解像度だけの案の中央値が最高でしたが、3 つを一緒にした案との差は、ばらつきの中でした。
#    1 つだけを大きくし続けたとき、どこで横ばいになるかは、この規模では分かりませんでした。
# 5. 学習ずみのネットワークは、まず学習したときの解像度で使い、変えるなら、精度を測って決めます。確信度の高さは、正しさではありません。
#
# **早見表**
#
# $$\text{深さ} = \alpha^\phi, \quad \text{幅} = \beta^\phi, \quad \text{解像度} = \gamma^\phi, \qquad \alpha \cdot \beta^2 \cdot \gamma^2 \approx 2$$
#
# ```python
# branch = normalised(x, conv(channels * expansion))               # 1×1 で広げる
# branch = normalised(branch, layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False))
# branch = se_block(branch, channels // 4)                   # チャネルごとの倍率を掛ける
# branch = normalised(branch, conv(filters), active=False)         # 1×1 で縮めて、x に足す
# ```
#
# | よく使う値 | |
# |:--|:--|
# | $\alpha, \beta, \gamma$ | 1.2 (深さ)、1.1 (幅)、1.15 (解像度) |
# | MBConv の拡大、SE の縮小 | 6 倍、入力のチャネルの 4 分の 1 |
# | 解像度 B0〜B7 | 224, 240, 260, 300, 380, 456, 528, 600 |

# %%
claims_table()

# %%
score()
print(course.cost())

# %% [markdown]
# ## もっと調べる
#
# ### 借りた特徴の、全部の結果

# %%
result_table(
    tables.transfer_summary(transfer), caption="花の写真のテスト精度、5 つのシード: 最小 / 中央値 / 最大"
)

# %% [markdown]
# 写真の元の大きさは 128 画素です。128 のまま渡しても、224 に引き伸ばしても、枚数が多ければ差はわずかです。
#
# ### 本物の大きさで
#
# この章のセルは、`COURSE_PROFILE=full` を付けても変わりません。4 節と「特徴を借りる」の実験は、`tf_flowers` を展開した
# `flower_photos/` のあるフォルダーを環境変数 `COURSE_DATA_DIR` に指定し、`python -m chapters.ch06_efficientnet.experiment scaling` または `transfer` で行います。
#
# ImageNet の重みを付けた B0 は、`keras.applications.EfficientNetB0(weights="imagenet")` で取り寄せられます。
# [Keras の例](https://keras.io/examples/vision/image_classification_efficientnet_fine_tuning/)は、120 種類の犬の写真で、これをファインチューニングしています。
#
# ## 参考文献
#
# - M. Tan, Q. V. Le, [EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks](https://arxiv.org/abs/1905.11946), ICML 2019
# - M. Sandler et al., [MobileNetV2: Inverted Residuals and Linear Bottlenecks](https://arxiv.org/abs/1801.04381), CVPR 2018
# - J. Hu, L. Shen, G. Sun, [Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507), CVPR 2018
# - P. Ramachandran, B. Zoph, Q. V. Le, [Searching for Activation Functions](https://arxiv.org/abs/1710.05941), 2017 (swish)
# - G. Huang et al., [Deep Networks with Stochastic Depth](https://arxiv.org/abs/1603.09382), ECCV 2016
# - H. Touvron et al., [Fixing the Train-Test Resolution Discrepancy](https://arxiv.org/abs/1906.06423), NeurIPS 2019 (学習と推論の解像度)
# - R. Liu, [Higher Accuracy on Vision Models with EfficientNet-Lite](https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html), 2020
