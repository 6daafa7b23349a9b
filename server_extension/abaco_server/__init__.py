"""The server side of abaco-jupyter: the way of a message."""
