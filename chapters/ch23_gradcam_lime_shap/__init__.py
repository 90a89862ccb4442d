"""Grad-CAM, LIME and SHAP."""
