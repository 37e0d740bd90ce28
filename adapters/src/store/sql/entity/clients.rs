use inwren_domain::account::Tier;
use inwren_domain::authn::Acr;
use inwren_domain::client::{
    AuthMethod, Client, ClientId, ClientKind, ClientName, ClientSettings, ClientState, ClientUid, GrantType,
    RedirectUri, Scope,
};
use inwren_domain::kernel::StoreError;
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "clients")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) uid: Uuid,
        pub(crate) client_id: String,
        pub(crate) name: String,
        pub(crate) kind: String,
        pub(crate) redirect_uris: String,
        pub(crate) post_logout_redirect_uris: String,
        pub(crate) scopes: String,
        pub(crate) grant_types: String,
        pub(crate) auth_method: String,
        pub(crate) first_party: bool,
        pub(crate) min_acr: String,
        pub(crate) allowed_tiers: String,
        pub(crate) access_minutes: i16,
        pub(crate) refresh_days: i16,
        pub(crate) backchannel_logout_uri: Option<String>,
        pub(crate) jwks: Option<String>,
        pub(crate) resources: String,
        pub(crate) state: String,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Client> for Model {
    fn from(client: &Client) -> Self {
        let settings = &client.settings;
        Self {
            uid: client.uid.as_uuid(),
            client_id: client.id.as_str().to_owned(),
            name: settings.name.as_str().to_owned(),
            kind: settings.kind.as_str().to_owned(),
            redirect_uris: words(settings.redirect_uris.iter().map(RedirectUri::as_str)),
            post_logout_redirect_uris: words(
                settings.post_logout_redirect_uris.iter().map(RedirectUri::as_str),
            ),
            scopes: settings.scopes.as_str().to_owned(),
            grant_types: words(settings.grant_types.iter().map(|grant| grant.as_str())),
            auth_method: settings.auth_method.as_str().to_owned(),
            first_party: settings.first_party,
            min_acr: settings.min_acr.as_str().to_owned(),
            allowed_tiers: words(settings.allowed_tiers.iter().map(Tier::as_str)),
            access_minutes: settings.access_minutes.try_into().unwrap_or(i16::MAX),
            refresh_days: settings.refresh_days.try_into().unwrap_or(i16::MAX),
            backchannel_logout_uri: settings
                .backchannel_logout_uri
                .as_ref()
                .map(|uri| uri.as_str().to_owned()),
            jwks: settings.jwks.clone(),
            resources: words(settings.resources.iter().map(String::as_str)),
            state: settings.state.as_str().to_owned(),
            created_at: Timestamp(client.created_at),
            updated_at: Timestamp(client.updated_at),
        }
    }
}

impl TryFrom<Model> for Client {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "clients", id: row.uid };
        let settings = ClientSettings {
            name: ClientName::parse(&row.name).map_err(|_| named.inconsistent("name"))?,
            kind: ClientKind::from_name(&row.kind).ok_or_else(|| named.inconsistent("kind"))?,
            redirect_uris: uris(&row.redirect_uris),
            post_logout_redirect_uris: uris(&row.post_logout_redirect_uris),
            scopes: Scope::from_stored(row.scopes),
            grant_types: grant_types(named, &row.grant_types)?,
            auth_method: AuthMethod::from_name(&row.auth_method)
                .ok_or_else(|| named.inconsistent("auth_method"))?,
            first_party: row.first_party,
            min_acr: Acr::from_name(&row.min_acr).ok_or_else(|| named.inconsistent("min_acr"))?,
            allowed_tiers: texts(&row.allowed_tiers).map(Tier::from_stored).collect(),
            access_minutes: number(named, "access_minutes", row.access_minutes)?,
            refresh_days: number(named, "refresh_days", row.refresh_days)?,
            backchannel_logout_uri: row.backchannel_logout_uri.map(RedirectUri::from_stored),
            jwks: row.jwks,
            resources: texts(&row.resources).collect(),
            state: ClientState::from_name(&row.state).ok_or_else(|| named.inconsistent("state"))?,
        };
        Ok(Self {
            uid: ClientUid::from_uuid(row.uid),
            id: ClientId::from_stored(row.client_id),
            settings,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

fn words<'a>(list: impl Iterator<Item = &'a str>) -> String {
    list.collect::<Vec<_>>().join(" ")
}

fn texts(words: &str) -> impl Iterator<Item = String> {
    words.split_ascii_whitespace().map(ToOwned::to_owned)
}

fn uris(words: &str) -> Vec<RedirectUri> {
    texts(words).map(RedirectUri::from_stored).collect()
}

fn grant_types(named: Row, words: &str) -> Result<Vec<GrantType>, StoreError> {
    let grant = |name| GrantType::from_name(name).ok_or_else(|| named.inconsistent("grant_types"));
    words.split_ascii_whitespace().map(grant).collect()
}

fn number(named: Row, column: &'static str, value: i16) -> Result<u16, StoreError> {
    value.try_into().map_err(|_| named.inconsistent(column))
}
