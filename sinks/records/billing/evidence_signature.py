"""The signature under an invoice's evidence: Ed25519 over the document's digest. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_BEGIN = b"vaxel billing evidence "


def signed(document: Mapping[str, Any], public: bytes, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """The document with its signature and the public key that tells whether it is one."""
    signature = sign(_BEGIN + str(document["digest"]).encode())
    return {**document, "signature": {"public_key": public.hex(), "signature": signature.hex()}}


def signer_of(document: Mapping[str, Any]) -> str | None:
    """The public key (hex) by which the document is signed; None where it is not.

    Raises:
        ValueError: It bears a signature that does not fit.
    """
    told = document.get("signature")
    if told is None:
        return None
    try:
        if set(told) != {"public_key", "signature"}:
            raise ValueError("the signature has other fields than a signature has")
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"]))
        public.verify(bytes.fromhex(told["signature"]), _BEGIN + str(document["digest"]).encode())
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise ValueError("the signature does not fit") from error
    return str(told["public_key"])
