"""What a person wrote, out of Mastodon's HTML: text, links and the mentions in their order."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

MAX_CHARS = 100_000

_ENDLESS = re.compile(r"&#[0-9]{8,};?")  # no character; such a number is more than int() takes
_STRAY = re.compile(r"<(?!/?[a-zA-Z][^<>]*>)(?:[!?][^<>]*>)?")
_PARAGRAPHS = frozenset({"p", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_LINES = frozenset({"div", "ul", "ol", "li"})
_ASIDES = frozenset({"p", "span"})
_UNSEEN = frozenset({"script", "style"})
_SPACES = str.maketrans("\r\n\t", "   ")


@dataclass(frozen=True, slots=True)
class Named:
    """A mention as it stands in the text: `text` with its @; `leading`: before any other word.

    `marked`: its class says so too. Where only the @ says it, it may be a link like any other.
    """

    text: str
    href: str
    leading: bool
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """Plain text, web addresses (of mentions and hashtags none), mentions and hashtags, in order."""

    text: str
    links: tuple[str, ...] = ()
    mentions: tuple[Named, ...] = ()
    hashtags: tuple[str, ...] = ()


def written(html: str, *, quoted: bool = False) -> Written:
    """The plain text of this HTML; never raises, in linear time, whatever stands in it.

    A link's address comes from `href`: its visible text is split in `invisible` and `ellipsis`
    spans (https://docs.joinmastodon.org/spec/activitypub/#sanitization). With `quoted`, the `RE:`
    that servers write for those who know no quotes is left out (its class is `quote-inline`).
    """
    reader = _Reader(quoted=quoted)
    reader.feed(_STRAY.sub(_mend, _ENDLESS.sub("\ufffd", html[:MAX_CHARS])))
    reader.close()
    return reader.result()


def _mend(match: re.Match[str]) -> str:
    # The library scans to the end again for every tag that never closes: quadratic. A `<` that
    # opens no whole tag is text, a comment is nothing.
    return "&lt;" if match.group() == "<" else ""


class _Reader(HTMLParser):
    def __init__(self, *, quoted: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._quoted = quoted
        self._aside: str | None = None
        self._depth = 0
        self._hidden: list[str] = []
        self._out: list[str] = []
        self._links: list[str] = []
        self._mentions: list[Named] = []
        self._hashtags: list[str] = []
        self._href: str | None = None
        self._marked = False
        self._label: list[str] = []
        self._words = False
        self._unseen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._aside is not None:
            self._depth += tag == self._aside
        elif tag == "br":
            self._out.append("\n")
        elif tag == "a":
            self._start_link(attrs)
        elif self._quoted and tag in _ASIDES and "quote-inline" in _classes(attrs):
            self._aside, self._depth, self._hidden = tag, 1, []
        else:
            self._break(tag)
            self._unseen = tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        if self._aside is not None:
            self._depth -= tag == self._aside
            self._aside = self._aside if self._depth else None
        elif tag == "a":
            self._end_link()
        elif tag in _UNSEEN:
            self._unseen = False
        else:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._aside is not None:
            self._hidden.append(data)
            return
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

    def _start_link(self, attrs: list[tuple[str, str | None]]) -> None:
        self._end_link()
        self._href = dict(attrs).get("href") or ""
        self._marked = "mention" in _classes(attrs)

    def _end_link(self) -> None:
        if self._href is None:
            return
        href, label = self._href, "".join(self._label).strip()
        self._href, self._label = None, []
        if label.startswith("@"):
            self._mentions.append(Named(label, href, not self._words, self._marked))
            return
        self._words = self._words or bool(label)
        if label.startswith("#"):
            self._hashtags.append(label[1:].strip())
        elif is_web(href):
            self._links.append(href)

    def result(self) -> Written:
        self._end_link()
        if self._aside is not None:  # it never ended: then who knows what of it the author wrote
            self._out += self._hidden
        lines: list[str] = []
        for line in "".join(self._out).split("\n"):
            line = line.strip()
            if line or (lines and lines[-1]):
                lines.append(line)
        text = "\n".join(lines).strip()
        links = tuple(dict.fromkeys(self._links))
        return Written(text, links, tuple(self._mentions), tuple(self._hashtags))


def is_web(href: str) -> bool:
    """Whether this is an address that a person could open."""
    return href[:8].lower().startswith(("https://", "http://"))


def _classes(attrs: list[tuple[str, str | None]]) -> list[str]:
    return (dict(attrs).get("class") or "").split()
