"""A clock that sends: off the way of a message, before its second stop."""
