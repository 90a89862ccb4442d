# %% [markdown]
# # 第 4 章 応用技術: MobileNet、DenseNet、WaveNet — Cheap, Dense and Dilated Convolutions
#
# {{colab_badge}}
#
# **どんな問題か** 畳み込みは、そのまま使うと計算が多く、重ねると学習しにくく、遠くを見るには層がたくさん要ります。
# この章の 3 つは、それぞれを畳み込みの**つなぎ方**で解きました。2017 年、Google の Howard たちの **MobileNet** は、計算を 8 分の 1 ほどに減らし、
# 画像認識をスマートフォンなどのモバイル機器で動かしました。同じ年、Huang たちの **DenseNet** は、前の層の特徴をすべて連結して使い、
# 少ないパラメータで高い精度を出しました。2016 年、DeepMind の van den Oord たちの **WaveNet** は、間を空けた畳み込みで
# 音声の波形を 1 サンプルずつ作り、のちに Google アシスタントの声になりました。
#
# *This chapter takes convolution apart three ways. The report's multiply-add formulas are counted on real layers,
# MobileNet's, DenseNet's and ResNet's blocks are compared at equal parameters over five seeds, and a small WaveNet whose
# causality and receptive field are proven by gradients learns to sing a score that you can listen to.*
#
# **この章でできるようになること**
#
# - 畳み込みの積和の回数を式で書き、本物の層で数えて確かめる
# - MobileNet と DenseNet のブロックを Keras で書き、同じ条件で学習させて比べる
# - 因果的な畳み込みの受容野を計算し、勾配で証明し、WaveNet の層を書いて波形を作る
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ 畳み込み、チャネル、BatchNormalization の名前を知っていて、Keras でモデルを学習させたことがある人 |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 花の絵と歌声は、この講座のプログラムが作ったもの (CC BY 4.0)。ダウンロードは要りません |
# | 論文 | Howard et al. 2017 [(MobileNet)](https://arxiv.org/abs/1704.04861)、Huang et al. 2017 [(DenseNet)](https://arxiv.org/abs/1608.06993)、van den Oord et al. 2016 [(WaveNet)](https://arxiv.org/abs/1609.03499) |
# | 前後の章と用語 | ← 第 3 章 軽量化 (準備中) · [第 5 章 ResNet と転移学習](05_resnet_transfer.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=4)

# %%
import time

import numpy as np

from chapters.ch04_mobilenet_densenet_wavenet import costs, experiment, figures, sounds, tables, wavenet
from course_utils.claims import claim, claims_table
from course_utils.plots import plot_histories
from course_utils.tables import result_table
from grader import check, hint, score, solution

rng = np.random.default_rng(course.seed)
figures.draw_blocks(title="この章の 3 つの部品。どれも畳み込みのつなぎ方です")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch04.multiply_adds")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. MobileNet: 畳み込みを 2 つに分ける
#
# 畳み込みの計算は、どこまで減らせるでしょうか。減らしても、同じことができるのでしょうか。

# %%
figures.draw_blocks("depthwise", "pointwise", title="この節: 畳み込みを depthwise と pointwise に分ける")

# %% [markdown]
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
# レポートの式は、出力の縦横 $H \times W$、カーネル $K \times K$、入力のチャネル $C$、出力のチャネル $M$ を使って、次のように書けます。
#
# $$\underbrace{H W K^2 C M}_{\text{通常}}, \qquad \underbrace{H W K^2 C}_{\text{depthwise}} + \underbrace{H W C M}_{\text{pointwise}},
# \qquad \text{比} = \frac{1}{M} + \frac{1}{K^2}$$
#
# チャネルが多いほど $1/M$ は 0 に近づき、3×3 なら比は $1/9$ に近づきます。
#
# ### 本物の層で数える
#
# 式を式で確かめても、何も確かめたことになりません。そこで**本物の Keras の層**を微分します。線形な層では、
# 「出力を入力で微分した表 (ヤコビ行列)」の 0 でない場所の 1 つずつが、1 回の掛け算です。
# 縁で 0 を足すと、その分の掛け算が表に出ないので、`padding="valid"` にします。10×9 の入力から 8×7 の出力ができます。


# %% tags=["export"]
import keras
import tensorflow as tf
from keras import layers, ops


def products_in(layer, shape):
    """線形な層の掛け算を、ヤコビ行列の 0 でない場所の数として数えます。shape は (高さ, 幅, チャネル) です。"""
    x = tf.zeros((1, *shape))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    return int(tf.math.count_nonzero(tape.jacobian(y, x)))


# %%
C, M = 4, 6
normal = products_in(layers.Conv2D(M, 3), (10, 9, C))
split = products_in(layers.DepthwiseConv2D(3), (10, 9, C)), products_in(layers.Conv2D(M, 1), (8, 7, C))
strided = products_in(layers.Conv2D(M, 3, strides=2), (9, 9, C))
print(f"stride 2 で 9×9 から 4×4 へ: {strided:,}、出力の縦横で数えた式 {4 * 4 * 9 * C * M:,}")
print(f"通常 {normal:,}、depthwise {split[0]:,}、pointwise {split[1]:,}、比 {sum(split) / normal:.4f}")
claim("ch04.cost.normal", normal)
claim("ch04.cost.separable", sum(split))

# %% [markdown]
# レポートの 3 つの式は、どれも本物の層の掛け算の数と一致しました。
#
# ### 同じことができるのか
#
# 2 段に分けた畳み込みは、通常の畳み込みの**特別な場合**です。カーネルを「場所の部分 × チャネルの部分」の積に限れば、
# 1 つの通常の畳み込みに戻せます。確かめましょう。

# %%
separable = layers.SeparableConv2D(M, 3, use_bias=False)  # depthwise と pointwise を続けた層
x = rng.normal(size=(2, 10, 9, C)).astype("float32")
y = separable(x)
spatial, mixing = separable.get_weights()
product = spatial * mixing  # (3, 3, C, 1) × (1, 1, C, M) = (3, 3, C, M)
print(f"1 つの通常の畳み込みとのずれ: 最大 {np.abs(ops.conv(x, product) - y).max():.0e}")
print(f"重みの数: 通常 {product.size}、分けると {spatial.size + mixing.size}")

# %% [markdown]
# 安くなる代わりに、表せるカーネルは減っています。同じことが全部できるわけではありません。
#
# ### 問題 1 積和の回数を数える (1 点)
#
# ★ `multiply_adds(height, width, channels_in, channels_out, kernel_size, stride, padding)` を書きましょう。`(通常の畳み込み, depthwise, pointwise)` の積和の回数を、3 つの整数の組で返します。
#
# カーネルは `kernel_size` × `kernel_size` です。通常の畳み込みと depthwise は `stride` おきに進みます。`padding` が `"same"` なら出力の高さは ⌈height / stride⌉、`"valid"` なら ⌊(height - kernel_size) / stride⌋ + 1 です (幅も同じ)。
#
# pointwise は depthwise の出力に掛かる 1×1 の畳み込みで、stride は 1 です。1 回の積和を 1 と数え、足した 0 との積も数えます。バイアスは数えません。
#
# たとえば、次のようになります。
#
# ```python
# multiply_adds(4, 4, 2, 3, 3, 1, "same")  # → (864, 288, 96)
# ```

# %%
# EXERCISE ch04.multiply_adds

# %%
check("ch04.multiply_adds")

# %% [markdown]
# ### MobileNet のブロック
#
# MobileNet は、入口のあと、次のブロックだけを重ねます。畳み込みのたびに BatchNormalization と ReLU をはさみます。

# %% tags=["export"]
from course_utils.backbones import BATCH_NORM_MOMENTUM, residual_block


def norm_relu(x):
    """BatchNormalization と ReLU を続けます。"""
    return layers.ReLU()(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))


def separable_block(x, filters, stride=1):
    """MobileNet のブロック: 3×3 の depthwise 畳み込みのあとに、1×1 の畳み込みでチャネルを混ぜます。"""
    x = norm_relu(layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x))
    return norm_relu(layers.Conv2D(filters, 1, use_bias=False)(x))


# %% [markdown]
# ### 問題 2 1×1 の割合を予想する (1 点)
#
# MobileNet の積和は、入口の 3×3、depthwise の 3×3、1×1 (分類の層を含む) の 3 つに分かれます。
# **1×1 は、全体の何 %** でしょうか。式 $H W K^2 C$ と $H W C M$ で、$C$ と $M$ が 32〜1,024 のときの大小を考えてみましょう。

# %%
# EXERCISE ch04.predict_share

# %%
check("ch04.predict_share")

# %% [markdown]
# Keras にある論文どおりのネットワークで数えます。畳み込みの積和は「出力の縦 × 横 × カーネルの重みの数」です。

# %% tags=["nbval-check-output"]
mobilenet = keras.applications.MobileNet(weights=None)
counts, total = costs.by_kind(mobilenet), costs.total_multiply_adds(mobilenet)
last = costs.multiply_adds(mobilenet.get_layer("conv_preds"))
full = 9 * (counts["1×1"][0] - last) + counts["3×3"][0] + last
print(f"ブロックをすべて通常の 3×3 に戻すと {full / 1e6:,.0f} M 回 (論文の表 4 は 4,866 M)")
claim("ch04.mobilenet.multiply_adds", total)
claim("ch04.mobilenet.saving", full / total)
result_table(
    tables.shares(mobilenet),
    caption=f"MobileNet の積和 {total:,} 回、パラメータ {mobilenet.count_params():,} 個",
)

# %% [markdown]
# ほとんどが 1×1 です。depthwise は、もう十分に安いのです。
# 通常の 3×3 に戻すと、1×1 の積和 $HWCM$ がそれぞれ 9 倍になります (分類の層は、もともと 1×1 なので戻しません)。
#
# 論文の値と違うのは、入口の 3×3 だけです。論文の行を足しても 100 % になりませんが、ここに私たちの値を入れれば、ほぼ 100 % になります。
# 論文の表は、この値の **2 つの数字を入れ替えて印刷した**のでしょう。数え直すと、こういう小さな発見があります。
# 表の題のパラメータの数が和より多いのは、BatchNormalization の分です。
#
# この節の答えは、**3×3 なら 8 分の 1 ほどまで減らせる。ただし、表せるカーネルも減る**です。
#
# ### 問題 3 depthwise 畳み込み (2 点)
#
# ★★ `depthwise_convolution(images, kernels, stride)` を NumPy で書きましょう。`images` は `(枚数, 高さ, 幅, チャネル)`、`kernels` は `(k, k, チャネル)` で k は奇数です。
#
# 上下左右に 0 を (k - 1) / 2 画素ずつ足してから、左上の端から `stride` 画素おきに、チャネルごとに窓とカーネルの積の和を取ります。出力は `(枚数, ⌈高さ / stride⌉, ⌈幅 / stride⌉, チャネル)` です。深層学習の習慣どおり、カーネルは裏返しません。
#
# たとえば、次のようになります。
#
# ```python
# depthwise_convolution(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1)), 2)[0, :, :, 0].tolist()  # → [[4.0, 4.0], [4.0, 4.0]]
# ```

# %%
# EXERCISE ch04.depthwise

# %%
check("ch04.depthwise")

# %% [markdown]
# ## 2. DenseNet: 足さずに、連結する
#
# 「前の層の出力を、すべて後ろの層の入力にする」には、どうつなげばよいのでしょうか。

# %%
figures.draw_blocks("dense", "concatenate", title="この節: 新しい特徴マップを、古いものの後ろに連結する")

# %% [markdown]
# ### 手で計算する
#
# DenseBlock に 16 チャネルの特徴マップが入り、層が 1 つ通るたびに 12 チャネルの新しい特徴マップができるとします。
# DenseNet は、これを**足さずに後ろへ並べます**。4 層を通ると $16 + 4 \times 12 = 64$ チャネルです。
# 1 層に増える数 12 を**成長率 (growth rate)** $k$ といい、入口を $k_0$ とすれば、$l$ 層のあとのチャネルの数と、$l$ 層目の出力 $x_l$ は
#
# $$k_0 + l \, k, \qquad x_l = H_l\bigl([x_0, x_1, \dots, x_{l-1}]\bigr)$$
#
# です。角かっこが**連結 (concatenation)** を表します。ResNet の $x_l = x_{l-1} + F(x_{l-1})$ とは、ここが違います。
#
# ### DenseNet のブロック
#
# 層が 1 つと、ブロックの間でチャネルと縦横を半分にする**遷移層 (transition layer)** です。


# %% tags=["export"]
def dense_layer(x, growth):
    """DenseBlock の 1 層: growth 個の新しいチャネルを作り、それまでの全部の後ろに連結します。"""
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(norm_relu(x))
    return layers.Concatenate()([x, new])


def transition(x, share=0.5):
    """遷移層: 1×1 の畳み込みでチャネルを share 倍に、平均プーリングで縦横を半分にします。"""
    x = layers.Conv2D(int(x.shape[-1] * share), 1, use_bias=False)(norm_relu(x))
    return layers.AveragePooling2D(2)(x)


# %% tags=["nbval-check-output"]
inputs = keras.Input((8, 8, 16))
maps = [inputs]
for _ in range(4):
    maps.append(dense_layer(maps[-1], growth=12))
block = keras.Model(inputs, maps[-1])
x = rng.normal(size=(1, 8, 8, 16)).astype("float32")
print("チャネル", [each.shape[-1] for each in maps])
print("入口がそのまま残るか", np.array_equal(block(x)[..., :16], x))

# %% [markdown]
# ### 「前方の各層から出力すべてが後方の層への入力となる」
#
# 本当に、前のすべての層が後ろのすべての層に届いているのでしょうか。**元を 1 つずつ 0 にして**、入力の変わる畳み込みを数えます。
# 4 層なら、$l$ 層目は入口と前の層の $l$ 個を読むので、つながりは $1 + 2 + 3 + 4$ 本のはずです。

# %%
convolutions = [layer for layer in block.layers if isinstance(layer, layers.Conv2D)]
readers = keras.Model(block.input, [layer.input for layer in convolutions])
before = readers(x)
connections = []
for silenced in [None, *convolutions[:-1]]:  # 入口と、はじめの 3 層
    kept = block.get_weights()
    if silenced:
        silenced.kernel.assign(0 * silenced.kernel)
    after = readers(x if silenced else 0 * x)
    connections.append(sum(not np.array_equal(a, b) for a, b in zip(before, after, strict=True)))
    block.set_weights(kept)
print("入口と 3 つの層を順に 0 にしたとき、入力の変わる畳み込み:", connections)
claim("ch04.dense.connections", sum(connections))

# %% [markdown]
# ### 足しているのか、連結しているのか
#
# レポートは「前の層の入力を足し合わせる」といいます。Keras の本物のネットワークで、足す層と連結する層を数えましょう。


# %%
def merging_layers(model):
    kinds = {kind.__name__: sum(isinstance(each, kind) for each in model.layers) for kind in MERGING}
    return "、".join(f"{name} {count}" for name, count in kinds.items())


MERGING = layers.Add, layers.Concatenate
densenet = keras.applications.DenseNet121(weights=None)
resnet = keras.applications.ResNet50(weights=None)
for name, model in {"DenseNet121": densenet, "ResNet50": resnet}.items():
    print(f"{name}: {merging_layers(model)}、パラメータ {model.count_params():,}")
claim("ch04.densenet.merging", merging_layers(densenet))
del mobilenet, densenet, resnet
keras.backend.clear_session()

# %% [markdown]
# 足すのは ResNet で、DenseNet は連結します。1 層が新しく作るのは $k$ チャネルだけで、古い特徴は作り直さずに読みます。
# DenseNet のパラメータが少ないのは、そのためだと、論文は説明しています。
#
# ### 「層を深くしても学習が進むようにした」
#
# BatchNormalization のない 30 層で、入口に届く勾配が、出口の勾配の何倍かを測ります。連結は、出口から入口までの近道になるでしょうか。
# 対照として、連結のない層の**重みの初期値だけ**を替えたものも測ります (He の初期値は ReLU に合わせたもの。第 5 章 1 節)。


# %% tags=["export"]
def deep_maps(dense, initializer, depth=30):
    """画像から、5 クラスの得点と、入口と出口の特徴マップを返す、BatchNormalization のないネットワークです。"""
    options = {"padding": "same", "kernel_initializer": initializer}
    inputs = keras.Input((8, 8, 3))
    maps = [layers.Conv2D(16, 3, **options)(inputs)]
    for _ in range(depth):
        new = layers.Conv2D(8 if dense else 16, 3, **options)(layers.ReLU()(maps[-1]))
        maps.append(layers.Concatenate()([maps[-1], new]) if dense else new)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, maps[0], maps[-1]])


def gradient_reaching(dense, initializer="glorot_uniform", seed=1):
    """入口に届く勾配のノルムを、出口の勾配のノルムで割って返します。"""
    keras.utils.set_random_seed(seed)
    images, labels = keras.random.normal((16, 8, 8, 3), seed=seed), ops.arange(16) % 5
    model = deep_maps(dense, initializer)
    with tf.GradientTape() as tape:
        logits, first, last = model(images)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    entrance, end = tape.gradient(loss, [first, last])
    return float(tf.norm(entrance) / tf.norm(end))


# %%
reaching = {
    "連結、初期値 Glorot": gradient_reaching(dense=True),
    "連結なし、初期値 Glorot": gradient_reaching(dense=False),
    "連結なし、初期値 He": gradient_reaching(dense=False, initializer="he_normal"),
}
for name, ratio in reaching.items():
    print(f"{name}: 入口の勾配は出口の {ratio:.2g} 倍")
claim("ch04.dense.gradient", reaching["連結、初期値 Glorot"])

# %% [markdown]
# 連結があると、勾配は入口まで届きます。けれども、連結がなくても、初期値を He に替えれば、消えるほどには小さくなりません。
# 連結のないほうで勾配が消えたのは、初期値が ReLU に合っていなかったからです。**勾配だけで「学習が進む」理由を説明することはできません。**
#
# この節の答えは、**足さずに、後ろへ並べる**です。どの層も、前の層すべての出力をそのまま読めます。
#
# ### 問題 4 DenseNet のチャネルと重みの数 (2 点)
#
# ★★ `densenet_channels(channels, growth_rate, depths, compression)` と `convolution_weights(channels, growth_rate, depths, compression)` を書きましょう。`channels` は最初のブロックに入るチャネルの数、`depths` は各ブロックの層の数です。
#
# `densenet_channels` は、チャネルの数の変化をリストで返します: ブロックのあと、遷移層のあと、ブロックのあと、… の順です。遷移層はブロックとブロックの間だけにあり、チャネルを ⌊compression × チャネル⌋ に減らします。DenseNet121 は (64, 32, [6, 12, 24, 16], 0.5) です。
#
# `convolution_weights` は、その間の畳み込みの重みの数を返します。ブロックの 1 層は、1×1 で 4 × growth_rate チャネルにしてから、3×3 で growth_rate チャネルにします。遷移層は 1×1 です。バイアスはなく、BatchNormalization は数えません。
#
# たとえば、次のようになります。
#
# ```python
# densenet_channels(4, 2, [1, 1], 0.5), convolution_weights(4, 2, [1, 1], 0.5)  # → ([6, 3, 5], 362)
# ```

# %%
# EXERCISE ch04.growth

# %%
check("ch04.growth")

# %% [markdown]
# ## 3. 3 種類のブロックを、同じパラメータ数で比べる
#
# つなぎ方を変えると、精度と速さはどう変わるでしょうか。入口と出口を同じにして、間のブロックだけを替えます。
# `residual_block` は、第 5 章で組み立てる ResNet のブロックです。
#
# はじめの 3 つは、学習できるパラメータの数をそろえてあります。表の「同時に保持する値の数」は、推論の途中で同時に覚えておく特徴マップの値の数です。
# 連結する DenseNet は、古い特徴マップを捨てられません。


# %% tags=["export"]
def residual_body(x, widths):
    """残差ブロックを、幅 1 つにつき 1 個重ねます。"""
    for stage, filters in enumerate(widths):
        x = residual_block(x, filters, stride=1 if stage == 0 else 2)
    return x


def separable_body(x, widths):
    """MobileNet のブロックを、幅 1 つにつき 2 個重ねます。"""
    for stage, filters in enumerate(widths):
        x = separable_block(x, filters, stride=1 if stage == 0 else 2)
        x = separable_block(x, filters)
    return x


def dense_body(x, depths, growth=8):
    """DenseBlock を、遷移層をはさんで重ねます。depths は各ブロックの層の数です。"""
    for block, count in enumerate(depths):
        x = x if block == 0 else transition(x)
        for _ in range(count):
            x = dense_layer(x, growth)
    return norm_relu(x)


# %% tags=["export"]
NETWORKS = {
    "ResNet": (residual_body, (12, 24, 48), 12),
    "MobileNet": (separable_body, (32, 64, 144), 16),
    "DenseNet": (dense_body, (3, 4, 7), 16),
    "MobileNet (同じ幅)": (separable_body, (12, 24, 48), 12),  # ResNet と同じ幅
}


def build_network(name, classes):
    """32×32 の画像から得点を返すネットワークを作ります。name は NETWORKS の名前です。"""
    body, sizes, stem = NETWORKS[name]
    inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = norm_relu(layers.Conv2D(stem, 3, 2, padding="same", use_bias=False)(x))
    x = layers.GlobalAveragePooling2D()(body(x, sizes))
    return keras.Model(inputs, layers.Dense(classes)(x))


# %% tags=["nbval-check-output"]
sizes = tables.sizes()
result_table(sizes, caption="32×32 の画像 1 枚を 5 クラスに分けるネットワーク")

# %% [markdown]
# ここは間違えやすいところです。畳み込みでは、**重み 1 個が「出力の縦 × 横」回ずつ使われます**。だから、パラメータの数が同じなら、
# 積和は 5 分の 1 のようには減りません (大きな特徴マップに重みの多い DenseNet では、むしろ増えます)。
# MobileNet が安いのは、**同じ幅のまま**重みを減らしたときです。パラメータをそろえると、減った分だけ幅が広くなります。
#
# ### 学習する
#
# どのネットワークも、同じ関数で学習します。Adam の学習率は、4e-3 から余弦の形で 0 に近づけます。
# まず、5 種類の花の絵のうち 150 枚で、DenseNet を学習させてみます。**乱数の種 (シード)** は 1 です。


# %% tags=["export"]
def train_network(name, images, labels, classes, seed, epochs=12, batch=16, validation=None):
    """ネットワークを学習させ、モデルと履歴を返します。images は 0〜255 の float32 です。"""
    keras.utils.set_random_seed(seed)
    model = build_network(name, classes)
    steps = epochs * -(-len(labels) // batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    history = model.fit(
        images, labels, batch_size=batch, epochs=epochs, validation_data=validation, verbose=0
    )
    return model, history.history


# %%
flowers = experiment.flowers(seed=1)
few, labels = flowers.train.images[:150].astype("float32"), flowers.train.labels[:150]
test = flowers.test.images.astype("float32"), flowers.test.labels
started = time.perf_counter()
model, history = train_network("DenseNet", few, labels, classes=5, seed=1, validation=test)
print(
    f"学習 {time.perf_counter() - started:.0f} 秒、テスト精度 {history['val_accuracy'][-1]:.3f} (当てずっぽうは 0.2)"
)
plot_histories({"DenseNet、150 枚": history}, heading="学習曲線 (検証は、テスト用の 300 枚)")

# %% [markdown]
# 訓練データはほとんど覚えましたが、はじめて見る絵では途中で頭打ちになりました。150 枚では、過学習しています。
#
# 1 回の実行では、どのネットワークがよいとはいえません。訓練 300 枚で、絵も重みも変えた 5 つのシードの結果が保存してあります
# (`python -m chapters.ch04_mobilenet_densenet_wavenet.experiment blocks`)。CIFAR-10 の写真の一部 (10 クラス、訓練 1,000 枚) でも測りました (`… experiment photos`)。
#
# ### 問題 5 推論の時間を予想する (1 点)
#
# 上の表のとおり、「MobileNet (同じ幅)」の積和は ResNet の 5 分の 1 ほどです。パソコンの CPU で 1 枚を推論する**時間**は、ResNet に比べてどうなるでしょうか。
#
# - ア: 5 分の 1 くらいになる
# - イ: 半分くらいになる
# - ウ: ほとんど変わらないか、かえって長くなる

# %%
# EXERCISE ch04.predict_time

# %%
check("ch04.predict_time")

# %%
stored, photos = experiment.stored_results("blocks"), experiment.stored_results("photos")
share = {name: tables.wins((stored, photos), name, "ResNet") for name in ("DenseNet", "MobileNet")}
for name, won in share.items():
    print(f"{name} が ResNet を上回ったのは、2 つのデータと 5 つのシードの 10 回のうち {10 * won:.0f} 回")
claim("ch04.blocks.dense", share["DenseNet"])
figures.plot_accuracies({"花の絵": (stored, 0.2), "CIFAR-10 の一部": (photos, 0.1)})


# %% [markdown]
# パラメータの数をそろえると、この規模では DenseNet がいちばん高く、MobileNet は ResNet に届きませんでした。
# DenseNet は、積和も同時に保持する値もいちばん多いことを忘れないでください。訓練データが少なく、学習も短い、小さなネットワークでの結果です。
# なぜ DenseNet が高いのかは、この実験では分かりません。
#
# ### 「計算量を減らせば軽量化することは理論的に間違いはない」
#
# 積和の比と、推論の時間の比を並べます。

# %%
claim("ch04.blocks.time", float(np.median(tables.ratios(stored, "milliseconds", "MobileNet (同じ幅)"))))
result_table(
    tables.speed(sizes, stored), caption="ResNet を 1 とした比 (時間は 1 枚、CPU、5 つのシードの中央値)"
)

# %% [markdown]
# 積和と重みは減ったのに、**時間は減るどころか増えました**。理由として考えられるのは 2 つです。
# 小さな層では、計算そのものより層を呼び出す手間のほうが大きく、MobileNet は層の数が多いこと。depthwise 畳み込みは、読んだ値 1 つあたりの計算が
# 少ないので、メモリを待つ時間が目立つこと。どちらがどれだけ効いたかは、ここでは測っていません。
#
# この節の答えは、**軽さには、重みの大きさ、積和、保持する値、時間の 4 つがあり、1 つを減らしても、ほかが減るとは限らない**です。
# モバイル機器のための設計では、その機器で時間を測ります。
#
# ### 問題 6 測って、決める (1 点)
#
# ★★ 小さな機器に DenseNet を載せます。その機器が同時に保持できる値は **20,000 個**まで、1 枚に使える積和は **1,200,000 回**までです。
# 上の DenseNet は、どちらも超えています。ブロックの層の数と入口はそのままで、成長率だけを小さくします。
# 両方の条件に収まる、**いちばん大きい成長率**はいくつでしょうか。セルを足し、次のようにネットワークを組み立て、
# `costs.peak_activations` と `costs.total_multiply_adds` で数えて決めましょう。
#
# ```python
# growth = 1
# NETWORKS["小さな DenseNet"] = (lambda x, depths: dense_body(x, depths, growth), (3, 4, 7), 16)
# small = build_network("小さな DenseNet", 5)
# ```
#
# 決めたら、`train_network` で学習させ、上の DenseNet と精度を比べてみましょう (精度は採点しません)。

# %%
# EXERCISE ch04.decide_growth

# %%
check("ch04.decide_growth")

# %% [markdown]
# ## 4. WaveNet: 因果的な畳み込み
#
# 過去だけを見て、しかも遠くまで見るには、どう畳み込めばよいでしょうか。

# %%
figures.draw_blocks(
    *figures.WAVENET, title="4 節から 8 節: WaveNet の 1 層。4 節は、その入口の因果的な畳み込み"
)

# %% [markdown]
# ### 手で計算する
#
# 音は、1 秒に何千個もの数 (**サンプル (sample)**) が並んだものです。WaveNet は、過去のサンプルだけから次のサンプルを当てます。
# 幅 2 の**因果的な畳み込み (causal convolution)** は、いまと、$d$ 個前の値だけを見ます。$d$ を**ダイレーション (dilation)** と呼びます。
# 入力が $1, 2, 3, 4, 5$、重みが (過去 10、いま 1)、$d = 2$ なら、3 つ目の出力は $10 \times 1 + 3 = 13$ です。始まる前は 0 とします。

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
figures.show_stacks((1, 2, 4, 8), (1, 1, 1, 1))

# %% [markdown]
# ### 勾配で証明する
#
# 論文の $d = 1, 2, 4, \dots, 512$ を Keras で重ね、1 つの出力を入力の 1 つ 1 つで微分します。**勾配が 0 でない入力の数が、受容野です。**
# 重みはすべて 1 にします。打ち消し合って 0 になることがないからです。
#
# 途中の時刻の出力も微分します。**未来の入力の勾配は、ぴったり 0** でなければなりません。`padding="same"` では、どうなるでしょうか。


# %% tags=["export"]
def causal_stack(dilations, padding="causal"):
    """幅 2、重みがどれも 1 の畳み込みを重ねます。"""
    inputs = keras.Input((None, 1))
    x = inputs
    options = {"padding": padding, "use_bias": False, "kernel_initializer": "ones"}
    for dilation in dilations:
        x = layers.Conv1D(1, 2, dilation_rate=dilation, **options)(x)
    return keras.Model(inputs, x)


def gradient_of_output(model, length, place):
    """時刻 place の出力を、長さ length の入力の 1 つ 1 つで微分します。"""
    signal = tf.ones((1, length, 1))
    with tf.GradientTape() as tape:
        tape.watch(signal)
        output = model(signal)[0, place, 0]
    return tape.gradient(output, signal).numpy()[0, :, 0]


# %%
paper = [2**layer for layer in range(10)]
for name, dilations in {"1 組": paper, "3 組": 3 * paper, "どれも 1": [1] * 10}.items():
    reached = gradient_of_output(causal_stack(dilations), 4000, 3999)
    print(f"{name}: {len(dilations)} 層の受容野は {np.count_nonzero(reached):,}")
one_stack = gradient_of_output(causal_stack(paper), 2000, 1999)
print("1 組の受容野の中の勾配の値:", np.unique(one_stack[one_stack != 0]))
claim("ch04.field.one", int(np.count_nonzero(one_stack)))

NOW = 200
for padding in ("causal", "same"):
    future = gradient_of_output(causal_stack(paper[:6], padding), 400, NOW)[NOW + 1 :]
    print(f"{padding}: 見えてしまう未来の入力は {np.count_nonzero(future)} 個")
future = gradient_of_output(causal_stack(paper[:6]), 400, NOW)[NOW + 1 :]
claim("ch04.causal.future", float(np.abs(future).max()))

# %% [markdown]
# 1 組の勾配は、どの入力でもちょうど 1 です。受容野の中の入力から出力へ行く道が、**1 本ずつ**あるということで、むだがありません。
# 組を重ねると、同じ入力へ行く道が何本もできます。`same` は、右側にも 0 を足すので、未来を見てしまいます。
#
# この節の答えは、**過去の側にだけ 0 を足し、層ごとにダイレーションを 2 倍にする**です。層の数 $L$ に対して、受容野は $2^L$ に伸びます。
#
# ### 問題 7 受容野 (1 点)
#
# ★ `receptive_field(kernel_size, dilations, stacks)` を書きましょう。幅 `kernel_size` でダイレーションが `dilations` の因果的な畳み込みを順に重ね、その組を `stacks` 回くり返します。最後の層の 1 つの出力が見ている入力のサンプルの数 (自分の時刻も数えます) を返します。
#
# たとえば、次のようになります。
#
# ```python
# receptive_field(2, [1, 2, 4, 8], 1)  # → 16
# ```

# %%
# EXERCISE ch04.receptive_field

# %%
check("ch04.receptive_field")

# %% [markdown]
# ### 問題 8 因果的な畳み込み (2 点)
#
# ★★ `causal_convolution(signal, kernel, dilation)` を NumPy で書きましょう。`signal` は `(本数, 長さ, 入力のチャネル)`、`kernel` は `(k, 入力のチャネル, 出力のチャネル)`、出力は `(本数, 長さ, 出力のチャネル)` です。
#
# 時刻 t の出力は、時刻 t, t - dilation, t - 2·dilation, … の k 個の入力だけから決まります。`kernel` の最後 (`kernel[-1]`) が時刻 t に、その 1 つ前が t - dilation に掛かります。始まりより前の入力は 0 とします。
#
# たとえば、次のようになります。
#
# ```python
# signal = np.arange(1.0, 6).reshape(1, 5, 1)
# causal_convolution(signal, np.array([10.0, 1.0]).reshape(2, 1, 1), 2).ravel().tolist()  # → [1.0, 2.0, 13.0, 24.0, 35.0]
# ```

# %%
# EXERCISE ch04.causal_convolution

# %%
check("ch04.causal_convolution")

# %% [markdown]
# ## 5. 音を 256 段階の数にする
#
# 音の値を当てる問題を、どうすれば分類にできるでしょうか。WaveNet は、次のサンプルを「256 個の段階から 1 つ選ぶ」分類として当てます。
# 16 ビットの音は 65,536 段階もあるので、
# **μ-law** で、小さな音ほど細かく 256 段階に分けます。$\mu = 255$ です。
#
# $$f(x) = \mathrm{sign}(x) \, \frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)}$$
#
# 手で計算してみます。$x = 0.1$ なら $\ln(26.5) / \ln(256)$ です。振幅の 1 割の音に、段階の 6 割近くを使います。
# 小さな音で、均等に 256 段階に分けた場合と比べましょう。**信号対雑音比 (signal-to-noise ratio, SNR)** は、音と「丸めた誤差」のエネルギーの比です。

# %%
print(f"f(0.1) = {np.log(26.5) / np.log(256):.3f}")
print("段階:", sounds.to_levels(np.array([-1, -0.1, -0.01, 0, 0.01, 0.1, 1])))
tone = np.sin(2 * np.pi * 440 * np.arange(4000) / sounds.RATE)
for amplitude in (1, 0.1, 0.01):
    wave = amplitude * tone
    ours, uniform = sounds.from_levels(sounds.to_levels(wave)), np.rint(wave * 127.5) / 127.5
    print(f"振幅 {amplitude}: μ-law {sounds.snr(wave, ours):.0f} dB、均等 {sounds.snr(wave, uniform):.0f} dB")

# %% [markdown]
# 大きな音では均等に負けますが、小さな音でも SNR があまり下がりません。256 段階を分け合うなら、**耳につく小さな音に多く**使うほうが得です。
#
# ### 問題 9 μ-law (1 点)
#
# ★ 段階の数を変えられるようにします。`mu_law_encode(waveform, mu)` と `mu_law_decode(codes, mu)` を書きましょう。`mu` は正の整数です。
#
# encode は、値を -1〜1 に切り、f = sign(x) ln(1 + μ|x|) / ln(1 + μ) を求め、(f + 1) / 2 × μ をいちばん近い整数に丸めて (ちょうど真ん中は大きいほう) 0〜μ の整数 (**符号 (code)**、上の「段階」) の配列にします。
#
# decode はその逆で、f = 2 × 符号 / μ - 1 から、sign(f) ((1 + μ)^|f| - 1) / μ を返します。配列の形は変わりません。
#
# たとえば、次のようになります。
#
# ```python
# mu_law_encode(np.array([-1, 0, 0.5]), 101).tolist()  # → [0, 51, 94]
# ```

# %%
# EXERCISE ch04.mu_law

# %%
check("ch04.mu_law")

# %% [markdown]
# ## 6. WaveNet を組み立てて学習する
#
# 因果的な畳み込みだけで、歌を覚えられるでしょうか。
#
# ### 歌うデータ
#
# この講座のプログラムが作る歌声です。声の高さの整数倍の波 (倍音) を足し、母音ごとに決まった周波数のあたり (**フォルマント (formant)**) を強めます。
# 1 秒に 4,000 サンプル、音は 5 種類 (ド、レ、ミ、ファ、ソ)、母音は「あ」と「お」の 2 種類で、ビブラートと息の雑音が入ります。

# %%
taught = [sounds.sing(experiment.SCORE, vowel, seed=7) for vowel in sounds.VOWELS]
figures.show_spectrograms(
    {f"「{vowel}」": song.wave for vowel, song in zip(sounds.VOWELS, taught, strict=True)},
    heading="手本: " + " ".join(experiment.SCORE),
    alt="ch04.taught_songs",
)

# %% [markdown]
# 声の 1 周期は 20〜31 サンプルです。1 つの正弦波なら過去の 2 サンプルで次が決まりますが、声はたくさんの波の和です。
# 過去が長く見えるほど、次のサンプルは当てやすくなります。
#
# ### 1 層と、全体
#
# 1 層は次の形です。$*$ は因果的な畳み込み、$\odot$ は要素ごとの積、$h$ は「何を歌うか」です。
#
# $$z = \tanh(W_f * x + V_f h) \odot \sigma(W_g * x + V_g h), \qquad x \leftarrow x + W_r z, \qquad s \leftarrow s + W_s z$$
#
# - $\tanh$ が中身、$\sigma$ が**ゲート (gate)**。通す量を 0〜1 で決める
# - $x$ は残差接続で次の層へ進み、$s$ (**スキップ接続 (skip connection)**) は全部の層の和になって出力層へ進む
# - 条件 $h$ は 2 種類。歌の間ずっと同じ母音が**大域的な条件 (global conditioning)**、時間とともに変わる音の高さが**局所的な条件 (local conditioning)**
#
# $W_f$ と $W_g$、$W_r$ と $W_s$ は、それぞれ 1 つの層でまとめて計算し、出力のチャネルで分けます。

# %% tags=["export"]
from chapters.ch04_mobilenet_densenet_wavenet.wavenet import BATCH, CONDITIONS, DILATIONS, windows


def wavenet_layer(x, condition, dilation, width, skip, number):
    """WaveNet の 1 層です。次の層への x と、スキップ接続への値を返します。"""
    names = {part: f"{part}{number}" for part in ("dilated", "condition", "outputs")}
    gate = layers.Conv1D(2 * width, 2, padding="causal", dilation_rate=dilation, name=names["dilated"])(x)
    gate = gate + layers.Dense(2 * width, use_bias=False, name=names["condition"])(condition)
    z = ops.tanh(gate[..., :width]) * ops.sigmoid(gate[..., width:])
    outputs = layers.Dense(width + skip, name=names["outputs"])(z)  # 1×1 の畳み込み
    return x + outputs[..., :width], outputs[..., width:]


# %% tags=["export"]
def build_wavenet(dilations=DILATIONS, width=16, skip=32, conditions=CONDITIONS):
    """波形と条件から、次のサンプルの 256 段階の得点を返す WaveNet を作ります。"""
    wave = keras.Input((None, 1), name="wave")
    condition = keras.Input((None, conditions), name="condition")
    x = layers.Dense(width, name="first")(wave)
    skips = []
    for number, dilation in enumerate(dilations, 1):
        x, into_skip = wavenet_layer(x, condition, dilation, width, skip, number)
        skips.append(into_skip)
    x = layers.Dense(skip, activation="relu", name="hidden")(ops.relu(layers.Add()(skips)))
    return keras.Model([wave, condition], layers.Dense(256, name="logits")(x))


# %% [markdown]
# ### 学習する
#
# 手本とは別の歌を母音ごとに 16 秒ずつ聞かせ、512 サンプルの窓を無作為に切り出して、次の段階を当てさせます。
# 損失は、正解の段階の**負の対数尤度 (negative log-likelihood, NLL)** です。
# 正解の過去を使うので、窓の中のすべての時刻を**一度に**計算できます。
# 層の形は論文のままで、幅と層の数だけを小さくし、ダイレーションは 1, 2, 4, …, 128 です。


# %% tags=["export"]
def train_wavenet(songs, seed, dilations=DILATIONS, steps=800):
    """次のサンプルの段階を当てるように、WaveNet を学習させます。1 ステップに窓を 4 つ使います。"""
    keras.utils.set_random_seed(seed)
    model = build_wavenet(dilations)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(8e-3, steps)), loss)
    waves, conditions, targets = windows(songs, steps * BATCH, seed)
    model.fit([waves, conditions], targets, batch_size=BATCH, shuffle=False, verbose=0)
    return model


# %%
training, unheard = experiment.songs(seed=1)
started = time.perf_counter()
network = train_wavenet(training, seed=1)
print(f"受容野 {1 + sum(DILATIONS)} サンプル、パラメータ {network.count_params():,}、", end="")
print(f"学習 {time.perf_counter() - started:.0f} 秒")
nats = {
    "どれも同じ確率 (ln 256)": float(np.log(256)),
    "段階のヒストグラム": wavenet.histogram_nats(training, unheard),
    "WaveNet": wavenet.nats(network, unheard),
}
claim("ch04.wavenet.nats", nats["段階のヒストグラム"] - nats["WaveNet"])
result_table(
    [{"答え方": name, "NLL (nat)": value} for name, value in nats.items()],
    caption="はじめて聞く歌の、1 サンプルあたりの NLL (小さいほどよい)",
)

# %% [markdown]
# 過去を見ない答え方より、ずっとよく当てました。再帰する層は 1 つもありません。過去を覚えているのは、受容野だけです。
#
# ### 問題 10 波形の次の値を当てる (3 点)
#
# ★★★ `train_predictor(signals)` を書きましょう。`signals` は `(本数, 長さ)` の波形です。時刻 t までの値から時刻 t + 1 の値を当てる `keras.Model` を組み立てて学習し、返します。入力は `(本数, 長さ, 1)`、出力も `(本数, 長さ, 1)` で、長さは決めません。
#
# 波形には 32 サンプル以内の遅れて返ってくるこだまがあり、こだまは線形ではありません。隠れた新しい波形で、平均二乗誤差を「0 と答え続ける」ときの 0.2 倍以下にしましょう (直前の値をくり返しても、線形な予測でも届きません)。数秒で終わるようにしましょう。
#
# 採点では、出力が未来の入力によらないことも、どこにも渡していない次の値を当てられることも確かめます。
#
# たとえば、次のようになります。
#
# ```python
# train_predictor(np.ones((16, 100))).predict(np.ones((2, 50, 1)), verbose=0).shape  # → (2, 50, 1)
# ```

# %%
# EXERCISE ch04.wavenet

# %%
check("ch04.wavenet")

# %% [markdown]
# ## 7. 歌わせる
#
# 次を当てるだけのネットワークに、どうやって歌わせるのでしょうか。
#
# 生成では、得点から確率を求めて段階を 1 つ**無作為に選び**、それを次の入力にします。だから、**1 つずつ**しか進めません。
# 素直に書くと、1 サンプルごとに受容野の全部を計算し直します。各層の過去の値を列 (queue) に覚えておけば、1 サンプルにつき各層を 1 回だけ計算すれば済みます。
# 4 節で手で計算した層で試します。ダイレーションが 2 なら、覚えておくのは 2 つです。

# %% tags=["nbval-check-output"]
queue = np.zeros(2)
for now, value in enumerate(signal.ravel()):
    place = now % 2
    print(f"入力 {value:.0f}、列にある 2 つ前の値 {queue[place]:.0f}、出力 {10 * queue[place] + value:.0f}")
    queue[place] = value

# %% [markdown]
# 4 節の出力と同じです。`wavenet.Stepper` は、これを全部の層で行います。一度に計算した得点と比べてから、
# 楽譜 (局所的な条件) と母音 (大域的な条件) だけを渡して、2 秒の歌を作ります。

# %%
conditions = experiment.score_conditions()
heard = np.stack([song.wave for song in taught])[..., None]
network.predict([heard, conditions], verbose=0)
started = time.perf_counter()
at_once = network.predict([heard, conditions], verbose=0)
print(f"手本の 2 秒を一度に計算: {time.perf_counter() - started:.1f} 秒")
stepper = wavenet.Stepper(network, conditions)
one_by_one = np.stack([stepper(heard[:, now]) for now in range(300)], axis=1)
print(
    f"得点のずれ: 最大で、得点の {np.abs(one_by_one - at_once[:, :300]).max() / np.abs(at_once).max():.0e} 倍"
)

started = time.perf_counter()
sung = wavenet.sample(network, conditions, seed=1)
print(f"2 秒の歌を 1 つずつ生成: {time.perf_counter() - started:.1f} 秒")

# %%
figures.show_spectrograms(
    {f"「{vowel}」": wave for vowel, wave in zip(sounds.VOWELS, sung, strict=True)},
    heading="WaveNet が作った歌",
    alt="ch04.sung_songs",
)
figures.players({"手本の「あ」": taught[0].wave, "作った「あ」": sung[0], "作った「お」": sung[1]})

# %%
low = [sounds.share_below(wave, 600) for wave in sung]
claim("ch04.wavenet.pitch", 100 * float(np.median([experiment.pitch_errors(wave) for wave in sung])))
claim("ch04.wavenet.vowel", low[1] - low[0])
result_table(tables.sung_summary(taught, sung), caption="作った歌は、楽譜と母音に従っているか")

# %% [markdown]
# 手本の波形を渡さなくても、楽譜の高さと母音の音色で歌いました。スペクトログラムには、声が弱くなって雑音だけになる所もあります。
# **次を当てることと、作ることは、同じネットワークでできます。**
#
# ### 問題 11 1 サンプルずつ作る (2 点)
#
# ★★ `generate(next_probabilities, start, uniforms, receptive_field)` を書きましょう。`next_probabilities(window)` は、ちょうど `receptive_field` 個の符号 (古い順の整数) を受け取り、次の符号の確率の配列を返します。
#
# `start` はそれまでの符号のリストで、空のこともあります。いちばん新しい `receptive_field` 個を渡し、足りないときは古い側を無音の符号 128 で埋めます。`uniforms` は 0〜1 の乱数で、1 個につき 1 サンプルを作ります: 確率を 0 番から順に足していき、和が乱数をはじめて超えた符号を選びます。選んだ符号は次の窓に入ります。
#
# 作った符号だけを、`uniforms` と同じ長さの整数の配列で返します。
#
# たとえば、次のようになります。
#
# ```python
# chances = np.zeros(256)
# chances[[3, 7]] = 0.5
# generate(lambda window: chances, [], [0.2, 0.9, 0.0], 4).tolist()  # → [3, 7, 3]
# ```

# %%
# EXERCISE ch04.generate

# %%
check("ch04.generate")

# %% [markdown]
# ## 8. ダイレーションは要るのか
#
# レポートは、ダイレーションを「受容野を増やすため」といいます。受容野が狭いと、何ができなくなるのでしょうか。
# 層の数もパラメータの数も同じで、ダイレーションだけをどれも 1 にした WaveNet を、5 つのシードで学習させ、同じ楽譜を歌わせました
# (`… experiment waves` と `… experiment undilated`)。受容野は 256 から 9 に減り、声の 1 周期 (20〜31 サンプル) より短くなります。
#
# ### 問題 12 ダイレーションのない歌を予想する (1 点)
#
# 受容野が 9 サンプルの WaveNet は、どう歌うでしょうか。
#
# - ア: 次のサンプルを当てられず、音の高さも楽譜から外れる
# - イ: 次のサンプルは当てにくくなるが、音の高さは楽譜どおりになる
# - ウ: 次のサンプルの当てやすさも、音の高さも、ほとんど変わらない

# %%
# EXERCISE ch04.predict_undilated

# %%
check("ch04.predict_undilated")

# %%
waves = [*experiment.stored_results("waves"), *experiment.stored_results("undilated")]
dilated, undilated = (tables.by_network(waves, name) for name in experiment.DILATED)
gaps = [other.nats - one.nats for one, other in zip(dilated, undilated, strict=True)]
claim("ch04.waves.dilation", min(gaps))
result_table(tables.wave_summary(waves), caption="はじめて聞く歌、5 つのシード: 最小 / 中央値 / 最大")

# %% [markdown]
# ダイレーションがあると、どのシードでも NLL が小さくなりました。けれども、音の高さを見ると、**ないほうも楽譜どおりに歌っています**。
# 高さは条件として渡しているので、9 サンプルの過去でも、その高さの波を続けられたのでしょう。確かめてはいません。
#
# この節の答えは、**受容野を広げると次のサンプルが当てやすくなる。この歌では、狭くても音の高さは合う**です。
# 「受容野を増やすため」に使うのは正しく、「ないと歌えない」とまでは言えません。
#
# ### 「時系列データだからといって必ず RNN を使うわけではなく」
#
# そのとおりでした。WaveNet に再帰する層はありません。学習では全部の時刻を一度に計算できます (7 節の時間)。
# 代わりに、受容野より前のことは、まったく覚えていません。生成は RNN と同じく 1 つずつです。
#
# ### 「精度向上できたが理論的に説明できていないことも多い」
#
# この章でも、そうでした。積和の数と受容野は、測る前に式で分かりました。どのブロックの精度が高いか、ダイレーションのない WaveNet が
# なぜ高さを外さないかは、測って初めて分かり、理由は「考えられる」としか言えません。理由を言うには、1 つだけを変えた対照が要ります
# (2 節で「連結だから勾配が届く」を初期値の対照で確かめたように)。
#
# ### 考えてみよう (採点しません)
#
# 電池で動く見守りカメラに、人が映ったかどうかを判定するネットワークを載せます。ResNet、MobileNet、DenseNet のどれから始め、
# 何を測って決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 何が足りないのか (重みを置く場所、途中の値を置くメモリ、1 枚あたりの時間、電力)。積和だけでなく、載せる機器で時間を測るか。
# 精度は、同じ幅、同じパラメータ数、同じ時間のどれをそろえて比べるか。シードを変えて何回測るか。見落としと誤報のどちらが困るか。
#
# </details>
#
# ## 9. 補足・訂正
#
# - **DenseNet は足しません** レポートは「前の層の入力を足し合わせる」といいますが、DenseBlock は**連結**します。DenseNet121 に足す層は 1 つもありません (2 節)。
#   足し算は ResNet です。続く「前方の各層から出力すべてが後方の層への入力となる」は正しく、そのために連結が要ります。
# - **縦横の記号** レポートの式は正しく、$H$ と $W$ は**出力**の縦横です。stride が 2 なら、入力の縦横で数えると、数え間違えます (1 節の 9×9 から 4×4 への層)。
# - **積和と演算の数** 積和 1 回は、掛け算と足し算の 2 演算 (FLOP) です。論文の 569M は積和で、「演算の数」はその 2 倍です。
# - **離れ方は元に戻ります** 「層が深くなるにつれて」離れるのは 1 組の中だけです。論文は 1, 2, 4, …, 512 の組を何度も重ね、組の初めで 1 に戻ります。
# - **この章の WaveNet** 入力は 256 次元の one-hot ではなく、1 つの実数です。隣り合う段階が近い音だと、はじめから伝えるためです。one-hot とは比べていません。
#
# ## 10. まとめ
#
# 1. MobileNet は、畳み込みを depthwise と pointwise に分け、積和を $1/M + 1/K^2$ 倍にします。表せるカーネルは減ります。
# 2. DenseNet は、足さずに連結します。1 層が作るのは $k$ チャネルだけで、前の層のすべてを読みます。
# 3. パラメータの数をそろえた小さな比較では、DenseNet の精度がいちばん高く、積和も保持する値もいちばん多くなりました。
# 4. 積和を減らしても、時間が減るとは限りません。速さは、使う機器で測ります。
# 5. WaveNet は、因果的な畳み込みのダイレーションを 2 倍ずつにして受容野を広げます。学習は一度に、生成は 1 つずつです (Parallel WaveNet など、生成を速くする研究が続きました)。
#
# **早見表**
#
# $$\frac{H W K^2 C + H W C M}{H W K^2 C M} = \frac{1}{M} + \frac{1}{K^2}, \qquad k_0 + l\,k, \qquad R = 1 + (k - 1) \sum_l d_l$$
#
# ```python
# x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)             # MobileNet、このあと 1×1
# x = layers.Concatenate()([x, new])                                                   # DenseNet
# x = layers.Conv1D(width, 2, padding="causal", dilation_rate=2**layer)(x)             # WaveNet
# z = ops.tanh(content) * ops.sigmoid(gate)                                            # WaveNet のゲート
# ```
#
# | | よく使う値 |
# |:--|:--|
# | MobileNet | 3×3、幅 32〜1,024、幅の倍率 $\alpha$ = 0.25〜1 |
# | DenseNet | 成長率 12〜32、遷移層の圧縮 0.5、ボトルネック $4k$ |
# | WaveNet | 幅 2、ダイレーション 1〜512 を 3 組ほど、$\mu = 255$ |

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
# ### 3 種類のブロックの、全部の結果

# %%
result_table(
    tables.summary({"花の絵": stored, "CIFAR-10 の一部": photos}),
    caption="5 つのシード: 最小 / 中央値 / 最大 (訓練精度は最後のエポック、推論時間は ResNet を 1 とした比)",
)

# %% [markdown]
# ### 増えすぎを抑える: DenseNet-BC
#
# 連結を続けるとチャネルが増え、3×3 の畳み込みが重くなります。DenseNet-BC は、3×3 の前に 1×1 で $4k$ チャネルに減らし
# (**ボトルネック (bottleneck)**)、遷移層でチャネルを半分にします。論文の CIFAR-10 用 (深さ 100、$k = 12$) を組み立てると、
# 論文の表 2 の 0.8M になるでしょうか。


# %% tags=["export"]
def bottleneck_layer(x, growth):
    """DenseNet-BC の 1 層: 1×1 で 4 × growth チャネルにしてから、3×3 で growth チャネルを作ります。"""
    new = layers.Conv2D(4 * growth, 1, use_bias=False)(norm_relu(x))
    new = layers.Conv2D(growth, 3, padding="same", use_bias=False)(norm_relu(new))
    return layers.Concatenate()([x, new])


def densenet_bc(growth=12, layers_per_block=16):
    """CIFAR-10 用の DenseNet-BC を作ります。"""
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False)(inputs)
    for index in range(3):
        x = x if index == 0 else transition(x)
        for _ in range(layers_per_block):
            x = bottleneck_layer(x, growth)
    x = layers.GlobalAveragePooling2D()(norm_relu(x))
    return keras.Model(inputs, layers.Dense(10)(x))


# %% tags=["nbval-check-output"]
print(f"DenseNet-BC (100, k = 12): 学習できるパラメータ {tables.trainable_parameters(densenet_bc()):,} 個")

# %% [markdown]
# ## 参考文献
#
# - A. G. Howard et al., [MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications](https://arxiv.org/abs/1704.04861), 2017
# - M. Sandler et al., [MobileNetV2: Inverted Residuals and Linear Bottlenecks](https://arxiv.org/abs/1801.04381), CVPR 2018
# - G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger, [Densely Connected Convolutional Networks](https://arxiv.org/abs/1608.06993), CVPR 2017
# - K. He, X. Zhang, S. Ren, J. Sun, [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), CVPR 2016
# - K. He, X. Zhang, S. Ren, J. Sun, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), ICCV 2015 (ReLU のための初期値)
# - A. van den Oord et al., [WaveNet: A Generative Model for Raw Audio](https://arxiv.org/abs/1609.03499), 2016
# - T. Le Paine et al., [Fast WaveNet Generation Algorithm](https://arxiv.org/abs/1611.09482), 2016
# - A. van den Oord et al., [Parallel WaveNet: Fast High-Fidelity Speech Synthesis](https://arxiv.org/abs/1711.10433), ICML 2018
# - A. Krizhevsky, [Learning Multiple Layers of Features from Tiny Images](https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf), 2009 (CIFAR-10)
