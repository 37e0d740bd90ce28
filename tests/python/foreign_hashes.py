"""Creates password hashes as other services do, with passlib, argon2-cffi and bcrypt.

As a program, it prints the content of tests/data/foreign_hashes.json, which the Rust tests read. Salts are random.
"""

import json
import sys

import bcrypt
from argon2 import PasswordHasher, Type
from passlib.context import CryptContext
from passlib.hash import argon2, django_pbkdf2_sha256, pbkdf2_sha256

PLAIN = "correct horse battery staple"
# NFKC changes this text: it has a ligature, a full-width letter and a combining mark.
TYPED = "\ufb01nal \uff21ngstro\u0308m"
# 79 bytes. bcrypt uses only the first 72.
LONG = "0123456789" * 7 + "\u00e9" + "-the-end"


def bcrypt_with(ident, password, rounds):
    """Returns a bcrypt hash with another identifier. The library itself always writes `$2b$`."""
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds)).decode()
    return made.replace("$2b$", f"${ident}$", 1)


def passlib_bcrypt(password):
    return CryptContext(schemes=["bcrypt"], bcrypt__rounds=5).hash(password)


MAKERS = {
    "argon2-cffi as it comes": lambda password: PasswordHasher().hash(password),
    "argon2-cffi, argon2i": lambda password: PasswordHasher(
        time_cost=2, memory_cost=512, parallelism=2, type=Type.I
    ).hash(password),
    "argon2-cffi, as costly as ours, shorter": lambda password: PasswordHasher(
        time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=8
    ).hash(password),
    "argon2-cffi, with the parameters of the tests": lambda password: PasswordHasher(
        time_cost=1, memory_cost=8, parallelism=1, hash_len=32, salt_len=16
    ).hash(password),
    "passlib argon2": lambda password: argon2.using(memory_cost=1024, rounds=2).hash(password),
    "passlib argon2i": lambda password: argon2.using(type="I", memory_cost=64, rounds=3).hash(password),
    "passlib bcrypt": passlib_bcrypt,
    "bcrypt 2a": lambda password: bcrypt_with("2a", password, 4),
    "bcrypt 2b": lambda password: bcrypt_with("2b", password, 10),
    "bcrypt 2y": lambda password: bcrypt_with("2y", password, 6),
    "passlib pbkdf2_sha256 as it comes": pbkdf2_sha256.hash,
    "passlib pbkdf2_sha256, few rounds": lambda password: pbkdf2_sha256.using(rounds=1, salt_size=0).hash(password),
    "passlib pbkdf2_sha256, long salt": lambda password: pbkdf2_sha256.using(rounds=1000, salt_size=64).hash(password),
    "pbkdf2_sha256 as Django writes it": django_pbkdf2_sha256.using(rounds=1000).hash,
}


def all_hashes():
    """Returns a hash of each kind for each password."""
    return [
        {"made_by": name, "password": password, "hash": make(password)}
        for name, make in MAKERS.items()
        for password in (PLAIN, TYPED, LONG)
    ]


if __name__ == "__main__":
    json.dump(all_hashes(), sys.stdout, indent=2, ensure_ascii=True)
    print()
