"""Trusted: what the people who write the course use: proving exercises, claims, releases, the demonstration.

Imported by ``cli`` alone.
"""
