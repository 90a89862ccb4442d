"""Trusted: draws inputs, holds right answers and hidden checks, and decides.

It never imports the worker: what it knows of an answer came over the wire. Imported by ``learner`` (the
checks alone), and by all that keeps, shows or takes out results.
"""
