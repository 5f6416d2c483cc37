"""Every part of a signed delivery, flipped one after the other: nothing but the true one enters."""

import base64
import hashlib
import hmac

import pytest

from toog.platforms.base import ForgedError, NotConfiguredError
from toog.platforms.x import incoming

BODY = b'{"data":{"event_type":"dm.received"}}'
SECRETS = {"consumer_secret": "geheim", "client_secret": "nieuw"}
DOORS = [("consumer_secret", incoming.SIGNATURE), ("client_secret", incoming.SIGNATURE_OAUTH2)]


def sign(secret: str, message: bytes = BODY) -> str:
    mac = hmac.new(secret.encode(), message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(mac).decode()


def forged(headers: dict[str, str], body: bytes = BODY, secrets: dict[str, str] = SECRETS) -> bool:
    try:
        incoming.verify(headers, body, secrets)
    except ForgedError:
        return True
    return False


@pytest.fixture(params=DOORS, ids=["older", "newer"])
def door(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The secret's name, and the header that it signs."""
    name, header = request.param
    return name, header


def test_the_true_one_enters(door: tuple[str, str]) -> None:
    name, header = door

    assert not forged({header: sign(SECRETS[name])})
    assert not forged({header.upper(): sign(SECRETS[name])})
    assert not forged({header.title(): sign(SECRETS[name])}, BODY, {name: SECRETS[name]})


def test_every_byte_of_the_signature_counts(door: tuple[str, str]) -> None:
    name, header = door
    signature = sign(SECRETS[name])

    for place, sign_ in enumerate(signature):
        other = "A" if sign_ != "A" else "B"
        assert forged({header: signature[:place] + other + signature[place + 1 :]}), place
        assert forged({header: signature[:place] + sign_.swapcase() + signature[place + 1 :]}) is (
            sign_.swapcase() != sign_
        ), place
        assert forged({header: signature[:place] + signature[place + 1 :]}), place
        assert forged({header: signature[:place]}), place


def test_nothing_may_stand_around_it(door: tuple[str, str]) -> None:
    name, header = door
    signature = sign(SECRETS[name])

    for around in (
        " " + signature,
        signature + " ",
        signature + "=",
        signature + "\n",
        signature * 2,
    ):
        assert forged({header: around}), around
    for prefix in ("", "sha1=", "SHA256=", "sha256", "sha256:", "sha512="):
        assert forged({header: prefix + signature.removeprefix("sha256=")}), prefix


def test_every_byte_of_the_body_counts(door: tuple[str, str]) -> None:
    name, header = door
    headers = {header: sign(SECRETS[name])}

    for place in range(len(BODY)):
        for bit in range(8):
            flipped = bytearray(BODY)
            flipped[place] ^= 1 << bit
            assert forged(headers, bytes(flipped)), (place, bit)
        assert forged(headers, BODY[:place] + BODY[place + 1 :]), place
    assert forged(headers, BODY + b" ")
    assert forged(headers, b"")


def test_every_sign_of_the_header_s_name_counts(door: tuple[str, str]) -> None:
    name, header = door

    for place in range(len(header)):
        other = header[:place] + "_" + header[place + 1 :]
        assert forged({other: sign(SECRETS[name])}), other
    assert forged({})
    assert forged({"x-hub-signature-256": sign(SECRETS[name])})


def test_every_sign_of_the_secret_counts(door: tuple[str, str]) -> None:
    name, header = door
    secret = SECRETS[name]

    for place in range(len(secret)):
        other = secret[:place] + "~" + secret[place + 1 :]
        assert forged({header: sign(other)}), place
    assert forged({header: sign("")})


def test_one_header_is_not_checked_with_the_other_secret() -> None:
    assert forged({incoming.SIGNATURE: sign("nieuw")})
    assert forged({incoming.SIGNATURE_OAUTH2: sign("geheim")})


def test_hexadecimal_and_url_safe_digests_are_none() -> None:
    mac = hmac.new(b"geheim", BODY, hashlib.sha256)

    assert forged({incoming.SIGNATURE: "sha256=" + mac.hexdigest()})
    body = next(b"%d" % n for n in range(1000) if "/" in sign("geheim", b"%d" % n))
    assert forged({incoming.SIGNATURE: sign("geheim", body).replace("/", "_")}, body)


def test_an_empty_secret_is_none() -> None:
    with pytest.raises(NotConfiguredError):
        incoming.verify({incoming.SIGNATURE: sign("")}, BODY, {"consumer_secret": ""})
    with pytest.raises(NotConfiguredError):
        incoming.handshake({"crc_token": "t"}, {"client_secret": ""})


def test_the_newer_header_may_not_be_left_to_the_older_secret_alone() -> None:
    """Whoever knows the newer secret must not be fooled by a good older header beside a bad one."""
    headers = {incoming.SIGNATURE: sign("geheim"), incoming.SIGNATURE_OAUTH2: sign("ander")}

    assert forged(headers)
    assert not forged(headers, BODY, {"consumer_secret": "geheim"})
