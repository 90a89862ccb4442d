"""Trusted: where the worker runs, what it may use, and how it is started.

The judge's side of the wall that keeps learners' code in. Imported by ``judging`` and by who chooses an
isolation (``records``, ``authoring``, ``cli``).
"""
