"""Logs in with a password and, if the account has a second factor, a code."""

import os
from collections.abc import Callable
from getpass import getpass

import requests

BASE_URL = os.environ.get("INWREN_URL", "http://127.0.0.1:8000")


class LoginFailed(Exception):
    """The service refused the login. The argument is the `detail` of the problem."""


def post(path: str, body: dict) -> tuple[int, dict]:
    response = requests.post(BASE_URL + path, json=body, timeout=10)
    return response.status_code, response.json()


def login(email: str, password: str, ask: Callable[[list[str], int], tuple[str, str]]) -> dict:
    """Returns the tokens. `ask` gets the methods and the number of attempts left, and returns a method and a code."""
    status, answer = post("/auth/login", {"email": email, "password": password})
    if status == 200:
        return answer
    if answer["code"] != "second-factor-required":
        raise LoginFailed(answer["detail"])
    challenge, methods, attempts_left = answer["challenge"], answer["methods"], 5
    while attempts_left > 0:
        method, code = ask(methods, attempts_left)
        status, answer = post("/auth/login/factor", {"challenge": challenge, "method": method, "code": code})
        if status == 200:
            return answer
        # `challenge-over` means that the user has to start again with the password.
        if answer["code"] != "invalid-factor":
            break
        attempts_left = answer["attempts_left"]
    raise LoginFailed(answer["detail"])


def ask_in_terminal(methods: list[str], attempts_left: int) -> tuple[str, str]:
    """A code of an app has 6 digits, and a recovery code has 24 letters and digits."""
    code = input(f"Code (attempts left: {attempts_left}): ")
    digits = sum(character.isalnum() for character in code)
    return ("totp" if digits == 6 else "recovery_code"), code


if __name__ == "__main__":
    tokens = login(input("E-mail: "), getpass("Password: "), ask_in_terminal)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = requests.get(f"{BASE_URL}/users/me", headers=headers, timeout=10).json()
    print(f"I am {me['email']}")
