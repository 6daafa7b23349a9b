"""What may be true: the nouns of the service and the changes they may go through."""
