# %% [markdown]
# # 第 1 章 強化学習 — Reinforcement learning
#
# {{colab_badge}}
#
# *This chapter solves small worlds exactly, learns them again from transitions alone (Q-learning, SARSA), and
# balances a pole with DQN, REINFORCE and a genetic algorithm. Every learner is held against an exact value or
# against learning curves over five seeds, with the parts of DQN and REINFORCE taken away one by one.*
#
# **この章でできるようになること**
#
# - 状態、行動、報酬、方策、価値を、Gymnasium の環境の上で言い当て、小さな環境なら価値を正確に求める
# - Q 学習と SARSA の違いを式で説明し、崖の上でどれだけの差になるかを数で言う
# - DQN と REINFORCE の部品が何のためにあるのかを、外してみた結果から説明する
# - 遺伝的アルゴリズムと強化学習が、同じ課題で何を見て、何を見ないのかを比べる
#
# **前提** Python と NumPy、Dense 層からなるネットワークの学習。この章だけを読むこともできます。
#
# **所要時間とメモリ** 2 コアのパソコンで 90 秒以内、2.5 GB 以内です。最後のセルが、実行のたびに実測を表示します。
#
# **データと利用条件** 環境は Gymnasium (MIT License) に付属するものと、この講座で書いたものです。ダウンロードは要りません。
#
# **論文** Watkins & Dayan, *Q-learning* (1992) · Williams, *REINFORCE* (1992) · Mnih et al., *DQN* (Nature 2015) ·
# Sutton & Barto, *Reinforcement Learning: An Introduction* (2 版, 2018)

# %%
# SETUP
import importlib.util

if importlib.util.find_spec("course_utils") is None:  # Colab
    get_ipython().run_line_magic("pip", "install -q git+{{repository}}")

from course_utils import start

course = start(chapter=1)

# %%
import gymnasium as gym
import keras
import numpy as np
import tensorflow as tf

from chapters.ch01_reinforcement_learning import (
    cartpole,
    deep,
    evolution,
    experiment,
    figures,
    planning,
    tables,
    tabular,
)
from course_utils.claims import claim, claims_table
from course_utils.plots import new_figure, plot_runs
from course_utils.tables import result_table

SEEDS = experiment.SEEDS

# %% [markdown]
# 演習は、それぞれの節の終わりにあります。答えのセルを実行してから `check` のセルを実行すると、その場で採点されます。
# 手がかりがほしいときは `hint("ch01.returns")` のように、問題の名前を渡して呼びます。呼ぶたびに 1 段ずつ詳しくなります。
# `# EXERCISE …` の行は消さないでください。採点のときの目印になります。
# 日を改めて続けるときは、上の `# SETUP` のセルと次のセルだけを実行すれば、どの問題からでも始められます。

# %%
from grader import check, hint, score, solution

# %% [markdown]
# {{report}}

# %% [markdown]
# ## 1. エージェントと環境
#
# この章でいう**レポート**とは、この講座のもとになった深層学習のレポートの「強化学習」の節です。
# その言葉を、1 つの課題に当てはめましょう。台車の上に棒が立っています。倒さないように、台車を左右に押し続けます (CartPole-v1)。
#
# | レポートの言葉 | この課題では |
# |---|---|
# | **エージェント (agent)** | どちらに押すかを決めるプログラム |
# | **環境 (environment)** | 台車と棒。押されると動きます |
# | **状態 (state)** | 位置、速度、棒の角度、角速度の 4 つの数 |
# | **行動 (action)** | 0 (左に押す) か 1 (右に押す) |
# | **報酬 (reward)** | 1 ステップごとに 1 |
# | **方策 (policy)** | 状態から行動を決める規則。レポートの「ポリシー」 |
#
# やりとりは、`reset` と `step` の 2 つだけです。はじめから終わりまでの 1 回を**エピソード (episode)** といいます。

# %% tags=["nbval-check-output"]
env = gym.make("CartPole-v1")
state, _ = env.reset(seed=1)
print("はじめの状態", state.round(2))
state, reward, terminated, truncated, _ = env.step(1)
print("右に押すと  ", state.round(2), "報酬", reward, "終わり", terminated, truncated)

# %% [markdown]
# 無作為に押すと、棒はすぐに倒れます。棒の傾きと回る速さを見て、倒れそうなほうへ押す方策を 1 行で書くと、どうでしょうか。


# %%
def push_under_the_pole(states):
    return (states[:, 2] + 0.5 * states[:, 3] > 0).astype(int)


random_lengths = cartpole.play(cartpole.random_policy(0), 1000, seed=0).lengths
written_lengths = cartpole.play(push_under_the_pole, 100, seed=0).lengths
claim("ch01.cartpole.random", float(random_lengths.mean()))
claim("ch01.cartpole.written", float(written_lengths.mean()))

# %%
fallen = cartpole.play(cartpole.random_policy(3), 1, seed=3)
moments = np.linspace(0, len(fallen.alive) - 1, 5).astype(int)
figures.draw_carts(
    fallen.observations[moments, 0],
    [f"{moment} ステップ" for moment in moments],
    heading="無作為に押すと、棒は倒れる",
    alt="ch01.fallen",
)

# %% [markdown]
# 人が書いた方策は、棒が倒れなくても 500 ステップで打ち切られます。終わり方には 2 種類あるのです。
#
# - **終端 (terminated)**: 棒が倒れた。この先に報酬はありません
# - **打ち切り (truncated)**: 制限に達した。続けていれば、報酬はまだもらえたはずです
#
# この区別は、6 節で効いてきます。
#
# ### 収益を手で計算する
#
# 報酬が 2、−1、4 の順に来て終わったとします。1 ステップ先の報酬を $\gamma = 0.5$ 倍に割り引くと、はじめの**収益 (return)** は
# $2 + 0.5 \times (-1) + 0.25 \times 4 = 2.5$ です。2 つ目の時刻では $-1 + 0.5 \times 4 = 1$、最後は 4 です。
#
# $$G_t = r_t + \gamma r_{t+1} + \gamma^2 r_{t+2} + \cdots = r_t + \gamma G_{t+1}$$
#
# $\gamma$ は**割引率 (discount factor)** です。報酬が毎回 1 なら、永遠に続けても収益は $1 + \gamma + \gamma^2 + \cdots = 1/(1-\gamma)$ を超えません。
# $\gamma = 0.99$ なら 100 です。この上限も、6 節で使います。

# %% [markdown]
# ### 問題 1 割引収益 (1 点)
#
# `discounted_returns(rewards, gamma, beyond)` を書きましょう。`rewards` は 1 つのエピソードの報酬 (整数のこともあります) を時刻の順に
# 並べたもの、`beyond` は、最後の報酬の次の時刻から先の収益です。終端で終わったエピソードでは 0、打ち切られたエピソードではその先の見積もりです。
# 時刻 $t$ の割引収益 $G_t$ を、報酬と同じ長さの配列で返します。`gamma` は 0 や 1 のこともあります。
# たとえば報酬が 2、−1、4 で `gamma` が 0.5 なら、`beyond` が 0 のときは `[2.5, 1, 4]`、8 のときは `[3.5, 3, 8]` です。

# %%
# EXERCISE ch01.returns

# %%
check("ch01.returns")

# %% [markdown]
# ## 2. 表が分かっているなら、正確に解ける
#
# ### 凍った湖
#
# FrozenLake-v1 は 4×4 の凍った湖です。S から G へ歩き、G に着けば報酬 1、穴 (×) に落ちると 0 で終わります。
# 氷はすべるので、思った方向と、その左右の 3 方向のどれかに、同じ確率で動きます。
#
# Gymnasium の小さな環境は、遷移の表 `P[状態][行動] = [(確率, 次の状態, 報酬, 終端か), …]` を持っています。配列にしておきましょう。

# %% tags=["nbval-check-output"]
lake_env = gym.make("FrozenLake-v1")
print(lake_env.unwrapped.P[14][2])
lake = planning.model_of(lake_env)
print("遷移", lake.transitions.shape, "報酬", lake.rewards.shape, "終端状態", np.flatnonzero(lake.terminal))

# %% [markdown]
# ### 手で計算する
#
# 状態 14 は G の左隣です。どの状態の価値もまだ 0 だとすると、そこで「右」を選んだときの価値は $\frac13 \times 1 = \frac13$ です。
# 次の周では、状態 14 の価値が $\frac13$ になったので、滑って動けなかった場合の分が増え、$\frac13 \times 1 + \frac13 \times \frac13 = \frac49$ になります。
# これを、値が動かなくなるまで繰り返すのが**価値反復 (value iteration)** です。
#
# $$V(s) \leftarrow \max_a \sum_{s'} P(s' \mid s, a) \bigl( r + \gamma V(s') \bigr)$$
#
# 終端状態の価値は、いつも 0 です。

# %% tags=["nbval-check-output"]
values = np.zeros(16)
for sweep in (1, 2, 3):
    values = planning.action_values(lake, values).max(axis=1)
    print(f"{sweep} 周目の状態 14 の価値 {values[14]:.4f}")

# %%
optimal = planning.optimal_values(lake)
discounted = planning.optimal_values(lake, gamma=0.99)
within = planning.values_within(lake, 100)
claim("ch01.lake.optimal", float(optimal[0] - 14 / 17))
claim("ch01.lake.discounted", float(discounted[0]))

# %% [markdown]
# 14/17 は、いくらでも時間をかけてよいときの値です。Gymnasium は 100 ステップで打ち切ります。残り $n$ ステップの価値は、残り $n-1$ ステップの価値から求まります。
# 残り 0 から順に 100 回さかのぼる**後ろ向き帰納法 (backward induction)** なら、制限つきの価値も正確です。

# %%
claim("ch01.lake.limit", float(within[100, 0]))
lake8 = planning.model_of(gym.make("FrozenLake8x8-v1"))
claim("ch01.lake8.limit", float(planning.values_within(lake8, 200)[200, 0]))

# %% [markdown]
# 時間に限りがあると、最適な行動は**残り時間にもよります**。残り時間を見ない方策は、少しだけ損をします。
# 次の図の左は、制限のない場合です。割引がないと、S から続くマスの価値はどれも同じになり、数からは行き先が決まりません。
# そこで矢印には、割引率 0.99 のときの最適な行動を描きました。

# %%
best_actions = planning.action_values(lake, discounted, 0.99).argmax(axis=1)
lake_policy = planning.soft_policy(best_actions, 4)
without_clock = planning.return_within(lake, lake_policy, 100, start=0)
claim("ch01.lake.clock", float(within[100, 0] - without_clock))

# %%
marks = {0: "S", 15: "G"} | {hole: "×" for hole in np.flatnonzero(lake.terminal) if hole != 15}
figure, axes = new_figure(
    "ch01.lake_values",
    1,
    2,
    figsize=(8, 4),
)
figures.draw_values(
    axes[0],
    optimal.reshape(4, 4),
    f"制限なし (S は {optimal[0]:.3f})",
    digits=2,
    actions=np.where(lake.terminal, -1, best_actions).reshape(4, 4),
    moves=figures.LAKE_MOVES,
    marks=marks,
)
figures.draw_values(
    axes[1], within[20].reshape(4, 4), f"残り 20 ステップ (S は {within[20, 0]:.3f})", digits=2, marks=marks
)
figure

# %% [markdown]
# ### 価値関数は、収益の期待値
#
# レポートは**価値関数 (value function)** を「ある状態における累積報酬の期待値」といいます。いま求めた価値は、本当に平均と合うでしょうか。実際に 1,000 回歩いてみます。


# %%
def walk_the_lake(actions, episodes):
    total, state = 0.0, lake_env.reset(seed=0)[0]
    for _ in range(episodes):
        ended = False
        while not ended:
            state, reward, terminated, truncated, _ = lake_env.step(int(actions[state]))
            total, ended = total + reward, terminated or truncated
        state, _ = lake_env.reset()
    return total / episodes


claim("ch01.value.expectation", float(walk_the_lake(best_actions, 1000) - without_clock))

# %% [markdown]
# ### 問題 2 価値反復 (2 点)
#
# `value_iteration(transitions, rewards, terminal, gamma, tolerance)` を書きましょう。`transitions[s, a, s2]` は状態 `s` で行動 `a` を取ると
# `s2` に移る確率、`rewards[s, a]` は報酬の期待値、`terminal[s]` は終端状態なら `True` です。
# 最適な状態価値を `(状態の数,)` の配列で返します。終端状態の価値は 0 です (その行の確率と報酬には意味がありません)。
# どの状態の価値の変化も、絶対値が `tolerance` より小さくなるまで続けます。
# `gamma` は 1 のこともあります。そのときは、どんな行動を取り続けてもいつかは終端状態に着きます。
# たとえば 2 つの状態があり、0 番からはどの行動でも報酬 −1 で終端の 1 番に移るなら、結果は `[-1, 0]` です。

# %%
# EXERCISE ch01.value_iteration

# %%
check("ch01.value_iteration")

# %% [markdown]
# ## 3. 表を知らないなら、試すしかない
#
# ### 探索と活用
#
# ふつう、環境の表は見えません。当たりやすさの違うスロットマシンの腕が 10 本あり、1,000 回引けるとします (10 本腕のバンディット)。
# いまいちばん良く見える腕だけを引くと (**活用**, exploitation)、本当に良い腕を見逃すかもしれません。
# **ε-greedy** は、確率 $1 - \varepsilon$ で良く見える腕を引き、確率 $\varepsilon$ で**すべての**腕から等しい確率で選びます (**探索**, exploration)。
#
# ### 手で計算する
#
# $\varepsilon = 0.1$ で 10 本なら、最良の腕を見抜いていても、それを引く確率は $0.9 + 0.1 / 10 = 0.91$ です。これが上限です。

# %%
shares = {epsilon: tabular.pull_bandits(epsilon, seed=1)[0] for epsilon in (0.0, 0.01, 0.1)}
figure, axis = new_figure("ch01.bandit")
for epsilon, share in shares.items():
    axis.plot(np.convolve(share, np.ones(20) / 20, "valid"), label=f"ε = {epsilon:g}")
axis.axhline(0.91, color="0.3", linestyle=":", label="ε = 0.1 の上限")
axis.set(xlabel="引いた回数", ylabel="最良の腕を引いた割合", title="10 本腕のバンディット 2,000 組の平均")
axis.legend()
figure

# %%
claim("ch01.bandit.best", float(shares[0.1][-100:].mean()))
claim("ch01.bandit.bound", float(shares[0.1].max()))
claim("ch01.bandit.greedy", float(shares[0.0][-100:].mean()))

# %% [markdown]
# ### 問題 3 ε-greedy の確率 (1 点)
#
# `epsilon_greedy(action_values, epsilon)` を書きましょう。1 つの状態の行動価値 `(行動の数,)` から、各行動を選ぶ確率を返します。
# 確率 ε で、**すべての**行動 (最大のものも含む) から同じ確率で選び、残りの 1−ε で価値が最大の行動を選びます。
# 最大の行動がいくつもあるときは、1−ε をそれらで等分します。
# たとえば `epsilon_greedy(np.array([1.0, 3, 2, 0]), 0.2)` は `[0.05, 0.85, 0.05, 0.05]` です。

# %%
# EXERCISE ch01.epsilon_greedy

# %%
check("ch01.epsilon_greedy")

# %% [markdown]
# ### 終わりを待たずに学ぶ
#
# 5 つのマスが一列に並び、真ん中から左右に同じ確率で歩きます。右端に着けば 1、左端なら 0。各マスの本当の価値は、左から 1/6, 2/6, …, 5/6 です。
#
# **モンテカルロ法 (Monte Carlo method)** は、終わりまで歩いてから、その結果に近づけます。**TD 法 (temporal-difference learning)** は、
# 1 歩ごとに「報酬 + 次のマスの見積もり」に近づけます。見積もりで見積もりを直すこのやり方を、**ブートストラップ (bootstrapping)** といいます。
#
# 見積もりがどこも 0.5 のとき、4 番目のマスから 5 番目へ歩いたとします。TD 法では $0.5 + \alpha (0 + 0.5 - 0.5)$ で、何も変わりません。
# 5 番目から右端に着くと、$\alpha = 0.1$ なら $0.5 + 0.1 (1 - 0.5) = 0.55$ になります。

# %%
walk_errors = {
    (method, alpha): tabular.walk_errors(method, alpha, seed=1)
    for method, alpha in (("TD(0)", 0.05), ("TD(0)", 0.1), ("モンテカルロ", 0.02), ("モンテカルロ", 0.04))
}
figure, axis = new_figure("ch01.prediction_errors")
for (method, alpha), errors in walk_errors.items():
    axis.plot(errors, label=f"{method}, α = {alpha:g}")
axis.set(xlabel="歩いた回数", ylabel="二乗平均平方根誤差", title="5 マスのランダムウォーク (100 通りの平均)")
axis.legend()
figure

# %%
last_error = {
    name: min(errors[-1] for (method, _), errors in walk_errors.items() if method == name)
    for name in ("TD(0)", "モンテカルロ")
}
claim("ch01.walk.td", float(last_error["TD(0)"] / last_error["モンテカルロ"]))

# %% [markdown]
# ## 4. Q 学習と SARSA
#
# ### 崖のそばを歩く
#
# CliffWalking-v1 は 4×12 のマスです。S から G へ歩きます。1 歩ごとに −1。崖に踏み込むと −100 で、S に戻されます。
# 最短は、崖のふちを通る 13 歩です。
#
# **行動価値 (action value)** $Q(s, a)$ は、状態 $s$ で行動 $a$ を取り、そのあとは方策に従ったときの収益の期待値です。表が見えなくても、遷移
# $(s, a, r, s')$ が 1 つあるたびに、少しずつ直せます。
#
# ### 手で計算する
#
# $Q(s, a) = -4$ のとき、報酬 −1 で $s'$ に移りました。$s'$ の行動価値は $(-3, -2, -90, -5)$ で、次に選んだ行動は 0 番でした。
# $\alpha = 0.5$、$\gamma = 1$ なら
#
# - **Q 学習 (Q-learning)** は、いちばん良い行動の −2 を使います。目標は $-1 + (-2) = -3$、新しい値は $-4 + 0.5 (-3 + 4) = -3.5$
# - **SARSA** は、実際に選んだ行動の −3 を使います。目標は $-4$、新しい値は $-4$ のまま
# - **期待 SARSA (Expected SARSA)** は、選ぶ確率で平均します。$\varepsilon = 0.1$ なら $0.9 \times (-2) + 0.1 \times (-25) = -4.3$ を使い、新しい値は $-4.65$
#
# $$Q(s, a) \leftarrow Q(s, a) + \alpha \bigl( r + \gamma \, V' - Q(s, a) \bigr), \qquad
# V' = \begin{cases} \max_{a'} Q(s', a') & \text{Q 学習} \\ Q(s', a') & \text{SARSA} \\ \sum_{a'} \pi(a' \mid s') Q(s', a') & \text{期待 SARSA} \end{cases}$$
#
# $s'$ が終端なら $V' = 0$ です。3 つの違いは、$V'$ だけです。

# %% tags=["nbval-check-output"]
next_q = np.array([-3.0, -2, -90, -5])
for method in tabular.METHODS:
    worth = tabular.following_value(method, next_q, action=0, epsilon=0.1)
    print(f"{method}: V' = {worth:.2f}, 新しい値 {-4 + 0.5 * (-1 + worth - -4):.2f}")

# %% [markdown]
# Q 学習の $V'$ は、これから探索で失敗することを数えません。学ぶ方策 (いちばん良い行動) と、動く方策 (ε-greedy) が違うので、**方策オフ型 (off-policy)** といいます。
# SARSA は、動いている方策そのものの価値を学びます。レポートのいう**オンポリシー (方策オン型, on-policy)** です。
#
# $\varepsilon = 0.1$ の探索をやめずに、1,000 エピソードずつ、**乱数の種 (シード)** を 5 通りに変えて学習します。

# %%
cliff_env = gym.make("CliffWalking-v1")
cliff = planning.model_of(cliff_env)
START = 36
learnt = {
    method: [tabular.learn(cliff_env, method, episodes=1000, alpha=0.1, seed=seed) for seed in SEEDS]
    for method in tabular.METHODS
}

# %%
figure, axis = new_figure("ch01.cliff_returns")
for method, runs in learnt.items():
    online = np.mean([returns for _, returns in runs], axis=0)
    axis.plot(np.convolve(online, np.ones(50) / 50, "valid"), label=method)
axis.set(
    xlabel="エピソード", ylabel="収益 (探索を含む)", ylim=(-120, 0), title="学習中の収益 (50 回の移動平均)"
)
axis.legend(loc="lower right")
figure

# %%
greedy_actions = {method: [q.argmax(axis=1) for q, _ in runs] for method, runs in learnt.items()}
figures.draw_cliff(
    {method: planning.greedy_path(cliff, actions[0], START) for method, actions in greedy_actions.items()},
    heading="学習した行動をたどった道 (シード 1)",
    alt="ch01.cliff_roads",
)

# %% [markdown]
# 探索をやめて、いちばん良い行動だけを選べば、Q 学習の道は最短です。探索を続けている間の収益は、SARSA のほうが高くなります。

# %%
optimal_cliff = planning.optimal_values(cliff)
claim("ch01.cliff.optimum", round(float(optimal_cliff[START])))
claim(
    "ch01.cliff.q_greedy",
    max(len(planning.greedy_path(cliff, a, START)) - 1 for a in greedy_actions["Q 学習"]),
)


# %%
def online_median(method):
    return float(np.median([returns[-500:].mean() for _, returns in learnt[method]]))


for number, method in enumerate(tabular.METHODS):
    claim(f"ch01.cliff.online.{number}", online_median(method))

# %% [markdown]
# ### 学んだ値は、どの方策の価値か
#
# 方策オフ型と方策オン型の違いは、学んだ**数**にも出ます。S での行動価値を比べましょう。

# %%
result_table(
    [
        {
            "方法": method,
            "学んだ max Q(S, ·)": float(np.median([q[START].max() for q, _ in runs])),
            "学習中の収益": online_median(method),
        }
        for method, runs in learnt.items()
    ],
    caption=f"5 つのシードの中央値。最適な方策の価値は {optimal_cliff[START]:.0f}",
    digits=2,
)

# %%
claim("ch01.cliff.off_policy", float(np.median([q[START].max() for q, _ in learnt["Q 学習"]])))
claim("ch01.cliff.on_policy", float(np.median([q[START].max() for q, _ in learnt["SARSA"]])))

# %% [markdown]
# ### モデルフリー
#
# レポートは Q 学習を「モデルフリー」といいます。遷移の表を使わずに学ぶ、という意味です。すべる湖で、遷移だけから学んだ方策を、
# 2 節の正確な計算で採点します。

# %%
lake_scores = []
for seed in SEEDS[:3]:
    q, _ = tabular.learn(lake_env, "Q 学習", episodes=5000, alpha=0.05, seed=seed, epsilon=0.2, gamma=0.99)
    learnt_policy = planning.soft_policy(q.argmax(axis=1), 4)
    lake_scores.append(planning.return_within(lake, learnt_policy, 100, start=0))
claim("ch01.lake.model_free", float(np.median(lake_scores)))

# %% [markdown]
# ### 問題 4 Q 学習の更新 (1 点)
#
# `q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma)` を書きましょう。`q` は `(状態の数, 行動の数)` の表です。
# 1 回の遷移で更新した**表全体**を返します (`q` を書き換えて返しても、写しを返してもかまいません)。
# たとえば `q_learning_update(np.array([[1.0, 2], [3, 5]]), 0, 1, -1.0, 1, False, 0.5, 0.8)` は `[[1, 2.5], [3, 5]]` です。

# %%
# EXERCISE ch01.q_learning

# %%
check("ch01.q_learning")

# %% [markdown]
# ### 問題 5 SARSA の更新 (1 点)
#
# `sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma)` を書きましょう。`next_action` は、
# `next_state` で実際に選んだ行動です (`terminated` のときは意味がありません)。更新した表全体を返します (`q` を書き換えてもかまいません)。
# たとえば `sarsa_update(np.array([[1.0, 2], [3, 5]]), 0, 1, -1.0, 1, 0, False, 0.5, 0.8)` は `[[1, 1.7], [3, 5]]` です。

# %%
# EXERCISE ch01.sarsa

# %%
check("ch01.sarsa")

# %% [markdown]
# ## 5. 方策の価値を、正確に測る
#
# 学習中の収益は、運で上下します。表があれば、方策の価値は**連立 1 次方程式**で正確に求まります。
# 方策 $\pi$ を決めると $\max$ がなくなり、式が線形になるからです。
#
# $$V = r_\pi + \gamma P_\pi V \quad \Longrightarrow \quad (I - \gamma P_\pi) V = r_\pi$$
#
# ### 手で計算する
#
# 前の節のランダムウォークで確かめます。左から 3 番目の価値は、2 番目と 4 番目の平均です。$\frac{2/6 + 4/6}{2} = \frac36$。ほかのマスでも同じことが成り立ちます。

# %% tags=["nbval-check-output"]
walk = planning.evaluate(planning.random_walk(), np.full((7, 2), 1 / 2))
grid = planning.evaluate(planning.grid_world(), np.full((16, 4), 1 / 4))
print("ランダムウォーク × 6:", (walk * 6).round(6))
print("4×4 の格子\n", grid.round(6).reshape(4, 4) + 0.0)

# %%
claim("ch01.walk.exact", " ".join(f"{value * 6:.0f}" for value in walk[1:-1]))
claim("ch01.grid.exact", " ".join(f"{value:.0f}" for value in grid[:4]))

# %% [markdown]
# ### 崖の 3 つの道
#
# $\varepsilon = 0.1$ の探索を続けながら歩くとき、3 つの道の収益はいくらでしょうか。崖のふちを通る道、いちばん上の行まで上がる道、そして、探索を
# 続けるなら最も良い道です。最後の道は、**方策反復 (policy iteration)** で求めます。評価と改善を、変わらなくなるまで繰り返す方法です。

# %%
edge = planning.action_values(cliff, optimal_cliff).argmax(axis=1)
rows, columns = np.divmod(np.arange(48), 12)
top = np.where(columns == 11, 2, np.where(rows > 0, 0, 1))
safest = planning.best_soft_actions(cliff, epsilon=0.1)


def exact_return(actions, epsilon=0.1):
    return float(planning.evaluate(cliff, planning.soft_policy(actions, 4, epsilon))[START])


# %%
roads = {"崖のふち": edge, "いちばん上": top, "探索を続けるなら最良": safest}
figures.draw_cliff(
    {name: planning.greedy_path(cliff, actions, START) for name, actions in roads.items()},
    heading="3 つの道",
    alt="ch01.three_roads",
)

# %%
for number, actions in enumerate(roads.values()):
    claim(f"ch01.cliff.exact.{number}", exact_return(actions))
claim("ch01.cliff.exact.steps", len(planning.greedy_path(cliff, safest, START)) - 1)

# %% [markdown]
# Q 学習が学んだ最短の道は、探索を続ける間は**最良の道の 2 倍以上**も失います。探索をやめれば −13 です。
# では、4 節で学んだ方策を、同じ物差しで測ります。

# %%
exact_soft = {method: [exact_return(a) for a in actions] for method, actions in greedy_actions.items()}
plot_runs(
    exact_soft,
    metric="ε = 0.1 での正確な収益",
    baseline=exact_return(safest),
    heading="学んだ方策の正確な収益 (5 つのシード)",
)

# %%
for number, method in enumerate(("Q 学習", "SARSA")):
    claim(f"ch01.cliff.learnt.{number}", float(np.median(exact_soft[method])))

# %% [markdown]
# ### 問題 6 方策の価値を正確に求める (2 点)
#
# `policy_values(transitions, rewards, terminal, gamma, policy)` を書きましょう。`policy[s, a]` は状態 `s` で行動 `a` を選ぶ確率です。
# ほかの引数は問題 2 と同じです。その方策の状態価値 `(状態の数,)` を、連立 1 次方程式を解いて (または同じ精度で) 返します。
# たとえば 2 つの状態があり、0 番で報酬 1 をもらって終端の 1 番に移る行動と、報酬 0 で 0 番にとどまる行動を半々に選ぶと、
# `gamma` が 1 のときの結果は `[1, 0]`、0.5 のときは `[2/3, 0]` です。

# %%
# EXERCISE ch01.evaluate

# %%
check("ch01.evaluate")

# %% [markdown]
# ## 6. DQN: 表の代わりに、ネットワーク
#
# CartPole の状態は 4 つの実数なので、表には書けません。レポートは DQN を「Q 学習をディープラーニングと組み合わせたアルゴリズム」といいます。
# まず、この文を確かめます。状態を one-hot で表し、Dense 層 1 つ (バイアスなし) を SGD で学習すると、**Q 学習の表とぴったり同じ**になります。

# %%
states, steps = 5, 200
draw = np.random.default_rng(course.seed)
table = np.zeros((states, 2))
one_layer = keras.Sequential([keras.Input((states,)), keras.layers.Dense(2, use_bias=False)])
one_layer.layers[0].set_weights([table])
sgd = keras.optimizers.SGD(0.1)

for _ in range(steps):
    s, a, following, r = (int(n) for n in draw.integers(0, [states, 2, states, 3]))
    goal = r + 0.9 * table[following].max()
    table[s, a] += 0.1 * (goal - table[s, a])
    with tf.GradientTape() as tape:
        q = one_layer(np.eye(states, dtype="float32"))
        loss = 0.5 * (tf.stop_gradient(r + 0.9 * tf.reduce_max(q[following])) - q[s, a]) ** 2
    sgd.apply(tape.gradient(loss, one_layer.trainable_variables), one_layer.trainable_variables)

claim("ch01.dqn.table", float(np.abs(one_layer.layers[0].get_weights()[0] - table).max()))

# %% [markdown]
# ### 2 つの工夫
#
# 層を重ねると、ある状態での更新が、ほかの状態の値も動かします。DQN は 2 つの工夫でそれを抑えます。
#
# - **経験再生 (experience replay)**: 遷移をためておき、無作為に取り出して学習します。続けて起きた、よく似た遷移ばかりで学習しないためです
# - **目標ネットワーク (target network)**: 目標 $r + \gamma \max_{a'} Q^-(s', a')$ の $Q^-$ には、ときどき写すだけの古い重みを使います。追いかける的を、動かさないためです
#
# ### 手で計算する
#
# $\gamma = 0.9$、報酬はどれも 1 とします。次の状態の行動価値は、目標ネットワークで (3, 5) でした。
#
# - 続いている: 目標は $1 + 0.9 \times 5 = 5.5$
# - 終端: この先に報酬はないので、目標は 1
# - 打ち切り: 時間が来ただけで、その先の報酬はなくなりません。目標は $5.5$
#
# 打ち切りを終端と取り違えると、どれだけずれるでしょうか。毎回報酬 1 がもらえ、10 ステップで打ち切られる、状態が 1 つだけの環境を考えます。
# $\gamma = 0.99$ なら本当の価値は $1/(1 - 0.99) = 100$ です。

# %% tags=["nbval-check-output"]
for name, goes_on in (("打ち切りの先も見積もる", 1.0), ("終端と取り違える", 0.9)):
    value = 0.0
    for _ in range(5000):
        value = 1 + 0.99 * goes_on * value  # 10 回に 1 回は、打ち切りで終わる
    print(f"{name}: {value:.2f}")

# %% [markdown]
# ### 学習する
#
# ネットワークは Dense 層が 3 つです。1 回の更新を `tf.function` でまとめ、行動を選ぶときは、取り出した重みで NumPy の計算をします。
# `model.predict` は 1 回ごとの準備が重いので、1 ステップごとには呼びません。2 つの計算が同じ値になることを確かめておきます。

# %%
network = deep.dense_network(2)
some_states = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
difference = network(some_states).numpy() - deep.forward(deep.weights_of(network), some_states)
claim("ch01.dqn.numpy", float(np.abs(difference).max()))
print(f"パラメータ {network.count_params():,}、設定 {deep.DQN()}")

# %% [markdown]
# まず、ここで短く学習します (4,000 ステップ、シード 1)。500 ステップごとに、いちばん良い行動だけを選ぶ方策で 20 エピソードを試し、平均を記録します。

# %%
live = deep.train_dqn(deep.DQN(steps=4_000, explore=2_000), seed=1)
print("ステップ", live.steps)
print("収益    ", [round(value) for value in live.returns])
claim("ch01.dqn.live", float(max(live.returns) / random_lengths.mean()))

# %% [markdown]
# ### 5 つのシードで、部品を外してみる
#
# 20,000 ステップの学習を、5 つのシードで `experiment.py` が済ませてあります。記録を読んで描きます。線は中央値、帯は最小から最大です。
#
# **475 の測り方** Gymnasium は、100 エピソードの平均が 475 以上なら「解けた」とします。ここでは、学習中に試したうちで最良の重みを、**別の出発点からの
# 100 エピソード**で試し、その平均を使います (表の「試験の収益」)。試すために使ったステップは、どの方法でも横軸に数えません。


# %%
def stored(*keys):
    return {experiment.METHODS[key][0]: experiment.stored_runs(key) for key in keys}


dqn_runs = stored("dqn", "dqn_no_replay", "dqn_no_target")
figures.plot_bands(
    {name: tables.band(runs) for name, runs in dqn_runs.items()},
    heading="DQN から部品を外す (5 つのシード)",
    baseline=("無作為", float(random_lengths.mean())),
    alt="ch01.dqn_returns",
)

# %%
result_table(tables.summary(dqn_runs), caption="5 つのシードの最小 / 中央値 / 最大")

# %%
late = {name: float(np.median([tables.late(run) for run in runs])) for name, runs in dqn_runs.items()}
claim("ch01.dqn.replay", late["経験再生なし"] / late["DQN"])

# %% [markdown]
# ### 目標ネットワークは、見積もりのふくらみを抑える
#
# 収益だけを見ると、目標ネットワークの効果は分かりません。ネットワークが**見積もった値**を見ましょう。エピソードのはじめの $\max_a Q$ の平均です。
# 割引率は 0.99 なので、本当の値は 100 を超えません (1 節)。

# %%
figures.plot_bands(
    {name: tables.band(runs, column="values") for name, runs in dqn_runs.items()},
    heading="はじめの状態で見積もる収益 (5 つのシード)",
    ylabel="max Q の平均",
    threshold=None,
    baseline=("真の上限 100", 100.0),
    alt="ch01.dqn_values",
)

# %%
promised = {name: float(np.median([max(run.values) for run in runs])) for name, runs in dqn_runs.items()}
claim("ch01.dqn.promise", promised["DQN"])
claim("ch01.dqn.overestimate", promised["目標ネットワークなし"])

# %% [markdown]
# 目標ネットワークを外した版は、見積もりが何倍にもふくらみます。それでも CartPole では、左右の価値の**大小**さえ合っていれば棒は倒れません。
#
# 工夫には、代償もあります。目標の値は、写すたびに 1 ステップ分しか先へ伝わりません。$n$ 回写したときに届くのは、およそ
# $1 + \gamma + \cdots + \gamma^{n-1} = (1 - \gamma^n)/(1 - \gamma)$ までです (ネットワークの当てはめの誤差で、少し超えることもあります)。

# %%
settings = deep.DQN()
copies = settings.steps // settings.target_every
reachable = (1 - settings.gamma**copies) / (1 - settings.gamma)
print(f"{copies} 回写すと、届くのは {reachable:.1f} まで。真の上限は {1 / (1 - settings.gamma):.0f}")
claim("ch01.dqn.slow", promised["DQN"] / reachable)
claim(
    "ch01.dqn.target", float(tables.solved(dqn_runs["DQN"]) - tables.solved(dqn_runs["目標ネットワークなし"]))
)

# %% [markdown]
# この短い学習では、目標ネットワークを外した版のほうが多くのシードで解けました。ただし、5 つのうちの数の差は偶然でも起こる大きさで、どちらが
# 良いかは、ここからは分かりません。論文の Atari では、外すと点が大きく下がります。値が速く伝わるのが理由かどうかは、写す間隔を変えて測らなければ言えません。

# %% [markdown]
# ### 問題 7 DQN の目標 (2 点)
#
# `dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma)` を書きましょう。`rewards`、`terminated`、`truncated` は
# `(バッチ,)`、`next_q_online` と `next_q_target` は、次の状態の行動価値を、学習中のネットワークと目標ネットワークで求めた `(バッチ, 行動の数)` です。
# DQN (Double DQN ではありません) の目標を `(バッチ,)` で返します。
# たとえば報酬が `[1, 1, 1]`、`next_q_target` がどの行も `[3, 5]` で、2 番目だけが終端、3 番目だけが打ち切りなら、
# `gamma` が 0.9 のときの結果は `[5.5, 1, 5.5]` です。

# %%
# EXERCISE ch01.dqn_targets

# %%
check("ch01.dqn_targets")

# %% [markdown]
# ## 7. 方策勾配法: 方策を直接よくする
#
# レポートのいう「ポリシーを直接最適化する手法」です。ネットワークは行動の確率 $\pi_\theta(a \mid s)$ を出力します。エピソードを終えたら、
# 収益の高かった行動の確率を上げます。**REINFORCE** の勾配は
#
# $$\nabla J(\theta) = \mathbb{E}\Bigl[ \sum_t \nabla \log \pi_\theta(a_t \mid s_t)\, \bigl(G_t - b(s_t)\bigr) \Bigr]$$
#
# $G_t$ は $t$ から先だけを割り引いた収益です。正確な勾配には $\gamma^t$ も掛かりますが、実用のプログラムにならって、ここでも省きます ($\gamma = 1$ なら同じです)。
# $b$ は**ベースライン (baseline)** で、状態だけで決まる数です。引いても勾配の平均は変わらず、ばらつきが小さくなります。
#
# ### 手で計算する
#
# 腕が 2 本だけのバンディットを考えます。右の報酬は 101、左は 100 で、右を選ぶ確率は $\theta$ の sigmoid、いまは 0.5 です。
# $\nabla \log \pi$ は、右を選べば $1 - 0.5 = 0.5$、左なら $-0.5$ です。
#
# - $b = 0$: 右なら $0.5 \times 101 = 50.5$、左なら $-0.5 \times 100 = -50$。平均は 0.25、けれども 1 回ごとには ±50 と大きく揺れます
# - $b = 100.5$: 右なら $0.5 \times 0.5 = 0.25$、左なら $-0.5 \times (-0.5) = 0.25$。どちらを引いても 0.25 です

# %% tags=["nbval-check-output"]
score_function = np.array([-0.5, 0.5])  # 左、右
for baseline in (0, 100.5):
    samples = score_function * (np.array([100, 101]) - baseline)
    print(f"b = {baseline}: 平均 {samples.mean():.2f}、標準偏差 {samples.std():.2f}")

# %% [markdown]
# 平均の 0.25 は、期待収益 $J = 100 + \mathrm{sigmoid}(\theta)$ の微分 $0.5 \times 0.5$ と同じです。
# もっと一般の場合も、微分と突き合わせましょう。行動が 5 つのバンディットで、正確な $J$ の微分と、REINFORCE の平均を比べます。

# %%
draw = np.random.default_rng(course.seed)
logits, arm_rewards = tf.Variable(draw.normal(size=5)), draw.normal(size=5)
with tf.GradientTape() as tape:
    expected_return = tf.reduce_sum(tf.nn.softmax(logits) * arm_rewards)
exact_gradient = tape.gradient(expected_return, logits).numpy()

chances = tf.nn.softmax(logits).numpy()
scores = np.eye(5) - chances  # 行動ごとの ∇ log π
reinforce_gradient = chances @ (scores * (arm_rewards - 7)[:, None])  # ベースライン 7
claim("ch01.policy_gradient.exact", float(np.abs(reinforce_gradient - exact_gradient).max()))

# %% [markdown]
# ### 学習する
#
# 8 エピソードを並べて動かし、終わったら 1 回更新します。ベースラインには、収益を予測するもう 1 つのネットワークを使います。
# これはシード 1 の 1 回です (60,000 ステップ)。

# %%
live = deep.train_reinforce(deep.Reinforce(steps=60_000), seed=1)
claim("ch01.reinforce.live", float(max(live.returns) / random_lengths.mean()))

# %%
learnt_policy = deep.greedy(live.best, "tanh")
balanced = cartpole.play(learnt_policy, 1, seed=3)
moments = np.linspace(0, len(balanced.alive) - 1, 5).astype(int)
figures.draw_carts(
    balanced.observations[moments, 0],
    [f"{moment} ステップ" for moment in moments],
    heading="REINFORCE が学んだ方策",
    alt="ch01.balanced",
)

# %%
reinforce_runs = stored("reinforce", "reinforce_no_baseline")
figures.plot_bands(
    {name: tables.band(runs) for name, runs in reinforce_runs.items()},
    heading="REINFORCE (5 つのシード)",
    baseline=("無作為", float(random_lengths.mean())),
    alt="ch01.reinforce_returns",
)

# %%
result_table(tables.summary(reinforce_runs), caption="5 つのシードの最小 / 中央値 / 最大")

# %%
claim("ch01.reinforce.solved", tables.solved(reinforce_runs["REINFORCE"]))
claim(
    "ch01.reinforce.baseline",
    tables.solved(reinforce_runs["REINFORCE"]) - tables.solved(reinforce_runs["ベースラインなし"]),
)

# %% [markdown]
# どちらの版も 5 つのシードのすべてで解けたので、解けた数では差を測れません。ベースラインの効き目は、**この課題では分からない**というのが正直な答えです。
# 手計算の例では、標準偏差が 50 から 0 になりました。差を見るには、もっと難しい課題か、もっと多くのシードが要ります。

# %% [markdown]
# ### 問題 8 REINFORCE の損失 (2 点)
#
# `reinforce_loss(logits, actions, returns, baselines)` を TensorFlow (または keras.ops) で書きましょう。`logits` は softmax の前の得点
# `(時刻の数, 行動の数)`、`actions`、`returns`、`baselines` は `(時刻の数,)` です。`actions` は int32、ほかは float32 のテンソルです。
# 最小化すると方策が良くなる損失を、時刻についての**平均**で 1 つの数にして返します。採点では `logits` についての勾配も調べます。
# `baselines` には勾配を流しません。得点がとても大きくても NaN にならないようにします。
# たとえば得点が `[[0, 0]]`、行動が `[1]`、収益が `[3]`、ベースラインが `[1]` なら、損失は $2 \ln 2 = 1.386$ です。

# %%
# EXERCISE ch01.policy_gradient

# %%
check("ch01.policy_gradient")

# %% [markdown]
# ## 8. 考察: 遺伝的アルゴリズム
#
# レポートの考察は、「似たものに遺伝的アルゴリズムがある。以前はこれも強化学習の一種だと思っていたが、厳密には進化計算に基づいた最適化手法であるため
# 強化学習とは異なる」といいます。同じ課題を**遺伝的アルゴリズム (genetic algorithm)** で解き、どこが違うのかを調べましょう。
#
# 1 つの個体は、小さなネットワークの重みを並べたものです。**適応度 (fitness)** は、エピソードの収益の平均です。
#
# 1. **選択 (selection)**: 適応度の高い個体を**エリート (elite)** として残す
# 2. **交叉 (crossover)**: エリートから 2 個体を選び、遺伝子ごとに、どちらかから受け継ぐ
# 3. **突然変異 (mutation)**: 受け継いだ遺伝子に、小さな乱数を足す
#
# ### 手で計算する
#
# 親が (1, 2, 3, 4) と (10, 20, 30, 40) で、コインが「表・裏・裏・表」と出たら、子は (1, 20, 30, 4) です。そこへ、平均 0 の小さな乱数を 4 つ足します。

# %% tags=["nbval-check-output"]
parents = np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]])
children = evolution.breed(parents, children=1000, mutation=0.0, rng=np.random.default_rng(0))
print("子の例", children[0], children[1])
print(
    "どちらの親から来たかの割合が 1/2 に近いか:",
    bool(np.all(np.abs((children < 10).mean(axis=0) - 0.5) < 0.06)),
)

# %%
live = evolution.evolve(evolution.Genetic(steps=100_000), seed=1)
result_table(
    [
        {"世代": generation, "累計のステップ": step, "世代の平均": mean, "最良の個体": best}
        for generation, (step, mean, best) in enumerate(
            zip(live.steps, live.values, live.returns, strict=True), 1
        )
    ],
    caption=f"{evolution.GENES} 個の遺伝子、{evolution.Genetic().population} 個体",
    digits=0,
)

# %%
claim("ch01.genetic.live", float(live.values[-1] / live.values[0]))

# %% [markdown]
# ### 選択がなければ、ただの当てずっぽう
#
# 比べる相手は、同じだけ個体を引いて、最良のものを覚えておくだけの**ランダム探索 (random search)** です。

# %%
search_runs = stored("genetic", "random_search")
figure, axes = new_figure(
    "ch01.evolution",
    1,
    2,
    figsize=(10, 4.2),
)
for axis, column, heading, threshold in (
    (axes[0], "values", "世代の平均", None),
    (axes[1], "returns", "最良の個体", cartpole.THRESHOLD),
):
    bands = {name: tables.band(runs, column=column) for name, runs in search_runs.items()}
    figures.plot_bands(bands, heading=heading, alt="", threshold=threshold, axis=axis)
figure

# %%
last_mean = {name: float(np.median([run.values[-1] for run in runs])) for name, runs in search_runs.items()}
claim("ch01.genetic.population", last_mean["遺伝的アルゴリズム"] / last_mean["ランダム探索"])
claim("ch01.genetic.solved", tables.solved(search_runs["遺伝的アルゴリズム"]))
claim("ch01.random_search.solved", float(tables.solved(search_runs["ランダム探索"])))

# %% [markdown]
# 世代は確かに進化します。ただし CartPole は、当てずっぽうでも解けるほどやさしい課題です。**やさしい課題で解けたことは、方法の良さの証拠になりません**。
#
# ### 4 つの方法を並べる

# %%
every = stored("dqn", "reinforce", "genetic", "random_search")
result_table(tables.summary(every), caption="CartPole-v1、5 つのシードの最小 / 中央値 / 最大")

# %%
claim(
    "ch01.solved.any",
    float(sum(tables.solved(every[name]) >= 3 for name in ("DQN", "REINFORCE", "遺伝的アルゴリズム"))),
)

# %% [markdown]
# ### 何を見て、何を見ないか
#
# 遺伝的アルゴリズムが見るのは、エピソード全体の**合計**だけです。報酬の順番を入れ替えても、適応度は変わりません。
# 強化学習は、どの行動のあとにどの報酬が来たかを見ます。順番が変われば、学ぶことも変わります。

# %%
rewards = np.array([0.0, 0, 5, -1, 2])
shuffled = rewards[[2, 0, 4, 3, 1]]
to_go = [deep.returns_to_go(r[:, None], 0.99)[:, 0] for r in (rewards, shuffled)]
claim("ch01.genetic.order", bool(rewards.sum() == shuffled.sum()))
claim("ch01.reinforce.order", bool(np.abs(to_go[0] - to_go[1]).max() > 1))

# %% [markdown]
# ### 問題 9 遺伝的アルゴリズムの次の世代 (2 点)
#
# `next_generation(population, fitness, elites, mutation_scale, rng)` を書きましょう。`population` は `(個体の数, 遺伝子の数)`、`fitness` は
# `(個体の数,)` で大きいほど良い適応度、`rng` は `np.random.Generator` です。次の順で、同じ形の次の世代を作ります。
#
# 1. 適応度が高いほうから `elites` 個体を、良い順に、そのまま先頭に並べる。
# 2. 残りの子は 1 つずつ、エリートから無作為に選んだ 2 個体を親にする (同じ個体が 2 回選ばれてもかまいません)。遺伝子ごとに、確率 1/2 で
#    どちらかの親から受け継ぐ (一様交叉)。
# 3. 子のすべての遺伝子に、平均 0、標準偏差 `mutation_scale` の正規乱数を足す (突然変異)。
#
# 乱数はすべて `rng` から引きます。採点は、たくさんの遺伝子で割合とばらつきを数えて行います。`elites` は 2 以上です。
# たとえば個体が `[[1, 2], [3, 4], [5, 6]]`、適応度が `[1, 3, 2]` で `elites` が 2 なら、次の世代は `[3, 4]`、`[5, 6]` と、その 2 つの子です。

# %%
# EXERCISE ch01.next_generation

# %%
check("ch01.next_generation")

# %% [markdown]
# ## 9. 自分で解く
#
# 最後に、環境の中を見ずに学ぶエージェントを書き、正確な物差しで測ります。
#
# ### 問題 10 迷路を学習する (4 点)
#
# `learn(env, steps, gamma, seed)` を書きましょう。`env` は gymnasium と同じ作りの環境です (`state, info = env.reset()`、
# `state, reward, terminated, truncated, info = env.step(action)`、`env.observation_space.n`、`env.action_space.n`)。中の確率や報酬は見えません。
# `step` は合わせて `steps` 回まで呼べます。
#
# 試行錯誤で学習し、状態ごとに選ぶ行動を並べた方策 `(状態の数,)` を整数の配列で返します。方法は自由です (Q 学習、SARSA、モンテカルロ法、…)。
# 乱数は `seed` から作ります。
#
# 採点では、毎回ちがう小さな迷路を用意します (`steps` は 20000、迷路は 10 マスほど、すべりやすい床)。**判定する側が、その方策のスタートでの価値を連立方程式で
# 正確に求め**、無作為な方策を 0、最適な方策を 1 とする尺度で、どの迷路でも 0.9 以上なら合格です。近くには小さな報酬、遠くには大きな報酬があり、
# どちらもエピソードを終わらせます。
#
# 手もとの環境でも試せます。たとえば `learn(gym.make("FrozenLake-v1"), 20000, 0.99, seed=0)` は、16 マスの行動 (0〜3) を並べた配列を返します。

# %%
# EXERCISE ch01.solve

# %%
check("ch01.solve")

# %%
score()

# %% [markdown]
# ## 10. 補足・訂正
#
# - **価値関数は、方策ごとに違います** レポートは「ある状態における累積報酬の期待値」といいますが、どの方策に従うかを決めないと、期待値は決まりません。
#   崖の S の価値は、同じ道でも、探索を続けるかどうかで変わります。次のセルで確かめます。
# - **「この関数を学習することで最適な行動を決定する」とは限りません** ベースラインなしの REINFORCE と遺伝的アルゴリズムは、価値関数を学ばずに棒を支えました (7、8 節)。
#   遺伝的アルゴリズムには、価値を出力する場所さえありません。
# - **「似たもの」と「異なる」は、どちらも正しいのです** 強化学習は**課題**の名前でも、**方法**の名前でもあります。遺伝的アルゴリズムは、強化学習の課題を解く、
#   強化学習ではない方法です。エピソードの途中で何が起きたかを使わない点が違います (8 節)。
# - **「モデルフリー」なのは Q 学習だけではありません** SARSA も、DQN も、REINFORCE も、遷移の表を使いません。レポートの SARSA の説明にある「モデルフリー」は、そのとおりです。
#   表を使う 2 節の価値反復は、計画 (planning) といいます。
# - **探索の言葉がありません** レポートの基本概念には、探索と活用が出てきません。試行錯誤で学ぶなら、避けて通れない問題です (3 節)。
# - **用字** 「自立走行車」は、ふつう「自律走行車」と書きます。自分で判断して走る、という意味です。

# %%
claim("ch01.note.policy", exact_return(edge, epsilon=0.0) - exact_return(edge, epsilon=0.1))

# %% [markdown]
# ## 11. まとめ
#
# この章で確かめたことを一覧にします。

# %%
claims_table()

# %%
print(course.cost())

# %% [markdown]
# **参考文献**
#
# - R. S. Sutton, A. G. Barto, *Reinforcement Learning: An Introduction*, 2nd ed., MIT Press, 2018
# - R. Bellman, *Dynamic Programming*, Princeton University Press, 1957
# - C. J. C. H. Watkins, P. Dayan, "Q-learning", Machine Learning 8, 1992
# - G. A. Rummery, M. Niranjan, "On-line Q-learning using connectionist systems" (SARSA), 1994
# - H. van Seijen et al., "A theoretical and empirical analysis of Expected Sarsa", ADPRL 2009
# - L.-J. Lin, "Self-improving reactive agents based on reinforcement learning, planning and teaching" (経験再生), Machine Learning 8, 1992
# - V. Mnih et al., "Human-level control through deep reinforcement learning" (DQN), Nature 518, 2015
# - R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning" (REINFORCE), Machine Learning 8, 1992
# - J. H. Holland, *Adaptation in Natural and Artificial Systems*, University of Michigan Press, 1975
# - G. Syswerda, "Uniform crossover in genetic algorithms", ICGA 1989
# - M. Towers et al., "Gymnasium: A Standard Interface for Reinforcement Learning Environments", 2024
