"""Trusted: grades many submissions at a time, and keeps every result as soon as it is known.

Imported by ``cli`` alone.
"""
