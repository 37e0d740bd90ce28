use inwren_domain::Failure;
use inwren_domain::kernel::PlainToken;
use inwren_domain::provider::logout::{Parameters, Plan, plan};
use inwren_domain::session;
use minijinja::context;
use poem::http::StatusCode;
use poem::{Request, RequestBody};

use super::interaction::{Interaction, SealFor};
use super::render::Sheet;
use super::visit::{Outcome, Visit, see_other};
use super::{Answer, parameters, paths, response};
use crate::config::Operation;
use crate::http::shared::problem::Problem;

/// The parameters of a logout request.
const KNOWN: [&str; 4] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"];

type Pairs = Vec<(String, String)>;

/// A logout request of an application in the query (OpenID Connect RP-Initiated Logout section 2).
pub(super) async fn request(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = by_query(&mut visit).await;
    visit.finish(outcome)
}

async fn by_query(visit: &mut Visit) -> Outcome {
    visit.limit(Operation::Authorize).await?;
    match parameters::of_query(visit.query()) {
        Some(pairs) => start(visit, &pairs).await,
        None => Ok(visit.malformed()?),
    }
}

/// The same in a form.
pub(super) async fn submit_request(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = by_form(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn by_form(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.any_form(body, Operation::Authorize).await?;
    visit.limit(Operation::Authorize).await?;
    start(visit, form.pairs()).await
}

async fn start(visit: &mut Visit, pairs: &[(String, String)]) -> Outcome {
    visit.prefer_language(parameters::value(pairs, "ui_locales"));
    if KNOWN.into_iter().any(|name| parameters::is_repeated(pairs, name)) {
        return Ok(visit.malformed()?);
    }
    let is_known = |name: &str| KNOWN.contains(&name);
    let known: Pairs =
        pairs.iter().filter(|(name, value)| is_known(name) && !value.is_empty()).cloned().collect();
    let planned = planned(visit, &known).await?;
    if visit.lacks_cookies() && visit.query().is_empty() {
        // A request by GET of this site brings the cookies, which browsers keep back from forms of other sites.
        let query = serde_urlencoded::to_string(&known).map_err(Problem::internal)?;
        let url = visit.state.issuer.at(paths::END_SESSION);
        return see_other(&format!("{url}?{query}&again=1"));
    }
    if planned.needs_confirmation {
        return confirmation(visit, known, &planned);
    }
    end(visit, &known, &planned).await
}

/// Checks the request. An invalid one never redirects.
async fn planned(visit: &Visit, pairs: &[(String, String)]) -> Outcome<Plan> {
    let text = |name: &str| parameters::value(pairs, name).map(str::to_owned);
    let requested = Parameters {
        id_token_hint: text("id_token_hint"),
        client_id: text("client_id"),
        post_logout_redirect_uri: text("post_logout_redirect_uri"),
    };
    let caller = visit.caller().await?;
    match plan(visit.core(), &requested, caller.as_ref()).await {
        Ok(plan) => Ok(plan),
        Err(Failure::Refused(refusal)) => {
            tracing::info!(reason = ?refusal, "logout request refused");
            Err(visit.pages()?.message(StatusCode::BAD_REQUEST, "invalid_logout", None)?.into())
        }
        Err(Failure::Port(failure)) => Err(failure.into()),
    }
}

/// The page that asks the user to confirm.
fn confirmation(visit: &Visit, pairs: Pairs, plan: &Plan) -> Outcome {
    let cookie = visit.jar.session().map(PlainToken::expose).unwrap_or_default();
    let interaction = Interaction::start(Some(pairs), visit.now());
    let interaction = interaction.seal(visit.core().keys.as_ref(), SealFor::Logout, cookie)?;
    let pages = visit.pages()?;
    let text = match plan.client_name.as_deref() {
        Some(client) => pages.filled("page.logout.text_client", &[("client", client)])?,
        None => pages.text("page.logout.text")?,
    };
    let values = context! {
        text,
        action => pages.url(paths::LOGOUT),
        interaction,
        submit => pages.text("page.logout.submit")?,
        stay => context! { url => pages.url(paths::GRANTS), label => pages.text("page.logout.stay")? },
    };
    let targets: Vec<String> = plan.redirect_uri.iter().map(|uri| response::target(uri)).collect();
    let sheet = Sheet { targets: &targets, ..Sheet::of("logout.html") };
    Ok(pages.page(StatusCode::OK, &sheet, &pages.text("page.logout.title")?, None, values)?)
}

/// Ends the browser session, and leads the browser back to the application.
async fn end(visit: &mut Visit, pairs: &[(String, String)], plan: &Plan) -> Outcome {
    if let Some(caller) = visit.caller().await? {
        session::logout::execute(visit.core(), &caller, &visit.client).await?;
    }
    visit.jar.end_session();
    visit.jar.forget_request();
    let Some(uri) = &plan.redirect_uri else {
        let pages = visit.pages()?;
        let link = Some((pages.url(paths::LOGIN), "page.login.title"));
        return Ok(pages.message(StatusCode::OK, "signed_out", link)?);
    };
    let state = parameters::value(pairs, "state").map(|state| ("state", state));
    see_other(&response::with_query(uri, state.as_slice())?)
}

/// The page to which the account pages link.
pub(super) async fn show(request: Request) -> Answer {
    let (mut visit, _) = Visit::of(request).await?;
    let outcome = shown(&mut visit).await;
    visit.finish(outcome)
}

async fn shown(visit: &mut Visit) -> Outcome {
    visit.limit(Operation::Authorize).await?;
    let plan =
        Plan { needs_confirmation: visit.caller().await?.is_some(), redirect_uri: None, client_name: None };
    if plan.needs_confirmation {
        return confirmation(visit, Vec::new(), &plan);
    }
    end(visit, &[], &plan).await
}

/// The user confirmed.
pub(super) async fn submit(request: Request) -> Answer {
    let (mut visit, mut body) = Visit::of(request).await?;
    let outcome = submitted(&mut visit, &mut body).await;
    visit.finish(outcome)
}

async fn submitted(visit: &mut Visit, body: &mut RequestBody) -> Outcome {
    let form = visit.form(body, Operation::Authorize).await?;
    visit.limit(Operation::Authorize).await?;
    let cookie = visit.jar.session().map(PlainToken::expose);
    let keys = visit.core().keys.as_ref();
    let opened = form
        .get("interaction")
        .zip(cookie)
        .and_then(|presented| Interaction::open(keys, SealFor::Logout, presented, visit.now()));
    let Some(pairs) = opened.and_then(|opened| opened.parameters) else {
        let pages = visit.pages()?;
        let link = Some((pages.url(paths::LOGOUT), "page.logout.title"));
        return Ok(pages.message(StatusCode::BAD_REQUEST, "expired", link)?);
    };
    let plan = planned(visit, &pairs).await?;
    end(visit, &pairs, &plan).await
}
