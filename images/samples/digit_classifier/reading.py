"""From an image to a digit: the part that the training and the actor share."""

import math

from PIL import Image, ImageOps

SIDE = 8
"""The model sees 8 x 8 pixels, as the data set has them."""

PAPER = 128


def pixels(image):
    """The ink of an image, from 0 to 1, as 64 numbers: cut out, centred, and made small."""
    gray = ImageOps.grayscale(image)
    if _border(gray) > PAPER:
        gray = ImageOps.invert(gray)
    gray = ImageOps.autocontrast(gray)
    box = gray.point(lambda ink: 255 if ink > 48 else 0).getbbox()
    if box is None:
        raise ValueError("there is nothing on this image")
    digit = ImageOps.pad(gray.crop(box), (4 * SIDE, 4 * SIDE), color=0)
    small = digit.resize((SIDE, SIDE), Image.Resampling.BOX)
    return [ink / 255 for ink in small.tobytes()]


def probabilities(model, inputs):
    """Of the digits 0 to 9. A network of one hidden layer is two sums; it needs no library."""
    hidden = [max(0.0, x) for x in _layer(model["hidden"], inputs)]
    scores = _layer(model["output"], hidden)
    most = max(scores)
    powers = [math.exp(score - most) for score in scores]
    return [power / sum(powers) for power in powers]


def _layer(layer, inputs):
    return [
        bias + sum(weight * x for weight, x in zip(weights, inputs, strict=True))
        for weights, bias in zip(layer["weights"], layer["biases"], strict=True)
    ]


def _border(gray):
    """Mean brightness along the edge, where there is rarely ink."""
    width, height = gray.size
    edge = [gray.getpixel((x, y)) for x in range(width) for y in (0, height - 1)]
    edge += [gray.getpixel((x, y)) for y in range(height) for x in (0, width - 1)]
    return sum(edge) / len(edge)
