"""Characters that a page must not carry as they are: they cannot be seen, or turn the text around them.

A snippet's output, names and errors may hold any. Control characters become the pictures that Unicode has of them
("␀", "␛"), those that turn the direction of writing become "�". The reader's own source in the editor stays as it is.
"""

import re

_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ODD = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_TURNING}]")
_PLAIN = bytes([*b"\t\n\r", *range(0x20, 0x7F)])
_ODD_BESIDE_SOURCE = re.compile(rf"<textarea\b.*?</textarea>|{_ODD.pattern}", re.DOTALL)
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u00(0[0-8bcef]|1[0-9a-f]|7f)")


def visible(text: str) -> str:
    """`text` with every such character made visible."""
    return _ODD.sub(_picture, text) if _ODD.search(text) else text


def visible_page(html: str) -> bytes:
    """A page as it is sent, with every such character made visible.

    But those in text areas, which hold what the reader wrote.
    """
    sent = html.encode()
    # a page is nearly all plain ASCII: taking that away is a third of the work of looking through it
    if _ODD.search(sent.translate(None, _PLAIN).decode()):
        return _ODD_BESIDE_SOURCE.sub(_picture, html).encode()
    return sent


def visible_json(text: str) -> str:
    """JSON with its escaped control characters made visible; line ends and tabs stay."""
    return _ESCAPED.sub(lambda found: found[1] + _picture_of(int(found[2], 16)), text) if r"\u00" in text else text


def _picture(found: re.Match[str]) -> str:
    whole = found[0]
    return whole if len(whole) > 1 else _picture_of(ord(whole))


def _picture_of(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
