"""What the peers' workers are given to do."""

import time


def noop(value: object) -> object:
    return value


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def echo(payload: bytes) -> bytes:
    return payload
