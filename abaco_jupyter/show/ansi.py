"""What a program printed, made safe: escaped HTML with its colours, or text without them."""

import html
import re

_CONTROL = re.compile(
    r"\x1b\[(?P<codes>[0-9;]*)m"  # colours
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles and links
    r"|\x1b[@-Z\\-_]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_COLOURS = {
    1: "--jp-error-color1",
    2: "--jp-success-color1",
    3: "--jp-warn-color1",
    4: "--jp-brand-color1",
    5: "--jp-mirror-editor-keyword-color",
    6: "--jp-info-color1",
    7: "--jp-content-font-color2",
}


def to_text(printed: str) -> str:
    """Without control characters; a line that was overwritten shows how it ended."""
    return _CONTROL.sub("", overwritten(printed))


def to_html(printed: str) -> str:
    """Escaped, with the eight colours, bold and underline as spans."""
    parts: list[str] = []
    style = _Style()
    position = 0
    text = overwritten(printed)
    for found in _CONTROL.finditer(text):
        parts.append(style.wrap(text[position : found.start()]))
        position = found.end()
        if found["codes"] is not None:
            style.change(found["codes"])
    parts.append(style.wrap(text[position:]))
    return "".join(parts)


def overwritten(printed: str) -> str:
    """What a terminal would show of lines with carriage returns: their last version."""
    if "\r" not in printed:
        return printed
    lines = printed.replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


class _Style:
    def __init__(self) -> None:
        self._parts: dict[str, str] = {}

    def change(self, codes: str) -> None:
        numbers = [int(code or 0) for code in codes.split(";")]
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                self._parts.clear()
            elif number == 1:
                self._parts["font-weight"] = "bold"
            elif number == 4:
                self._parts["text-decoration"] = "underline"
            elif number in (38, 48):
                # One of 256 or 16 million colours: its arguments are not codes of their own.
                del numbers[: 2 if numbers[:1] == [5] else 4]
            elif number == 39:
                self._parts.pop("color", None)
            elif (colour := _COLOURS.get(number % 10)) and 30 <= number <= 97 and _is_text(number):
                self._parts["color"] = f"var({colour})"

    def wrap(self, text: str) -> str:
        if not text:
            return ""
        escaped = html.escape(text)
        if not self._parts:
            return escaped
        style = ";".join(f"{name}:{value}" for name, value in self._parts.items())
        return f'<span style="{style}">{escaped}</span>'


def _is_text(number: int) -> bool:
    return number < 40 or number >= 90
