"""Measurements of the running system, each checked against the truth: a wrong answer has no speed."""
