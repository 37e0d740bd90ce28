//! Rows that a statement of PostgreSQL adds beside others.

use sea_orm::sea_query::Value;
use sea_orm::{ActiveModelTrait, EntityTrait, IdenStatic, Iterable};

/// What adds a row of parameters, numbered from `next` on, if `source` has one.
pub(super) fn insertion<E: EntityTrait>(table: &str, source: &str, next: &mut usize) -> String {
    format!("{} FROM {source}", insertion_anyway::<E>(table, next))
}

/// What adds a row of parameters, numbered from `next` on.
pub(super) fn insertion_anyway<E: EntityTrait>(table: &str, next: &mut usize) -> String {
    let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
    let parameters: Vec<String> = (*next..).take(columns.len()).map(|number| format!("${number}")).collect();
    *next += columns.len();
    format!("INSERT INTO \"{table}\" ({}) SELECT {}", columns.join(", "), parameters.join(", "))
}

/// The values of a row, in the order of its columns.
pub(super) fn values_of<E: EntityTrait>(row: &impl ActiveModelTrait<Entity = E>) -> Vec<Value> {
    E::Column::iter().filter_map(|column| row.get(column).into_value()).collect()
}
