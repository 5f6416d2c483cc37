"""Bytes that neither PostgreSQL nor JSON takes are replaced before anything is parsed."""

import re

REPLACEMENT = b"\\ufffd"

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE = re.compile(
    rb"\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: stays
    rb"|\\u0000|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # NUL, or half a pair
    rb"|\\[^u]"  # any other escape, so that an escaped backslash is never read as a start
)


def clean(body: bytes) -> tuple[bytes, bool]:
    r"""The JSON text without NUL characters, lone surrogates and broken UTF-8, and whether it had any.

    Works on the bytes, because a strict parser refuses the whole body for one of them:
    `\u0000` and a lone `\ud83d` become `\ufffd`; bytes that are no UTF-8 become U+FFFD.
    """
    cleaned = body
    if b"\x00" in cleaned:
        cleaned = cleaned.replace(b"\x00", REPLACEMENT)
    try:
        cleaned.decode()
    except UnicodeDecodeError:
        cleaned = cleaned.decode(errors="replace").encode()
    if _SUSPECT.search(cleaned):
        cleaned = _ESCAPE.sub(_mend, cleaned)
    return cleaned, cleaned != body


def _mend(match: re.Match[bytes]) -> bytes:
    text = match.group()
    if match["high"] is not None or not text.startswith(b"\\u"):
        return text
    return REPLACEMENT
