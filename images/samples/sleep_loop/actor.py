"""Sleeps, and says so after each time: {"sleep": 1, "iterations": 5} (seconds; the defaults).

For trying what takes long: a log that grows, a halt, a queue. The first process of a container is
not stopped by TERM unless it says what to do then; without `stop` a halt would take the ten
seconds after which the engine kills.
"""

import signal
import sys
import time

from abaco_runtime import get_context


def stop(number, frame):
    print("Asked to stop.")
    sys.exit(128 + number)


def main():
    signal.signal(signal.SIGTERM, stop)
    message = get_context().message_dict
    iterations = int(message.get("iterations", 5))
    seconds = float(message.get("sleep", 1))
    for iteration in range(1, iterations + 1):
        time.sleep(seconds)
        print(f"Iteration {iteration} of {iterations}")


if __name__ == "__main__":
    main()
