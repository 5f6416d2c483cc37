"""Mastodon: the user stream by server-sent events, notification paging, statuses."""
