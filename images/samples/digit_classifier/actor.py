"""Reads a handwritten digit: the message is a PNG, JPEG or other image file, sent as bytes.

The result says which digit it is, how sure that is, and how often the model was right about
digits that it had never seen.
"""

import io
import json
import sys
from pathlib import Path

from PIL import Image
from reading import pixels, probabilities

from abaco_runtime import get_binary_message, send_result


def main():
    body = get_binary_message()
    try:
        inputs = pixels(Image.open(io.BytesIO(body)))
    except OSError as unreadable:
        sys.exit(f"the message of {len(body)} bytes is no image that Pillow reads: {unreadable}")
    except ValueError as nothing:
        sys.exit(str(nothing))
    model = json.loads(Path(__file__).with_name("model.json").read_text())
    likely = probabilities(model, inputs)
    digit = likely.index(max(likely))
    print(f"This is a {digit} ({likely[digit]:.1%}).")
    send_result(
        {
            "digit": digit,
            "probability": round(likely[digit], 4),
            "probabilities": [round(each, 4) for each in likely],
            "accuracy": model["accuracy"],
        }
    )


if __name__ == "__main__":
    main()
