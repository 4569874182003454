"""Plain sentences to HTML: what stands in backticks becomes code, and "line 5" a link to that line.

Sentences carry names and values out of a stranger's snippet, so all of it is escaped, and nothing but
these two forms is recognised. An odd backtick stays a backtick.
"""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`\n]+)`")
_LINE = re.compile(r"\b([Ll]ine|[Ll]ines) (\d{1,6})\b((?:(?:, | and |–| to )\d{1,6}\b)*)")
_NUMBER = re.compile(r"\d+")


def prose(text: str) -> Markup:
    """`text` with its code and its line links."""
    parts = []
    end = 0
    for code in _CODE.finditer(text):
        parts += [_with_lines(text[end : code.start()]), Markup('<code translate="no">{}</code>').format(code[1])]
        end = code.end()
    return Markup("").join([*parts, _with_lines(text[end:])])


def code_only(text: str) -> Markup:
    """`text` with its code: for headings and links, where a line cannot be a link of its own."""
    return Markup(_CODE.sub(lambda code: f"<code>{code[1]}</code>", str(escape(text))))  # noqa: S704  # escaped before


def plain(text: str) -> str:
    """`text` without its backticks: for titles and labels."""
    return _CODE.sub(lambda code: code[1], text)


def _with_lines(text: str) -> Markup:
    parts = []
    end = 0
    for line in _LINE.finditer(text):
        parts += [escape(text[end : line.start()]), _link(line[2], f"{line[1]} {line[2]}"), _links(line[3])]
        end = line.end()
    return Markup("").join([*parts, escape(text[end:])])


def _links(text: str) -> Markup:
    """The further numbers of "lines 3, 4 and 6"."""
    parts = []
    end = 0
    for number in _NUMBER.finditer(text):
        parts += [escape(text[end : number.start()]), _link(number[0], number[0])]
        end = number.end()
    return Markup("").join([*parts, escape(text[end:])])


def _link(line: str, words: str) -> Markup:
    return Markup('<a class="line" href="#L{0}" data-ref="L{0}">{1}</a>').format(line, words)
