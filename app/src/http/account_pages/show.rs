use std::sync::Arc;

use inwren_domain::account::preview;
use poem::Request;

use super::Answer;
use super::kind::AccountPage;
use super::render::{Failed, Pages, Subject};
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;

/// Shows what the link does, without doing it.
pub(super) async fn show(page: &AccountPage, request: Request) -> Answer {
    let state = Arc::clone(AppState::of(&request)?);
    let pages = Pages::of(&state, &request).await?;
    let Some(purpose) = page.purpose else { return Ok(pages.form(page, Subject::Address(""), None)?) };
    let token = token_of(&request).unwrap_or_default();
    let preview = preview::execute(&state.core, purpose, &token).await.map_err(Problem::from)?;
    Ok(match &preview {
        Some(preview) => pages.form(page, Subject::Link(preview, &token), None)?,
        None => pages.failed(page, &Failed::INVALID)?,
    })
}

/// Returns the token in the query.
fn token_of(request: &Request) -> Option<String> {
    let query: Vec<(String, String)> = serde_urlencoded::from_str(request.uri().query()?).ok()?;
    query.into_iter().find(|(name, _)| name == "t").map(|(_, token)| token)
}
