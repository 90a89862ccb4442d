"""Trusted: the course as the harness finds it: chapters and their exercises, notebooks made from lessons.

Nothing of a learner is in it. Imported by everything above it that speaks of a chapter.
"""
