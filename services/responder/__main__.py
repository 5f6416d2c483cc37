"""`python -m services.responder`."""

from services.responder.app import main

main()
