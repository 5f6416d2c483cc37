"""Word lists of the mood of a text; `README.md` tells whose they are."""
