"""What the played server makes of a post of ours: a status, or Mastodon's own words of refusal."""

from collections.abc import Mapping
from typing import Final

from toog.platforms.mastodon.sandbox.markup import LONGEST_CHARS, counted
from toog.platforms.mastodon.sandbox.world import Posted, Refusal, World

_VISIBILITIES: Final = frozenset({"public", "unlisted", "private", "direct"})
_GONE: Final = Refusal(404, "The post you are trying to reply to does not appear to exist.")


def posted(world: World, form: Mapping[str, str]) -> Posted | Refusal:
    """https://docs.joinmastodon.org/methods/statuses/#create."""
    text, parent_id = form.get("status", "").strip(), form.get("in_reply_to_id")
    parent = world.statuses.get(parent_id) if parent_id else None
    quoted_id = form.get("quoted_status_id")
    quoted = world.statuses.get(quoted_id) if quoted_id else None
    visibility = form.get("visibility") or "public"
    refusal = _refused_text(text)
    if refusal:
        return refusal
    if (parent_id and parent is None) or (quoted_id and quoted is None):
        return _GONE
    if visibility not in _VISIBILITIES:
        return Refusal(422, f"'{visibility}' is not a valid visibility")
    return Posted(
        world.post(
            world.us,
            text,
            visibility=visibility,
            language=form.get("language"),
            spoiler=form.get("spoiler_text", ""),
            parent=parent,
            quoted=quoted,
        )
    )


def _refused_text(text: str) -> Refusal | None:
    if not text:
        return Refusal(422, "Validation failed: Text can't be blank")
    if counted(text) > LONGEST_CHARS:
        limit = f"Validation failed: Text character limit of {LONGEST_CHARS} exceeded"
        return Refusal(422, limit)
    return None
