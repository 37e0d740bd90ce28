use inwren_domain::action_token::ActionTokenId;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{Email, Locale, SessionId, StoreError, UserId};
use inwren_domain::outbox::{ClaimId, Letter, LetterId, LetterKind, LetterState};
use inwren_domain::pending_registration::VerificationId;
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "outbox")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) kind: String,
        pub(crate) recipient: String,
        pub(crate) recipient_normalized: String,
        pub(crate) user_id: Option<Uuid>,
        pub(crate) action_token_id: Option<Uuid>,
        pub(crate) verification_id: Option<Uuid>,
        pub(crate) new_email: Option<String>,
        pub(crate) locale: Option<String>,
        pub(crate) ip_address: Option<String>,
        pub(crate) user_agent: Option<String>,
        pub(crate) state: String,
        pub(crate) attempts: i16,
        pub(crate) next_attempt_at: Timestamp,
        pub(crate) last_error: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        pub(crate) claim: Option<Uuid>,
        pub(crate) client_uid: Option<Uuid>,
        pub(crate) session_id: Option<Uuid>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Letter> for Model {
    fn from(letter: &Letter) -> Self {
        Self {
            id: letter.id.as_uuid(),
            kind: letter.kind.as_str().to_owned(),
            recipient: letter.recipient.as_str().to_owned(),
            recipient_normalized: letter.recipient.normalized().to_owned(),
            user_id: letter.user_id.map(UserId::as_uuid),
            action_token_id: letter.action_token_id.map(ActionTokenId::as_uuid),
            verification_id: letter.verification_id.map(VerificationId::as_uuid),
            new_email: letter.new_email.clone(),
            locale: letter.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            ip_address: letter.client.ip_address.map(|address| address.to_string()),
            user_agent: letter.client.user_agent.clone(),
            state: letter.state.as_str().to_owned(),
            attempts: letter.attempts,
            next_attempt_at: Timestamp(letter.next_attempt_at),
            last_error: letter.last_error.clone(),
            created_at: Timestamp(letter.created_at),
            expires_at: Timestamp(letter.expires_at),
            claim: letter.claim.map(ClaimId::as_uuid),
            client_uid: letter.logout.map(|(client, _)| client.as_uuid()),
            session_id: letter.logout.map(|(_, session)| session.as_uuid()),
        }
    }
}

impl TryFrom<Model> for Letter {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "outbox", id: row.id };
        let logout = row.client_uid.zip(row.session_id);
        Ok(Self {
            id: LetterId::from_uuid(row.id),
            kind: LetterKind::from_name(&row.kind).ok_or_else(|| named.inconsistent("kind"))?,
            recipient: Email::from_stored(row.recipient, row.recipient_normalized),
            user_id: row.user_id.map(UserId::from_uuid),
            action_token_id: row.action_token_id.map(ActionTokenId::from_uuid),
            verification_id: row.verification_id.map(VerificationId::from_uuid),
            new_email: row.new_email,
            logout: logout
                .map(|(client, session)| (ClientUid::from_uuid(client), SessionId::from_uuid(session))),
            locale: row.locale.as_deref().and_then(Locale::parse),
            client: named.client("ip_address", row.ip_address, row.user_agent)?,
            state: LetterState::from_name(&row.state).ok_or_else(|| named.inconsistent("state"))?,
            attempts: row.attempts,
            next_attempt_at: row.next_attempt_at.0,
            last_error: row.last_error,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            claim: row.claim.map(ClaimId::from_uuid),
        })
    }
}
