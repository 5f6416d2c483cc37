"""How each platform says "too often" and "not now": status, headers and body in its own words. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Final, NamedTuple

import msgspec

_RESET_S: Final = 2
_HTML: Final = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Refusal(NamedTuple):
    """An answer that refuses: header names in lower case, `content-type` among them."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def too_often(platform: str, account_id: str, now: float) -> Refusal:
    """The platform's answer to one request too many; `now` in seconds since the epoch."""
    return _TOO_OFTEN[platform](account_id, now)


def not_now(platform: str, random: Random) -> Refusal:
    """The platform's answer when something of its own is broken."""
    return random.choice(_NOT_NOW[platform])


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> Refusal:
    head = {"content-type": "application/json; charset=utf-8", **(headers or {})}
    return Refusal(status, head, msgspec.json.encode(body))


def _page(status: int, title: str) -> Refusal:
    return Refusal(status, {"content-type": "text/html"}, _HTML.format(title).encode())


def _x(_: str, now: float) -> Refusal:
    """https://docs.x.com/x-api/fundamentals/rate-limits: code 88, the reset in epoch seconds."""
    headers = {
        "x-rate-limit-limit": "100",
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": str(int(now) + _RESET_S),
    }
    return _json(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, headers)


def _graph(code: int, message: str, **more: object) -> dict[str, object]:
    """https://developers.facebook.com/docs/graph-api/guides/error-handling."""
    error = {"message": message, "type": "OAuthException", "code": code, **more}
    return {"error": {**error, "fbtrace_id": "AVerzonnenSpoor0000000"}}


def _usage(call_type: str, account_id: str) -> dict[str, str]:
    """https://developers.facebook.com/docs/graph-api/overview/rate-limiting: shares in %, minutes."""
    usage = {
        "type": call_type,
        "call_count": 100,
        "total_cputime": 25,
        "total_time": 25,
        "estimated_time_to_regain_access": 1,
    }
    value = msgspec.json.encode({account_id: [usage]}).decode()
    return {"x-business-use-case-usage": value}


def _facebook(account_id: str, _: float) -> Refusal:
    text = "There have been too many calls to this Page account. Wait a bit and try again."
    body = _graph(80001, f"(#80001) {text}")
    return _json(400, body, _usage("pages", account_id))


def _instagram(account_id: str, _: float) -> Refusal:
    text = "There have been too many calls to this Instagram account. Wait a bit and try again."
    body = _graph(80002, f"(#80002) {text}")
    return _json(400, body, _usage("instagram", account_id))


def _mastodon(_: str, now: float) -> Refusal:
    """https://docs.joinmastodon.org/api/rate-limits: the reset is an ISO 8601 moment."""
    headers = {
        "x-ratelimit-limit": "300",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": _iso(now + _RESET_S),
    }
    return _json(429, {"error": "Too many requests"}, headers)


def _bluesky(_: str, now: float) -> Refusal:
    """https://docs.bsky.app/docs/advanced-guides/rate-limits."""
    headers = {
        "ratelimit-limit": "3000",
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(int(now) + _RESET_S),
        "ratelimit-policy": "3000;w=300",
        "retry-after": str(_RESET_S),
    }
    return _json(429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, headers)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_TOO_OFTEN: Final[Mapping[str, Callable[[str, float], Refusal]]] = {
    "x": _x,
    "facebook": _facebook,
    "instagram": _instagram,
    "mastodon": _mastodon,
    "bluesky": _bluesky,
}

_X_DOWN: Final = {
    "title": "Service Unavailable",
    "detail": "Service Unavailable",
    "type": "about:blank",
    "status": 503,
}
_META_DOWN: Final = (
    _json(500, _graph(2, "An unexpected error has occurred. Please retry your request later.")),
    _json(503, _graph(2, "Service temporarily unavailable", is_transient=True)),
)
_NOT_NOW: Final[Mapping[str, tuple[Refusal, ...]]] = {
    "x": (_json(503, _X_DOWN), _page(502, "502 Bad Gateway"), _page(503, "Over capacity")),
    "facebook": _META_DOWN,
    "instagram": _META_DOWN,
    "mastodon": (
        _json(500, {"error": "Internal Server Error"}),
        _page(502, "502 Bad Gateway"),
    ),
    "bluesky": (
        _json(500, {"error": "InternalServerError", "message": "Internal Server Error"}),
        _json(502, {"error": "UpstreamFailure", "message": "Upstream Failure"}),
    ),
}
