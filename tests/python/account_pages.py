"""Shows account pages in every state to a reader: a person with a browser and a keyboard, or a simple client."""

from urllib.parse import urljoin

import requests

from conftest import TARGET
from letters import NEW_PASSWORD, PASSWORD, Member, new_address, parsed
from webdriver import Browser

NODE = TARGET / "test-pages" / "node_modules"
# WCAG 2.2 AA consists of the rules of all these versions and levels.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TAB, ENTER = "\ue004", "\ue007"

# Every page in every state: the status, the text of its heading, and the text of the error at its field.
STATES = {
    "verify": (200, "page.verify.title", None),
    "verify-required": (422, "page.verify.title", "page.field.required"),
    "verify-weak": (422, "page.verify.title", "page.field.too_short"),
    "verify-done": (200, "page.verify.done_title", None),
    "verify-invalid": (400, "page.failed.invalid_title", None),
    "verify-discarded": (200, "page.verify.discarded_title", None),
    "verify-existing": (200, "page.verify.title", None),
    "verify-wrong-password": (403, "page.verify.title", "page.field.wrong_password"),
    "reset": (200, "page.reset.title", None),
    "reset-weak": (422, "page.reset.title", "page.field.common"),
    "reset-code-required": (403, "page.reset.title", "page.field.code_required"),
    "reset-invalid-code": (422, "page.reset.title", "page.field.invalid_code"),
    "reset-wrong-code": (403, "page.reset.title", "page.field.wrong_code"),
    "reset-done": (200, "page.reset.done_title", None),
    "reset-invalid": (400, "page.failed.invalid_title", None),
    "email": (200, "page.email.title", None),
    "email-done": (200, "page.email.done_title", None),
    "email-invalid": (400, "page.failed.invalid_title", None),
    "email-taken": (409, "page.failed.email_taken_title", None),
    "undo": (200, "page.undo.title", None),
    "undo-done": (200, "page.undo.done_title", None),
    "undo-invalid": (400, "page.failed.invalid_title", None),
    "invite": (200, "page.invite.title", None),
    "invite-weak": (422, "page.invite.title", "page.field.same_as_email"),
    "invite-done": (200, "page.invite.done_title", None),
    "invite-invalid": (400, "page.failed.invalid_title", None),
    "keep": (200, "page.keep.title", None),
    "keep-done": (200, "page.keep.done_title", None),
    "keep-invalid": (400, "page.failed.invalid_title", None),
    "forgot": (200, "page.forgot.title", None),
    "forgot-wrong": (422, "page.forgot.title", "page.field.email"),
    "forgot-done": (200, "page.forgot.done_title", None),
    "forgot-without-mail": (501, "page.failed.mail_not_configured_title", None),
    "forgot-limited": (429, "page.failed.rate_limited_title", None),
}
# Browsers do not send an empty field that is required.
WITHOUT_BROWSER = {"verify-required"}


class Person(Browser):
    """A person who uses a browser by the keyboard alone."""

    language = "en"

    def __init__(self, folder):
        super().__init__(folder)
        self._devtools("Network.enable", {})
        self._devtools("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": self.language}})

    def submit(self, form=1, **fields):
        """Fills in a form, counted from 1, and sends it."""
        for name, text in fields.items():
            self._tab_to(f"form:nth-of-type({form}) [name={name}]")
            self.press(*text)
        self.choose(f"form:nth-of-type({form}) button")

    def choose(self, selector):
        """Presses a button or follows a link."""
        self._tab_to(selector)
        self.leave(lambda: self.press(ENTER))

    def leave(self, act):
        """Does something that opens another page, and waits for that page."""
        self.script("document.documentElement.classList.add('left')")
        act()
        other = "return document.readyState == 'complete' && !document.documentElement.classList.contains('left')"
        self.wait(lambda: self.script(other), "another page")

    def forget(self):
        """Deletes all cookies."""
        self._devtools("Network.clearBrowserCookies", {})

    def _tab_to(self, selector):
        for _ in range(12):
            self.press(TAB)
            outline = self.script("return getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus is not visible before {selector}"
            if self.script("return document.activeElement.matches(arguments[0])", selector):
                return
        raise AssertionError(f"the Tab key does not reach {selector}")

    def press(self, *keys):
        kinds = ("keyDown", "keyUp")
        actions = [{"type": kind, "value": key} for key in keys for kind in kinds]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._ask("POST", f"{self._session}/actions", {"actions": [keyboard]})

    def add_axe(self):
        """Makes axe-core known to all pages that are opened after this call."""
        source = (NODE / "axe-core" / "axe.min.js").read_text()
        self._devtools("Page.addScriptToEvaluateOnNewDocument", {"source": source})

    def barriers(self):
        """Returns what keeps people with disabilities from using the page, according to axe-core."""
        found = self.script("return axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})", AXE_TAGS)
        assert found["passes"]
        return [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]


class Client:
    """A client that neither runs scripts nor applies styles. `page` is the last response."""

    def __init__(self, language="en"):
        self.language = language
        self.page = None
        self._session = requests.Session()
        self._session.headers["Accept-Language"] = language

    def open(self, url):
        self.page = self._session.get(url, timeout=60)

    def submit(self, form=1, **fields):
        """Fills in a form, counted from 1, and sends it."""
        action, inputs = parsed(self.page.text).forms[form - 1]
        url = urljoin(self.page.url, action)
        self.page = self._session.post(url, data={**inputs, **fields}, headers={"Origin": "null"}, timeout=60)

    def title(self):
        return parsed(self.page.text).title


def states(services, reader):
    """Shows every page in every state to a reader. Yields the name of each state."""
    required, optional, silent, limited = services
    yield from verification_states(required, optional, reader)
    yield from reset_states(required, reader)
    yield from factor_states(required, reader)
    yield from change_states(required, reader)
    yield from invitation_states(required, reader)
    yield from forgot_states(required, silent, limited, reader)


def verification_states(required, optional, reader):
    link = required.registration_link(new_address("new"), reader.language)
    reader.open(link)
    yield "verify"
    if isinstance(reader, Client):
        reader.submit()
        yield "verify-required"
    reader.submit(password="short")
    yield "verify-weak"
    reader.submit(password=PASSWORD)
    yield "verify-done"
    reader.open(link)
    yield "verify-invalid"
    reader.open(required.registration_link(new_address("another"), reader.language))
    reader.submit(form=2)
    yield "verify-discarded"
    reader.open(optional.registration_link(new_address("known"), reader.language))
    yield "verify-existing"
    reader.submit(password="a wrong pass phrase")
    yield "verify-wrong-password"
    reader.submit(password=PASSWORD)
    yield "verify-done"


def reset_states(required, reader):
    address = required.account(new_address("forgetful"), reader.language)
    required.forgot(address)
    link = required.link(address, "reset")
    reader.open(link)
    yield "reset"
    reader.submit(password="password1")
    yield "reset-weak"
    reader.submit(password=NEW_PASSWORD)
    yield "reset-done"
    reader.open(link)
    yield "reset-invalid"


def factor_states(required, reader):
    member = Member(required.url, required.account(new_address("careful"), reader.language), reader.language)
    member.enrol()
    member.lose()
    link = required.link(member.address, "keep-factors")
    reader.open(link)
    yield "keep"
    reader.submit()
    yield "keep-done"
    reader.open(link)
    yield "keep-invalid"
    required.forgot(member.address)
    reader.open(required.link(member.address, "reset"))
    reader.submit(password=NEW_PASSWORD)
    yield "reset-code-required"
    reader.submit(password=NEW_PASSWORD, code="12345")
    yield "reset-invalid-code"
    reader.submit(password=NEW_PASSWORD, code=Member.WRONG_CODE)
    yield "reset-wrong-code"
    reader.submit(password=NEW_PASSWORD, code=member.codes.pop())
    yield "reset-done"


def change_states(required, reader):
    old, new, taken = required.account(new_address("old"), reader.language), new_address("new"), new_address("taken")
    required.change_email(old, taken)
    link = required.link(taken, "email")
    required.letter(old, "/account/undo?t=")
    required.account(taken)
    reader.open(link)
    reader.submit()
    yield "email-taken"
    required.change_email(old, new)
    link, undo = required.link(new, "email"), required.link(old, "undo")
    reader.open(link)
    yield "email"
    reader.submit()
    yield "email-done"
    reader.open(link)
    yield "email-invalid"
    reader.open(undo)
    yield "undo"
    reader.submit()
    yield "undo-done"
    reader.open(undo)
    yield "undo-invalid"


def invitation_states(required, reader):
    address = required.invite(new_address("invited"), reader.language)
    link = required.link(address, "invite")
    reader.open(link)
    yield "invite"
    reader.submit(password=address)
    yield "invite-weak"
    reader.submit(password=PASSWORD)
    yield "invite-done"
    reader.open(link)
    yield "invite-invalid"


def forgot_states(required, silent, limited, reader):
    reader.open(f"{required.issuer}/account/forgot")
    yield "forgot"
    reader.submit(email="ann@example")
    yield "forgot-wrong"
    reader.submit(email=new_address("unknown"))
    yield "forgot-done"
    reader.open(f"{silent.url}/account/forgot")
    reader.submit(email="ann@example.org")
    yield "forgot-without-mail"
    for _ in range(2):
        reader.open(f"{limited.url}/account/forgot")
        reader.submit(email="ann@example.org")
    yield "forgot-limited"
