"""Efficientnet."""
