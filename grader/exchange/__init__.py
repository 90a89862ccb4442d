"""Trusted, over hostile text: marks and assignments in other systems' formats, and who is who in them.

Imported by ``cli`` alone.
"""
