"""The recipes of docs/clients.md, followed to the letter in a folder each."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from conftest import ROOT

PAGE = ROOT / "docs" / "clients.md"
KITCHEN = ROOT / "target" / "clients"
CLIENTS = ROOT / "tests" / "clients"
NODE_MODULES = ROOT / "target" / "test-clients-node" / "node_modules"
VENV = ROOT / "target" / "test-clients-venv"
SERVICE = "http://127.0.0.1:8000"

# What gets packages. The tests have them already, in the versions of the lock files; see `pinned`.
INSTALLING = re.compile(r"^(npm install |python3 -m venv |\.venv/bin/pip install )")


@dataclass
class Recipe:
    """A section of the page: its files, and its commands between them."""

    name: str
    steps: list = field(default_factory=list)

    def commands(self):
        return [line for kind, _, text in self.steps if kind == "sh" for line in text.splitlines()]

    def packages(self):
        """What its commands install, with versions."""
        lines = [line for line in self.commands() if INSTALLING.match(line) and "venv .venv" not in line]
        return [word for line in lines for word in line.split()[2:] if not word.startswith("-")]

    def follow(self, folder, url):
        """Does all of it, against the service at an address. Gives what the commands print."""
        printed = ""
        for kind, name, text in self.steps:
            text = text.replace(SERVICE, url)
            if kind == "sh":
                lines = [line for line in text.splitlines() if not INSTALLING.match(line)]
                printed += run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], folder)
            else:
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                # The folder is below those of another workspace, which it is not of.
                file.write_text(text + "\n[workspace]\n" if name == "Cargo.toml" else text)
        return printed


def run(command, folder, **settings):
    """What a command prints. Cargo keeps what it builds, so that a run need not build everything anew."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(KITCHEN / "target"), "NO_COLOR": "1", **settings}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, f"{command}:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def recipes():
    """All sections that have commands and files, by their headings; and the command before them, which gets the document."""
    first, *sections = re.split(r"^## (.+)\n", PAGE.read_text(), flags=re.M)
    [(_, document)] = re.findall(r"^```(sh)\n(.*?)^```$", first, re.M | re.S)
    found = {}
    for heading, text in zip(sections[::2], sections[1::2]):
        blocks = re.findall(r"^(?:`(\S+)`:\n\n)?```(\w+)\n(.*?)^```$", text, re.M | re.S)
        steps = [("sh", None, body) if kind == "sh" else ("file", name, body) for name, kind, body in blocks]
        if any(kind == "file" for kind, _, _ in steps):
            found[heading] = Recipe(heading, [("sh", None, document), *steps])
    return found


RECIPES = recipes()


def empty_folder(name):
    folder = KITCHEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def node_folder(name):
    folder = empty_folder(name)
    link(NODE_MODULES, folder / "node_modules")
    return folder


def python_folder(name):
    folder = empty_folder(name)
    link(VENV, folder / ".venv")
    return folder


def rust_folder(name):
    """Cargo finds the versions in the lock file."""
    folder = empty_folder(name)
    shutil.copy(CLIENTS / "rust" / "Cargo.lock", folder)
    return folder


def link(real, name):
    if not real.is_dir():
        raise FileNotFoundError(f"there is no {real}: run ./tests/run --python")
    name.symlink_to(real)


def pinned():
    """The versions of all packages that the tests have, as one installs them."""
    lock = json.loads((CLIENTS / "typescript" / "package-lock.json").read_text())
    for path, about in lock["packages"].items():
        yield f"{path.removeprefix('node_modules/')}@{about.get('version')}"
    yield from (CLIENTS / "python" / "requirements.txt").read_text().split()
