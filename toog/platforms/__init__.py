"""One folder per social network: what it sends, how it is asked, how it is answered, how it is played."""
