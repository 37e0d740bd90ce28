"""Tests the README: the commands work as described, and the shown output matches the program."""

import importlib.util
import os
import re
import site
import subprocess
import xml.etree.ElementTree as ElementTree

from conftest import BINARY, ROOT, Server
from documents import DOCS, sections

README = ROOT / "README.md"
ADDRESS = "127.0.0.1:8000"
# Commands before the tested ones: clone the repository, and enter its folder.
BEFORE_THE_BLOCKS = 2


def block(heading, language):
    """Returns the text of the only block of a language below a heading."""
    found = [text for words, text in sections(README)[heading] if words == [language]]
    assert len(found) == 1, f"{README.name} has {len(found)} blocks of {language} below {heading}"
    return found[0]


def commands(script):
    """Returns the commands of a script, without comments and file contents. Joins continued lines."""
    script = re.sub(r"<<'(\w+)'\n.*?^\1$", "", script, flags=re.MULTILINE | re.DOTALL)
    script = re.sub(r"(\\|\|)\n", " ", script)
    return [line for line in script.splitlines() if line.strip() and not line.startswith("#")]


def drawing():
    """Returns `docs/terminal.py` as a module."""
    specification = importlib.util.spec_from_file_location("terminal", DOCS / "terminal.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def without_chance(line):
    """Returns a line with random values replaced."""
    line = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line)
    line = re.sub(r'eyJ[\w-]+…', "TOKEN", line)
    return re.sub(r"[\w-]{43}", "KEY", line).rstrip()


def test_the_commands_end_with_a_verified_token(tmp_path):
    script = block("Verify a token in another service", "sh")
    server = Server(tmp_path, TOKEN_ISSUER="http://localhost:8000")
    try:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, server.url.removeprefix("http://"))],
            # The packages of the page are already installed, so the test needs no network.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(site.getsitepackages())},
            cwd=tmp_path, capture_output=True, text=True, timeout=600,
        )
    finally:
        server.stop()
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    said = re.search(r"The last line prints `([^`]+)`", README.read_text()).group(1)
    assert ran.stdout.splitlines()[-1] == said
    assert '"code":' not in ran.stdout, "no problem was returned"


def test_a_newcomer_needs_at_most_12_commands():
    needed = commands(block("Start", "sh")) + commands(block("Verify a token in another service", "sh"))
    assert len(needed) > 5
    assert BEFORE_THE_BLOCKS + len(needed) <= 12, needed


def test_the_readme_shows_what_the_program_prints():
    transcript = drawing().transcript(BINARY)
    shown = [line for style, line in transcript if style == "output" and not line.startswith("{")]
    written = block("Start", "text").splitlines()
    assert list(map(without_chance, written)) == list(map(without_chance, shown))
    [tutorial] = [text for words, text in sections("tutorial.md")["Start the service"] if words == ["text"]]
    assert tutorial.splitlines() == written

    picture = ElementTree.parse(DOCS / "images/terminal.svg").getroot()
    lines = ["".join(text.itertext()).removeprefix("$ ") for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    expected = [without_chance(line) for _, line in transcript if line]
    assert list(map(without_chance, lines)) == expected, "run docs/terminal.py again"


def test_the_defaults_are_those_of_the_reference():
    reference = (DOCS / "reference/configuration.md").read_text()
    defaults = dict(re.findall(r"^### (\w+)\n.*?^- Default: (.*?)(?:;.*?)?$", reference, re.MULTILINE | re.DOTALL))
    table = README.read_text().partition("## Configuration")[2]
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", table, re.MULTILINE)
    assert len(rows) > 5
    for names, values in rows:
        names = re.findall(r"\w+", names)
        values = values.split(", ") if len(names) > 1 else [values]
        assert {name: defaults[name] for name in names} == dict(zip(names, values, strict=True))
