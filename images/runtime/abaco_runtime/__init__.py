"""What runs inside an actor's container."""
