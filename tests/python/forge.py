"""Creates tokens with any header, claims and key, because token libraries refuse to create invalid tokens."""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def read_key(path):
    return serialization.load_pem_private_key(path.read_bytes(), password=None)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_pem(key):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def jwk(key, kid):
    """Returns the public key as the JWK that a service publishes."""
    numbers = key.public_key().public_numbers()
    n, e = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.n, numbers.e))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(n), "e": encode(e)}


def opened(token):
    """Returns the header and the claims of a token."""
    parts = token.split(".")[:2]
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts]


def signature(algorithm, key, data):
    match algorithm:
        case "HS256":
            return hmac.digest(key, data, hashlib.sha256)
        case "RS256":
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case "RS512":
            return key.sign(data, padding.PKCS1v15(), hashes.SHA512())
        case "PS256":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
            return key.sign(data, pss, hashes.SHA256())
        case _:
            return b""


def token(header, claims, key):
    """Returns a token signed with the algorithm of its header. Omits fields that are `None`."""
    parts = [{name: value for name, value in part.items() if value is not None} for part in (header, claims)]
    signed = ".".join(encode(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{encode(signature(header.get('alg'), key, signed.encode()))}"
