"""Sends letters through SMTP servers that are not ours: aiosmtpd and Postfix. rspamd scores them."""

import base64
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email import message_from_bytes, message_from_string, policy
from email.errors import NonASCIILocalPartDefect
from html import escape
from html.parser import HTMLParser
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import BINARY, ROOT, SUPERUSER, SUPERUSER_PASSWORD, Server
from letters import FACTOR_SETTINGS, Member, use_factors
from processes import START_SECONDS, STOP_SECONDS, free_port, wait_for

PUBLIC_URL = "https://auth.example.org"
PROJECT = "Bücher & Söhne"
SENDER_NAME, SENDER = "Grüße aus Köln", "no-reply@xn--bcher-kva.example"
SETTINGS = {
    "MAIL_FROM": f"{SENDER_NAME} <no-reply@bücher.example>", "PUBLIC_URL": PUBLIC_URL, "PROJECT_NAME": PROJECT,
    "EMAIL_VERIFICATION": "required", "REFRESH_REUSE_GRACE_SECONDS": "0", **FACTOR_SETTINGS,
}
PASSWORD, NEW_PASSWORD = "a pass phrase of ann", "another pass phrase of hers"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15"
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version", "Content-Type",
]
# Kinds of letters with the path of their link. `registration` is a verification with a code.
LINKS = {
    "registration": "verify", "email_verification": "verify", "password_reset": "reset", "email_change": "email",
    "email_undo": "undo", "invitation": "invite", "already_registered": "forgot", "invitation_accepted": "forgot",
    "password_changed": "forgot", "new_device": "forgot", "refresh_token_reused": "forgot",
    "factor_enrolled": "forgot", "factor_removed": "forgot", "recovery_codes_replaced": "forgot",
    "recovery_code_used": "forgot", "recovery_codes_low": "forgot", "factor_closed": "forgot",
    "factors_reset": "forgot", "factor_removal_requested": "keep-factors", "factors_removed": "forgot",
}
# Invitations have the language of the administrator, who sends none here.
ALWAYS_ENGLISH = {"invitation", "invitation_accepted"}
SMTP_USER, SMTP_PASSWORD = "post@example.org", "g€heim/ with:@?#"


class Links(HTMLParser):
    """Collects the links of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "img", "iframe", "form", "object"}, tag
        self.found += [value for name, value in attrs if name == "href"]


@dataclass
class Letter:
    """A letter as a server received it."""

    content: bytes
    sender: str
    recipients: list
    options: list
    user: str
    is_encrypted: bool

    @property
    def message(self):
        """Returns the parsed message. With SMTPUTF8, headers are UTF-8 (RFC 6532)."""
        if "SMTPUTF8" in self.options:
            return message_from_string(self.content.decode(), policy=policy.default)
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def id(self):
        """Returns the part of the `Message-ID` before the `@`."""
        return re.fullmatch(r"<([^@<>]+)@[^@<>]+>", self.message["Message-ID"]).group(1)

    @property
    def text(self):
        return self.message.get_body(["plain"]).get_content().replace("\r\n", "\n")

    @property
    def html(self):
        return self.message.get_body(["html"]).get_content().replace("\r\n", "\n")

    @property
    def code(self):
        return re.search(r": (\d{8})$", self.text, re.M).group(1)

    @property
    def token(self):
        return re.search(r"\?t=(\S+)$", self.text, re.M).group(1)


class Recorder(SMTP):
    """A connection that records what the client sends without encryption."""

    def data_received(self, data):
        if not self.session.ssl and not self.event_handler.is_tls:
            self.event_handler.plaintext += data
        super().data_received(data)


class Mailbox(Controller):
    """An SMTP server by aiosmtpd that keeps letters. Use it with `with`."""

    def __init__(self, **options):
        self.letters, self.logins, self.plaintext = [], [], b""
        self.is_tls = "ssl_context" in options
        super().__init__(self, hostname="127.0.0.1", port=free_port(), ready_timeout=START_SECONDS, **options)

    def factory(self):
        return Recorder(self, **self.SMTP_kwargs)

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    async def handle_DATA(self, server, session, envelope):
        user = session.auth_data and session.auth_data.login.decode()
        is_encrypted = self.is_tls or session.ssl is not None
        self.letters.append(Letter(
            envelope.content, envelope.mail_from, envelope.rcpt_tos, envelope.mail_options, user, is_encrypted,
        ))
        return "250 accepted"

    def authenticate(self, server, session, envelope, mechanism, data):
        """Accepts the user with the password."""
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.logins[-1] == (SMTP_USER, SMTP_PASSWORD), auth_data=data, handled=False)


class Visitor:
    """A client of the service with a language and a browser."""

    def __init__(self, url, language="en", browser=FIREFOX):
        self.url = url
        self.headers = {"Accept-Language": language, "User-Agent": browser}

    def call(self, method, path, status, **body):
        answer = requests.request(method, self.url + path, json=body or None, headers=self.headers, timeout=60)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def post(self, path, status, **body):
        return self.call("POST", path, status, **body)

    def login(self, email, password, status=200):
        """Logs in, and sends the access token from now on."""
        self.headers.pop("Authorization", None)
        tokens = self.post("/auth/login", status, email=email, password=password)
        if status == 200:
            self.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return tokens


class Site:
    """A service whose letters arrive in a mailbox. Use it with `with`."""

    def __init__(self, mailbox, url=None, **settings):
        self.mailbox = mailbox
        self._folder = tempfile.TemporaryDirectory(prefix="inwren-test-")
        self.server = Server(self._folder.name, **{**SETTINGS, "SMTP_URL": url or mailbox.url, **settings})
        self.root = Visitor(self.server.url)
        self.root.login(SUPERUSER, SUPERUSER_PASSWORD)
        self._taken = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self._folder.cleanup()

    def visitor(self, language="en", browser=FIREFOX):
        return Visitor(self.server.url, language, browser)

    def rows(self):
        """Returns the rows of the outbox by their ids, without the letters of later days."""
        rows = self.root.call("GET", "/admin/outbox?limit=200", 200)["items"]
        later = ("factor_removal_requested", "pending")
        return {row["id"]: row for row in rows if (row["kind"], row["state"]) != later}

    def failed(self, recipient, state):
        """Waits until the last letter to an address has failed and has this state. Returns its row."""
        found = []

        def has_failed():
            found[:] = [row for row in self.rows().values() if row["recipient"] == recipient][:1]
            return found and found[0]["state"] == state and found[0]["last_error"]

        wait_for(f"a letter to {recipient} is {state} after a failure", has_failed)
        return found[0]

    def log(self):
        """Returns the log when it has the outcome of each letter."""
        ids = self.rows()
        wait_for("the log names all letters", lambda: all(each in "".join(self.server.log) for each in ids))
        return "".join(self.server.log)

    def letter(self, kind, recipient):
        """Waits for the next letter of a kind to an address."""
        found = []

        def is_there():
            rows = self.rows()
            for letter in list(self.mailbox.letters):
                row = rows.get(letter.id)
                if row and letter.id not in self._taken and (row["kind"], row["recipient"]) == (kind, recipient):
                    found.append(letter)
                    return True
            return False

        wait_for(f"a letter {kind} to {recipient} arrives", is_there)
        self._taken.add(found[0].id)
        return found[0]

    def forgot(self, recipient, language="en"):
        self.visitor(language).post("/auth/password/forgot", 202, email=recipient)


def register(site, visitor, address):
    """Registers, and proves the address with the code. Returns the letter."""
    pending = visitor.post("/auth/register", 202, email=address, password=PASSWORD)
    letter = site.letter("email_verification", address.strip())
    proof = {"verification_id": pending["verification_id"], "code": letter.code}
    assert visitor.post("/auth/verify-email", 201, **proof)["email_verified"]
    visitor.login(address, PASSWORD)
    return letter


def recover(site, visitor, address, new_password=NEW_PASSWORD):
    """Requests a reset, and sets a password with the link. Returns the letter."""
    visitor.post("/auth/password/forgot", 202, email=address)
    letter = site.letter("password_reset", address)
    visitor.post("/auth/password/reset", 204, token=letter.token, new_password=new_password)
    visitor.login(address, new_password)
    return letter


def walk(site, language):
    """Causes a letter of each kind, and uses the links. Returns the letters by kind."""
    ann, lee, bob = (f"{name}.{language}@example.org" for name in ("ann", "lee", "bob"))
    visitor, found = site.visitor(language), {}
    found["registration"] = register(site, visitor, ann)
    visitor.post("/auth/register", 202, email=ann, password=NEW_PASSWORD)
    found["already_registered"] = site.letter("already_registered", ann)

    found["password_reset"] = recover(site, visitor, ann)
    found["password_changed"] = site.letter("password_changed", ann)
    visitor.login(ann, PASSWORD, 401)
    visitor.post("/auth/password/reset", 400, token=found["password_reset"].token, new_password=PASSWORD)

    other = site.visitor(language, SAFARI)
    tokens = other.login(ann, NEW_PASSWORD)
    found["new_device"] = site.letter("new_device", ann)
    for status in (200, 401):
        site.visitor(language, SAFARI).post("/auth/refresh", status, refresh_token=tokens["refresh_token"])
    found["refresh_token_reused"] = site.letter("refresh_token_reused", ann)

    visitor.login(ann, NEW_PASSWORD)
    assert visitor.call("PUT", "/users/me", 202, email=lee) == {"pending_email": lee}
    found["email_change"] = site.letter("email_change", lee)
    found["email_undo"] = site.letter("email_undo", ann)
    anonymous = site.visitor(language)
    anonymous.post("/auth/email/confirm", 204, token=found["email_change"].token)
    anonymous.login(lee, NEW_PASSWORD)
    anonymous.post("/auth/email/undo", 204, token=found["email_undo"].token)
    for address in (ann, lee):
        anonymous.login(address, NEW_PASSWORD, 401)
    after_undo = site.letter("password_reset", ann)
    anonymous.post("/auth/password/reset", 204, token=after_undo.token, new_password=PASSWORD)
    anonymous.login(ann, PASSWORD)

    site.root.post("/admin/users", 201, email=bob)
    found["invitation"] = site.letter("invitation", bob)
    anonymous.post("/auth/invitations/accept", 204, token=found["invitation"].token, password=PASSWORD)
    found["invitation_accepted"] = site.letter("invitation_accepted", bob)
    anonymous.login(bob, PASSWORD)

    root = site.visitor(language)
    root.headers["Authorization"] = site.root.headers["Authorization"]
    root.post("/auth/verify-email/resend", 202)
    found["email_verification"] = site.letter("email_verification", SUPERUSER)
    proof = {"token": found["email_verification"].token}
    assert root.post("/auth/verify-email", 200, **proof)["email_verified"]
    found |= walk_factors(site, language)
    assert found.keys() == LINKS.keys()
    return found


def walk_factors(site, language):
    """Causes the letters about second factors, and uses the link. Returns the letters by kind."""

    def member(name):
        address = f"{name}.factors.{language}@example.org"
        register(site, site.visitor(language), address)
        return Member(site.server.url, address, language, PASSWORD)

    root = site.root.headers["Authorization"].removeprefix("Bearer ")
    found = {}
    for kind, address in use_factors(site.server, member, root):
        found[kind] = site.letter(kind, address)
    site.visitor(language).post("/auth/lost-factor/cancel", 204, token=found["factor_removal_requested"].token)
    return found


def defects(message):
    """Returns the defects of a message, its headers and its parts. To Python, a mailbox with UTF-8 is a defect, too."""
    parts = [(part.get_content_type(), defect) for part in message.walk() for defect in part.defects]
    headers = [item for part in message.walk() for item in part.items()]
    return parts + [
        (name, defect) for name, value in headers for defect in value.defects
        if name != "To" or not isinstance(defect, NonASCIILocalPartDefect)
    ]


def check_letter(letter, recipient, language, path, extra_headers=()):
    """Checks the envelope, the headers and both parts of a letter."""
    message = letter.message
    assert defects(message) == []
    assert (letter.sender, letter.recipients) == (SENDER, [recipient])
    assert [name for name in message if name not in extra_headers] == HEADERS
    [sender], [to] = message["From"].addresses, message["To"].addresses
    assert (sender.display_name, sender.addr_spec) == (SENDER_NAME, SENDER)
    assert (to.display_name, to.addr_spec) == ("", recipient)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == language
    assert message["Message-ID"].endswith(f"@{SENDER.split('@')[1]}>")
    age = datetime.now(timezone.utc) - message["Date"].datetime
    assert timedelta(seconds=-5) < age < timedelta(minutes=10), age
    assert message["Subject"] and PROJECT in message["Subject"]
    assert message.get_content_type() == "multipart/alternative"
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert {part.get_content_charset() for part in parts} == {"utf-8"}
    for line in letter.content.split(b"\r\n"):
        assert len(line) <= 998 and b"\n" not in line and b"\r" not in line
        assert line.isascii() or "SMTPUTF8" in letter.options
    assert f'<html lang="{language}">' in letter.html
    assert PROJECT in letter.text and escape(PROJECT) in letter.html
    link = f"{PUBLIC_URL}/account/{path}" + ("" if path == "forgot" else f"?t={letter.token}")
    assert re.findall(r"https?://\S+", letter.text) == [link]
    assert set(Links(letter.html).found) == {link}


@pytest.mark.parametrize("language", ["en", "de"])
def test_users_get_every_kind_of_letter(language):
    with Mailbox() as mailbox, Site(mailbox) as site:
        letters = walk(site, language)
        rows = site.rows()
        assert [row for row in rows.values() if row["state"] not in ("delivered", "sending")] == []
        log = site.log()
    ids = [letter.id for letter in mailbox.letters]
    assert len(ids) == len(set(ids)) and set(ids) == set(rows)
    for kind, letter in letters.items():
        expected = "en" if kind in ALWAYS_ENGLISH else language
        check_letter(letter, rows[letter.id]["recipient"], expected, LINKS[kind])
        texts = json.loads((ROOT / f"app/src/letters/texts/{expected}.json").read_text())
        subject, note = (texts[f"{kind}.{part}"].replace("{service}", PROJECT) for part in ("subject", "note"))
        assert letter.message["Subject"] == subject and f"\n{note}\n" in letter.text
    assert [kind for kind, path in LINKS.items() if path != "forgot" and letters[kind].token in log] == []
    assert letters["registration"].code not in log


def test_letter_reaches_an_international_domain():
    """The domain of the recipient is in its ASCII form, so every server can take it."""
    with Mailbox(enable_SMTPUTF8=False) as mailbox, Site(mailbox) as site:
        letter = register(site, site.visitor("de"), "Ann@Grüße.example")
        check_letter(letter, "Ann@xn--gre-6ka8l.example", "de", "verify")
        assert letter.options == []


def test_non_ascii_mailbox_needs_a_server_with_smtputf8():
    """A server without the extension gets nothing. The letter is dead at once, because no later attempt can succeed."""
    with Mailbox(enable_SMTPUTF8=True) as mailbox, Site(mailbox) as site:
        letter = register(site, site.visitor("de"), "grüße@example.org")
        assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(letter.options)
        check_letter(letter, "grüße@example.org", "de", "verify")
        assert register(site, site.visitor(), "ann@example.org").options == []
    with Mailbox(enable_SMTPUTF8=False) as mailbox, Site(mailbox) as site:
        site.visitor().post("/auth/register", 202, email="grüße@example.org", password=PASSWORD)
        row = site.failed("grüße@example.org", "dead")
        assert "SMTPUTF8" in row["last_error"] and row["attempts"] == 1
        assert mailbox.letters == [] and b"MAIL FROM" not in mailbox.plaintext


BREAKS = ["\r\n", "\n", "\r", "\u2028", "\u0085", "\0", "\r\n\r\n"]


def test_no_input_adds_a_header():
    with Mailbox() as mailbox, Site(mailbox) as site:
        for line_break in BREAKS:
            hostile = f"ann@example.org{line_break}Bcc: eve@example.com"
            for address in (hostile, f"ann{line_break}Bcc: eve@example.com", f'"a{line_break}b"@example.org'):
                visitor = site.visitor()
                visitor.post("/auth/register", 422, email=address, password=PASSWORD)
                visitor.post("/auth/password/forgot", 422, email=address)
                visitor.post("/auth/verify-email/resend", 422, email=address)
                site.root.call("PUT", "/users/me", 422, email=address)
                site.root.post("/admin/users", 422, email=address)
        for address in ("ann@example.org, eve@x.example", "ann@example.org> <eve@x.example", "Ann <ann@example.org>"):
            site.visitor().post("/auth/register", 422, email=address, password=PASSWORD)
        assert site.rows() == {}
        visitor = site.visitor("de, x\tBcc: eve@x.example;q=0.1", f"{FIREFOX}\tBcc: <eve@x.example>")
        letter = register(site, visitor, "  ann@example.org\r\n")
        check_letter(letter, "ann@example.org", "de", "verify")
        assert b"eve@" not in letter.content and len(mailbox.letters) == 1


@pytest.mark.parametrize("setting", ["PROJECT_NAME", "MAIL_FROM"])
def test_settings_with_line_breaks_are_refused(setting, tmp_path):
    hostile = {
        "PROJECT_NAME": "Inwren\r\nBcc: eve@example.com",
        "MAIL_FROM": "Inwren\r\nBcc: eve@example.com <no-reply@example.org>",
    }
    environment = {"DATABASE_URL": "memory:", **SETTINGS, "SMTP_URL": "smtp://127.0.0.1:1", setting: hostile[setting]}
    ran = subprocess.run(
        [BINARY, "config", "check"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
    )
    assert ran.returncode == 2 and setting in ran.stderr, ran.stdout + ran.stderr


def test_line_break_in_a_text_becomes_a_blank(tmp_path):
    texts = {"password_reset.subject": "Hello\r\nBcc: eve@example.com {service}"}
    (tmp_path / "en.json").write_text(json.dumps(texts))
    with Mailbox() as mailbox, Site(mailbox, TEMPLATES_DIR=str(tmp_path)) as site:
        site.forgot(SUPERUSER)
        letter = site.letter("password_reset", SUPERUSER)
    check_letter(letter, SUPERUSER, "en", "reset")
    assert letter.message["Subject"] == f"Hello  Bcc: eve@example.com {PROJECT}"


class Authority:
    """A certificate authority that exists in a test only."""

    def __init__(self, folder, name):
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        own = self._builder(self._subject, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, days=1):
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self._subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3)).not_valid_after(now + timedelta(days=days))
        )

    def certificate(self, host, days=1):
        """Issues a certificate. Returns the path of a file with it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = ip_address(host) if host[0].isdigit() else None
        names = [x509.IPAddress(name) if name else x509.DNSName(host)]
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        builder = self._builder(subject, key, days).add_extension(x509.SubjectAlternativeName(names), False)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self._folder / f"{self._name}-{host}.pem"
        signed = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        path.write_bytes(signed + key.private_bytes(*form))
        return path


def tls(certificate):
    """Returns the TLS settings of a server with this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def secure_mailbox(scheme, certificate):
    """A server that takes letters of one user only, over TLS."""
    if scheme == "smtps":
        # aiosmtpd does not know that a connection with TLS from the first byte is encrypted.
        options = {"ssl_context": tls(certificate), "auth_require_tls": False}
    else:
        options = {"tls_context": tls(certificate), "require_starttls": True, "auth_required": True}
    mailbox = Mailbox(**options)
    mailbox.SMTP_kwargs["authenticator"] = mailbox.authenticate
    return mailbox


def secure_url(scheme, port, password=SMTP_PASSWORD, host="localhost"):
    return f"{scheme}://{quote(SMTP_USER, safe='')}:{quote(password, safe='')}@{host}:{port}"


def check_no_password(site, password=SMTP_PASSWORD):
    """Checks that neither the log nor the outbox shows the password, also encoded."""
    plain = base64.b64encode(f"\0{SMTP_USER}\0{password}".encode()).decode()
    shown = site.log() + json.dumps(site.rows(), ensure_ascii=False)
    for secret in (password, quote(password, safe=""), plain, base64.b64encode(password.encode()).decode()):
        assert secret not in shown


SECURE = ["smtps", "smtp+starttls"]


@pytest.mark.parametrize("scheme", SECURE)
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_letter_is_sent_with_tls_and_password(scheme, host, tmp_path):
    authority = Authority(tmp_path, "trusted")
    with secure_mailbox(scheme, authority.certificate(host)) as mailbox:
        url = secure_url(scheme, mailbox.port, host=host)
        with Site(mailbox, url, SSL_CERT_FILE=str(authority.path), RUST_LOG="trace") as site:
            letter = register(site, site.visitor(), "ann@example.org")
            recover(site, site.visitor(), "ann@example.org")
            check_no_password(site)
            log = site.log()
            assert letter.token not in log and letter.code not in log
        check_letter(letter, "ann@example.org", "en", "verify")
    assert {(each.user, each.is_encrypted) for each in mailbox.letters} == {(SMTP_USER, True)}
    assert set(mailbox.logins) == {(SMTP_USER, SMTP_PASSWORD)}
    commands = {line.split(b" ")[0] for line in mailbox.plaintext.split(b"\r\n")}
    assert commands <= {b"EHLO", b"STARTTLS", b""}


@pytest.mark.parametrize("scheme", SECURE)
@pytest.mark.parametrize("fault", ["other authority", "other name", "expired"])
def test_untrusted_server_gets_no_password(scheme, fault, tmp_path):
    authority = Authority(tmp_path, "trusted")
    issuer = Authority(tmp_path, "other") if fault == "other authority" else authority
    host = "mail.example.org" if fault == "other name" else "localhost"
    certificate = issuer.certificate(host, days=-1 if fault == "expired" else 1)
    with secure_mailbox(scheme, certificate) as mailbox:
        url = secure_url(scheme, mailbox.port)
        with Site(mailbox, url, SSL_CERT_FILE=str(authority.path), RUST_LOG="trace") as site:
            site.forgot(SUPERUSER)
            error = site.failed(SUPERUSER, "pending")["last_error"]
            assert error.startswith("connecting: ") and "certificate" in error, error
            check_no_password(site)
    assert (mailbox.letters, mailbox.logins) == ([], [])
    assert b"AUTH" not in mailbox.plaintext


def test_server_without_starttls_gets_no_password():
    mailbox = Mailbox(auth_require_tls=False)
    mailbox.SMTP_kwargs["authenticator"] = mailbox.authenticate
    with mailbox, Site(mailbox, secure_url("smtp+starttls", mailbox.port)) as site:
        site.forgot(SUPERUSER)
        assert site.failed(SUPERUSER, "pending")["last_error"].startswith("connecting: ")
    assert (mailbox.letters, mailbox.logins) == ([], [])
    assert b"AUTH" not in mailbox.plaintext and b"MAIL" not in mailbox.plaintext


def test_wrong_password_is_a_fault_that_can_be_corrected(tmp_path):
    authority = Authority(tmp_path, "trusted")
    with secure_mailbox("smtp+starttls", authority.certificate("localhost")) as mailbox:
        url = secure_url("smtp+starttls", mailbox.port, "wr0ng pass")
        with Site(mailbox, url, SSL_CERT_FILE=str(authority.path), RUST_LOG="trace") as site:
            site.forgot(SUPERUSER)
            assert site.failed(SUPERUSER, "pending")["last_error"] == "the credentials: 535"
            check_no_password(site, "wr0ng pass")
    assert mailbox.letters == [] and (SMTP_USER, "wr0ng pass") in mailbox.logins


def program(name, package):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"there is no {name}: install {package}"
    return found


REFUSED = "nobody@example.org"
POSTFIX_SERVICES = """
{plain} inet n - n - - smtpd
{starttls} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def postfix(next_port, certificate):
    """Runs a Postfix with its own configuration and queue, which relays all letters. Yields its ports by encryption."""
    command = program("postfix", "postfix")
    assert os.getuid() == 0, "Postfix starts only as root: run the tests as root, or with `-k 'not postfix'`"
    ports = {"plain": free_port(), "starttls": free_port(), "smtps": free_port()}
    with tempfile.TemporaryDirectory(prefix="inwren-postfix-") as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        settings = {
            "compatibility_level": "3.6", "queue_directory": folder / "queue", "data_directory": folder / "data",
            "maillog_file": "/dev/stdout", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "myhostname": "mail.example.org", "mydestination": "", "mynetworks": "127.0.0.0/8",
            "relayhost": f"[127.0.0.1]:{next_port}", "smtp_dns_support_level": "disabled",
            "smtpd_recipient_restrictions":
                f"check_recipient_access inline:{{ {{{REFUSED} = REJECT unknown}} }}, permit_mynetworks, reject",
            "smtpd_tls_cert_file": certificate, "smtpd_tls_key_file": certificate, "smtpd_tls_security_level": "may",
        }
        (folder / "etc/main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (folder / "etc/master.cf").write_text(POSTFIX_SERVICES.format(**ports))
        with open(folder / "log", "w") as log:
            running = subprocess.Popen([command, "-c", folder / "etc", "start-fg"], stdout=log, stderr=log)

        def has_ended():
            return running.poll() is not None

        try:
            wait_for("Postfix starts", lambda: "daemon started" in (folder / "log").read_text() or has_ended())
            assert not has_ended(), (folder / "log").read_text()
            yield ports
        finally:
            subprocess.run([command, "-c", folder / "etc", "stop"], capture_output=True, timeout=STOP_SECONDS)
            running.wait(timeout=STOP_SECONDS)
            print((folder / "log").read_text())


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """A mailbox, the ports of a Postfix in front of it, and the authority of its certificate."""
    authority = Authority(tmp_path_factory.mktemp("postfix"), "trusted")
    with Mailbox() as mailbox, postfix(mailbox.port, authority.certificate("localhost")) as ports:
        yield mailbox, ports, authority


def test_postfix_relays_every_kind_of_letter(relay):
    mailbox, ports, _ = relay
    with Site(mailbox, f"smtp://127.0.0.1:{ports['plain']}") as site:
        letters = walk(site, "de")
        rows = site.rows()
        for kind, letter in letters.items():
            expected = "en" if kind in ALWAYS_ENGLISH else "de"
            check_letter(letter, rows[letter.id]["recipient"], expected, LINKS[kind], ["Received"])
        letter = register(site, site.visitor("de"), "grüße@bücher.example")
        check_letter(letter, "grüße@xn--bcher-kva.example", "de", "verify", ["Received"])
        assert "SMTPUTF8" in letter.options


@pytest.mark.parametrize("scheme", SECURE)
def test_postfix_takes_letters_over_tls(relay, scheme):
    mailbox, ports, authority = relay
    port = ports["smtps" if scheme == "smtps" else "starttls"]
    with Site(mailbox, f"{scheme}://localhost:{port}", SSL_CERT_FILE=str(authority.path)) as site:
        letter = register(site, site.visitor(), "ann@example.org")
        check_letter(letter, "ann@example.org", "en", "verify", ["Received"])
        recover(site, site.visitor(), "ann@example.org")
    with Site(mailbox, f"{scheme}://localhost:{port}") as site:
        site.forgot(SUPERUSER)
        assert site.failed(SUPERUSER, "pending")["last_error"].startswith("connecting: ")


def test_address_refused_by_postfix_is_dead(relay):
    mailbox, ports, _ = relay
    with Site(mailbox, f"smtp://127.0.0.1:{ports['plain']}") as site:
        site.visitor().post("/auth/register", 202, email=REFUSED, password=PASSWORD)
        error = site.failed(REFUSED, "dead")["last_error"]
        assert error.startswith("the recipient: 554") and REFUSED not in error, error
        register(site, site.visitor(), "ann@example.org")
        assert REFUSED not in site.log()


@pytest.fixture(scope="module")
def rspamd():
    """Runs an rspamd with the configuration of its package, but without a name server. Yields its URL."""
    command, port = program("rspamd", "rspamd"), free_port()
    with tempfile.TemporaryDirectory(prefix="inwren-rspamd-") as folder:
        folder = Path(folder)
        (folder / "local.d").mkdir()
        off = "enabled = false;"
        for name, text in {
            "options.inc": 'dns { nameserver = ["127.0.0.1:1"]; timeout = 0.05s; retransmits = 1; }',
            "logging.inc": 'type = "console";', "worker-normal.inc": f'bind_socket = "127.0.0.1:{port}"; count = 1;',
            "worker-controller.inc": off, "worker-proxy.inc": off, "fuzzy_check.conf": off, "rspamd_update.conf": off,
        }.items():
            (folder / "local.d" / name).write_text(text + "\n")
        variables = [f"--var={name}={folder}" for name in ("LOCAL_CONFDIR", "DBDIR", "RUNDIR", "LOGDIR")]
        insecure = ["-i"] if os.getuid() == 0 else []
        with open(folder / "log", "w") as log:
            running = subprocess.Popen([command, "-f", *insecure, *variables], stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"

        def answers():
            assert running.poll() is None, (folder / "log").read_text()
            try:
                return requests.get(f"{url}/ping", timeout=60).text.strip() == "pong"
            except requests.ConnectionError:
                return False

        try:
            wait_for("rspamd starts", answers)
            yield url
        finally:
            running.terminate()
            running.wait(timeout=STOP_SECONDS)


# Symbols with a score that depend on the DNS, which these tests do not have.
NEEDS_DNS = {"HFILTER_FROMHOST_NORES_A_OR_MX", "HFILTER_HELO_IP_A", "HFILTER_HELO_NORES_A_OR_MX"}


def symbols(url, letter):
    """Returns what rspamd finds in a letter, with the scores, without what depends on the DNS or counts nothing."""
    headers = {
        "From": letter.sender, "Rcpt": letter.recipients[0], "IP": "192.0.2.25", "Helo": "mail.example.org",
        "Hostname": "mail.example.org",
    }
    answer = requests.post(f"{url}/checkv2", data=letter.content, headers=headers, timeout=60)
    answer.raise_for_status()
    found = answer.json()["symbols"].values()
    return {each["name"]: each["score"] for each in found if each["score"] and each["name"] not in NEEDS_DNS}


LONG = pytest.mark.skipif(os.environ.get("INWREN_TEST_LONG") != "1", reason="needs rspamd: ./tests/run --long")


@LONG
def test_rspamd_notices_a_bad_message(rspamd):
    letter = Letter(b"From: no-reply@example.org\r\n\r\nHello\r\n", SENDER, ["ann@example.org"], [], None, False)
    found = symbols(rspamd, letter)
    assert {"MISSING_DATE", "MISSING_MID", "MISSING_TO"} <= found.keys() and sum(found.values()) > 1, found


@LONG
@pytest.mark.parametrize("language", ["en", "de"])
def test_no_letter_looks_like_spam(language, rspamd, tmp_path):
    # Invitations are in English. To score all kinds in German, replace the English texts.
    texts = ROOT / f"app/src/letters/texts/{language}.json"
    shutil.copy(texts, tmp_path / "en.json")
    names = {"PROJECT_NAME": "Inwren Auth", "MAIL_FROM": "Inwren Auth <no-reply@example.org>"}
    with Mailbox() as mailbox, Site(mailbox, TEMPLATES_DIR=str(tmp_path), **names) as site:
        letters = walk(site, language)
    scores = {kind: symbols(rspamd, letter) for kind, letter in letters.items()}
    assert {kind: found for kind, found in scores.items() if sum(found.values()) > 1} == {}
