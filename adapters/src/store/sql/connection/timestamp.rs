//! Conversion of times for each database.
//!
//! The driver writes times to SQLite as text that is shorter if the fraction of the second ends in zeros, so that
//! neither `<` nor `ORDER BY` would be right. SQLite therefore stores whole microseconds since 1970. A statement is
//! built without knowing its database, so the directions are separate: [`for_sqlite`] converts the arguments on their
//! way to SQLite, and [`Timestamp`] reads the values of both databases. `rusqlite` reads and writes a [`Timestamp`]
//! itself.

use std::fmt::Debug;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, Statement, TryGetError, TryGetable, sqlx};
use time::OffsetDateTime;

/// A time in a row or in a statement argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) OffsetDateTime);

/// Converts the times among a statement's arguments into the form that SQLite stores.
pub(crate) fn for_sqlite(mut statement: Statement) -> Statement {
    for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
        if let Value::TimeDateTimeWithTimeZone(time) = value {
            *value = Value::BigInt(time.map(to_micros));
        }
    }
    statement
}

/// Every representable time fits: 64 bits of microseconds cover 292,000 years.
pub(crate) fn to_micros(time: OffsetDateTime) -> i64 {
    time.unix_timestamp_nanos().div_euclid(1000).try_into().unwrap_or(i64::MAX)
}

pub(crate) fn from_micros(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}

/// Returns the error that the driver gives for an unreadable value.
fn out_of_range(index: impl Debug) -> DbErr {
    let (index, source) = (format!("{index:?}"), "out of range".into());
    DbErr::Query(RuntimeErr::SqlxError(sqlx::Error::ColumnDecode { index, source }.into()))
}

impl TryGetable for Timestamp {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        if row.try_as_sqlite_row().is_none() {
            return OffsetDateTime::try_get_by(row, index).map(Self);
        }
        let micros = i64::try_get_by(row, index)?;
        from_micros(micros).map(Self).ok_or_else(|| TryGetError::DbErr(out_of_range(index)))
    }
}

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        Self::TimeDateTimeWithTimeZone(Some(timestamp.0))
    }
}

impl Nullable for Timestamp {
    fn null() -> Value {
        Value::TimeDateTimeWithTimeZone(None)
    }
}

impl ValueType for Timestamp {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <OffsetDateTime as ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "Timestamp".to_owned()
    }

    fn array_type() -> ArrayType {
        <OffsetDateTime as ValueType>::array_type()
    }

    fn column_type() -> ColumnType {
        <OffsetDateTime as ValueType>::column_type()
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        from_micros(value.as_i64()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl From<Timestamp> for rusqlite::types::Value {
    fn from(timestamp: Timestamp) -> Self {
        to_micros(timestamp.0).into()
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(to_micros(self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    #[test]
    fn microseconds_go_there_and_back() {
        for micros in [-1, 0, 1, 999_999, 1_000_000, 1_793_491_200_123_456, -62_135_596_800_000_001] {
            assert_eq!(from_micros(micros).map(to_micros), Some(micros));
        }
        assert_eq!(from_micros(i64::MAX), None);
    }

    #[test]
    fn only_times_are_changed() {
        let time = OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(7);
        let values = [Timestamp(time).into(), Value::from(5_i64), Timestamp::null()];
        let statement = for_sqlite(Statement::from_sql_and_values(DbBackend::Sqlite, "", values));
        let changed = statement.values.map(|values| values.0);
        assert_eq!(changed, Some(vec![Value::from(7_i64), Value::from(5_i64), Value::BigInt(None)]));
    }
}
