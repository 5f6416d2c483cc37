"""How the played X shows posts, people and messages: v2 objects in both vocabularies, activity events."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from starlette.datastructures import QueryParams

from toog.platforms.x.sandbox.world import Message, Person, Post, Span, World

Json = dict[str, object]

EDIT_WINDOW_S: Final = 3600
_BORN: Final = "2014-05-29T20:24:26.000Z"
_COUNTS: Final = ("retweet", "reply", "like", "quote", "bookmark", "impression")
_NEWER: Final = {
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "retweet_count": "repost_count",
}
_OLDER: Final = {newer: older for older, newer in _NEWER.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which fields a request asks for, and in which vocabulary it wants the answer."""

    fields: frozenset[str] = frozenset()
    expansions: frozenset[str] = frozenset()
    newer: bool = False

    @classmethod
    def of(cls, query: QueryParams) -> "Asked":
        """`post.fields` asks for the newer vocabulary, `tweet.fields` for the older one."""
        newer = "post.fields" in query
        names = query.get("post.fields" if newer else "tweet.fields", "").split(",")
        expansions = query.get("expansions", "").replace("referenced_posts", "referenced_tweets")
        return cls(
            frozenset(_OLDER.get(name, name) for name in names),
            frozenset(expansions.split(",")),
            newer,
        )


def show_post(post: Post, asked: Asked) -> Json:
    """The post with the fields asked for; without any: id, text and edit history."""
    wanted = asked.fields | {"id", "text", "edit_history_tweet_ids"}
    shown = {name: value for name, value in _whole(post).items() if name in wanted}
    return _newer(shown) if asked.newer else shown


def show_includes(world: World, posts: Iterable[Post], asked: Asked) -> Json:
    """The people and posts that these posts refer to, as far as asked for."""
    if not asked.expansions - {""}:
        return {}
    shown = list(posts)
    referred: list[Post] = []
    if "referenced_tweets.id" in asked.expansions:
        ids = [id_ for p in shown for id_ in (p.replied_to, p.quoted, p.reposted) if id_]
        referred = [post for id_ in dict.fromkeys(ids) if (post := world.find(id_))]
    people: list[Person | None] = [post.author for post in (*shown, *referred)]
    people += [post.answers for post in shown]
    people += [world.people.get(span.id or "") for post in shown for span in post.mentions]
    users = [show_person(person) for person in dict.fromkeys(people) if person is not None]
    includes: Json = {"users": users}
    if referred:
        name = "posts" if asked.newer else "tweets"
        includes[name] = [show_post(post, asked) for post in referred]
    return includes


def show_person(person: Person) -> Json:
    """A user, flat."""
    return {
        "id": person.id,
        "username": person.handle,
        "name": person.name,
        "created_at": _BORN,
        "protected": False,
        "verified": False,
    }


def show_message(message: Message, fields: Iterable[str]) -> Json:
    """A direct message event; the sender only where asked for (docs.x.com dm-events)."""
    whole: Json = {
        "id": message.id,
        "event_type": "MessageCreate",
        "text": escaped(message.text),
        "sender_id": message.sender.id,
        "created_at": _iso(message.at),
        "dm_conversation_id": message.conversation,
    }
    wanted = {"id", "event_type", "text", *fields}
    return {name: value for name, value in whole.items() if name in wanted}


def post_activity(kind: str, us: Person, post: Post, random: Random) -> Json:
    """A `post.*` event of the X Activity API; a reply comes without includes."""
    payload = _doubled(_whole(post))
    if post.replied_to:
        payload["in_reply_to_tweet_id"] = post.replied_to
    includes: Json = {}
    if kind == "post.mention.create":
        users = [show_person(post.author), show_person(us)]
        includes = {"users": users, "tweets": [payload]}
    return activity(kind, us, payload, random, includes)


def deletion_activity(us: Person, post: Post, random: Random) -> Json:
    """`post.delete`: two ids, and the user wrapped in `data`."""
    payload: Json = {"id": post.id, "author_id": post.author.id}
    includes: Json = {"users": [{"data": show_person(post.author)}]}
    return activity("post.delete", us, payload, random, includes)


def dm_activity(kind: str, us: Person, message: Message, random: Random) -> Json:
    """`dm.received` and `dm.sent`: v1.1 shape, a map of wrapped users."""
    entities: Json = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}
    event: Json = {
        "type": "message_create",
        "id": message.id,
        "created_timestamp": str(int(message.at * 1000)),
        "message_create": {
            "target": {"recipient_id": message.recipient.id},
            "sender_id": message.sender.id,
            "message_data": {"text": escaped(message.text), "entities": entities},
        },
    }
    people = (message.sender, message.recipient)
    users = {person.id: {"data": show_person(person)} for person in people}
    payload: Json = {"direct_message_events": [event], "users": users}
    return activity(kind, us, payload, random, None)


def activity(kind: str, us: Person, payload: Json, random: Random, includes: Json | None) -> Json:
    """A delivery; its `event_uuid` is its own and now and then negative, as X's samples show."""
    data: Json = {
        "event_uuid": str(random.getrandbits(64) - 2**63),
        "filter": {"user_id": us.id},
        "event_type": kind,
        "tag": "toog",
        "payload": payload,
    }
    if includes is not None:
        data["includes"] = includes
    return {"data": data}


def _whole(post: Post) -> Json:
    whole: Json = {
        "id": post.id,
        "text": escaped(post.text),
        "author_id": post.author.id,
        "created_at": _iso(post.at),
        "conversation_id": post.conversation,
        "edit_history_tweet_ids": list(post.history),
        "edit_controls": {
            "edits_remaining": 6 - len(post.history),
            "is_edit_eligible": post.replied_to is None and post.reposted is None,
            "editable_until": _iso(post.at + EDIT_WINDOW_S),
        },
        "display_text_range": [post.begins, len(escaped(post.text))],
        "lang": post.language,
        "possibly_sensitive": False,
        "reply_settings": "everyone",
        "public_metrics": {f"{name}_count": 0 for name in _COUNTS},
    }
    entities = _entities(post)
    if entities:
        whole["entities"] = entities
    if post.answers:
        whole["in_reply_to_user_id"] = post.answers.id
    references = (
        ("replied_to", post.replied_to),
        ("quoted", post.quoted),
        ("retweeted", post.reposted),
    )
    if any(id_ for _, id_ in references):
        whole["referenced_tweets"] = [
            {"type": type_, "id": id_} for type_, id_ in references if id_
        ]
    return whole


def _entities(post: Post) -> Json:
    """Empty lists are left out, and so are ids of handles that are nobody's."""
    entities: Json = {}
    if post.mentions:
        entities["mentions"] = [
            _at(post, span) | {"username": span.word} | ({"id": span.id} if span.id else {})
            for span in post.mentions
        ]
    if post.hashtags:
        entities["hashtags"] = [_at(post, span) | {"tag": span.word} for span in post.hashtags]
    if post.links:
        entities["urls"] = [
            _at(post, span) | {"url": span.word, "expanded_url": span.word} for span in post.links
        ]
    return entities


def escaped(text: str) -> str:
    """The text as X tells it: three characters are escaped, in posts and in messages."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _at(post: Post, span: Span) -> Json:
    """Offsets count in the text as it is told."""
    start, end = (len(escaped(post.text[:place])) for place in (span.start, span.end))
    return {"start": start, "end": end}


def _doubled(value: Json) -> Json:
    """The X Activity API gives every number beside its text as well."""
    doubled: Json = {}
    for name, item in value.items():
        doubled[name] = item
        if isinstance(item, dict):
            doubled[name] = _doubled(item)
        elif isinstance(item, list):
            doubled[name] = [_doubled(one) if isinstance(one, dict) else one for one in item]
        elif isinstance(item, int) and not isinstance(item, bool):
            doubled[f"{name}_str"] = str(item)
    return doubled


def _newer(value: Json) -> Json:
    return {
        _NEWER.get(name, name): _newer(item) if isinstance(item, dict) else item
        for name, item in value.items()
    }


def _iso(at: float) -> str:
    """Whole seconds, written with milliseconds: so does X."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%S}.000Z"
