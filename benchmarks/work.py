"""What the peers' workers are given to do. Needs nothing but the standard library: `docker run`
gets this file as it is."""

import time


def noop(value: object) -> object:
    return value


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def echo(payload: bytes) -> bytes:
    return payload
