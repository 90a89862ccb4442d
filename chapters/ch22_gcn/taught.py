"""Taught in lesson.py; written by `grader build`. Do not edit."""

import numpy as np


def chebyshev_coefficients(response, degree, largest=2.0):
    """固有値 0〜largest での倍率 response を近似する、degree 次のチェビシェフ多項式の係数を返します。"""
    orders = np.arange(degree + 1)
    angles = (2 * orders + 1) * np.pi / (2 * (degree + 1))
    values = response(largest * (np.cos(angles) + 1) / 2)  # 各点での倍率
    coefficients = 2 / (degree + 1) * np.cos(np.outer(orders, angles)) @ values
    coefficients[0] /= 2
    return coefficients
