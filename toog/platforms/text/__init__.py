"""What stands in a text, after twitter-text's rules: handles, hashtags, links, and its length on X."""
