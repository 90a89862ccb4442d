# %% [markdown]
# # 第 4 章 応用技術: MobileNet、DenseNet、WaveNet — Cheap, dense and dilated convolutions
#
# {{colab_badge}}
#
# *This chapter takes convolution apart three ways. The report's multiply-add formulas are counted on real layers,
# MobileNet's, DenseNet's and ResNet's blocks are compared at equal parameters over five seeds, and a small WaveNet whose
# causality and receptive field are proven by gradients learns to sing a score that you can listen to.*
#
# **この章でできるようになること**
#
# - 畳み込みの積和の回数を式で書き、本物の層で数えて確かめる
# - DenseNet の「連結」と ResNet の「足し算」を、チャネルの数で見分ける
# - 因果的な畳み込みの受容野を計算し、勾配で証明し、波形を 1 サンプルずつ作る
#
# **前提** 畳み込みとチャネル、BatchNormalization の名前。残差接続は第 5 章で詳しく扱います。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 花の絵と歌声はこの講座のプログラムが作ったもの (CC BY 4.0) です。ダウンロードは要りません。
#
# **論文** Howard et al., *MobileNets* (2017) · Huang et al., *Densely Connected Convolutional Networks* (CVPR 2017) ·
# van den Oord et al., *WaveNet* (2016)

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=4)

# %%
import time

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Audio
from keras import layers, ops

from chapters.ch04_mobilenet_densenet_wavenet import (
    blocks,
    costs,
    experiment,
    figures,
    sounds,
    tables,
    wavenet,
)
from course_utils.claims import claim, claims_table
from course_utils.plots import new_figure, plot_runs, show_images
from course_utils.tables import result_table

rng = np.random.default_rng(course.seed)

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. MobileNet: 畳み込みを 2 つに分ける
#
# ### 手で計算する
#
# 縦横 4×4、チャネル 2 の特徴マップに 3×3 の畳み込みを掛け、4×4、チャネル 3 の特徴マップを作ります。
# 1 つの値を作るには、$3 \times 3 \times 2 = 18$ 回「掛けて足す」ことになります。これを**積和 (multiply-add)** と呼びます。
# 作る値は $4 \times 4 \times 3 = 48$ 個なので、全部で $48 \times 18$ 回です。
#
# MobileNet は、これを 2 段に分けます。
#
# 1. **depthwise 畳み込み (depthwise convolution)**: チャネルを混ぜず、チャネルごとに 3×3 を 1 枚だけ掛ける。$4 \times 4 \times 2$ 個を 9 回ずつ
# 2. **pointwise 畳み込み (pointwise convolution)**: 1×1 の畳み込みでチャネルだけを混ぜる。$4 \times 4 \times 3$ 個を 2 回ずつ

# %% tags=["nbval-check-output"]
normal, depthwise, pointwise = 4 * 4 * 3 * 18, 4 * 4 * 2 * 9, 4 * 4 * 3 * 2
print(f"通常 {normal} 回、分けると {depthwise} + {pointwise} = {depthwise + pointwise} 回")
print(f"比 {(depthwise + pointwise) / normal:.3f} = 1/3 + 1/9 = {1 / 3 + 1 / 9:.3f}")

# %% [markdown]
# この章でいう**レポート**とは、この講座のもとになった深層学習のレポートの「応用技術」の節です。レポートの式は、
# 出力の縦横 $H \times W$、カーネル $K \times K$、入力のチャネル $C$、出力のチャネル $M$ を使って、次のように書けます。
#
# $$\underbrace{H W K^2 C M}_{\text{通常}}, \qquad \underbrace{H W K^2 C}_{\text{depthwise}} + \underbrace{H W C M}_{\text{pointwise}},
# \qquad \text{比} = \frac{1}{M} + \frac{1}{K^2}$$
#
# ### 本物の層で数える
#
# 式を式で確かめても、何も確かめたことになりません。そこで**本物の Keras の層**を微分します。線形な層では、
# 「出力を入力で微分した表 (ヤコビ行列)」の 0 でない場所の 1 つずつが、1 回の掛け算です。それを数えましょう。
# 縁で 0 を足すと、その分の掛け算が表に出ないので、`padding="valid"` にします。10×9 の入力から 8×7 の出力ができます。

# %%
H, W, K, C, M = 8, 7, 3, 4, 6
counted = {
    "通常": costs.products_in(layers.Conv2D(M, K), (10, 9, C)),
    "depthwise": costs.products_in(layers.DepthwiseConv2D(K), (10, 9, C)),
    "pointwise": costs.products_in(layers.Conv2D(M, 1), (H, W, C)),
}
claim("ch04.cost.normal", counted["通常"])
claim("ch04.cost.depthwise", counted["depthwise"])
claim("ch04.cost.pointwise", counted["pointwise"])
claim("ch04.cost.ratio", (counted["depthwise"] + counted["pointwise"]) / counted["通常"] - (1 / M + 1 / K**2))

# %% [markdown]
# チャネルが多いほど $1/M$ は 0 に近づき、3×3 なら比は $1/9$ に近づきます。「8 分の 1 から 9 分の 1」といわれるのはこのためです。

# %%
channels = np.array([8, 16, 32, 64, 128, 256, 512, 1024])
figure, axis = new_figure("ch04.cost_ratio")
for kernel, marker in ((3, "o"), (5, "s")):
    axis.semilogx(channels, 1 / channels + 1 / kernel**2, marker=marker, base=2, label=f"{kernel}×{kernel}")
axis.axhline(1 / 9, color="0.4", linestyle=":")
axis.annotate("1/9", (8, 1 / 9), (0, 4), textcoords="offset points")
axis.set(xlabel="出力のチャネル M", ylabel="積和の比", title="2 つに分けた畳み込み ÷ 通常の畳み込み")
axis.legend()
figure

# %% [markdown]
# ### 何を計算しているのか
#
# Keras の `SeparableConv2D` は、depthwise と pointwise を続けた層です。NumPy で、窓を切り出して同じ値を作ってみます。


# %%
def windows_of(x, size):
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))


separable = layers.SeparableConv2D(M, K, use_bias=False)
x = rng.normal(size=(2, 10, 9, C)).astype("float32")
y = separable(x).numpy()
per_channel, mixing = separable.get_weights()
by_hand = np.einsum("nhwcij,ijc->nhwc", windows_of(x, K), per_channel[..., 0]) @ mixing[0, 0]
claim("ch04.separable.numpy", float(np.abs(y - by_hand).max()))

# %% [markdown]
# 2 段に分けた畳み込みは、通常の畳み込みの**特別な場合**です。カーネルを $k_{ij} = d_{ij} \cdot p$ という積の形に限れば、1 つの通常の畳み込みに戻せます。
# 安くなる代わりに、表せるカーネルは減っています。

# %%
product = per_channel[..., 0][..., None] * mixing  # (3, 3, C, 1) × (1, 1, C, M)
claim("ch04.separable.special", float(np.abs(ops.conv(x, product) - y).max()))

# %% [markdown]
# ### Keras の MobileNet
#
# 論文のネットワークを組み立て、層ごとに積和を数えます。TensorFlow の計測器 (profiler) にも同じモデルを渡し、数え方を照らし合わせます。

# %% tags=["nbval-check-output"]
mobilenet = keras.applications.MobileNet(weights=None)
counts = costs.by_kind(mobilenet)
total = costs.total_multiply_adds(mobilenet)
claim("ch04.mobilenet.parameters", mobilenet.count_params())
claim("ch04.mobilenet.multiply_adds", total)
claim("ch04.mobilenet.profiler", costs.profiled_multiply_adds(mobilenet) - total)

# %%
result_table(
    [
        {
            "層の種類": name,
            "積和": products,
            "積和の割合 (%)": f"{100 * products / total:.2f}",
            "論文の表 2 (%)": paper,
            "パラメータ": counts[name][1],
        }
        for name, paper in (("1×1", "94.86"), ("depthwise", "3.06"), ("3×3", "1.19"))
        for products in [counts[name][0]]
    ],
    caption="MobileNet の積和は、ほとんどが 1×1 の畳み込み",
)

# %% [markdown]
# 表の 3×3 は、論文の 1.19 % に対して 1.91 % です。論文の行を足すと 99.29 % にしかならず、1.91 % なら 100.01 % になります。
# **論文の表が 1.91 の 2 つの数字を入れ替えて印刷した**のでしょう。1×1 の差 0.18 は、分類の層を 1×1 に数えたためです。
# 数え直すと、こういう小さな発見があります。
#
# depthwise と 1×1 の組を、すべて通常の 3×3 に戻したらどうなるでしょうか。1×1 の積和は $HWCM$ なので、3×3 に戻すとその 9 倍です。
# 分類の 1×1 (最後の層) は、もともと 1×1 なので戻しません。

# %%
last = costs.multiply_adds(mobilenet.get_layer("conv_preds"))
full = 9 * (counts["1×1"][0] - last) + counts["3×3"][0] + last
claim("ch04.mobilenet.full", full / 1e6)
claim("ch04.mobilenet.saving", full / total)
del mobilenet

# %% tags=["nbval-check-output"]
claim("ch04.mobilenet_v2.parameters", keras.applications.MobileNetV2(weights=None).count_params())
keras.backend.clear_session()

# %% [markdown]
# ## 2. DenseNet: 足さずに、連結する
#
# ### 手で計算する
#
# DenseBlock に 16 チャネルの特徴マップが入り、層が 1 つ通るたびに 12 チャネルの新しい特徴マップができるとします。
# DenseNet は、これを**足さずに後ろへ並べます**。4 層を通ると $16 + 4 \times 12 = 64$ チャネルです。
# 1 層に増える数 12 を**成長率 (growth rate)** $k$ といい、入口を $k_0$ とすれば、$l$ 層のあとは
#
# $$k_0 + l \, k, \qquad x_l = H_l\bigl([x_0, x_1, \dots, x_{l-1}]\bigr)$$
#
# です。角かっこが**連結 (concatenation)** を表します。ResNet の $x_l = x_{l-1} + F(x_{l-1})$ とは、ここが違います。

# %%
figures.show_channels(first=16, growth=12, count=4)

# %% [markdown]
# ### 本物のネットワークで数える
#
# Keras の DenseNet121 と ResNet50 を組み立て、「足す層」と「連結する層」を数えます。

# %%
densenet = keras.applications.DenseNet121(weights=None)


def merging_layers(model):
    added = sum(isinstance(layer, layers.Add) for layer in model.layers)
    concatenated = sum(isinstance(layer, layers.Concatenate) for layer in model.layers)
    return f"Add {added}、Concatenate {concatenated}"


# %% tags=["nbval-check-output"]
claim("ch04.densenet.parameters", densenet.count_params())
claim("ch04.densenet.merging", merging_layers(densenet))
first_block = [densenet.get_layer(f"conv2_block{n}_1_conv").kernel.shape[2] for n in range(1, 7)]
claim("ch04.densenet.channels", str(first_block))

# %% tags=["nbval-check-output"]
resnet = keras.applications.ResNet50(weights=None)
claim("ch04.resnet50.parameters", resnet.count_params())
claim("ch04.resnet50.merging", merging_layers(resnet))
del densenet, resnet
keras.backend.clear_session()

# %% [markdown]
# DenseNet121 は ResNet50 の 3 分の 1 以下のパラメータです。1 層が新しく作るのは $k$ チャネルだけで、古い特徴は作り直さずに読むからです。
#
# ### 「前方の各層から出力すべてが後方の層への入力となる」
#
# 小さな DenseBlock を書いて、2 つのことを確かめます。まず、入口の特徴マップは**出口までそのまま残っています**。足し算では、こうはなりません。

# %%
inputs = keras.Input((8, 8, 16))
maps = [inputs]
for _ in range(4):
    maps.append(blocks.dense_layer(maps[-1], growth=12))
block = keras.Model(inputs, maps)
x = rng.normal(size=(1, 8, 8, 16)).astype("float32")
*_, exit_maps = block(x)
claim("ch04.dense.kept", float(np.abs(exit_maps[..., :16] - x).max()))

# %% [markdown]
# 次に、層から層へのつながりを数えます。$L$ 個の層があると、$l$ 番目の層は入口と前の層の $l$ 個を直接読むので、つながりは $L(L+1)/2$ 本です。
# 層の出力を 1 つずつ 0 にして、どの畳み込みの入力が変わるかを調べれば、つながりを数えられます。

# %%
convolutions = [layer for layer in block.layers if isinstance(layer, layers.Conv2D)]
readers = keras.Model(block.input, [layer.input for layer in convolutions])
before = readers(x)


def changed_inputs(source):
    """Counts the convolutions that read something else once one more source is silenced."""
    silenced = convolutions[source - 1] if source else None
    kernel = silenced.kernel.numpy() if source else None
    if source:
        silenced.kernel.assign(0 * kernel)
    after = readers(x if source else 0 * x)
    if source:
        silenced.kernel.assign(kernel)
    return sum(float(np.abs(a - b).max()) > 0 for a, b in zip(before, after, strict=True))


claim("ch04.dense.connections", sum(changed_inputs(source) for source in range(4)))

# %% [markdown]
# ### 「層を深くしても学習が進むようにした」
#
# BatchNormalization のない 30 層で、入口と出口に届く勾配の大きさを比べます。DenseBlock では、出口から入口まで**連結という近道**が通っています。

# %%
DEPTH = 30


def deep_maps(dense, initializer):
    options = {"padding": "same", "kernel_initializer": initializer}
    inputs = keras.Input((8, 8, 3))
    maps = [layers.Conv2D(16, 3, **options)(inputs)]
    for _ in range(DEPTH):
        new = layers.Conv2D(8 if dense else 16, 3, **options)(layers.ReLU()(maps[-1]))
        maps.append(layers.Concatenate()([maps[-1], new]) if dense else new)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, maps[0], maps[-1]])


def reached(dense, initializer="glorot_uniform"):
    keras.utils.set_random_seed(course.seed)
    images = np.random.default_rng(course.seed).normal(size=(16, 8, 8, 3)).astype("float32")
    model = deep_maps(dense, initializer)
    with tf.GradientTape() as tape:
        logits, first, last = model(images)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(np.arange(16) % 5, logits)
    entrance, end = tape.gradient(loss, [first, last])
    return float(tf.norm(entrance) / tf.norm(end))


# %%
claim("ch04.dense.gradient", reached(dense=True))
claim("ch04.dense.gradient_plain", reached(dense=False))
claim("ch04.dense.gradient_he", reached(dense=False, initializer="he_normal"))

# %% [markdown]
# 連結のあるほうは、勾配が入口まで届きます。ただし、連結のないほうで勾配が消えたのは、Keras の既定の初期値 (Glorot) が ReLU に
# 合わないからです。初期値を He に替えるだけで、連結がなくても勾配は届きます。「学習が進む」理由を勾配だけで説明することはできません (第 5 章 1 節)。

# %% [markdown]
# ### 増えすぎを抑える: ボトルネックと遷移層
#
# 連結を続けるとチャネルが増え、3×3 の畳み込みが重くなります。DenseNet-BC は 2 つの工夫をします。
#
# - **ボトルネック (bottleneck)**: 3×3 の前に 1×1 で $4k$ チャネルに減らす
# - **遷移層 (transition layer)**: ブロックの間で、1×1 でチャネルを半分にし、平均プーリングで縦横を半分にする。畳み込みの前に BatchNormalization と ReLU を置く
#
# 論文の CIFAR-10 用 DenseNet-BC (深さ 100、$k = 12$) を組み立て、パラメータを数えます。


# %%
def bottleneck_layer(x, growth):
    new = layers.ReLU()(layers.BatchNormalization()(x))
    new = layers.Conv2D(4 * growth, 1, use_bias=False)(new)
    new = layers.ReLU()(layers.BatchNormalization()(new))
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(new)
    return layers.Concatenate()([x, new])


def densenet_bc(growth=12, layers_per_block=16):
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False)(inputs)
    for index in range(3):
        x = x if index == 0 else blocks.transition(x)
        for _ in range(layers_per_block):
            x = bottleneck_layer(x, growth)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization()(x)))
    return keras.Model(inputs, layers.Dense(10)(x))


# %%
claim("ch04.densenet_bc.parameters", tables.trainable_parameters(densenet_bc()))
keras.backend.clear_session()

# %% [markdown]
# ## 3. 3 種類のブロックを、同じパラメータ数で比べる
#
# 入口 (3×3 の畳み込み) と出口 (全体平均プーリングと Dense) を同じにして、間のブロックだけを替えた小さなネットワークを 3 つ作りました。
# 学習できるパラメータの数を、3 つでそろえてあります。4 つ目は、MobileNet のブロックを **ResNet と同じ幅**で使ったものです。
#
# 「同時に保持する値の数」は、推論の途中で同時に覚えておく特徴マップの値の数です。連結する DenseNet は、古い特徴マップを捨てられません。

# %% tags=["nbval-check-output"]
sizes = tables.sizes()
result_table(sizes, caption="32×32 の画像 1 枚を 5 種類に分けるネットワーク")

# %%
parameters = np.array([row["学習できるパラメータ"] for row in sizes])
products = np.array([row["積和 (1 枚)"] for row in sizes])
claim("ch04.blocks.equal", float(parameters[:3].max() / parameters[:3].min()))
claim("ch04.blocks.same_width", float(products[0] / products[3]))
claim("ch04.blocks.same_parameters", float(products[0] / products[1]))

# %% [markdown]
# ここは間違えやすいところです。畳み込みでは、**重み 1 個が「出力の縦 × 横」回ずつ使われます**。だから、パラメータの数が同じなら積和もほぼ同じです。
# MobileNet が安いのは、同じ幅のまま重みを減らしたときです。パラメータをそろえると、減った分だけ幅が広くなります。
#
# ### いま学習する
#
# 5 種類の花の絵、訓練 300 枚で学習し、別の 300 枚で測ります。**乱数の種 (シード)** が 1 の、1 回だけです。

# %%
flowers = experiment.flowers(seed=1)
show_images(
    flowers.train.images[:5],
    [
        ["たんぽぽ", "ひなぎく", "チューリップ", "ひまわり", "ばら"][label]
        for label in flowers.train.labels[:5]
    ],
    heading="32 画素の花の絵",
)

# %%
live = experiment.compare(flowers, seed=1, names=blocks.EQUAL)
result_table(
    [
        {
            "ネットワーク": result.network,
            "テスト精度": result.test,
            "学習 (秒)": f"{result.seconds:.1f}",
            "1 枚の推論 (ミリ秒)": f"{result.milliseconds:.2f}",
            "ResNet を 1 とした推論": result.milliseconds / live[0].milliseconds,
        }
        for result in live
    ],
    caption="シード 1、いまの実行 (時間はこの機械のもので、判定には使いません)",
)

# %%
claim("ch04.blocks.learn", min(result.test for result in live))

# %% [markdown]
# ### 5 つのシードで比べる
#
# 絵も重みも変えた 5 つのシードの結果が保存してあります (`python -m chapters.ch04_mobilenet_densenet_wavenet.experiment blocks`)。

# %%
stored = experiment.stored_results("blocks")
result_table(tables.summary(stored), caption="花の絵、5 つのシード: 最小 / 中央値 / 最大")

# %%
plot_runs(
    {name: [result.test for result in tables.by_network(stored, name)] for name in blocks.NETWORKS},
    metric="テスト精度",
    baseline=0.2,
    heading="花の絵 (点はシードごと、横棒は中央値)",
)

# %% [markdown]
# CIFAR-10 の写真の一部 (10 種類、訓練 1,000 枚) でも測りました (`… experiment photos`)。

# %%
photos = experiment.stored_results("photos")
result_table(tables.summary(photos), caption="CIFAR-10 の一部、5 つのシード: 最小 / 中央値 / 最大")

# %%
plot_runs(
    {name: [result.test for result in tables.by_network(photos, name)] for name in blocks.NETWORKS},
    metric="テスト精度",
    baseline=0.1,
    heading="CIFAR-10 の一部 (点はシードごと、横棒は中央値)",
)


# %%
def wins(network, other):
    pairs = [
        (result.test, rival.test)
        for results in (stored, photos)
        for result, rival in zip(
            tables.by_network(results, network), tables.by_network(results, other), strict=True
        )
    ]
    return float(np.mean([ours > theirs for ours, theirs in pairs]))


claim("ch04.blocks.dense", wins("DenseNet", "ResNet"))
claim("ch04.blocks.separable", wins("MobileNet", "ResNet"))

# %% [markdown]
# パラメータの数をそろえると、DenseNet がいちばん高く、MobileNet は ResNet に届きませんでした。DenseNet は積和がいちばん多いことも忘れないでください。
# 訓練データが少なく、学習も短い、小さなネットワークでの結果です。MobileNet の値打ちは、**積和と重みを大きく減らせる**ところにあります。
# その代わりに精度がどれだけ下がるかは、「同じ幅」の結果から分かります。

# %% [markdown]
# ### 「計算量を減らせば軽量化することは理論的に間違いはない」
#
# 同じ幅の MobileNet は、積和が ResNet の数分の 1 です。では、推論の時間も数分の 1 でしょうか。
# 保存した結果から、積和の比と時間の比を並べます。

# %%
result_table(
    [
        {
            "ネットワーク": row["ネットワーク"],
            "積和 (ResNet = 1)": row["積和 (1 枚)"] / products[0],
            "推論時間 (ResNet = 1)": float(
                np.median(tables.ratios(stored, "milliseconds", row["ネットワーク"]))
            ),
        }
        for row in sizes
    ],
    caption="積和の比と、推論時間の比 (1 枚、CPU、5 つのシードの中央値)",
)

# %% [markdown]
# 積和は減ったのに、**時間は減るどころか増えました**。理由として考えられるのは 2 つです。
# 小さな層では、計算そのものより層を呼び出す手間のほうが大きく、MobileNet は層の数が多いこと。depthwise 畳み込みは、読んだ値 1 つあたりの計算が
# 少ないので、メモリを待つ時間が目立つこと。どちらがどれだけ効いたかは、ここでは測っていません。
# **積和は「減らせる上限」を教えてくれますが、速さは測らなければ分かりません。** 第 3 章の道具 (TFLite、量子化) は、この差を詰めるためにあります。

# %% [markdown]
# ## 4. WaveNet: 因果的な畳み込み
#
# ### 手で計算する
#
# 音は、1 秒に何千個もの数 (**サンプル (sample)**) が並んだものです。WaveNet は、過去のサンプルだけから次のサンプルを当てます。
# 幅 2 の**因果的な畳み込み (causal convolution)** は、いまと、$d$ 個前の値だけを見ます。$d$ を**ダイレーション (dilation)** と呼びます。
# 入力が $1, 2, 3, 4, 5$、重みが (過去 10、いま 1)、$d = 2$ なら、時刻 3 の出力は $10 \times 1 + 3 = 13$ です。始まる前は 0 とします。

# %% tags=["nbval-check-output"]
causal = layers.Conv1D(1, 2, padding="causal", dilation_rate=2, use_bias=False)
causal.build((None, None, 1))
causal.set_weights([np.array([10.0, 1.0]).reshape(2, 1, 1)])
signal = np.arange(1.0, 6).reshape(1, 5, 1)
print("入力", signal.ravel(), "\n出力", causal(signal).numpy().ravel())

# %% [markdown]
# ### 受容野
#
# 1 つの出力が見る入力の数を**受容野 (receptive field)** といいます。幅 $k$ の層は $(k - 1) d$ だけ古いところまで届くので、重ねると
#
# $$R = 1 + (k - 1) \sum_l d_l$$
#
# です。幅 2 で $d = 1, 2, 4, 8$ なら $1 + 15 = 16$。同じ 4 層でも、$d$ がどれも 1 なら 5 しかありません。
# レポートの「受容野を増やすため層が深くなるにつれて畳込むリンクを離す」が、これです。

# %%
figures.show_stack((1, 2, 4, 8))

# %%
figures.show_stack((1, 1, 1, 1))

# %% [markdown]
# ### 勾配で証明する
#
# 論文の $d = 1, 2, 4, \dots, 512$ を Keras で重ね、最後の出力を入力の 1 つ 1 つで微分します。**勾配が 0 でない入力の数が、受容野です。**
# 重みはすべて 1 にします。打ち消し合って 0 になることがないからです。


# %%
def causal_stack(dilations, padding="causal"):
    inputs = keras.Input((None, 1))
    x = inputs
    for dilation in dilations:
        x = layers.Conv1D(
            1, 2, padding=padding, dilation_rate=dilation, use_bias=False, kernel_initializer="ones"
        )(x)
    return keras.Model(inputs, x)


def gradient_of_output(model, length, place):
    signal = tf.ones((1, length, 1))
    with tf.GradientTape() as tape:
        tape.watch(signal)
        output = model(signal)[0, place, 0]
    return tape.gradient(output, signal).numpy()[0, :, 0]


# %%
paper = [2**layer for layer in range(10)]
one_stack = gradient_of_output(causal_stack(paper), 2000, 1999)
three_stacks = gradient_of_output(causal_stack(3 * paper), 4000, 3999)
claim("ch04.field.one", int(np.count_nonzero(one_stack)))
claim("ch04.field.three", int(np.count_nonzero(three_stacks)))
claim("ch04.field.undilated", int(np.count_nonzero(gradient_of_output(causal_stack([1] * 10), 2000, 1999))))

# %% [markdown]
# 1 組の勾配は、どの入力でもちょうど 1 です。1,024 個の入力から出力へ行く道が、**1 本ずつ**あるということで、むだがありません。

# %%
claim("ch04.field.paths", bool((one_stack[-1024:] == 1).all()))

# %% [markdown]
# ### 未来を見ていないことの証明
#
# 途中の時刻の出力を微分します。**未来の入力の勾配は、ぴったり 0** でなければなりません。`padding="same"` では、どうなるでしょうか。

# %%
LENGTH, NOW = 400, 200
future = gradient_of_output(causal_stack(paper[:6]), LENGTH, NOW)[NOW + 1 :]
leaking = gradient_of_output(causal_stack(paper[:6], "same"), LENGTH, NOW)[NOW + 1 :]
claim("ch04.causal.future", float(np.abs(future).max()))
claim("ch04.causal.same", int(np.count_nonzero(leaking)))

# %% [markdown]
# ## 5. 音を 256 段階の数にする
#
# WaveNet は、次のサンプルを「256 種類から 1 つ選ぶ」分類として当てます。16 ビットの音は 65,536 段階もあるので、
# **μ-law** で、小さな音ほど細かく 256 段階に分けます。$\mu = 255$ です。
#
# $$f(x) = \mathrm{sign}(x) \, \frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)}$$
#
# 手で計算してみます。$x = 0.1$ なら $\ln(26.5) / \ln(256) = 0.591$。振幅の 1 割の音に、段階の 6 割を使います。

# %% tags=["nbval-check-output"]
print(f"f(0.1) = {np.log(26.5) / np.log(256):.3f}")
print("段階:", sounds.to_levels(np.array([-1, -0.1, -0.01, 0, 0.01, 0.1, 1])))

# %%
claim(
    "ch04.mu_law.round_trip",
    int((sounds.to_levels(sounds.from_levels(np.arange(256))) != np.arange(256)).sum()),
)

# %% [markdown]
# 小さな音で、均等に 256 段階に分けた場合と比べましょう。**信号対雑音比 (signal-to-noise ratio, SNR)** は、音と「丸めた誤差」のエネルギーの比です。


# %%
def snr(wave, rounded):
    return float(10 * np.log10((wave**2).sum() / ((wave - rounded) ** 2).sum()))


loudness = np.array([0.003, 0.01, 0.03, 0.1, 0.3, 1])
tone = np.sin(2 * np.pi * 440 * np.arange(4000) / sounds.RATE)
ours = [snr(a * tone, sounds.from_levels(sounds.to_levels(a * tone))) for a in loudness]
uniform = [snr(a * tone, np.rint(a * tone * 127.5) / 127.5) for a in loudness]
figure, axis = new_figure("ch04.quantisation")
axis.semilogx(loudness, ours, marker="o", label="μ-law")
axis.semilogx(loudness, uniform, marker="s", label="均等")
axis.set(xlabel="音の振幅", ylabel="SNR (dB)", title="256 段階に丸めたときの SNR")
axis.legend()
figure

# %%
claim("ch04.mu_law.quiet", ours[1] - uniform[1])

# %% [markdown]
# ## 6. 歌うデータ
#
# この講座のプログラムが作る歌声です。声の高さの整数倍の波 (倍音) を足し、母音ごとに決まった周波数のあたり (**フォルマント (formant)**) を強めます。
# 1 秒に 4,000 サンプル、音は 5 種類 (ド、レ、ミ、ファ、ソ)、母音は「あ」と「お」の 2 種類で、ビブラートと息の雑音が入ります。

# %%
names = list(sounds.NOTES)
taught = [sounds.sing(experiment.SCORE, vowel, seed=7) for vowel in sounds.VOWELS]
figures.show_spectrograms(
    {f"「{vowel}」": song.wave for vowel, song in zip(sounds.VOWELS, taught, strict=True)},
    heading="手本: " + " ".join(experiment.SCORE),
    alt="ch04.taught_songs",
)

# %%
Audio(sounds.playable(taught[0].wave), rate=2 * sounds.RATE)

# %%
figures.plot_waves(
    {f"「{vowel}」の最初のド": song.wave[400:640] for vowel, song in zip(sounds.VOWELS, taught, strict=True)},
    heading="60 ミリ秒の波形",
    alt="ch04.waveforms",
)

# %% [markdown]
# 声の 1 周期は 20〜31 サンプルです。1 つの正弦波なら過去の 2 サンプルで次が決まりますが、声はたくさんの波の和です。
# 長い過去が見えるほど、次のサンプルは当てやすくなります。
#
# ## 7. WaveNet を組み立てて学習する
#
# 1 層は次の形です。$*$ は因果的な畳み込み、$\odot$ は要素ごとの積、$h$ は「何を歌うか」です。
#
# $$z = \tanh(W_f * x + V_f h) \odot \sigma(W_g * x + V_g h), \qquad x \leftarrow x + W_r z, \qquad s \leftarrow s + W_s z$$
#
# - $\tanh$ が中身、$\sigma$ が**ゲート (gate)**。通す量を 0〜1 で決める
# - $x$ は残差接続で次の層へ進み、$s$ (**スキップ接続 (skip connection)**) は全部の層の和になって出力層へ進む
# - 条件 $h$ は 2 種類。歌の間ずっと同じ母音が**大域的な条件 (global conditioning)**、時間とともに変わる音の高さが**局所的な条件 (local conditioning)**
#
# 私たちのものは 8 層 (dilation 1〜128)、16 チャネルです。受容野は $1 + 255 = 256$ サンプル、64 ミリ秒になります。

# %% tags=["nbval-check-output"]
network = wavenet.build_wavenet()
print(f"パラメータ {network.count_params():,}、論文の層の形のまま、幅と層の数だけを小さくしました")

# %%
length, place = 600, 400
wave = tf.random.stateless_normal((1, length, 1), seed=(1, 2))
song_conditions = tf.constant(experiment.score_conditions()[:1, :length])
with tf.GradientTape() as tape:
    tape.watch(wave)
    score = tf.reduce_sum(network([wave, song_conditions])[0, place] * rng.normal(size=256))
seen = tape.gradient(score, wave).numpy()[0, :, 0]
claim("ch04.wavenet.field", int(np.ptp(np.flatnonzero(seen))) + 1)
claim("ch04.wavenet.causal", float(np.abs(seen[place + 1 :]).max()))

# %% [markdown]
# 手本とは別の歌を母音ごとに 16 秒ずつ聞かせ、次の段階を当てさせます。損失は、正解の段階の**負の対数尤度 (negative log-likelihood, NLL)** です。
# 256 種類をどれも同じ確率で答えると $\ln 256 = 5.545$ になります。

# %%
training, unheard = experiment.songs(seed=1)
started = time.perf_counter()
network = wavenet.train(training, seed=1)
print(f"学習 {time.perf_counter() - started:.0f} 秒")

# %%
scores = {
    "どれも同じ確率": float(np.log(256)),
    "段階のヒストグラム": wavenet.histogram_nats(training, unheard),
    "WaveNet": wavenet.nats(network, unheard),
}
result_table(
    [{"答え方": name, "NLL (nat)": value} for name, value in scores.items()],
    caption="はじめて聞く歌の、1 サンプルあたりの NLL",
)

# %%
claim("ch04.wavenet.uniform", scores["どれも同じ確率"])
claim("ch04.wavenet.nats", scores["段階のヒストグラム"] - scores["WaveNet"])

# %% [markdown]
# ## 8. 歌わせる
#
# 学習では、正解の過去を使って全部の時刻を**一度に**計算できました。生成では、自分の出したサンプルを次の入力にするので、**1 つずつ**しか進めません。
# 素直に書くと、1 サンプルごとに受容野 256 個を計算し直します。各層の過去の値を列 (queue) に覚えておけば、1 サンプルにつき各層を 1 回だけ計算すれば済みます。
# 覚えておく方法が、一度に計算した値と同じ答えになることを確かめます。

# %%
conditions = experiment.score_conditions()
heard = np.stack([song.wave for song in taught])[:, :300, None]
at_once = network.predict([heard, conditions[:, :300]], verbose=0)
stepper = wavenet.Stepper(network, conditions)
one_by_one = np.stack([stepper(heard[:, time]) for time in range(300)], axis=1)
claim("ch04.wavenet.queue", float(np.abs(one_by_one - at_once).max() / np.abs(at_once).max()))

# %% [markdown]
# 楽譜 (局所的な条件) と母音 (大域的な条件) を渡して、2 秒の歌を作ります。手本の波形は渡しません。初めのサンプルは 0 です。

# %%
started = time.perf_counter()
sung = wavenet.sample(network, conditions, seed=1)
print(f"{sung.size:,} サンプルを {time.perf_counter() - started:.1f} 秒で作りました")

# %%
figures.show_spectrograms(
    {f"「{vowel}」": wave for vowel, wave in zip(sounds.VOWELS, sung, strict=True)},
    heading="WaveNet が作った歌",
    alt="ch04.sung_songs",
)

# %% [markdown]
# 聞いてみましょう。1 つ目が「あ」、2 つ目が「お」です。

# %%
Audio(sounds.playable(sung[0]), rate=2 * sounds.RATE)

# %%
Audio(sounds.playable(sung[1]), rate=2 * sounds.RATE)

# %%
figures.plot_spectra(
    {
        f"「{vowel}」": {"手本": song.wave, "作った歌": wave}
        for vowel, song, wave in zip(sounds.VOWELS, taught, sung, strict=True)
    },
    heading="歌全体の平均スペクトル",
    alt="ch04.spectra",
)


# %%
def share_below(wave, frequency):
    frequencies, decibels = sounds.average_spectrum(wave)
    power = 10 ** (decibels / 10)
    return float(power[frequencies < frequency].sum() / power.sum())


result_table(
    [
        {
            "母音": vowel,
            "高さのずれの中央値 (%)": 100 * float(np.median(experiment.pitch_errors(wave))),
            "手本の 600 Hz 以下の割合": share_below(song.wave, 600),
            "作った歌の 600 Hz 以下の割合": share_below(wave, 600),
        }
        for vowel, song, wave in zip(sounds.VOWELS, taught, sung, strict=True)
    ],
    caption="作った歌は、楽譜と母音に従っているか",
)

# %%
claim("ch04.wavenet.pitch", 100 * float(np.median([experiment.pitch_errors(wave) for wave in sung])))
claim("ch04.wavenet.vowel", share_below(sung[1], 600) - share_below(sung[0], 600))

# %% [markdown]
# ## 9. ダイレーションは要るのか
#
# 層の数もパラメータの数も同じで、dilation だけをどれも 1 にしたものを、5 つのシードで比べました (`… experiment waves` と `… experiment undilated`)。受容野は 256 から 9 に減り、声の 1 周期 (20〜31 サンプル) より短くなります。

# %%
waves = [*experiment.stored_results("waves"), *experiment.stored_results("undilated")]
result_table(tables.wave_summary(waves), caption="はじめて聞く歌、5 つのシード: 最小 / 中央値 / 最大")

# %%
plot_runs(
    {
        tables.WAVE_NAMES[name]: [result.nats for result in tables.by_network(waves, name)]
        for name in experiment.DILATED
    },
    metric="NLL (nat)",
    heading="はじめて聞く歌の NLL (小さいほどよい)",
)

# %%
dilated, undilated = (tables.by_network(waves, name) for name in experiment.DILATED)
claim(
    "ch04.waves.dilation", min(other.nats - one.nats for one, other in zip(dilated, undilated, strict=True))
)

# %% [markdown]
# dilation があると、どのシードでも NLL が小さくなりました。けれども、表の音の高さを見ると、**dilation のないほうも楽譜どおりに歌っています**。
# 高さだけなら 9 サンプルの過去でも足り、広い受容野は、そのほかの波形の細かな形を当てるのに効いているようです。
# 「受容野を増やすため」に dilation を使うのは正しく、「ないと歌えない」とまでは言えません。

# %% [markdown]
# ### 「時系列データだからといって必ず RNN を使うわけではなく」
#
# この章の WaveNet に、再帰する層は 1 つもありません。過去を覚えているのは、受容野だけです。だから学習では、全部の時刻を一度に計算できます。
# 同じ 2 秒を「一度に」計算する時間と「1 つずつ」計算する時間を比べます。

# %%
inputs = [np.stack([song.wave for song in taught])[..., None], conditions]
network.predict(inputs, verbose=0)
started = time.perf_counter()
network.predict(inputs, verbose=0)
together = time.perf_counter() - started

stepper = wavenet.Stepper(network, conditions)
started = time.perf_counter()
for now in range(1000):
    stepper(inputs[0][:, now])
print(f"一度に {together:.2f} 秒、1 つずつ {8 * (time.perf_counter() - started):.2f} 秒")

# %%
recurrent = [layer.name for layer in network.layers if isinstance(layer, layers.RNN)]
claim("ch04.wavenet.no_rnn", len(recurrent))

# %% [markdown]
# ## 10. 演習
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch04.multiply_adds")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルと次のセルだけを実行すれば、どの問題からでも始められます。

# %%
from grader import check, hint, score, solution

# %% [markdown]
# ### 問題 1 積和の回数を数える (1 点)
#
# `multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding)` を書きましょう。`(通常の畳み込み, depthwise, pointwise)` の積和 (掛けて足すこと) の回数を、3 つの整数の組で返します。
#
# カーネルは `kernel_size` × `kernel_size` です。通常の畳み込みと depthwise は `stride` おきに進みます。`padding` が `"same"` なら出力の高さは ⌈height / stride⌉、`"valid"` なら ⌊(height - kernel_size) / stride⌋ + 1 です (幅も同じ)。
#
# pointwise は depthwise の出力に掛かる 1×1 の畳み込みで、stride は 1 です。1 回の積和を 1 と数え、足した 0 との積も数えます。バイアスは数えません。
#
# たとえば `multiply_adds(4, 4, 2, 3, 3, 1, "same")` は `(864, 288, 96)` です。

# %%
# EXERCISE ch04.multiply_adds

# %%
check("ch04.multiply_adds")

# %% [markdown]
# ### 問題 2 depthwise 畳み込み (2 点)
#
# `depthwise_convolution(images, kernels, stride)` を NumPy で書きましょう。`images` は `(枚数, 高さ, 幅, チャネル)`、`kernels` は `(k, k, チャネル)` で k は奇数です。
#
# 上下左右に 0 を (k - 1) / 2 画素ずつ足してから、左上の端から `stride` 画素おきに、チャネルごとに窓とカーネルの積の和を取ります。出力は `(枚数, ⌈高さ / stride⌉, ⌈幅 / stride⌉, チャネル)` です。深層学習の習慣どおり、カーネルは裏返しません。
#
# たとえば 1 チャネルの 3×3 の画像の値がどれも 1、3×3 のカーネルもどれも 1 なら、`stride` が 2 の結果は `[[4, 4], [4, 4]]` です。

# %%
# EXERCISE ch04.depthwise

# %%
check("ch04.depthwise")

# %% [markdown]
# ### 問題 3 MobileNet のブロック (2 点)
#
# `build_separable_block(channels_in, channels_out, stride)` を書きましょう。`(高さ, 幅, channels_in)` から `(⌈高さ / stride⌉, ⌈幅 / stride⌉, channels_out)` への `keras.Model` を返します。高さと幅は決めません。
#
# 3×3 の depthwise 畳み込み (`stride`) → BatchNormalization → ReLU → 1×1 の畳み込み → BatchNormalization → ReLU の順です。畳み込みは `padding="same"` でバイアスなし、BatchNormalization は既定のまま、ReLU に上限はありません。
#
# たとえば `build_separable_block(4, 6, 2)` は、形が `(1, 12, 9, 4)` の入力を `(1, 6, 5, 6)` の出力に変えます。

# %%
# EXERCISE ch04.separable_block

# %%
check("ch04.separable_block")

# %% [markdown]
# ### 問題 4 DenseNet のブロック (2 点)
#
# `build_dense_block(channels_in, growth_rate, depth)` を書きましょう。`(高さ, 幅, channels_in)` から `(高さ, 幅, channels_in + depth × growth_rate)` への `keras.Model` を返します。高さと幅は決めません。
#
# `depth` 個の層はどれも BatchNormalization → ReLU → 3×3 の畳み込み (`growth_rate` チャネル、`padding="same"`、バイアスなし) です。層の入力は、ブロックの入力とそれまでの層の出力をこの順に連結したものです。ブロックの出力は、入力と全部の層の出力を同じ順に連結したものです。BatchNormalization は既定のままにします。
#
# たとえば `build_dense_block(5, 3, 4)` は、形が `(1, 5, 8, 5)` の入力を `(1, 5, 8, 17)` の出力に変えます。

# %%
# EXERCISE ch04.dense_block

# %%
check("ch04.dense_block")

# %% [markdown]
# ### 問題 5 DenseNet のチャネルと重みの数 (2 点)
#
# `densenet_channels(channels, growth_rate, depths, compression)` と `convolution_weights(channels, growth_rate, depths, compression)` を書きましょう。`channels` は最初のブロックに入るチャネルの数、`depths` は各ブロックの層の数です。
#
# `densenet_channels` は、チャネルの数の変化をリストで返します: ブロックのあと、遷移層のあと、ブロックのあと、… の順です。遷移層 (transition layer) はブロックとブロックの間だけにあり、チャネルを ⌊compression × チャネル⌋ に減らします。DenseNet121 は (64, 32, [6, 12, 24, 16], 0.5) です。
#
# `convolution_weights` は、その間の畳み込みの重みの数を返します。ブロックの 1 層は、1×1 で 4 × growth_rate チャネルにしてから、3×3 で growth_rate チャネルにします。遷移層は 1×1 です。バイアスはなく、BatchNormalization は数えません。
#
# たとえば `(4, 2, [1, 1], 0.5)` なら、`densenet_channels` は `[6, 3, 5]`、`convolution_weights` は 362 です。

# %%
# EXERCISE ch04.growth

# %%
check("ch04.growth")

# %% [markdown]
# ### 問題 6 受容野 (1 点)
#
# `receptive_field(kernel_size, dilations, stacks)` を書きましょう。幅 `kernel_size` で dilation が `dilations` の因果的な畳み込みを順に重ね、その組を `stacks` 回くり返します。最後の層の 1 つの出力が見ている入力のサンプルの数 (自分の時刻も数えます) を返します。
#
# たとえば `receptive_field(2, [1, 2, 4, 8], 1)` は 16 です。

# %%
# EXERCISE ch04.receptive_field

# %%
check("ch04.receptive_field")

# %% [markdown]
# ### 問題 7 因果的な畳み込み (2 点)
#
# `causal_convolution(signal, kernel, dilation)` を NumPy で書きましょう。`signal` は `(本数, 長さ, 入力のチャネル)`、`kernel` は `(k, 入力のチャネル, 出力のチャネル)`、出力は `(本数, 長さ, 出力のチャネル)` です。
#
# 時刻 t の出力は、時刻 t, t - dilation, t - 2·dilation, … の k 個の入力だけから決まります。`kernel` の最後 (`kernel[-1]`) が時刻 t に、その 1 つ前が t - dilation に掛かります。始まりより前の入力は 0 とします。
#
# たとえば 1 チャネルの入力が 1, 2, 3, 4, 5、`kernel` が (10, 1)、`dilation` が 2 なら、出力は 1, 2, 13, 24, 35 です。

# %%
# EXERCISE ch04.causal_convolution

# %%
check("ch04.causal_convolution")

# %% [markdown]
# ### 問題 8 μ-law (1 点)
#
# 段階の数を変えられるようにします。`mu_law_encode(waveform, mu)` と `mu_law_decode(codes, mu)` を書きましょう。`mu` は正の整数で、5 節では 255 でした。
#
# encode は、値を -1〜1 に切り、f = sign(x) ln(1 + μ|x|) / ln(1 + μ) を求め、(f + 1) / 2 × μ をいちばん近い整数に丸めて (ちょうど真ん中は大きいほう) 0〜μ の整数の配列にします。
#
# decode はその逆で、f = 2 × 符号 / μ - 1 から、sign(f) ((1 + μ)^|f| - 1) / μ を返します。配列の形は変わりません。
#
# たとえば `mu` が 101 なら、波形 `[-1, 0, 0.5]` の符号は `[0, 51, 94]` です。符号 0 と 80 は、-1 と 0.1377 に戻ります。

# %%
# EXERCISE ch04.mu_law

# %%
check("ch04.mu_law")

# %% [markdown]
# ### 問題 9 1 サンプルずつ作る (2 点)
#
# `generate(next_probabilities, start, uniforms, receptive_field)` を書きましょう。`next_probabilities(window)` は、ちょうど `receptive_field` 個の符号 (古い順の整数) を受け取り、次の符号の確率の配列を返します。
#
# `start` はそれまでの符号のリストで、空のこともあります。いちばん新しい `receptive_field` 個を渡し、足りないときは古い側を無音の符号 128 で埋めます。`uniforms` は 0〜1 の乱数で、1 個につき 1 サンプルを作ります: 確率を 0 番から順に足していき、和が乱数をはじめて超えた符号を選びます。選んだ符号は次の窓に入ります。
#
# 作った符号だけを、`uniforms` と同じ長さの整数の配列で返します。
#
# たとえば確率がいつも、符号 3 と 7 に 0.5 ずつなら、`uniforms` が `[0.2, 0.9, 0.0]` のときの結果は `[3, 7, 3]` です。

# %%
# EXERCISE ch04.generate

# %%
check("ch04.generate")

# %% [markdown]
# ### 問題 10 波形の次の値を当てる (3 点)
#
# `train_predictor(signals)` を書きましょう。`signals` は `(本数, 長さ)` の波形です。時刻 t までの値から時刻 t + 1 の値を当てる `keras.Model` を組み立てて学習し、返します。入力は `(本数, 長さ, 1)`、出力も `(本数, 長さ, 1)` で、長さは決めません。
#
# 波形には 32 サンプル以内の遅れて返ってくるこだまがあり、こだまは線形ではありません。隠れた新しい波形で、平均二乗誤差を「0 と答え続ける」ときの 0.2 倍以下にしましょう (直前の値をくり返しても、線形な予測でも届きません)。数秒で終わるようにしましょう。
#
# 採点では、出力が未来の入力によらないことも、どこにも渡していない次の値を当てられることも確かめます。
#
# たとえば学習したモデルに形が `(16, 360, 1)` の波形を渡すと、同じ形の予測が返ります。

# %%
# EXERCISE ch04.wavenet

# %%
check("ch04.wavenet")

# %%
score()

# %% [markdown]
# ## 11. 補足・訂正
#
# - **DenseNet は足しません** レポートは「前の層の入力を足し合わせる」といいますが、DenseBlock は**連結**します。DenseNet121 に足す層は 1 つもありません (2 節)。
#   足し算は ResNet です。続く「前方の各層から出力すべてが後方の層への入力となる」は正しく、そのために連結が要ります。
# - **チャネルの記号** レポートの式は正しく、$H$ と $W$ は**出力**の縦横です。`stride` が 2 なら、入力の縦横で数えると 4 倍に数え間違えます。下のセルで確かめます。
# - **積和と演算の数** 積和 1 回は、掛け算と足し算の 2 演算 (FLOP) です。論文の 569M は積和で、計測器の「演算の数」はその 2 倍です。
# - **離れ方は元に戻ります** 「層が深くなるにつれて」離れるのは 1 組の中だけです。論文は 1, 2, 4, …, 512 の組を何度も重ね、組の初めで 1 に戻ります。
# - **生成は速くありません** 学習は並列ですが、生成は 1 サンプルずつです。論文のあと、これを速くする研究 (Parallel WaveNet など) が続きました。
# - **この章の WaveNet** 入力は 256 次元の one-hot ではなく、1 つの実数です。短い学習でも、隣り合う段階が近い音だと分かるからです。

# %%
strided = layers.Conv2D(M, K, strides=2)
claim("ch04.note.stride", costs.products_in(strided, (9, 9, C)))
claim("ch04.note.stacks", (3 * paper)[1:].count(1))

# %% [markdown]
# ## 12. まとめ
#
# この章で確かめたことを一覧にします。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - A. G. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017
# - M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018
# - G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, "Densely Connected Convolutional Networks", CVPR 2017
# - K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016
# - A. van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016
# - T. Le Paine et al., "Fast WaveNet Generation Algorithm", 2016
# - A. van den Oord et al., "Parallel WaveNet: Fast High-Fidelity Speech Synthesis", ICML 2018
# - A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009 (CIFAR-10)
