"""Trusted: what the people who write the course use: new chapters, proofs, claims, releases, demonstration.

Imported by ``cli`` alone.
"""
