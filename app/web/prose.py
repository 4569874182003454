"""Plain sentences to HTML: what stands in backticks becomes code, and "line 5" a link to that line.

Sentences carry names and values out of a stranger's snippet, so all of it is escaped, and nothing but
these two forms is recognised. An odd backtick stays a backtick.
"""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`\n]+)`")
_LINE = re.compile(r"\b([Ll]ine|[Ll]ines) (\d{1,6})\b((?:(?:, | and |–| to )\d{1,6}\b)*)")
_EITHER = re.compile(f"{_CODE.pattern}|{_LINE.pattern}")
_NUMBER = re.compile(r"\d+")


def prose(text: str) -> Markup:
    """`text` with its code and its line links."""
    return Markup(_EITHER.sub(_marked_up, escape(text)))  # noqa: S704  # escaped before


def code_only(text: str) -> Markup:
    """`text` with its code: for headings and links, where a line cannot be a link of its own."""
    return Markup(_CODE.sub(lambda code: f"<code>{code[1]}</code>", escape(text)))  # noqa: S704  # escaped before


def plain(text: str) -> str:
    """`text` without its backticks: for titles and labels."""
    return _CODE.sub(lambda code: code[1], text)


def _marked_up(found: re.Match[str]) -> str:
    code, word, line, further = found.groups()
    if code:
        return f'<code translate="no">{code}</code>'
    # of "lines 3, 4 and 6" each number leads to its own
    return _link(line, f"{word} {line}") + _NUMBER.sub(lambda number: _link(number[0], number[0]), further)


def _link(line: str, words: str) -> str:
    return f'<a class="line" href="#L{line}" data-ref="L{line}">{words}</a>'
