"""Bytes for a person's eyes: JSON laid out, text as it is, all else in hexadecimal. Pure."""

from typing import Final

import msgspec

LINE: Final = 16
HEX_BYTES: Final = 4_096
"""So many bytes are shown of what is no text; all of it comes with `--raw`."""
_KEPT: Final = frozenset("\n\t")


def laid_out(body: bytes) -> str:
    """The body as lines of text, without anything that moves a terminal's cursor."""
    if not body:
        return "(no bytes)"
    try:
        return printable(msgspec.json.format(body, indent=2).decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return printable(body.decode())
    except UnicodeDecodeError:
        return hexadecimal(body)


def printable(text: str) -> str:
    """The text with control and other invisible characters written out."""
    return "".join(c if c.isprintable() or c in _KEPT else _written_out(c) for c in text)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


def hexadecimal(body: bytes) -> str:
    """Offset, bytes and what of them is ASCII; the beginning where it is long."""
    lines = []
    for start in range(0, min(len(body), HEX_BYTES), LINE):
        piece = body[start : start + LINE]
        seen = "".join(chr(b) if 32 <= b < 127 else "." for b in piece)
        lines.append(f"{start:08x}  {piece.hex(' '):<{3 * LINE - 1}}  {seen}")
    if len(body) > HEX_BYTES:
        lines.append(f"… {len(body):,} bytes in all: --raw writes them out")
    return "\n".join(lines)
