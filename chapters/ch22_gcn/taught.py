"""Taught in lesson.py; written by `grader build`. Do not edit."""


def filter_by_chebyshev(signal, laplacian, coefficients, largest=2.0):
    """Σ θ_k T_k(2 L / largest − I) x を、固有値分解なしで計算します。"""

    def shifted(x):  # 固有値 0〜largest を −1〜1 に移した行列を掛ける
        return 2 / largest * (laplacian @ x) - x

    before, now = signal, shifted(signal)  # T_0 x と T_1 x
    result = coefficients[0] * before
    for coefficient in coefficients[1:]:
        result = result + coefficient * now
        before, now = now, 2 * shifted(now) - before
    return result
