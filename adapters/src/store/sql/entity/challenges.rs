use inwren_domain::challenge::{Challenge, ChallengeId, ChallengePurpose};
use inwren_domain::kernel::{SessionId, StoreError, UserId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "challenges")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) digest: Vec<u8>,
        pub(crate) purpose: String,
        pub(crate) user_id: Option<Uuid>,
        pub(crate) session_id: Option<Uuid>,
        pub(crate) credential_version: i64,
        pub(crate) user_handle: Option<Vec<u8>>,
        pub(crate) attempts_left: i16,
        pub(crate) expires_at: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Challenge> for Model {
    fn from(challenge: &Challenge) -> Self {
        Self {
            id: challenge.id.as_uuid(),
            digest: challenge.digest.as_bytes().to_vec(),
            purpose: challenge.purpose.as_str().to_owned(),
            user_id: challenge.user_id.map(UserId::as_uuid),
            session_id: challenge.session_id.map(SessionId::as_uuid),
            credential_version: challenge.credential_version,
            user_handle: challenge.user_handle.map(|handle| handle.as_bytes().to_vec()),
            attempts_left: challenge.attempts_left,
            expires_at: Timestamp(challenge.expires_at),
        }
    }
}

impl TryFrom<Model> for Challenge {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "challenges", id: row.id };
        Ok(Self {
            id: ChallengeId::from_uuid(row.id),
            digest: named.digest("digest", &row.digest)?,
            purpose: ChallengePurpose::from_name(&row.purpose)
                .ok_or_else(|| named.inconsistent("purpose"))?,
            user_id: row.user_id.map(UserId::from_uuid),
            session_id: row.session_id.map(SessionId::from_uuid),
            credential_version: row.credential_version,
            user_handle: row.user_handle.map(|bytes| named.user_handle(&bytes)).transpose()?,
            attempts_left: row.attempts_left,
            expires_at: row.expires_at.0,
        })
    }
}
