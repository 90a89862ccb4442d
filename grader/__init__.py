"""The grading harness: the same checks in the learner's notebook and, isolated, at the instructor's."""
