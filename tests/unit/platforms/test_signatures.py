"""Only what a platform signed enters: every part of what it sends is flipped once."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, cast

import pytest
from support.parsing import SPOKEN

from toog.platforms.base import ForgedError, NotConfiguredError, Webhooks
from toog.platforms.table import PLATFORMS

SECRET: Final = "invented-secret"
BODY: Final = '{"entry":[{"id":"1","text":"Is de Meir open? \u00e9"}]}'.encode()


def _hex(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _base64(body: bytes, secret: str) -> str:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


class Way(NamedTuple):
    """One way of signing: which header, with which secret, in which form."""

    platform: str
    header: str
    secret: str
    sign: Callable[[bytes, str], str]

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str = SECRET) -> None:
        door = cast("Webhooks", PLATFORMS[self.platform].incoming)
        door.verify(headers, body, {self.secret: secret} if secret else {})

    def refused(self, headers: Mapping[str, str], body: bytes = BODY) -> None:
        with pytest.raises(ForgedError):
            self.verify(headers, body)


WAYS: Final = [
    way
    for way in (
        Way("x", "x-twitter-webhooks-signature", "consumer_secret", _base64),
        Way("x", "x-twitter-webhooks-signature-oauth2", "client_secret", _base64),
        Way("facebook", "x-hub-signature-256", "app_secret", _hex),
        Way("instagram", "x-hub-signature-256", "app_secret", _hex),
    )
    if way.platform in SPOKEN
]
every_way = pytest.mark.parametrize("way", WAYS, ids=[f"{w.platform}-{w.secret}" for w in WAYS])


@every_way
@pytest.mark.parametrize("body", [BODY, b"", b"\x00\xff", b"x" * 1_000_000])
def test_what_is_signed_is_let_in(way: Way, body: bytes) -> None:
    signature = way.sign(body, SECRET)

    way.verify({way.header: signature}, body)
    way.verify({way.header.title(): signature, "host": "toog.example"}, body)


@every_way
def test_every_bit_of_the_body_counts(way: Way) -> None:
    headers = {way.header: way.sign(BODY, SECRET)}
    for place in range(len(BODY)):
        for bit in range(8):
            flipped = bytearray(BODY)
            flipped[place] ^= 1 << bit
            way.refused(headers, bytes(flipped))


@every_way
def test_a_body_that_is_cut_or_longer_is_refused(way: Way) -> None:
    headers = {way.header: way.sign(BODY, SECRET)}
    for body in (BODY[:-1], BODY[1:], BODY + b" ", BODY + b"\n", b" " + BODY, b"", BODY * 2):
        way.refused(headers, body)


@every_way
def test_every_character_of_the_signature_counts(way: Way) -> None:
    signature = way.sign(BODY, SECRET)
    for place, character in enumerate(signature):
        other = "0" if character != "0" else "1"
        way.refused({way.header: signature[:place] + other + signature[place + 1 :]})


@every_way
@pytest.mark.parametrize(
    "mend",
    [
        lambda s: "",
        lambda s: s[:-1],
        lambda s: s + "=",
        lambda s: s.removeprefix("sha256="),
        lambda s: s.replace("sha256=", "sha1="),
        lambda s: s.replace("sha256=", "SHA256="),
        lambda s: s.upper(),
        lambda s: " " + s,
        lambda s: s + "\u00e9",
        lambda s: "sha256=",
        lambda s: s + "," + s,
    ],
)  # fmt: skip
def test_a_signature_in_another_form_is_refused(way: Way, mend: Callable[[str], str]) -> None:
    way.refused({way.header: mend(way.sign(BODY, SECRET))})


@every_way
def test_a_missing_signature_is_refused(way: Way) -> None:
    way.refused({})
    way.refused({"x-hub-signature": _hex(BODY, SECRET)})
    way.refused({"authorization": way.sign(BODY, SECRET)})


@every_way
@pytest.mark.parametrize("secret", ["other", SECRET + " ", SECRET.upper(), SECRET[:-1]])
def test_another_secret_is_refused(way: Way, secret: str) -> None:
    way.refused({way.header: way.sign(BODY, secret)})


@every_way
def test_without_a_secret_there_is_no_door(way: Way) -> None:
    for signature in (way.sign(BODY, ""), way.sign(BODY, SECRET)):
        with pytest.raises(NotConfiguredError):
            way.verify({way.header: signature}, BODY, secret="")


@every_way
def test_the_digest_of_another_form_is_refused(way: Way) -> None:
    other = _hex if way.sign is _base64 else _base64

    way.refused({way.header: other(BODY, SECRET)})


def test_x_one_header_is_not_checked_with_the_secret_of_the_other() -> None:
    legacy, newer = (way for way in WAYS if way.platform == "x")

    legacy.refused({newer.header: _base64(BODY, SECRET)})
    newer.refused({legacy.header: _base64(BODY, SECRET)})
