"""`abaco init` and `abaco deploy`: from a directory to an actor."""
