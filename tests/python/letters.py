"""Causes and reads letters: services in folders of their own, and a letter of each kind in each language."""

import base64
import contextlib
import email
import email.policy
import hmac
import itertools
import json
import re
import sqlite3
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import requests

from conftest import BINARY, ROOT, SUPERUSER, SUPERUSER_PASSWORD, Server
from processes import wait_for

PASSWORD = "four words of wisdom"
NEW_PASSWORD = "five other words of wisdom"
LANGUAGES = ["en", "de"]
TEXTS = {name: json.loads((ROOT / f"app/src/letters/texts/{name}.json").read_text()) for name in LANGUAGES}
COUNTER = itertools.count(1)
# The letters about second factors need a request that removes them, and a database whose times a test can change.
FACTOR_SETTINGS = {
    "LOST_FACTOR_DELAY_HOURS": "72",
    "DATABASE_URL": "sqlite://users.db",
    "SWEEP_INTERVAL_SECONDS": "1",
}


class Service(Server):
    """A service that writes its letters to a folder."""

    def __init__(self, folder, **settings):
        # The default in development.
        self._mail = Path(folder) / "data" / "mail"
        self._known, self._unread = set(), []
        super().__init__(folder, **settings)

    def ask(self, method, path, body=None, token=None, language="en", agent="tests"):
        """Sends a request that must succeed. Returns the JSON of the response, if it has one."""
        headers = {"Accept-Language": language, "User-Agent": agent}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=60)
        assert answer.ok, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def login(self, address, password=PASSWORD, **options):
        """Returns the tokens of a new session."""
        return self.ask("POST", "/auth/login", {"email": address, "password": password}, **options)

    def refuses(self, address, password=PASSWORD):
        """Returns whether the service refuses a login."""
        body = {"email": address, "password": password}
        return requests.post(f"{self.url}/auth/login", json=body, timeout=60).status_code == 401

    def superuser(self):
        return self.login(SUPERUSER, SUPERUSER_PASSWORD)["access_token"]

    def register(self, address, language="en"):
        """Registers an address. Returns the response."""
        body = {"email": address, "password": PASSWORD}
        return self.ask("POST", "/auth/register", body, language=language)

    def registration_link(self, address, language="en"):
        """Registers an address. Returns the link in the letter."""
        self.register(address, language)
        return self.link(address, "verify")

    def account(self, address, language="en"):
        """Creates an account whose address is verified by the code, and returns the address."""
        registered = self.register(address, language)
        code = code_of(self.letter(address, "/account/verify?t="))
        body = {"verification_id": registered["verification_id"], "code": code}
        self.ask("POST", "/auth/verify-email", body)
        return address

    def invite(self, address, language="en"):
        """Invites a user, and returns the address."""
        self.ask("POST", "/admin/users", {"email": address}, self.superuser(), language)
        return address

    def forgot(self, address, language="en"):
        self.ask("POST", "/auth/password/forgot", {"email": address}, language=language)

    def change_email(self, address, new, password=PASSWORD, language="en"):
        """Requests a new address."""
        token = self.login(address, password)["access_token"]
        answer = self.ask("PUT", "/users/me", {"email": new}, token, language)
        assert answer == {"pending_email": new}

    def letter(self, to, part):
        """Waits for a letter to this address with this text that was not returned before."""
        found = []

        def arrived():
            self._read_new()
            found.extend(one for one in self._unread if one["To"] == to and part in text_of(one))
            return found

        wait_for(f"{to} gets a letter with {part}", arrived)
        self._unread.remove(found[0])
        return found[0]

    def _read_new(self):
        for path in sorted(self._mail.glob("*.eml")):
            if path not in self._known:
                self._known.add(path)
                self._unread.append(email.message_from_bytes(path.read_bytes(), policy=email.policy.default))

    def link(self, to, page):
        """Waits for a letter with a link to this page. Returns the link."""
        return links_of(self.letter(to, f"/account/{page}?t="))[0]


class Member:
    """A user with second factors, as a client of the API. The account must exist."""

    WRONG_CODE = "000000"

    def __init__(self, url, address, language="en", password=PASSWORD):
        self.address, self.codes, self.secret, self.app = address, [], None, None
        self._url, self._password = url, password
        self._headers = {"Accept-Language": language, "User-Agent": "tests"}

    def ask(self, method, path, /, token=None, refused=None, **body):
        """Sends a request that must succeed, or have the status `refused`. Returns the JSON of the response, if any."""
        headers = {**self._headers, "Authorization": f"Bearer {token}"} if token else self._headers
        answer = requests.request(method, self._url + path, json=body or None, headers=headers, timeout=60)
        assert answer.status_code == refused if refused else answer.ok, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _log_in(self, **expected):
        return self.ask("POST", "/auth/login", email=self.address, password=self._password, **expected)

    def enrol(self):
        """Enrols an authenticator app. Keeps its id, its secret and the recovery codes."""
        token = self._log_in()["access_token"]
        app = self.ask("POST", "/users/me/totp", token)
        self.app, self.secret = app["id"], app["secret"]
        confirmed = self.ask("POST", f"/users/me/totp/{self.app}/confirm", token, code=totp(self.secret))
        self.codes = confirmed["recovery_codes"]

    def login(self):
        """Logs in with a recovery code. Returns the access token."""
        proof = {"challenge": self.challenge(), "method": "recovery_code", "code": self.codes.pop()}
        return self.ask("POST", "/auth/login/factor", **proof)["access_token"]

    def challenge(self):
        """Logs in with the password. Returns the challenge for the second factor."""
        return self._log_in(refused=401)["challenge"]

    def guess(self):
        """Uses a challenge up with wrong codes."""
        proof = {"challenge": self.challenge(), "method": "totp", "code": self.WRONG_CODE}
        for _ in range(5):
            self.ask("POST", "/auth/login/factor", refused=401, **proof)

    def lose(self):
        """Requests the removal of the second factors."""
        self.ask("POST", "/auth/lost-factor", email=self.address, password=self._password)


class Html(HTMLParser):
    """The heading, the forms, the references and the buttons of an HTML document."""

    REFERENCES = {"href", "src", "srcset", "action", "formaction", "poster", "data", "background", "ping", "cite"}

    def __init__(self):
        super().__init__()
        self.title, self.forms, self.references, self.tags, self.attributes = "", [], [], set(), set()
        self._in_title = False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.attributes |= attributes.keys()
        self._in_title = tag == "h1"
        self.references += [attributes[name] for name in sorted(self.REFERENCES & attributes.keys())]
        if tag == "form":
            self.forms.append((attributes["action"], {}))
        if tag == "input" and attributes.get("value"):
            self.forms[-1][1][attributes["name"]] = attributes["value"]

    def handle_endtag(self, tag):
        self._in_title = self._in_title and tag != "h1"

    def handle_data(self, data):
        self.title += data if self._in_title else ""


def parsed(html):
    document = Html()
    document.feed(html)
    return document


def new_address(name):
    return f"{name}-{next(COUNTER)}@example.org"


def text_of(letter):
    return letter.get_body(("plain",)).get_content()


def html_of(letter):
    return letter.get_body(("html",)).get_content()


def links_of(letter):
    """Returns the links in the text of a letter, and those in its HTML."""
    return re.findall(r"https?://\S+", text_of(letter)) + parsed(html_of(letter)).references


def code_of(letter):
    return re.search(r"\b\d{8}\b", text_of(letter)).group()


def token_of(link):
    return link.partition("?t=")[2]


def text(key, language="en"):
    """Returns a text. The number of attempts is the one after the first wrong code."""
    return TEXTS[language][key].replace("{service}", "Inwren Auth").replace("{attempts_left}", "19")


def totp(secret):
    """Returns the current code of an authenticator app (RFC 6238)."""
    step = int(time.time()) // 30
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 1_000_000:06}"


def end_delay(folder, address):
    """Ends the delay after which the lost second factors of a user are removed."""
    change = "UPDATE action_tokens SET expires_at = created_at WHERE purpose = 'keep_factors' AND email = ?"
    with contextlib.closing(sqlite3.connect(Path(folder) / "users.db", timeout=60)) as database, database:
        assert database.execute(change, [address]).rowcount == 1


def url_of(service, link):
    """Returns a link with the address on which the service listens, in place of its public one."""
    parts = urlsplit(link)
    return f"{service.url}{parts.path}?{parts.query}"


def production(folder, **settings):
    """Starts a service in production, with new keys."""
    folder.chmod(0o700)
    common = {
        "ENVIRONMENT": "production",
        "PUBLIC_URL": "https://auth.example.org",
        "CORS_ALLOWED_ORIGINS": "none",
        "DATABASE_URL": "sqlite://auth.db",
        "AUTO_MIGRATE": "true",
        "SHUTDOWN_NOTICE_SECONDS": "0",
    }
    for keys in ("keys", "secrets"):
        subprocess.run([BINARY, keys, "generate"], cwd=folder, env={}, check=True, capture_output=True, timeout=300)
    return Service(folder, **{**common, **settings})


def correspondence(required, optional, language):
    """Causes a letter of each kind, and returns the letters by name."""
    letters = {}
    for name, service in [("registration", required), ("discarded", required), ("email_verification", optional)]:
        letters[name] = registration(service, name, language)
    forgetful, moving = (required.account(new_address(name), language) for name in ("forgetful", "moving"))
    required.forgot(forgetful, language)
    letters["password_reset"] = required.letter(forgetful, "/account/reset?t=")
    moved = new_address("moved")
    required.change_email(moving, moved, language=language)
    letters["email_change"] = required.letter(moved, "/account/email?t=")
    letters["email_undo"] = required.letter(moving, "/account/undo?t=")
    invited = required.invite(new_address("invited"), language)
    letters["invitation"] = required.letter(invited, "/account/invite?t=")
    return letters | notices(required, language) | factor_letters(required, language)


def registration(service, name, language):
    """Registers a new address, and returns the letter."""
    address = new_address(name)
    service.register(address, language)
    return service.letter(address, "/account/verify?t=")


def notices(service, language):
    """Causes all notices, and returns the letters by name."""
    found = {}

    def expect(name, to):
        found[name] = service.letter(to, text(f"{name}.lead", language))

    owner = service.account(new_address("owner"), language)
    service.register(owner, language)
    expect("already_registered", owner)
    guest = service.invite(new_address("guest"), language)
    body = {"token": token_of(service.link(guest, "invite")), "password": PASSWORD}
    service.ask("POST", "/auth/invitations/accept", body, language=language)
    expect("invitation_accepted", guest)
    first = service.login(owner)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    service.ask("POST", "/users/me/password", body, first["access_token"])
    expect("password_changed", owner)
    tokens = [service.login(owner, NEW_PASSWORD, agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")]
    expect("new_device", owner)
    for _ in range(2):
        tokens.append(service.ask("POST", "/auth/refresh", {"refresh_token": tokens[-1]["refresh_token"]}))
    body = {"refresh_token": tokens[0]["refresh_token"]}
    assert requests.post(f"{service.url}/auth/refresh", json=body, timeout=60).status_code == 401
    expect("refresh_token_reused", owner)
    return found


def factor_letters(service, language):
    """Causes all letters about second factors, and returns the letters by name."""

    def member(name):
        return Member(service.url, service.account(new_address(name), language), language)

    caused = use_factors(service, member, service.superuser())
    return {name: service.letter(to, text(f"{name}.lead", language)) for name, to in caused}


def use_factors(server, member, root):
    """Causes every letter about second factors: yields its name and address, and waits until the caller has read it.
    `member` makes a new user, and `root` is the access token of a superuser. The factors of the last user stay."""
    ann = member("ann")
    ann.enrol()
    yield "factor_enrolled", ann.address
    token = ann.login()
    yield "recovery_code_used", ann.address
    for _ in range(6):
        token = ann.login()
    yield "recovery_codes_low", ann.address
    ann.ask("POST", "/users/me/recovery-codes", token)
    yield "recovery_codes_replaced", ann.address
    ann.ask("DELETE", f"/users/me/factors/{ann.app}", token)
    yield "factor_removed", ann.address
    locked, boss = member("locked"), member("boss")
    locked.enrol()
    for _ in range(4):
        locked.guess()
    yield "factor_closed", locked.address
    user = boss.ask("GET", f"/admin/users?email={locked.address}", root)["items"][0]["id"]
    promote(boss, root)
    boss.enrol()
    boss.ask("DELETE", f"/admin/users/{user}/factors", boss.login(), reason="The phone is lost.")
    yield "factors_reset", locked.address
    for name in ("late", "early"):
        loser = member(name)
        loser.enrol()
        loser.lose()
        yield "factor_removal_requested", loser.address
        if name == "late":
            end_delay(server.folder, loser.address)
            yield "factors_removed", loser.address


def promote(member, root):
    """Makes a user a superuser."""
    user = member.ask("GET", f"/admin/users?email={member.address}", root)["items"][0]["id"]
    member.ask("PUT", f"/admin/users/{user}", root, is_superuser=True)
