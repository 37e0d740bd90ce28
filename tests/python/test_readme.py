"""The README's walk with curl does what it says, on a server that was just started."""

import re
import subprocess

from conftest import ROOT

README = ROOT / "README.md"
BASE = "BASE=http://127.0.0.1:8000"


def walk():
    """The first `sh` block after the heading that has `curl` in it."""
    found = re.search(r"^#+ [^\n]*\bcurl\b[^\n]*\n.*?^```sh\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{README.name} has no walk with curl"
    return found.group(1)


def test_the_walk_with_curl_works(server, tmp_path):
    script = walk()
    first, _, rest = script.partition("\n")
    assert first == BASE
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"BASE={server.url}\n{rest}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    problems = re.findall(r'"code":"[a-z-]+"', ran.stdout)
    assert problems == [], ran.stdout
