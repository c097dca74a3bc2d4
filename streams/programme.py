"""What a washing programme is like in our machines, and which one a cycle's course shows. Pure."""

from __future__ import annotations

from schemas.uploads import Programme

PROGRAMMES: tuple[Programme, ...] = ("cotton", "synthetics", "eco", "quick", "wool")
