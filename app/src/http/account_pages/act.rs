use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::account::recover::Proof;
use inwren_domain::account::{
    NotCreated, accept_invitation, change_email, lost_factor, preview, recover, verify_email,
};
use inwren_domain::action_token::Purpose;
use inwren_domain::authn::Answer as FactorAnswer;
use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::WeakPassword;
use inwren_domain::factor::{Code, InvalidCode};
use inwren_domain::kernel::{ClientInfo, Email};
use poem::http::{StatusCode, Uri, header};
use poem::{FromRequest as _, IntoResponse as _, Request, RequestBody, Response};

use super::Answer;
use super::kind::AccountPage;
use super::render::{Failed, Pages, Subject};
use super::wrong_field::WrongField;
use crate::http::provider_pages::return_link;
use crate::http::shared::body::{FormFields, read_form};
use crate::http::shared::client::Client;
use crate::http::shared::limits::slot_of;
use crate::http::shared::locale::Language;
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;

/// Why the page shows no result.
enum Refusal {
    Failed(Failed),
    Field(WrongField),
}

type Outcome = Result<&'static str, Failure<Refusal>>;

/// Does what the form says.
pub(super) async fn act(page: &AccountPage, request: Request) -> Answer {
    let (request, mut body) = request.split();
    let state = Arc::clone(AppState::of(&request)?);
    let pages = Pages::of(&state, &request).await?;
    if is_cross_site(&request, state.issuer.public_url()) {
        return Ok(pages.failed(page, &Failed::CROSS_SITE)?);
    }
    if let Err(problem) = state.limits.check_client(&request, page.operation).await {
        return problem_page(&pages, page, problem);
    }
    let form = match read_form(&request, &mut body).await {
        Ok(Ok(form)) => form,
        Ok(Err(_)) => return Ok(pages.failed(page, &Failed::MALFORMED)?),
        Err(problem) => return problem_page(&pages, page, problem),
    };
    let outcome = match page.purpose {
        Some(purpose) => {
            let client = Client::from_request(&request, &mut RequestBody::default()).await?;
            perform(&state, purpose, &form, &client.0).await
        }
        None => forgot(&state, &request, &form).await,
    };
    match outcome {
        Ok(result) => Ok(pages.done(page, result, return_link(&request, &state).as_deref())?),
        Err(Failure::Refused(Refusal::Failed(failed))) => Ok(pages.failed(page, &failed)?),
        Err(Failure::Refused(Refusal::Field(wrong))) => form_again(&state, &pages, page, &form, wrong).await,
        Err(Failure::Port(failure)) => problem_page(&pages, page, failure.into()),
    }
}

/// Shows the form with its error, if the link is still valid.
async fn form_again(
    state: &AppState,
    pages: &Pages<'_>,
    page: &AccountPage,
    form: &FormFields,
    wrong: WrongField,
) -> Answer {
    let field = |name: &str| form.get(name).unwrap_or_default();
    let Some(purpose) = page.purpose else {
        return Ok(pages.form(page, Subject::Address(field("email")), Some(wrong))?);
    };
    let token = field("t");
    let preview = preview::execute(&state.core, purpose, token).await.map_err(Problem::from)?;
    // A form that had the field keeps it, whatever else is wrong.
    let wrong = wrong.and_code(form.get("code").is_some());
    Ok(match &preview {
        Some(preview) => pages.form(page, Subject::Link(preview, token), Some(wrong))?,
        None => pages.failed(page, &Failed::INVALID)?,
    })
}

/// Performs the action of a link. Returns the prefix of the texts of its result.
async fn perform(state: &AppState, purpose: Purpose, form: &FormFields, client: &ClientInfo) -> Outcome {
    let core = &state.core;
    let token = form.get("t").unwrap_or_default();
    let password = || form.get("password").map(Password::new);
    let required = || Failure::Refused(Refusal::Field(WrongField::PASSWORD_REQUIRED));
    match purpose {
        Purpose::VerifyEmail if form.get("action") == Some("discard") => {
            let discarded = verify_email::discard(core, token).await;
            return Ok(match discarded.map_err(|failure| failure.map(verification))? {
                verify_email::Discarded::Registration => "discarded",
                verify_email::Discarded::Verification => "discarded_existing",
            });
        }
        Purpose::VerifyEmail => {
            let verified = verify_email::by_link(core, token, password(), None, client).await;
            verified.map_err(|failure| failure.map(verification))?;
        }
        Purpose::ResetPassword => {
            let (password, proof) = (password().ok_or_else(required)?, proof(form)?);
            let reset = recover::reset(core, token, password, proof, client).await;
            reset.map_err(|failure| failure.map(password_link))?;
        }
        Purpose::AcceptInvitation => {
            let password = password().ok_or_else(required)?;
            let accepted = accept_invitation::execute(core, token, password, client).await;
            accepted.map_err(|failure| failure.map(password_link))?;
        }
        Purpose::ChangeEmail => {
            let confirmed = change_email::confirm(core, token, client).await;
            confirmed.map_err(|failure| failure.map(change))?;
        }
        Purpose::UndoEmail => {
            change_email::undo(core, token, client).await.map_err(|failure| failure.map(change))?;
        }
        Purpose::KeepFactors => {
            let cancelled = lost_factor::cancel(core, token, client).await;
            cancelled.map_err(|failure| failure.map(removal))?;
        }
    }
    Ok("done")
}

/// Returns the code of a second factor in the form; `None` if there is none.
fn proof(form: &FormFields) -> Result<Option<Proof>, Failure<Refusal>> {
    let Some(text) = form.get("code") else { return Ok(None) };
    let invalid = |InvalidCode| Failure::Refused(Refusal::Field(WrongField::INVALID_CODE));
    let code = Code::parse(text).map_err(invalid)?;
    Ok(Some(Proof { answer: FactorAnswer::of(code), challenge: None }))
}

/// Requests a letter that resets the password. The page is the same whether or not the account exists.
async fn forgot(state: &AppState, request: &Request, form: &FormFields) -> Outcome {
    let email = Email::parse_for_lookup(form.get("email").unwrap_or_default());
    let email = email.map_err(|_| Failure::Refused(Refusal::Field(WrongField::EMAIL)))?;
    if state.core.mail.is_none() {
        return Err(Failure::Refused(Refusal::Failed(Failed::MAIL_NOT_CONFIGURED)));
    }
    if state.limits.letter_allowed(&slot_of(request), &email).await {
        let mut none = RequestBody::default();
        let language = Language::from_request(request, &mut none).await;
        let client = Client::from_request(request, &mut none).await;
        let client = client.map(|client| client.0).unwrap_or_default();
        let locale = language.map(|language| language.0).unwrap_or_default();
        recover::forgot(&state.core, email, locale, &client).await.map_err(Failure::Port)?;
    }
    Ok("done")
}

fn verification(refusal: verify_email::Refusal) -> Refusal {
    match refusal {
        verify_email::Refusal::Invalid => Refusal::Failed(Failed::INVALID),
        verify_email::Refusal::PasswordNeeded => Refusal::Field(WrongField::PASSWORD_REQUIRED),
        verify_email::Refusal::WrongPassword => Refusal::Field(WrongField::WRONG_PASSWORD),
        verify_email::Refusal::NotCreated(NotCreated::EmailTaken) => Refusal::Failed(Failed::EMAIL_TAKEN),
        verify_email::Refusal::NotCreated(NotCreated::WeakPassword(weak)) => weak_password(weak),
    }
}

fn password_link(refusal: recover::Refusal) -> Refusal {
    match refusal {
        recover::Refusal::Invalid => Refusal::Failed(Failed::INVALID),
        recover::Refusal::WeakPassword(weak) => weak_password(weak),
        recover::Refusal::NeedsFactor(_) => Refusal::Field(WrongField::CODE_REQUIRED),
        recover::Refusal::WrongFactor { attempts_left } => {
            Refusal::Field(WrongField::wrong_code(attempts_left))
        }
    }
}

fn change(refusal: change_email::Refusal) -> Refusal {
    match refusal {
        change_email::Refusal::Invalid => Refusal::Failed(Failed::INVALID),
        change_email::Refusal::EmailTaken => Refusal::Failed(Failed::EMAIL_TAKEN),
    }
}

fn removal(refusal: lost_factor::Refusal) -> Refusal {
    match refusal {
        lost_factor::Refusal::Invalid | lost_factor::Refusal::Disabled => Refusal::Failed(Failed::INVALID),
        lost_factor::Refusal::MailNotConfigured => Refusal::Failed(Failed::MAIL_NOT_CONFIGURED),
    }
}

fn weak_password(weak: WeakPassword) -> Refusal {
    Refusal::Field(WrongField::weak_password(weak_password_text(weak)))
}

/// The name of the text of a weak password in the section `page.field`.
pub(in crate::http) const fn weak_password_text(weak: WeakPassword) -> &'static str {
    match weak {
        WeakPassword::TooShort => "too_short",
        WeakPassword::TooLong => "too_long",
        WeakPassword::Common => "common",
        WeakPassword::SameAsEmail => "same_as_email",
        WeakPassword::ContextWords => "context_words",
    }
}

/// Shows a problem of the API as a page. Only the operator learns the cause of a failure, from the log.
fn problem_page(pages: &Pages<'_>, page: &AccountPage, problem: Problem) -> Answer {
    let status = StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let name = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        status if status.is_client_error() => "malformed",
        _ => {
            let cause = problem.cause.as_deref().unwrap_or("unknown");
            tracing::error!(code = problem.kind.code, cause, "request failed");
            "unavailable"
        }
    };
    let mut response = pages.failed(page, &Failed(status, name))?;
    let of_problem: Response = problem.into_response();
    if let Some(after) = of_problem.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    Ok(response)
}

/// Returns whether another site submitted the form. Browsers send the origin `null` for a form of a page without
/// referrer, which these pages are.
pub(in crate::http) fn is_cross_site(request: &Request, public_url: &str) -> bool {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    let own = origin(public_url);
    let is_foreign = headers.get(header::ORIGIN).is_some_and(|value| {
        let value = value.to_str().unwrap_or_default();
        value != "null" && !own.as_deref().is_some_and(|own| value.eq_ignore_ascii_case(own))
    });
    is_foreign || site == Some(b"cross-site")
}

/// The origin of a URL (RFC 6454 section 6.2). Browsers omit the default port.
fn origin(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let (scheme, host) = (url.scheme_str()?, url.host()?);
    let port = url.port_u16().filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_refused() {
        let refused = |fields: &[(&str, &str)]| {
            let request = fields
                .iter()
                .fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            is_cross_site(&request.finish(), "https://auth.example.org:443/a")
        };
        for allowed in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://auth.example.org")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("origin", "null"), ("sec-fetch-site", "none")],
        ] {
            assert!(!refused(allowed), "{allowed:?}");
        }
        for other in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "http://auth.example.org")],
            &[("origin", "https://auth.example.org.evil.example")],
            &[("origin", "")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(refused(other), "{other:?}");
        }
    }
}
