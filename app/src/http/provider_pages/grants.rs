use inwren_domain::Failure;
use inwren_domain::client::ClientId;
use inwren_domain::provider::consents;
use inwren_domain::session::Principal;
use minijinja::{Value, context};
use poem::http::StatusCode;
use poem::{Request, RequestBody};

use super::render::Sheet;
use super::visit::{Outcome, Visit};
use super::{Answer, consent_page, paths};
use crate::config::Operation;
use crate::letters::time_text;

/// The applications of the user.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

/// The user of the browser session, who may use the account pages.
async fn user(visit: &Visit) -> Outcome<Principal> {
    let Some(caller) = visit.caller().await? else {
        // Each cookie that names no live session costs a read.
        visit.limit(Operation::Grants).await?;
        return Err(visit.see_own(paths::LOGIN)?.into());
    };
    if caller.may_only_enrol(visit.core()) {
        return Err(visit.see_own(paths::FACTORS)?.into());
    }
    Ok(caller)
}

async fn shown(visit: &mut Visit) -> Outcome {
    let caller = user(visit).await?;
    visit.limit_user(Operation::Grants, &caller).await?;
    let found = consents::list(visit.core(), &caller).await?;
    let token = visit.form_token();
    let pages = visit.pages()?;
    let mut grants: Vec<Value> = Vec::new();
    for (consent, client) in &found {
        let name = client.settings.name.as_str();
        let since = time_text(consent.created_at);
        grants.push(context! {
            id => client.id.as_str(),
            name,
            since => pages.filled("page.grants.since", &[("time", since.as_str())])?,
            scopes => consent_page::meanings(&pages, &consent.scope)?,
            label => pages.filled("page.grants.withdraw_of", &[("client", name)])?,
        });
    }
    let key = if grants.is_empty() { "page.grants.none" } else { "page.grants.text" };
    let email = caller.user().email.as_str();
    let values = context! {
        text => pages.filled(key, &[("email", email)])?,
        grants,
        token,
        action => pages.url(paths::GRANTS),
        withdraw => pages.text("page.grants.withdraw")?,
        factors => context! { url => pages.url(paths::FACTORS), label => pages.text("page.factors.title")? },
        logout => context! { url => pages.url(paths::LOGOUT), label => pages.text("page.logout.submit")? },
    };
    let title = pages.text("page.grants.title")?;
    Ok(pages.page(StatusCode::OK, &Sheet::of("grants.html"), &title, None, values)?)
}

/// The user withdraws a consent.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::Authorize).await?;
    let caller = user(visit).await?;
    visit.limit_user(Operation::RevokeGrant, &caller).await?;
    if !visit.is_own_form(&form) {
        let link = Some((visit.pages()?.url(paths::GRANTS), "page.grants.title"));
        return Ok(visit.pages()?.message(StatusCode::BAD_REQUEST, "expired", link)?);
    }
    let Some(id) = form.get("client_id").and_then(|id| ClientId::parse(id).ok()) else {
        return Ok(visit.malformed()?);
    };
    match consents::revoke(visit.core(), &caller, &id, &visit.client).await {
        // Another request may have withdrawn it.
        Ok(()) | Err(Failure::Refused(consents::Refusal::NotFound)) => visit.see_own(paths::GRANTS),
        Err(Failure::Refused(consents::Refusal::ChangedMeanwhile)) => visit.see_own(paths::LOGIN),
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}
