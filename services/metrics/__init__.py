"""Counts the night: load per minute, first responses, and the balance that must be zero."""
