"""Trusted, over hostile text: pages and tables of results for learners and instructors.

Imported by ``exchange`` and ``cli``.
"""
