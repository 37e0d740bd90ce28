use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::client::{ClientUid, Scope};
use inwren_domain::kernel::{SessionId, StoreError, UserId};
use inwren_domain::provider::{AuthorizationCode, AuthorizationCodeId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "authorization_codes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) digest: Vec<u8>,
        pub(crate) client_uid: Uuid,
        pub(crate) user_id: Uuid,
        pub(crate) session_id: Uuid,
        pub(crate) browser_session_id: Uuid,
        pub(crate) redirect_uri: String,
        pub(crate) code_challenge: String,
        pub(crate) nonce: Option<String>,
        pub(crate) scope: String,
        pub(crate) resource: Option<String>,
        pub(crate) id_token_claims: String,
        pub(crate) authenticated_at: Timestamp,
        pub(crate) acr: String,
        pub(crate) amr: String,
        pub(crate) credential_version: i64,
        pub(crate) attempts_left: i16,
        pub(crate) expires_at: Timestamp,
        pub(crate) spent_at: Option<Timestamp>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&AuthorizationCode> for Model {
    fn from(code: &AuthorizationCode) -> Self {
        Self {
            id: code.id.as_uuid(),
            digest: code.digest.as_bytes().to_vec(),
            client_uid: code.client.as_uuid(),
            user_id: code.user_id.as_uuid(),
            session_id: code.session_id.as_uuid(),
            browser_session_id: code.browser.as_uuid(),
            redirect_uri: code.redirect_uri.clone(),
            code_challenge: code.code_challenge.clone(),
            nonce: code.nonce.clone(),
            scope: code.scope.as_str().to_owned(),
            resource: code.resource.clone(),
            id_token_claims: code.id_token_claims.join(" "),
            authenticated_at: Timestamp(code.authenticated_at),
            acr: code.assurance.acr.as_str().to_owned(),
            amr: code.assurance.amr.as_str().to_owned(),
            credential_version: code.credential_version,
            attempts_left: code.attempts_left,
            expires_at: Timestamp(code.expires_at),
            spent_at: code.spent_at.map(Timestamp),
        }
    }
}

impl TryFrom<Model> for AuthorizationCode {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "authorization_codes", id: row.id };
        let claims = row.id_token_claims.split_ascii_whitespace();
        Ok(Self {
            id: AuthorizationCodeId::from_uuid(row.id),
            digest: named.digest("digest", &row.digest)?,
            client: ClientUid::from_uuid(row.client_uid),
            user_id: UserId::from_uuid(row.user_id),
            session_id: SessionId::from_uuid(row.session_id),
            browser: SessionId::from_uuid(row.browser_session_id),
            id_token_claims: claims.map(ToOwned::to_owned).collect(),
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            nonce: row.nonce,
            scope: Scope::from_stored(row.scope),
            resource: row.resource,
            authenticated_at: row.authenticated_at.0,
            assurance: Assurance {
                acr: Acr::from_name(&row.acr).ok_or_else(|| named.inconsistent("acr"))?,
                amr: Amr::from_stored(&row.amr),
            },
            credential_version: row.credential_version,
            attempts_left: row.attempts_left,
            expires_at: row.expires_at.0,
            spent_at: row.spent_at.map(|at| at.0),
        })
    }
}
