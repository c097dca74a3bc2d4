"""Requests to a record system over HTTP: JSON both ways, bounded in time and size, errors as ours."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import httpx

from schemas.errors import OutsideError, RecordRefusedError, UnreachableError, UsageError

REQUEST_MOST_S: Final = 30.0
ANSWER_MOST_BYTES: Final = 32 << 20
_TITLE_MOST: Final = 200

GONE, NOT_NOW, NOT_AS_THOUGHT = 404, 409, 412
"""Statuses that a caller may ask to see; every other one above 299 is an error."""
ROW_REFUSED: Final = (400, 409, 422)
"""Statuses by which a record system refuses the row that is written; of any other, no row is at fault."""
_LATER: Final = (408, 425, 429)
"""Statuses below 500 that ask to come again."""
_OVER: Final = 410
"""Of a batch that is closed, cancelled or past its deadline: no row of it is at fault."""


@dataclass(frozen=True)
class Answer:
    """Status and JSON object of an answer; an empty object where it has no body."""

    status: int
    body: Mapping[str, Any]


class Link:
    """A client of one base address; connections are kept open between requests."""

    def __init__(self, system: str, base_url: str, token: str | None) -> None:
        try:
            url = httpx.URL(base_url)
        except (httpx.InvalidURL, TypeError) as error:
            raise UsageError(f"The address of record system {system!r} is no URL.") from error
        if url.scheme not in ("http", "https") or not url.host:
            raise UsageError(f"The address of record system {system!r} is no URL of http or https.")
        if token is None and url.password:
            token = unquote(url.password)
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.system = system
        self._client = httpx.Client(
            base_url=url.copy_with(username=None, password=None),
            headers=headers,
            follow_redirects=False,
            trust_env=False,  # neither proxies nor passwords of whoever started this
        )

    def close(self) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        expected: tuple[int, ...] = (),
        refusals: tuple[int, ...] = (),
        most_s: float = REQUEST_MOST_S,
    ) -> Answer:
        """The answer, if it is a success or one of the expected statuses.

        Args:
            path: Relative to the base address, its parts quoted.
            refusals: Statuses that blame what is sent.

        Raises:
            UnreachableError: No answer within the time, one that asks to come again later (5xx, 408, 425, 429), or one
                that the batch is over (410).
            RecordRefusedError: One of the refusals.
            OutsideError: Any other 4xx (a token, a right, a path), a redirect, no JSON object, or more bytes than are
                read.
        """
        if most_s <= 0:
            raise UnreachableError(f"No time is left to ask record system {self.system!r}.")
        content = None if body is None else self._encoded(body)
        kind = {} if content is None else {"Content-Type": "application/json"}
        request = self._client.build_request(
            method, path, content=content, headers={**kind, **(headers or {})}, timeout=most_s
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                data = self._read(response, time.monotonic() + most_s)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise UnreachableError(f"Record system {self.system!r} does not answer: {type(error).__name__}.") from error
        return self._judged(response, data, expected, refusals)

    def malformed(self) -> OutsideError:
        return OutsideError(f"Record system {self.system!r} answers otherwise than was agreed.")

    def _encoded(self, body: Mapping[str, Any]) -> bytes:
        try:
            return json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise RecordRefusedError("A text to be written is no Unicode: it has half a surrogate pair.") from error

    def _read(self, response: httpx.Response, end_s: float) -> bytes:
        data = bytearray()
        for part in response.iter_raw():
            data += part
            if len(data) > ANSWER_MOST_BYTES:
                raise OutsideError(
                    f"Record system {self.system!r} answers with more than {ANSWER_MOST_BYTES >> 20} MiB."
                )
            if time.monotonic() > end_s:
                raise UnreachableError(f"Record system {self.system!r} answers too slowly.")
        return bytes(data)

    def _judged(
        self, response: httpx.Response, data: bytes, expected: tuple[int, ...], refusals: tuple[int, ...]
    ) -> Answer:
        status = response.status_code
        if status in _LATER or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            wait = response.headers.get("Retry-After", "")
            later = f"; it may be asked again after {wait} s" if wait.isdecimal() and len(wait) < 10 else ""
            raise UnreachableError(f"Record system {self.system!r} answers with status {status}{later}.")
        if status == _OVER:
            raise UnreachableError(
                f"Record system {self.system!r} writes nothing more of the batch: it is over, or past its deadline by "
                "the system's clock."
            )
        if status in expected:
            return Answer(status, self._object(data, {}))
        if status >= httpx.codes.BAD_REQUEST:
            title = str(self._object(data, {}).get("title", "")).strip().partition("\n")[0][:_TITLE_MOST]
            told = f"Record system {self.system!r} refuses with status {status}{f': {title}' if title else ''}."
            if status in refusals:
                raise RecordRefusedError(told)
            raise OutsideError(f"{told} No row is at fault: see its address, its token and what that may do.")
        if not response.is_success:
            raise OutsideError(f"Record system {self.system!r} answers with status {status}, which is not followed.")
        body = self._object(data, None) if data else {}
        if body is None:
            raise OutsideError(f"Record system {self.system!r} answers with something that is no JSON object.")
        return Answer(status, body)

    @staticmethod
    def _object(data: bytes, otherwise: Any) -> Any:
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            return otherwise
        return body if isinstance(body, dict) else otherwise
