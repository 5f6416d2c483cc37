"""What we ask X ourselves: filtered stream, activity stream, mentions by paging, look-up of ids. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from toog.contracts.events import Event
from toog.platforms.accounts import Account
from toog.platforms.base import NotConfiguredError, Request, Source
from toog.platforms.x.mentions import Mentions
from toog.platforms.x.streams import FilteredStream, activity_stream

FIELDS: Final = (
    (
        "tweet.fields",
        (
            "author_id,created_at,display_text_range,conversation_id,in_reply_to_user_id,"
            "referenced_tweets,entities,note_tweet,edit_controls,lang,reply_settings"
        ),
    ),
    (
        "expansions",
        (
            "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,"
            "entities.mentions.username,edit_history_tweet_ids"
        ),
    ),
    ("user.fields", "username,name,protected,verified"),
)
"""Without these X sends id, text and edit history only."""

LOOK_UP_IDS: Final = 100
"""X takes at most so many in one request."""


def sources(account: Account, secrets: Mapping[str, str]) -> tuple[Source, ...]:
    """The ways in of this account that we ask ourselves, as `accounts.toml` names them.

    `stream` is the filtered stream, `activity_stream` the X Activity API without a webhook,
    `mentions` paging as a second net. Raises NotConfiguredError where one stands there but no
    `bearer` is configured.
    """
    found: list[Source] = []
    for config in account.source:
        if config.kind == "stream":
            bearer = _bearer(account, secrets, "the stream")
            found.append(FilteredStream(account, config.hashtags, bearer, FIELDS))
        elif config.kind == "activity_stream":
            found.append(activity_stream(account, _bearer(account, secrets, "the activity stream")))
        elif config.kind == "mentions":
            found.append(Mentions(account, _bearer(account, secrets, "paging mentions"), FIELDS))
    return tuple(found)


def look_up(event: Event, account: Account, secrets: Mapping[str, str]) -> Request | None:
    """The request for the post that came without its author; nothing can be asked about chat.

    Raises NotConfiguredError without a `bearer`.
    """
    if event.native is None or event.kind not in {"created", "edited"} or event.surface == "dm":
        return None
    return look_up_ids([event.native], account, secrets)


def look_up_ids(natives: Sequence[str], account: Account, secrets: Mapping[str, str]) -> Request:
    """`GET /2/tweets?ids=` of up to 100 posts (docs.x.com/x-api/posts/get-posts-by-ids).

    Raises NotConfiguredError without a `bearer`, ValueError for none or more than 100.
    """
    if not 1 <= len(natives) <= LOOK_UP_IDS:
        raise ValueError(f"X looks up 1 to {LOOK_UP_IDS} posts at once, not {len(natives)}")
    return Request(
        "GET",
        f"{account.base_url}/2/tweets",
        params=[("ids", ",".join(natives)), *FIELDS],
        headers={"authorization": f"Bearer {_bearer(account, secrets, 'a look-up')}"},
    )


def _bearer(account: Account, secrets: Mapping[str, str], what: str) -> str:
    bearer = secrets.get("bearer")
    if not bearer:
        raise NotConfiguredError(f"{account.name}: {what} needs the secret `bearer`")
    return bearer
