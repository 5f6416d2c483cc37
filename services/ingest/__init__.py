"""Ingest: verifies what the platforms send, parses it, and makes it durable before it says thanks."""
