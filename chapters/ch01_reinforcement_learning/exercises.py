"""Chapter 1: the exercises that the learner sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grader.compare import expect, expect_close, expect_number, expect_parts, expect_shape, shape_of
from grader.exercise import Answer, Exercise, Handle, Status

Array = npt.NDArray[Any]


# ch01.returns


RETURNS_ONE_NUMBER = (
    "エピソードのはじめの収益だけが返っています。どの時刻についても求め、報酬と同じ長さで返しましょう。"
)
NO_DISCOUNT = "割引がありません。1 つ先の報酬には gamma を、2 つ先には gamma の 2 乗を掛けます。"
ONLY_NEXT = "1 つ先の報酬までしか足していません。エピソードの終わりまで足しましょう。"
EXTRA_DISCOUNT = "gamma を 1 回余分に掛けています。その時刻の報酬 r_t には gamma を掛けません。"
SUMS_THE_PAST = "過去の報酬を足しています。収益は、その時刻から先の報酬の和です。後ろから順に計算しましょう。"
ABSOLUTE_TIME = "割引をエピソードのはじめから数えています。時刻 t の収益では、r_t を割り引きません。"
LACKS_OWN_REWARD = "その時刻の報酬 r_t が抜けています。"
IGNORES_BEYOND = (
    "beyond を使っていません。最後の報酬の次の時刻に、収益 beyond が続くと考えて、割り引いて足しましょう。"
)
KEEPS_BEYOND_WHOLE = (
    "beyond を割り引いていません。最後の報酬より 1 つ先なので、最後の時刻の収益にも gamma を掛けて足します。"
)
BACKWARDS = "並びが逆です。後ろから求めた収益を、時刻の順に並べ直しましょう。"
CUTS_OFF = "結果の小数部分が切り捨てられています。整数の報酬から作った配列 (np.zeros_like(rewards) など) に、収益を入れていませんか。"
DIVIDES_BY_POWER = "NaN か無限大があります。gamma の累乗で割ると、gamma が 0 のときや長いエピソードで、0 で割ることになります。"


def expect_returns(
    answer: Answer,
    rewards: Sequence[float],
    gamma: float,
    beyond: float,
    right: Any,
    known: Mapping[str, Any] | None = None,
    dtype: str = "float64",
) -> None:
    given = answer.call("discounted_returns", np.array(rewards, dtype), gamma, beyond)
    name = "discounted_returns(rewards, gamma, beyond)"
    expect(shape_of(given, name) != (), RETURNS_ONE_NUMBER, Status.WRONG_SHAPE)
    array = expect_shape(given, (len(rewards),), name)
    expect(bool(np.isfinite(array).all()), DIVIDES_BY_POWER)
    expect_close(array, right, name, known=known)


def check_returns(answer: Answer) -> None:
    expect_returns(
        answer,
        [2, -1, 4],
        0.5,
        8.0,
        [3.5, 3, 8],
        {
            NO_DISCOUNT: [13, 11, 12],
            ONLY_NEXT: [1.5, 1, 8],
            EXTRA_DISCOUNT: [2.25, 2.5, 6],
            SUMS_THE_PAST: [6, 2, 5],
            ABSOLUTE_TIME: [3.5, 1.5, 2],
            LACKS_OWN_REWARD: [3, 8, 8],
            BACKWARDS: [8, 3, 3.5],
            IGNORES_BEYOND: [2.5, 1, 4],
            KEEPS_BEYOND_WHOLE: [4.5, 5, 12],
        },
    )
    expect_returns(answer, [2, 1, 4], 0.5, 0.0, [3.5, 3, 4], {CUTS_OFF: [3, 3, 4]}, dtype="int64")
    expect_returns(answer, [1, 2, 3, -5], 1.0, 2.0, [3, 2, 0, -3])
    expect_returns(answer, [3, 1, 2], 0.0, 9.0, [3, 1, 2])
    expect_returns(answer, [7], 0.9, 0.0, [7])


# ch01.value_iteration


RETURNS_ACTION_VALUES = (
    "行動ごとの値が返っています。価値反復では、行動についての最大値を取り、状態ごとに 1 つの値にします。"
)
AVERAGES_ACTIONS = "行動について平均しています。最適な価値は、いちばん良い行動の値、つまり最大値です。"
BOOTSTRAPS_FROM_TERMINAL = (
    "終端状態の価値が 0 になっていません。終端状態から先はないので、毎回 0 に戻しましょう。"
)
DISCOUNTS_REWARD = "報酬まで割り引いています。gamma を掛けるのは、次の状態の価値だけです。"
TRANSPOSES = "確率の軸が違います。transitions[s, a, s2] を、次の状態 s2 の価値に掛けて、s2 について足します。"
ONE_SWEEP = "1 回しか更新していません。変化が tolerance より小さくなるまで繰り返しましょう。"
SIGNED_CHANGE = "価値が減っていくときに、すぐ止まっています。変化は、絶対値にしてから tolerance と比べます。"
STOPS_TOO_EARLY = "まだ変わり続けているのに止まっています。繰り返す回数を決めず、変化が tolerance より小さくなるまで続けます。"


class Process(NamedTuple):
    """A Markov decision process.

    Attributes:
        transitions: Probabilities ``(states, actions, states)``.
        rewards: Expected rewards ``(states, actions)``.
        terminal: Whether a state is terminal, ``(states,)``; its rows above mean nothing.
    """

    transitions: Array
    rewards: Array
    terminal: Array


FIRST_PROCESS = Process(
    np.array(
        [
            [[0.5, 0.5, 0, 0], [0, 0, 1, 0]],
            [[0, 0.2, 0.8, 0], [0.5, 0, 0, 0.5]],
            [[1, 0, 0, 0], [0, 0.4, 0.6, 0]],
            [[0, 0, 0, 1], [1, 0, 0, 0]],
        ]
    ),
    np.array([[1.0, 0], [2, 3], [0, 4], [5, 6]]),
    np.array([False, False, False, True]),
)
SLOW_PROCESS = Process(
    np.array([[[0.9995, 0.0005]], [[0, 1.0]]]), np.array([[1.0], [0]]), np.array([False, True])
)
"""Mostly stays where it is: after 10,000 sweeps the value of the first state is 1,987 of 2,000."""
SECOND_PROCESS = Process(
    np.array([[[0, 1, 0], [0.5, 0.5, 0]], [[0.5, 0, 0.5], [0, 0.75, 0.25]], [[0, 0, 1], [1, 0, 0]]]),
    np.array([[-1.0, -2], [-3, -1], [-4, -4]]),
    np.array([False, False, True]),
)


def expect_values(given: Any, process: Process, right: Any, name: str, known: Mapping[str, Any]) -> None:
    """Expects one value for each state."""
    expect(shape_of(given, name) != process.rewards.shape, RETURNS_ACTION_VALUES, Status.WRONG_SHAPE)
    expect_close(given, right, name, known=known)


def expect_settled(given: Any, name: str, stops_early: str) -> None:
    """Expects the values of the slow process, and tells who stopped on the way there."""
    values = expect_shape(given, (2,), name)
    expect(not 1 < values[0] < 1999, stops_early)
    expect_close(values, [2000, 0], name)


def check_value_iteration(answer: Answer) -> None:
    given = answer.call("value_iteration", *FIRST_PROCESS, 0.5, 1e-9)
    expect_values(
        given,
        FIRST_PROCESS,
        [40 / 11, 60 / 11, 80 / 11, 0],
        "value_iteration の結果",
        {
            AVERAGES_ACTIONS: [2.05405, 3.6139, 3.38224, 0],
            BOOTSTRAPS_FROM_TERMINAL: [34 / 9, 58 / 9, 68 / 9, 10],
            DISCOUNTS_REWARD: [20 / 11, 30 / 11, 40 / 11, 0],
            TRANSPOSES: [108 / 11, 61 / 11, 140 / 11, 0],
            ONE_SWEEP: [1, 3, 4, 0],
        },
    )
    given = answer.call("value_iteration", *SECOND_PROCESS, 1.0, 1e-9)
    expect_values(
        given,
        SECOND_PROCESS,
        [-5, -4, 0],
        "報酬が負で gamma が 1 のときの value_iteration の結果",
        {SIGNED_CHANGE: [-1, -1, 0]},
    )
    given = answer.call("value_iteration", *SLOW_PROCESS, 1.0, 1e-9)
    expect_settled(given, "なかなか終わらない課題での value_iteration の結果", STOPS_TOO_EARLY)


# ch01.epsilon_greedy


RETURNS_CHOICE = "行動の番号が返っています。どの行動をどれだけの確率で選ぶかを、確率の配列で返しましょう。"
LOSES_EXPLORATION = "確率の和が 1 になりません。最大の行動も、ランダムに選ぶ確率 ε/A の分だけ選ばれます。"
EXPLORES_OTHERS = "ランダムに選ぶときに、最大の行動を外しています。すべての行動から同じ確率で選びます。"
SWAPS_EPSILON = "ε の向きが逆です。ε はランダムに選ぶ確率で、最大の行動を選ぶのは 1-ε です。"
NEVER_EXPLORES = "いつも最大の行動を選んでいます。確率 ε で、すべての行動から選びます。"
PICKS_SMALLEST = "価値が最小の行動を選んでいます。"
FIRST_OF_TIES = "最大の行動がいくつもあるのに、1 つだけに 1-ε を渡しています。同じ値の行動で等分しましょう。"
DOUBLES_TIES = "最大の行動がいくつもあると、確率の和が 1 を超えます。1-ε を、最大の行動の数で割りましょう。"


def expect_probabilities(
    answer: Answer, values: Sequence[float], epsilon: float, right: Any, known: Mapping[str, Any]
) -> None:
    given = answer.call("epsilon_greedy", np.array(values, dtype="float64"), epsilon)
    expect(
        shape_of(given, "epsilon_greedy(action_values, epsilon)") != (), RETURNS_CHOICE, Status.WRONG_SHAPE
    )
    expect_close(given, right, "epsilon_greedy(action_values, epsilon)", known=known)


def check_epsilon_greedy(answer: Answer) -> None:
    expect_probabilities(
        answer,
        [1, 3, 2, -1],
        0.2,
        [0.05, 0.85, 0.05, 0.05],
        {
            LOSES_EXPLORATION: [0.05, 0.8, 0.05, 0.05],
            EXPLORES_OTHERS: [0.2 / 3, 0.8, 0.2 / 3, 0.2 / 3],
            SWAPS_EPSILON: [0.2, 0.4, 0.2, 0.2],
            NEVER_EXPLORES: [0, 1, 0, 0],
            PICKS_SMALLEST: [0.05, 0.05, 0.05, 0.85],
        },
    )
    expect_probabilities(
        answer,
        [-2, 5, 5, 1],
        0.4,
        [0.1, 0.4, 0.4, 0.1],
        {FIRST_OF_TIES: [0.1, 0.7, 0.1, 0.1], DOUBLES_TIES: [0.1, 0.7, 0.7, 0.1]},
    )
    expect_probabilities(answer, [0, 0, 0, 0, 0], 0.0, [0.2] * 5, {FIRST_OF_TIES: [1, 0, 0, 0, 0]})


# ch01.q_learning, ch01.sarsa


RETURNS_NUMBER = "更新した値だけが返っています。更新した表全体を返しましょう。"
RETURNS_NOTHING = "何も返っていません。更新した表を return で返しましょう。"
CHANGES_OTHERS = "更新するのは q[state, action] だけです。ほかのマスの値が変わっています。"
LACKS_DIFFERENCE = (
    "目標をそのまま足しています。足すのは「目標 - いまの値」(TD 誤差) に alpha を掛けたものです。"
)
OVERWRITES = "いまの値を目標で置き換えています。alpha の分だけ近づけましょう。"
SWAPS_ALPHA = "alpha の向きが逆です。新しい目標の重みが alpha、いまの値の重みが 1 - alpha です。"
LACKS_GAMMA = "次の状態の価値に gamma が掛かっていません。"
LACKS_REWARD = "報酬が足されていません。"
FROM_CURRENT_STATE = "次の状態ではなく、いまの状態の価値を使っています。"
WHOLE_TABLE = "表全体の最大値を使っています。次の状態 next_state の行だけを見ましょう。"
AT_LEAST_ZERO = "次の状態の価値が負のとき、0 として計算されています。最大値は、0 からではなく、その行の値だけから求めましょう。"
AVERAGES_NEXT = "次の状態の価値を、行動についての平均で求めています。Q 学習では最大値を使います。"
BOOTSTRAPS = "エピソードが終わった (terminated) のに、次の状態の価値を足しています。目標は報酬だけです。"
SKIPS_LAST = "terminated のときに更新していません。エピソードの終わりの報酬こそ、表に入れなければなりません。"
IS_Q_LEARNING = (
    "次の状態の最大値を使っています。それは Q 学習です。SARSA は、実際に選んだ next_action の値を使います。"
)
IS_EXPECTED = "次の状態の値を平均しています。期待 SARSA に近い形です。SARSA は、実際に選んだ next_action の値を使います。"
USES_OLD_ACTION = "次の状態の値を、いまの行動 action で引いています。使うのは next_action です。"

TABLE = np.array([[1.0, 2, 0], [4, -2, 6], [5, 3, -1]])


def with_entry(table: Array, state: int, action: int, value: float) -> Array:
    """A copy of a table with one entry changed."""
    changed = table.copy()
    changed[state, action] = value
    return changed


def expect_table(
    given: Any, table: Array, state: int, action: int, right: float, known: Mapping[str, float]
) -> None:
    """Expects a table in which one entry has a new value."""
    expect(given is not None, RETURNS_NOTHING, Status.WRONG_TYPE)
    expect(shape_of(given, "更新した表") != (), RETURNS_NUMBER, Status.WRONG_SHAPE)
    array = expect_shape(given, table.shape, "更新した表")
    others = with_entry(array, state, action, 0)
    expect(bool(np.allclose(others, with_entry(table, state, action, 0), atol=1e-6)), CHANGES_OTHERS)
    expect_close(array[state, action], right, "q[state, action]", known=known)


def check_q_learning(answer: Answer) -> None:
    given = answer.call("q_learning_update", TABLE, 0, 1, 1.0, 2, False, 0.25, 0.8)
    expect_table(
        given,
        TABLE,
        0,
        1,
        2.75,
        {
            LACKS_DIFFERENCE: 3.25,
            OVERWRITES: 5,
            SWAPS_ALPHA: 4.25,
            LACKS_GAMMA: 3,
            LACKS_REWARD: 2.5,
            FROM_CURRENT_STATE: 2.15,
            WHOLE_TABLE: 2.95,
            AVERAGES_NEXT: 2 + 0.25 * (1 + 0.8 * 7 / 3 - 2),
            SKIPS_LAST: 2,
        },
    )
    given = answer.call("q_learning_update", TABLE, 0, 1, 1.0, 2, True, 0.25, 0.8)
    expect_table(given, TABLE, 0, 1, 1.75, {BOOTSTRAPS: 2.75, SKIPS_LAST: 2})
    given = answer.call("q_learning_update", TABLE - 7, 0, 1, 1.0, 2, False, 0.25, 0.8)
    expect_table(given, TABLE - 7, 0, 1, -3.9, {AT_LEAST_ZERO: -3.5})
    given = answer.call("q_learning_update", TABLE, 2, 0, -2.0, 1, False, 0.5, 0.25)
    expect_table(given, TABLE, 2, 0, 2.25, {})


def check_sarsa(answer: Answer) -> None:
    given = answer.call("sarsa_update", TABLE, 0, 1, 1.0, 2, 2, False, 0.25, 0.8)
    expect_table(
        given,
        TABLE,
        0,
        1,
        1.55,
        {
            IS_Q_LEARNING: 2.75,
            IS_EXPECTED: 2 + 0.25 * (1 + 0.8 * 7 / 3 - 2),
            USES_OLD_ACTION: 2.35,
            LACKS_DIFFERENCE: 2.05,
            OVERWRITES: 0.2,
            SWAPS_ALPHA: 0.65,
            LACKS_GAMMA: 1.5,
            LACKS_REWARD: 1.3,
            FROM_CURRENT_STATE: 1.75,
        },
    )
    given = answer.call("sarsa_update", TABLE, 0, 1, 1.0, 2, 0, True, 0.25, 0.8)
    expect_table(given, TABLE, 0, 1, 1.75, {BOOTSTRAPS: 2.75, SKIPS_LAST: 2})
    given = answer.call("sarsa_update", TABLE, 2, 0, -2.0, 1, 0, False, 0.5, 0.25)
    expect_table(given, TABLE, 2, 0, 2.0, {})


# ch01.evaluate


TAKES_BEST = "いちばん良い行動を選んだ価値になっています。policy[s, a] の確率で平均しましょう。"
IGNORES_POLICY = "policy を使わず、どの行動も同じ確率で選んでいます。"
TERMINAL_IS_REWARDED = (
    "終端状態の報酬を足しています。終端状態からは動かないので、その行の報酬も確率も使いません。"
)
ROUNDS_POLICY = "確率が最大の行動だけを選んでいます。policy[s, a] の確率で平均しましょう。"
REWARD_OF_ANY_ACTION = "報酬を、policy の確率ではなく、行動についての単純な平均で求めています。"
FORGETS_FUTURE = "1 歩で得られる報酬だけの値です。次の状態の価値に gamma を掛けて足しましょう。"
STOPS_EARLY = "反復が収束する前に止まっています。連立方程式を解くか、値が動かなくなるまで反復しましょう。"
SOLVES_TRANSPOSED = (
    "連立方程式の行列が転置されています。解くのは (I - γP)v = r で、P の行がいまの状態、列が次の状態です。"
)


def check_evaluate(answer: Answer) -> None:
    policy = np.array([[0.25, 0.75], [0.5, 0.5], [1, 0], [0.5, 0.5]])
    expect_values(
        answer.call("policy_values", *FIRST_PROCESS, 0.5, policy),
        FIRST_PROCESS,
        [84 / 149, 412 / 149, 42 / 149, 0],
        "policy_values の結果",
        {
            TAKES_BEST: [40 / 11, 60 / 11, 80 / 11, 0],
            IGNORES_POLICY: [2.05405, 3.6139, 3.38224, 0],
            BOOTSTRAPS_FROM_TERMINAL: [0.6482, 3.77844, 0.3241, 7.5494],
            TERMINAL_IS_REWARDED: [0.62528, 3.50336, 0.31264, 5.5],
            ROUNDS_POLICY: [0, 20 / 9, 0, 0],
            REWARD_OF_ANY_ACTION: [1.95973, 3.51678, 2.97987, 0],
            FORGETS_FUTURE: [0.25, 2.5, 0, 0],
            SOLVES_TRANSPOSED: [1.14541, 2.70694, 0.97092, 0.33837],
        },
    )
    expect_values(
        answer.call("policy_values", *SECOND_PROCESS, 1.0, np.full((3, 2), 0.5)),
        SECOND_PROCESS,
        [-26 / 3, -20 / 3, 0],
        "gamma が 1 のときの policy_values の結果",
        {TAKES_BEST: [-5, -4, 0]},
    )
    given = answer.call("policy_values", *SLOW_PROCESS, 1.0, np.ones((2, 1)))
    expect_settled(given, "なかなか終わらない課題での policy_values の結果", STOPS_EARLY)


# ch01.dqn_targets


ONLINE_NETWORK = "学習中のネットワークの値を使っています。DQN では、目標ネットワークの最大値を使います。"
DOUBLE_DQN = "学習中のネットワークで行動を選んでいます。それは Double DQN です。ここでは目標ネットワークの最大値を使います。"
STOPS_AT_TRUNCATION = (
    "打ち切られた (truncated) だけの遷移で、次の価値を 0 にしています。"
    "打ち切りは世界の終わりではないので、次の状態の価値を使います。"
)
IGNORES_TERMINATED = "terminated の遷移でも次の状態の価値を足しています。目標は報酬だけです。"
CONFUSES_FLAGS = "terminated と truncated が逆です。次の価値を 0 にするのは terminated のほうです。"
TARGET_LACKS_GAMMA = "目標ネットワークの値に gamma が掛かっていません。"
TARGET_DISCOUNTS_REWARD = "報酬にまで gamma を掛けています。"
AVERAGES_TARGET = "行動について平均しています。Q 学習の目標には、最大値を使います。"
MAX_OVER_BATCH = "最大値を取る軸が違います。バッチではなく、行動の軸 (軸 1) で取ります。"
BROADCASTS = "(バッチ, バッチ) の形になっています。形 (バッチ,) と (バッチ, 1) を足すと、そう広がります。最大値を取るときに軸を残さないようにしましょう。"


def expect_targets(
    answer: Answer, case: Mapping[str, Array], gamma: float, right: Any, known: Mapping[str, Any]
) -> None:
    size = len(case["rewards"])
    given = answer.call("dqn_targets", *case.values(), gamma)
    expect(shape_of(given, "dqn_targets(…)") != (size, size), BROADCASTS, Status.WRONG_SHAPE)
    expect_close(given, right, "dqn_targets(…)", known=known)


def check_dqn_targets(answer: Answer) -> None:
    case = {
        "rewards": np.array([1, -2, 0.5, 3], "float32"),
        "terminated": np.array([False, True, False, False]),
        "truncated": np.array([False, False, True, False]),
        "next_q_online": np.array([[1, 4, 0, 0], [3, 3.5, 1, 1], [2, 0, 6, 2], [-1, -3, -2, -4]], "float32"),
        "next_q_target": np.array([[2, 1, 6, -1], [4, 0, 2, 1], [8, 10, -2, 3], [-4, -2, -6, -9]], "float32"),
    }
    expect_targets(
        answer,
        case,
        0.5,
        [4, -2, 5.5, 2],
        {
            ONLINE_NETWORK: [3, -2, 3.5, 2.5],
            DOUBLE_DQN: [1.5, -2, -0.5, 1],
            STOPS_AT_TRUNCATION: [4, -2, 0.5, 2],
            IGNORES_TERMINATED: [4, 0, 5.5, 2],
            CONFUSES_FLAGS: [4, 0, 0.5, 2],
            TARGET_LACKS_GAMMA: [7, -2, 10.5, 1],
            TARGET_DISCOUNTS_REWARD: [3.5, -1, 5.25, 0.5],
            AVERAGES_TARGET: [2, -2, 2.875, 0.375],
            MAX_OVER_BATCH: [5, -2, 3.5, 4.5],
        },
    )
    both = {name: values[2:] for name, values in case.items()}
    both["terminated"], both["truncated"] = np.array([True, True]), np.array([True, False])
    expect_targets(answer, both, 0.9, [0.5, 3], {CONFUSES_FLAGS: [0.5, 1.2]})


# ch01.policy_gradient


WRONG_SIGN = "符号が逆です。この損失を最小化すると、良い行動の確率が下がります。最小化するので、マイナスを付けましょう。"
NO_BASELINE = "baselines を引いていません。収益から baselines を引いた値 (アドバンテージ) を掛けます。"
ADDS_BASELINE = "baselines を足しています。収益から引きましょう。"
SUMS_STEPS = "時刻について足しただけです。平均しましょう。"
USES_PROBABILITY = "確率そのものを使っています。使うのは、選んだ行動の確率の対数です。"
NO_SOFTMAX = "得点をそのまま使っています。softmax で確率にしてから対数を取ります。"
SOFTMAX_OVER_TIME = "softmax の軸が違います。時刻ごとに、行動の軸 (最後の軸) で取ります。"
STANDARDISES = (
    "アドバンテージの平均や標準偏差をそろえています。ここでは、収益から baselines を引くだけにします。"
)
RETURNS_EACH_STEP = "時刻ごとの値が返っています。平均して 1 つの数にしましょう。"
NO_GRADIENT = (
    "logits まで勾配が流れません。NumPy に変えず、TensorFlow か keras.ops の演算だけで書きましょう。"
)
BASELINE_GRADIENT = (
    "baselines にまで勾配が流れています。方策の損失では、アドバンテージを定数と見なします "
    "(tf.stop_gradient で囲みます)。"
)
OVERFLOWS = "得点が大きいと NaN や無限大になります。softmax のあとに log を取らず、tf.nn.log_softmax などを使いましょう。"
CLIPS_PROBABILITY = "とても小さい確率の対数が、途中で止まっています。確率に小さい数を足さず、得点から log_softmax を直接求めましょう。"


class Episode(NamedTuple):
    """What the loss of an episode is made of: ``(time, actions)`` scores and three numbers for each time."""

    logits: Array
    actions: Array
    returns: Array
    baselines: Array


def expect_loss(
    answer: Answer, episode: Episode, loss: float, gradient: Array, known: Mapping[str, float]
) -> None:
    """Expects a loss, its gradient with respect to the logits, and none with respect to the baselines."""
    function = answer.value("reinforce_loss")
    expect(isinstance(function, Handle), "reinforce_loss を関数にしましょう。", Status.WRONG_TYPE)
    found = answer.probe("loss_and_gradients", function, *episode)
    value, of_logits, of_baselines = expect_parts(found, 3, "採点のための関数が書き換えられています。")
    expect(
        shape_of(value, "reinforce_loss(…)") != (len(episode.actions),), RETURNS_EACH_STEP, Status.WRONG_SHAPE
    )
    expect(bool(np.isfinite(expect_number(value, "reinforce_loss(…)"))), OVERFLOWS)
    expect_close(value, loss, "reinforce_loss(…)", rtol=1e-3, atol=1e-4, known=known)
    expect(of_logits is not None, NO_GRADIENT)
    expect(bool(np.isfinite(expect_shape(of_logits, gradient.shape, "logits の勾配")).all()), OVERFLOWS)
    expect(bool(np.any(of_logits)) or not np.any(gradient), NO_GRADIENT)
    expect_close(of_logits, gradient, "logits についての勾配", rtol=1e-3, atol=1e-4)
    if of_baselines is not None:
        to_baselines = expect_shape(of_baselines, episode.baselines.shape, "baselines の勾配")
        expect(not np.any(to_baselines), BASELINE_GRADIENT)


def check_policy_gradient(answer: Answer) -> None:
    episode = Episode(
        np.array([[0.307, -0.386, -0.386], [-3.609, -3.609, -2.511], [-1.803, 0.277, -1.803]], "float32"),
        np.array([1, 2, 0]),
        np.array([4, 1, 2], "float32"),
        np.array([1, 2, 0], "float32"),
    )
    gradient = np.array(
        [[0.49996, -0.74998, 0.25002], [-0.06669, -0.06669, 0.13338], [-0.60003, 0.53339, 0.06664]]
    )
    expect_loss(
        answer,
        episode,
        2.75122,
        gradient,
        {
            WRONG_SIGN: -2.75122,
            NO_BASELINE: 3.55401,
            ADDS_BASELINE: 4.35679,
            SUMS_STEPS: 8.25366,
            USES_PROBABILITY: -0.1167,
            NO_SOFTMAX: 0.751,
            SOFTMAX_OVER_TIME: 1.77548,
            STANDARDISES: 0.52034,
        },
    )
    # The logarithm of a chance of e^-1000 is -1000; the other chance is 1.
    extreme = Episode(
        np.array([[1000, 0], [-500, 300]], "float32"),
        np.array([1, 1]),
        np.array([3, 5], "float32"),
        np.array([1, 2], "float32"),
    )
    clipped = {CLIPS_PROBABILITY: -float(np.log(np.float32(1e-8)))}
    expect_loss(answer, extreme, 1000.0, np.array([[1.0, -1], [0, 0]]), clipped)


# ch01.next_generation


WORST_FIRST = "適応度が低い個体を残しています。適応度は大きいほど良い値です。"
CHANGES_ELITES = "エリートが変わっています。先頭の elites 個体は、突然変異させずにそのまま残します。"
ELITES_MISSING = "先頭の elites 個体が、適応度の高いほうから順に並んだエリートではありません。"
AVERAGES_PARENTS = "2 つの親を平均しています。遺伝子ごとに、どちらかの親の値をそのまま受け継ぎます。"
PARENTS_FROM_ALL = "エリートではない個体が親になっています。親はエリートから選びます。"
NOT_FROM_PARENTS = (
    "子の遺伝子が、どの親の値ともつながっていません。親の値に、平均 0 の小さな乱数を足しましょう。"
)
CLONES = "どの子も 1 つの親の写しです。2 つの親を選び、遺伝子ごとにどちらかから受け継ぎます (一様交叉)。"
TOO_MANY_PARENTS = "1 つの子に 3 つ以上の親がいます。子ごとに 2 つの親を決めてから、遺伝子を選びましょう。"
ONE_POINT = "遺伝子をひとつながりで受け継いでいます (1 点交叉)。遺伝子ごとに、別々にくじを引きましょう。"
SHARED_COIN = (
    "どの子も、同じ遺伝子を同じ側の親から受け継いでいます。くじは、子ごと、遺伝子ごとに引きましょう。"
)
UNEVEN = "2 つの親から受け継ぐ割合が、半々になっていません。"
SAME_PAIR = "親になるエリートが偏っています。子ごとに、エリートからランダムに選びましょう。"
NO_MUTATION = "突然変異がありません。子のすべての遺伝子に、正規乱数を足します。"
MUTATES_SOME = "突然変異していない遺伝子があります。子のすべての遺伝子に、別々の正規乱数を足しましょう。"
SHARED_NOISE = "同じ乱数を使い回しています。突然変異の乱数は、子ごと、遺伝子ごとに別々に引きましょう (形に気をつけます)。"
WRONG_SCALE = "突然変異の標準偏差が mutation_scale になっていません。"
BIASED_NOISE = "突然変異の平均が 0 になっていません。"
NOT_NORMAL = "突然変異の散らばり方が正規分布ではありません。rng.normal を使いましょう。"
NOT_REPEATABLE = "同じ乱数から始めたのに、結果が変わります。乱数はすべて、渡された rng から引きましょう。"
IGNORES_RNG = "rng を変えても結果が変わりません。渡された rng から引きましょう。"


class Breeding(NamedTuple):
    """What one step of a genetic algorithm starts from.

    Attributes:
        population: ``(individuals, genes)``, far apart beside the scale of mutation.
        fitness: ``(individuals,)``.
        elites: Number of individuals that survive.
        scale: Standard deviation of mutation.
    """

    population: Array
    fitness: Array
    elites: int
    scale: float


def breed(answer: Answer, case: Breeding, seed: int) -> Array:
    """Asks for the next generation."""
    rng = answer.probe("generator", seed)
    given = answer.call("next_generation", *case, rng)
    return expect_shape(given, case.population.shape, "次の世代")


def check_next_generation_at(answer: Answer, individuals: int, genes: int, elites: int, scale: float) -> None:
    """Expects elites, crossover, mutation and the use of the generator."""
    case = Breeding(
        answer.rng.normal(0, 100_000 * scale, (individuals, genes)),
        answer.rng.permutation(individuals) * 1.5 - individuals,
        elites,
        scale,
    )
    seed = int(answer.rng.integers(1_000_000))
    generation = breed(answer, case, seed)
    order = np.argsort(-case.fitness)
    check_elites(generation[:elites], case, order)
    children = generation[elites:]
    distances = np.abs(children[:, np.newaxis] - case.population)
    parents = distances.argmin(axis=1)
    noise = children - np.take_along_axis(case.population, parents, axis=0)
    check_crossover(children, parents, noise, case, order)
    check_mutation(noise, scale)
    expect(bool(np.array_equal(breed(answer, case, seed), generation)), NOT_REPEATABLE)
    expect(not np.array_equal(breed(answer, case, seed + 1), generation), IGNORES_RNG)


def check_elites(top: Array, case: Breeding, order: Array) -> None:
    """Expects the fittest, best first, as they were."""
    best, worst = case.population[order[: len(top)]], case.population[order[::-1][: len(top)]]
    near = 20 * case.scale
    expect(not np.allclose(top, worst, rtol=0, atol=near), WORST_FIRST)
    changed = np.allclose(top, best, rtol=0, atol=near) and not np.allclose(top, best, rtol=1e-6, atol=0)
    expect(not changed, CHANGES_ELITES)
    expect(bool(np.allclose(top, best, rtol=1e-6, atol=0)), ELITES_MISSING)


def check_crossover(children: Array, parents: Array, noise: Array, case: Breeding, order: Array) -> None:
    """Expects two elites as parents of each child, gene by gene by the toss of a coin.

    Args:
        children: Shape ``(children, genes)``.
        parents: The individual with the nearest gene, of the same shape.
        noise: How far it is, of the same shape.
        case: What it started from.
        order: Individuals, the fittest first.
    """
    inherited = np.abs(noise) < 50 * case.scale
    if inherited.mean() < 0.9:
        best = case.population[order[: case.elites]]
        means = (best[:, np.newaxis] + best).reshape(-1, 1, best.shape[1]) / 2
        gaps = np.median(np.abs(children - means), axis=2).min(axis=0)
        expect(bool(np.median(gaps) > 50 * case.scale), AVERAGES_PARENTS)
    expect(inherited.mean() > 0.9, NOT_FROM_PARENTS)
    shares = np.stack([(parents == individual).mean(axis=1) for individual in order])
    expect(shares[case.elites :].sum(axis=0).max() < 0.1, PARENTS_FROM_ALL)
    counts = (shares[: case.elites] > 0.05).sum(axis=0)
    expect(counts.max() <= 2, TOO_MANY_PARENTS)
    expect(counts.max() == 2, CLONES)
    mixed = counts == 2
    switches = (np.diff(parents[mixed], axis=1) != 0).mean(axis=1)
    expect(float(np.median(switches)) > 0.2, ONE_POINT)
    tosses = parents[mixed] == parents[mixed][:, :1]
    alike = (tosses[1:] == tosses[:-1]).mean(axis=1)
    expect(float(np.median(np.abs(alike - 0.5))) < 0.2, SHARED_COIN)
    larger = shares[: case.elites, mixed].max(axis=0)
    expect(float(np.median(larger)) < 0.57, UNEVEN)
    used = (shares[: case.elites] > 0.05).mean(axis=1)
    expect(used.max() - used.min() < 3.5 / np.sqrt(len(children)), SAME_PAIR)


def check_mutation(noise: Array, scale: float) -> None:
    """Expects independent normal noise; the bands are many standard deviations wide."""
    inherited = np.abs(noise) < 50 * scale
    sample = noise[inherited]
    unchanged = np.mean(np.abs(sample) < 1e-6 * scale)
    expect(bool(unchanged < 0.98), NO_MUTATION)
    expect(bool(unchanged < 0.02), MUTATES_SOME)
    kept = np.where(inherited, noise, 0)
    apart = [np.median(np.abs(np.diff(kept, axis=axis))) for axis in (0, 1) if noise.shape[axis] > 1]
    expect(min(apart) > 0.1 * sample.std(), SHARED_NOISE)
    expect(abs(sample.mean()) < 0.2 * sample.std(), BIASED_NOISE)
    expect(0.9 * scale < sample.std() < 1.1 * scale, WRONG_SCALE)
    expect(0.025 < float(np.mean(np.abs(sample) > 2 * scale)) < 0.07, NOT_NORMAL)


def check_next_generation(answer: Answer) -> None:
    check_next_generation_at(answer, individuals=200, genes=100, elites=5, scale=0.02)


# ch01.solve


USES_FEW_STEPS = "env.step をほとんど呼ばないうちに終わっています。steps 回まで使って学習しましょう。"
UNTRIED = "ほとんど試していない行動がたくさんあります。価値が最大の行動だけを選ばず、ε-greedy でほかの行動も試しましょう。"
EXPLORES_LITTLE = (
    "遠くの扉まで、ほとんど行っていません。近くの扉の小さな報酬に慣れてしまう前に、もっといろいろな行動を試しましょう。"
    "はじめは ε を 1 に近くし、少しずつ小さくするとうまくいきます。"
)
WANDERS = (
    "その方策では、扉になかなか着きません。価値が最大の行動を選んでいますか。"
    "次の状態の価値を目標に足して、扉の報酬を手前のマスへ伝えていますか。"
)
FORGETS_TERMINATED = (
    "遠くの扉を知っているのに、近くの扉へ行っています。次の状態の価値を 0 にするのは terminated の遷移だけで、"
    "ほかの遷移では gamma を掛けて足します。terminated でも足すと、エピソードを何度も繰り返せることになってしまいます。"
)
NOT_GOOD_ENOUGH = "方策の価値が、最適な方策に届きません。学習率、ε、gamma の使い方を見直しましょう。"
RETURNS_TABLE = (
    "行動価値の表が返っています。状態ごとに、価値が最大の行動の番号を並べましょう (argmax(axis=1))。"
)
NOT_ACTIONS = "方策は、行動の番号 (0 から、行動の数 - 1 までの整数) を状態の順に並べたものです。"

MAZE_GAMMA = 0.9
MAZE_STEPS = 20_000
EPISODE_STEPS = 60
SLIP = 0.1
NEAR_REWARD, FAR_REWARD = 1.0, 2.0
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
GOOD = 0.9


class Maze(NamedTuple):
    """A maze in numbers.

    Attributes:
        transitions: Probability of arriving, ``(states, actions, states + 2)``; the last two columns are the
            near and the far door, which end the episode.
        rewards: Reward of arriving, ``(states + 2,)``.
        start: State in which episodes start.
    """

    transitions: Array
    rewards: Array
    start: int


def read_maze(rows: Sequence[str]) -> Maze:
    """Reads a map: ``S`` start, ``n`` near door, ``F`` far door, ``#`` wall, ``.`` floor, where one slips at times."""
    places = [(r, c) for r, row in enumerate(rows) for c, mark in enumerate(row) if mark in "S."]
    numbers = {place: state for state, place in enumerate(places)}
    doors = {
        (r, c): len(places) + "nF".index(mark)
        for r, row in enumerate(rows)
        for c, mark in enumerate(row)
        if mark in "nF"
    }
    arrivals = numbers | doors
    transitions = np.zeros((len(places), len(MOVES), len(places) + 2))
    for (row, column), state in numbers.items():
        for slipped, (down, right) in enumerate(MOVES):
            arrived = arrivals.get((row + down, column + right), state)
            transitions[state, :, arrived] += SLIP / len(MOVES)
            transitions[state, slipped, arrived] += 1 - SLIP
    rewards = np.append(np.zeros(len(places)), [NEAR_REWARD, FAR_REWARD])
    start = next(state for (r, c), state in numbers.items() if rows[r][c] == "S")
    return Maze(transitions, rewards, start)


def renumbered(maze: Maze, rng: np.random.Generator) -> Maze:
    """The same maze with its states and actions numbered anew."""
    states, actions, _ = maze.transitions.shape
    order = rng.permutation(states)
    columns = np.append(order, [states, states + 1])
    transitions = maze.transitions[order][:, rng.permutation(actions)][:, :, columns]
    return Maze(transitions, maze.rewards, int(np.flatnonzero(order == maze.start).item()))


def outcome(maze: Maze, policy: Array, steps: int = 400, starts: Array | None = None) -> tuple[float, Array]:
    """Follows the crowd of all episodes, step by step.

    Args:
        maze: The maze.
        policy: Probabilities ``(states, actions)``.
        steps: How many.
        starts: Probability of starting in each state; by default all start where the maze says.

    Returns:
        Discounted return, and the share that has arrived at the near and at the far door.
    """
    moves = np.einsum("sa,sat->st", policy, maze.transitions)
    states = len(policy)
    crowd = np.eye(states)[maze.start] if starts is None else starts
    value, arrived = 0.0, np.zeros(2)
    for step in range(steps):
        ahead = crowd @ moves
        value += MAZE_GAMMA**step * float(ahead @ maze.rewards)
        crowd, arrived = ahead[:states], arrived + ahead[states:]
    return value, arrived


def arrived_from_anywhere(maze: Maze, chosen: Array) -> float:
    """Share of episodes that soon arrive at a door when they start in any state."""
    states, actions, _ = maze.transitions.shape
    policy = np.eye(actions)[chosen.astype(int)]
    return float(outcome(maze, policy, 15, np.full(states, 1 / states))[1].sum())


def check_maze(answer: Answer, maze: Maze, best: float) -> None:
    """Expects the policy that is learnt in a maze to be almost as good as the best.

    Args:
        answer: The answer.
        maze: The maze.
        best: Value of the best policy at the start.
    """
    states, actions, _ = maze.transitions.shape
    seeds = [int(seed) for seed in answer.rng.integers(0, 1_000_000, 2)]
    env = answer.probe("maze", *maze, EPISODE_STEPS, MAZE_STEPS, seeds[0])
    given = answer.call("learn", env, MAZE_STEPS, MAZE_GAMMA, seeds[1])
    expect(shape_of(given, "learn(…)") != (states, actions), RETURNS_TABLE, Status.WRONG_SHAPE)
    chosen = expect_shape(given, (states,), "learn(…)")
    expect(bool(np.isin(chosen, np.arange(actions)).all()), NOT_ACTIONS)
    chance, _ = outcome(maze, np.full((states, actions), 1 / actions))
    value, arrived = outcome(maze, np.eye(actions)[chosen.astype(int)])
    if value < chance + GOOD * (best - chance):
        tried = expect_shape(answer.probe("tried", env), (states, actions), "試した回数")
        expect(tried.sum() > MAZE_STEPS / 10, USES_FEW_STEPS)
        expect(bool(np.mean(tried < 3) < 0.2), UNTRIED)
        far_visits = float((tried * maze.transitions[:, :, -1]).sum())
        expect(far_visits > 20, EXPLORES_LITTLE)
        expect(arrived.sum() > 0.9 and arrived_from_anywhere(maze, chosen) > 0.8, WANDERS)
        expect(arrived[0] < 0.9, FORGETS_TERMINATED)
        expect(False, NOT_GOOD_ENOUGH)
    expect(True, NOT_GOOD_ENOUGH)


MAZES: list[tuple[list[str], float]] = [
    (["nS.....", "##.F..."], 1.56631),
    (["n#F....", "S....#."], 1.55793),
    ([".......", ".#nS.F#"], 1.74234),
    (["....S..", "..#.nF#"], 1.74170),
]
"""Maps, and the value of the best policy in each."""


def check_solve(answer: Answer) -> None:
    for rows, best in MAZES:
        check_maze(answer, renumbered(read_maze(rows), answer.rng), best)


EXERCISES: list[Exercise] = [
    Exercise(
        id="ch01.returns",
        title="割引収益",
        points=1,
        symbols=("discounted_returns",),
        template='''import numpy as np

def discounted_returns(rewards, gamma, beyond):
    """1 つのエピソードの報酬から、どの時刻の割引収益も求め、報酬と同じ長さの配列で返します。

    beyond は、最後の報酬の次の時刻から先の収益です (終端で終わったときは 0)。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_returns,
        hints=(
            "最後の時刻の収益は、最後の報酬と、gamma を掛けた beyond の和です。1 つ前の時刻の収益を、それを使って書けますか。",
            "G_t = r_t + gamma × G_{t+1} です。最後の報酬の次の G は beyond です。",
            "reversed(range(len(rewards))) で後ろから回り、求めた収益を同じ番号のところに入れましょう。",
        ),
    ),
    Exercise(
        id="ch01.value_iteration",
        title="価値反復",
        points=2,
        symbols=("value_iteration",),
        template='''import numpy as np

def value_iteration(transitions, rewards, terminal, gamma, tolerance):
    """最適な状態価値 (状態の数,) を返します。

    transitions[s, a, s2] は s で a を取ると s2 に移る確率、rewards[s, a] は報酬の期待値です。
    terminal[s] が True の状態は終端状態で、価値は 0 です (その行の確率と報酬には意味がありません)。
    どの状態の価値の変化も、絶対値が tolerance より小さくなるまで続けます。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_value_iteration,
        hints=(
            "すべての価値を 0 にして始め、ベルマン最適方程式の右辺で置き換えることを繰り返します。",
            "行動価値は rewards + gamma * transitions @ values です。形は (状態の数, 行動の数) になります。",
            "行動について最大値を取り、終端状態を 0 に戻します。np.abs(新しい価値 - 古い価値).max() が tolerance より小さければ終わりです。",
        ),
    ),
    Exercise(
        id="ch01.epsilon_greedy",
        title="ε-greedy の確率",
        points=1,
        symbols=("epsilon_greedy",),
        template='''import numpy as np

def epsilon_greedy(action_values, epsilon):
    """1 つの状態の行動価値 (行動の数,) から、各行動を選ぶ確率を返します。

    最大の行動がいくつもあるときは、1 - epsilon をそれらで等分します。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_epsilon_greedy,
        hints=(
            "まず、すべての行動に epsilon を同じだけ配ります。1 つの行動はいくつもらえますか。",
            "action_values == action_values.max() が、最大の行動の目印です。",
            "epsilon / A + (1 - epsilon) × 目印 / 目印の数、で求まります。",
        ),
    ),
    Exercise(
        id="ch01.q_learning",
        title="Q 学習の更新",
        points=1,
        symbols=("q_learning_update",),
        may_change_arguments=True,
        template='''import numpy as np

def q_learning_update(q, state, action, reward, next_state, terminated, alpha, gamma):
    """行動価値の表 q (状態の数, 行動の数) を 1 回の遷移で更新し、表全体を返します。"""
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_q_learning,
        hints=(
            "目標は、報酬と、次の状態でいちばん良い行動の価値からできています。",
            "terminated のときは、次の状態がないので、目標は報酬だけです。",
            "q[state, action] に alpha × (目標 - q[state, action]) を足し、return q で返します。",
        ),
    ),
    Exercise(
        id="ch01.sarsa",
        title="SARSA の更新",
        points=1,
        symbols=("sarsa_update",),
        may_change_arguments=True,
        template='''import numpy as np

def sarsa_update(q, state, action, reward, next_state, next_action, terminated, alpha, gamma):
    """行動価値の表 q (状態の数, 行動の数) を 1 回の遷移で更新し、表全体を返します。

    next_action は next_state で実際に選んだ行動です (terminated のときは意味がありません)。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_sarsa,
        hints=(
            "Q 学習とのちがいは、目標の 1 か所だけです。",
            "次の状態で最大の価値ではなく、実際に選んだ行動の価値 q[next_state, next_action] を使います。",
            "terminated のときの目標は、報酬だけです。",
        ),
    ),
    Exercise(
        id="ch01.evaluate",
        title="方策の価値を正確に求める",
        points=2,
        symbols=("policy_values",),
        template='''import numpy as np

def policy_values(transitions, rewards, terminal, gamma, policy):
    """方策の状態価値 (状態の数,) を正確に求めます。

    policy[s, a] は s で a を選ぶ確率です。transitions、rewards、terminal は価値反復の問題と同じです。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_evaluate,
        hints=(
            "方策を決めると、行動を平均した遷移確率 P[s, s2] と報酬 r[s] が決まり、価値は v = r + γPv をみたします。",
            'P は np.einsum("sa,sat->st", policy, transitions)、r は (policy * rewards).sum(axis=1) で求まります。',
            "終端状態の行を 0 にしてから、np.linalg.solve(np.eye(状態の数) - gamma * P, r) で解きましょう。",
        ),
    ),
    Exercise(
        id="ch01.dqn_targets",
        title="DQN の目標",
        points=2,
        symbols=("dqn_targets",),
        template='''import numpy as np

def dqn_targets(rewards, terminated, truncated, next_q_online, next_q_target, gamma):
    """DQN (Double DQN ではありません) の目標 (バッチ,) を返します。

    rewards、terminated、truncated は (バッチ,) です。next_q_online と next_q_target は、
    次の状態の行動価値を、学習中のネットワークと目標ネットワークで求めた (バッチ, 行動の数) です。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_dqn_targets,
        hints=(
            "DQN の目標は、報酬 + gamma × (目標ネットワークの最大値) です。使わない引数もあります。",
            "次の状態の価値を 0 にするのは、terminated の遷移だけです。打ち切り (truncated) のあとも、世界は続いています。",
            "next_q_target.max(axis=1) に (1 - terminated) を掛けましょう。",
        ),
    ),
    Exercise(
        id="ch01.policy_gradient",
        title="REINFORCE の損失",
        points=2,
        symbols=("reinforce_loss",),
        template='''import tensorflow as tf

def reinforce_loss(logits, actions, returns, baselines):
    """最小化すると方策が良くなる損失を、時刻についての平均で、1 つの数にして返します。

    logits は softmax の前の得点 (時刻の数, 行動の数)、ほかは (時刻の数,) のテンソルです。
    baselines には勾配を流しません。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_policy_gradient,
        hints=(
            "選んだ行動の対数確率に、アドバンテージ (returns - baselines) を掛けます。",
            "対数確率は tf.nn.log_softmax(logits) から、tf.gather(…, actions, batch_dims=1) で取り出せます。",
            "最小化するのでマイナスを付け、tf.reduce_mean で平均します。アドバンテージは tf.stop_gradient で囲みましょう。",
        ),
        time_limit=60.0,
    ),
    Exercise(
        id="ch01.next_generation",
        title="遺伝的アルゴリズムの次の世代",
        points=2,
        symbols=("next_generation",),
        template='''import numpy as np

def next_generation(population, fitness, elites, mutation_scale, rng):
    """次の世代 (個体の数, 遺伝子の数) を作ります。fitness は大きいほど良い値で、elites は 2 以上です。

    1. 適応度が高いほうから elites 個体を、良い順に、そのまま先頭に並べます。
    2. 残りの子は 1 つずつ、エリートからランダムに選んだ 2 個体を親にします (重なってもかまいません)。
       遺伝子ごとに、確率 1/2 でどちらかの親から受け継ぎます (一様交叉)。
    3. 子のすべての遺伝子に、平均 0、標準偏差 mutation_scale の正規乱数を足します。
    乱数はすべて rng (np.random.Generator) から引きます。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_next_generation,
        hints=(
            "選択、交叉、突然変異の 3 つに分けて書きます。適応度の順位は、並べ替えの番号を返す np.argsort から分かります。",
            "エリートの番号は np.argsort(-fitness)[:elites] です。親の番号は、子の数だけ rng.integers(0, elites, size=(子の数, 2)) で引けます。",
            "rng.random((子の数, 遺伝子の数)) < 0.5 と np.where で親を選び、rng.normal(0, mutation_scale, 同じ形) を足します。最後に np.concatenate でつなぎます。",
        ),
    ),
    Exercise(
        id="ch01.solve",
        title="迷路を学習する",
        points=4,
        symbols=("learn",),
        template='''import numpy as np

def learn(env, steps, gamma, seed):
    """環境で学習し、状態ごとに選ぶ行動を並べた方策 (状態の数,) を、整数の配列で返します。

    env は gymnasium と同じ作りの環境です。env.step は合わせて steps 回まで呼べます。
        state, info = env.reset()
        state, reward, terminated, truncated, info = env.step(action)
        env.observation_space.n, env.action_space.n  (状態の数と行動の数)
    terminated のときに返る state は、次のエピソードのスタートです。
    """
    raise NotImplementedError("ここを書きましょう")
''',
        check=check_solve,
        hints=(
            "Q 学習の更新、ε-greedy、エピソードが終わったときの env.reset() を、1 つのループにまとめましょう。",
            "ε を小さいままにすると、近くの扉の報酬だけで満足してしまいます。ε を 1 から始めて、歩数とともに小さくしましょう。",
            "reset を呼ぶのは terminated か truncated のとき、目標を報酬だけにするのは terminated のときだけです。最後に q.argmax(axis=1) を返します。",
        ),
        time_limit=60.0,
    ),
]
