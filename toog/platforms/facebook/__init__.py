"""Facebook pages: feed and mention webhooks, Messenger, comment paging, comments and messages."""
