"""What the chapters share: the start of a notebook, data, backbones, plots, tables and claims."""

from course_utils.runtime import Course, profile, start

__all__ = ["Course", "profile", "start"]
