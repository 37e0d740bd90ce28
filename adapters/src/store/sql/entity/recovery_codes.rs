use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;

row! {
    #[sea_orm(table_name = "recovery_codes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) digest: Vec<u8>,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl Model {
    /// The user, and the digest of the code.
    pub(crate) fn into_code(self) -> Result<(UserId, TokenDigest), StoreError> {
        let digest = Row { table: "recovery_codes", id: self.user_id }.digest("digest", &self.digest)?;
        Ok((UserId::from_uuid(self.user_id), digest))
    }

    /// The row of a code.
    pub(crate) fn of(user: UserId, digest: &TokenDigest) -> Self {
        Self { user_id: user.as_uuid(), digest: digest.as_bytes().to_vec() }
    }
}
