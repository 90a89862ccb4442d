"""Trusted, over hostile input: from a notebook file of any origin to the code of each answer.

Text is read and parsed, never run. Imported by ``judging`` (for its types), ``learner``, ``records``,
``reports``, ``exchange`` and ``authoring``.
"""
