//! The pages to which letters link. They work without script.
//!
//! `GET` and `HEAD` show what a link would do and who asked for it, and change nothing: scanners of mail open every
//! link. `POST` does it, by the use cases of the API.

mod act;
mod kind;
mod render;
mod show;
mod wrong_field;

use poem::{EndpointExt as _, Request, Response, Route, endpoint, get};

pub(in crate::http) use self::act::{is_cross_site, weak_password_text};
pub(in crate::http) use self::kind::{AccountPage, PAGES};
pub(crate) use self::render::check;

/// Adds the pages.
pub(in crate::http) fn routes(route: Route) -> Route {
    PAGES.iter().fold(route, |route, page| {
        let shown = endpoint::make(move |request: Request| show::show(page, request));
        let submitted = endpoint::make(move |request: Request| act::act(page, request));
        route.at(page.path, get(shown.map_to_response()).post(submitted.map_to_response()))
    })
}

/// The response to a request that a page could not answer.
type Answer = poem::Result<Response>;
