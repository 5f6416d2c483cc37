"""Kafka, with all delivery rules in one place: nobody else commits, seeks, or dead-letters.

At-least-once transport, exactly-once effect: a record is committed only after its effect is
durable; whatever fails is read again; what can never succeed is set aside with its coordinates.
"""
