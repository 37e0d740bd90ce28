//! The pages of the OpenID provider: login, second factor, account chooser, consent, logout, and the applications of a
//! user. They work without script, except passkeys. The pages of the user's second factors are beside them, and use the
//! same parts.
//!
//! An authorization request travels from page to page in one signed field, the [interaction](interaction::Interaction).
//! The service stores nothing about a request until it grants it. Every step validates the request again and asks the
//! domain what it needs next.

mod authorize;
mod consent;
mod consent_page;
mod cookie;
mod enrol;
mod factor;
mod factor_page;
mod flow;
mod grants;
mod interaction;
mod logged_in;
mod login;
mod login_page;
mod logout;
mod parameters;
mod register;
mod render;
mod response;
mod returning;
mod visit;

use poem::{EndpointExt as _, Response, Route, endpoint, get};

pub(in crate::http) use self::authorize::proceed;
pub(in crate::http) use self::factor_page::{step_up, step_up_page};
pub(in crate::http) use self::flow::Flow;
pub(in crate::http) use self::interaction::Destination;
pub use self::parameters::claims as claims_parameter;
pub(in crate::http) use self::render::{Pages, Sheet};
pub(in crate::http) use self::returning::link_of as return_link;
pub(in crate::http) use self::visit::{Outcome, Visit};
use crate::http::shared::state::AppState;

/// The response to a request that a page could not answer.
pub(in crate::http) type Answer = poem::Result<Response>;

/// The paths of the pages.
pub(in crate::http) mod paths {
    pub(super) const AUTHORIZE: &str = "/oauth/authorize";
    pub(super) const END_SESSION: &str = "/oauth/logout";
    pub(in crate::http) const LOGIN: &str = "/login";
    pub(super) const REGISTER: &str = "/register";
    pub(super) const FACTOR: &str = "/login/factor";
    pub(super) const CONSENT: &str = "/consent";
    pub(in crate::http) const LOGOUT: &str = "/logout";
    pub(in crate::http) const GRANTS: &str = "/account/grants";
    pub(in crate::http) const FACTORS: &str = "/account/factors";
    pub(in crate::http) const APP: &str = "/account/factors/app";
    pub(in crate::http) const PASSKEY: &str = "/account/factors/passkey";
    pub(in crate::http) const CODES: &str = "/account/factors/codes";
}

/// A page, with its operations in the metrics and their usual statuses.
pub(in crate::http) struct ProviderPage {
    pub(in crate::http) path: &'static str,
    pub(in crate::http) shown: (&'static str, &'static [u16]),
    pub(in crate::http) submitted: (&'static str, &'static [u16]),
}

/// All pages.
pub(in crate::http) static PAGES: [ProviderPage; 8] = [
    ProviderPage {
        path: paths::AUTHORIZE,
        shown: ("authorize", &[200, 303, 400, 429]),
        submitted: ("submit_authorization_request", &[200, 303, 400, 429]),
    },
    ProviderPage {
        path: paths::END_SESSION,
        shown: ("end_session", &[200, 303, 400, 429]),
        submitted: ("submit_logout_request", &[200, 303, 400, 429]),
    },
    ProviderPage {
        path: paths::LOGIN,
        shown: ("get_login_page", &[200, 303]),
        submitted: ("submit_login_page", &[200, 303, 400, 403, 429]),
    },
    ProviderPage {
        path: paths::FACTOR,
        shown: ("get_factor_page", &[303]),
        submitted: ("submit_factor_page", &[200, 303, 400, 403, 422, 429]),
    },
    ProviderPage {
        path: paths::REGISTER,
        shown: ("get_registration_page", &[200, 303]),
        submitted: ("submit_registration_page", &[200, 303, 400, 403, 409, 422, 429]),
    },
    ProviderPage {
        path: paths::CONSENT,
        shown: ("get_consent_page", &[303]),
        submitted: ("submit_consent_page", &[200, 303, 400, 403, 429]),
    },
    ProviderPage {
        path: paths::LOGOUT,
        shown: ("get_logout_page", &[200]),
        submitted: ("submit_logout_page", &[200, 303, 400, 403, 429]),
    },
    ProviderPage {
        path: paths::GRANTS,
        shown: ("get_grants_page", &[200, 303, 429]),
        submitted: ("submit_grants_page", &[303, 400, 403, 429]),
    },
];

/// Adds the pages.
pub(in crate::http) fn routes(route: Route, state: &AppState) -> Route {
    visit::announce_cookie(state);
    macro_rules! page {
        ($shown:expr, $submitted:expr) => {
            get(endpoint::make($shown).map_to_response()).post(endpoint::make($submitted).map_to_response())
        };
    }
    route
        .at(paths::AUTHORIZE, page!(authorize::show, authorize::submit))
        .at(paths::END_SESSION, page!(logout::request, logout::submit_request))
        .at(paths::LOGIN, page!(login::show, login::submit))
        .at(paths::FACTOR, page!(login::redirect, factor::submit))
        .at(paths::REGISTER, page!(register::show, register::submit))
        .at(paths::CONSENT, page!(login::redirect, consent::submit))
        .at(paths::LOGOUT, page!(logout::show, logout::submit))
        .at(paths::GRANTS, page!(grants::show, grants::submit))
}
