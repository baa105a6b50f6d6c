"""Makes a drawn SVG small, the same on every machine, and legible in a light theme and in a dark one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html import escape

_FONT = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


def finish(drawn: str, *, width: int, height: int, title: str, words: str, dark: Mapping[str, str]) -> str:
    """The picture as one line of ASCII.

    Args:
        drawn: as the drawing library writes it, in colours of the light theme.
        width, height: in pixels, where nothing else says how large it is to be.
        title: of the picture.
        words: what there is to see.
        dark: by colour of the light theme, ``#rrggbb``, the one that takes its place in a dark theme.
    """
    text = " ".join(drawn[drawn.index("<svg") :].split())
    text = re.sub(r"<metadata>.*?</metadata>", "", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
    text = re.sub(r" font-family: [^;\"]*;", "", text)
    text = re.sub(r' d="[^"]*"', lambda match: _short_path(match[0]), text)
    text = re.sub(r' (?:x|y)="[^"]*"', lambda match: _short(match[0]), text)
    text = re.sub(r' id="(?!m|p)[^"]*"', "", text)  # of groups: nothing refers to them
    text = _shared(text)
    text = _without_empty_groups(re.sub(r"\s*([<>])\s*", r"\1", text))
    rules = "".join(
        f'[style*="{name}: {light}"]{{{name}:{replaced}!important}}'
        for light, replaced in dark.items()
        for name in ("fill", "stroke")
        if f"{name}: {light}" in text
    )
    style = f"text{{font-family:{_FONT}}}path{{stroke-linejoin:round}}@media(prefers-color-scheme:dark){{{rules}}}"
    head, _, body = text.partition(">")
    size = f' width="{width}" height="{height}" role="img"'
    about = f"<title>{escape(title)}</title><desc>{escape(words)}</desc><style>{style}</style>"
    return f"{head}{size}>{about}{body}".encode("ascii", "xmlcharrefreplace").decode()


def _shared(text: str) -> str:
    """Curves that are the same, which is what one hopes for, are written once."""
    paths = Counter(re.findall(r'<path( d="[^"]{100,}")', text))
    for number, path in enumerate(path for path, times in paths.items() if times > 1):
        name = f"c{number}"
        text = text.replace(f"<path{path}", f'<use xlink:href="#{name}"')
        head, _, body = text.partition(">")
        text = f'{head}><defs><path id="{name}"{path}/></defs>{body}'
    return text


def _short_path(path: str) -> str:
    """One decimal is a tenth of a point; a line goes on without saying so again."""
    return re.sub(r"\s*L\s*", " ", _short(path)).replace(' "', '"')


def _short(text: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), text)


def _without_empty_groups(text: str) -> str:
    while (fewer := re.sub(r"<g[^>]*></g>|<defs></defs>|<g[^>]*/>|<defs/>", "", text)) != text:
        text = fewer
    return text
