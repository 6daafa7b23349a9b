"""Fourth stop: assign. `machine` decides (no I/O), `pool` performs what it decided."""
