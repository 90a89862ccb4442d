# %% [markdown]
# # 第 7 章 Vision Transformer — Vision Transformer
#
# {{colab_badge}}
#
# **どんな問題か** 2020 年まで、画像認識といえば畳み込みでした。文章を読むための Transformer に、画像をそのまま読ませることはできるでしょうか。
# Google の Dosovitskiy たちは、画像を 16 画素四方の**パッチ**に切り、単語のように並べるだけでよいと示しました。これが
# **Vision Transformer** (ViT) です。いまでは、画像と文章を一緒に扱うモデル、物を切り抜くモデル、医用画像のモデルなどの本体として使われています。
#
# *This chapter builds a Vision Transformer from its parts: patches, embedding, positions, a class token, encoder blocks.
# Each advantage and drawback that the report names becomes a measurement with a control: little data against a CNN of equal size,
# two far places at once, the price of tokens, pretraining, and what attention looks at.*
#
# **この章でできるようになること**
#
# - 画像をパッチの列に変え、位置と CLS を加えてエンコーダに通すまでを、手計算と Keras の両方で書く
# - 「小さなデータでは CNN に劣る」「広い範囲を見られる」「コストが高い」を、条件を 1 つずつ変えて測り、どこまで言えるかを判断する
# - 注意のマップを読み、それが判断の根拠を指しているかどうかを確かめる
#
# | | |
# |:--|:--|
# | レベルと前提 | ★★☆ 自己注意は[第 11 章](11_transformer.ipynb)、転移学習は[第 5 章](05_resnet_transfer.ipynb)。この章でも短く復習します |
# | 読む時間 | 演習を解きながら 2〜3 時間。「もっと調べる」は、そのあとで |
# | 実行の時間 | 2 コアのパソコンで 1 分、メモリ 2.5 GB まで。最後のセルが実測を表示します |
# | データと利用条件 | 絵は、この講座のプログラムが描いたもの (CC BY 4.0)。猫の写真は scikit-image に付属するもの (CC0)。CIFAR-10 の結果は、先に測って保存したもの |
# | 論文 | Dosovitskiy et al. 2021 [(ViT)](https://arxiv.org/abs/2010.11929)、Xiao et al. 2021 [(畳み込みの入口)](https://arxiv.org/abs/2106.14881)、Lee et al. 2021 [(ずらしたパッチ)](https://arxiv.org/abs/2112.13492) |
# | 前後の章と用語 | ← [第 6 章 EfficientNet](06_efficientnet.ipynb) · [第 8 章 物体検知とセグメンテーション](08_detection_segmentation.ipynb) → · [訳語の一覧](../docs/terms.md) |

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=7)

# %%
import numpy as np

from chapters.ch07_vision_transformer import experiment, figures, tables
from chapters.ch07_vision_transformer.pictures import TEXTURES, draw_pairs, draw_textures
from course_utils.claims import claim, claims_table
from course_utils.photos import load_photo
from course_utils.plots import show_images
from course_utils.tables import result_table
from grader import check, hint, score, solution

rng = np.random.default_rng(course.seed)
figures.draw_network(title="Vision Transformer (上) と、エンコーダのブロックの中 (下)")

# %% [markdown]
# {{report}}

# %% [markdown]
# **演習の進め方** `# EXERCISE` のセルに答えを書いて実行し、すぐ下の `check` のセルを実行すると、その場で採点されます。
# `hint("ch07.patchify")` のように問題の名前を渡すと、呼ぶたびに 1 段ずつ詳しい手がかりが出ます。★ は難しさです。
# 予想の問題は、**先へ進む前に**答えてください。`check` は答えを受け取るだけで、正しいかどうかは、先を読むと分かります。
# `# EXERCISE …` の行は、採点の目印なので消しません。
# 日を改めて続けるときは、いちばん上の 2 つのコードのセルを実行すれば、どの問題からでも始められます。
#
# ## 1. 画像を、どうやって文のように並べるのか
#
# Transformer が読むのは、ベクトルの列です。画像には画素が縦横に並んでいます。何を「単語」にすればよいでしょうか。
#
# ### 手で計算する
#
# 224 × 224 画素の画像を考えます。1 画素を 1 単語にすると、列の長さは 224 × 224 です。自己注意は、すべての単語の組を見比べるので、
# 組の数はそのまた 2 乗になります。16 × 16 画素をひとまとめにすると、どうなるでしょうか。

# %% tags=["nbval-check-output"]
side, patch, channels = 224, 16, 3
print(f"1 辺に {side // patch} 枚、全部で {(side // patch) ** 2} 枚のパッチ")
print(f"パッチ 1 枚は {patch} × {patch} × {channels} = {patch * patch * channels} 個の数")
print(f"見比べる組は {side**4:,} 組から {(side // patch) ** 4:,} 組に減る")

# %% [markdown]
# 1 画素ずつでは重すぎますが、パッチなら扱えます。これが論文の題名「画像は 16 × 16 の単語に値する (*An Image is Worth 16x16 Words*)」です。
# 切るだけなので、何も失われません。並べ直せば、もとの画像に戻ります。実際の写真で見てみましょう。

# %%
cat = load_photo("chelsea", size=224)
figures.show_patches(cat, patch)

# %% [markdown]
# 下の列を見ると、隣り合っていたはずの上下のつながりが、もう見えません。ViT にとって、画像は**ただの列**です。
# どのパッチがどのパッチの上にあったかは、あとで学ばなければなりません。
#
# この節の答えは、**重ならない四角に切り、左上から 1 行ずつ並べる**です。
#
# ### 問題 1 画像をパッチに切り、もとに戻す (1 点)
#
# ★ `patchify(images, size)` と `unpatchify(patches, height, width, size)` を書きましょう。`images` は `(枚数, 縦, 横, チャネル)` で、縦も横も `size` で割り切れます (正方形とは限りません)。
# `patchify` は、1 辺 `size` 画素の重ならないパッチに切り、左上から右へ 1 行ずつ並べた `(枚数, パッチの数, size × size × チャネル)` を返します。
# パッチの中の画素も、左上から右へ 1 行ずつ並べ、1 画素のチャネルは続けて並べます。`unpatchify` は、その列をもとの画像 `(枚数, height, width, チャネル)` に戻します。
# たとえば次のようになります。
#
# ```python
# patchify(np.arange(16).reshape(1, 4, 4, 1), 2).tolist()  # → [[[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]]
# ```

# %%
# EXERCISE ch07.patchify

# %%
check("ch07.patchify")

# %% [markdown]
# ## 2. パッチを、トークンにする
#
# 数百個の画素の値を、どうやって Transformer のベクトルに変えるのでしょうか。パッチがどこにあったかは、どう伝えるのでしょうか。

# %%
figures.draw_network(*figures.EMBEDDING, title="この節で組み立てるところ: 画像からトークンの列まで")

# %% [markdown]
# ### 手で計算する
#
# パッチを 1 列に並べたものを $x_p$ とします。2 × 2 画素、1 チャネルなら、数は 4 つです。これに行列 $E$ を掛けて、
# 2 つの数にします。どのパッチにも、同じ $E$ を使います。そこへ、その場所だけの 2 つの数 (位置の埋め込み) を足します。

# %% tags=["nbval-check-output"]
x_p = np.array([1, 2, 3, 4])
E = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
position = np.array([10, -10])
print("線形変換", x_p @ E, "  位置を足すと", x_p @ E + position)

# %% [markdown]
# 列の先頭には、どのパッチでもない 1 つのトークン **CLS** を置きます ([第 12 章](12_bert.ipynb)の BERT と同じです)。はじめは、どの画像でも同じベクトルです。
# エンコーダの中でほかのトークンから情報を集め、最後に分類の答えを出す役をします。まとめると、こうなります。
#
# $$z_0 = [\,x_{\mathrm{cls}};\ x_p^1 E;\ x_p^2 E;\ \dots;\ x_p^N E\,] + E_{\mathrm{pos}}$$
#
# Keras で書きましょう。「切ってから、同じ行列を掛ける」のは、**大きさもストライドもパッチと同じ畳み込み**と同じ計算です。


# %% tags=["export"]
import keras
from keras import layers, ops


class PatchEmbedding(layers.Layer):
    """画像を (枚数, 1 + パッチ数, 次元) のトークンの列に変えます。project は画像を格子の特徴に変える層です。"""

    def __init__(self, project, positions=True, **options):
        super().__init__(**options)
        self.project, self.positions = project, positions

    def build(self, shape):
        _, rows, columns, dim = self.project.compute_output_shape(shape)
        self.cls = self.add_weight(shape=(1, 1, dim), initializer="zeros", name="cls")
        if self.positions:
            small = keras.initializers.RandomNormal(stddev=0.02)
            self.position = self.add_weight((1, 1 + rows * columns, dim), small, name="position")

    def call(self, images):
        grid = self.project(images)
        patches = ops.reshape(grid, (-1, grid.shape[1] * grid.shape[2], grid.shape[3]))
        cls = ops.repeat(self.cls, ops.shape(patches)[0], axis=0)
        tokens = ops.concatenate([cls, patches], axis=1)
        return tokens + self.position if self.positions else tokens


def patch_projection(patch, dim):
    """論文の ViT のパッチの埋め込み: 重ならない patch × patch 画素に、同じ重みを掛けます。"""
    return layers.Conv2D(dim, patch, strides=patch)


# %%
photo = cat[None] / 255
embedding = PatchEmbedding(patch_projection(16, 64))
tokens = embedding(photo)
print(f"画像 {photo.shape} → トークン {tuple(tokens.shape)}")

kernel, bias = embedding.project.get_weights()
by_hand = photo[0, :16, :16].reshape(-1) @ kernel.reshape(-1, 64) + bias + embedding.position[0, 1]
print(f"左上のパッチを手で計算したものとの差: 最大 {np.abs(by_hand - tokens[0, 1]).max():.0e}")

# %% [markdown]
# 196 枚のパッチに CLS を加えて、197 個のトークンになりました (Keras の畳み込みは、式の $x_p E$ にバイアスも足します)。
# この節の答えは、**どのパッチにも同じ行列を掛け、先頭に CLS を置き、場所ごとのベクトルを足す**です。
#
# ### 問題 2 パッチを埋め込み、CLS と位置を加える (2 点)
#
# ★★ `embed(patches, kernel, bias, cls, positions)` を NumPy で書きましょう。`patches` は `(枚数, パッチの数, パッチ 1 枚の数の個数)`、`kernel` は `(パッチ 1 枚の数の個数, 次元)`、`bias` と `cls` は `(次元,)`、
# `positions` は `(パッチの数 + 1, 次元)` です。パッチに `kernel` を掛けて `bias` を足し、どの画像でも先頭に同じ `cls` を置き、全体に `positions` を足した `(枚数, パッチの数 + 1, 次元)` を返します (`positions` の先頭の行は CLS のものです)。
# たとえば次のようになります。
#
# ```python
# patches, kernel = np.array([[[1, 2], [3, 4]]]), np.array([[1], [10]])
# positions = np.array([[1000], [2000], [3000]])
# embed(patches, kernel, np.array([100]), np.array([7]), positions).tolist()  # → [[[1007], [2121], [3143]]]
# ```

# %%
# EXERCISE ch07.embed

# %%
check("ch07.embed")

# %% [markdown]
# ### 問題 3 パッチを並べ替えたときを予想する (1 点)
#
# **位置の埋め込みを使わない** ViT に、ある画像と、そのパッチの順番を入れ替えた画像を見せます。重みは同じで、答えは CLS から出します。この ViT では、どうなるでしょうか (計算の丸めによる差は除きます)。
#
# - ア: どのクラスの得点も変わらない
# - イ: 得点は変わるが、1 位のクラスは同じ
# - ウ: 得点も 1 位のクラスも変わる

# %%
# EXERCISE ch07.guess_order

# %%
check("ch07.guess_order")

# %% [markdown]
# ## 3. エンコーダは、何をしているのか
#
# トークンの列を受け取ったあとは、文章の Transformer とまったく同じです。何をしているのか、短く復習しましょう。

# %%
figures.draw_network("encoder", *figures.BLOCK, title="この節で組み立てるところ: エンコーダのブロック")

# %% [markdown]
# ### 手で計算する
#
# 自己注意 (self-attention) では、見る側の**クエリ** (query) と見られる側の**キー** (key) の似かたを内積で測り、softmax で合計 1 の重みに変え、
# その重みで**値** (value) を混ぜます。3 つとも、トークンに別々の行列を掛けたものです。次元が 2 つのトークン 3 個で計算してみましょう。ここでは行列を使わず、3 つともトークンそのものとします。

# %% tags=["nbval-check-output"]
tokens = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
scores = tokens @ tokens.T / np.sqrt(2)  # 次元の平方根で割る
weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
print("注意の重み\n", weights.round(2), "\n行の和", weights.sum(axis=1).round(6))
print("混ぜた結果\n", (weights @ tokens).round(2))

# %% [markdown]
# 1 つ目のトークンは、似ている 3 つ目をよく見て、2 つ目をほとんど見ません。何番目に並んでいるかは、どこにも現れません。
#
# 実際には、次元をいくつかの**ヘッド** (head) に分け、ヘッドごとに別の重みで混ぜてから、つなぎます (multi-head self-attention, MSA)。
# ViT のブロックは、LayerNormalization (LN) で**正規化してから**自己注意に渡し (pre-norm)、結果をもとに足します。2 層の全結合 (MLP) も同じ形です。その中の GELU は、滑らかにした ReLU です。
#
# $$z' = z + \mathrm{MSA}(\mathrm{LN}(z)), \qquad z'' = z' + \mathrm{MLP}(\mathrm{LN}(z'))$$


# %% tags=["export"]
def transformer_block(x, heads, mlp):
    """pre-norm のエンコーダのブロックを 1 つ通します。"""
    dim = x.shape[-1]
    normed = layers.LayerNormalization(epsilon=1e-6)(x)
    attended, _ = layers.MultiHeadAttention(heads, dim // heads)(normed, normed, return_attention_scores=True)
    x = x + attended
    normed = layers.LayerNormalization(epsilon=1e-6)(x)
    return x + layers.Dense(dim)(layers.Dense(mlp, activation="gelu")(normed))


def vit(inputs, project, depth, heads, mlp, classes, positions=True):
    """Vision Transformer を組み立てます。出力は softmax の前の得点です。"""
    x = PatchEmbedding(project, positions)(inputs)
    for _ in range(depth):
        x = transformer_block(x, heads, mlp)
    x = layers.LayerNormalization(epsilon=1e-6, name="features")(x)
    return keras.Model(inputs, layers.Dense(classes, name="head")(x[:, 0]))


# %% [markdown]
# 最後の行の `x[:, 0]` が CLS です。ほかのトークンは、分類には直接使いません。これで ViT は全部です。
# 予想したことを確かめましょう。画像を左右に半分ずらす (`np.roll`) と、パッチの並びだけが変わります。

# %%
images = rng.normal(size=(8, 32, 32, 3)).astype("float32")
moved_patches = np.roll(images, 16, axis=2)  # 16 画素は、4 画素のパッチ 4 枚分
moved_pixels = np.roll(images, 2, axis=2)  # 対照: パッチの中身も変わる


def change(positions):
    model = vit(keras.Input((32, 32, 3)), patch_projection(4, 32), 2, 4, 64, 10, positions)
    before = model.predict(images, verbose=0)
    moved = [model.predict(each, verbose=0) for each in (moved_patches, moved_pixels)]
    return [float(np.abs(after - before).max()) for after in moved]


without, with_positions = change(positions=False), change(positions=True)
print("得点の差の最大              パッチの並べ替え   2 画素ずらす")
print(f"位置の埋め込みがないとき    {without[0]:16.6f}   {without[1]:12.6f}")
print(f"位置の埋め込みがあるとき    {with_positions[0]:16.6f}   {with_positions[1]:12.6f}")
claim("ch07.order", without[0])

# %% [markdown]
# 位置の埋め込みがなければ、パッチをどう並べ替えても、答えは変わりません。ViT が場所を知る手だては、足したベクトルだけです。
#
# ### 問題 4 エンコーダのブロックを、与えられた重みで計算する (4 点)
#
# ★★★ `encoder_block(x, weights, heads)` を書きましょう。pre-norm のブロック $z = x + \mathrm{MSA}(\mathrm{LN}_1(x))$、$z + \mathrm{MLP}(\mathrm{LN}_2(z))$ を、与えられた重みで計算します。`x` と結果は `(枚数, トークンの数, 次元)`、`weights` は名前から配列への辞書です。
#
# - $\mathrm{LN}_1$ は `gamma1`、`beta1`、$\mathrm{LN}_2$ は `gamma2`、`beta2` (どれも `(次元,)`)。トークン 1 つの平均を引き、√(分散 + 1e-6) で割り、gamma を掛けて beta を足します (分散は、次元の数で割るほう)
# - クエリ、キー、値は、`query`、`key`、`value` `(次元, 次元)` を右から掛けたもの (バイアスなし)。ヘッド $h$ は、その続いた `次元 // heads` 列 (ヘッド 0 がはじめの列) を使います。得点は √(`次元 // heads`) で割り、トークンごとに softmax を取ります
# - ヘッドの結果を順につなぎ、`output` `(次元, 次元)` を右から掛け、`output_bias` を足します
# - MLP は、`expand` `(次元, 中)` を掛けて `expand_bias` を足し、正確な GELU ($x\,\Phi(x)$、$\Phi$ は標準正規分布の累積分布関数。tanh の近似ではありません) を通し、`shrink` `(中, 次元)` を掛けて `shrink_bias` を足します
#
# たとえば、値と出力の行列を単位行列、ほかの重みを 0 とすると、次のようになります。
#
# ```python
# weights = {name: np.zeros(2) for name in ("beta1", "beta2", "output_bias", "expand_bias", "shrink_bias")}
# weights |= {name: np.zeros((2, 2)) for name in ("query", "key", "expand", "shrink")}
# weights |= {"gamma1": np.ones(2), "gamma2": np.ones(2), "value": np.eye(2), "output": np.eye(2)}
# encoder_block(np.array([[[1.0, 3.0]]]), weights, 1).round(5).tolist()  # → [[[0.0, 4.0]]]
# ```

# %%
# EXERCISE ch07.encoder_block

# %%
check("ch07.encoder_block")

# %% [markdown]
# ### 問題 5 ViT のパラメータ数 (2 点)
#
# ★★ `vit_parameters(image, patch, dim, depth, mlp, classes)` を書き、学習できるパラメータの数を整数で返しましょう。画像は 1 辺 `image` 画素の正方形で RGB、パッチは 1 辺 `patch` 画素で、`image` は `patch` で割り切れます。
# パッチの線形変換、CLS、(CLS の分も含む) 位置の埋め込み、`depth` 個のブロック、最後の LayerNormalization、`classes` クラスの出力層からなります。ブロックは、LayerNormalization 2 つ、注意のクエリ・キー・値・出力の変換 (どれも次元 `dim` から `dim`)、MLP の 2 つの層 (`dim` から `mlp`、`mlp` から `dim`) です。線形変換にはすべてバイアスがあります。
# たとえば次の値になります。
#
# ```python
# vit_parameters(4, 2, 3, 1, 5, 2)  # → 169
# ```

# %%
# EXERCISE ch07.parameters

# %%
check("ch07.parameters")

# %% [markdown]
# 論文の ViT-B/16 は、次元 768、12 ブロック、12 ヘッド、MLP の中は 3,072 です。ブロックはどれも同じ大きさなので、
# いま書いた `vit` で 1 ブロックと 2 ブロックを組み立てれば、12 ブロックの数が分かります。

# %% tags=["nbval-check-output"]
inputs = keras.Input((224, 224, 3))
one, two = (
    vit(inputs, patch_projection(16, 768), depth, heads=12, mlp=3072, classes=1000).count_params()
    for depth in (1, 2)
)
print(f"1 ブロックで {one:,} 個、ブロックを 1 つ足すごとに {two - one:,} 個")
claim("ch07.parameters", one + 11 * (two - one))
keras.backend.clear_session()

# %% [markdown]
# 論文の表 1 にある 86M と合いました。この節の答えは、**すべてのトークンどうしを見比べて混ぜ、1 つずつ MLP に通す。それをくり返す**です。
#
# ## 4. 遠い 2 か所を、一度に見られるか
#
# レポートは、ViT の長所に「画像の広範な依存関係を捉えられる」を挙げています。CNN には、それができないのでしょうか。
#
# 左の端と右の端に、色の付いた小さな四角が 1 つずつあります。**2 つは同じ色でしょうか**。片方だけを見ても、答えは分かりません。

# %%
train, unseen = draw_pairs(16_000, seed=1), draw_pairs(500, seed=2)
show_images(figures.as_image(unseen.images[:5]), ["同じ" if label else "違う" for label in unseen.labels[:5]])

# %% [markdown]
# 2 ブロックの小さな ViT を、いま学習させます。四角は、ちょうど 1 枚のパッチに収まっています。

# %%
keras.utils.set_random_seed(course.seed)
model = vit(keras.Input((32, 32, 3)), patch_projection(4, 32), depth=2, heads=4, mlp=64, classes=2)
schedule = keras.optimizers.schedules.CosineDecay(0.0, 450, warmup_target=3e-3, warmup_steps=50)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(schedule), loss, metrics=["acc"])

for part in range(4):  # 1 回に 125 ステップ。同じ絵は 2 度使わない
    now = slice(part * 4000, (part + 1) * 4000)
    history = model.fit(train.images[now], train.labels[now], batch_size=32, verbose=0).history
    print(f"{125 * (part + 1)} ステップ: 直前の 125 ステップの訓練精度 {history['acc'][0]:.3f}")
print(f"見ていない 500 枚での精度 {model.evaluate(unseen.images, unseen.labels, verbose=0)[1]:.3f}")

# %% [markdown]
# 当てずっぽうは 0.5 です。CLS は、どこを見て答えたのでしょうか。CLS の注意のうち、四角のある 2 枚のパッチに向いた割合を、
# ブロックとヘッドごとに調べます。65 個のトークンを等しく見るなら、2 / 65 = 3 % です。

# %%
attention = [layer for layer in model.layers if isinstance(layer, layers.MultiHeadAttention)]
probe = keras.Model(model.input, [layer.output[1] for layer in attention])
blocks = np.stack(probe.predict(unseen.images, verbose=0))
print("(ブロック, 枚数, ヘッド, 見るトークン, 見られるトークン):", blocks.shape)
print(f"行の和: {blocks.sum(axis=-1).min():.6f} 〜 {blocks.sum(axis=-1).max():.6f}")

# %%
cls_rows = blocks[:, :, :, 0, 1:]  # CLS が 64 枚のパッチに向けた注意
tiles = unseen.masks[:, ::4, ::4].reshape(1, len(unseen.masks), 1, 64)
on_tiles = (cls_rows * tiles).sum(axis=-1).mean(axis=1)
result_table(
    [
        {"ブロック": f"{block} つ目", **{f"ヘッド {h}": f"{share:.0%}" for h, share in enumerate(row, 1)}}
        for block, row in enumerate(on_tiles, 1)
    ],
    caption="CLS の注意が、2 つの四角に向いた割合 (500 枚の平均)",
)

# %%
maps = cls_rows[:, :4].mean(axis=2).reshape(2, 4, 8, 8)  # ヘッドの平均
titles = ["同じ" if label else "違う" for label in unseen.labels[:4]]
figures.show_maps(unseen.images[:4], maps, titles)

# %% [markdown]
# 四角をよく見ているブロックやヘッドと、そうでないものがあります。答えに要る情報を早いブロックで集めてしまえば、
# あとのブロックは、どこを見ていてもよいはずです。しかも、見る相手は絵ごとに変わります。
# 「最後の注意を 1 枚だけ描いて、ここを見ていると言う」のは危ないことが分かります (8 節で測ります)。
#
# ### CNN には、できないのか
#
# 比べるのは 2 つの CNN です。パッチと同じ大きさで切ってから、3×3 の畳み込みを 3 回くり返し、全体平均プーリングで足し合わせます。
# **違うのはストライドだけ**で、重みの数は同じです。
#
# - ストライド 1: 最後の特徴 1 つが見る幅は 7 パッチ。画像の幅は 8 パッチなので、両端は同時に見えません
# - ストライド 2: 最後の特徴は、画像の端から端までを見ます
#
# 両端を同時に見ない特徴を足し合わせても、得点は「左の色の点数 + 右の色の点数」です。2 色 (赤と青) で考えると、同じときに高く、違うときに低くするには
#
# $$a_{\text{赤}} + b_{\text{赤}},\ a_{\text{青}} + b_{\text{青}} > 0, \qquad a_{\text{赤}} + b_{\text{青}},\ a_{\text{青}} + b_{\text{赤}} < 0$$
#
# が要ります。ところが、左の 2 つを足しても、右の 2 つを足しても、同じ $a_{\text{赤}} + a_{\text{青}} + b_{\text{赤}} + b_{\text{青}}$ です。正でも負でもある数はありません。測ってみましょう (`python -m chapters.ch07_vision_transformer.experiment pairs`)。

# %%
pairs = experiment.stored_results("pairs")
result_table(
    tables.network_rows(pairs, ["ViT", "CNN, near", "CNN, far"]),
    caption="同じ色か違う色か。5 つのシード: 最小 / 中央値 / 最大",
)

# %%
for key in ("ViT", "CNN, near", "CNN, far"):
    claim(f"ch07.far.{key.lower().replace(', ', '_')}", float(np.median(tables.scores(pairs, key))))

# %% [markdown]
# 遠い 2 か所を見比べられるかどうかを決めたのは、自己注意かどうかではなく、**そこまで見えているか**でした。端から端まで見える CNN も、同じように解きます。
# 自己注意の長所は、1 つ目のブロックから全体が見え、どこを見比べるかを画像ごとに変えられることです。
# この節の答えは、**ViT は見られる。CNN も、見える範囲が届くなら見られる**です。
#
# ## 5. 小さなデータでは、CNN に負けるのか
#
# レポートの短所の 1 つ目と 2 つ目は「大量のデータが必要」「小規模データセットでは CNN より性能が劣る」です。どれくらい負けるのでしょうか。
#
# 本物の写真 (CIFAR-10、10 種類、32 画素) で、**パラメータの数をそろえた** ViT と CNN を比べます。枚数は 100 枚から 10,000 枚まで変え、
# 学習のステップ数、バッチ、学習率はすべて同じで、成績は、見ていない 4,000 枚で測ります。学習率は、別のシードの 3,000 枚で 3 通りを試し、どちらにも良かった値にしました。

# %%
sizes = experiment.stored_results("sizes")
vit_run, cnn_run = (next(r for r in sizes if r.key == key) for key in ("ViT", "CNN"))
print(f"パラメータ: ViT {vit_run.parameters:,} 個、CNN {cnn_run.parameters:,} 個")
print(
    f"どちらも {experiment.STEPS:,} ステップ、バッチ {experiment.BATCH}、学習率 {experiment.RATES['ViT']:g}"
)

# %% [markdown]
# ### 問題 6 300 枚で勝つのはどちらかを予想する (1 点)
#
# CIFAR-10 の画像 300 枚だけで、ViT と CNN を学習します。パラメータの数も、学習のステップ数も同じです。当てずっぽうの精度は 0.1 です。5 つのシードのテスト精度は、どうなるでしょうか。
#
# - ア: ViT のほうが高い
# - イ: ほとんど同じ
# - ウ: CNN のほうが高い

# %%
# EXERCISE ch07.guess_small

# %%
check("ch07.guess_small")

# %%
figures.plot_sizes(sizes)

# %%
result_table(
    tables.size_rows(sizes), caption=f"CIFAR-10 のテスト精度、{tables.seeds(sizes)}: 最小 / 中央値 / 最大"
)

# %%
leads = {count: tables.leads(sizes, count) for count in experiment.COUNTS}
claim("ch07.small.at_300", float(np.median(leads[300])))
claim("ch07.small.cnn_leads", np.mean([d > 0 for n in leads if n >= 300 for d in leads[n]]))
claim("ch07.large.gap_closes", float(np.median(leads[10_000]) - np.median(leads[300])))

# %%
seconds = [np.median([r.seconds for r in sizes if r.key == key]) for key in ("ViT", "CNN")]
claim("ch07.cost.training", float(seconds[0] / seconds[1]))
print(f"同じステップ数の学習にかかった時間: ViT は CNN の {seconds[0] / seconds[1]:.1f} 倍")

# %% [markdown]
# 300 枚から上では、いつも CNN の勝ちでした。100 枚ではどちらも精度が低く、勝ち負けはシードによります。**分からない**、が答えです。
# 「データが増えれば追い付く」ところは、この規模では見えません。論文が「大規模な学習は帰納バイアスに勝る」と述べるのは、1,400 万枚から
# 3 億枚で事前学習したときです。私たちの 10,000 枚は、その 1,000 分の 1 にもなりません。ステップ数をそろえたので、
# 枚数が多いところでは、ViT が学び足りないだけかもしれません (長く学習させてはいません)。シードは多くても 5 つなので、小さな差は読み取れません。
#
# ### 足りないのは、何か
#
# CNN は、「近くの画素どうしに意味がある」「同じ模様は、どこにあっても同じ」を、生まれつき知っています。これを**帰納バイアス** (inductive bias) と呼びます。
# 負けた原因が本当にこれなら、**少し返してやれば**、差は縮むはずです。2 つの返し方と、対照を 1 つ試します (`… experiment bias`)。
#
# - 入口を畳み込みに: 4 画素のパッチを一度に切る代わりに、ストライド 2 の 3×3 の畳み込みを 2 回通し、間に BatchNormalization と ReLU を入れます (Xiao et al. 2021)
# - その対照: 3×3 を 2×2 に変えた入口。BatchNormalization と ReLU があり、パラメータの数もほぼ同じですが、**となりと重なりません**
# - ずらしたパッチ: 画像に、斜め 4 方向へ半パッチずらした画像を重ねてから切ります。パッチが、となりの様子も見られます (Lee et al. 2021)

# %%
bias = [r for r in sizes if r.images == 3_000] + experiment.stored_results("bias")
names = ["ViT", "ViT + shifted patches", "ViT + split patches", "ViT + conv stem", "CNN"]
result_table(
    tables.network_rows(bias, names),
    caption=f"CIFAR-10、3,000 枚、{tables.seeds(bias)}: 最小 / 中央値 / 最大",
)


# %%
compared = {
    "ずらしたパッチ − ViT": ("ViT + shifted patches", "ViT"),
    "畳み込みの入口 − ViT": ("ViT + conv stem", "ViT"),
    "対照 (重ならない入口) − ViT": ("ViT + split patches", "ViT"),
    "畳み込みの入口 − 対照": ("ViT + conv stem", "ViT + split patches"),
}
result_table(tables.gain_rows(bias, compared), caption="テスト精度の差。判定は、すべて同じ符号のときだけ")

# %%
stem, left = (
    tables.differences(bias, *each) for each in (("ViT + conv stem", "ViT"), ("CNN", "ViT + conv stem"))
)
claim("ch07.bias.stem", np.median(stem))
claim("ch07.bias.shifted", np.median(tables.differences(bias, "ViT + shifted patches", "ViT")))
print(f"畳み込みの入口が埋めた、CNN との差: {np.median(stem / (stem + left)):.0%} (中央値)")

# %% [markdown]
# 畳み込みの入口では、どのシードでも精度が上がり、CNN との差の一部が埋まりました。ずらしたパッチは、上がったり下がったりで、この回数では分かりません。
# では、入口の得は、となりと**重なる**おかげでしょうか。重ならない対照でも、どのシードでも、同じくらい上がりました。重なりの得 (表のいちばん下) は、符号がシードによって変わります。
# ですから、ここで効いたのは、重なりではなく、対照にもある BatchNormalization、ReLU、少し増えたパラメータのどれかです。そのうちのどれかは、分けて確かめていません。
# 「負けた原因は、画素の近さを知らないこと」という初めの考えの**証拠には、なりませんでした**。
# この節の答えは、**CIFAR-10 のこの規模では負ける。入口を 2 層の畳み込みにすると差は縮むが、重なりのおかげとは言えない**です。
#
# ### 問題 7 ずらした画像を重ねて、パッチに切る (2 点)
#
# ★★ `shifted_patches(images, size)` を書きましょう。`images` は `(枚数, 縦, 横, チャネル)`、`size` は偶数で、縦も横も `size` で割り切れます。もとの画像と、それを縦にも横にも `size // 2` 画素、**右下、左下、右上、左上**へずらした 4 枚を、この順にチャネルの向きに重ね、問題 1 と同じ順のパッチの列 `(枚数, パッチの数, size × size × 5 × チャネル)` に切ります。
# ずらして画像の外から来る画素は 0 です。1 画素には、もとの全チャネル、右下へずらした画像の全チャネル、…の順に並びます。
# たとえば、2 × 2 画素の画像 1 枚は、パッチ 1 枚の 20 個の数になります。
#
# ```python
# image = np.array([[[[1], [2]], [[3], [4]]]])
# shifted_patches(image, 2)[0, 0].tolist()  # → [1, 0, 0, 0, 4, 2, 0, 0, 3, 0, 3, 0, 2, 0, 0, 4, 1, 0, 0, 0]
# ```

# %%
# EXERCISE ch07.shifted_patches

# %%
check("ch07.shifted_patches")

# %% [markdown]
# ### 問題 8 どの枚数で、どちらが勝つかを判断する (3 点)
#
# ★★★ `find_crossings(a, b, margin)` を書きましょう。`a` と `b` は、モデル A と B の、訓練データの枚数からテスト精度のリストへの辞書です。同じ枚数のリストの同じ番目は、同じシードの結果です。どちらの辞書にも同じ枚数がありますが、枚数の順に並んでいるとは限りません。
#
# - 枚数ごとに、シードごとの差 (A − B) を取ります。差がすべて正で、その平均が `margin` 以上なら `"A"`、差がすべて負で、その平均が `-margin` 以下なら `"B"`、ほかは `"?"` です。シードが 3 つより少ない枚数は、いつも `"?"` です
# - 枚数の小さい順に見て、`"?"` を除いて隣り合う 2 つの勝ちが違うところを、`(小さい枚数, 大きい枚数)` の組にし、すべて順に並べたリストにします
#
# `(枚数から "A"、"B"、"?" への辞書, 組のリスト)` を返します。
# たとえば次のようになります。
#
# ```python
# a = {100: [0.2, 0.3, 0.2], 900: [0.7, 0.8, 0.7]}
# b = {100: [0.4, 0.4, 0.4], 900: [0.5, 0.5, 0.6]}
# find_crossings(a, b, 0.1)  # → ({100: 'B', 900: 'A'}, [(100, 900)])
# ```

# %%
# EXERCISE ch07.crossing

# %%
check("ch07.crossing")

# %% [markdown]
# できたら、セルを足して、5 節の結果を判定してみましょう。
#
# ```python
# cnn, transformer = ({n: tables.scores(sizes, key, n) for n in experiment.COUNTS} for key in ("CNN", "ViT"))
# find_crossings(cnn, transformer, 0.02)
# ```
#
# ## 6. トークンが増えると、どれだけ高くつくのか
#
# レポートの 3 つ目の短所は「訓練コストが高い」です。画像を大きくしたら、どれだけ高くなるのでしょうか。
#
# ### 問題 9 画像の 1 辺を 2 倍にしたときを予想する (1 点)
#
# パッチの大きさはそのままで、画像の縦と横をどちらも 2 倍にします。自己注意の中心 (クエリとキーの内積、重みと値の積) の積和は、およそ何倍になるでしょうか。1〜1,000 倍で答えてください。CLS は数に入れません。たとえば、変わらないと思えば 1 です。

# %%
# EXERCISE ch07.guess_tokens

# %%
check("ch07.guess_tokens")

# %% [markdown]
# ブロック 1 つの積和 (掛けて足す回数) を数えましょう。トークンが $n$ 個、次元が $d$、MLP の中が $m$ のとき、次の 2 つの和になります。
#
# $$\underbrace{n\,(4d^2 + 2dm)}_{\text{Dense: } n \text{ に比例}} \;+\; \underbrace{2n^2 d}_{\text{注意: } n^2 \text{ に比例}}$$
#
# 次元 48、MLP 96 のブロックで、積和と、プロセッサが働いた時間 (`… experiment cost`) を並べます。

# %%
costs = experiment.stored_cost()
result_table(
    tables.cost_rows(costs, dim=48, mlp=96), caption="ブロック 1 つ、1 枚あたりの積和と時間", digits=1
)

# %%
figures.plot_cost(costs)

# %%
by_tokens = {cost.tokens: cost.seconds for cost in costs}
fit, off = tables.quadratic(costs)
print(f"時間に当てはめた 2 次式は、どの点とも {off:.0%} より離れない")
for tokens in (257, 1025):
    print(f"{tokens:,} トークンの時間のうち、n² の項は {fit[0] * tokens**2 / np.polyval(fit, tokens):.0%}")
claim("ch07.cost.tokens", by_tokens[1025] / by_tokens[257])

# %% [markdown]
# トークンが少ないうちは Dense が多く、多くなると注意が上回ります。時間も 2 次式に沿って、トークンの数に比例する線から離れていきます。
# この節の答えは、**トークンが多いところでは、ほぼ 2 乗で高くなる**です。
# 画像の 1 辺を 2 倍にすればトークンは 4 倍、注意は 16 倍です。論文の ViT も、事前学習は 224 画素で行い、ファインチューニングだけを大きな画像で行います。
# このとき、場所の数が変わるので、学習した位置の埋め込みを**補間**して増やします。
#
# ### 問題 10 位置の埋め込みを、ほかの大きさの格子に移す (2 点)
#
# ★★ `resize_positions(positions, old, new)` を書きましょう。`positions` は格子 `old = (縦, 横)` で学習した `(1 + 縦 × 横, 次元)` で、先頭の行は CLS、残りは左上から右へ 1 行ずつです。格子 `new` の `(1 + 新しい縦 × 新しい横, 次元)` を返します。CLS の行は、そのまま先頭に残します。
# 残りは双一次補間です。新しい $i$ 番目 (0 から数えます) の行は、もとの格子の $p = (i + 0.5) \times \text{もとの縦} \div \text{新しい縦} - 0.5$ 番目にあたり、$p$ が 0 より小さければ 0、最後の番号より大きければ最後の番号とします。値は、$p$ をはさむ 2 つを、近さに応じて混ぜたものです (真ん中なら半分ずつ)。列も同じです。縮めるときも、混ぜるのは両どなりだけです。
# たとえば次のようになります。
#
# ```python
# resize_positions(np.array([[9.0], [0.0], [4.0]]), (1, 2), (1, 4)).tolist()  # → [[9.0], [0.0], [1.0], [3.0], [4.0]]
# ```

# %%
# EXERCISE ch07.resize_positions

# %%
check("ch07.resize_positions")

# %% [markdown]
# ## 7. 事前学習は、ほかの絵に役立つのか
#
# レポートの長所の 1 つ目と 3 つ目は、大規模なデータと事前学習です。小さな規模でも、事前学習の得はあるでしょうか。
#
# 絵で試します。まず 6 種類の**模様**の四角 10,000 枚で、事前学習します。次に、まったく別の課題である 5 種類の**花**の絵 100 枚で学習します。
# 比べるのは、事前学習なし、出力層だけの学習 (凍結)、全体の学習 (ファインチューニング) です。
# どれも 300 ステップ、学習率 1e-3 で学習します (凍結だけは、出力層が追い付けるように 1e-2)。

# %%
textures = draw_textures(6, seed=1)
show_images(figures.as_image(textures.images), TEXTURES, columns=6, heading="事前学習の 6 種類")

# %%
carried = experiment.stored_results("textures")
result_table(tables.transfer_rows(carried), caption="5 つのシード: 最小 / 中央値 / 最大")


# %%
claim("ch07.transfer.tuned", np.median(tables.differences(carried, "ViT tuned", "ViT scratch")))
for name in ("ViT", "CNN"):
    gain = tables.differences(carried, f"{name} tuned", f"{name} scratch")
    print(
        f"{name}: ファインチューニング − 事前学習なし {np.median(gain):+.3f} ({sum(gain > 0)} / {len(gain)} 回は正)"
    )
lead = tables.differences(carried, "ViT scratch", "CNN scratch")
print(f"事前学習なしの ViT − CNN {np.median(lead):+.3f} ({sum(lead > 0)} / {len(lead)} 回は正)")

# %% [markdown]
# 模様と花は似ていないのに、事前学習した重みから始めたファインチューニングは、事前学習なしより良くなりました。
# 凍結すると、逆に悪くなります。模様を見分ける特徴のままでは足りず、花に合わせて直す必要がありました。
# 6 種類の模様 10,000 枚でさえ得があった、とは言えますが、3 億枚の事前学習のことは、この実験からは分かりません。
# この節の答えは、**小さな事前学習でも、直して使うなら役に立った**です。
#
# 表には、もう 1 つ、見落とせないことがあります。この花の絵では、100 枚しかないのに、事前学習なしの ViT が CNN を上回ることが多いのです。
# 「小さなデータなら CNN」は、CIFAR-10 では成り立ちましたが、どんな絵でも成り立つ法則ではありません。
#
# ## 8. ViT は、どこを見ているのか
#
# 4 節では、四角を見るヘッドと見ないヘッドがありました。ヘッドで平均した注意のマップは、判断の根拠を指すのでしょうか。
#
# 模様の絵なら、**根拠の場所が分かっています**。模様の四角が、それです。マップのいちばん高い点が四角に入った割合を数えます (**指差しゲーム**)。比べるのは 4 つです。
#
# - 最初のブロックと最後のブロックの注意 (ヘッドの平均) の、CLS の行
# - **attention rollout** (Abnar & Zuidema 2020): 残差接続を「半分は自分のまま」とみなし、$\frac12 A + \frac12 I$ を最初のブロックから順に掛け合わせた、CLS の行
# - CNN の Grad-CAM ([第 23 章](23_gradcam_lime_shap.ipynb))

# %%
result_table(tables.pointing_rows(carried), caption="指差しゲームの成績、5 つのシード: 最小 / 中央値 / 最大")

# %%
rollout, last = (np.array(tables.pointing(carried, way)) for way in ("rollout", "last"))
claim("ch07.pointing.rollout", float(np.median(rollout - last)))
print(f"当てずっぽうなら、四角の面積の割合 {textures.masks[0].mean():.2f}")

# %% [markdown]
# 最後のブロックの注意をそのまま描くより、rollout のほうが、ずっとよく根拠を指しました。情報は、途中のブロックで少しずつ運ばれるからだと考えられます。
# 学習前のネットワークは当てずっぽうと変わらないので、当たったのは、学んだからです。Grad-CAM とは同じくらいですが、CNN のマップは 4 × 4、ViT のマップは 8 × 8 と
# 細かさが違うので、どちらが優れているとは言えません。この節の答えは、**マップの作り方による。根拠の分かる絵で確かめてから使う**です。
#
# ### 問題 11 attention rollout (2 点)
#
# ★★ `attention_rollout(attentions)` を書きましょう。`attentions` は、最初のブロックから順に並んだ、1 枚の画像の注意 `(ヘッド, 1 + パッチの数, 1 + パッチの数)` のリストです (行が見るトークン、列が見られるトークンで、先頭が CLS。行の和は 1 とは限りません)。
# ブロックごとに、ヘッドの平均 $A$ から $\frac12 A + \frac12 I$ を作り、それから各行を行の和で割ります。これを、最初のブロックから順に、あとのブロックの行列を**左から**掛けていきます。
# 積の CLS の行から CLS 自身を除き、パッチの並び `(side, side)` に直して返します (パッチは正方形に並んでいます。和を 1 に直すことはしません)。
# たとえば、ブロックもヘッドも 1 つなら、次のようになります。
#
# ```python
# attention = np.full((1, 5, 5), 0.2)
# attention[0, 0] = [0.2, 0.1, 0.3, 0.4, 0.0]
# attention_rollout([attention]).round(5).tolist()  # → [[0.05, 0.15], [0.2, 0.0]]
# ```

# %%
# EXERCISE ch07.rollout

# %%
check("ch07.rollout")

# %% [markdown]
# ### 位置の埋め込みは、何を学んだか
#
# ViT は、パッチの並び方を知らずに生まれます。CIFAR-10 の 10,000 枚で学習したあとの位置の埋め込みを、すべての組でコサイン類似度にしてみます。

# %%
(shown,) = (np.array(r.positions) for r in sizes if r.positions)
figures.plot_positions(shown)

# %%
near = [r.near for r in sizes if r.key == "ViT" and r.images == 10_000]
claim("ch07.positions", float(np.median(near)))
print("となりどうしの類似度 − ほかの組の類似度:", " ".join(f"{value:+.2f}" for value in near))

# %% [markdown]
# 近いところどうしが似て、同じ行や列も似ることがあります。誰も教えていないのに、格子の並びを学びました。
#
# ### 考えてみよう (採点しません)
#
# 手元に、工場の製品の写真が 2,000 枚あります。上司が「最新の ViT を、はじめから学習させよう」と言いました。何と答え、何を測って決めますか。3〜5 文で書いてみましょう。
#
# <details><summary>よい答えが考えていること</summary>
#
# 2,000 枚で、はじめから学習した ViT が CNN に勝つ見込みは小さいこと (5 節)。大きなデータで事前学習ずみの ViT と CNN を、同じ予算でファインチューニングして比べること。
# 見るべき傷は小さいか (パッチより小さいと、入口で失われやすい)、遠い 2 か所を比べる必要があるか (4 節)。
# 画像を大きくしたときの費用 (6 節)。何回くり返し、どれだけの差なら意味があるとするか。注意のマップを説明に使うなら、根拠の分かる画像で先に確かめるか (8 節)。
#
# </details>
#
# ## 9. 補足・訂正
#
# - **「自然言語モデルでの大規模な事前学習を画像認識に応用できる」** 使えるのは、事前学習という**やり方**と Transformer の**構造**です。論文の ViT は、
#   文章で学んだ重みを使っていません。ラベルの付いた画像で、はじめから事前学習しています。
# - **処理の順** レポートは、CLS を 5 番目の「分類」で加えています。実際に加えるのは、位置の埋め込みの前です (2 節)。
#   位置の埋め込みが CLS のぶんも含めて $N + 1$ 個あるのは、このためです。次のセルで数えます。
# - **「小規模データセットでは CNN より劣る」** 5 節では、そのとおりでした。ただし、強いデータ拡張と正則化、蒸留 (DeiT)、畳み込みを混ぜる設計 (CCT) で、差は小さくなると報告されています。
# - **「広範な依存関係を捉えられる」** そのとおりですが、CNN にできないわけではありません (4 節)。
# - **「訓練コストが高い」** 論文は、同じ精度に届くまでの計算量なら ViT のほうが少ない、とも述べています (図 5)。
#   比べるものが「1 ステップ」か「同じ精度」かで、答えが変わります。

# %% tags=["nbval-check-output"]
embedding = PatchEmbedding(patch_projection(16, 8))
embedding(np.zeros((1, 224, 224, 3)))
print(f"位置の埋め込みの数: {embedding.position.shape[1]} (パッチ 196 枚と CLS)")

# %% [markdown]
# ## 10. まとめ
#
# 1. ViT は、画像をパッチに切って並べ、線形変換し、CLS と位置の埋め込みを加えて、文章と同じエンコーダに通します。
# 2. 位置の埋め込みがなければ、ViT はパッチの並び順を区別できません。
# 3. 同じパラメータ数なら、300〜10,000 枚の CIFAR-10 では CNN が勝ちます。入口を 2 層の畳み込みにすると、差は縮みます。どんな絵でもそうだ、とは言えません。
# 4. 遠くを見比べられるかどうかは、見える範囲で決まります。自己注意は、はじめから全体が見えます。
# 5. 注意の計算はトークンの数の 2 乗で増えます。注意のマップは、根拠の場所が分かる絵で確かめてから信じます。
#
# **早見表**
#
# $$z_0 = [x_{\mathrm{cls}}; x_p E] + E_{\mathrm{pos}}$$
#
# $$z' = z + \mathrm{MSA}(\mathrm{LN}(z)), \qquad z'' = z' + \mathrm{MLP}(\mathrm{LN}(z'))$$
#
# ```python
# x = PatchEmbedding(layers.Conv2D(dim, 16, strides=16))(inputs)
# for _ in range(depth):
#     x = transformer_block(x, heads, mlp=4 * dim)
# x = layers.LayerNormalization(epsilon=1e-6)(x)
# outputs = layers.Dense(classes)(x[:, 0])
# ```
#
# | よく使う値 (Ti と S は DeiT の大きさ) | ViT-Ti/16 | ViT-S/16 | ViT-B/16 |
# |:--|:--|:--|:--|
# | 次元 / ブロック / ヘッド | 192 / 12 / 3 | 384 / 12 / 6 | 768 / 12 / 12 |
# | MLP の中 | 次元の 4 倍 | 次元の 4 倍 | 次元の 4 倍 |
# | 学習 | AdamW、ウォームアップ、コサインで下げる | 同じ | 同じ |

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
# ### 学習率は、どう選んだか
#
# 5 節の学習率は、比べるのに使わないシードで、ViT と CNN に同じ 3 通りを試して決めました (`… experiment rates`)。
# どちらも、試した中でいちばん大きい値が良かったので、もっと大きくすると、さらに良いかもしれません。
# 精度は、5 節と同じ 4,000 枚で測りました。本来は、選ぶための検証データを別に取ります。

# %%
rates = experiment.stored_results("rates")
result_table([{"ネットワークと学習率": r.key, "精度 (3,000 枚で学習)": r.test} for r in rates])

# %% [markdown]
# ### 公開されている数と、同じ規模で
#
# | | データ | 精度 | 出典 |
# |:--|:--|:--|:--|
# | ViT、100 エポック | CIFAR-100 | 55 % (上位 5 つでは 82 %) | keras-io の例 |
# | ResNet50V2、同じ条件 | CIFAR-100 | 67 % | keras-io の例 |
# | CCT、0.4 M パラメータ、30 エポック | CIFAR-10 | 78 % | keras-io の例 |
# | ViT、4.7 M パラメータ、100 エポック | CIFAR-10 | 78.22 % | keras-io の CCT の例 |
# | ViT-H/14、JFT で事前学習 | ImageNet | 88.55 % | Dosovitskiy et al. 2021 |
#
# CCT は、入口を畳み込みとプーリングにし、CLS の代わりに全トークンを重み付きで足し合わせる、小さなデータのための ViT です。
# 環境変数 `COURSE_DATA_DIR` に `cifar10.tar` のあるフォルダーを指定し、`python -m chapters.ch07_vision_transformer.experiment full` を実行すると、
# CIFAR-10 の 50,000 枚で CCT を 30 エポック、5 つのシードで学習します (GPU を勧めます)。この講座では、少しの画像で動くことを確かめただけで、
# この規模の精度は**まだ測っていません**。下は、CCT の大きさです。

# %%
print(f"CCT のパラメータ: {experiment.cct().count_params():,} 個")

# %% [markdown]
# ## 参考文献
#
# - A. Dosovitskiy et al., [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), ICLR 2021
# - T. Xiao et al., [Early Convolutions Help Transformers See Better](https://arxiv.org/abs/2106.14881), NeurIPS 2021
# - S. H. Lee, S. Lee, B. C. Song, [Vision Transformer for Small-Size Datasets](https://arxiv.org/abs/2112.13492), 2021
# - A. Hassani et al., [Escaping the Big Data Paradigm with Compact Transformers](https://arxiv.org/abs/2104.05704), 2021 (CCT)
# - H. Touvron et al., [Training data-efficient image transformers](https://arxiv.org/abs/2012.12877), ICML 2021 (DeiT)
# - S. Abnar, W. Zuidema, [Quantifying Attention Flow in Transformers](https://arxiv.org/abs/2005.00928), ACL 2020
# - R. R. Selvaraju et al., [Grad-CAM](https://arxiv.org/abs/1610.02391), ICCV 2017
