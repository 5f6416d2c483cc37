"""How the played Instagram shows things: values of webhooks, and objects of the Graph API.

Shapes: developers.facebook.com/docs/instagram-platform (webhooks/examples, reference).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from toog.platforms.instagram.sandbox.fields import Asked, Json, answer, edge
from toog.platforms.instagram.sandbox.world import Comment, Media, Message, Person, World

_CDN = "https://lookaside.fbsbx.com/ig_messaging_cdn/"


def comment_value(comment: Comment) -> Json:
    """`value` of the field `comments`."""
    value: Json = {
        "id": comment.id,
        "from": {"id": comment.author.id, "username": comment.author.handle},
        "text": comment.text,
        "media": {"id": comment.media.id, "media_product_type": "FEED"},
    }
    return value | ({"parent_id": comment.top} if comment.top else {})


def mention_value(media: Media, comment: Comment | None) -> Json:
    """`value` of the field `mentions`: ids only."""
    value: Json = {"media_id": media.id}
    return value | ({"comment_id": comment.id} if comment else {})


def message_item(us: Person, message: Message) -> Json:
    """A messaging item with a message; what we wrote comes as echo, sender and recipient swapped."""
    body: Json = {"mid": message.mid}
    if message.text:
        body["text"] = message.text
    if message.story is not None:
        story = {"id": message.story.id, "url": _story_url(message.story)}
        if message.names_us:
            payload = {"url": _story_url(message.story)}
            body["attachments"] = [{"type": "story_mention", "payload": payload}]
        else:
            body["reply_to"] = {"story": story}
    if message.sender.id == us.id:
        body["is_echo"] = True
    return _between(message, message.at) | {"message": body}


def edit_item(message: Message, at: float) -> Json:
    """A messaging item that tells the new text."""
    edit = {"mid": message.mid, "text": message.text, "num_edit": str(message.edits)}
    return _between(message, at) | {"message_edit": edit}


def unsent_item(message: Message, at: float) -> Json:
    """A messaging item that tells that the message is taken back."""
    return _between(message, at) | {"message": {"mid": message.mid, "is_deleted": True}}


def _between(message: Message, at: float) -> Json:
    return {
        "sender": {"id": message.sender.id},
        "recipient": {"id": message.recipient.id},
        "timestamp": int(at * 1000),
    }


def _story_url(story: Media) -> str:
    return f"{_CDN}?asset_id={story.id}"


def show_us(world: World, asked: list[Asked]) -> Json:
    """Our account, with its edges and the two look-ups of what only names us."""
    us = world.us
    known: dict[str, Callable[[Asked], object]] = {
        "id": lambda _: us.id,
        "user_id": lambda _: us.id,
        "username": lambda _: us.handle,
        "name": lambda _: us.name,
        "media_count": lambda _: sum(1 for _ in world.ours()),
        "media": lambda one: media_edge(world, one),
        "stories": lambda one: media_edge(world, one, story=True),
        "conversations": lambda one: conversations_edge(world, one),
        "mentioned_comment": partial(_mentioned_comment, world),
        "mentioned_media": partial(_mentioned_media, world),
    }
    return answer("IGUser", known, asked)


def _mentioned_comment(world: World, asked: Asked) -> Json | None:
    comment = world.comments.get(asked.arguments.get("comment_id", ""))
    if comment is None or comment.media.owner.id == world.us.id:
        return None
    return show_comment(world, asked.inner, comment)


def _mentioned_media(world: World, asked: Asked) -> Json | None:
    media = world.media.get(asked.arguments.get("media_id", ""))
    return show_media(world, asked.inner, media) if media else None


def show_media(world: World, asked: list[Asked], media: Media) -> Json:
    """A post or story."""
    known: dict[str, Callable[[Asked], object]] = {
        "id": lambda _: media.id,
        "caption": lambda _: media.caption,
        "username": lambda _: media.owner.handle,
        "timestamp": lambda _: _time(media.at),
        "media_type": lambda _: "IMAGE",
        "media_product_type": lambda _: "STORY" if media.story else "FEED",
        "permalink": lambda _: f"https://www.instagram.com/p/{media.id}/",
        "comments_count": lambda _: sum(1 for _ in world.under(media)),
        "owner": lambda _: {"id": media.owner.id} if media.owner.id == world.us.id else None,
        "comments": lambda one: comments_edge(world, one, media),
    }
    return answer("IGMedia", known, asked)


def show_comment(world: World, asked: list[Asked], comment: Comment) -> Json:
    """A comment; of those under foreign media the author is only named."""
    author = comment.author
    ours = comment.media.owner.id == world.us.id
    known: dict[str, Callable[[Asked], object]] = {
        "id": lambda _: comment.id,
        "text": lambda _: comment.text,
        "timestamp": lambda _: _time(comment.at),
        "username": lambda _: author.handle,
        "from": lambda _: {"id": author.id, "username": author.handle} if ours else None,
        "parent_id": lambda _: comment.top,
        "like_count": lambda _: 0,
        "hidden": lambda _: False if ours else None,
        "media": lambda one: show_media(world, one.inner, comment.media),
        "replies": lambda one: replies_edge(world, one, comment),
    }
    return answer("IGComment", known, asked)


def show_message(_world: World, asked: list[Asked], message: Message) -> Json:
    """A message as the conversations show it."""
    people = {p.id: {"id": p.id, "username": p.handle} for p in (message.sender, message.recipient)}
    story = message.story and {"id": message.story.id, "link": _story_url(message.story)}
    told = {"mention" if message.names_us else "reply_to": story}
    known: dict[str, Callable[[Asked], object]] = {
        "id": lambda _: message.mid,
        "created_time": lambda _: _time(message.at),
        "from": lambda _: people[message.sender.id],
        "to": lambda _: {"data": [people[message.recipient.id]]},
        "message": lambda _: message.text,
        "story": lambda _: told if story else None,
        "is_unsupported": lambda _: None,
    }
    return answer("Message", known, asked)


def show_conversation(world: World, asked: list[Asked], person: Person) -> Json:
    """A conversation, named after the person with whom it is."""
    last = next(world.with_us(person.id), None)
    known: dict[str, Callable[[Asked], object]] = {
        "id": lambda _: conversation_id(person),
        "updated_time": lambda _: _time(last.at) if last else None,
        "participants": lambda _: {"data": [{"id": person.id, "username": person.handle}]},
        "messages": lambda one: messages_edge(world, one, person),
    }
    return answer("Conversation", known, asked)


def conversation_id(person: Person) -> str:
    """The id of the conversation with this person."""
    return f"aWdfZAG06MTpJR01lc3NhZA2VUaHJlYWQ6{person.id}"


def media_edge(world: World, asked: Asked, *, story: bool = False) -> Json:
    """Our posts, or stories, the newest first."""
    show = partial(show_media, world, asked.inner)
    return edge(world.ours(story=story), lambda one: one.id, show, asked)


def comments_edge(world: World, asked: Asked, media: Media) -> Json:
    """The top-level comments under our media; under foreign media they are not ours to see."""
    found = world.under(media) if media.owner.id == world.us.id else iter(())
    return edge(found, lambda one: one.id, partial(show_comment, world, asked.inner), asked)


def replies_edge(world: World, asked: Asked, comment: Comment) -> Json | None:
    """What stands under a comment; None where there is nothing."""
    show = partial(show_comment, world, asked.inner)
    page = edge(world.replies(comment), lambda one: one.id, show, asked)
    return page if page["data"] else None


def conversations_edge(world: World, asked: Asked) -> Json:
    """Our conversations, the last one spoken in first."""
    show = partial(show_conversation, world, asked.inner)
    return edge(world.talkers(), conversation_id, show, asked)


def messages_edge(world: World, asked: Asked, person: Person) -> Json:
    """The messages with this person, the newest first."""
    show = partial(show_message, world, asked.inner)
    return edge(world.with_us(person.id), lambda one: one.mid, show, asked)


def _time(at: float) -> str:
    return datetime.fromtimestamp(int(at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
