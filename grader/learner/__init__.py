"""The learner's own side: what a notebook calls. Its verdicts are for the learner alone and prove nothing.

Imported by notebooks, through ``grader`` itself, and by the authors' ``verify``.
"""
