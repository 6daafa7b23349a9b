"""Trains the model when the image is built, tells how good it is, and keeps ten unseen digits.

The data are scikit-learn's 1797 digits written by 13 people (UCI, "optical recognition of
handwritten digits"). A quarter is kept from the training; the accuracy is that of this quarter,
through the actor's own reading of images.
"""

import json
from functools import partial
from pathlib import Path

from PIL import Image, ImageOps
from reading import SIDE, pixels, probabilities
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

ENLARGED = 16 * SIDE


def picture(values):
    """Dark ink on white paper, large enough to look at, with a margin."""
    gray = Image.new("L", (SIDE, SIDE))
    gray.putdata([int(value / 16 * 255) for value in values])
    large = gray.resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
    return ImageOps.invert(ImageOps.expand(large, border=SIDE, fill=0))


def trained(inputs, answers):
    network = MLPClassifier((48,), alpha=0.1, max_iter=300, random_state=0).fit(inputs, answers)
    hidden, output = (
        {"weights": weights.T.round(4).tolist(), "biases": biases.round(4).tolist()}
        for weights, biases in zip(network.coefs_, network.intercepts_, strict=True)
    )
    return {"hidden": hidden, "output": output}


def is_right(model, image, answer):
    likely = probabilities(model, pixels(image))
    return likely.index(max(likely)) == answer


def main():
    digits = load_digits()
    pictures = [picture(values) for values in digits.data]
    seen, unseen, answers, unseen_answers = train_test_split(
        pictures, digits.target.tolist(), test_size=0.25, random_state=0
    )
    model = trained([pixels(image) for image in seen], answers)
    right = sum(map(partial(is_right, model), unseen, unseen_answers))
    model["accuracy"] = round(right / len(unseen), 4)
    print(f"{right} of {len(unseen)} unseen digits are read right: {model['accuracy']:.1%}")
    Path("model.json").write_text(json.dumps(model))
    examples = Path("examples")
    examples.mkdir()
    for digit in range(10):
        unseen[unseen_answers.index(digit)].save(examples / f"{digit}.png")


if __name__ == "__main__":
    main()
