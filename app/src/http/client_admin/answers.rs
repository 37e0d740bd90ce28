//! Responses of these operations.

use inwren_domain::client::manage;
use poem::Request;
use poem_openapi::ApiResponse;

use super::dto::{ClientPage, NewClientDto, NewSecretDto};
use crate::client_settings;
use crate::http::shared::paging::next_link;
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{invalid_field, not_found};
use crate::http::shared::responses::{Json, problems};

problems! {
    List = ALWAYS SUPERUSER [VALIDATION_FAILED RATE_LIMITED];
    Create = ALWAYS SUPERUSER BODY JSON [CLIENT_ID_TAKEN CLIENT_NAME_TAKEN RATE_LIMITED];
    One = ALWAYS SUPERUSER [NOT_FOUND RATE_LIMITED];
    Update = ALWAYS SUPERUSER BODY JSON [NOT_FOUND CLIENT_NAME_TAKEN RATE_LIMITED];
    CreateSecret = ALWAYS SUPERUSER BODY JSON
        [NOT_FOUND CLIENT_WITHOUT_SECRET TOO_MANY_SECRETS RATE_LIMITED];
    DeleteSecret = ALWAYS SUPERUSER [NOT_FOUND VALIDATION_FAILED RATE_LIMITED];
}

impl From<manage::Refusal> for Problem {
    fn from(refusal: manage::Refusal) -> Self {
        match refusal {
            manage::Refusal::Invalid(invalid) => invalid_field(invalid.field, invalid.reason),
            manage::Refusal::IdTaken => Self::of(Kind::CLIENT_ID_TAKEN),
            manage::Refusal::NameTaken => Self::of(Kind::CLIENT_NAME_TAKEN),
            manage::Refusal::NotFound => no_client(),
            manage::Refusal::HasNoSecret => Self::of(Kind::CLIENT_WITHOUT_SECRET),
            manage::Refusal::TooManySecrets => Self::of(Kind::TOO_MANY_SECRETS),
            manage::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<client_settings::FieldError> for Problem {
    fn from(invalid: client_settings::FieldError) -> Self {
        invalid_field(invalid.field, &invalid.reason)
    }
}

pub(super) fn no_client() -> Problem {
    not_found("client")
}

/// Status 200 with a page and a link to the next one.
#[derive(ApiResponse)]
pub(super) enum ClientListing {
    /// A page of clients.
    #[oai(status = 200)]
    Page(
        Json<ClientPage>,
        /// The link to the next page, with `rel="next"` (RFC 8288), relative to the request. Absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

impl ClientListing {
    pub(super) fn new(request: &Request, page: ClientPage) -> Self {
        let link = page.next_cursor.as_ref().map(|next| next_link(request, next));
        Self::Page(Json(page), link)
    }
}

/// Status 201 with a client.
#[derive(ApiResponse)]
pub(super) enum ClientCreated {
    /// The client is created.
    #[oai(status = 201)]
    Created(
        Json<NewClientDto>,
        /// The path of the new resource.
        #[oai(header = "Location")]
        String,
    ),
}

/// Status 201 with a secret.
#[derive(ApiResponse)]
pub(super) enum SecretCreated {
    /// The secret is created.
    #[oai(status = 201)]
    Created(Json<NewSecretDto>),
}
