"""HTML to text: lines, links, mentions, and nothing that makes it stumble or crawl."""

import time

import pytest

from toog.platforms.mastodon.html import Named, written

CARD = (
    '<span class="h-card" translate="no"><a href="https://a.example/@{0}" class="u-url mention">'
    "@<span>{0}</span></a></span>"
)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>een</p><p>twee<br />drie</p>", "een\n\ntwee\ndrie"),
        ("I&#39;m a jeep &amp; meer &lt;3", "I'm a jeep & meer <3"),
        ("<ul><li>een</li><li>twee</li></ul>", "een\n\ntwee"),
        ("zonder einde <b>vet", "zonder einde vet"),
        ("1 < 2 en 3 > 2", "1 < 2 en 3 > 2"),
        ("voor<!-- niets -->na", "voorna"),
        ("<script>alert(1)</script>gewoon", "gewoon"),
        ("<p>Noodgeval 🚨 &amp; <em>snel</em></p>", "Noodgeval 🚨 & snel"),
        ("", ""),
    ],
)
def test_text_is_what_the_person_wrote(html: str, text: str) -> None:
    assert text == written(html).text


def test_a_link_is_its_address_and_reads_whole() -> None:
    html = (
        '<a href="https://politie.example/aangifte?x=1&amp;y=2" rel="nofollow">'
        '<span class="invisible">https://</span><span class="ellipsis">politie.example/</span>'
        '<span class="invisible">aangifte?x=1&amp;y=2</span></a>'
    )

    body = written(html)

    assert body.links == ("https://politie.example/aangifte?x=1&y=2",)
    assert body.text == "https://politie.example/aangifte?x=1&y=2"


def test_mentions_and_hashtags_are_no_links() -> None:
    tag = '<a href="https://a.example/tags/x" class="mention hashtag" rel="tag">#<span>x</span></a>'

    body = written(f"<p>{CARD.format('jan')} {tag} <a href='javascript:x'>nee</a></p>")

    assert body.links == ()
    assert (Named("@jan", "https://a.example/@jan", leading=True),) == body.mentions
    assert body.text == "@jan #x nee"


def test_a_mention_leads_until_somebody_says_something() -> None:
    body = written(f"<p>{CARD.format('jan')} {CARD.format('mia')} dag {CARD.format('piet')}</p>")

    assert [(m.text, m.leading) for m in body.mentions] == [
        ("@jan", True),
        ("@mia", True),
        ("@piet", False),
    ]


HOSTILE = ["<!--", "<a ", "<a href='", "<![CDATA[", "<?", "</", "<p", "<a x='>", "&#", "<script>"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markup_takes_linear_time(piece: str) -> None:
    started = time.perf_counter()
    written(piece * 20_000)

    assert time.perf_counter() - started < 0.8
