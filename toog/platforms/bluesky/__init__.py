"""Bluesky: notifications, Jetstream and chat by paging and stream, posts and chat messages."""
