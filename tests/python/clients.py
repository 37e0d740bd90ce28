"""Runs the recipes of docs/clients.md unchanged, each in its own folder."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

from conftest import ROOT

PAGE = ROOT / "docs" / "clients.md"
FOLDERS = ROOT / "target" / "clients"
CLIENTS = ROOT / "tests" / "clients"
NODE_MODULES = ROOT / "target" / "test-clients-node" / "node_modules"
VENV = ROOT / "target" / "test-clients-venv"
SERVICE = "http://127.0.0.1:8000"

# Commands that install packages. The tests skip them: the packages are already installed, in the versions of the lock
# files (see `pinned`).
INSTALLING = re.compile(r"^(npm install |python3 -m venv |\.venv/bin/pip install )")


@dataclass
class Recipe:
    """A section of the page: its files and commands, in order."""

    name: str
    steps: list = field(default_factory=list)

    def commands(self):
        return [line for kind, _, text in self.steps if kind == "sh" for line in text.splitlines()]

    def packages(self):
        """Returns the packages that the commands install, with versions."""
        lines = [line for line in self.commands() if INSTALLING.match(line) and "venv .venv" not in line]
        return [word for line in lines for word in line.split()[2:] if not word.startswith("-")]

    def follow(self, folder, url):
        """Writes the files and runs the commands against the service at a URL. Returns the output."""
        printed = ""
        for kind, name, text in self.steps:
            text = text.replace(SERVICE, url)
            if kind == "sh":
                lines = [line for line in text.splitlines() if not INSTALLING.match(line)]
                printed += run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], folder)
            else:
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                # The folder lies inside the workspace of the project, but the package does not belong to it.
                file.write_text(text + "\n[workspace]\n" if name == "Cargo.toml" else text)
        return printed


def run(command, folder, **settings):
    """Runs a command and returns its output. Cargo keeps its build, so later runs are faster."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(FOLDERS / "target"), "NO_COLOR": "1", **settings}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, f"{command}:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def recipes():
    """Returns the sections with commands and files by heading. Each starts with the download of the document."""
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
    folder = FOLDERS / name
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
    """Creates a folder with the lock file, which pins the versions."""
    folder = empty_folder(name)
    shutil.copy(CLIENTS / "rust" / "Cargo.lock", folder)
    return folder


def link(real, name):
    if not real.is_dir():
        raise FileNotFoundError(f"{real} does not exist: run ./tests/run --python")
    name.symlink_to(real)


def pinned():
    """Yields all packages of the tests with their versions, as in an install command."""
    lock = json.loads((CLIENTS / "typescript" / "package-lock.json").read_text())
    for path, about in lock["packages"].items():
        yield f"{path.removeprefix('node_modules/')}@{about.get('version')}"
    yield from (CLIENTS / "python" / "requirements.txt").read_text().split()
