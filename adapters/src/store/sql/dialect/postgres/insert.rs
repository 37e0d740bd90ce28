//! PostgreSQL insertions within larger statements.

use sea_orm::sea_query::Value;
use sea_orm::{ActiveModelTrait, DbBackend, EntityTrait, IdenStatic, Iterable, Statement};

use crate::store::sql::connection::timestamp::Timestamp;

/// Returns an `INSERT` of one row of parameters, numbered from `next`, that takes effect if `source` has a row.
pub(crate) fn insertion<E: EntityTrait>(source: &str, next: &mut usize) -> String {
    format!("{} FROM {source}", insertion_anyway::<E>(next))
}

/// Returns the same `INSERT`, with one column taken from the source instead of a parameter.
pub(crate) fn insertion_with<E: EntityTrait>(
    source: &str,
    (column, value): (E::Column, &str),
    next: &mut usize,
) -> String {
    let others = E::Column::iter().map(|column| column.as_str()).filter(|name| *name != column.as_str());
    let others: Vec<&str> = others.collect();
    let parameters = parameters(others.len(), next);
    let (table, others, column) = (E::default().table_name(), others.join(", "), column.as_str());
    format!("INSERT INTO \"{table}\" ({others}, {column}) SELECT {parameters}, {value} FROM {source}")
}

/// Returns an unconditional `INSERT` of one row of parameters, numbered from `next`.
pub(crate) fn insertion_anyway<E: EntityTrait>(next: &mut usize) -> String {
    let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
    let parameters = parameters(columns.len(), next);
    let table = E::default().table_name();
    format!("INSERT INTO \"{table}\" ({}) SELECT {parameters}", columns.join(", "))
}

fn parameters(count: usize, next: &mut usize) -> String {
    let parameters: Vec<String> = (*next..).take(count).map(|number| format!("${number}")).collect();
    *next += count;
    parameters.join(", ")
}

/// Returns the values of a row that are set, in the order of its columns.
pub(crate) fn values_of<E: EntityTrait>(row: &impl ActiveModelTrait<Entity = E>) -> Vec<Value> {
    E::Column::iter().filter_map(|column| row.get(column).into_value()).collect()
}

/// Returns a statement with these values and its deadline as the last one.
pub(crate) fn statement(text: &str, values: &[Value], deadline: Timestamp) -> Statement {
    let values = values.iter().cloned().chain([deadline.into()]);
    Statement::from_sql_and_values(DbBackend::Postgres, text, values)
}
