"""What a person wrote, out of Mastodon's HTML: text, links and the mentions in their order."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

MAX_CHARS = 100_000

_STRAY = re.compile(r"<(?!/?[a-zA-Z][^<>]*>)(?:[!?][^<>]*>)?")
_PARAGRAPHS = frozenset({"p", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_LINES = frozenset({"div", "ul", "ol", "li"})
_UNSEEN = frozenset({"script", "style"})
_SPACES = str.maketrans("\r\n\t", "   ")


@dataclass(frozen=True, slots=True)
class Named:
    """A mention as it stands in the text: `text` with its @; `leading`: before any other word."""

    text: str
    href: str
    leading: bool


@dataclass(frozen=True, slots=True)
class Written:
    """Plain text, web addresses (of mentions and hashtags none) and mentions, each in order."""

    text: str
    links: tuple[str, ...] = ()
    mentions: tuple[Named, ...] = ()


def written(html: str) -> Written:
    """The plain text of this HTML; never raises, in linear time, whatever stands in it.

    A link's address comes from `href`: its visible text is split in `invisible` and `ellipsis`
    spans (https://docs.joinmastodon.org/spec/activitypub/#sanitization).
    """
    reader = _Reader()
    reader.feed(_STRAY.sub(_mend, html[:MAX_CHARS]))
    reader.close()
    return reader.result()


def _mend(match: re.Match[str]) -> str:
    # The library scans to the end again for every tag that never closes: quadratic. A `<` that
    # opens no whole tag is text, a comment is nothing.
    return "&lt;" if match.group() == "<" else ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._links: list[str] = []
        self._mentions: list[Named] = []
        self._href: str | None = None
        self._label: list[str] = []
        self._words = False
        self._unseen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._out.append("\n")
        elif tag == "a":
            self._end_link()
            self._href = dict(attrs).get("href") or ""
        else:
            self._break(tag)
            self._unseen = tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._end_link()
        elif tag in _UNSEEN:
            self._unseen = False
        else:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self._out.append(data.translate(_SPACES))
        if self._href is not None:
            self._label.append(data)
        elif not data.isspace():
            self._words = True

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._out.append("\n\n")
        elif tag in _LINES:
            self._out.append("\n")

    def _end_link(self) -> None:
        if self._href is None:
            return
        href, label = self._href, "".join(self._label).strip()
        self._href, self._label = None, []
        if label.startswith("@"):
            self._mentions.append(Named(label, href, leading=not self._words))
            return
        self._words = self._words or bool(label)
        if not label.startswith("#") and href.startswith(("https://", "http://")):
            self._links.append(href)

    def result(self) -> Written:
        self._end_link()
        lines: list[str] = []
        for line in "".join(self._out).split("\n"):
            line = line.strip()
            if line or (lines and lines[-1]):
                lines.append(line)
        text = "\n".join(lines).strip()
        return Written(text, tuple(dict.fromkeys(self._links)), tuple(self._mentions))
