# %% [markdown]
# # 第 5 章 ResNet と転移学習 — ResNet and Transfer Learning
#
# {{colab_badge}}
#
# **どんな問題か** 層を増やせば、ネットワークは良くなるとは限りません。56 層にしたら、20 層より訓練データでも悪くなった例があります。
# 2015 年、Microsoft の He たちは、入力を出力に足すだけの **ResNet** (Residual Network) でこれを解き、当時としては並外れた
# 152 層で、画像認識の競技会 ILSVRC に優勝しました。事前学習ずみの ResNet は、医用画像の診断、製品の検査、物体の検出などで、
# いまも**転移学習**の出発点です。
#
# *This chapter builds residual networks from their definition and shows by controlled experiments what a residual connection
# mends. It reruns the report's seven experiments on flowers: from scratch, frozen, fine-tuned, and twice as wide.
# Each sentence of the report is tested over five seeds; eight exercises and four questions grade themselves.*
#
# **この章でできるようになること**
#
# - 残差ブロックを自分で組み立て、深いネットワークの学習が難しい理由を、条件を 1 つずつ変えた実験で切り分ける
# - 転移学習 (transfer learning) とファインチューニング (fine-tuning) を書き分け、何が動いて何が動かないかを確かめる
# - 学習曲線と結果の表を読み、検証用とテスト用の役割を守ってモデルを選ぶ
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ Keras でモデルを学習させたことがある人。畳み込みと BatchNormalization は [第 4 章](04_mobilenet_densenet_wavenet.ipynb) |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 花の絵は、この講座のプログラムが描いたもの (CC BY 4.0)。写真は scikit-image に付属するもの。重みの出どころと条件は、2 枚のモデルカード ([この講座で学習](../data/pretrained/README.md)、[ImageNet](../data/imagenet/README.md)) |
# | 論文 | He et al. 2016 [(ResNet)](https://arxiv.org/abs/1512.03385)、Zagoruyko & Komodakis 2016 [(Wide ResNet)](https://arxiv.org/abs/1605.07146)、Kolesnikov et al. 2020 [(BiT)](https://arxiv.org/abs/1912.11370) |
# | 前後の章と用語 | ← [第 4 章 応用技術](04_mobilenet_densenet_wavenet.ipynb) · [第 6 章 EfficientNet](06_efficientnet.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=5)

# %%
import time

import numpy as np

from chapters.ch05_resnet_transfer import experiment, figures, tables
from course_utils.backbones import load_backbone, load_efficientnet_lite0, preprocess, preprocess_lite0
from course_utils.claims import claim, claims_table
from course_utils.flowers import draw_flowers
from course_utils.imagenet import top_classes
from course_utils.photos import load_photo
from course_utils.plots import plot_histories, show_images
from course_utils.tables import result_table
from grader import check, hint, score, solution

# %%
figures.draw_network(title="この章のネットワーク (上) と、残差ブロックの中 (下)。BN は BatchNormalization")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch05.preprocess")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. 深くすると、なぜ学習が難しくなるのか
#
# ### 手で計算する
#
# 層を 20 枚重ねたとします。出力の誤差を入口まで戻すとき、勾配には、1 層ごとに「その層の微分」が掛かります。
# どの層の微分も 0.1 だとしたら、入口に届く勾配はどれくらいでしょうか。
#
# - ふつうの層 (plain) $y = F(x)$ では、1 層の微分は $0.1$。20 層で $0.1^{20}$ 倍です。
# - 残差のある層 $y = x + F(x)$ では、1 層の微分は $1 + 0.1 = 1.1$。20 層で $1.1^{20}$ 倍です。

# %% tags=["nbval-check-output"]
print(f"ふつうの 20 層: {0.1**20:.0e} 倍   残差のある 20 層: {1.1**20:.2f} 倍")

# %% [markdown]
# 前者はゼロと見分けがつきません。後者は扱える大きさです。足し算 1 つで、勾配の通り道に「1」が残るからです。
# これが**残差接続 (residual connection)** の考えです。入力をそのまま運ぶ道を**ショートカット**、$F(x)$ を通るほうを**残差枝**と呼びます。
#
# $$y = x + F(x), \qquad \frac{\partial y}{\partial x} = 1 + \frac{\partial F}{\partial x}$$
#
# レポートはここから「層を深くしても勾配消失問題が起きにくく高い性能を示した」と続けます。よく聞く説明です。
# では、ふつうの層で勾配が消えるのは、足し算がないせいでしょうか。0.1 という数は、私たちが勝手に決めたものでした。
#
# ### 勾配を測る
#
# 30 層のネットワークを 5 通り作り、入口に届く勾配を測ります。足し算のほかに、重みの初期値と BatchNormalization も変えます。
#
# 初期値には理由があります。ReLU は、信号のおよそ半分を 0 にします。Keras の既定の初期値 (Glorot) は、この半減を
# 数に入れていません。勾配の 2 乗は 1 層で半分になり、大きさは $1/\sqrt{2}$ 倍になります。
# He たちの初期値 ([He et al. 2015](https://arxiv.org/abs/1502.01852)) は、重みを $\sqrt{2}$ 倍して、この半減を打ち消します。


# %% tags=["export"]
import keras
import tensorflow as tf
from keras import layers


def deep_network(depth, shortcut, normalise, initializer="glorot_uniform"):
    """画像から、5 クラスの得点と各層の出力を返すネットワークを作ります。バイアスと γ、β は省きます。"""

    def conv(x, stride=1):
        options = {"padding": "same", "use_bias": False, "kernel_initializer": initializer}
        return layers.Conv2D(16, 3, stride, **options)(x)

    inputs = keras.Input((16, 16, 3))
    maps = [conv(inputs, stride=2)]
    for _ in range(depth):
        branch = conv(layers.ReLU()(maps[-1]))
        if normalise:
            branch = layers.BatchNormalization(center=False, scale=False)(branch)
        maps.append(layers.Add()([maps[-1], branch]) if shortcut else branch)
    logits = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps[-1]))
    return keras.Model(inputs, [logits, *maps])


# %% tags=["export"]
def gradient_norms(model, images, labels):
    """各層の出力についての、損失の勾配の大きさを返します。"""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        logits, *maps = model(images, training=True)
        loss = cross_entropy(labels, logits)
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, maps)]


# %%
rng = np.random.default_rng(course.seed)
images, labels = rng.normal(size=(32, 16, 16, 3)).astype("float32"), rng.integers(0, 5, 32)
norms = {}
for name, shortcut, normalise, initializer in (
    ("ふつう、初期値 Glorot", False, False, "glorot_uniform"),
    ("ふつう、初期値 He", False, False, "he_normal"),
    ("ふつう + BatchNormalization", False, True, "glorot_uniform"),
    ("残差、初期値 Glorot", True, False, "glorot_uniform"),
    ("残差 + BatchNormalization", True, True, "glorot_uniform"),
):
    keras.utils.set_random_seed(course.seed)
    norms[name] = gradient_norms(deep_network(30, shortcut, normalise, initializer), images, labels)

# %%
figures.plot_gradients(norms)

# %%
ratio = {name: values[0] / values[-1] for name, values in norms.items()}
for name, r in ratio.items():
    print(f"{name}: 入口の勾配は出口の {np.format_float_positional(r, 2, fractional=False, trim='-')} 倍")
print(f"手計算では、初期値 Glorot のふつうの 30 層は (1/√2) の 30 乗 = {0.5**15:.5f} 倍\n")

claim("ch05.gradient.glorot", ratio["ふつう、初期値 Glorot"])
claim("ch05.gradient.he", ratio["ふつう、初期値 He"])
claim("ch05.gradient.batchnorm", ratio["ふつう + BatchNormalization"])

# %% [markdown]
# 勾配が消えたのは、Glorot の初期値と ReLU を組み合わせた場合だけでした。足し算がなくても、初期値を替えるか
# BatchNormalization を入れれば、勾配は入口まで届きます。勾配消失を防ぐだけなら、残差接続は要りません。
#
# ### 問題 1 ふつうの 30 層を予想する (1 点)
#
# では、勾配が届いていれば、足し算のない 30 層も学習できるのでしょうか。BatchNormalization を入れた 3 つのネットワーク
# (ふつうの 6 層、ふつうの 30 層、残差のある 30 層) に、300 枚の花の絵を 5 エポック学習させます。
# **訓練データの精度**で、ふつうの 30 層はふつうの 6 層に比べてどうなるでしょうか。
#
# - ア: 6 層より高い
# - イ: 6 層とほとんど同じ
# - ウ: 6 層より低い

# %%
# EXERCISE ch05.predict_depth

# %%
check("ch05.predict_depth")

# %%
pictures, kinds = draw_flowers(count_per_class=60, size=16, seed=course.seed)
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def training_curve(depth, shortcut):
    keras.utils.set_random_seed(course.seed)
    network = deep_network(depth, shortcut, normalise=True)
    model = keras.Model(network.input, network.outputs[0])
    model.compile(keras.optimizers.Adam(1e-3), cross_entropy, metrics=["acc"])
    return model.fit(pictures / 127.5 - 1, kinds, batch_size=32, epochs=5, verbose=0).history["acc"]


curves = {
    "ふつうの 6 層": training_curve(6, shortcut=False),
    "ふつうの 30 層": training_curve(30, shortcut=False),
    "残差のある 30 層": training_curve(30, shortcut=True),
}

# %%
claim("ch05.degradation.depth", curves["ふつうの 6 層"][-1] - curves["ふつうの 30 層"][-1])
claim("ch05.degradation.residual", curves["残差のある 30 層"][-1] - curves["ふつうの 30 層"][-1])
figures.plot_training(curves)

# %% [markdown]
# 勾配は届いているのに、ふつうの 30 層は学習が進みません。Adam は、勾配の大きさによらず学習率ほどの歩幅で重みを動かすので、
# 勾配の大小でも説明できません。しかも訓練データで負けているのですから、過学習ではありません。
# He たちはこれを**劣化問題 (degradation)** と呼びました。
# 余分な層が恒等写像 (入力をそのまま返す) を学べば、6 層に負けるはずはありません。ふつうの層には、それが難しいのです。
# 残差のある層なら、残差枝が 0 を返すだけで恒等写像になります。
#
# 論文も「この難しさが勾配消失によるとは考えにくい。BatchNormalization を入れたふつうの層でも、勾配は健全だった」と述べています (4.1 節)。
# この節の答えは、次の 1 文です。**深いネットワークの学習が難しいのは、勾配が消えるからとは限らない。勾配が届いても、進めない**。
# なぜ進めないのかは、いまも研究が続いています。たとえば、層を重ねるほど勾配の向きが雑音に近づく、という報告があります
# ([Balduzzi et al. 2017](https://arxiv.org/abs/1702.08591))。
#
# ## 2. 残差ブロックと、ネットワークの大きさ
#
# 残差ブロックは、何でできていて、パラメータはいくつでしょうか。

# %%
figures.draw_network("blocks", *figures.BLOCK, title="この節で組み立てるところ: 残差ブロック")

# %% [markdown]
# 2015 年の残差ブロックは「畳み込み → BatchNormalization → ReLU → 畳み込み → BatchNormalization」を通した残差枝に
# 入力を足し、最後に ReLU を掛けます。まず、何度も使う部品を 2 つ用意します。


# %%
def conv(x, filters, kernel=3, stride=1):
    return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)


def norm_relu(x):
    return layers.ReLU()(layers.BatchNormalization()(x))


# %% [markdown]
# 残差枝の最後の BatchNormalization の倍率 $\gamma$ を 0 にすると、残差枝の出力は 0 になり、
# ブロックは**何もしない層 (恒等写像)** になります。深くしても、少なくとも悪くはならないところから学習を始められるわけです。

# %%
x = keras.Input((8, 8, 4))
branch = conv(norm_relu(conv(x, 4)), 4)
branch = layers.BatchNormalization(gamma_initializer="zeros")(branch)  # γ = 0 から始める
block = keras.Model(x, layers.ReLU()(x + branch))

maps = rng.uniform(0, 1, (2, 8, 8, 4)).astype("float32")
print(f"入力と出力のずれ: 最大 {np.abs(block.predict(maps, verbose=0) - maps).max()}")

# %% [markdown]
# 論文のネットワークを組み立てて、パラメータの数を論文の値と突き合わせましょう。まず CIFAR 用の ResNet-20 です。
# 形が変わるところのショートカットは、間引いて 0 を詰めるだけ (論文の option A) なので、パラメータを持ちません。


# %%
def resnet20():
    inputs = keras.Input((32, 32, 3))
    x = norm_relu(conv(inputs, 16))
    for filters in (16, 32, 64):
        for index in range(3):
            stride = 2 if filters > 16 and index == 0 else 1
            branch = conv(norm_relu(conv(x, filters, stride=stride)), filters)
            extra = (filters - x.shape[-1]) // 2  # 増えたチャネルの半分ずつを、前後に詰める
            shortcut = keras.ops.pad(x[:, ::stride, ::stride], [[0, 0], [0, 0], [0, 0], [extra, extra]])
            x = layers.ReLU()(shortcut + layers.BatchNormalization()(branch))
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


# %% [markdown]
# **Wide ResNet** は、レポートのいう「Residual Block 内の畳み込みに対してチャネル数を増やしたモデル」です。
# WRN-28-10 は 28 層で、チャネル数が 10 倍あります。BatchNormalization と ReLU を畳み込みの前に置く形 (pre-activation) です。


# %%
def wide_resnet28(k):
    inputs = keras.Input((32, 32, 3))
    x = conv(inputs, 16)
    for stage, filters in enumerate((16 * k, 32 * k, 64 * k)):
        for index in range(4):
            stride = 2 if stage > 0 and index == 0 else 1
            activated = norm_relu(x)
            shortcut = conv(activated, filters, 1, stride) if index == 0 else x
            x = shortcut + conv(norm_relu(conv(activated, filters, stride=stride)), filters)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(norm_relu(x))))


# %% tags=["nbval-check-output"]
def trainable_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


claim("ch05.parameters.resnet20", trainable_parameters(resnet20()))
claim("ch05.parameters.wrn28_10", trainable_parameters(wide_resnet28(10)))
keras.backend.clear_session()

# %% [markdown]
# 論文の 0.27M、36.5M と合いました。幅を 10 倍にすると、ブロックの中の畳み込みの重みは 100 倍になります。
# 重みの数は「入力チャネル数 × 出力チャネル数」に比例するからです。次の 2 問で、その数え方と組み立て方を確かめます。
#
# ### 問題 2 残差ブロックのパラメータ数 (1 点)
#
# ★ 基本の残差ブロックにある、**学習できる**パラメータの数を返す `block_parameters(channels_in, channels_out, stride)` を書きましょう。
# 畳み込みは 3×3 が 2 つでバイアスなし、それぞれに BatchNormalization が付きます。
# `stride` が 1 でないか、チャネル数が変わるときは、ショートカットに 1×1 の畳み込み (バイアスなし) と BatchNormalization が入ります。
# たとえば次の値になります。
#
# ```python
# block_parameters(16, 32, 2)  # → 14528
# ```

# %%
# EXERCISE ch05.block_parameters

# %%
check("ch05.block_parameters")

# %% [markdown]
# ### 問題 3 残差ブロックを組み立てる (2 点)
#
# ★★ `build_residual_block(channels)` を書きましょう。`(高さ, 幅, channels)` の特徴マップを同じ形に写す `keras.Model` を返します。
# 高さと幅は決めず、どの大きさにも使えるようにします。
# 残差枝は「3×3 の畳み込み → BatchNormalization → ReLU → 3×3 の畳み込み → BatchNormalization」で、
# 入力を足してから ReLU を掛けます。畳み込みは `padding="same"`、`use_bias=False`、BatchNormalization は既定のままにします。
# たとえば次のように、形を変えません。
#
# ```python
# build_residual_block(4).predict(np.zeros((1, 6, 7, 4)), verbose=0).shape  # → (1, 6, 7, 4)
# ```

# %%
# EXERCISE ch05.residual_block

# %%
check("ch05.residual_block")

# %% [markdown]
# ## 3. データと、事前学習ずみの backbone
#
# 何を見分けるのか、そして、何から始めるのか。
#
# レポートには、データや分け方、前処理、バッチサイズが書かれていません。それらは、同じ演習をした**別の受講者の公開記録**で補います。
# 以下、「公開記録」と書いたところは、レポートではなく、そちらによります。
#
# 公開記録では、データは 5 種類の花の写真 (`tf_flowers`) です。ふだんの `quick` プロファイルでは、同じ 5 種類をプログラムが描いた絵を使います。
# 色はわざと重なるようにしてあり、形を見ないと当たりません。

# %%
SEED = 3
splits = experiment.SCALES["quick"].load(SEED)
for name in ("train", "validation", "test"):
    print(f"{name:10} {len(getattr(splits, name).labels):5} 枚")

names = ["たんぽぽ", "ひなぎく", "チューリップ", "ひまわり", "ばら"]
samples, kinds = draw_flowers(count_per_class=1, size=96, seed=5)
show_images(samples, [names[k] for k in kinds], heading="プログラムが描いた花 (学習には 32 画素で使います)")

# %% [markdown]
# 公開記録では、写真を 70 % と 30 % の 2 つに分け、30 % のほうで**早期終了 (early stopping) を決め、成績も測りました**。
# 学習を止める時期をそのデータで選んだのですから、そこで測った成績は甘くなります。
# そこで 3 つ目のデータを足します。訓練用 (train) で重みを学び、検証用 (validation) で決めごとをし、
# テスト用 (test) は最後に一度だけ見ます。
#
# 特徴を取り出す本体 (backbone) は、この講座のスクリプトが CIFAR-10 で事前学習した小さな ResNet と、幅が 2 倍の ResNet です。
# CIFAR-10 の 10 種類 (飛行機、猫、船など) に花はありません。

# %%
result_table(tables.model_cards(), caption="同梱の backbone")

# %% [markdown]
# ### 事前学習は、何を覚えているのか
#
# レポートが使ったのは、**ImageNet** (1,000 種類、約 128 万枚の写真) で事前学習した ResNet50 です。この講座には、同じ ImageNet で学習した小さな
# ネットワーク EfficientNet-Lite0 を入れてあります ([第 6 章](06_efficientnet.ipynb)の主役です)。一度も見たことのない写真を渡してみましょう。
# 入力は 224 画素、前処理は $(x - 127) / 128$ です。

# %%
seen = np.stack([load_photo(name) for name in ("chelsea", "coffee", "camera")])
guesses = [
    top_classes(row, 3) for row in load_efficientnet_lite0().predict(preprocess_lite0(seen), verbose=0)
]
show_images(
    seen,
    ["\n".join(f"{guess.name} {guess.probability:.2f}" for guess in best) for best in guesses],
    heading="ImageNet で学習したネットワークの答え (確率の高い順)",
    columns=3,
)

# %% [markdown]
# 猫の確率が 3 つに割れたのは、ImageNet に猫の種類がいくつもあるからです。3 枚目では、人ではなく三脚と答えました。ImageNet の 1,000 種類に
# 「人」はありません。**ネットワークは、学んだ種類の中からしか答えられません**。だから、出力層だけを花の 5 種類に付け替えるのが転移学習です。
#
# ### 前処理を取り違えると
#
# ここからは、速く試せる小さな backbone に戻ります。入力は caffe 方式で前処理します。Keras の ResNet50 と同じで、RGB を BGR に並べ替え、ImageNet の平均を引きます。255 で割りません。
# ところが公開記録では、画素を 255 で割って ResNet50 に渡しています。平均を引いた値では、0 が「平均の色」を表します。
# 0〜1 の値を渡すと、backbone から見た画像は、どれもほとんど平均の色の、一様な灰色です。特徴はどうなるでしょうか。

# %%
backbone = load_backbone("resnet_small_cifar10")
right = backbone.predict(preprocess(splits.train.images), verbose=0)
wrong = backbone.predict(experiment.divide_by_255(splits.train.images), verbose=0)


def spread(features):
    return float(np.mean(features.std(axis=0) / (np.abs(features).mean(axis=0) + 1e-9)))


print(f"画像 {splits.train.images.shape} → 特徴 {right.shape}")
print(f"特徴の散らばり (標準偏差 ÷ 平均): 正しい前処理 {spread(right):.2f}、255 で割ると {spread(wrong):.2f}")
claim("ch05.hazard.preprocess", spread(wrong) / spread(right))

# %% [markdown]
# どの画像の特徴も似てしまい、見分けにくくなりました。前処理は、**重みが学んだときと同じもの**を使います。
#
# ### 問題 4 caffe 方式の前処理 (1 点)
#
# ★ この取り違えを直しましょう。**255 で割ってある** RGB の画像 `images` (`(枚数, 高さ, 幅, 3)`、値は 0〜1) を、
# caffe 方式の重みが待っている値に変える `preprocess_caffe(images)` を書きます。0〜255 に戻し、BGR に並べ替え、
# BGR の順の平均 `[103.939, 116.779, 123.68]` を引きます。
# たとえば、赤い画素 1 つは次の値になります。
#
# ```python
# preprocess_caffe(np.array([[[[1.0, 0, 0]]]]))[0, 0, 0]  # → [-103.939 -116.779 131.32]
# ```

# %%
# EXERCISE ch05.preprocess

# %%
check("ch05.preprocess")

# %% [markdown]
# ## 4. 転移学習: 出力層だけを学習する
#
# 花を知らない backbone の特徴だけで、花はどこまで見分けられるでしょうか。

# %%
figures.draw_network("head", title="転移学習で学習するところ: 出力層だけ (backbone は凍結)")

# %% [markdown]
# レポートの転移学習のプログラムは、次の形です。
#
# ```python
# resnet = tf.keras.applications.resnet.ResNet50(weights='imagenet')
# resnet.trainable = False
# x1 = resnet.layers[-2].output
# out = tf.keras.layers.Dense(class_num, activation='softmax')(x1)
# model = tf.keras.models.Model(inputs=resnet.input, outputs=out)
# ```
#
# いまの Keras でも、ほとんど同じです。1 つだけ、規模に合わせた工夫があります。Adam は勾配の大きさによらず、重みを 1 ステップで
# 学習率ほど動かします。すると、出力 (得点) の動きは「学習率 × 特徴の合計」くらいになります。レポートの ResNet50 の特徴は 2,048 個、
# 私たちのは 96 個なので、同じ学習率では、出力層は 20 分の 1 の速さでしか学べません。
# そこで特徴を $2048 / 96$ 倍し、0 から始めた出力層に渡して、学習率の意味をそろえます。
#
# 学習のさせ方は、公開記録によります。バッチは 16、最大 20 エポック、検証精度が 2 エポック続けて上がらなければ止めます。
# `restore_best_weights=True` は、止まったあとで、検証精度が最高だったエポックの重みに戻す指定です。

# %% tags=["export"]
REPORT_FEATURES = {96: 2048, 192: 6144}  # 同梱の backbone の特徴の数: レポートの backbone の特徴の数


def classifier(inputs, features, learning_rate):
    """特徴に softmax の出力層をつなぎ、Adam で学習する準備をします。"""
    initializer, width = "glorot_uniform", features.shape[-1]
    if width in REPORT_FEATURES:
        features = layers.Rescaling(REPORT_FEATURES[width] / width)(features)
        initializer = "zeros"
    outputs = layers.Dense(5, activation="softmax", kernel_initializer=initializer)(features)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["acc"])
    model.optimizer.build(model.trainable_variables)  # 省くと、TensorFlow が最初のステップを 2 度準備します
    return model


# %% tags=["export"]
def fit(model, train, validation, epochs=20, patience=2):
    """(入力, 正解) の組で学習し、検証精度で早期終了して、エポックごとの値を返します。"""
    stop = keras.callbacks.EarlyStopping("val_acc", patience=patience, mode="max", restore_best_weights=True)
    history = model.fit(
        *train,
        validation_data=validation,
        batch_size=16,
        validation_batch_size=100,
        epochs=epochs,
        shuffle=False,
        callbacks=[stop],
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


# %%
scale = experiment.SCALES[course.profile]
scratch, transfer, tuning = experiment.RUNS[:3]
flowers = splits if course.profile == "quick" else scale.load(SEED)
train, validation, test = (
    (scale.prepare(split.images), split.labels) for split in (flowers.train, flowers.validation, flowers.test)
)

# %%
keras.utils.set_random_seed(SEED)
backbone = scale.backbone(transfer)  # quick では load_backbone("resnet_small_cifar10")
backbone.trainable = False
model = classifier(backbone.input, backbone.output, learning_rate=1e-4)
history = fit(model, train, validation)
for epoch, (acc, val_acc) in enumerate(zip(history["acc"], history["val_acc"], strict=True), 1):
    print(f"{epoch:2} エポック目: 訓練精度 {acc:.3f}、検証精度 {val_acc:.3f}")
model.summary(layer_range=["avg_pool", "dense"])

# %% [markdown]
# 当てずっぽうなら 0.2 です (5 クラスが同じ枚数なので)。花を見たことのない特徴でも、それより当たります。
# 表の最後の数行が、学習したパラメータ (Trainable) と、凍結したパラメータ (Non-trainable) です。
#
# ### 問題 5 凍結した backbone に出力層をつなぐ (2 点)
#
# ★★ 特徴の大きさは、backbone ごとに違います。そこで、特徴のベクトルの長さを 1 枚ごとに 1 にそろえてから出力層に渡します。
# `add_head(backbone, classes)` を書きましょう。`backbone` (画像から特徴への `keras.Model`) を凍結し、
# `UnitNormalization` と softmax の出力層 `Dense` をつないで、画像から確率への `keras.Model` を返します。
# 画像の大きさは backbone ごとに違います (`backbone.input_shape`)。
# 採点では実際に 1 ステップ学習して、出力層だけが動き、backbone の重みも移動平均も動かないことを確かめます。
# たとえば、12 枚の画像から 5 クラスの確率が返ります。
#
# ```python
# add_head(backbone, 5).predict(np.zeros((12, 32, 32, 3)), verbose=0).shape  # → (12, 5)
# ```

# %%
# EXERCISE ch05.transfer_head

# %%
check("ch05.transfer_head")

# %% [markdown]
# ### 問題 6 早期終了と最良の重みの復元 (2 点)
#
# ★★ `EarlyStopping` がしていることを、自分で書きましょう。`early_stopping(scores, snapshots, patience)` の
# `scores[i]` は $i+1$ エポック目の検証精度、`snapshots[i]` はそのときの重み (配列) です。
# これまでの最高を**上回らない**エポックが `patience` 回続いたら、そのエポックで止まります。止まらなければ、最後のエポックまで実行します。
# `(実行したエポック数, 最高点のエポックの重み)` のタプルを返します。同点なら、先のエポックが最高点です。
# たとえば、重みの代わりに名前を渡すと、次の結果になります。
#
# ```python
# early_stopping([0.4, 0.6, 0.5, 0.55, 0.5, 0.7], ["い", "ろ", "は", "に", "ほ", "へ"], 2)  # → (4, 'ろ')
# ```

# %%
# EXERCISE ch05.early_stopping

# %%
check("ch05.early_stopping")

# %% [markdown]
# ### 凍結した backbone の特徴は、一度計算すればよい
#
# 凍結した backbone は、同じ画像に毎回同じ特徴を返します。それなのに素直に書くと、エポックのたびに計算し直します。
# 先に特徴を計算しておけば、残るのは小さな出力層の学習だけです。3 エポックの時間と、検証データの損失を比べます。


# %%
def three_epochs(inputs, features, data):
    return fit(classifier(inputs, features, 1e-3), *data, epochs=3, patience=3)["val_loss"]


started = time.perf_counter()
every_epoch = three_epochs(backbone.input, backbone.output, (train, validation))
between = time.perf_counter()
cached = [(backbone.predict(images, verbose=0), labels) for images, labels in (train, validation)]
features = keras.Input(backbone.output.shape[1:])
once = three_epochs(features, features, cached)
print(f"毎回計算 {between - started:.1f} 秒、一度だけ {time.perf_counter() - between:.1f} 秒")
print(f"検証データの損失のずれ: 最大 {np.abs(np.subtract(once, every_epoch)).max():.1e}")

# %% [markdown]
# 結果は変わらず、時間は減りました。エポックが増えるほど、差は開きます。
#
# ### 問題 7 特徴を一度だけ計算する (2 点)
#
# ★★ 画像を左右に反転して水増しするときも、凍結した backbone の特徴は一度計算すれば足ります。
# `cache_features(backbone, images, batch_size)` を書きましょう。前処理ずみの `images` (`(枚数, 高さ, 幅, 3)`) の特徴と、
# 左右を反転した `images` の特徴を推論モードで計算し、この順に並べた `(2, 枚数, 特徴の数)` の配列を返します。
# どちらも画像と同じ順です。`backbone` に一度に渡すのは `batch_size` 枚までにします。
# たとえば画像が 10 枚、特徴が 96 個なら、次の形になります。
#
# ```python
# cache_features(backbone, np.zeros((10, 32, 32, 3)), 4).shape  # → (2, 10, 96)
# ```

# %%
# EXERCISE ch05.cache_features

# %%
check("ch05.cache_features")

# %% [markdown]
# ## 5. ファインチューニング: backbone も学習する
#
# 300 枚しかない花で、50 万個近いパラメータを学習してよいのでしょうか。

# %%
figures.draw_network(
    *figures.TRUNK, "head", title="ファインチューニングで学習するところ: backbone と出力層のすべて"
)

# %% [markdown]
# レポートの 3 つの実験のプログラムは、2 か所しか違いません。
#
# | | 事前学習なし | 転移学習 | ファインチューニング |
# |:--|:--|:--|:--|
# | 重みの初期値 (`weights`) | ランダム (`None`) | 事前学習ずみ | 事前学習ずみ |
# | backbone を学習するか (`trainable`) | する (`True`) | **しない (`False`)** | する (`True`) |
#
# ### 問題 8 ファインチューニングの成績を予想する (1 点)
#
# 学習率はどれも 1e-4、画像は 300 枚です。**検証精度の最高**で、ファインチューニングは転移学習に比べてどうなるでしょうか。
#
# - ア: 転移学習より低い。300 枚では過学習する
# - イ: ほとんど同じ。よい特徴はもう学んである
# - ウ: 転移学習より高い。特徴も花に合わせられる

# %%
# EXERCISE ch05.predict_tuning

# %%
check("ch05.predict_tuning")


# %%
def train_classifier(run):
    keras.utils.set_random_seed(SEED)
    backbone = scale.backbone(run)  # ← 事前学習なしでは、重みがランダム
    backbone.trainable = run.trainable  # ← 転移学習だけが False
    model = classifier(backbone.input, backbone.output, run.learning_rate)
    return model, fit(model, train, validation)


# %%
trained = {transfer.name: (model, history)}
for run in (tuning, scratch):
    trained[run.name] = train_classifier(run)
for name, (each, curve) in trained.items():
    _, on_test = each.evaluate(*test, batch_size=100, verbose=0)
    print(f"{name}: 検証精度の最高 {max(curve['val_acc']):.3f}、テスト精度 {on_test:.3f}")

curves = {name: curve for name, (_, curve) in trained.items()}
plot_histories(curves, "acc", heading="レポートの図 1: ResNet の学習曲線")

# %% [markdown]
# 同じ backbone でも、凍結するかどうかで、これだけ違います。事前学習なしでは、訓練精度が上がっても検証精度がついてきません。
# 訓練データを覚えただけで、**過学習 (overfitting)** しています。この節の答えは、**事前学習ずみの重みから始めるなら、してよい**です。
#
# ### 止めたつもりの BatchNormalization
#
# BatchNormalization には、学習モードと推論モードがあります。学習モードでは、移動平均 (moving mean と moving variance) が動きます。
# 小さなデータでファインチューニングするとき、これを止めておきたいことがあります。
#
# [Keras の手引き](https://keras.io/guides/transfer_learning/)は、`backbone(x, training=False)` と呼べば、
# あとで `trainable = True` にしても推論モードのままだと述べています。いまの Keras でもそうでしょうか。
# 32 枚だけ学習させ、BatchNormalization のどの重みが動いたかを調べます。


# %%
def moved_by_fit(trainable, training):
    body = load_backbone("resnet_small_cifar10")
    body.trainable = trainable
    inputs = keras.Input((32, 32, 3))
    outputs = layers.Dense(5, activation="softmax")(body(inputs, training=training))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", run_eagerly=True)

    norms = [layer for layer in body.layers if isinstance(layer, layers.BatchNormalization)]
    weights = [weight for layer in norms for weight in layer.weights]
    before = [weight.numpy() for weight in weights]
    model.fit(preprocess(splits.train.images[:32]), splits.train.labels[:32], batch_size=16, verbose=0)
    pairs = zip(weights, before, strict=True)
    return " ".join(sorted({w.name for w, old in pairs if not np.array_equal(w.numpy(), old)})) or "なし"


# %%
moved = {setting: moved_by_fit(*setting) for setting in ((True, False), (False, None), (False, True))}
claim("ch05.hazard.training_false", moved[True, False])
result_table(
    [
        {"trainable": str(trainable), "呼ぶときの training": str(training), "動いたもの": what}
        for (trainable, training), what in moved.items()
    ]
)

# %% [markdown]
# この Keras では、`fit` が外のモデルを学習モードで動かすと、中の backbone に渡した `training=False` は上書きされます。
# BatchNormalization を止めるのは `trainable = False` です。止めた層は、`training=True` で呼んでも推論モードで動き、移動平均も動きません。
#
# ### 問題 9 BatchNormalization を止めたファインチューニング (2 点)
#
# ★★★ `prepare_fine_tuning(backbone, classes)` を書きましょう。`backbone` の特徴に softmax の出力層 `Dense` をつないだ `keras.Model` を返します。
# 畳み込みと出力層は学習し、BatchNormalization は $\gamma$、$\beta$ も移動平均も動かないようにします。
# 渡される `backbone` は、凍結されていることもあります。
# たとえば、12 枚の画像から 5 クラスの確率が返ります。
#
# ```python
# prepare_fine_tuning(backbone, 5).predict(np.zeros((12, 32, 32, 3)), verbose=0).shape  # → (12, 5)
# ```

# %%
# EXERCISE ch05.fine_tuning

# %%
check("ch05.fine_tuning")

# %% [markdown]
# ## 6. レポートの 7 つの実験
#
# レポートの数字と並べると、私たちの測定はどう見えるでしょうか。
#
# レポートの 2 つ目の表には、学習率を 1e-3 にした ResNet (学習率は公開記録による) と、Wide ResNet があります。
# 幅 2 倍の ResNet は学習に時間がかかるので、先に測って保存した結果を使います。
# 名前の Wide は幅 2 倍の ResNet、数は学習率です。下の表は、いま使ったものと同じデータ、同じ**乱数の種** (random seed。以下シード) で、7 つの実験を測ったものです。
# quick プロファイルなら、上の 3 行の精度は、いま学習させた結果と同じです。レポートにあるのは時間だけで、分類の精度は図でしか示されていません。

# %%
quick = experiment.stored_results("quick")
stored = {result.key: result for result in quick if result.seed == SEED}
result_table(
    tables.comparison(stored), caption=f"レポートの 2 つの表と、この講座の測定 (描いた花、シード {SEED})"
)

# %% [markdown]
# どの実験も、当てずっぽうの 0.2 を上回っています。「公開記録の検証精度」は、`tf_flowers` の写真と ImageNet の重みによるものです。
# 規模が違うので、値そのものではなく順位を比べてください。レポートは、どんな機械で測った時間かを述べていません。この講座の時間は、2 コアの CPU で測りました。

# %%
plot_histories(
    {run.name: stored[run.key].history for run in experiment.RUNS[3:]},
    "acc",
    heading="レポートの図 2: Wide ResNet の学習曲線",
)

# %% [markdown]
# ## 7. レポートの考察を、5 つのシードで確かめる
#
# 1 回の実行では、たまたまかもしれません。シードを 5 通りに変えると、描かれる花も、重みの初期値も変わります。
# 本物の写真 (48 画素に縮めたもの) でも、同じ 7 つの実験をしました。測った結果は、どちらも保存してあります
# (`python -m chapters.ch05_resnet_transfer.experiment quick` または `… photos`)。

# %%
photos = experiment.stored_results("photos")
both = {"描いた花": quick, "花の写真": photos}
figures.plot_test_accuracies(both)

# %% [markdown]
# レポートの考察には、確かめられる文が 3 つあります。転移学習とファインチューニングの対は 3 つです。
# 同じシードどうしで引き算して調べましょう。差は中央値、回数は 5 つのシードのうちの回数です。

# %%
result_table(tables.pair_summary(both), caption="ファインチューニング − 転移学習")

# %%
gains = [gain > 0 for results in both.values() for pair in tables.pairs(results) for gain in pair.gains]
claim("ch05.tuning_scores_better", float(np.mean(gains)))

stopped_first = {pair.frozen: np.mean([more < 0 for more in pair.longer]) for pair in tables.pairs(photos)}
claim("ch05.tuning_stops_earlier.photos", float(stopped_first["0"]))  # どちらも 1e-3
claim("ch05.tuning_stops_earlier.lower_rate", float(stopped_first["2"]))  # 1e-4 → 1e-5

# %% [markdown]
# **「ファインチューニングを使ったアルゴリズムのものはスコアが良い傾向にある」** そのとおりでした。
#
# **「転移学習よりファインチューニングの方が少ないエポック数で early-stopping が効いている」** 場合によります。
# 先に止まるのは、**先に頭打ちになったほう**です。
#
# - 描いた花では、転移学習が数エポックで頭打ちになり、ファインチューニングは伸び続けます。
# - 写真では、転移学習が少しずつ長く伸び続けます。学習率 1e-3 のファインチューニングは 1 エポックで大きく進み、
#   先に頭打ちになります。レポートの観察と同じなのは、この場合です。
# - 学習率を 10 分の 1 に下げたファインチューニングは、そのぶん長くかかります。
#
# **「wide ResNet モデルは一番スコアが高かったものの訓練時間が大幅に増えた」** 学習率もそろえて、調べてみましょう。

# %%
wide = {
    "小さな ResNet、1e-4": tables.by_key(photos, "c"),
    "幅 2 倍、1e-5 (レポートの学習率)": tables.by_key(photos, "3"),
    "幅 2 倍、1e-4 (小さな ResNet と同じ)": experiment.stored_results("rates"),
}
result_table(tables.wide_summary(wide), caption="花の写真、5 つのシード: 最小 / 中央値 / 最大")

# %%
small, slow, same = (float(np.median([r.test for r in results])) for results in wide.values())
claim("ch05.wide_is_best.report_rate", slow - small)
claim("ch05.wide_is_best.same_rate", same - small)

seconds = {key: np.median([r.seconds for r in tables.by_key(quick, key)]) for key in "c3"}
claim("ch05.wide_costs_more", float(seconds["3"] / seconds["c"]))

# %% [markdown]
# レポートの学習率では幅の広いモデルが負け、学習率をそろえると、わずかに逆転しました。差は小さく、
# 5 つのシードだけで言い切れるものではありません。1e-5 は、公開記録の 2,569 枚の写真なら 1 エポックに 161 ステップ進むときの値です。
# 1 エポックに 32 ステップほどの私たちの規模では、進み足りないまま止まります。
#
# ### 問題 10 結果の表を読む (1 点)
#
# ★★ わずかな差のために、何倍も待つ価値はあるでしょうか。`rows` は結果の表で、1 行が `run`、`seconds`、`validation`、`test` の辞書です。
# 検証精度が最高の行から `margin` 以内にある行のうち、いちばん速い行の `"run"` を返す `choose_run(rows, margin)` を書きましょう。
# 差がちょうど `margin` の行も候補です。`margin` は精度の差で、割合ではありません。
# たとえば次のようになります。
#
# ```python
# rows = [
#     {"run": "a", "seconds": 60.0, "validation": 0.89, "test": 0.84},
#     {"run": "b", "seconds": 20.0, "validation": 0.875, "test": 0.86},
#     {"run": "c", "seconds": 10.0, "validation": 0.80, "test": 0.90},
# ]
# choose_run(rows, 0.02)  # → 'b'
# ```

# %%
# EXERCISE ch05.choose_run

# %%
check("ch05.choose_run")

# %% [markdown]
# ### 問題 11 測って、決める (1 点)
#
# 花の写真を見分ける仕事を頼まれました。0.02 までの差なら、速いほうがよいそうです。あなたの `choose_run` で、
# 写真の 5 つのシードを 1 つずつ調べ、**選ばれた回数がいちばん多い**実験を答えましょう。セルを足して、次のように測ります。
#
# ```python
# for seed, rows in tables.rows_by_seed(photos).items():
#     print(seed, choose_run(rows, 0.02))
# ```
#
# - ア: 転移学習 1e-3
# - イ: ファインチューニング 1e-4
# - ウ: ファインチューニング 1e-3
# - エ: Wide ファインチューニング 1e-5

# %%
# EXERCISE ch05.decide_run

# %%
check("ch05.decide_run")

# %% [markdown]
# ### 考えてみよう (採点しません)
#
# 手元に、傷のある部品とない部品の写真が 200 枚ずつあります。凍結、ファインチューニング、事前学習なしのどれから始め、
# 何を測って次を決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 事前学習のデータと部品の写真はどれくらい似ているか (特徴がそのまま使えるか)。まず凍結して特徴を一度だけ計算し、それを基準にしているか。
# 学習率を小さいほうから試すか。前処理は重みが学んだときと同じか。同じ部品の写真が訓練用と検証用に分かれて入っていないか。
# テスト用をいつ見るか。何回くり返し、どれだけの差なら意味があるとするか。時間と費用は見合うか。
#
# </details>
#
# ## 8. つまずきやすいところ
#
# ### ファインチューニングの学習率が大きすぎる
#
# 公開記録では、Adam の既定値 1e-3 でファインチューニングした ResNet が、凍結したものより悪くなりました (6 節の表)。
# 学習率が大きすぎると、事前学習の成果が最初の数ステップで失われることがあります。
# 私たちの小さな backbone で、6 節の 1e-4 と 1e-3 に 1e-2 を加え、2 エポック目の検証精度を比べます。

# %%
keras.utils.set_random_seed(SEED)
hasty = load_backbone("resnet_small_cifar10")
data = [(preprocess(split.images), split.labels) for split in (splits.train, splits.validation)]
rates = {rate: stored[key].history["val_acc"][1] for rate, key in (("1e-4", "c"), ("1e-3", "1"))}
rates["1e-2"] = fit(classifier(hasty.input, hasty.output, 1e-2), *data, epochs=2)["val_acc"][-1]
result_table([{"学習率": rate, "2 エポック目の検証精度": score} for rate, score in rates.items()])

# %% [markdown]
# 小さな backbone と小さな画像では、1e-3 はまだ壊れるほど大きくありません。1e-2 まで上げると、事前学習の成果が失われました。
# 「どこからが大きすぎるか」はネットワークによって違うので、小さいほうから試すのが安全です。
#
# ### テスト用のデータで選ぶ
#
# テスト用のデータでモデルを選ぶと、何が起きるでしょうか。何も学んでいない、当てずっぽうで答えるモデルを 200 個作ります。
# 5 クラスなので、本当の実力はどれも 20 % です。
#
# ### 問題 12 選んだモデルの成績を見積もる (1 点)
#
# この 200 個を 60 枚のテスト用の画像で比べ、**いちばん良かった**ものを選びます。
# 選ぶのに使った 60 枚での、そのモデルの精度は、何 % くらいでしょうか。

# %%
# EXERCISE ch05.estimate_selection

# %%
check("ch05.estimate_selection")

# %%
guesses, truth = rng.integers(0, 5, (200, 60)), rng.integers(0, 5, 60)
accuracies = (guesses == truth).mean(axis=1)
fresh = (rng.integers(0, 5, 10_000) == rng.integers(0, 5, 10_000)).mean()
print(f"200 個の平均 {accuracies.mean():.1%}、最良 {accuracies.max():.1%}、新しい 10,000 枚では {fresh:.1%}")

# %% [markdown]
# 実力は変わらないのに、選んだデータでの成績だけが良くなります。だから、**検証用で選び、テスト用は最後に一度だけ**見ます。
#
# ## 9. 補足・訂正
#
# - **勾配消失** レポートの「残差ブロックを用いることで層を深くしても勾配消失問題が起きにくく」は、広く見られる説明で、
#   残差接続が勾配の通り道を作ること自体は正しいです。ただし、ResNet が解いたのは勾配消失ではなく、劣化問題でした。
#   勾配消失は、初期値と BatchNormalization でほぼ解決していました。1 節で見たとおり、BatchNormalization を入れたふつうの 30 層は、
#   勾配が届いているのに学習が進みません (He et al. 2016、4.1 節)。「層を深くしても高い性能を示した」は、そのとおりです。
# - **前処理** 公開記録では `x / 255` を ResNet50 に渡しています。3 節で見たとおり、正しくは
#   `keras.applications.resnet.preprocess_input` です。TensorFlow Hub のモジュールのほうは 0〜1 の値を待っているので、`x / 255` が正解です。
# - **データの分け方** 公開記録の 30 % は、早期終了を決める検証用と、成績を測るテスト用を兼ねていました。3 つに分けると、成績は少し下がるのがふつうです。
# - **ファインチューニングの学習率** 公開記録では、1e-3 のままのファインチューニングが、凍結したものより悪い結果になりました。
#   レポートの Wide ResNet では 1e-5 に下げてあります。「ファインチューニングが良い」は、学習率を小さくしたときの話です。
# - **Wide ResNet** レポートの BiT-S R50x3 は、幅を 3 倍にした ResNet-v2-50 で、BatchNormalization の代わりに GroupNorm (平均を 1 枚の中だけで取る正規化。
#   [Wu & He 2018](https://arxiv.org/abs/1803.08494)) と重みの標準化を使います。Zagoruyko & Komodakis の WRN とは別のネットワークです。
# - **いまの Keras** `hub.KerasLayer` は Keras 3 では動きません。この講座の `course_utils.hub.HubLayer` が同じ役をします。
#
# ## 10. まとめ
#
# 1. 深いネットワークは、勾配が届いていても学習が進まないことがあり (劣化問題)、残差接続はそれを解きます。
# 2. 転移学習は backbone を凍結して出力層だけを学び、ファインチューニングは backbone も学びます。違いは `trainable` の 1 行です。
# 3. ファインチューニングは、ほとんどの場合に転移学習より良い成績でした。早く止まるかどうかは、学習率とデータによります。
# 4. 前処理は、重みが学んだときと同じものを使い、BatchNormalization を止めるときは `trainable = False` にします。
# 5. 検証用で決めて、テスト用は最後に一度だけ見ます。
#
# **早見表**
#
# $$y = \mathrm{ReLU}\bigl(x + F(x)\bigr), \qquad F = \text{畳み込み} \to \text{BN} \to \text{ReLU} \to \text{畳み込み} \to \text{BN}$$
#
# ```python
# backbone.trainable = False                                    # 転移学習。True ならファインチューニング
# outputs = layers.Dense(classes, activation="softmax")(backbone.output)
# model = keras.Model(backbone.input, outputs)
# stop = keras.callbacks.EarlyStopping("val_acc", patience=2, mode="max", restore_best_weights=True)
# ```
#
# | よく使う値 | 転移学習 | ファインチューニング |
# |:--|:--|:--|
# | 学習率 (Adam) | 1e-3〜1e-4 | 1e-4〜1e-5 |
# | BatchNormalization | 止まる (凍結に含まれる) | 小さなデータでは止める (`trainable = False`) |
# | 特徴のキャッシュ | できる | できない |

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
# ### 5 つのシードの、全部の結果

# %%
result_table(tables.summary(both), caption="5 つのシード: 最小 / 中央値 / 最大")

# %% [markdown]
# ### 何で事前学習するか
#
# 写真の分類には、写真での事前学習がいちばん効くのでしょうか。ランダムな初期値、フラクタル (式から描いた 100 種類の図形 4 万枚。
# [Kataoka et al. 2020](https://arxiv.org/abs/2101.08515))、CIFAR-10 (10 種類の物の写真 5 万枚)、ImageNet (1,000 種類の写真 128 万枚) の 4 つで、
# 花の写真への転移を比べました (`… experiment sources` と `imagenet`)。学習率は、凍結した場合が 1e-3、ファインチューニングが 1e-4 です。
# 上の 3 つは同じ小さな ResNet に 48 画素、ImageNet だけは EfficientNet-Lite0 に 128 画素で渡しました。

# %%
sources = experiment.stored_results("sources") + experiment.stored_results("imagenet")
result_table(
    tables.source_summary(sources), caption="花の写真のテスト精度、5 つのシード: 最小 / 中央値 / 最大"
)

# %% [markdown]
# 写真には写真が効き、なかでも ImageNet がいちばんでした。ただし ImageNet だけは、ネットワークも入力の大きさも違い、1,000 種類にはヒナギクも入っています。
# 差のすべてが写真の数によるとは言えません。
#
# いちばん下の 3 行を比べてください。BatchNormalization も動かしたファインチューニングは、凍結した特徴に負けました。
# 止めると (問題 9)、凍結と並びます。BatchNormalization が動いたことが、負けた原因です。1 エポックは 16 ステップで、Keras の既定では
# 移動平均は 1 ステップに 1 % しか動きません。早期終了までに追いつけなかったのかもしれませんが、そこまでは確かめていません。
#
# フラクタルで学んだ特徴は、3 節の表のとおりフラクタルの種類はほとんど間違えないのに、花の写真では、
# この規模では、ランダムな初期値の特徴を超えません。**事前学習の精度が高いことと、よそで役に立つことは別**です。
# これは論文の追試ではありません。論文は 1,000 種類以上のフラクタルと ResNet-50 を使い、ImageNet の事前学習に迫る場合があると報告しています。
# 32 画素に縮めた 100 種類は、外形だけで見分けられるほどやさしく、細かな模様を見る必要がなかったのかもしれません。確かめてはいません。
#
# ### レポートと同じ規模で
#
# 環境変数 `COURSE_PROFILE=full` を付けて開くと、4 節と 5 節が `tf_flowers` の写真と ImageNet の ResNet50 で動きます (GPU を勧めます)。
# 7 つの実験のすべては `python -m chapters.ch05_resnet_transfer.experiment full` です。
#
# ## 参考文献
#
# - K. He, X. Zhang, S. Ren, J. Sun, [Deep Residual Learning for Image Recognition](https://arxiv.org/abs/1512.03385), CVPR 2016
# - K. He, X. Zhang, S. Ren, J. Sun, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), ICCV 2015 (ReLU のための初期値)
# - D. Balduzzi et al., [The Shattered Gradients Problem](https://arxiv.org/abs/1702.08591), ICML 2017
# - S. Zagoruyko, N. Komodakis, [Wide Residual Networks](https://arxiv.org/abs/1605.07146), BMVC 2016
# - A. Kolesnikov et al., [Big Transfer (BiT): General Visual Representation Learning](https://arxiv.org/abs/1912.11370), ECCV 2020
# - H. Kataoka et al., [Pre-training without Natural Images](https://arxiv.org/abs/2101.08515), ACCV 2020
# - Y. Wu, K. He, [Group Normalization](https://arxiv.org/abs/1803.08494), ECCV 2018
# - M. Tan, Q. V. Le, [EfficientNet](https://arxiv.org/abs/1905.11946), ICML 2019
# - P. Goyal et al., [Accurate, Large Minibatch SGD](https://arxiv.org/abs/1706.02677), 2017 (最後の γ を 0 で始める)
# - A. Krizhevsky, [Learning Multiple Layers of Features from Tiny Images](https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf), 2009 (CIFAR-10)
