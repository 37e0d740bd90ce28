"""Runs the story with the client of openapi-python-client."""

import asyncio
import os
from http import HTTPStatus
from typing import TypeVar
from uuid import UUID

from inwren_client import AuthenticatedClient, Client
from inwren_client.api.administration import get_user, list_users
from inwren_client.api.authentication import create_access_token, login, logout, refresh, register
from inwren_client.api.current_user import get_current_user, list_sessions
from inwren_client.models import (
    AccessTokenForm,
    AdminUser,
    AdminUserPage,
    GrantType,
    LoginRequest,
    OAuthError,
    OAuthErrorCode,
    Problem,
    RefreshRequest,
    RegisterRequest,
    SessionList,
    Token,
    User,
)
from inwren_client.types import UNSET, Response, Unset

BASE_URL = os.environ["INWREN_URL"]
SUPERUSER = LoginRequest(os.environ["SUPERUSER_EMAIL"], os.environ["SUPERUSER_PASSWORD"])
EMAIL = "ann@example.org"
PASSWORD = "a pass phrase of four words"

T = TypeVar("T")


def passed(step: str) -> None:
    """Reports that a step has passed. The test expects all steps."""
    print(f"passed: {step}", flush=True)


def given(wanted: type[T], answer: object) -> T:
    """Returns the response if it has the expected type."""
    assert isinstance(answer, wanted), answer
    return answer


def check(response: Response[T], status: int, code: str) -> Problem:
    """Returns the problem of a response, with the type of the document."""
    problem = given(Problem, response.parsed)
    assert response.status_code == HTTPStatus(status), response
    assert (problem.status, problem.code, problem.type_) == (status, code, f"/problems/{code}"), problem
    passed(f"problem {status}")
    return problem


async def race(client: Client, body: RefreshRequest) -> list[Token]:
    answers = await asyncio.gather(refresh.asyncio(client=client, body=body), refresh.asyncio(client=client, body=body))
    return [given(Token, answer) for answer in answers]


def walk(admin: AuthenticatedClient) -> list[list[AdminUser]]:
    pages: list[list[AdminUser]] = []
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = given(AdminUserPage, list_users.sync(client=admin, email="page-", limit=2, cursor=cursor))
        pages.append(page.items)
        cursor = page.next_cursor
    return pages


def main() -> None:
    anonymous = Client(BASE_URL)

    ann = given(User, register.sync(client=anonymous, body=RegisterRequest(EMAIL, PASSWORD, "free")))
    assert ann.email == EMAIL
    passed("register")

    first = given(Token, login.sync(client=anonymous, body=LoginRequest(EMAIL, PASSWORD)))
    assert first.token_type == "bearer"
    passed("login")

    me = given(User, get_current_user.sync(client=AuthenticatedClient(BASE_URL, first.access_token)))
    assert me == ann
    passed("me")

    second = given(Token, refresh.sync(client=anonymous, body=RefreshRequest(first.refresh_token)))
    assert second.refresh_token != first.refresh_token
    passed("refresh")

    left, right = asyncio.run(race(Client(BASE_URL), RefreshRequest(second.refresh_token)))
    assert left.refresh_token == right.refresh_token
    passed("race")

    for number in range(1, 6):
        given(User, register.sync(client=anonymous, body=RegisterRequest(f"page-{number}@example.org", PASSWORD)))
    admin = AuthenticatedClient(BASE_URL, given(Token, login.sync(client=anonymous, body=SUPERUSER)).access_token)
    pages = walk(admin)
    assert [len(page) for page in pages] == [2, 2, 1]
    listed = [user.email for page in pages for user in page]
    assert listed == [f"page-{number}@example.org" for number in range(1, 6)]
    passed("pages")

    user = AuthenticatedClient(BASE_URL, left.access_token)
    form = AccessTokenForm(GrantType.PASSWORD, username=EMAIL, password="not it")
    refused = given(OAuthError, create_access_token.sync(client=anonymous, body=form))
    assert refused.error == OAuthErrorCode.INVALID_GRANT
    passed("problem 400")

    wrong = LoginRequest(EMAIL, "not it")
    check(login.sync_detailed(client=anonymous, body=wrong), 401, "invalid-credentials")
    check(list_users.sync_detailed(client=user), 403, "not-permitted")
    unknown = UUID("00000000-0000-7000-8000-000000000000")
    check(get_user.sync_detailed(unknown, client=admin), 404, "not-found")
    again = RegisterRequest(EMAIL, PASSWORD)
    check(register.sync_detailed(client=anonymous, body=again), 409, "email-taken")
    huge = LoginRequest(EMAIL, "x" * 70_000)
    check(login.sync_detailed(client=anonymous, body=huge), 413, "body-too-large")
    weak = RegisterRequest("weak@example.org", "password123")
    invalid = check(register.sync_detailed(client=anonymous, body=weak), 422, "validation-failed")
    assert [error.pointer for error in invalid.errors or []] == ["/password"]
    given(SessionList, list_sessions.sync(client=user))
    limited = list_sessions.sync_detailed(client=user)
    assert check(limited, 429, "rate-limited").retryable
    assert int(limited.headers["Retry-After"]) > 0

    assert logout.sync_detailed(client=user).status_code == HTTPStatus.NO_CONTENT
    over = given(Problem, get_current_user.sync(client=user))
    assert over.code == "invalid-token"
    passed("logout")


if __name__ == "__main__":
    main()
