//! The page that shows the last letters to developers. It exists in development only.

use std::sync::Arc;

use minijinja::context;
use poem::http::{HeaderValue, header};
use poem::web::Path;
use poem::{
    EndpointExt as _, FromRequest as _, IntoResponse as _, Request, RequestBody, Response, Route, endpoint,
    get,
};

use super::shared::problem::{Kind, Problem};
use super::shared::state::AppState;
use crate::letters::{RecentLetters, time_text};
use crate::pages::{self, Grants, View};

/// The paths in the route table, with their operation names in the metrics.
pub(in crate::http) const PAGES: [(&str, &str); 2] =
    [("/dev/letters", "get_letters_page"), ("/dev/letters/{id}", "get_letter_page")];

/// A letter may style itself, and its links open as usual. It runs nothing and loads nothing.
const LETTER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
);

/// Adds the pages.
pub(in crate::http) fn routes(route: Route, letters: &Arc<RecentLetters>) -> Route {
    let (all, one) = (Arc::clone(letters), Arc::clone(letters));
    let list = endpoint::make(move |request: Request| {
        let letters = Arc::clone(&all);
        async move { list(&letters, &request) }
    });
    let html = endpoint::make(move |request: Request| {
        let letters = Arc::clone(&one);
        async move { html(&letters, request).await }
    });
    route.at("/dev/letters", get(list.map_to_response())).at("/dev/letters/:id", get(html.map_to_response()))
}

/// Shows the texts of the letters.
fn list(letters: &RecentLetters, request: &Request) -> poem::Result<Response> {
    let state = AppState::of(request)?;
    let view = View {
        template: "letters.html",
        title: "Last letters",
        service: &state.project_name,
        root: &state.issuer.at("/"),
        styles: &[],
        scripts: &[],
        grants: Grants::NONE,
    };
    let letters = letters.newest_first().into_iter().map(|letter| {
        let (to, date) = (letter.to.as_str().to_owned(), time_text(letter.date));
        context! { id => letter.id, subject => letter.subject, to, date, text => letter.text }
    });
    let values = context! { letters => letters.collect::<Vec<_>>() };
    Ok(pages::render(&view, values).map_err(Problem::internal)?.response())
}

/// Shows a letter as mail clients do.
async fn html(letters: &RecentLetters, request: Request) -> poem::Result<Response> {
    let Path(id) = Path::<String>::from_request(&request, &mut RequestBody::default()).await?;
    let letter = letters.newest_first().into_iter().find(|letter| letter.id == id);
    let letter = letter.ok_or_else(|| Problem::new(Kind::NOT_FOUND, "The letter does not exist."))?;
    let page = Response::builder().content_type("text/html; charset=utf-8").body(letter.html);
    Ok(page.with_header(header::CONTENT_SECURITY_POLICY, LETTER_POLICY).into_response())
}
