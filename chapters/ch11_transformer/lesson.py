# %% [markdown]
# # 第 11 章 Transformer — Attention, positions, encoder and decoder
#
# {{colab_badge}}
#
# *This chapter builds the Transformer from scaled dot-product attention up: why it divides by the square root of d_k,
# what its masks hide (shown by gradients that are exactly zero), why it needs positions and how they rotate. An encoder-decoder
# then learns to normalise Japanese dates, greedy and beam search are compared, and the report's sentence on long dependencies is tested.*
#
# **この章でできるようになること**
#
# - 注意 (attention) を手で計算し、$\sqrt{d_k}$ で割る理由、マスク、ヘッド、位置符号を式とコードで説明する
# - エンコーダとデコーダを教師強制で学習し、貪欲法とビームサーチで答えを出す
# - 「長いシーケンスの依存関係を効果的に扱う」という文を、LSTM と比べて自分の数で判断する
#
# **前提** 全結合層、softmax、勾配。第 5 章の残差接続を見ておくと、読みやすくなります。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 日付は、この講座のプログラムがその場で作ります (CC BY 4.0)。ダウンロードはありません。
#
# **論文** Vaswani et al., *Attention Is All You Need* (NeurIPS 2017) · Sutskever et al., *Sequence to Sequence Learning* (NeurIPS 2014) ·
# Tallec & Ollivier, *Can Recurrent Neural Networks Warp Time?* (ICLR 2018)

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=11)

# %%
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from chapters.ch11_transformer import dates, experiment, figures, tables
from chapters.ch11_transformer.transformer import (
    EncoderLayer,
    MultiHeadAttention,
    Sizes,
    Transformer,
    causal_mask,
    padding_mask,
    sinusoids,
)
from course_utils.claims import claim, claims_table
from course_utils.plots import new_figure, plot_runs
from course_utils.tables import result_table
from grader import check, hint, score, solution

rng = np.random.default_rng(course.seed)

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. 注意とは、重み付きの平均
#
# ### 手で計算する
#
# 3 つの場所に、値 (value) 10、20、0 が置いてあります。それぞれの場所には、見出しにあたる**キー (key)** が付いています。
# 探している内容を表す**クエリ (query)** とキーの内積が大きい場所ほど、重く見ます。
#
# $$q = (1, 1, 1, 1), \quad k_1 = (1, 1, 1, 1), \quad k_2 = (1, 1, 0, 0), \quad k_3 = (0, 0, 0, 0)$$
#
# 内積は 4、2、0 です。$\sqrt{d_k} = \sqrt{4} = 2$ で割ると 2、1、0 になります。これを softmax で和が 1 の重みに直し、値を平均します。

# %% tags=["nbval-check-output"]
q = np.array([1.0, 1, 1, 1])
K = np.array([[1.0, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])
v = np.array([10.0, 20, 0])
scores = K @ q / np.sqrt(4)
weights = np.exp(scores) / np.exp(scores).sum()
print("スコア", scores, " 重み", weights.round(3), " 出力", (weights @ v).round(2))

# %% [markdown]
# クエリをたくさん並べて行列にすると、論文の式になります。
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\Bigl(\frac{QK^\top}{\sqrt{d_k}}\Bigr) V$$
#
# この章でいう**レポート**とは、この講座のもとになった深層学習のレポートの「Transformer」の節です。
# その式には、**最後の $V$ がありません**。本文は「このスコアに Value を掛け合わせて重み付けされた出力を得る」と
# 正しく述べているので、式の書き落としでしょう。クエリ 7 個、キー 5 個で、両方の形を比べます。


# %%
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# %%
Q, K, V = rng.normal(size=(7, 8)), rng.normal(size=(5, 8)), rng.normal(size=(5, 3))
report_formula = softmax(Q @ K.T / np.sqrt(8))
paper_formula = report_formula @ V
print("レポートの式:", report_formula.shape, "  論文の式:", paper_formula.shape)
claim("ch11.formula.v", float(np.abs(report_formula.sum(axis=1) - 1).max()))

# %% [markdown]
# Keras にも同じ計算があります。私たちの `MultiHeadAttention` (`transformer.py`、1 ヘッド) とも突き合わせましょう。
# こちらは Q、K、V を入力から全結合層で作り、出力も全結合層に通します。

# %%
theirs = ops.dot_product_attention(
    *(ops.cast(m[None, :, None], "float32") for m in (Q, K, V @ np.ones((3, 8))))
)
ours = report_formula @ (V @ np.ones((3, 8)))
claim("ch11.attention.keras", float(np.abs(ops.convert_to_numpy(theirs)[0, :, 0] - ours).max()))

# %%
layer = MultiHeadAttention(width=8, heads=1)
x = rng.normal(size=(1, 6, 8)).astype("float32")
everything = np.ones((6, 6), bool)
output, layer_weights = layer(x, x, everything)


def dense(part, x):
    return x @ part.kernel.numpy() + part.bias.numpy()


by_hand = softmax(dense(layer.query, x[0]) @ dense(layer.key, x[0]).T / np.sqrt(8)) @ dense(layer.value, x[0])
claim("ch11.attention.layer", float(np.abs(dense(layer.merge, by_hand) - output[0].numpy()).max()))

# %% [markdown]
# 同じ入力から Q、K、V を作るのが**自己注意 (self-attention)** です。6 節では、Q をデコーダから、K と V をエンコーダから作る注意も出てきます。
#
# ### 問題 1 スケール化内積注意 (2 点)
#
# 答えを書いたセルを実行してから、次の `check` のセルを実行してください。その場で採点されます。
# 手がかりがほしいときは `hint("ch11.attention")` のように、問題の名前を渡して呼びます。`# EXERCISE …` の行は消さないでください。
# 日を改めて続けるときは、いちばん上の `# SETUP` のセルとその次のセルだけを実行すれば、どの問題からでも始められます。
#
# `attention(query, key, value, mask)` を書きましょう。`query` は `(…, q, d_k)`、`key` は `(…, k, d_k)`、`value` は `(…, k, d_v)` です。
# `…` の軸 (バッチやヘッド) はいくつあってもかまいません。`mask` は `(…, q, k)` に広がる真偽値で、見てよいところが `True` です。
# `(出力, 重み)` を返します。重みは `(…, q, k)` で、各行の和は 1、`False` のところはちょうど 0 です。
# スコアがとても大きくても NaN にならないようにしましょう。どの行にも `True` が 1 つはあります。
# たとえば `query` が `[[0, 0]]`、`key` が `[[1, 2], [3, 4], [5, 6]]`、`value` が `[[10], [20], [60]]`、`mask` が `[[True, True, False]]` なら、
# スコアはどれも 0 なので、重みは `[[0.5, 0.5, 0]]`、出力は `[[15]]` です。

# %%
# EXERCISE ch11.attention

# %%
check("ch11.attention")

# %% [markdown]
# ## 2. なぜ $\sqrt{d_k}$ で割るのか
#
# ### 手で計算する
#
# 成分がどれも $+1$ か $-1$ (半々) の、2 次元のクエリとキーを考えます。成分の積も $+1$ か $-1$ なので、
# 内積は $-2, 0, 0, 2$ のどれかです。平均は 0、分散は $(4 + 0 + 0 + 4)/4 = 2$。次元が 1 つ増えるごとに、分散は 1 ずつ増えます。
#
# 一般に、成分が独立で平均 0、分散 1 なら、積の平均は 0、分散は 1 で、独立な積を $d_k$ 個足した内積の分散は $d_k$ です。
#
# $$\mathrm{Var}(q \cdot k) = d_k, \qquad \mathrm{Var}\Bigl(\frac{q \cdot k}{\sqrt{d_k}}\Bigr) = 1$$

# %%
DIMENSIONS = (4, 16, 64, 256, 1024)
products = {d: (rng.normal(size=(5000, d)) * rng.normal(size=(5000, d))).sum(axis=1) for d in DIMENSIONS}
result_table(
    [
        {
            "d_k": d,
            "分散": float(p.var()),
            "分散 ÷ d_k": float(p.var() / d),
            "√d_k で割った後": float((p / d**0.5).var()),
        }
        for d, p in products.items()
    ],
    caption="標準正規分布のクエリとキー、5,000 組の内積",
)

# %%
claim("ch11.scale.variance", max(abs(float(p.var()) / d - 1) for d, p in products.items()))

# %% [markdown]
# 分散が大きいと何が困るのでしょうか。16 個のキーのスコアに softmax をかけ、いちばん大きい重みと、
# 重みがスコアに対してどれだけ動くか (微分の行列 $\mathrm{diag}(w) - ww^\top$ の大きさ) を測ります。


# %%
def saturation(d, scaled):
    scores = np.einsum("nd,nkd->nk", rng.normal(size=(200, d)), rng.normal(size=(200, 16, d)))
    w = softmax(scores / d**0.5 if scaled else scores)
    slope = np.eye(16) * w[:, None] - w[:, :, None] * w[:, None]
    return w.max(axis=1).mean(), np.linalg.norm(slope, axis=(1, 2)).mean()


measured = {scaled: np.array([saturation(d, scaled) for d in DIMENSIONS]) for scaled in (False, True)}

# %%
figure, axes = new_figure(
    "ch11.scaled_weights",
    1,
    2,
    figsize=(9, 3.5),
)
for column, (axis, title) in enumerate(zip(axes, ("最大の重み", "softmax の微分の大きさ"), strict=True)):
    for scaled, marker, name in ((False, "o", "割らない"), (True, "s", "√d_k で割る")):
        axis.plot(DIMENSIONS, measured[scaled][:, column], marker=marker, label=name)
    axis.set(xscale="log", xlabel="$d_k$", title=title, ylim=(0, None))
axes[0].legend()
figure

# %%
claim("ch11.scale.saturates", float(measured[False][-1, 0]))
claim("ch11.scale.gradient", float(measured[False][-1, 1] / measured[True][-1, 1]))

# %% [markdown]
# softmax が 1 つの場所に固まると、微分はほとんど 0 になり、どこを見るかを学び直せません。割り算は、学習を始めるときのスコアを
# ちょうどよい大きさにそろえます。学習が進めば、モデルは自分で重みを大きくして、必要なところだけを鋭く見ることができます。
#
# ### 問題 2 内積の分散 (1 点)
#
# `score_variances(d_k, query_std, key_std)` を書きましょう。`query` と `key` の成分は、どれも独立で平均 0、標準偏差はそれぞれ
# `query_std` と `key_std` です。内積 $q \cdot k$ の分散と、それを $\sqrt{d_k}$ で割ったものの分散の組を返します。
# 式で求めても、乱数で測ってもかまいません。5 % のずれまでは正解ですが、それには、クエリとキーを 10 万組は引く必要があります。
# たとえば `score_variances(4, 2.0, 3.0)` は `(144, 36)` です。

# %%
# EXERCISE ch11.scale

# %%
check("ch11.scale")

# %% [markdown]
# ## 3. マスク: 見てよいところを決める
#
# レポートは「自己注意は、シーケンス内の他のすべての要素から情報を取得できる」と述べます。本当にすべてから届いているかどうかは、
# **勾配**で分かります。出力の $i$ 番目を入力の $j$ 番目で微分して、ちょうど 0 なら、$j$ の情報は $i$ に届いていません。


# %%
def reach(layer, x, mask):
    """Norm of the gradient of each output position with respect to each input position."""
    x = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        output, _ = layer(x, mask)
        parts = [tf.reduce_sum(output[0, i] * np.arange(1, 9)) for i in range(x.shape[1])]
    return np.array([tf.norm(tape.gradient(part, x)[0], axis=-1) for part in parts])


# %%
encoder_layer = EncoderLayer(Sizes(vocabulary=9, width=8, heads=2, inner=16, dropout=0.0))
real = padding_mask(np.array([[3, 4, 5, 6, 0, 0]]))
reached = {
    "マスクなし": reach(encoder_layer, x, everything),
    "因果マスク": reach(encoder_layer, x, causal_mask(6)),
    "パディングのマスク": reach(encoder_layer, x, real),
}
figures.show_weights(
    list(reached.values()),
    list(reached),
    "123456",
    "123456",
    labels=("入力の位置", "出力の位置"),
    numbers=True,
    heading="出力を入力で微分した大きさ (0.00 は、情報が届いていないこと)",
    alt="ch11.reached",
)

# %% [markdown]
# - **因果マスク (causal mask)** は、自分より後ろを隠します。デコーダが答えを先に見てしまわないためです。
# - **パディング (padding)** のマスクは、長さをそろえるための詰め物を隠します。詰め物の行が 0 でないのは、残差接続が自分自身を通すからです。

# %%
above = np.triu_indices(6, 1)
claim("ch11.mask.none", int((reached["マスクなし"] > 0).sum()))
claim("ch11.mask.causal", float(reached["因果マスク"][above].max()))
claim("ch11.mask.padding", float(reached["パディングのマスク"][:4, 4:].max()))

# %% [markdown]
# 「すべての要素から」は、エンコーダの自己注意について正しい文です。デコーダの自己注意は、自分と、それより前だけを見ます。
#
# ### 問題 3 デコーダのマスク (1 点)
#
# `decoder_mask(padding_mask)` を書きましょう。`padding_mask` は `(バッチ, 長さ)` で、本物が 1、パディングが 0 です。
# 形が `(バッチ, 長さ, 長さ)` のマスクを返します。`[b, i, j]` は、$j \le i$ で、しかも $j$ 番目が本物のときに `True`、ほかは `False` です
# (見る側 $i$ がパディングかどうかは問いません)。
# たとえば `decoder_mask(np.array([[1, 1, 0]]))` は `[[[True, False, False], [True, True, False], [True, True, False]]]` です。

# %%
# EXERCISE ch11.causal_mask

# %%
check("ch11.causal_mask")

# %% [markdown]
# ## 4. ヘッド: 同時に何か所も見る
#
# 注意は平均なので、1 つの注意で 2 か所を半分ずつ見ると、値は混ざります。10 と 20 を半分ずつ見た 15 からは、
# 元が「10 と 20」だったのか「15 と 15」だったのか分かりません。2 つの注意が別々に見れば、10 と 20 がそのまま手に入ります。
#
# そこで、幅 $d_{model}$ を $h$ 個に切り分け、$d_{model}/h$ 次元の**ヘッド (attention head)** ごとに注意を計算し、つなぎ直します。
# レポートの「異なる部分空間での Attention を同時に学習」とは、このことです。


# %%
def one_head(layer, x, head):
    part = slice(8 * head, 8 * head + 8)
    query, key, value = (dense(d, x)[:, part] for d in (layer.query, layer.key, layer.value))
    return softmax(query @ key.T / np.sqrt(8)) @ value


# %%
four = MultiHeadAttention(width=32, heads=4)
wide = rng.normal(size=(1, 6, 32)).astype("float32")
together, _ = four(wide, wide, everything)
apart = np.concatenate([one_head(four, wide[0], head) for head in range(4)], axis=1)
claim("ch11.heads.apart", float(np.abs(dense(four.merge, apart) - together[0].numpy()).max()))

# %%
counts = {}
for heads in (1, 2, 4, 8):
    counted = MultiHeadAttention(width=32, heads=heads)
    counted.build((None, None, 32))
    counts[heads] = counted.count_params()
print("ヘッドの数 → パラメータの数:", counts)
claim("ch11.heads.parameters", " ".join(map(str, sorted(set(counts.values())))))

# %% [markdown]
# ### 問題 4 ヘッドに分けて、つなぐ (2 点)
#
# `split_heads(x, heads)` と `merge_heads(x)` を書きましょう。`split_heads` は `(バッチ, 長さ, d_model)` を
# `(バッチ, ヘッド, 長さ, d_model / heads)` に分けます。0 番のヘッドが特徴の先頭の `d_model / heads` 個、1 番がその次、という順です。
# `merge_heads` はその逆で、`merge_heads(split_heads(x, heads))` は `x` に戻ります。
# たとえば `[[[1, 2, 3, 4], [5, 6, 7, 8]]]` を 2 つのヘッドに分けると `[[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]]` です。

# %%
# EXERCISE ch11.heads

# %%
check("ch11.heads")

# %% [markdown]
# ## 5. 順序はどこから来るのか
#
# 「Transformer ではシーケンスの順序情報を持たない」というレポートの文を、確かめます。自己注意の層に、並べ替えた入力を渡すと、
# 出力も同じように並べ替わるだけです。どの位置にいるかは、計算のどこにも出てきません。

# %%
order = np.array([3, 0, 5, 1, 4, 2])
straight, _ = encoder_layer(x, everything)
shuffled, _ = encoder_layer(x[:, order], everything)
claim("ch11.order.equivariant", float(np.abs(shuffled.numpy() - straight.numpy()[:, order]).max()))

# %% [markdown]
# すると、位置を足さないエンコーダとデコーダには、**5 月 7 日と 7 月 5 日の区別が付きません**。使われている文字が同じだからです。

# %%
keras.utils.set_random_seed(course.seed)
without, with_positions = experiment.build_transformer(positions=False), experiment.build_transformer()
two_days = dates.encode(["2021年5月7日", "2021年7月5日"])
begin = dates.encode_targets(["2021-05-07"] * 2)[:, :-1]
difference = {}
for name, model in (("足さない", without), ("足す", with_positions)):
    logits = model((two_days, begin)).numpy()
    difference[name] = float(np.abs(logits[0] - logits[1]).max())
print({name: f"{value:.1e}" for name, value in difference.items()})
claim("ch11.order.dates", difference["足さない"])
claim("ch11.order.with_positions", difference["足す"])

# %% [markdown]
# ### 三角関数の位置符号
#
# **位置符号 (positional encoding、位置エンコーディング)** は、速さの違う針をたくさん持つ時計です。$d = 4$ なら針は 2 本で、
# 1 本目は位置が 1 つ進むごとに 1 ラジアン、2 本目は $1/10000^{2/4} = 0.01$ ラジアン進みます。位置 2 の 1 本目の針は、
# $(\sin 2, \cos 2) = (0.91, -0.42)$ を指します。
#
# $$PE_{(pos, 2i)} = \sin\frac{pos}{10000^{2i/d}}, \qquad PE_{(pos, 2i+1)} = \cos\frac{pos}{10000^{2i/d}}, \qquad i = 0, \dots, d/2 - 1$$

# %% tags=["nbval-check-output"]
print(sinusoids(length=3, width=4).round(2))

# %%
table = sinusoids(length=60, width=64)
figure, axis = new_figure(
    "ch11.positions",
    figsize=(7, 3.6),
)
picture = axis.imshow(table, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
axis.grid(visible=False)
axis.set(xlabel="次元 (偶数が sin、奇数が cos)", ylabel="位置", title="位置符号 (d = 64)")
figure.colorbar(picture, label="値")
figure

# %% [markdown]
# 針は一定の速さで回るので、「$k$ だけ先」は、どこから測っても**同じ角度の回転**です。角度の足し算の公式から、
# $i$ 番目の組について次の式が成り立ちます ($\omega_i = 1/10000^{2i/d}$)。
#
# $$\begin{pmatrix} \sin \omega_i (pos + k) \\ \cos \omega_i (pos + k) \end{pmatrix}
# = \begin{pmatrix} \cos \omega_i k & \sin \omega_i k \\ -\sin \omega_i k & \cos \omega_i k \end{pmatrix}
# \begin{pmatrix} \sin \omega_i pos \\ \cos \omega_i pos \end{pmatrix}$$
#
# 針の先を複素数 $\cos + i \sin$ と見て、7 だけ先の針をいまの針で割ると、角度の差が出ます。53 か所で同じ値になるでしょうか。

# %%
hands = sinusoids(60, 64).astype("float64")
hands = hands[:, 1::2] + 1j * hands[:, 0::2]
turns = hands[7:] / hands[:-7]
rates = 10000.0 ** (-np.arange(32) / 32)
claim("ch11.position.rotation", float(np.abs(turns - np.exp(7j * rates)).max()))
near = table @ table.T
gaps = {k: np.diagonal(near, k) for k in (0, 1, 5, 20)}
print("位置の差 → 内積:", {k: round(float(value.mean()), 2) for k, value in gaps.items()})
claim("ch11.position.relative", max(float(np.ptp(value)) for value in gaps.values()))

# %% [markdown]
# ### 問題 5 位置符号 (1 点)
#
# `positional_encoding(length, d_model, base)` を書きましょう。位置 0 から `length - 1` までの `(length, d_model)` の配列を返します。
# $2i$ 列目が $\sin(pos / base^{2i/d})$、$2i+1$ 列目が $\cos(pos / base^{2i/d})$ です (列は 0 から数え、`d_model` は偶数)。
# 論文の $10000$ を、ここでは引数 `base` にします。短い文だけを扱うなら、小さくてもかまいません。
# たとえば `positional_encoding(2, 4, 100)` は `[[0, 1, 0, 1], [0.8415, 0.5403, 0.0998, 0.9950]]` です。

# %%
# EXERCISE ch11.positional_encoding

# %%
check("ch11.positional_encoding")

# %% [markdown]
# ### 問題 6 位置をずらす回転 (2 点)
#
# `rotation_matrix(k, d_model)` を書きましょう。どの位置 $pos$ でも $PE(pos + k) = M_k\,PE(pos)$ となる行列 $M_k$ `(d_model, d_model)` を返します。
# $PE(pos)$ は問題 5 の位置符号 (`base` は 10000) の 1 行を、縦ベクトルと見たものです。`k` は負のこともあります。
# たとえば `rotation_matrix(-1, 2)` を $PE(1)$ の `[0.8415, 0.5403]` に左から掛けると、$PE(0)$ の `[0, 1]` に戻ります。

# %%
# EXERCISE ch11.rotation

# %%
check("ch11.rotation")

# %% [markdown]
# ## 6. エンコーダとデコーダを組み立てる
#
# 部品がそろいました。`transformer.py` の `EncoderLayer` は「自己注意、全結合の層」、`DecoderLayer` は
# 「因果マスクの自己注意、**エンコーダへの注意 (cross-attention)**、全結合の層」です。どれも残差接続と LayerNorm に包まれます。
# LayerNorm は、位置ごとに $d_{model}$ 個の数の平均を 0、分散を 1 にそろえ、学習する倍率と定数を当てる層です。
# エンコーダへの注意では、Q をデコーダから、K と V をエンコーダの出力から作ります。
#
# 論文の base モデル ($d_{model} = 512$、8 ヘッド、6 層ずつ、全結合の中間 2,048、共有の語彙 37,000) を実際に組み立てて、数えましょう。


# %%
def attention_parameters(d):
    return 4 * (d * d + d)


def feed_forward_parameters(d, inner):
    return d * inner + inner + inner * d + d


d, inner, norm = 512, 2048, 2 * 512
parts = {
    "埋め込み (入力、出力、最後の得点で共有)": 37_000 * d,
    "注意 (6 × 1 + 6 × 2)": 18 * attention_parameters(d),
    "全結合の層 (Feed Forward)": 12 * feed_forward_parameters(d, inner),
    "LayerNorm (6 × 2 + 6 × 3)": 30 * norm,
}
total = sum(parts.values())
result_table(
    [{"部品": name, "パラメータ": n, "割合": n / total} for name, n in parts.items()],
    caption=f"合計 {total:,}",
)

# %% tags=["nbval-check-output"]
base = Transformer(Sizes(vocabulary=37_000))
base.build()
claim("ch11.base.parameters", base.count_params())
claim("ch11.base.formula", total)
del base
keras.backend.clear_session()

# %% [markdown]
# 論文の 65M とは 3 % 違います。語彙は「約 37,000」としか書かれておらず、埋め込みの数え方も明示されていません。
#
# 「RNN や CNN を使用せずに完全に Attention 機構のみで構築されている」という文はどうでしょうか。RNN も CNN もありません。けれども、
# パラメータは注意よりも全結合の層のほうに多くあります。位置を混ぜるのが注意、混ぜたものを位置ごとに加工するのが全結合の層です。

# %%
claim("ch11.base.attention_only", parts["注意 (6 × 1 + 6 × 2)"] / total)
claim("ch11.base.feed_forward", parts["全結合の層 (Feed Forward)"] / total)

# %% [markdown]
# ### 学習率の上げ下げ
#
# 論文の学習率は、はじめの $w$ ステップ (warm-up) はステップ数に比例して上がり、そのあとはステップ数の平方根に反比例して下がります。
#
# $$\mathrm{rate}(s) = d_{model}^{-1/2} \min(s^{-1/2},\; s\, w^{-3/2})$$
#
# 2 つの線が交わるのは $s^{-1/2} = s\, w^{-3/2}$、つまり $s = w$ のときで、そこが頂点です。


# %%
def paper_rate(step, width=512, warm_up=4000):
    return width**-0.5 * np.minimum(step**-0.5, step * warm_up**-1.5)


steps = np.arange(1.0, 20_001)
figure, axis = new_figure(
    "ch11.warmup",
    figsize=(6.5, 3),
)
axis.plot(steps, paper_rate(steps))
axis.axvline(4000, color="0.4", linestyle=":")
axis.set(xlabel="ステップ数", ylabel="学習率", title="論文の学習率 (d = 512、warm-up 4,000 ステップ)")
figure

# %%
claim("ch11.rate.peak", int(steps[paper_rate(steps).argmax()]))
claim("ch11.rate.height", float(paper_rate(steps).max() * np.sqrt(512 * 4000)))

# %% [markdown]
# ### ラベル平滑化 (label smoothing)
#
# 論文は、正解に $1 - \varepsilon$、残りの $\varepsilon = 0.1$ を全部の語に均等に配った確率を目標にしました。
# すると、損失は 0 になりません。目標と同じ確率を答えたときが最小で、その値は目標の**エントロピー**です。
# 語が 4 つなら目標は $(0.925, 0.025, 0.025, 0.025)$ です。

# %%
target = np.array([[1.0, 0, 0, 0]])
smoothed = 0.9 * target + 0.1 / 4
floor = float(-(smoothed * np.log(smoothed)).sum())
smoothing = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
losses = {
    p: float(smoothing(target, np.array([[p] + [(1 - p) / 3] * 3]))) for p in (0.7, 0.85, 0.925, 0.99, 0.9999)
}
result_table(
    [{"正解に与えた確率": f"{p}", "損失": loss} for p, loss in losses.items()],
    caption=f"目標のエントロピー {floor:.3f}",
)

# %%
claim("ch11.smoothing.floor", min(losses.values()) - floor)
claim("ch11.smoothing.confident", losses[0.9999] - floor)

# %% [markdown]
# ## 7. 日本の日付をそろえる
#
# レポートの挙げる機械翻訳の代わりに、**答え合わせのできる翻訳**をします。「令和3年5月7日」「昭和六十四年一月七日」「R3.5.7」のような
# 14 通りの書き方を、国際規格の `2021-05-07` に直します。もちろん、十数行の規則で書けば済む仕事です。
# だからこそ、モデルの答えが正しいかどうかを、1 字ずつ確かめられます。

# %%
data = experiment.load_dates(seed=1)
result_table(
    [
        {"表記": style, "例": write(dates.date(1989, 1, 7)), "翌日": write(dates.date(1989, 1, 8))}
        for style, write in dates.STYLES.items()
    ],
    caption="元号は日で変わります: 1989-01-07 と 1989-01-08",
)

# %% [markdown]
# 1873 年 (明治 6 年、日本が太陽暦に変えた年) から 2049 年までの日を 3 つに分け、**テスト用の日は、どの書き方でも学習に出てこない**ようにします。
# 訓練には、1 度も同じ組を使い回さず、毎回新しく作った組を使います。

# %% tags=["nbval-check-output"]
print(f"訓練 {len(data.train):,} 組、検証 {len(data.validation):,} 組、テスト {len(data.test):,} 組")
print("文字の種類", len(dates.VOCABULARY), "、入力は", dates.SOURCE_LENGTH, "字まで")
claim("ch11.dates.unseen", len(set(data.test.days) & set(data.train.days)))

# %%
copied = [dates.copy_rule(text) for text in data.test.texts]
copy_score = dates.exact_match(copied, data.test.wanted)
claim("ch11.dates.copy_rule", copy_score)

# %% [markdown]
# ### 教師強制
#
# 学習では、デコーダに**正解を 1 字ずらして**渡し、次の 1 字を当てさせます。これが**教師強制 (teacher forcing)** です。
# 因果マスクがあるので、11 字分の問題を 1 回の計算で同時に解けます。1 字ずつ順に計算する RNN との大きな違いです。

# %% tags=["nbval-check-output"]
row = dates.encode_targets(["2021-05-07"])[0]
letters = [dates.VOCABULARY[index] for index in row]
print("デコーダの入力", " ".join(letters[:-1]))
print("目標          ", " ".join(letters[1:]))

# %% [markdown]
# ### 学習する
#
# 幅 64、4 ヘッド、2 層ずつの小さな Transformer です。ステップ数が少ないので、学習率は warm-up のあと、論文の式の代わりに余弦で 0 まで下げます。

# %%
keras.utils.set_random_seed(1)
model, halfway = experiment.build_transformer(), experiment.KeepHalfway()
history = experiment.train(model, data, callbacks=[halfway])
print(f"パラメータ {model.count_params():,}、{experiment.EPOCHS * experiment.STEPS} ステップ")

# %%
figures.plot_learning(history["loss"], history["val_exact"], heading="日付の学習 (シード 1)")

# %% [markdown]
# ### はじめて見る日付で試す
#
# 答えるときは、正解がありません。自分の書いた字をデコーダに戻しながら、1 字ずつ進みます。いちばん確率の高い字を選び続けるのが**貪欲法 (greedy search)** です。


# %%
def normalise(model, text):
    source, written = dates.encode([text]), [dates.START]
    memory, _ = model.encode(source)
    for _ in range(dates.TARGET_LENGTH):
        logits, _, _ = model.decode(np.array([written]), memory, source)
        written.append(int(np.argmax(logits[0, -1])))
    return dates.decode([written])[0]


# %%
for text in ("令和元年5月1日", "昭和六十四年一月七日", "S64.1.7", "二〇四九年十二月三十一日"):
    print(f"{text} → {normalise(model, text)}")

# %% [markdown]
# 2,000 個のテストでは、同じ計算をまとめて行います (`transformer.make_decoder`、幅 1 のビームサーチと同じもの)。

# %%
greedy = experiment.make_search(model, width=1)
answers, _ = greedy(data.test.texts)
claim("ch11.dates.exact", dates.exact_match(answers, data.test.wanted))
claim(
    "ch11.dates.greedy",
    sum(normalise(model, text) != answer for text, answer in zip(data.test.texts[:4], answers, strict=False)),
)

# %% [markdown]
# 学習の途中 (3 エポック目) の重みも取ってあります。どの書き方を先に覚えるのでしょうか。

# %%
trained = model.get_weights()
model.set_weights(halfway.weights)
early, early_scores = greedy(data.test.texts)
early_right = np.array([answer == wanted for answer, wanted in zip(early, data.test.wanted, strict=True)])
teacher_forced = experiment.right_rows(model, data.test)
model.set_weights(trained)
result_table(
    tables.by_style(data.test, early_right, "完全一致"),
    caption="3 エポック目のモデル: 書き方ごとの完全一致",
)

# %% [markdown]
# 数字を写すだけの西暦が先で、元号は後です。「昭和 64 年 = 1989 年」のような対応は、見て覚えるしかないからです。
#
# おもしろい性質を 1 つ確かめます。教師強制で 11 字すべてが当たることと、貪欲法の答えが完全に一致することは、**同じこと**です。
# 最初の字が当たれば、次の字は正解を渡されたときと同じ条件で書かれ、以下同様だからです。

# %%
claim("ch11.dates.teacher_forced", float((teacher_forced != early_right).mean()))

# %% [markdown]
# ### 5 つのシードで、ほかのモデルと比べる
#
# 日付も重みも変えた 5 つの**乱数の種 (シード)** での結果が保存してあります (`python -m chapters.ch11_transformer.experiment dates` と `ablations`)。
# 比べる相手は、位置を足さない Transformer と、注意のない LSTM のエンコーダとデコーダ (Seq2seq) です。大きさ、データ、ステップ数はそろえました。

# %%
runs = experiment.stored_results("dates") + experiment.stored_results("ablations")
result_table(
    [
        {"モデル": "数字を並べる規則", "完全一致": f"{copy_score:.3f} (シード 1)"},
        *tables.date_summary(runs),
    ],
    caption="はじめて見る 2,000 の日付、5 つのシード: 最小 / 中央値 / 最大",
)

# %%
scores_of = {name: [r.exact for r in tables.of_model(runs, name)] for name in tables.models_in(runs)}
plot_runs(
    {name.replace(" ", "\n"): scores for name, scores in scores_of.items()},
    metric="完全一致の割合",
    baseline=copy_score,
    heading="はじめて見る日付の完全一致 (点はシードごと、横棒は中央値)",
)

# %%
claim("ch11.dates.seeds", min(scores_of[experiment.TRANSFORMER]))
claim("ch11.dates.no_positions", max(scores_of[experiment.NO_POSITIONS]))
claim("ch11.dates.lstm", max(scores_of[experiment.LSTM]))

# %% [markdown]
# LSTM の学習率は Transformer と同じにしました。時間をかければ、LSTM ももっと当てます。ここで言えるのは「同じステップ数では」ということだけです。
#
# ### 問題 7 教師強制の入力と目標 (2 点)
#
# `teacher_forcing(rows, length, start_id, end_id, pad_id)` を書きましょう。`rows` は出力文の id のリスト (長さはまちまち) のリストです。
# `(デコーダの入力, 目標, 損失の重み)` を返します。3 つとも `(行数, length)` です。入力は `start_id` で始まり、目標は 1 つ先の id で
# `end_id` で終わり、残りは `pad_id` です。重みは、目標が `end_id` までのところが 1、パディングが 0 です。どの行も `length - 1` 個以下です。
# (6 節のように 1 本の id の列から切り出すと、入力の重み 0 のところに `end_id` が残ります。それでもかまいません。)
# たとえば `teacher_forcing([[7, 8]], 4, 1, 2, 0)` は `([[1, 7, 8, 0]], [[7, 8, 2, 0]], [[1, 1, 1, 0]])` です。

# %%
# EXERCISE ch11.shift

# %%
check("ch11.shift")

# %% [markdown]
# ## 8. 注意の重みを図にする
#
# 答えの 1 字を書くとき、デコーダは入力のどの字を見ているのでしょうか。最後の層の、エンコーダへの注意をヘッドごとに描きます。点は行の最大です。

# %%
text, wanted = "昭和六十四年一月七日", "1989-01-07"
source, target = dates.encode([text]), dates.encode_targets([wanted])
memory, _ = model.encode(source)
_, _, cross = model.decode(target[:, :-1], memory, source)
heads_map = cross[-1].numpy()[0, :, :, : len(text)]
figures.show_weights(
    list(heads_map),
    [f"ヘッド {i + 1}" for i in range(4)],
    [*wanted, "終"],
    list(text),
    labels=("入力の字", "書く字"),
    heading="最後の層の、エンコーダへの注意",
    alt="ch11.heads",
)

# %% [markdown]
# ヘッドは、役割を分けているでしょうか。同じ字を書くときの重みの分布が、2 つのヘッドの間でどれだけ違うかを、**全変動距離**
# (差の絶対値の和の半分。0 なら同じ、1 なら重なりなし) で測ります。

# %%
sample = experiment.arrays(data.test)[0]
memory, _ = model.encode(sample[0][:200])
_, _, cross = model.decode(sample[1][:200], memory, sample[0][:200])
last = cross[-1].numpy()
pairs = [(a, b) for a in range(4) for b in range(a)]
apart = float(np.mean([np.abs(last[:, a] - last[:, b]).sum(axis=-1).mean() / 2 for a, b in pairs]))
claim("ch11.map.heads_differ", apart)

# %% [markdown]
# ### 重く見た字が、答えの理由か
#
# 重く見ることと、答えがそれで決まることは、同じではありません。そこで入力の字を 1 つずつ隠し、**正解の字の対数確率がどれだけ下がるか**を測って、注意の重みと並べます。

# %%
hidden = np.repeat(source, len(text) + 1, axis=0)
for place in range(len(text)):
    hidden[place, place] = dates.PAD
begin = np.repeat(target[:, :-1], len(hidden), axis=0)
chances = ops.convert_to_numpy(ops.log_softmax(model((hidden, begin))))
right_chances = chances[:, np.arange(11), target[0, 1:]]
drops = np.maximum(right_chances[-1] - right_chances[:-1], 0).T
figures.show_weights(
    [np.mean(heads_map, axis=0), drops],
    ["注意 (最後の層の平均)", "字を隠したときの影響"],
    [*wanted, "終"],
    list(text),
    labels=("入力の字", "書く字"),
    across=2,
    heading="見ている字と、答えを決めている字",
    alt="ch11.attention_and_effect",
)

# %% [markdown]
# 入力の「七」を隠すと、動くのは日の数字だけのはずです。多くの日付で、日の数字を 1 つ隠したときの影響が、出力の日の 2 字にどれだけ集まるかを測ります。

# %%
style = "西暦"
chosen = [day for day in data.test.days if day.month < 10 and day.day < 10][:100]
plain = [dates.STYLES[style](day) for day in chosen]
shown, start_rows = dates.encode(plain), dates.encode_targets([day.isoformat() for day in chosen])
masked = shown.copy()
masked[:, 7] = dates.PAD  # 2021年5月7日 の、日の数字


def right_log_probabilities(source):
    chances = ops.convert_to_numpy(ops.log_softmax(model((source, start_rows[:, :-1]))))
    return np.take_along_axis(chances, start_rows[:, 1:, None], axis=2)[..., 0]


memory, _ = model.encode(shown)
_, _, cross = model.decode(start_rows[:, :-1], memory, shown)
seen = cross[-1].numpy().mean(axis=1)[:, 9]  # 日の 2 字目を書くときの、ヘッドの平均
claim("ch11.map.day_seen", float((seen.argmax(axis=1) == 7).mean()))
lost = np.maximum(right_log_probabilities(shown) - right_log_probabilities(masked), 0)
claim("ch11.map.day", float(lost[:, 8:10].sum() / lost.sum()))

# %% [markdown]
# この課題では、重く見た字と、隠すと答えが変わる字が一致しました。答えの 1 字が入力の 1 字で決まる、やさしい課題だからです。
# 一般には、一致するとは限りません。注意の図だけで理由を語らず、隠したときの変化も測るのが安全です。

# %% [markdown]
# ## 9. 貪欲法とビームサーチ
#
# ### 手で計算する
#
# 最初の字は A が 0.6、B が 0.4。A の次は C と D が 0.5 ずつ、B の次は E が 0.9、F が 0.1 だとします。
# 貪欲法は A を選ぶので、答えの確率は $0.6 \times 0.5 = 0.30$ です。ところが B から始まる BE は $0.4 \times 0.9 = 0.36$ です。
# 1 字ずつの最善は、全体の最善とは限りません。候補を 2 本残しておけば、BE が見つかります。これが**ビームサーチ (beam search)** です。

# %% tags=["nbval-check-output"]
first = {"A": 0.6, "B": 0.4}
second = {"A": {"C": 0.5, "D": 0.5}, "B": {"E": 0.9, "F": 0.1}}
whole = {a + b: round(p * r, 2) for a, p in first.items() for b, r in second[a].items()}
greedy_start = max(first, key=first.get)
print(
    "貪欲法",
    max((k for k in whole if k[0] == greedy_start), key=whole.get),
    " 2 本のビーム",
    max(whole, key=whole.get),
    whole,
)

# %% [markdown]
# 学習を終えたモデルは自信があり、どちらも同じ答えになります。違いが出るのは、**まだ迷っている途中のモデル**です。

# %%
beam = experiment.make_search(model, width=experiment.BEAMS)
model.set_weights(halfway.weights)
wide, wide_scores = beam(data.test.texts[:500])
model.set_weights(trained)
changed = [i for i, answer in enumerate(wide) if answer != early[i]]
print(f"500 個のうち、4 本のビームサーチで答えが変わったもの: {len(changed)} 個")

# %%
result_table(
    [
        {
            "入力": data.test.texts[i],
            "正解": data.test.wanted[i],
            "貪欲法": f"{early[i]} ({np.exp(early_scores[i]):.2f})",
            "ビームサーチ": f"{wide[i]} ({np.exp(wide_scores[i]):.2f})",
        }
        for i in changed[:8]
    ],
    caption="3 エポック目のモデルで答えが変わったものの例 (かっこの中は、モデルが答え全体に与えた確率)",
)

# %% [markdown]
# 5 つのシードで、2,000 個ずつ比べた結果です。

# %%
result_table(
    tables.search_summary(experiment.stored_results("dates")),
    caption="完全一致の割合 (途中は 3 エポック目、ビームは 4 本)",
)

# %%
stored_dates = experiment.stored_results("dates")
claim("ch11.beam.probable", max(r.halfway_worse for r in stored_dates))
claim("ch11.beam.gain", float(np.median([r.halfway_beam - r.halfway_greedy for r in stored_dates])))
claim("ch11.beam.final", min(r.beam for r in stored_dates))

# %% [markdown]
# ビームサーチが探すのは「モデルにとって確率の高い答え」です。モデルが間違って覚えていれば、よく探すほど正しくなるわけではありません。
# なお、ビームサーチがいつも貪欲法以上の確率を見つけるという保証はありません。途中で貪欲法の道が 4 本から落ちることがあるからです。
#
# ### 問題 8 ビームサーチ (3 点)
#
# `beam_search(next_log_probabilities, start_id, end_id, width, max_length)` を書きましょう。`next_log_probabilities(ids)` は、
# `start_id` から始まる id のリスト全体を受け取り、次の id の対数確率の配列を返します。
#
# 候補の得点は、`start_id` のあとの id の対数確率の和です (長さでは割りません)。1 字ごとに、`end_id` で終わっていない候補を、すべての id で 1 つずつ伸ばします。
# 終わった候補は、そのまま残して競わせます。その全体から得点の高い `width` 個を残します (同点なら、id の列が辞書順で小さいほう)。
# 残った候補がすべて終わるか、`start_id` のあとが `max_length` 個になったら止め、いちばん得点の高い候補の `(ids, 得点)` を返します。
# `ids` は `start_id` を除いたリストで、`end_id` は付いていれば残します。`width` が 1 なら貪欲法です。
#
# たとえば `start_id` が 1、`end_id` が 0 で、次の id の確率がいつも `[0.4, 0.6]` なら、`max_length` が 2 のときの結果は、
# `width` が 1 なら `([1, 1], -1.022)`、2 なら `([0], -0.916)` です。

# %%
# EXERCISE ch11.beam_search

# %%
check("ch11.beam_search")

# %% [markdown]
# ## 10. 遠くの依存関係
#
# 「特に長いシーケンスの依存関係を効果的に扱うことができる」。レポートのこの文を、距離を変えながら確かめます。
#
# 課題は単純です。8 種類の記号が並び、最後に「?」が来ます。答えは**いちばん最初の記号**です。間にはさまる記号は、
# 同じ 8 種類から引いた無関係なものです。だから、手がかりは位置だけです。比べるモデルは次の 3 つで、大きさはほぼ同じ、学習は同じ 400 ステップ、学習率も同じです。
#
# - **注意 1 層**: 位置符号と、エンコーダの層が 1 つ
# - **LSTM**: Keras の既定値 (忘却ゲートのバイアスは 1)
# - **LSTM (忘れにくい初期値)**: 忘却ゲートのバイアスを、距離に合わせて大きくしたもの (Tallec & Ollivier 2018)
#
# ### 手で計算する
#
# LSTM は 1 文字進むごとに、記憶へ忘却ゲートの値を掛けます。バイアスが 1 なら、はじめのゲートは $\sigma(1) = 0.73$ ほどです。
# 200 文字では $0.73^{200}$ 倍になります。注意は、はじめはどこも同じ重さで見るので、重みは 200 分の 1 です。小さくはなりますが、桁が違います。

# %% tags=["nbval-check-output"]
gate = 1 / (1 + np.exp(-1))
print(f"LSTM: {gate**200:.0e} 倍   注意: 1/200 = {1 / 200} 倍")

# %%
far = experiment.stored_results("distance")
figures.plot_distances(
    far,
    "gradient",
    ylabel="勾配のノルム (対数)",
    heading="学習前: 最初の記号まで届く勾配 (5 つのシード)",
    alt="ch11.far_gradients",
)

# %%
figures.plot_distances(
    far,
    "accuracy",
    ylabel="精度",
    chance=1 / 8,
    heading=f"{experiment.UPDATES} ステップの学習のあとの精度 (5 つのシードの中央値、棒は最小から最大)",
    alt="ch11.far_accuracy",
)

# %%
result_table(
    tables.distance_summary(far), caption="精度、5 つのシード: 最小 / 中央値 / 最大 (当てずっぽうなら 0.125)"
)

# %%
ATTENTION, LSTM, PATIENT = tables.readers_in(far)


def middle(reader, distance, field="accuracy"):
    return float(np.median(tables.recalled(far, reader, distance, field)))


claim("ch11.far.attention", middle(ATTENTION, 200))
claim("ch11.far.lstm", middle(LSTM, 50))
claim("ch11.far.patient", middle(PATIENT, 50))
claim("ch11.far.gradient", middle(ATTENTION, 200, "log_gradient") - middle(LSTM, 200, "log_gradient"))

# %% [markdown]
# レポートのとおり、注意 1 層は距離 200 でも最初の記号を思い出しました。既定値の LSTM は、勾配が消えて、同じステップ数では学べません。
# ただし、LSTM にできないわけではありません。初期値を変えるだけで、ずっと遠くまで届きます。もっと長く学習すれば、さらに伸びるでしょう。
# ここで言えるのは、「同じ大きさ、同じステップ数なら、注意のほうが遠くの関係を覚えやすい」ということです。

# %% [markdown]
# ### 1 層あたりの計算
#
# 短い道には、代わりの費用があります。長さ $n$、幅 $d$ のとき、注意は $n^2 d$、RNN は $n d^2$ に比例する計算をします (論文の表 1)。
# $n$ が $d$ より長くなると、注意のほうが重くなります。一方、RNN は $n$ ステップを順に待たなければなりませんが、注意は 1 ステップです。

# %%
result_table(
    [
        {
            "長さ n": n,
            "注意 n²d": n * n * 512,
            "RNN nd²": n * 512 * 512,
            "比": n / 512,
            "順に待つステップ数 (注意)": 1,
            "順に待つステップ数 (RNN)": n,
        }
        for n in (32, 128, 512, 2048, 8192)
    ],
    caption="幅 512",
)

# %% [markdown]
# ## 11. エンコーダのブロックを、自分で
#
# ### 問題 9 エンコーダのブロック (3 点)
#
# `encoder_block(d_model, heads, d_ff)` を書きましょう。`[x, padding_mask]` を受け取る `keras.Model` を返します。
# `x` は `(バッチ, 長さ, d_model)`、`padding_mask` は `(バッチ, 長さ)` (1 が本物)、出力は `(バッチ, 長さ, d_model)` で、長さは決めません。
#
# 論文 (Vaswani et al., 2017) のとおり、自己注意、残差の和、LayerNorm (Keras では `LayerNormalization`)、Feed Forward (Dense `d_ff` と ReLU、Dense `d_model`)、
# 残差の和、LayerNorm の順です。1 つのヘッドの次元は `d_model / heads`、全結合層にはバイアスを付け、dropout と位置符号は入れません。
# 採点では、形、パラメータの数、並べ替えとパディングに対するふるまい、そして小さな課題を数秒で学べることを確かめます。
# たとえば `encoder_block(8, 2, 16)` に形が `(3, 5, 8)` の `x` と `(3, 5)` の `padding_mask` を渡すと、`(3, 5, 8)` の出力が返ります。

# %%
# EXERCISE ch11.transformer_block

# %%
check("ch11.transformer_block")

# %%
score()

# %% [markdown]
# ## 12. 補足・訂正
#
# - **式の $V$** レポートの式には最後の $V$ がありません。1 節で見たとおり、$V$ を掛ける前は重みの表です。本文の説明は正しく書かれています。
# - **スコアと重み** レポートは softmax のあとを「スコア」と呼びます。ふつうは、softmax の前を**スコア**、後を**重み**と呼び分けます。
# - **位置符号の $i$** 「$i$ は埋め込み次元のインデックス」とありますが、$i$ は **sin と cos の組の番号**で、$0$ から $d/2 - 1$ までです。
#   次元の番号だとすると、列が足りなくなります (次のセル)。
# - **「完全に Attention 機構のみ」** 6 節のとおり、パラメータの 4 割は全結合の層にあります。残差接続と LayerNorm も欠かせません。
#   論文の題は「必要なのは (RNN ではなく) 注意だ」という意味で読むのがよいでしょう。
# - **Q、K、V はどこから来るか** レポートは自己注意だけを説明しています。デコーダには、Q をデコーダから、K と V をエンコーダから作る注意もあります。
# - **同時に計算できるのは、学習のとき** 答えを書くときのデコーダは、RNN と同じく 1 字ずつ進みます。
#   実際の製品では、前の字までの K と V を取っておき (KV キャッシュ)、計算をやり直さないようにします。
# - **いまの Transformer** LayerNorm を枝の入口に移したもの (pre-norm)、回転を Q と K に直接かける位置符号 (RoPE) が広く使われています。
#   エンコーダだけを使うのが第 12 章の BERT、デコーダだけを使うのが第 13 章の GPT です。

# %% tags=["nbval-check-output"]
d = 8
columns = {"組の番号 (0 … d/2 − 1)": 2 * (d // 2 - 1) + 1, "次元の番号 (0 … d − 1)": 2 * (d - 1) + 1}
print(f"d = {d} のとき、2i + 1 の最大:", columns, " 列の番号の最大:", d - 1)
claim("ch11.position.index", columns["次元の番号 (0 … d − 1)"] - (d - 1))

# %% [markdown]
# もう 1 つ、**学習した範囲の外**を見ておきましょう。2050 年代 (令和 32〜41 年) は、訓練の日付に 1 日もありません。
# 訓練にある 2040 年代と比べます。


# %%
def by_decade(style, decade):
    days = [dates.date(decade + i % 10, 1 + i % 12, 1 + i % 28) for i in range(200)]
    found, _ = greedy([dates.STYLES[style](day) for day in days])
    return dates.exact_match(found, [day.isoformat() for day in days])


beyond = {(style, decade): by_decade(style, decade) for style in ("西暦", "和暦") for decade in (2040, 2050)}
result_table(
    [
        {"表記": style, "2040 年代": beyond[style, 2040], "2050 年代": beyond[style, 2050]}
        for style in ("西暦", "和暦")
    ],
    caption="完全一致の割合 (規則で書けば、どれも 1)",
)

# %%
claim("ch11.dates.beyond", beyond["和暦", 2050])

# %% [markdown]
# 「令和 32 年は 2050 年」という足し算の規則は、身に付いていません。「はじめて見る日付」で当たったのは、**同じ年の、ほかの日付をたくさん見た**からです。
# 規則で書ける仕事は規則で書き、モデルには規則で書けない仕事をさせるのがよいでしょう。
#
# ## 13. まとめ
#
# この章で確かめたことを一覧にします。論文の base モデルは、英独翻訳で BLEU 27.3、大きなモデルは 28.4 でした。
# 私たちの問題は答えが 1 つに決まるので、完全一致で測りました。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017
# - I. Sutskever, O. Vinyals, Q. V. Le, "Sequence to Sequence Learning with Neural Networks", NeurIPS 2014 (ビームサーチ)
# - C. Tallec, Y. Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR 2018
# - J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016
# - C. Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016 (ラベル平滑化)
# - R. Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020 (pre-norm)
# - J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021 (RoPE)
