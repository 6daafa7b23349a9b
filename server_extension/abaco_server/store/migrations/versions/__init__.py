"""One file per revision, `r<number>_<what>.py`; never changed once released."""
