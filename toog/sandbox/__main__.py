"""`python -m toog.sandbox`."""

from toog.sandbox.app import main

main()
