# %% [markdown]
# # 第 91 章 小さなネットワーク (A small network)
# {{colab_badge}}
#
# A chapter for `benchmarks/grading.py`: one small exercise in Keras.

# %%
# SETUP
import keras  # noqa: F401
import numpy as np  # noqa: F401

from grader import check

# %%
# EXERCISE ch91.small_network

# %%
check("ch91.small_network")
