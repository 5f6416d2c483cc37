"""The whole system on one machine without containers: brokers, database and programs as processes."""
