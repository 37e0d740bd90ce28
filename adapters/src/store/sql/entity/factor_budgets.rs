use inwren_domain::factor::{Budget, Spent};
use inwren_domain::kernel::StoreError;
use sea_orm::entity::prelude::*;

use super::Row;
use super::row::row;
use crate::store::sql::connection::timestamp::Timestamp;

row! {
    #[sea_orm(table_name = "factor_budgets")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) user_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) budget: String,
        pub(crate) taken: i16,
        pub(crate) since: Timestamp,
    }
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl TryFrom<Model> for Spent {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let named = Row { table: "factor_budgets", id: row.user_id };
        let budget = Budget::ALL.into_iter().find(|budget| budget.as_str() == row.budget);
        Ok(Self {
            budget: budget.ok_or_else(|| named.inconsistent("budget"))?,
            taken: row.taken,
            since: row.since.0,
        })
    }
}
