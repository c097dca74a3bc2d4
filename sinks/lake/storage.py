"""The lake's files on S3-compatible storage: settings, and what DuckDB is told of them. Pure.

AWS's own variables count, since everything that speaks S3 knows them; only the style of addresses has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from schemas.errors import UsageError

SCHEME = "s3://"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "Key id. Needed.",
    "AWS_SECRET_ACCESS_KEY": "Secret of the key. Needed.",
    "AWS_SESSION_TOKEN": "Token of temporary keys.",
    "AWS_REGION": "Region; without it AWS_DEFAULT_REGION, or else us-east-1.",
    "AWS_ENDPOINT_URL_S3": "Server that is not AWS: http[s]://host[:port]; without it AWS_ENDPOINT_URL, or else AWS.",
    "AWS_CA_BUNDLE": "File of the certificates to trust instead of the system's, PEM.",
    "VAXEL_S3_URL_STYLE": "path (https://host/bucket) or vhost (https://bucket.host); path with an endpoint.",
}
"""Every variable, with one line of help."""

FROM_ENVIRONMENT = ("s3_access_key_id", "s3_secret_access_key", "s3_session_token", "s3_region")
"""What DuckDB copies from AWS's variables to settings that `duckdb_settings()` shows to everybody; the lake's
connection empties them."""

_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=/-]*)?")
_STYLES = ("path", "vhost")


@dataclass(frozen=True)
class Storage:
    """How to reach the bucket.

    Attributes:
        endpoint: `host` or `host:port`; empty for AWS.
        ca_file: Certificates to trust; empty for the system's.
    """

    key_id: str
    secret: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"
    endpoint: str = ""
    uses_tls: bool = True
    url_style: str = "vhost"
    ca_file: str = ""


def is_remote(place: str) -> bool:
    """Whether the place is an address, not a directory."""
    return "://" in place


def from_env(place: str, environ: Mapping[str, str]) -> Storage:
    """The settings for files at `place`; an empty variable counts as not set.

    Raises:
        UsageError: some are wrong or lack; the message names them all, and no secret.
    """

    def first(*names: str) -> str:
        return next((environ[name] for name in names if environ.get(name, "") != ""), "")

    faults = (
        [] if _PLACE.fullmatch(place) else ["expected a directory or s3://bucket/prefix (letters, digits, _ . = -)"]
    )
    faults += [f"{name} is not set" for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if first(name) == ""]
    url = first("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint, uses_tls = _endpoint(url)
    if url != "" and endpoint == "":
        # An address may hold a password, so it is not shown.
        faults.append("AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL) is no address: expected http[s]://host[:port]")
    style = first("VAXEL_S3_URL_STYLE")
    if style not in ("", *_STYLES):
        faults.append(f"VAXEL_S3_URL_STYLE is {style!r}: expected {' or '.join(_STYLES)}")
    if faults:
        raise UsageError(f"Cannot use {place!r} for the lake's files: {'; '.join(faults)}.")
    return Storage(
        key_id=first("AWS_ACCESS_KEY_ID"),
        secret=first("AWS_SECRET_ACCESS_KEY"),
        session_token=first("AWS_SESSION_TOKEN"),
        region=first("AWS_REGION", "AWS_DEFAULT_REGION") or Storage.region,
        endpoint=endpoint,
        uses_tls=uses_tls,
        url_style=style or ("vhost" if endpoint == "" else "path"),
        ca_file=first("AWS_CA_BUNDLE"),
    )


def secret_options(storage: Storage) -> dict[str, str | bool]:
    """Options of DuckDB's secret of type s3."""
    options: dict[str, str | bool] = {
        "KEY_ID": storage.key_id,
        "SECRET": storage.secret,
        "REGION": storage.region,
        "URL_STYLE": storage.url_style,
        "USE_SSL": storage.uses_tls,
    }
    if storage.session_token:
        options["SESSION_TOKEN"] = storage.session_token
    if storage.endpoint:
        options["ENDPOINT"] = storage.endpoint
    return options


def settings(storage: Storage) -> dict[str, str | bool]:
    """DuckDB's settings for these files: keys only in the secret, and certificates are looked at."""
    checked: dict[str, str | bool] = dict.fromkeys(FROM_ENVIRONMENT, "")
    checked |= {"enable_server_cert_verification": True, "enable_curl_server_cert_verification": True}
    return checked | ({"ca_cert_file": storage.ca_file} if storage.ca_file else {})


def _endpoint(url: str) -> tuple[str, bool]:
    """Host with port, and whether it speaks TLS; an empty host when it is no such address."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "", True
    is_plain = parts.path in ("", "/") and "@" not in parts.netloc and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        return "", True
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host + port, parts.scheme == "https"
