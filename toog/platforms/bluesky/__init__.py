"""Bluesky: notifications and the chat log by paging, Jetstream, posts and chat messages."""
