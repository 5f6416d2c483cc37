"""Rules of the filtered stream, read and matched for real, as far as Toog and its tests use them.

Source: docs.x.com/x-api/posts/filtered-stream/integrate/operators. AND (a space) binds before OR.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from toog.platforms.x.sandbox.world import Person, Post

Matcher = Callable[[Post], bool]

_TOKEN = re.compile(r"\s*(\(|\)|-(?=[^\s-])|\"[^\"]*\"|[^\s()]+)")


class RuleError(ValueError):
    """The rule cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is set."""

    id: str
    value: str
    tag: str | None
    matches: Matcher


def read_rule(value: str) -> Matcher:
    """Whether a post matches this rule. Raises RuleError where it is none."""
    tokens = _TOKEN.findall(value)
    if not tokens:
        raise RuleError("a rule must not be empty")
    matcher = _any(tokens)
    if tokens:
        raise RuleError(f"unexpected {tokens[0]!r}")
    return matcher


def _any(tokens: list[str]) -> Matcher:
    parts = [_all(tokens)]
    while tokens and tokens[0] == "OR":
        del tokens[0]
        parts.append(_all(tokens))
    return lambda post: any(part(post) for part in parts)


def _all(tokens: list[str]) -> Matcher:
    parts: list[Matcher] = []
    while tokens and tokens[0] not in {")", "OR"}:
        parts.append(_one(tokens))
    if not parts:
        raise RuleError("something is missing beside OR or between parentheses")
    return lambda post: all(part(post) for part in parts)


def _one(tokens: list[str]) -> Matcher:
    first = tokens.pop(0)
    if first == "-":
        if not tokens:
            raise RuleError("nothing behind -")
        negated = _one(tokens)
        return lambda post: not negated(post)
    if first != "(":
        return _term(first)
    inner = _any(tokens)
    if not tokens or tokens.pop(0) != ")":
        raise RuleError("a parenthesis is not closed")
    return inner


def _term(token: str) -> Matcher:
    name, colon, value = token.partition(":")
    if token.startswith("@"):
        handle = token[1:].casefold()
        return lambda post: any(span.word.casefold() == handle for span in post.mentions)
    if token.startswith("#"):
        tag = token[1:].casefold()
        return lambda post: any(span.word.casefold() == tag for span in post.hashtags)
    if not colon:
        word = token.strip('"').casefold()
        return lambda post: word in post.text.casefold()
    return _operator(name, value)


def _operator(name: str, value: str) -> Matcher:
    wanted = value.casefold()
    match name, wanted:
        case "from", _:
            return lambda post: _is(post.author, wanted)
        case "to", _:
            return lambda post: post.answers is not None and _is(post.answers, wanted)
        case "conversation_id", _:
            return lambda post: post.conversation == wanted
        case "lang", _:
            return lambda post: post.language == wanted
        case "is", "retweet":
            return lambda post: post.reposted is not None
        case "is", "reply":
            return lambda post: post.replied_to is not None
        case "is", "quote":
            return lambda post: post.quoted is not None
    raise RuleError(f"unknown operator {name}:{value}")


def _is(person: Person, wanted: str) -> bool:
    return wanted in {person.id, person.handle.casefold()}
