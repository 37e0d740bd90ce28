//! Runs the story with the client of progenitor.

use std::env;

use inwren_client::types::{
    AccessTokenForm, AdminUser, GrantType, LoginRequest, OAuthErrorCode, Problem, RefreshRequest,
    RegisterRequest,
};
use inwren_client::{Client, Error, ResponseValue};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use uuid::Uuid;

const EMAIL: &str = "ann@example.org";
const PASSWORD: &str = "a pass phrase of four words";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Reports that a step has passed. The test expects all steps.
fn passed(step: &str) {
    println!("passed: {step}");
}

/// Returns the problem of a response, with the type of the document.
fn check<T: std::fmt::Debug>(
    answer: Result<ResponseValue<T>, Error<Problem>>,
    status: u16,
    code: &str,
) -> ResponseValue<Problem> {
    let Err(Error::ErrorResponse(problem)) = answer else { panic!("no problem: {answer:?}") };
    assert_eq!(problem.status(), status);
    assert_eq!((problem.status, problem.code.as_str()), (status, code));
    assert_eq!(problem.type_, format!("/problems/{code}"));
    passed(&format!("problem {status}"));
    problem
}

fn anonymous() -> Outcome<Client> {
    Ok(Client::new(&env::var("INWREN_URL")?))
}

/// Returns a client with an access token.
fn with_token(token: &str) -> Outcome<Client> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse()?)]);
    let http = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(&env::var("INWREN_URL")?, http))
}

fn registration(email: &str, password: &str) -> Outcome<RegisterRequest> {
    Ok(RegisterRequest { email: email.parse()?, password: password.parse()?, tier: None })
}

fn login(email: &str, password: &str) -> LoginRequest {
    LoginRequest { email: email.to_owned(), password: password.to_owned(), device_token: None }
}

async fn walk(admin: &Client) -> Outcome<Vec<Vec<AdminUser>>> {
    let (prefix, limit) = ("page-".parse()?, 2.try_into()?);
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = admin.list_users(cursor.as_deref(), Some(&prefix), None, None, Some(limit), None).await?;
        let page = page.into_inner();
        pages.push(page.items);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(pages),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let anonymous = anonymous()?;

    let request = RegisterRequest { tier: Some("free".to_owned()), ..registration(EMAIL, PASSWORD)? };
    let ann = anonymous.register(&request).await?;
    assert_eq!(ann.email, EMAIL);
    passed("register");

    let first = anonymous.login(&login(EMAIL, PASSWORD)).await?;
    assert_eq!(first.token_type, "bearer");
    passed("login");

    let me = with_token(&first.access_token)?.get_current_user().await?;
    assert_eq!((me.id, &me.email, me.created_at), (ann.id, &ann.email, ann.created_at));
    passed("me");

    let second = anonymous.refresh(&RefreshRequest { refresh_token: first.refresh_token.clone() }).await?;
    assert_ne!(second.refresh_token, first.refresh_token);
    passed("refresh");

    let again = RefreshRequest { refresh_token: second.refresh_token.clone() };
    let (left, right) = tokio::try_join!(anonymous.refresh(&again), anonymous.refresh(&again))?;
    assert_eq!(left.refresh_token, right.refresh_token);
    passed("race");

    for number in 1..=5 {
        anonymous.register(&registration(&format!("page-{number}@example.org"), PASSWORD)?).await?;
    }
    let superuser = login(&env::var("SUPERUSER_EMAIL")?, &env::var("SUPERUSER_PASSWORD")?);
    let admin = with_token(&anonymous.login(&superuser).await?.access_token)?;
    let pages = walk(&admin).await?;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    let listed: Vec<_> = pages.iter().flatten().map(|user| user.email.clone()).collect();
    assert_eq!(listed, [1, 2, 3, 4, 5].map(|number| format!("page-{number}@example.org")));
    passed("pages");

    let user = with_token(&left.access_token)?;
    let form = AccessTokenForm {
        grant_type: Some(GrantType::Password),
        username: Some(EMAIL.to_owned()),
        password: Some("not it".to_owned()),
        client_id: None,
        client_secret: None,
        client_assertion: None,
        client_assertion_type: None,
        refresh_token: None,
    };
    let answer = anonymous.create_access_token(&form).await;
    let Err(Error::ErrorResponse(refused)) = answer else { panic!("not refused: {answer:?}") };
    assert_eq!((refused.status().as_u16(), refused.error), (400, OAuthErrorCode::InvalidGrant));
    passed("problem 400");

    check(anonymous.login(&login(EMAIL, "not it")).await, 401, "invalid-credentials");
    check(user.list_users(None, None, None, None, None, None).await, 403, "not-permitted");
    let unknown = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000);
    check(admin.get_user(&unknown).await, 404, "not-found");
    check(anonymous.register(&registration(EMAIL, PASSWORD)?).await, 409, "email-taken");
    check(anonymous.login(&login(EMAIL, &"x".repeat(70_000))).await, 413, "body-too-large");
    let weak = registration("weak@example.org", "password123")?;
    let invalid = check(anonymous.register(&weak).await, 422, "validation-failed");
    assert_eq!(invalid.errors.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>(), ["/password"]);
    user.list_sessions(None, None).await?;
    let limited = check(user.list_sessions(None, None).await, 429, "rate-limited");
    assert!(limited.retryable);
    assert!(limited.headers()["retry-after"].to_str()?.parse::<u64>()? > 0);

    assert_eq!(user.logout().await?.status().as_u16(), 204);
    let answer = user.get_current_user().await;
    let Err(Error::ErrorResponse(over)) = answer else { panic!("still in: {answer:?}") };
    assert_eq!(over.code, "invalid-token");
    passed("logout");
    Ok(())
}
