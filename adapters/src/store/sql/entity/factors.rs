use inwren_domain::factor::{
    CoseAlgorithm, CredentialId, Factor, FactorId, FactorKind, FactorName, Passkey, Totp,
};
use inwren_domain::kernel::{StoreError, UserId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

/// The kind of an authenticator app.
pub(crate) const TOTP: &str = "totp";
/// The kind of a passkey.
pub(crate) const PASSKEY: &str = "passkey";

row! {
    #[sea_orm(table_name = "factors")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) user_id: Uuid,
        pub(crate) kind: String,
        pub(crate) name: Option<String>,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Option<Timestamp>,
        pub(crate) is_confirmed: bool,
        pub(crate) key_id: Option<i64>,
        pub(crate) sealed_secret: Option<Vec<u8>>,
        pub(crate) last_step: Option<i64>,
        pub(crate) credential_id: Option<Vec<u8>>,
        pub(crate) public_key: Option<Vec<u8>>,
        pub(crate) algorithm: Option<i32>,
        pub(crate) sign_count: Option<i64>,
        pub(crate) is_backup_eligible: Option<bool>,
        pub(crate) is_backed_up: Option<bool>,
        pub(crate) verifies_user: Option<bool>,
        pub(crate) user_handle: Option<Vec<u8>>,
        pub(crate) transports: Option<String>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl From<&Factor> for Model {
    fn from(factor: &Factor) -> Self {
        let row = Self {
            id: factor.id.as_uuid(),
            user_id: factor.user_id.as_uuid(),
            kind: String::new(),
            name: factor.name.as_ref().map(|name| name.as_str().to_owned()),
            created_at: Timestamp(factor.created_at),
            last_used_at: factor.last_used_at.map(Timestamp),
            is_confirmed: factor.is_confirmed(),
            key_id: None,
            sealed_secret: None,
            last_step: None,
            credential_id: None,
            public_key: None,
            algorithm: None,
            sign_count: None,
            is_backup_eligible: None,
            is_backed_up: None,
            verifies_user: None,
            user_handle: None,
            transports: None,
        };
        match &factor.kind {
            FactorKind::Totp(totp) => row.with_totp(totp),
            FactorKind::Passkey(passkey) => row.with_passkey(passkey),
        }
    }
}

impl Model {
    fn with_totp(self, totp: &Totp) -> Self {
        Self {
            kind: TOTP.to_owned(),
            key_id: Some(totp.key_id.get().into()),
            sealed_secret: Some(totp.sealed_secret.clone()),
            last_step: Some(totp.last_step),
            ..self
        }
    }

    fn with_passkey(self, passkey: &Passkey) -> Self {
        Self {
            kind: PASSKEY.to_owned(),
            credential_id: Some(passkey.credential_id.as_bytes().to_vec()),
            public_key: Some(passkey.public_key.clone()),
            algorithm: Some(passkey.algorithm.id()),
            sign_count: Some(passkey.sign_count.into()),
            is_backup_eligible: Some(passkey.is_backup_eligible),
            is_backed_up: Some(passkey.is_backed_up),
            verifies_user: Some(passkey.verifies_user),
            user_handle: Some(passkey.user_handle.as_bytes().to_vec()),
            transports: Some(passkey.transports.join(" ")),
            ..self
        }
    }
}

impl TryFrom<Model> for Factor {
    type Error = StoreError;

    fn try_from(mut row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "factors", id: row.id };
        let name = row.name.take().map(FactorName::from_stored);
        let (id, user_id) = (FactorId::from_uuid(row.id), UserId::from_uuid(row.user_id));
        let (created_at, last_used_at) = (row.created_at.0, row.last_used_at.map(|at| at.0));
        let kind = match row.kind.as_str() {
            TOTP => FactorKind::Totp(totp(named, row)?),
            PASSKEY => FactorKind::Passkey(passkey(named, row)?),
            _ => return Err(named.inconsistent("kind")),
        };
        Ok(Self { id, user_id, name, created_at, last_used_at, kind })
    }
}

fn totp(named: Row, row: Model) -> Result<Totp, StoreError> {
    Ok(Totp {
        key_id: named.secret_key(row.key_id.ok_or_else(|| named.inconsistent("key_id"))?)?,
        sealed_secret: row.sealed_secret.ok_or_else(|| named.inconsistent("sealed_secret"))?,
        is_confirmed: row.is_confirmed,
        last_step: row.last_step.ok_or_else(|| named.inconsistent("last_step"))?,
    })
}

fn passkey(named: Row, row: Model) -> Result<Passkey, StoreError> {
    let missing = |column| move || named.inconsistent(column);
    let algorithm = row.algorithm.and_then(|id| CoseAlgorithm::from_id(id.into()));
    let sign_count = row.sign_count.and_then(|count| count.try_into().ok());
    let user_handle = row.user_handle.ok_or_else(missing("user_handle"))?;
    let transports = row.transports.ok_or_else(missing("transports"))?;
    Ok(Passkey {
        credential_id: row.credential_id.and_then(CredentialId::new).ok_or_else(missing("credential_id"))?,
        public_key: row.public_key.ok_or_else(missing("public_key"))?,
        algorithm: algorithm.ok_or_else(missing("algorithm"))?,
        sign_count: sign_count.ok_or_else(missing("sign_count"))?,
        is_backup_eligible: row.is_backup_eligible.ok_or_else(missing("is_backup_eligible"))?,
        is_backed_up: row.is_backed_up.ok_or_else(missing("is_backed_up"))?,
        verifies_user: row.verifies_user.ok_or_else(missing("verifies_user"))?,
        user_handle: named.user_handle(&user_handle)?,
        transports: transports.split_ascii_whitespace().map(ToOwned::to_owned).collect(),
    })
}
