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


def test_what_only_looks_like_a_mention_is_marked_so() -> None:
    body = written(f"{CARD.format('jan')} <a href='https://andere.example/mia'>@mia</a>")

    assert [m.marked for m in body.mentions] == [True, False]


QUOTED = [
    ('<p class="quote-inline">RE: <a href="https://a.example/1">x</a></p><p>mooi</p>', "mooi"),
    ('mooi<span class="quote-inline"><br><span>RE:</span> x</span> toch', "mooi toch"),
    ('<p class="quote-inline">RE: alles wat volgt', "RE: alles wat volgt"),
]


@pytest.mark.parametrize(("html", "text"), QUOTED)
def test_the_address_of_a_quote_is_not_what_the_author_wrote(html: str, text: str) -> None:
    assert text == written(html, quoted=True).text


def test_without_a_quote_its_address_is_all_there_is() -> None:
    assert written(QUOTED[0][0]).links == ("https://a.example/1",)


def test_hashtags_are_as_written() -> None:
    assert written("<a href='https://a.example/tags/x'>#XyZ</a>").hashtags == ("XyZ",)


@pytest.mark.parametrize("number", ["1" * 5_000, "x" + "f" * 90_000, "0", "xd83d", "99999999"])
def test_a_number_that_is_no_character_is_replaced(number: str) -> None:
    assert "\ufffd" in written(f"a&#{number};b").text


HOSTILE = ["<!--", "<a ", "<a href='", "<![CDATA[", "<?", "</", "<p", "<a x='>", "&#", "<script>"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_markup_takes_linear_time(piece: str) -> None:
    started = time.perf_counter()
    written(piece * 20_000)

    assert time.perf_counter() - started < 0.8
