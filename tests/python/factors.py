"""Uses second factors as other programs do: pyotp is the authenticator app, and Chromium and a program of ours are
authenticators. python-fido2 and py_webauthn judge the answers of passkeys."""

import base64
import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count

import cbor2
import pyotp
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography
from webauthn.helpers.cose import COSEAlgorithmIdentifier

from webdriver import Browser

PASSWORD = "four words of wisdom"
ES256, EDDSA, RS256 = ALGORITHMS = [-7, -8, -257]
# Flags of authenticator data (WebAuthn Level 3 section 6.1).
UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
# Codes are not entered in the last seconds in which the service accepts them.
MARGIN_SECONDS = 5
NUMBERS = count(1)


def to_base64(content):
    """Encodes in base64url without padding, as WebAuthn does."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def from_base64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Caller:
    """A client of the API with an account."""

    def __init__(self, url, address=None):
        self.url, self.address = url, address or f"caller-{next(NUMBERS)}@example.org"
        self._session = requests.Session()

    def ask(self, method, path, /, **body):
        return self._session.request(method, self.url + path, json=body, timeout=60)

    def call(self, method, path, status, /, **body):
        """Sends a request that must have this status. Returns the JSON of the response, if any."""
        answer = self.ask(method, path, **body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def get(self, path):
        return self.call("GET", path, 200)

    def post(self, path, status, /, **body):
        return self.call("POST", path, status, **body)

    def register(self):
        self.post("/auth/register", 201, email=self.address, password=PASSWORD)
        self.keep(self.login(200))

    def login(self, status, password=PASSWORD):
        """Logs in with the password. Returns the tokens, or the question for the second factor."""
        return self.post("/auth/login", status, email=self.address, password=password)

    def keep(self, tokens):
        """Sends the access token from now on."""
        self._session.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def logout(self):
        self.post("/auth/logout", 204)
        del self._session.headers["Authorization"]

    def enrol_app(self):
        """Enrols an authenticator app. Returns it with the response to the confirmation."""
        new = self.post("/users/me/totp", 201)
        app = App(new["uri"])
        return app, self.post(f"/users/me/totp/{new['id']}/confirm", 201, code=app.code())

    def enrol(self, passkey, origin):
        """Enrols a passkey."""
        options = self.post("/users/me/passkeys/options", 200)["publicKey"]
        passkey.user_handle = options["user"]["id"]
        ceremony = Ceremony(passkey, "create", options, origin)
        passkey.count = ceremony.count
        return self.post("/users/me/passkeys", 201, credential=ceremony.credential())


class App:
    """An authenticator app by pyotp. The service accepts each code once, so it returns each one once."""

    def __init__(self, uri):
        self.totp = pyotp.parse_uri(uri)
        self._last = 0

    def code(self):
        """Returns the oldest new code that the service accepts. Waits if none is left.

        The service accepts codes that are up to one step early or late.
        """
        step = max(self._last + 1, self._step(MARGIN_SECONDS) - 1)
        while step > self._step() + 1:
            time.sleep(0.2)
        self._last = step
        return self.totp.at(step * self.totp.interval)

    def _step(self, later=0):
        return int(time.time() + later) // self.totp.interval


class AuthenticatorBrowser(Browser):
    """A browser with a virtual authenticator (WebAuthn Level 3 section 11)."""

    @contextmanager
    def authenticator(self, **options):
        path = f"{self._session}/webauthn/authenticator"
        added = self._ask("POST", path, {"protocol": "ctap2", "isUserConsenting": True, **options})
        try:
            yield
        finally:
            self._ask("DELETE", f"{path}/{added}")

    def create(self, options):
        """Creates a passkey, as a script of the open page does."""
        return self.script(
            "const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(arguments[0]);"
            "return navigator.credentials.create({publicKey}).then((created) => created.toJSON())",
            options,
        )

    def use(self, options):
        """Uses a passkey, as a script of the open page does."""
        return self.script(
            "const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(arguments[0]);"
            "return navigator.credentials.get({publicKey}).then((used) => used.toJSON())",
            options,
        )

    def pixels(self, svg, side):
        """Draws a picture in a square. Returns a byte per pixel: its lightness."""
        drawn = self.script(
            """
            const [svg, side] = arguments;
            const image = new Image(side, side);
            image.src = "data:image/svg+xml;base64," + btoa(unescape(encodeURIComponent(svg)));
            return image.decode().then(() => {
                const canvas = Object.assign(document.createElement("canvas"), {width: side, height: side});
                const context = canvas.getContext("2d");
                context.fillStyle = "white";
                context.fillRect(0, 0, side, side);
                context.drawImage(image, 0, 0, side, side);
                const {data} = context.getImageData(0, 0, side, side);
                let pixels = "";
                for (let i = 0; i < data.length; i += 4)
                    pixels += String.fromCharCode((data[i] + data[i + 1] + data[i + 2]) / 3);
                return btoa(pixels);
            });
            """,
            svg,
            side,
        )
        return memoryview(base64.b64decode(drawn)).cast("B", shape=[side, side])


@cache
def rsa_key():
    """Returns the RSA key of all passkeys: another one for each would take long."""
    return rsa.generate_private_key(65_537, 2_048)


class Passkey:
    """A passkey of a program. With `is_synced`, its key may be copied; otherwise it counts its uses."""

    def __init__(self, algorithm=ES256, is_synced=True):
        self.id, self.user_handle, self.count = os.urandom(32), None, 0
        self.algorithm, self.is_synced = algorithm, is_synced
        self.flags = UP | UV | (BE | BS if is_synced else 0)
        self._key = {
            ES256: lambda: ec.generate_private_key(ec.SECP256R1()),
            EDDSA: ed25519.Ed25519PrivateKey.generate,
            RS256: rsa_key,
        }[algorithm]()

    def sign(self, message):
        if self.algorithm == ES256:
            return self._key.sign(message, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == RS256:
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(message)

    def cose(self):
        """Returns the labels and values of the public key (RFC 9052 section 7)."""
        public = self._key.public_key()
        if self.algorithm == EDDSA:
            x = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return [(1, 1), (3, EDDSA), (-1, 6), (-2, x)]
        numbers = public.public_numbers()
        if self.algorithm == ES256:
            x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
            return [(1, 2), (3, ES256), (-1, 1), (-2, x), (-3, y)]
        n, e = numbers.n.to_bytes(256, "big"), numbers.e.to_bytes(3, "big")
        return [(1, 3), (3, RS256), (-1, n), (-2, e)]


def cbor_map(entries):
    """Encodes a map of less than 24 entries. Labels may occur twice."""
    return bytes([0xA0 + len(entries)]) + b"".join(cbor2.dumps(item) for entry in entries for item in entry)


class Ceremony:
    """An answer of a passkey, which is made in steps. A test can change what a step has made before the next one."""

    def __init__(self, passkey, kind, options, origin):
        self.passkey, self.is_creation = passkey, kind == "create"
        self.client = {
            "type": f"webauthn.{kind}",
            "challenge": options["challenge"],
            "origin": origin,
            "crossOrigin": False,
        }
        self.relying_party = options["rp"]["id"] if self.is_creation else options["rpId"]
        self.flags = passkey.flags | (AT if self.is_creation else 0)
        self.count = passkey.count + (0 if passkey.is_synced else 1)
        self.id, self.key, self.tail = passkey.id, passkey.cose(), b""
        self.statement = ("none", {})
        self.steps = [self._encode, self._sign, self._answer]

    def _encode(self):
        self.client_json = json.dumps(self.client, separators=(",", ":")).encode()
        attested = b""
        if self.is_creation:
            # The first 16 bytes name the model of the authenticator.
            attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor_map(self.key)
        relying_party = hashlib.sha256(self.relying_party.encode()).digest()
        self.data = relying_party + bytes([self.flags]) + self.count.to_bytes(4, "big") + attested + self.tail

    def _sign(self):
        """Makes the attestation object, or signs."""
        if self.is_creation:
            name, statement = self.statement
            self.signed = cbor2.dumps({"fmt": name, "attStmt": statement, "authData": self.data})
        else:
            self.signed = self.passkey.sign(self.data + hashlib.sha256(self.client_json).digest())

    def _answer(self):
        response = {"clientDataJSON": to_base64(self.client_json)}
        if self.is_creation:
            response |= {"attestationObject": to_base64(self.signed), "transports": ["internal"]}
        else:
            response |= {"authenticatorData": to_base64(self.data), "signature": to_base64(self.signed)}
            response["userHandle"] = self.passkey.user_handle
        self.answer = {
            "id": to_base64(self.passkey.id),
            "rawId": to_base64(self.passkey.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }

    def credential(self):
        for step in self.steps:
            step()
        return self.answer


@dataclass
class Expected:
    """What a judge expects of a ceremony. `passkey` and `count` are those of an assertion: the stored ones."""

    challenge: str
    origin: str
    relying_party: str = "localhost"
    needs_user_verification: bool = False
    passkey: Passkey = None
    count: int = 0


def refusals(credential, expected):
    """Returns the judges that refuse an answer, with their reasons."""
    found = {}
    for judge in (python_fido2, py_webauthn):
        try:
            judge(credential, expected)
        # The libraries raise exceptions of many types at malformed answers.
        except Exception as reason:
            found[judge.__name__] = f"{type(reason).__name__}: {reason}"
    return found


def python_fido2(credential, expected):
    party = {"id": expected.relying_party, "name": "The service"}
    server = Fido2Server(party, verify_origin=lambda origin: origin == expected.origin)
    verification = "required" if expected.needs_user_verification else "preferred"
    state = {"challenge": expected.challenge, "user_verification": verification}
    if expected.passkey:
        key = CoseKey.parse(dict(expected.passkey.cose()))
        known = AttestedCredentialData.create(bytes(16), expected.passkey.id, key)
        server.authenticate_complete(state, [known], credential)
    else:
        server.register_complete(state, credential)


def py_webauthn(credential, expected):
    common = {
        "expected_challenge": from_base64(expected.challenge),
        "expected_rp_id": expected.relying_party,
        "expected_origin": expected.origin,
        "require_user_verification": expected.needs_user_verification,
    }
    if expected.passkey:
        assert from_base64(credential["rawId"]) == expected.passkey.id
        verify_authentication_response(
            credential=credential,
            credential_public_key=cbor_map(expected.passkey.cose()),
            # A counter that does not rise is no reason to refuse a passkey that may have been copied.
            credential_current_sign_count=0 if expected.passkey.is_synced else expected.count,
            **common,
        )
    else:
        verified = verify_registration_response(
            credential=without_statement(credential),
            supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS],
            **common,
        )
        assert verified.credential_id == from_base64(credential["rawId"])
        decoded_public_key_to_cryptography(decode_credential_public_key(verified.credential_public_key))


def without_statement(credential):
    """Returns a creation without its attestation statement: the service requests none and ignores it."""
    response = credential["response"]
    decoded = cbor2.loads(from_base64(response["attestationObject"]), allow_duplicate_keys=False)
    if decoded["fmt"] == "none" or not isinstance(decoded["fmt"], str):
        return credential
    encoded = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": decoded["authData"]})
    return {**credential, "response": {**response, "attestationObject": to_base64(encoded)}}


# Changes of a ceremony, by the step before which they are made. Each takes a random number generator, the ceremony, and
# a foreign challenge: a valid one that was issued for something else.
CHANGES = {"encode": [], "sign": [], "answer": [], "send": []}
OF_CREATIONS, OF_ASSERTIONS = set(), set()


def change(step, only=None):
    """Adds a change. It fits both kinds of ceremonies, or those of a set only."""

    def add(function):
        CHANGES[step].append(function)
        if only is not None:
            only.add(function)
        return function

    return add


def mutate(rng, ceremony, foreign_challenge):
    """Makes no change, one or two at random. Returns the answer, and the names of the changes."""
    unfit = OF_ASSERTIONS if ceremony.is_creation else OF_CREATIONS
    fit = [one for changes in CHANGES.values() for one in changes if one not in unfit]
    chosen = rng.sample(fit, rng.choice([0, 1, 1, 1, 1, 1, 2, 2]))
    for step, changes in zip([None, *ceremony.steps], CHANGES.values()):
        if step:
            step()
        for one in changes:
            if one in chosen:
                one(rng, ceremony, foreign_challenge)
    return ceremony.answer, [one.__name__ for one in chosen]


def garbled(rng, content):
    """Returns bytes with a bit flipped, or a few bytes removed, inserted or repeated."""
    place, length = rng.randrange(len(content) + 1), rng.choice([1, 1, 2, 8])
    start, end = content[:place], content[place:]
    flipped = bytes([end[0] ^ 1 << rng.randrange(8)]) + end[1:] if end else b""
    return start + rng.choice([flipped, flipped, end[length:], rng.randbytes(length) + end, end[:length] + end, b""])


@change("encode")
def client_type(rng, ceremony, _):
    ceremony.client["type"] = rng.choice(
        ["webauthn.create", "webauthn.get", "webauthn.Get", "payment.get", "", None, 7, ["webauthn.get"]]
    )


@change("encode")
def client_challenge(rng, ceremony, foreign_challenge):
    own = ceremony.client["challenge"]
    other_alphabet = own.replace("-", "+").replace("_", "/")
    ceremony.client["challenge"] = rng.choice([
        foreign_challenge, foreign_challenge, to_base64(rng.randbytes(32)), own[:-1], own + "=", own + "A",
        own.swapcase(), other_alphabet, own + "\0", f" {own}", "", None, 7, [own],
    ])


@change("encode")
def client_origin(rng, ceremony, _):
    own = ceremony.client["origin"]
    host, _, port = own.removeprefix("http://").partition(":")
    ceremony.client["origin"] = rng.choice([
        f"{own}/", f"{own}0", f"{own}#", f"{own}\0", f" {own}", own.upper(), own.replace("http:", "https:"),
        f"http://{host}", f"http://evil.{host}:{port}", f"http://{host}.evil.example:{port}",
        f"http://user@{host}:{port}", f"http://127.0.0.1:{port}", "https://evil.example", "null", "", None, [own],
    ])


@change("encode")
def client_embedding(rng, ceremony, _):
    own = ceremony.client["origin"]
    ceremony.client |= rng.choice([
        {"crossOrigin": True}, {"crossOrigin": None}, {"crossOrigin": "false"}, {"crossOrigin": 0},
        {"topOrigin": own}, {"topOrigin": "https://evil.example"}, {"topOrigin": None},
    ])


@change("encode")
def client_members(rng, ceremony, _):
    members = list(ceremony.client.items())
    rng.shuffle(members)
    ceremony.client = dict(members)
    ceremony.client.pop(rng.choice([*ceremony.client, "none"]), None)
    ceremony.client |= rng.choice([{}, {"other": 1}, {"other": {"challenge": "x"}}, {"": [None]}, {"Origin": "x"}])


@change("encode")
def relying_party(rng, ceremony, _):
    own = ceremony.relying_party
    ceremony.relying_party = rng.choice(
        [own.upper(), f"{own}.", f"www.{own}", f"http://{own}", f"{own}\0", "evil.example", ""]
    )


@change("encode")
def flags(rng, ceremony, _):
    for _ in range(rng.choice([1, 1, 2, 3])):
        ceremony.flags ^= 1 << rng.randrange(8)


@change("encode")
def counter(rng, ceremony, _):
    last = ceremony.passkey.count
    ceremony.count = rng.choice([0, last, max(last - 1, 0), last + 1 + rng.randrange(99)])


@change("encode")
def extensions(rng, ceremony, _):
    ceremony.flags |= rng.choice([ED, ED, ED, 0])
    ceremony.tail = rng.choice([
        cbor_map([]), cbor_map([("credProtect", 2)]), cbor_map([("a", 1), ("a", 2)]), cbor_map([("a", {"b": [True]})]),
        cbor_map([]) + b"\0", b"\xbf\xff", b"\x80", b"\xa1\x61\x61", b"\xa1\x18\x01\x02", b"",
    ])


@change("encode", OF_CREATIONS)
def credential_id(rng, ceremony, _):
    own = ceremony.id
    ceremony.id = rng.choice([b"", b"\0", rng.randbytes(32), own[:-1], own + b"\0", rng.randbytes(1_024)])


@change("encode", OF_CREATIONS)
def length_of_credential_id(rng, ceremony, _):
    ceremony.id = ceremony.passkey.id = rng.randbytes(rng.choice([0, 1, 15, 64, 1_022, 1_023, 1_024, 4_000]))


@change("encode", OF_CREATIONS)
def key_parameter(rng, ceremony, _):
    place = rng.randrange(len(ceremony.key))
    label, value = ceremony.key[place]
    if isinstance(value, int):
        numbers = [-7, -8, -9, -35, -37, -47, -257, -65_535, 0, 1, 2, 3, 6, 7, 1 << 32]
        changed = rng.choice([*numbers, "ES256", None, True, 2.0, b"\2"])
    else:
        changed = rng.choice([
            b"", b"\0", b"\1", value[:-1], value[-128:], b"\0" + value, value + b"\0", value[::-1], value * 2,
            value * 3, bytes(len(value)), b"\xff" * len(value), value[:-1] + bytes([value[-1] & 0xFE]),
            garbled(rng, value),
        ])
    ceremony.key[place] = (label, changed)


@change("encode", OF_CREATIONS)
def key_parameters(rng, ceremony, _):
    place = rng.randrange(len(ceremony.key))
    label, value = ceremony.key[place]
    others = ceremony.key[:place] + ceremony.key[place + 1 :]
    more = rng.choice([(4, [1]), (-4, b"\1"), (2, b"id"), ("x", 1), (-70_000, 1)])
    ceremony.key = rng.choice([
        others, ceremony.key[::-1], [*ceremony.key, more], [*others, (rng.randrange(-6, 6), value)],
        [*ceremony.key, (label, value)], [(label, b"\1"), *ceremony.key],
    ])


@change("encode", OF_CREATIONS)
def attestation_statement(rng, ceremony, _):
    ceremony.statement = rng.choice([
        ("none", {"sig": b"\1"}), ("none", []), ("none", None), ("None", {}), ("", {}), (7, {}), ("packed", {}),
        ("packed", {"alg": ES256, "sig": rng.randbytes(70)}), ("fido-u2f", {"sig": b"\1", "x5c": [b"\1"]}),
    ])


@change("sign")
def client_json(rng, ceremony, _):
    own = ceremony.client_json
    start, end = own[:-1], own[1:]
    ceremony.client_json = rng.choice([
        *(garbled(rng, own) for _ in range(6)),
        # Parsers disagree on which of two members counts.
        start + b',"origin":"https://evil.example"}', b'{"origin":"https://evil.example",' + end,
        start + b',"type":"webauthn.get"}', b'{"challenge":"AAAA",' + end, b'{"crossOrigin":true,' + end,
        own.replace(b":", b" : "), own.replace(b"type", b"\\u0074ype"), b" " + own + b"\n", own + b"\0", own + b"{}",
        b"[" + own + b"]", b"\xef\xbb\xbf" + own, own.decode().encode("utf-16"), start + b',"x":NaN}',
        start + b',"x":"\xff"}', b"",
    ])


@change("sign")
def authenticator_data(rng, ceremony, _):
    own = ceremony.data
    ceremony.data = rng.choice([
        *(garbled(rng, own) for _ in range(4)),
        garbled(rng, own[:37]) + own[37:], own + b"\0", own[:36], own[:37], own * 2, b"",
    ])


@change("answer", OF_CREATIONS)
def attestation_object(rng, ceremony, _):
    own = ceremony.signed
    ceremony.signed = rng.choice([
        *(garbled(rng, own) for _ in range(4)),
        # An indefinite length, a tag, a length in two bytes, a name twice, and an unknown one.
        b"\xbf" + own[1:] + b"\xff", b"\xd9\xd9\xf7" + own, b"\xb8\x03" + own[1:],
        b"\xa4" + own[1:] + b"\x63fmt\x64none", b"\xa4" + own[1:] + b"\x61x\x01", own + b"\0", b"\x80", b"",
    ])


@change("answer", OF_ASSERTIONS)
def signature(rng, ceremony, _):
    own, sign = ceremony.signed, ceremony.passkey.sign
    message = ceremony.data + hashlib.sha256(ceremony.client_json).digest()
    ceremony.signed = rng.choice([
        garbled(rng, own), garbled(rng, own), own + b"\0", b"\0" + own, own[1:], bytes(len(own)), bytes(64), b"",
        sign(ceremony.data + ceremony.client_json), sign(ceremony.data), Passkey(ES256).sign(message),
        # ECDSA signatures of zeros and of ones.
        Passkey(EDDSA).sign(message), bytes.fromhex("3006020100020100"), bytes.fromhex("3006020101020101"),
    ])


@change("send")
def ids(rng, ceremony, _):
    own = ceremony.answer["id"]
    other = rng.choice([to_base64(rng.randbytes(32)), f"{own}=", own[:-1], f"{own}A", own.swapcase(), "", None, 7])
    ceremony.answer |= {name: other for name in rng.choice([["id"], ["rawId"], ["id", "rawId"]])}


@change("send")
def kind_of_credential(rng, ceremony, _):
    ceremony.answer["type"] = rng.choice(["public_key", "password", "PUBLIC-KEY", "", None, 7, ["public-key"]])


@change("send")
def member_of_response(rng, ceremony, _):
    response = ceremony.answer["response"]
    name = rng.choice([name for name in response if name not in ("transports", "userHandle")])
    own = response[name]
    response[name] = rng.choice([
        f"{own}=", f"{own}==", f"{own}A", f" {own}", f"{own}\n", own[:-1], own.replace("-", "+"), "", None, 7, [own],
    ])


@change("send")
def unknown_members(rng, ceremony, _):
    ceremony.answer |= {"other": 1, "clientExtensionResults": {"credProps": {"rk": True}}}
    ceremony.answer["response"] |= {"publicKeyAlgorithm": -37, "publicKey": "AAAA", "other": None}


@change("send", OF_ASSERTIONS)
def user_handle(rng, ceremony, _):
    own = ceremony.passkey.user_handle
    handles = [None, "", own[:-1], f"{own}A", to_base64(rng.randbytes(32)), 7]
    ceremony.answer["response"]["userHandle"] = rng.choice(handles)
