"""What every service needs to run: settings, streams, database, web listeners, telemetry, errors."""
