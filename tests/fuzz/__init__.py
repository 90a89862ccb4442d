"""Mutated notebooks and mutated replies: whatever comes, there is a verdict, and it is no pass.

``FUZZ_EXAMPLES`` says how many examples each test draws (default: 200, for CI), ``FUZZ_SEED`` from
which seed. What a run has found stays as an explicit example of the test.
"""
