"""The course of a wash cycle as the contract tells it. Pure."""

from __future__ import annotations

from typing import Any

from streams.wash_course import Course


def course_facts(course: Course) -> dict[str, Any]:
    return {"programme": course.programme}
