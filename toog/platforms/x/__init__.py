"""X (Twitter): X Activity API webhook, filtered stream, posts and direct messages."""
