"""Chapter 12's own modules."""
