"""Runs the snippets of `docs/testing-with-inwren.md` unchanged, with pytest, Jest and a shell."""

import os
import subprocess
import sys

import pytest

from conftest import BINARY, ROOT
from documents import blocks, files

PAGE = "testing-with-inwren.md"
JEST = ROOT / "target/test-jest/node_modules/jest/bin/jest.js"


@pytest.fixture
def folder(tmp_path):
    for name, text in files(PAGE).items():
        (tmp_path / name).write_text(text)
    # The file configures the service of the reader. Inwren must ignore it.
    (tmp_path / ".env").write_text("DATABASE_URL=postgres://db.invalid/theirs\nPORT=theirs\n")
    return tmp_path


def run(command, folder):
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "INWREN": str(BINARY), "DATABASE_URL": "postgres://db.invalid/x",
    }
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    said = ran.stdout + ran.stderr
    print(said)
    return ran.returncode, said


def running(folder):
    """Returns the processes whose working directory is this folder."""
    found = []
    for process in os.listdir("/proc"):
        try:
            if process.isdigit() and os.readlink(f"/proc/{process}/cwd") == str(folder):
                found.append(process)
        except OSError:
            pass
    return found


def test_the_page_has_all_its_files():
    assert set(files(PAGE)) == {"conftest.py", "test_tokens.py", "inwren.js", "tokens.test.js"}


def test_pytest_runs_its_snippets(folder):
    code, said = run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], folder)
    assert code == 0 and "2 passed" in said
    assert running(folder) == []


def test_jest_runs_its_snippets(folder):
    assert JEST.is_file(), "run this by ./tests/run, which installs Jest"
    (folder / "package.json").write_text('{"private": true}\n')
    code, said = run(["node", JEST, "--ci", "--no-cache", "--testTimeout=120000", "--rootDir", folder], folder)
    assert code == 0 and "2 passed" in said
    assert running(folder) == []


@pytest.mark.parametrize("command", ["pytest", "jest"])
def test_a_program_that_is_not_there_is_told(folder, command):
    (folder / "package.json").write_text('{"private": true}\n')
    # The program exists but does not know this command, so it exits.
    (folder / "conftest.py").write_text((folder / "conftest.py").read_text().replace('"inwren"), "serve"', '"inwren"), "dance"'))
    (folder / "inwren.js").write_text((folder / "inwren.js").read_text().replace('["serve"', '["dance"'))
    tools = {
        "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        "jest": ["node", JEST, "--ci", "--no-cache", "--testTimeout=120000", "--rootDir", folder],
    }
    code, said = run(tools[command], folder)
    assert code != 0 and "inwren did not start" in said


def test_the_shell_runs_its_snippet(folder):
    [script] = [text for words, text in blocks(PAGE) if words == ["sh"] and "INWREN_READY" in text]
    (folder / "bin").mkdir()
    (folder / "bin/inwren").symlink_to(BINARY)
    code, said = run(["bash", "-euc", f'PATH="{folder}/bin:$PATH"\n{script}\nwait'], folder)
    assert '"access_token"' in said, said
    assert running(folder) == []
