"""Writes `docs/openapi.json`, the API's description as it is served: `make contracts` runs it."""

import json
from pathlib import Path
from typing import Any, Final

from services.responder.api import routes

OPENAPI: Final = Path(__file__).parents[2] / "docs" / "openapi.json"


def text(description: dict[str, Any]) -> str:
    """As it stands in the file."""
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OPENAPI.write_text(text(routes().openapi()))
