"""Suites run in environments of their own, never in this one."""

collect_ignore = ["suites"]
