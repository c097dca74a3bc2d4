"""Free ports on loopback, and a readable word when a wanted one is taken."""

from __future__ import annotations

import random
import socket

from schemas.errors import OutsideError, UsageError

LOOPBACK = "127.0.0.1"
FIRST_PORT, END_PORT = 20_000, 32_000
"""Below what Linux and macOS hand out to outgoing connections, so that nothing takes a port before the server does."""


def is_free(port: int) -> bool:
    """Whether a server could listen there now. Connections of an earlier server that still fade away do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(server: str, option: str, wanted: int | None, last_used: int | None, avoid: set[int]) -> int:
    """The wanted port, else the last used one if it is free, else any free one.

    Raises:
        UsageError: `wanted` is no port for a user's server.
        OutsideError: `wanted` is taken.
    """
    if wanted is not None:
        if not 1024 <= wanted <= 65_535:
            raise UsageError(f"{option} {wanted} is not accepted: choose 1024 to 65535, or leave it out for a free one")
        if wanted in avoid or not is_free(wanted):
            raise OutsideError(
                f"port {wanted}, wanted for {server}, is taken by another program. "
                f"Choose another with {option}, or leave it out for a free one"
            )
        return wanted
    if last_used is not None and last_used not in avoid and is_free(last_used):
        return last_used
    for port in random.SystemRandom().sample(range(FIRST_PORT, END_PORT), 200):
        if port not in avoid and is_free(port):
            return port
    raise OutsideError(f"found no free port for {server} in {FIRST_PORT}-{END_PORT}. Choose one with {option}")
