"""What the services say to each other: events, verdicts, activity, and the topics that carry them."""
