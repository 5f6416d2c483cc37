"""Every route of both listeners, so that none is opened by accident."""

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from services.ingest.api import operator_routes, public_app, webhooks_of
from services.ingest.telemetry import IngestMetrics
from toog.kit.stream.produce import Batcher
from toog.kit.web import Health, internal_app
from toog.platforms.accounts import Accounts


def routes(app: Starlette) -> set[tuple[str, str]]:
    assert all(isinstance(route, Route) for route in app.routes)
    return {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }


async def _send(_: object) -> None:
    """Nothing is sent here."""


def test_the_public_listener_offers_the_webhooks_and_nothing_else() -> None:
    put = Batcher(_send, limit=1, wait_s=1).put
    webhooks = webhooks_of(Accounts([]), {}, put, IngestMetrics(CollectorRegistry()))

    paths = ("/webhooks/x", "/webhooks/facebook", "/webhooks/instagram")
    expected = {(method, path) for path in paths for method in ("GET", "HEAD", "POST")}
    assert routes(public_app(webhooks)) == expected


def test_the_internal_listener_offers_probes_metrics_and_the_state_of_sources() -> None:
    app = internal_app(Health(), CollectorRegistry(), operator_routes([]))

    paths = ("/livez", "/readyz", "/metrics", "/sources")
    assert routes(app) == {(method, path) for path in paths for method in ("GET", "HEAD")}
