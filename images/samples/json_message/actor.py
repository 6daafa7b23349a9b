"""Statistics of the numbers in a JSON message such as {"numbers": [3, 1, 4], "digits": 2}.

Abaco hands a JSON message over as Python text: `{'numbers': [3, 1, 4]}`, with None and True in the
place of null and true, so `json.loads` alone does not read it. `message_dict` is the message,
parsed; it is empty for a message that is no object.
"""

import statistics
import sys

from abaco_runtime import get_context, send_result

USAGE = 'this actor takes a JSON object such as {"numbers": [3, 1, 4], "digits": 2}'


def summary(numbers, digits):
    """How many there are, where they lie, and how far apart."""
    return {
        "count": len(numbers),
        "smallest": min(numbers),
        "largest": max(numbers),
        "mean": round(statistics.fmean(numbers), digits),
        "deviation": round(statistics.pstdev(numbers), digits),
    }


def main():
    context = get_context()
    message = context.message_dict
    print(f"{context.content_type}: {context.raw_message}")
    numbers = message.get("numbers")
    if not isinstance(numbers, list) or not numbers:
        sys.exit(f"{USAGE}; numbers is {numbers!r}")
    send_result(summary(numbers, digits=message.get("digits", 3)))


if __name__ == "__main__":
    main()
