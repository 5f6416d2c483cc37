"""Instagram: comments, mentions and messages by webhook, comment paging, replies and messages."""
