"""Checks spelling and prose of the documentation with cspell and textlint and the rules of `tests/prose`."""

import os
import subprocess

import pytest

from conftest import ROOT, TARGET
from documents import DOCS, sentences

RULES = ROOT / "tests" / "prose"
NODE = TARGET / "test-prose"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    ROOT / "certs/README.md",
    ROOT / "tests/README.md",
    *sorted(DOCS.rglob("*.md")),
]
PAGES = [page for page in PAGES if not {"target", "node_modules"} & set(page.parts[len(ROOT.parts) :])]
# The pages that people read first.
FIRST_PAGES = [ROOT / "README.md", DOCS / "introduction.md", DOCS / "tutorial.md"]
LONGEST_SENTENCE = 35


def run(name, *arguments):
    program = NODE / "node_modules" / ".bin" / name
    if not program.is_file():
        raise FileNotFoundError(f"{program} is missing: run ./tests/run --python")
    # The linters resolve their rules from the folder in which they are installed.
    ran = subprocess.run([program, *arguments], cwd=NODE, capture_output=True, text=True, timeout=600)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return ran.stdout.replace(f"{ROOT}/", "").splitlines()


def spelling(*pages):
    """Returns the misspelt words with their positions."""
    folder = os.path.commonpath([page.parent for page in pages])
    return run("cspell", "lint", "--quiet", "--no-progress", "--config", RULES / "cspell.yaml", "--root", folder, *pages)


def prose(*pages):
    """Returns the sentences that violate a rule, with their positions."""
    found = run("textlint", "--config", RULES / "textlint.yaml", "--format", "unix", *pages)
    return [line for line in found if line and not line.endswith((" problem", " problems"))]


def test_the_spelling_is_correct():
    assert spelling(*PAGES) == []


def test_the_prose_follows_the_rules():
    assert prose(*PAGES) == []


@pytest.mark.parametrize(
    ("lint", "text"),
    [
        (spelling, "The servise verifies the token."),
        (spelling, "The behavior of the service."),
        (prose, "The the service verifies tokens."),
        (prose, "Whoever has the key can sign."),
        (prose, "The user is told the reason."),
        (prose, "Prior to the upgrade, make a backup."),
    ],
)
def test_a_linter_reports_a_mistake(lint, text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{text}\n\n```sh\nthe the servise # whoever\n```\n")
    assert len(lint(page)) == 1


@pytest.mark.parametrize("page", FIRST_PAGES, ids=[page.name for page in FIRST_PAGES])
def test_no_sentence_is_long(page):
    found = list(sentences(page))
    assert len(found) > 10
    assert [sentence for sentence in found if len(sentence.split()) > LONGEST_SENTENCE] == []


def test_sentences_are_counted_in_lists_and_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n\nOne, `two`. Three.\n\n- Four\n  five: [six](x)\n\n| a |\n|---|\n| Seven. Eight! |\n")
    assert list(sentences(page)) == ["A heading", "One, two.", "Three.", "Four five: six", "a", "Seven.", "Eight!"]
