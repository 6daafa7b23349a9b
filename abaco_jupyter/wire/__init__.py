"""The contract between the notebook side and the server side. Imports nothing of ours."""
