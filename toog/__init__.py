"""Toog: webcare for the social desk of a city police force on broadcast nights."""

__version__ = "0.1.0"
