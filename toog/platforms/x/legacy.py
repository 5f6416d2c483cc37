"""Posts in v1.1's words, as the Account Activity API still tells them, turned into v2's.

Source: docs.x.com/x-api/account-activity/introduction and the v1.1 data dictionary.
"""

from typing import Any

import msgspec

from toog.platforms.lenient import read
from toog.platforms.x.payloads import (
    ABSENT,
    Attachments,
    Entities,
    Id,
    Known,
    MediaItem,
    Post,
    ReferencedPost,
    User,
    exact,
)


class _Media(msgspec.Struct):
    id_str: str | None = None
    type: str = "media"
    media_url_https: str | None = None


class _Pictures(msgspec.Struct):
    media: list[_Media] | None = None


class _Full(msgspec.Struct):
    full_text: str | None = None
    display_text_range: tuple[int, int] | None = None
    entities: Entities | None = None
    extended_entities: _Pictures | None = None


class _History(msgspec.Struct):
    edit_tweet_ids: list[str] | None = None


class Tweet(msgspec.Struct):
    """A v1.1 post; of a long one `extended_tweet` holds all, and `text` is cut."""

    id: Id | None = None
    id_str: str | None = None
    text: str | None = None
    full_text: str | None = None
    created_at: str | None = None
    lang: str | None = None
    user: User | None = None
    in_reply_to_status_id: Id | None = None
    in_reply_to_status_id_str: str | None = None
    in_reply_to_user_id: Id | None = None
    in_reply_to_user_id_str: str | None = None
    quoted_status_id: Id | None = None
    quoted_status_id_str: str | None = None
    quoted_status: msgspec.Raw = ABSENT
    retweeted_status: msgspec.Raw = ABSENT
    display_text_range: tuple[int, int] | None = None
    entities: Entities | None = None
    extended_entities: _Pictures | None = None
    extended_tweet: _Full | None = None
    edit_history: _History | None = None


def translated(raw: msgspec.Raw) -> tuple[Post, Known, str | None] | None:
    """The post, what came along, and its time as written; None where it is no post."""
    tweet = read(Tweet, raw)
    id_ = exact(tweet.id_str, tweet.id) if tweet else None
    if tweet is None or id_ is None or (tweet.text or tweet.full_text) is None:
        return None
    quoted = _nested(tweet.quoted_status)
    repeated = _nested(tweet.retweeted_status)
    full = tweet.extended_tweet or _Full()
    pictures = _pictures(full.extended_entities or tweet.extended_entities)
    post = Post(
        id=id_,
        text=full.full_text or tweet.full_text or tweet.text or "",
        author_id=tweet.user.key if tweet.user else None,
        in_reply_to_tweet_id=exact(tweet.in_reply_to_status_id_str, tweet.in_reply_to_status_id),
        in_reply_to_user_id=exact(tweet.in_reply_to_user_id_str, tweet.in_reply_to_user_id),
        lang=tweet.lang,
        display_text_range=full.display_text_range or tweet.display_text_range,
        entities=full.entities or tweet.entities,
        referenced_tweets=_references(tweet, quoted, repeated),
        edit_history_tweet_ids=tweet.edit_history.edit_tweet_ids if tweet.edit_history else None,
        attachments=Attachments(list(pictures)),
    )
    posts = {one.id: one for one in (quoted, repeated) if one is not None}
    return post, Known(_users(tweet.user), posts, pictures), tweet.created_at


def _references(
    tweet: Tweet, quoted: Post | None, repeated: Post | None
) -> list[ReferencedPost] | None:
    """A repost that repeats a quote names both; it is a repost."""
    quoted_id = exact(tweet.quoted_status_id_str, tweet.quoted_status_id)
    found = [
        ("quoted", quoted_id or (quoted.id if quoted else None)),
        ("retweeted", repeated.id if repeated else None),
        ("replied_to", exact(tweet.in_reply_to_status_id_str, tweet.in_reply_to_status_id)),
    ]
    return [ReferencedPost(id_, type_) for type_, id_ in found if id_] or None


def _nested(raw: msgspec.Raw) -> Post | None:
    tweet = read(Tweet, raw) if bytes(raw) else None
    id_ = exact(tweet.id_str, tweet.id) if tweet else None
    if tweet is None or id_ is None:
        return None
    return Post(id=id_, author_id=tweet.user.key if tweet.user else None)


def _users(user: User | None) -> dict[str, User]:
    key = user.key if user else None
    return {key: user} if user is not None and key is not None else {}


def _pictures(pictures: _Pictures | None) -> dict[str, MediaItem]:
    items: list[Any] = (pictures.media if pictures else None) or []
    return {
        (key := item.id_str or str(place)): MediaItem(key, item.type, item.media_url_https)
        for place, item in enumerate(items)
    }
