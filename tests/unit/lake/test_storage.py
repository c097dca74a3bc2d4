"""Settings of a lake on S3: what counts, what is refused, and that all faults come together."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from sinks.lake.storage import SETTINGS, Storage, from_env, secret_options, settings

KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "geheim"}
PLACE = "s3://lake/prefix"


def test_a_key_is_enough_and_means_aws_over_tls() -> None:
    found = from_env(PLACE, KEY)
    assert found == Storage("id", "geheim", region="us-east-1", endpoint="", uses_tls=True, url_style="vhost")
    assert settings(found)["enable_curl_server_cert_verification"] is True


@pytest.mark.parametrize(
    ("url", "endpoint", "uses_tls"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1:9000", False),
        ("https://minio.example/", "minio.example", True),
        ("https://[::1]:9000", "[::1]:9000", True),
    ],
)
def test_an_endpoint_says_whether_it_speaks_tls_and_is_asked_by_path(url: str, endpoint: str, uses_tls: bool) -> None:
    found = from_env(PLACE, {**KEY, "AWS_ENDPOINT_URL": url})
    assert (found.endpoint, found.uses_tls, found.url_style) == (endpoint, uses_tls, "path")


def test_the_nearer_variable_wins_and_an_empty_one_is_not_set() -> None:
    two = {"AWS_ENDPOINT_URL": "http://other:1", "AWS_ENDPOINT_URL_S3": "http://files:2"}
    regions = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": ""}
    found = from_env(PLACE, {**KEY, **two, **regions, "VAXEL_S3_URL_STYLE": "vhost"})
    assert (found.endpoint, found.region, found.url_style) == ("files:2", "eu-west-1", "vhost")


def test_all_faults_are_told_together_in_one_line_and_no_secret_with_them() -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "geheim",
        "AWS_ENDPOINT_URL_S3": "http://user:geheim@host:9000",
        "VAXEL_S3_URL_STYLE": "virtual",
    }
    with pytest.raises(UsageError) as raised:
        from_env("gs://lake", environ)
    told = str(raised.value)
    for part in ("'gs://lake'", "AWS_ACCESS_KEY_ID is not set", "AWS_ENDPOINT_URL_S3", "'virtual'", "path or vhost"):
        assert part in told
    assert "geheim" not in told
    assert "\n" not in told
    assert "AWS_SECRET_ACCESS_KEY" not in told


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "ftp://host", "http://host/path", "http://host:port", "http://"])
def test_an_endpoint_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"expected http\[s\]://host"):
        from_env(PLACE, {**KEY, "AWS_ENDPOINT_URL_S3": url})


@pytest.mark.parametrize(
    "place", ["s3://", "s3://B/x", "s3://lake/a b", "s3://lake/*", "s3://lake/x?versionId=1", "http://h/x"]
)
def test_a_place_that_is_no_bucket_with_a_plain_prefix_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="expected a directory or s3://bucket/prefix"):
        from_env(place, KEY)


def test_secrets_are_not_shown() -> None:
    found = from_env(PLACE, {**KEY, "AWS_SESSION_TOKEN": "marke"})
    assert secret_options(found)["SECRET"] == "geheim"
    assert secret_options(found)["SESSION_TOKEN"] == "marke"
    assert "geheim" not in repr(found)
    assert "marke" not in repr(found)


def test_every_variable_has_a_line_of_help() -> None:
    assert all(line.endswith(".") for line in SETTINGS.values())
