# %% [markdown]
# # 第 90 章 攻撃の的
# {{colab_badge}}

# %%
# SETUP
import numpy as np  # noqa: F401

from grader import check

# %%
# EXERCISE ch90.standardise

# %%
check("ch90.standardise")

# %%
# EXERCISE ch90.collatz_steps

# %%
check("ch90.collatz_steps")

# %%
# EXERCISE ch90.build_head

# %%
check("ch90.build_head")
