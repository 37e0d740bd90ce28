//! The pages of the user's second factors: list, rename, remove and enrol them, and replace the recovery codes. They
//! call the use cases of the API, for the user of the browser session.
//!
//! `GET` changes nothing. A change that needs a recent login shows the page for it, and leads back. During an
//! authorization request, the forms take the request along, so that the user returns to the application.

mod app;
mod codes;
mod list;
mod passkey;
mod start;
mod visitor;

use poem::{EndpointExt as _, Route, endpoint, get};

use crate::http::provider_pages::{ProviderPage, paths};

/// All pages.
pub(in crate::http) static PAGES: [ProviderPage; 4] = [
    ProviderPage {
        path: paths::FACTORS,
        shown: ("get_factors_page", &[200, 303, 429]),
        submitted: ("submit_factors_page", &[200, 303, 400, 403, 409, 422, 429]),
    },
    ProviderPage {
        path: paths::APP,
        shown: ("get_authenticator_app_page", &[200, 303, 429]),
        submitted: ("submit_authenticator_app_page", &[200, 303, 400, 403, 409, 410, 422, 429]),
    },
    ProviderPage {
        path: paths::PASSKEY,
        shown: ("get_passkey_page", &[200, 303, 429]),
        submitted: ("submit_passkey_page", &[200, 303, 400, 403, 409, 410, 422, 429]),
    },
    ProviderPage {
        path: paths::CODES,
        shown: ("get_recovery_codes_page", &[200, 303, 429]),
        submitted: ("submit_recovery_codes_page", &[200, 303, 400, 403, 429]),
    },
];

/// Adds the pages.
pub(in crate::http) fn routes(route: Route) -> Route {
    macro_rules! page {
        ($job:ident) => {
            get(endpoint::make($job::show).map_to_response())
                .post(endpoint::make($job::submit).map_to_response())
        };
    }
    route
        .at(paths::FACTORS, page!(list))
        .at(paths::APP, page!(app))
        .at(paths::PASSKEY, page!(passkey))
        .at(paths::CODES, page!(codes))
}

#[cfg(test)]
mod tests {
    use minijinja::context;
    use poem::http::StatusCode;

    use crate::http::provider_pages::{Pages, Sheet};
    use crate::letters::PageTexts;
    use crate::pages;

    #[tokio::test]
    async fn every_template_renders_and_escapes() {
        let texts = PageTexts::read(None).unwrap();
        let pages = Pages::sample(texts.catalogs().of(None).unwrap());
        let link = || context! { url => "/a", label => "label" };
        let factor = context! {
            id => "1", name => "<b>", given => "<b>", kind => "k", created => "c", used => "u",
            is_wrong => true, rename_label => "<b>", remove_label => "<b>"
        };
        let new = context! {
            qr => pages::trusted("<svg></svg>"), qr_label => "<b>", uri => "otpauth://totp/<b>",
            uri_label => "o", secret => "AB CD", secret_label => "s", copy => "c", copied => "d"
        };
        for interaction in [None, Some("<b>")] {
            for template in [
                "factors.html",
                "factor_start.html",
                "factor_app.html",
                "factor_passkey.html",
                "factor_codes.html",
            ] {
                let values = context! {
                    text => "<b>", action => "/a", hidden => context! { token => "t", interaction },
                    factors => [factor.clone()], can_change => true, confirm => "c", wrong_factor => true,
                    created => "c", used => "u", name_label => "n", name_hint => "h", wrong_name => true,
                    rename => "r", remove => "r", remove_text => "t", add_title => "t", add_app => link(),
                    codes => context! { title => "t", text => "t", url => "/c", label => "l" },
                    add_passkey => link(), grants => link(), logout => link(), back => link(), submit => "s",
                    needs_passkeys => true, no_script => "n", no_passkeys => "n", new => new.clone(),
                    id => "1", code_label => "c", code_hint => "h", again => "a", name => "<b>", failed => "f",
                    options => pages::json_data("{\"a\": \"<b>\"}"), copy => "c", copied => "d"
                };
                let response =
                    pages.page(StatusCode::OK, &Sheet::of(template), "<b>", Some("<b>"), values).unwrap();
                let html = response.into_body().into_string().await.unwrap();
                assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{template}: {html}");
                assert_eq!(html.matches("<h1>").count(), 1, "{template}");
                let has_interaction = html.contains("name=\"interaction\"");
                assert_eq!(
                    has_interaction,
                    interaction.is_some() && template != "factors.html",
                    "{template}"
                );
            }
        }
    }

    #[test]
    fn every_key_has_a_text() {
        let texts = PageTexts::read(None).unwrap();
        for catalog in texts.catalogs().all() {
            let pages = Pages::sample(catalog);
            for section in ["page.app", "page.new_passkey", "page.codes"] {
                for name in ["title", "text", "submit"] {
                    pages.text(&format!("{section}.{name}")).unwrap();
                }
            }
            for section in
                ["page.factor", "page.step_up", "page.passkey", "page.confirm", "page.confirm_password"]
            {
                for name in ["title", "text"] {
                    pages.text(&format!("{section}.{name}")).unwrap();
                }
            }
            for name in [
                "invalid_name",
                "invalid_passkey",
                "last_factor",
                "no_passkeys",
                "over",
                "passkey_taken",
                "too_many",
                "wrong_code",
            ] {
                pages.text(&format!("page.factors.{name}")).unwrap();
            }
            for name in ["invalid_code", "wrong_code"] {
                pages.text(&format!("page.app.{name}")).unwrap();
            }
        }
    }
}
