"""Who is named in a post: by the author, or by X, which puts handles in front of a reply."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Self

from toog.contracts.events import Mention
from toog.platforms.accounts import Account, Accounts
from toog.platforms.text import entities as found_in
from toog.platforms.x import payloads


@dataclass(frozen=True, slots=True)
class Named:
    """What a text names; `mentions` without the reply prefix."""

    mentions: tuple[Mention, ...] = ()
    prefix: tuple[Mention, ...] = ()
    hashtags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    media_keys: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, entities: payloads.Entities | None, text: str, prefix: tuple[Mention, ...] = ()
    ) -> Self:
        """What these entities hold; our own extractor only where X sent no such key."""
        known = entities or payloads.Entities()
        urls = known.urls or []
        tags = known.hashtags
        hashtags = (
            found_in.hashtags(text) if tags is None else [t for h in tags if (t := h.tag or h.text)]
        )
        links = [u.unwound_url or u.expanded_url or u.url for u in urls if u.media_key is None]
        return cls(
            mentions=_without(prefix, [mention for _, mention in _entities(known, text)], text),
            prefix=prefix,
            hashtags=tuple(dict.fromkeys(hashtags)),
            links=tuple(dict.fromkeys(link for link in links if link)),
            media_keys=tuple(dict.fromkeys(u.media_key for u in urls if u.media_key)),
        )


def named(
    post: payloads.Post, parent: payloads.Post | None, accounts: Accounts, typed: Account | None
) -> Named:
    """What the post names, the reply prefix told apart from what the author wrote.

    `typed` is the account that X itself reports as explicitly mentioned (`post.mention.create`).
    A repost names nobody: its words are another's, although X lists their mentions.
    """
    note = post.note
    full = note if note and note.text else None
    text = (full.text if full else None) or post.text or ""
    entities = (full.entities if full else None) or post.entities
    if post.referenced("retweeted"):
        return replace(Named.of(entities, text), mentions=())
    prefix = _prefix(post, parent, accounts, typed) if post.replied_to else ()
    names = Named.of(entities, text, prefix)
    if typed is None or any(_is(typed, mention) for mention in (*names.mentions, *prefix)):
        return names
    return replace(names, mentions=(*names.mentions, Mention(typed.handle, typed.id)))


def _entities(entities: payloads.Entities, text: str) -> list[tuple[int | None, Mention]]:
    """Start and handle of each mention, in the order of the text."""
    items = entities.mentions if entities.mentions is not None else entities.user_mentions
    if items is None:
        return [(None, Mention(handle)) for handle in found_in.handles(text)]
    found = [
        (item.begins, Mention(handle, payloads.exact(item.id_str, item.id)))
        for item in items
        if (handle := item.username or item.screen_name)
    ]
    return sorted(found, key=lambda pair: pair[0] or 0)


def _prefix(
    post: payloads.Post, parent: payloads.Post | None, accounts: Accounts, typed: Account | None
) -> tuple[Mention, ...]:
    """The handles that X put in front of this reply; in doubt a handle counts as typed.

    X says where the author's own words begin (`display_text_range`, docs.x.com data dictionary);
    without that, only leading handles that the parent explains. Of ours, none behind the first
    place where X reports an explicit mention or the parent is not known.
    """
    entities = post.entities or (post.note and post.note.entities)  # both begin alike
    found = _entities(entities or payloads.Entities(), post.text or "")
    if post.display_text_range is not None and all(start is not None for start, _ in found):
        begins = post.display_text_range[0]
        prefix = [mention for start, mention in found if start is not None and start < begins]
        doubtful = typed is not None
    else:
        prefix = _explained([mention for _, mention in found], post, parent)
        doubtful = typed is not None or parent is None
    if not doubtful:
        return tuple(prefix)
    return tuple(
        mention
        for place, mention in enumerate(prefix)
        if place == 0 or not accounts.ours("x", mention.id, mention.handle)
    )


def _explained(
    found: list[Mention], post: payloads.Post, parent: payloads.Post | None
) -> list[Mention]:
    """The leading handles that are the parent's author, first, or whom the parent named."""
    parent_author = post.in_reply_to_user_id or (parent.author_id if parent else None)
    known = (
        [m for _, m in _entities(parent.entities or payloads.Entities(), parent.text or "")]
        if parent
        else []
    )
    known_handles = {mention.handle.casefold() for mention in known}
    explained: list[Mention] = []
    for leading, mention in zip(found_in.leading_handles(post.text or ""), found, strict=False):
        handle = mention.handle.casefold()
        first = not explained and (
            None in {mention.id, parent_author} or mention.id == parent_author
        )
        if handle != leading.casefold() or not (first or handle in known_handles):
            break
        explained.append(mention)
    return explained


def _without(
    prefix: tuple[Mention, ...], mentions: list[Mention], text: str
) -> tuple[Mention, ...]:
    """The mentions behind the prefix, each handle once.

    The note of a long post may lack the prefix: what does not stand in front of the text is typed.
    """
    in_front = {handle.casefold() for handle in found_in.leading_handles(text)}
    taken = Counter(
        handle for mention in prefix if (handle := mention.handle.casefold()) in in_front
    )
    once: dict[str, Mention] = {}
    for mention in mentions:
        handle = mention.handle.casefold()
        if taken[handle] > 0:
            taken[handle] -= 1
        else:
            once.setdefault(handle, mention)
    return tuple(once.values())


def _is(account: Account, mention: Mention) -> bool:
    return mention.id == account.id or mention.handle.casefold() == account.handle.casefold()
