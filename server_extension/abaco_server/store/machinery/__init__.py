"""What the nouns of the store stand on."""
