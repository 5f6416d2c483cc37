"""What may stand in `policy.toml`, and a sentence for everything that is wrong in one. Pure."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args

import msgspec

from services.router.signs import GUARDS, EmergencyFile
from toog.contracts.verdicts import LANES, TAGS, AddressedReason, Tag
from toog.platforms.accounts import KNOWN_PLATFORMS

LANED: Final = frozenset(get_args(AddressedReason)) - {"emergency", "revived", "rejudged"}
"""Reasons whose lane the policy may change."""

_WORDS: Final = (
    ("Object missing required field", "it lacks"),
    ("Object contains unknown field", "it cannot hold"),
    ("Invalid RFC3339 encoded datetime", "expected a time such as 2026-12-31T00:00:00Z"),
    ("Expected `array`", "expected a list in [ ]"),
    ("Expected `object`", "expected a table"),
    ("Expected `str`", "expected a text in quotes"),
    ("Expected `datetime`", "expected a time such as 2026-12-31T00:00:00Z"),
    ("`int`", "a number"),
    ("`float`", "a number"),
    ("`str`", "a text"),
    ("`bool`", "true or false"),
    ("`array`", "a list"),
    ("`object`", "a table"),
    ("`datetime`", "a time"),
)


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Platforms on which a bystander's reply, or a quote of ours, counts as addressed."""

    bystander: frozenset[str] = frozenset()
    quote_of_ours: frozenset[str] = frozenset()


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An author whose messages the desk does not get until then. Criticism is no reason."""

    platform: str
    id: str
    reason: str
    until: datetime


class Organisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account of an organisation; its messages carry the tag, and are judged like any other.

    The tags are a closed list: no word of a policy labels a person.
    """

    platform: str
    id: str
    tag: Tag


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may stand in `policy.toml`.

    `followed_conversations` are `platform:` and the platform's own id of the message with which
    each began. Without `emergency` the shipped `emergency.toml` holds.
    """

    followed_hashtags: tuple[str, ...] = ()
    followed_conversations: frozenset[str] = frozenset()
    emergency_phrases: tuple[str, ...] = ()
    emergency: EmergencyFile | None = None
    lanes: dict[str, str] = {}
    switches: Switches = Switches()
    block: tuple[Block, ...] = ()
    organisation: tuple[Organisation, ...] = ()


def read(tables: Mapping[str, Any]) -> tuple[PolicyFile, list[str]]:
    """The policy of these tables, and what is wrong in them, a sentence each.

    What has the wrong shape is left out and told; the rest is looked at all the same.
    """
    mistakes, good = list[str](), dict[str, Any]()
    for key, value in tables.items():
        if key not in PolicyFile.__struct_fields__:
            known = ", ".join(PolicyFile.__struct_fields__)
            mistakes.append(f"`{key}` is nothing that a policy can say; it can say {known}")
        elif key in {"block", "organisation"} and isinstance(value, list):
            wrong = [
                _wrong({key: [one]}, f"[[{key}]] number {n}") for n, one in enumerate(value, 1)
            ]
            mistakes += [said for said in wrong if said is not None]
            good[key] = [one for one, said in zip(value, wrong, strict=True) if said is None]
        elif (said := _wrong({key: value}, f"`{key}`")) is not None:
            mistakes.append(said)
        else:
            good[key] = value
    file = msgspec.convert(good, PolicyFile)
    return file, [*mistakes, *_senseless(file)]


def hashtag(written: str) -> str:
    """A hashtag as it is compared: without #, in small letters."""
    return written.lstrip("#＃").casefold()


def _wrong(tables: Mapping[str, Any], where: str) -> str | None:
    try:
        msgspec.convert(tables, PolicyFile)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at ")
        inside = place.strip("`").replace("$.", "").replace("$", "").replace("[...]", "")
        inside = inside.partition(".")[2]
        choice = TAGS if inside == "tag" else GUARDS
        said = said.replace("Invalid enum value", f"choose from {', '.join(choice)}, not")
        for its, ours in _WORDS:
            said = said.replace(its, ours)
        return f"{where}{f', `{inside}`' if inside else ''}: {said[:1].lower()}{said[1:]}"
    return None


def _senseless(file: PolicyFile) -> Iterator[str]:
    """What has the right shape and cannot be meant."""
    for tag in file.followed_hashtags:
        if not hashtag(tag) or any(c.isspace() for c in tag):
            yield f"the followed hashtag {tag!r} must be one word"
    for conversation in sorted(file.followed_conversations):
        platform, colon, native = conversation.partition(":")
        if not colon or not native.strip():
            yield (
                f"the followed conversation {conversation!r} must name its platform and the id of"
                " the message with which it began, such as x:1990000000000000001"
            )
        else:
            yield from _wrong_platform(f"the followed conversation {conversation!r}", platform)
    if file.emergency is not None and not (file.emergency.group or file.emergency.sign):
        yield (
            "`emergency` holds no phrases, so that nothing would sound like danger: leave the table"
            " out to have those that are shipped"
        )
    for reason, lane in file.lanes.items():
        yield from _wrong_lane(reason, lane)
    for name in Switches.__struct_fields__:
        for platform in sorted(getattr(file.switches, name)):
            yield from _wrong_platform(f"the switch `{name}`", platform)
    yield from _wrong_blocks(file)
    yield from _wrong_accounts("organisation", file.organisation)


def _wrong_lane(reason: str, lane: str) -> Iterator[str]:
    if reason not in LANED:
        known = ", ".join(sorted(LANED))
        yield f"`lanes` names the reason {reason!r}, whose lane cannot be chosen; choose from {known}"
    if lane not in LANES[1:]:
        yield f"`lanes` gives {reason} the lane {lane!r}; the lanes are {', '.join(LANES[1:])}"


def _wrong_blocks(file: PolicyFile) -> Iterator[str]:
    yield from _wrong_accounts("block", file.block)
    for block in file.block:
        where = f"the block of {block.id or 'nobody'}"
        if block.until.tzinfo is None:
            yield f"{where} needs a time zone in `until`"
        elif block.until.astimezone(UTC).year > 9000:
            yield f"{where} needs a real end"
        if not block.reason.strip():
            yield f"{where} needs a reason"


def _wrong_accounts(what: str, some: tuple[Block, ...] | tuple[Organisation, ...]) -> Iterator[str]:
    seen = set()
    for one in some:
        where = f"the {what} of {one.id or 'nobody'}"
        yield from _wrong_platform(where, one.platform)
        if not one.id.strip() or one.id.startswith("@"):
            yield f"{where} needs the platform's own id of the account, not its handle"
        if (one.platform, one.id) in seen:
            yield f"{where} stands there twice: keep one"
        seen.add((one.platform, one.id))


def _wrong_platform(where: str, platform: str) -> Iterator[str]:
    if platform not in KNOWN_PLATFORMS:
        known = ", ".join(KNOWN_PLATFORMS)
        yield f"{where} names the platform {platform!r}; known are {known}"
