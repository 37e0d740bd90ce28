#!/usr/bin/env python3
"""Draws docs/images/terminal.svg: the commands of the README with what the program really prints.

  ./docs/terminal.py PROGRAM > docs/images/terminal.svg

It needs `curl` and the Python package PyJWT with its extra `crypto`, as in target/test-venv. A test compares the
picture with a new transcript.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

README = Path(__file__).resolve().parents[1] / "README.md"
ADDRESS = "127.0.0.1:8000"
WIDTH = 100


def verifier():
    """The program of the README that verifies a token."""
    return re.search(r"^cat > verify.py <<'END'\n(.*?)^END$", README.read_text(), re.MULTILINE | re.DOTALL).group(1)


def banner(process):
    """The lines that the service prints when it listens, without its log."""
    lines = []
    for line in process.stdout:
        line = line.rstrip()
        if lines and not line and len(lines) > 2:
            return lines
        if "is listening on" in line or lines:
            lines.append(line)
    raise RuntimeError("the service has stopped before it listened")


def transcript(program):
    """Pairs of a style (`input`, `output` or `good`) and a line. It runs the service on a free port and shows 8000."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "PORT": address.split(":")[1], "TOKEN_ISSUER": "http://localhost:8000"}
        service = subprocess.Popen([Path(program).resolve()], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        try:
            shown = [("input", "cargo run --release")]
            shown += [("output", line) for line in banner(service)]

            def post(path, body):
                command = ["curl", "-sS", f"http://{address}{path}", "-H", "Content-Type: application/json", "-d", body]
                return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

            ann = '{"email": "ann@example.org", "password": "a pass phrase for ann"}'
            shown.append(("input", f"curl {ADDRESS}/auth/register -H 'Content-Type: application/json' -d \"$ANN\""))
            user = post("/auth/register", ann)
            shown.append(("output", json.dumps({name: user[name] for name in ("id", "email", "tier")})[:-1] + ", …}"))
            shown.append(("input", f"curl {ADDRESS}/auth/login -H 'Content-Type: application/json' -d \"$ANN\""))
            token = post("/auth/login", ann)["access_token"]
            shown.append(("output", f'{{"access_token": "{token[:40]}…", …}}'))
            shown.append(("input", 'python verify.py "$ACCESS"    # in another service, with the public key only'))
            verified = subprocess.run(
                [sys.executable, "-c", verifier().replace(ADDRESS, address), token],
                check=True, capture_output=True, text=True,
            )
            shown.append(("good", verified.stdout.strip()))
        finally:
            service.kill()
            service.wait()
    shown = [(style, line.replace(address, ADDRESS)) for style, line in shown]
    too_long = [line for _, line in shown if len(line) + 2 > WIDTH]
    assert not too_long, too_long
    return shown


def draw(shown):
    """The picture. Its colours follow the reader's choice of light or dark."""
    height, rows, y = 20, [], 60
    for number, (style, line) in enumerate(shown):
        if style == "input" and number:
            y += height // 2
        prompt = '<tspan class="prompt">$ </tspan>' if style == "input" else ""
        if line:
            rows.append(f'  <text class="{style}" x="24" y="{y}">{prompt}{escape(line)}</text>')
        y += height
    full = y + 4
    body = "\n".join(rows)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 {full}" role="img" aria-labelledby="title">
  <title id="title">The service starts, a user registers and logs in, and another program verifies the token</title>
  <style>
    text {{ font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #3b4350; }}
    .frame {{ fill: #f7f8fa; stroke: #d0d7de; }}
    .bar {{ fill: #c3cad3; }}
    .prompt {{ fill: #0969da; }}
    .input {{ fill: #1f2328; font-weight: 600; }}
    .good {{ fill: #116329; font-weight: 600; }}
    @media (prefers-color-scheme: dark) {{
      text {{ fill: #b3bcc8; }}
      .frame {{ fill: #0d1117; stroke: #30363d; }}
      .bar {{ fill: #3d444d; }}
      .prompt {{ fill: #58a6ff; }}
      .input {{ fill: #f0f6fc; }}
      .good {{ fill: #56d364; }}
    }}
  </style>
  <rect class="frame" x="0.5" y="0.5" width="879" height="{full - 1}" rx="10"/>
  <circle class="bar" cx="24" cy="22" r="6"/>
  <circle class="bar" cx="44" cy="22" r="6"/>
  <circle class="bar" cx="64" cy="22" r="6"/>
{body}
</svg>"""


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0 if len(sys.argv) == 2 else 2)
    print(draw(transcript(sys.argv[1])))
