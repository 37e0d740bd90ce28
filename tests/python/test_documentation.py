"""The documentation is consistent: links resolve, the site builds, and the files that it names exist."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from conftest import ROOT
from documents import DOCS, blocks, read

PAGES = [*sorted(ROOT.glob("*.md")), ROOT / "certs/README.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if not {"target", "node_modules"} & set(page.parts[len(ROOT.parts) :])]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_leads_somewhere(page):
    broken = []
    for link in read(page)[1]:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists():
            broken.append(link)
        elif anchor and target.suffix == ".md" and unquote(anchor) not in read(target)[0]:
            broken.append(link)
    assert broken == []


def test_every_page_has_its_place_in_the_book():
    summary = DOCS / "SUMMARY.md"
    named = read(summary)[1]
    assert len(named) == len(set(named))
    there = {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS) and page != summary}
    assert there == set(named), "docs/SUMMARY.md lists all pages"


def test_the_places_in_the_code_are_there():
    """`docs/architecture.md` names only existing files and folders of the project."""
    named = re.findall(r"`((?:app|adapters|domain|migration|tests|docs|packaging)/[\w/.-]*)`", (DOCS / "architecture.md").read_text())
    assert len(named) > 20
    assert [path for path in named if not (ROOT / path).exists()] == []


class Site(HTMLParser):
    """Collects the ids and the link targets of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]


def test_the_site_is_built_and_holds_together(tmp_path):
    environment = {**os.environ, "MDBOOK": str(Path(sys.executable).parent / "mdbook")}
    ran = subprocess.run(
        [ROOT / "docs/build", tmp_path / "book"], env=environment, capture_output=True, text=True, timeout=600
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0 and "WARN" not in said and "ERROR" not in said, said
    site = tmp_path / "book/site"
    pages = {path: Site(path.read_text()) for path in site.rglob("*.html")}
    assert (site / "index.html") in pages and (site / "tutorial.html") in pages
    broken = []
    # Skip two pages whose links are meant for other addresses than their own.
    for path, page in pages.items():
        if path.name in ("404.html", "toc.html"):
            continue
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            if not target.exists():
                broken.append((path.name, link))
            elif anchor and target in pages and unquote(anchor) not in pages[target].ids:
                broken.append((path.name, link))
    assert broken == []


def test_every_problem_of_an_import_is_explained():
    source = (ROOT / "domain/src/account/import/problem.rs").read_text()
    codes = set(re.findall(r'=> "([a-z-]+)",', source))
    assert len(codes) > 10
    page = (DOCS / "move-in/adopt.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert codes - set(re.findall(r"`([a-z-]+)`", " ".join(rows))) == set()


def test_the_shell_of_every_block_is_sound():
    for page in ["tutorial.md", "testing-with-inwren.md"]:
        for words, text in blocks(page):
            if words[:1] == ["sh"]:
                subprocess.run(["bash", "-n", "-c", text], check=True)
