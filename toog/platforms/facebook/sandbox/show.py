"""How the played Facebook tells things: updates for webhooks, objects for Graph."""

import time
from datetime import UTC, datetime
from typing import Any, Final

from toog.contracts.ids import deletion_id, edit_id, event_id
from toog.platforms.facebook.hearing import PLATFORM
from toog.platforms.facebook.messages import VISITORS, edit_version
from toog.platforms.facebook.sandbox.webhook import Update
from toog.platforms.facebook.sandbox.world import Comment, Message, Person, Post, Thing, World

APP_ID: Final = "1010101010101010"
Json = dict[str, Any]


def event_of(page: str, thing: Thing) -> str:
    """The id of the event that Toog makes of this."""
    type_ = {Post: "post", Comment: "comment", Message: "message"}[type(thing)]
    return event_id(PLATFORM, page, type_, thing.id)


def told_new(us: Person, thing: Thing) -> Update:
    """The update about something new; our own messages come as echoes."""
    if isinstance(thing, Message):
        return Update(event_of(us.id, thing), "messaging", _messaging(us, thing))
    return Update(event_of(us.id, thing), "changes", _change(us, thing, "add"))


def told_mention(us: Person, thing: Post | Comment, *, text: bool, author: bool) -> Update:
    """The field `mention`: on somebody else's page, mostly without saying who, at times what."""
    value: Json = {"item": "comment", "verb": "add", "created_time": int(thing.at)}
    if isinstance(thing, Comment):
        value |= {"comment_id": thing.id, "post_id": thing.post.id}
    else:
        value |= {"item": "post", "post_id": thing.id}
    if text:
        value["message"] = thing.text
    if author:
        value |= {"sender_id": thing.author.id, "sender_name": thing.author.name}
    return Update(event_of(us.id, thing), "changes", {"field": "mention", "value": value})


def told_edit(us: Person, thing: Thing) -> Update:
    """The update about new words."""
    of = event_of(us.id, thing)
    if isinstance(thing, Message):
        edit = {"mid": thing.id, "text": thing.text, "num_edit": str(thing.edits)}
        said = _between(us, thing, time.time()) | {"message_edit": edit}
        return Update(edit_id(of, str(thing.edits)), "messaging", said)
    change = _change(us, thing, "edited")
    version = edit_version(thing.text, change["value"]["created_time"])
    return Update(edit_id(of, version), "changes", change)


def told_removal(us: Person, thing: Thing) -> Update:
    """The update about something taken back: its ids, and nothing of what it said."""
    gone = deletion_id(event_of(us.id, thing))
    if isinstance(thing, Message):
        said = _between(us, thing, time.time())
        return Update(gone, "messaging", said | {"message": {"mid": thing.id, "is_deleted": True}})
    change = _change(us, thing, "remove")
    for name in ("message", "message_tags"):
        change["value"].pop(name, None)
    return Update(gone, "changes", change)


def _change(us: Person, thing: Post | Comment, verb: str) -> Json:
    post = thing.post if isinstance(thing, Comment) else thing
    at = thing.edited_at if verb == "edited" and thing.edited_at else thing.at
    value: Json = {
        "from": {"id": thing.author.id, "name": thing.author.name},
        "post_id": post.id,
        "created_time": int(time.time() if verb == "remove" else at),
        "item": "status" if post.author.id == us.id else "post",
        "verb": verb,
        "message": thing.text,
    }
    if isinstance(thing, Comment):
        parent = thing.parent.id if thing.parent else post.id
        value |= {"item": "comment", "comment_id": thing.id, "parent_id": parent}
        value["post"] = {
            "id": post.id,
            "status_type": _status_type(us, post),
            "is_published": True,
            "updated_time": _iso(post.touched_at),
            "permalink_url": f"https://www.facebook.com/{post.id}",
            "promotion_status": "inactive",
        }
    else:
        value |= {"is_hidden": False, "published": 1}
    if tags := _tags(us, thing.text):
        value["message_tags"] = tags
    return {"field": "feed", "value": value}


def _status_type(us: Person, post: Post) -> str:
    return "mobile_status_update" if post.author.id == us.id else VISITORS


def _tags(us: Person, text: str) -> list[Json]:
    """Facebook turns our name into a tag; it stands in the text without an @."""
    at = text.find(us.name)
    if at < 0:
        return []
    return [{"id": us.id, "name": us.name, "type": "page", "offset": at, "length": len(us.name)}]


def _messaging(us: Person, message: Message) -> Json:
    body: Json = {"mid": message.id, "text": message.text}
    if message.author.id == us.id:
        body |= {"is_echo": True, "app_id": int(APP_ID)}
    return _between(us, message, message.at) | {"message": body}


def _between(us: Person, message: Message, at: float) -> Json:
    ours = message.author.id == us.id
    sender, recipient = (us, message.person) if ours else (message.person, us)
    return {
        "sender": {"id": sender.id},
        "recipient": {"id": recipient.id},
        "timestamp": int(at * 1000),
    }


def post_object(us: Person, post: Post) -> Json:
    """All fields of a post that Graph shows; edges are filled in where they are asked for."""
    return {
        "id": post.id,
        "created_time": _iso(post.at),
        "updated_time": _iso(post.touched_at),
        "message": post.text,
        "from": _who(post.author),
        "status_type": _status_type(us, post),
        "permalink_url": f"https://www.facebook.com/{post.id}",
        "is_published": True,
        **({"message_tags": tags} if (tags := _tags(us, post.text)) else {}),
    }


def comment_object(us: Person, world: World, comment: Comment) -> Json:
    """All fields of a comment that Graph shows."""
    shown: Json = {
        "id": comment.id,
        "created_time": _iso(comment.at),
        "from": _who(comment.author),
        "message": comment.text,
        "comment_count": len(world.comments(comment)),
        "can_reply_privately": comment.author.id != us.id,
        "is_hidden": False,
        "permalink_url": f"https://www.facebook.com/{comment.post.id}?comment_id={comment.id}",
        "object": {"id": comment.post.id},
    }
    if comment.parent is not None:
        parent = comment.parent
        shown["parent"] = {
            "id": parent.id,
            "created_time": _iso(parent.at),
            "from": _who(parent.author),
            "message": parent.text,
        }
    if tags := _tags(us, comment.text):
        shown["message_tags"] = tags
    return shown


def message_object(us: Person, message: Message) -> Json:
    """All fields of a message that Graph shows."""
    ours = message.author.id == us.id
    sender, recipient = (us, message.person) if ours else (message.person, us)
    return {
        "id": message.id,
        "created_time": _iso(message.at),
        "from": _who(sender) | {"email": f"{sender.id}@facebook.com"},
        "to": {"data": [_who(recipient) | {"email": f"{recipient.id}@facebook.com"}]},
        "message": message.text,
    }


def thread_object(us: Person, newest: Message, count: int) -> Json:
    """All fields of a conversation that Graph shows."""
    return {
        "id": f"t_{newest.person.id}",
        "link": f"/{us.id}/inbox/{newest.person.id}",
        "updated_time": _iso(newest.at),
        "message_count": count,
        "participants": {"data": [_who(newest.person), _who(us)]},
        "can_reply": True,
    }


def _who(person: Person) -> Json:
    return {"name": person.name, "id": person.id}


def _iso(at: float) -> str:
    """Graph's times have a zone without a colon, and whole seconds."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}+0000"
