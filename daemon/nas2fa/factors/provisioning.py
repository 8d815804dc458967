"""Provisioning URIs (the `otpauth://` key URI format that authenticator apps read) and new secrets."""

from __future__ import annotations

import base64
import binascii
import secrets
from urllib.parse import parse_qsl, unquote, urlsplit

import pyotp

from nas2fa.errors import Reason, RequestError
from nas2fa.factors.totp import DIGESTS, DIGITS, PERIODS
from nas2fa.store.records import LABEL_MAX, SECRET_MAX, SECRET_MIN, SECRET_NEW, Authenticator, Secret

_KNOWN = frozenset({"secret", "issuer", "algorithm", "digits", "image"})
_OWN = {"totp": "period", "hotp": "counter"}  # what a URI of that kind alone has
_COUNTER_DIGITS = 15  # less than COUNTER_MAX


def new_authenticator(algorithm: str, digits: int, period: int, label: str, wall: float) -> Authenticator:
    """An authenticator with a fresh random key of 160 bits."""
    return Authenticator(
        Secret(secrets.token_bytes(SECRET_NEW)), algorithm, digits, period, label[:LABEL_MAX], int(wall)
    )


def key_of(authenticator: Authenticator) -> str:
    """The key in base32 without padding, as a person types it into an app."""
    return base64.b32encode(authenticator.secret.reveal()).decode("ascii").rstrip("=")


def uri_of(authenticator: Authenticator, account: str, issuer: str) -> str:
    """The URI that the QR code holds."""
    totp = pyotp.TOTP(
        key_of(authenticator),
        digits=authenticator.digits,
        digest=DIGESTS[authenticator.algorithm],
        interval=authenticator.period,
    )
    return totp.provisioning_uri(name=account, issuer_name=issuer)


def parse(uri: str, wall: float) -> Authenticator:
    """The authenticator that a URI describes. RequestError names the fault and never quotes the URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _refused("it cannot be read") from None
    if parts.scheme != "otpauth":
        raise _refused("it does not begin with otpauth://")
    kind = parts.netloc.lower()
    if kind not in _OWN:
        raise _refused("only codes by time (otpauth://totp/) or by a counter (otpauth://hotp/) are taken")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = dict(pairs)
    if len(query) != len(pairs) or query.keys() - _KNOWN - {_OWN[kind]}:
        raise _refused("it has a parameter that is unknown or given twice")
    algorithm = query.get("algorithm", "SHA1").upper()
    if algorithm not in DIGESTS:
        raise _refused("algorithm must be SHA1, SHA256 or SHA512")
    digits = _one_of(query.get("digits", "6"), DIGITS, "digits")
    period = _one_of(query.get("period", "30"), PERIODS, "period")
    label = unquote(parts.path).lstrip("/").rpartition(":")[2].strip()[:LABEL_MAX]
    counter = _counter(query.get("counter", "")) if kind == "hotp" else None
    return Authenticator(_secret(query.get("secret", "")), algorithm, digits, period, label, int(wall), counter)


def _counter(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _COUNTER_DIGITS):
        raise _refused("it needs the counter of the next code (counter=0 for a new token)")
    return int(text)


def _one_of(text: str, allowed: tuple[int, ...], name: str) -> int:
    for number in allowed:
        if text == str(number):
            return number
    raise _refused(f"{name} must be {' or '.join(map(str, allowed))}")


def _secret(text: str) -> Secret:
    signs = text.replace(" ", "").rstrip("=").upper()
    try:
        value = base64.b32decode(signs + "=" * (-len(signs) % 8))
    except (binascii.Error, ValueError):
        raise _refused("the secret is not base32") from None
    if not SECRET_MIN <= len(value) <= SECRET_MAX:
        raise _refused(f"the secret must have {SECRET_MIN} to {SECRET_MAX} bytes")
    return Secret(value)


def _refused(why: str) -> RequestError:
    return RequestError(Reason.BAD_REQUEST, f"This URI is refused: {why}.")
