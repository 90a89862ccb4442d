"""What the judge and the worker say to each other: plain data as bytes, requests and replies, streams.

Both sides of the trust boundary run it, and neither believes the other: whatever is decoded is checked first.
Imported by ``worker``, ``sandbox``, ``judging`` and ``learner``.
"""
