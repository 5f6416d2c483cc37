"""The played server's HTML: what somebody typed, with mentions, hashtags and links as Mastodon writes them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

LONGEST_CHARS: Final = 500

_URL_CHARS: Final = 23
_HANDLE: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_TOKEN: Final = re.compile(
    r"(?P<url>https?://[^\s<>\"]+)"
    rf"|(?<![\w@/])@(?P<handle>{_HANDLE}(?:@[\w-]+(?:\.[\w-]+)+)?)"
    r"|(?<![\w&#/])#(?P<tag>\w*[^\W\d_]\w*)"
)


@dataclass(frozen=True, slots=True)
class Person:
    """An account as the played server knows it; `acct` with the domain for a remote one."""

    id: str
    acct: str
    name: str
    url: str

    @property
    def username(self) -> str:
        """The name without its domain."""
        return self.acct.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Marked:
    """The HTML of a text, whom it names and which hashtags stand in it, each once, in order."""

    html: str
    mentions: tuple[Person, ...]
    tags: tuple[str, ...]


def marked(text: str, known: Callable[[str], Person | None], base: str) -> Marked:
    """The text as Mastodon stores it; a handle that nobody `known` has stays plain text."""
    mentions: dict[str, Person] = {}
    tags: dict[str, None] = {}

    def piece(match: re.Match[str]) -> str:
        if match["url"]:
            return _link(match["url"])
        if match["tag"]:
            tags[match["tag"].lower()] = None
            return _hashtag(match["tag"], base)
        person = known(match["handle"])
        if person is None:
            return escape(match.group())
        mentions[person.id] = person
        return _card(person)

    out: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        out += (escape(text[end : match.start()]), piece(match))
        end = match.end()
    out.append(escape(text[end:]))
    paragraphs = re.split(r"\n{2,}", "".join(out).strip())
    html = "".join(f"<p>{p.replace(chr(10), '<br />')}</p>" for p in paragraphs)
    return Marked(html, tuple(mentions.values()), tuple(tags))


def counted(text: str) -> int:
    """Characters as the server counts them: an address 23, of a remote handle the name alone."""

    def weigh(match: re.Match[str]) -> str:
        if match["url"]:
            return "x" * _URL_CHARS
        return f"@{match['handle'].partition('@')[0]}" if match["handle"] else match.group()

    return len(_TOKEN.sub(weigh, text))


def _card(person: Person) -> str:
    return (
        f'<span class="h-card" translate="no"><a href="{escape(person.url)}" '
        f'class="u-url mention">@<span>{escape(person.username)}</span></a></span>'
    )


def _hashtag(tag: str, base: str) -> str:
    return (
        f'<a href="{base}/tags/{tag.lower()}" class="mention hashtag" rel="tag">'
        f"#<span>{tag}</span></a>"
    )


def _link(url: str) -> str:
    scheme, _, rest = url.partition("://")
    shown, hidden = rest[:30], rest[30:]
    style = "ellipsis" if hidden else ""
    return (
        f'<a href="{escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}://</span><span class="{style}">{escape(shown)}</span>'
        f'<span class="invisible">{escape(hidden)}</span></a>'
    )
