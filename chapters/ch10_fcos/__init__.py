"""Fcos."""
