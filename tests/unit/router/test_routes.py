"""The router shows nothing to the outside, and to operators these routes and no others."""

from prometheus_client import CollectorRegistry

from toog.kit.stream.operate import resume_route
from toog.kit.web import Health, internal_app


def test_the_internal_listener_has_these_routes_and_no_others() -> None:
    app = internal_app(Health(), CollectorRegistry(), [resume_route([])])

    assert {route.path for route in app.routes} == {"/livez", "/readyz", "/metrics", "/resume"}


def test_there_is_no_public_listener() -> None:
    from services.router.settings import Settings

    assert "public_bind" not in Settings.model_fields
