"""The command line on a terminal: confirmation of irreversible commands, and colours."""

import contextlib
import os
import pty
import sqlite3
import subprocess

import pytest

from conftest import BINARY


def on_a_terminal(folder, arguments, answer="", **environment):
    """Runs a command on a new terminal. Returns its exit code and the output of the terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BINARY, *arguments], cwd=folder, env={"TERM": "xterm", **environment}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            # Linux reports a closed terminal as an error.
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(timeout=300), shown.decode()


def run(folder, *arguments):
    ran = subprocess.run([BINARY, *arguments], cwd=folder, env={}, capture_output=True, text=True, timeout=300)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def folder(tmp_path):
    for command in [("keys", "generate"), ("migrate", "up"), ("backup", "backup.db")]:
        code, said = run(tmp_path, *command)
        assert code == 0, said
    return tmp_path


def commands(folder):
    kid = run(folder, "keys", "list")[1].splitlines()[1].split()[0]
    client = run(folder, "clients", "create", "billing")[1].split()[1]
    create = [BINARY, "users", "create", "ann@example.org", "--password-stdin"]
    subprocess.run(create, cwd=folder, env={}, input="a pass phrase of ann\n", capture_output=True, text=True, timeout=300)
    with contextlib.closing(sqlite3.connect(folder / "old.db")) as old:
        old.execute("CREATE TABLE IF NOT EXISTS users (id TEXT, email TEXT, hashed_password TEXT)")
    return [
        ["users", "delete", "ann@example.org"],
        ["adopt", "--from", "sqlite://old.db"],
        ["keys", "revoke", kid],
        ["clients", "revoke", client],
        ["clients", "delete", client],
        ["restore", "backup.db"],
        ["migrate", "down"],
    ]


@pytest.mark.parametrize("answer", ["no\n", "\n", "y\n", "YES!\n", "\x04"])
def test_whoever_does_not_say_yes_has_done_nothing(folder, answer):
    files = {path: path.read_bytes() for path in folder.glob("certs/*")}
    for command in commands(folder):
        code, shown = on_a_terminal(folder, command, answer)
        assert code == 1 and "Type yes" in shown and "nothing was changed" in shown, shown
    assert files == {path: path.read_bytes() for path in folder.glob("certs/*")}
    assert "pending" not in run(folder, "migrate", "status")[1]
    assert "disabled" not in run(folder, "clients", "list")[1]


def test_whoever_says_yes_has_it_done(folder):
    for command in commands(folder):
        code, shown = on_a_terminal(folder, command, "yes\n")
        assert code == 0, shown
    assert "revoked" in run(folder, "keys", "list")[1]


def test_whoever_says_so_beforehand_is_not_asked(folder):
    for command in commands(folder):
        code, shown = on_a_terminal(folder, [*command, "--yes"])
        assert code == 0 and "Type yes" not in shown, shown


def test_password_rules_are_shown_on_a_terminal(folder):
    # The password prompt itself needs a controlling terminal.
    assert "8 to 128 characters" in on_a_terminal(folder, ["users", "create", "bob@example.org"])[1]
    assert "8 to 128 characters" not in run(folder, "users", "create", "bob@example.org")[1]


def test_colours_are_for_terminals_that_want_them(tmp_path):
    wrong = ["keys", "retire", "no-such-key"]
    for arguments in (["--help"], wrong):
        assert "\x1b[" in on_a_terminal(tmp_path, arguments)[1]
        assert "\x1b[" not in on_a_terminal(tmp_path, arguments, NO_COLOR="1")[1]
        assert "\x1b[" not in on_a_terminal(tmp_path, arguments, TERM="dumb")[1]
        assert "\x1b[" not in run(tmp_path, *arguments)[1]


def test_the_demo_has_colours_on_a_terminal(tmp_path):
    code, shown = on_a_terminal(tmp_path, ["demo"])
    assert code == 0 and "\x1b[36m> POST /auth/login\x1b[0m" in shown and "\x1b[32m200 OK\x1b[0m" in shown, shown
    code, shown = on_a_terminal(tmp_path, ["demo"], NO_COLOR="1")
    assert code == 0 and "8. Log out" in shown and "\x1b[" not in shown, shown


def test_the_manual_pages_are_sound(tmp_path):
    code, said = run(tmp_path, "man", "--write-to", "man1")
    assert code == 0, said
    pages = sorted((tmp_path / "man1").glob("*.1"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text()
        assert text.startswith('.ie \\n(.g .ds Aq') and f".TH {page.stem} 1" in text
        # roff interprets a line that begins with a dot as a request.
        requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
        assert requests <= {".ie", ".el", ".TH", ".SH", ".SS", ".TP", ".IP", ".RS", ".RE", ".br", ".PP", ".nf", ".fi"}, page
