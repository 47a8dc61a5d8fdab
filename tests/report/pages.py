"""A page as a tree, for the tests that read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from runner.report import Report, render

VOID = {"meta", "input", "br", "path", "rect", "line", "polyline"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        parts = (child if isinstance(child, str) else child.text for child in self.children)
        return "".join(parts).replace("\N{NO-BREAK SPACE}", " ")

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Return every element below of that tag that has these attributes (class_ for class)."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and wanted.items() <= child.attributes.items():
                    found.append(child)
                found += child.find(tag, **attributes)
        return found


class Page(HTMLParser):
    """A page as a tree; AssertionError where a tag is closed that was not the last opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page(shown: Report) -> Element:
    parsed = Page(render(shown))
    assert parsed.open == [parsed.root], "a tag was left open"
    return parsed.root


def section(root: Element, title: str) -> Element:
    (found,) = (part for part in root.find("section") if part.find("h2")[0].text == title)
    return found


def bars(part: Element) -> dict[str, tuple[str, str]]:
    """Return each bar's name: its width and its count."""
    rows = part.find("tbody")[0].find("tr")
    return {
        row.find("th")[0].text: (
            next((rect.attributes["width"] for rect in row.find("rect")), ""),
            row.find("td", class_="num")[0].text,
        )
        for row in rows
    }


def failure_rows(root: Element) -> list[list[str]]:
    (table,) = root.find("table", id="failures")
    return [[cell.text for cell in row.find("td")] for row in table.find("tbody")[0].find("tr")]
