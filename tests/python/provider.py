"""Uses the OpenID provider: a service with registered applications, a browser without scripts, and a listener in place
of an application."""

import json
import re
import subprocess
import threading
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from conftest import BINARY
from factors import Caller
from letters import PASSWORD, Service
from processes import STOP_SECONDS, wait_for

SETTINGS = {
    "DATABASE_URL": "sqlite://users.db",
    "EMAIL_VERIFICATION": "required",
    # The applications of the tests are on the loopback interface.
    "OUTBOUND_ALLOW": "127.0.0.0/8",
}
ALL_SCOPES = "openid profile email offline_access"
# The libraries accept this difference between clocks, in seconds.
LEEWAY = 60
# The most redirects that a browser follows.
MAX_REDIRECTS = 20


class Provider:
    """What a service publishes for applications. `issuer` is its address."""

    @cached_property
    def metadata(self):
        answer = requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=60)
        answer.raise_for_status()
        return answer.json()

    def keys(self):
        return requests.get(self.metadata["jwks_uri"], timeout=60).json()


class Site(Service, Provider):
    """A service with applications. `secrets` has those of the confidential ones, by their `client_id`."""

    def __init__(self, folder, **settings):
        super().__init__(folder, **SETTINGS, **settings)
        self.secrets = {}

    def apply(self, *clients):
        """Registers applications by a file, as an operator does. Returns the output of the command."""
        (self.folder / "clients.toml").write_text("\n".join(map(toml, clients)))
        printed = self.command("clients", "apply", "clients.toml")
        self.secrets |= dict(re.findall(r"^client_id: +(\S+)\nclient_secret: +(\S+)$", printed, re.M))
        return printed

    def member(self, address):
        """Returns an API client that is logged in to an account with this address and the usual password."""
        caller = Caller(self.url, address)
        caller.keep(caller.login(200))
        return caller


class MockServer(Provider):
    """The server for the tests of other teams: `inwren serve --ephemeral`. Use it with `with`.

    `users` has the facts about each user by the name, `secrets` the secrets of the clients."""

    def __init__(self, folder):
        command = [BINARY, "serve", "--ephemeral", "--json", "--port", "0"]
        self._process = subprocess.Popen(
            command, cwd=folder, env={}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        facts = json.loads(self._process.stdout.readline())
        self.issuer = facts["issuer"]
        self.users = {user["email"].partition("@")[0]: user for user in facts["users"]}
        self.secrets = {client["client_id"]: client["client_secret"] for client in facts["clients"]}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=STOP_SECONDS)


def toml(client):
    """Writes a client as an entry of the file. JSON's texts, lists and truth values are TOML, too."""
    return "[[clients]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in client.items())


def confidential(name, *redirect_uris, **settings):
    """Returns a confidential client whose `client_id` is its name in lower case."""
    return {
        "id": name.lower(), "name": name, "kind": "confidential", "redirect_uris": redirect_uris,
        "scopes": ALL_SCOPES.split(), **settings,
    }


@dataclass
class Received:
    """A request that reached an application."""

    method: str
    path: str
    query: dict
    form: dict
    headers: dict


class Application:
    """A listener in place of an application. It keeps the requests, and answers with a page or with 200.

    Use it with `with`. `pages` has the type and the text of a response by path."""

    def __init__(self, pages=None):
        self.pages, self.received = pages or {}, []
        application = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                application.received.append(read(self))
                kind, text = application.pages.get(urlsplit(self.path).path, ("text/plain", "Welcome."))
                content = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def at(self, path):
        """Waits for a request to a path. Returns the only one."""
        wait_for(f"a request reaches {path}", lambda: self.all_at(path))
        [found] = self.all_at(path)
        return found

    def all_at(self, path):
        return [request for request in self.received if request.path == path]


def read(handler):
    """Reads a request, with the pairs of its query and its form."""
    url = urlsplit(handler.path)
    body = handler.rfile.read(int(handler.headers.get("Content-Length", 0))).decode()
    is_form = handler.headers.get_content_type() == "application/x-www-form-urlencoded"
    form = dict(parse_qsl(body, keep_blank_values=True)) if is_form else {}
    return Received(handler.command, url.path, dict(parse_qsl(url.query)), form, dict(handler.headers))


class Page(HTMLParser):
    """The heading, the links and the forms of a page. A form has an action, a method, fields and buttons."""

    def __init__(self, html):
        super().__init__()
        self.title, self.links, self.forms = "", [], []
        self._in_title = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._in_title = tag == "h1"
        if tag == "a":
            self.links.append(attributes.get("href", ""))
        if tag == "form":
            method = attributes.get("method", "get").upper()
            self.forms.append({"action": attributes.get("action", ""), "method": method, "fields": {}, "buttons": []})
        if tag == "input" and self.forms and attributes.get("type") != "submit" and "name" in attributes:
            self.forms[-1]["fields"][attributes["name"]] = attributes.get("value") or ""
        if self.forms and (tag == "button" or attributes.get("type") == "submit"):
            self.forms[-1]["buttons"].append((attributes.get("name"), attributes.get("value", "")))

    def handle_endtag(self, tag):
        self._in_title = self._in_title and tag != "h1"

    def handle_data(self, data):
        self.title += data if self._in_title else ""

    def form(self, fields, button):
        """Returns the first form with these fields and, if it is not `None`, a button with this value."""
        for form in self.forms:
            has_button = button is None or button in [value for _, value in form["buttons"]]
            if has_button and fields <= form["fields"].keys():
                return form
        raise LookupError(f"no form has {sorted(fields)} and the button {button}: {self.forms}")


class Visitor:
    """A browser that neither runs scripts nor applies styles. `response` is the last one, and `url` its address."""

    def __init__(self, language="en"):
        self._session = requests.Session()
        self._session.headers.update({"Accept-Language": language, "Accept": "text/html,application/xhtml+xml"})
        self.response = None
        self.passed = []

    @property
    def url(self):
        return self.response.url

    @property
    def page(self):
        return Page(self.response.text)

    @property
    def cookies(self):
        return self._session.cookies

    def json(self):
        """Returns the JSON of a successful response."""
        assert self.response.ok, (self.url, self.response.status_code, self.response.text)
        return self.response.json()

    def open(self, url):
        """Opens an address. `passed` has the addresses of the redirects."""
        self.passed = []
        self._load("GET", url, None, {})

    def follow(self, part):
        """Follows the link whose address contains this text."""
        [link] = [link for link in self.page.links if part in link]
        self.open(urljoin(self.url, link))

    def submit(self, button=None, **fields):
        """Fills in the form with these fields, and sends it by a button. The value of the button chooses one."""
        form = self.page.form(fields.keys(), button)
        name = next((name for name, value in form["buttons"] if value == button), None)
        filled = {**form["fields"], **fields, **({name: button} if name else {})}
        url = urljoin(self.url, form["action"])
        self.passed = []
        if form["method"] == "GET":
            self._load("GET", f"{url}?{urlencode(filled)}", None, {})
        else:
            self._load("POST", url, filled, self._origin(url))

    def _origin(self, url):
        """Returns what a browser says about the page with the form (Fetch standard, Fetch Metadata)."""
        here, there = urlsplit(self.url), urlsplit(url)
        is_same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
        site = "same-origin" if is_same else "same-site" if here.hostname == there.hostname else "cross-site"
        # A page that sends no referrer has no origin to tell either.
        is_silent = self.response.headers.get("Referrer-Policy") == "no-referrer"
        origin = "null" if is_silent else f"{here.scheme}://{here.netloc}"
        return {"Origin": origin, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}

    def _load(self, method, url, form, headers):
        for _ in range(MAX_REDIRECTS):
            self.response = self._session.request(
                method, url, data=form, headers=headers, allow_redirects=False, timeout=60
            )
            if not self.response.is_redirect:
                return
            assert self.response.status_code in (302, 303), "these become a GET in every browser"
            method, form, headers, url = "GET", None, {}, urljoin(url, self.response.headers["Location"])
            self.passed.append(url)
            if not url.startswith("http"):
                # The system opens the application that has this scheme.
                return
        raise AssertionError(f"more than {MAX_REDIRECTS} redirects: {self.passed}")

    def log_in(self, address, password=PASSWORD):
        """Fills in the login page."""
        self.submit(email=address, password=password)

    def allow(self):
        """Consents."""
        self.submit("allow")


def id_claims(site, token):
    """Verifies the signature of an ID token. Returns its header and its claims."""
    decoded = jwt.decode(token, KeySet.import_key_set(site.keys()), algorithms=["RS256"])
    return decoded.header, decoded.claims


class Session(OAuth2Session):
    """A client by Authlib. Without a secret, it is a public client."""

    def __init__(self, site, name, redirect_uri, scope=ALL_SCOPES):
        self.site = site
        self.verifier, self.nonce = generate_token(48), generate_token(20)
        secret = site.secrets.get(name)
        super().__init__(
            name, secret, scope=scope, redirect_uri=redirect_uri, code_challenge_method="S256",
            token_endpoint=site.metadata["token_endpoint"],
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
        )

    def start(self, **parameters):
        """Returns the URL of an authorization request."""
        endpoint = self.site.metadata["authorization_endpoint"]
        url, self.expected_state = self.create_authorization_url(
            endpoint, code_verifier=self.verifier, nonce=self.nonce, **parameters
        )
        return url

    def exchange(self, response):
        """Exchanges the code of a response, which is a URL. Returns the tokens and the valid claims of the ID token."""
        assert dict(parse_qsl(urlsplit(response).query))["iss"] == self.site.issuer
        token = self.fetch_token(
            authorization_response=response, code_verifier=self.verifier, state=self.expected_state
        )
        return token, self.valid_claims(token, self.nonce)

    def valid_claims(self, token, nonce):
        header, claims = id_claims(self.site, token["id_token"])
        options = {"iss": {"values": [self.site.issuer]}, "sid": {"essential": True}}
        params = {"nonce": nonce, "client_id": self.client_id, "access_token": token["access_token"]}
        valid = CodeIDToken(claims, header, options, params)
        valid.validate(leeway=LEEWAY)
        return valid


def registered(site, application, name, **settings):
    """Registers an application by Authlib, whose listener is `application`. Returns its client."""
    uri = f"{application.url}/callback"
    site.apply(confidential(name, uri, **settings))
    return Session(site, name.lower(), uri)
