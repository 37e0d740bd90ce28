"""Parses the pages of the documentation for the tests."""

import difflib
import re

from markdown_it import MarkdownIt

from conftest import ROOT

DOCS = ROOT / "docs"


def sections(page):
    """Returns the code blocks of a page by second-level heading. Blocks above the first such heading are under `None`.

    The page is a path or a name in `docs/`.
    """
    tokens = MarkdownIt().parse((DOCS / page).read_text())
    heading, found = None, {None: []}
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            heading = tokens[place + 1].content
            found[heading] = []
        if token.type == "fence":
            found[heading].append((token.info.split(), token.content))
    return found


def blocks(page):
    """Returns the code blocks of a page of `docs/`, each with the words after the fence and the text."""
    return [block for part in sections(page).values() for block in part]


def files(page):
    """Returns the blocks that are files, by name. The first line of such a block is a comment with the name."""
    found = {}
    for _, text in blocks(page):
        name = re.match(r"(?:#|//) ([a-z_.]+\.(?:py|js))\n", text)
        if name:
            found[name.group(1)] = text
    return found


def slug(heading):
    """Returns the anchor of a heading, as GitHub and mdBook generate it."""
    kept = "".join(character for character in heading.lower() if character.isalnum() or character in " -_")
    return kept.replace(" ", "-")


def read(path):
    """Returns the anchors and the links of a Markdown file."""
    tokens = MarkdownIt().enable("table").parse(path.read_text())
    anchors, links = set(), []
    for place, token in enumerate(tokens):
        children = token.children or []
        if token.type == "inline":
            links += [child.attrGet("href") for child in children if child.type == "link_open"]
            links += [child.attrGet("src") for child in children if child.type == "image"]
        if token.type == "inline" and tokens[place - 1].type == "heading_open":
            text = "".join(child.content for child in children if child.type in ("text", "code_inline"))
            name, number = slug(text), 0
            while name in anchors:
                number += 1
                name = f"{slug(text)}-{number}"
            anchors.add(name)
    return anchors, links


def sentences(path):
    """Yields the sentences of a Markdown file as plain text: paragraphs, headings, lists and tables, without code."""
    for token in MarkdownIt().enable("table").parse(path.read_text()):
        if token.type == "inline":
            text = "".join(" " if part.type.endswith("break") else part.content for part in token.children)
            yield from filter(None, re.split(r"(?<=[.!?])\s+", text))


def check_programs(page, folder):
    """Checks that the page shows each file of the folder, with its text, below a link to it."""
    link = re.escape(folder.relative_to(page.parent).as_posix())
    fences = re.findall(rf"^\[`[^`]+`\]\({link}/(\S+)\):\n\n```\w+\n(.*?)^```$", page.read_text(), re.M | re.S)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert sorted(name for name, _ in fences) == sorted(files)
    for name, shown in fences:
        real = (folder / name).read_text()
        lines = difflib.unified_diff(shown.splitlines(True), real.splitlines(True), "on the page", "in the file")
        assert shown == real, f"copy {name} into its fence in {page.name}:\n{''.join(lines)}"
