//! Tables of SQLite.

use async_trait::async_trait;
use inwren_domain::ports::{ForeignTable, ForeignUser, ForeignUsers, StoreError};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    TransactionTrait,
};
use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::columns::{Known, sqlite_expression};
use super::table::Table;
use super::{ForeignError, ids, number};
use crate::sql::error::store_error;

/// Reads from one transaction, by the number of the row from where it has come to.
pub(super) struct SqliteUsers {
    transaction: DatabaseTransaction,
    table: ForeignTable,
    select: String,
    after: Option<i64>,
}

impl SqliteUsers {
    pub(super) async fn open(
        connection: &DatabaseConnection,
        table: &Table,
        known: Known,
    ) -> Result<Self, ForeignError> {
        let transaction = connection.begin().await?;
        let rows =
            number(&transaction, &format!("SELECT count(*) AS answer FROM {}", table.quoted())).await?;
        Ok(Self {
            transaction,
            table: known.describe(table, rows),
            select: format!(
                "SELECT rowid AS place, {} FROM {}",
                known.select_list(sqlite_expression),
                table.quoted()
            ),
            after: None,
        })
    }
}

#[async_trait]
impl ForeignUsers for SqliteUsers {
    fn table(&self) -> &ForeignTable {
        &self.table
    }

    async fn next(&mut self, limit: u16) -> Result<Vec<ForeignUser>, StoreError> {
        let after = self.after.map(|after| format!("WHERE rowid > {after}")).unwrap_or_default();
        let question = format!("{} {after} ORDER BY rowid LIMIT {limit}", self.select);
        let statement = Statement::from_string(DbBackend::Sqlite, question);
        let rows = self.transaction.query_all_raw(statement).await.map_err(store_error)?;
        if let Some(last) = rows.last() {
            self.after = Some(last.try_get("", "place").map_err(store_error)?);
        }
        rows.iter().map(user).collect()
    }

    fn rewind(&mut self) {
        self.after = None;
    }
}

fn user(row: &QueryResult) -> Result<ForeignUser, StoreError> {
    let key = text(row, "key").map_err(store_error)?.unwrap_or_default();
    let flag = |column| Ok::<_, StoreError>(number_in(row, column).map_err(store_error)?.map(|n| n != 0));
    let time = |column| match text(row, column).map_err(store_error)? {
        None => Ok(None),
        Some(text) => point_in_time(&text).map(Some).ok_or_else(|| StoreError::Inconsistent {
            table: "(foreign)",
            column,
            id: key.clone(),
        }),
    };
    Ok(ForeignUser {
        id: ids::user_id(&key),
        email: text(row, "email").map_err(store_error)?,
        hashed_password: text(row, "hashed_password").map_err(store_error)?,
        is_active: flag("is_active")?,
        is_superuser: flag("is_superuser")?,
        is_verified: flag("is_verified")?,
        tier: text(row, "tier").map_err(store_error)?,
        created_at: time("created_at")?,
        updated_at: time("updated_at")?,
        has_refresh_token: flag("has_refresh_token")?.unwrap_or(false),
        key,
    })
}

fn text(row: &QueryResult, column: &str) -> Result<Option<String>, DbErr> {
    row.try_get("", column)
}

fn number_in(row: &QueryResult, column: &str) -> Result<Option<i64>, DbErr> {
    row.try_get("", column)
}

/// Reads `2025-01-02 03:04:05.678901`, with or without the fraction, the time, and a zone at the end. Without a zone it is
/// UTC.
fn point_in_time(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    let Some(rest) = rest.strip_prefix([' ', 'T']) else {
        return rest.is_empty().then(|| date.midnight().assume_utc());
    };
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(end) => (rest.get(..end)?, zone(rest.get(end..)?)?),
        None => (rest, UtcOffset::UTC),
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?).ok()?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(date.with_time(time).assume_offset(offset) + Duration::nanoseconds(nanoseconds))
}

fn zone(text: &str) -> Option<UtcOffset> {
    if text == "Z" {
        return Some(UtcOffset::UTC);
    }
    let sign: i8 = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes: i8 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    UtcOffset::from_hms(sign * hours.parse::<i8>().ok()?, sign * minutes, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_python_writes_them() {
        let at = |seconds: i64, micros: i64| {
            Some(OffsetDateTime::UNIX_EPOCH + Duration::new(seconds, 0) + Duration::microseconds(micros))
        };
        for (text, expected) in [
            ("2025-01-02 03:04:05.678901", at(1_735_787_045, 678_901)),
            ("2025-01-02 03:04:05", at(1_735_787_045, 0)),
            ("2025-01-02T03:04:05.5Z", at(1_735_787_045, 500_000)),
            ("2025-01-02 04:04:05+01:00", at(1_735_787_045, 0)),
            ("2025-01-01 21:34:05-0530", at(1_735_787_045, 0)),
            ("2025-01-02", at(1_735_776_000, 0)),
            ("1969-12-31 23:59:59.999999", at(-1, 999_999)),
        ] {
            assert_eq!(point_in_time(text), expected, "{text}");
        }
        for none in
            ["", "yesterday", "2025-13-01", "2025-01-02x", "2025-01-02 25:00:00", "1735787045", "é025-01-02"]
        {
            assert_eq!(point_in_time(none), None, "{none}");
        }
    }
}
