"""The sandbox: played platforms over real sockets, the crowd of a broadcast night, robot agents."""
