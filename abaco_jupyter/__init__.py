"""Functions as a service inside the notebook server."""
