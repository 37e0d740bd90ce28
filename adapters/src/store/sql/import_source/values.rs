//! Conversion of the legacy service's values.
//!
//! Every column is read as the bytes of its text form, so that no value can abort the import. Unreadable values are
//! recorded with their row.

use inwren_domain::account::import::SourceUser;
use sea_orm::{DbErr, QueryResult};
use time::{Date, Duration, Month, OffsetDateTime, Time, UtcOffset};

use super::ids;
use crate::store::sql::connection::timestamp::from_micros;

/// Converts a row of the columns that [`Known::select_list`](super::columns::Known::select_list) lists.
pub(super) fn user(row: &QueryResult) -> Result<SourceUser, DbErr> {
    let mut values = Values { row, unreadable: None };
    let key = values.text("key", "id")?.unwrap_or_default();
    Ok(SourceUser {
        id: ids::user_id(&key),
        key,
        email: values.text("email", "email")?,
        hashed_password: values.text("hashed_password", "hashed_password")?,
        is_active: values.flag("is_active")?,
        is_superuser: values.flag("is_superuser")?,
        is_verified: values.flag("is_verified")?,
        tier: values.text("tier", "tier")?,
        created_at: values.time("created_at")?,
        updated_at: values.time("updated_at")?,
        has_refresh_token: row.try_get("", "has_refresh_token")?,
        unreadable: values.unreadable,
    })
}

struct Values<'a> {
    row: &'a QueryResult,
    unreadable: Option<&'static str>,
}

impl Values<'_> {
    fn text(&mut self, name: &str, column: &'static str) -> Result<Option<String>, DbErr> {
        let bytes: Option<Vec<u8>> = self.row.try_get("", name)?;
        // Some stores cannot hold NUL.
        let text = |bytes| String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        Ok(bytes.and_then(|bytes| self.noted(column, text(bytes))))
    }

    fn flag(&mut self, column: &'static str) -> Result<Option<bool>, DbErr> {
        let text = self.text(column, column)?;
        Ok(text.and_then(|text| self.noted(column, flag(&text))))
    }

    /// Reads a time. A database with time types returns microseconds.
    fn time(&mut self, column: &'static str) -> Result<Option<OffsetDateTime>, DbErr> {
        if let Ok(micros) = self.row.try_get::<Option<i64>>("", column) {
            return Ok(micros.and_then(|micros| self.noted(column, from_micros(micros))));
        }
        let text = self.text(column, column)?.filter(|text| !text.trim().is_empty());
        Ok(text.and_then(|text| self.noted(column, point_in_time(&text))))
    }

    fn noted<T>(&mut self, column: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.unreadable.get_or_insert(column);
        }
        value
    }
}

/// Parses a flag in the forms of databases, Python and CSV files. Any other word or number is unreadable, because
/// guessing would decide who may log in.
fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "0.0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// Parses a time in ISO 8601 form, or in seconds, milliseconds, microseconds or nanoseconds since 1970. Without a zone
/// it is UTC.
fn point_in_time(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    match text.parse() {
        Ok(number) => since_1970(number),
        Err(_) => written(text),
    }
}

/// Selects the unit that gives a time between 1973 and 5138. A smaller number is more likely a year or a Julian day.
fn since_1970(number: f64) -> Option<OffsetDateTime> {
    let per_second = match number {
        1e8..1e11 => 1e0,
        1e11..1e14 => 1e3,
        1e14..1e17 => 1e6,
        1e17..1e20 => 1e9,
        _ => return None,
    };
    // Rounds, because a binary fraction is slightly more or less than the written one.
    let since =
        Duration::checked_seconds_f64(number / per_second)?.checked_add(Duration::nanoseconds(500))?;
    OffsetDateTime::UNIX_EPOCH.checked_add(since)
}

/// Parses `2025-01-02 03:04:05.678901 +01:00`. Time, fraction, zone and leading zeros are optional.
fn written(text: &str) -> Option<OffsetDateTime> {
    let Some(end) = text.find([' ', 'T', 't']) else { return Some(date(text)?.midnight().assume_utc()) };
    let date = date(text.get(..end)?)?;
    let rest = text.get(end + 1..)?.trim_start();
    let is_of_clock = |c: char| c.is_ascii_digit() || ":.,".contains(c);
    let (clock, offset) = match rest.find(|c| !is_of_clock(c)) {
        Some(end) => (rest.get(..end)?, offset(rest.get(end..)?.trim_start())?),
        None => (rest, UtcOffset::UTC),
    };
    let (clock, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(number::<u8>);
    let time = Time::from_hms(parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?).ok()?;
    if parts.next().is_some() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    date.with_time(time).assume_offset(offset).checked_add(Duration::nanoseconds(nanoseconds))
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split(['-', '/']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    Date::from_calendar_date(number(year)?, Month::try_from(number::<u8>(month)?).ok()?, number(day)?).ok()
}

/// Parses `Z`, `UTC`, `GMT`, `+1`, `+01`, `+0100`, `+01:00` and `+01:00:00`.
fn offset(text: &str) -> Option<UtcOffset> {
    if ["Z", "UTC", "GMT"].iter().any(|name| text.eq_ignore_ascii_case(name)) {
        return Some(UtcOffset::UTC);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let parts: Vec<&str> = match digits.split_at_checked(2) {
        Some((hours, minutes)) if minutes.len() == 2 && !digits.contains(':') => vec![hours, minutes],
        _ => digits.split(':').collect(),
    };
    let parts = parts.into_iter().map(number::<i8>).collect::<Option<Vec<i8>>>()?;
    match parts.as_slice() {
        [hours] => UtcOffset::from_hms(sign * hours, 0, 0),
        [hours, minutes] => UtcOffset::from_hms(sign * hours, sign * minutes, 0),
        [hours, minutes, seconds] => UtcOffset::from_hms(sign * hours, sign * minutes, sign * seconds),
        _ => return None,
    }
    .ok()
}

/// Parses digits without a sign.
fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_usual_forms() {
        let at = |seconds: i64, micros: i64| {
            Some(OffsetDateTime::UNIX_EPOCH + Duration::new(seconds, 0) + Duration::microseconds(micros))
        };
        for (text, expected) in [
            ("2025-01-02 03:04:05.678901", at(1_735_787_045, 678_901)),
            ("2025-01-02 03:04:05", at(1_735_787_045, 0)),
            ("2025-01-02T03:04:05.5Z", at(1_735_787_045, 500_000)),
            ("2025-01-02t03:04:05,5z", at(1_735_787_045, 500_000)),
            ("2025-01-02 04:04:05+01:00", at(1_735_787_045, 0)),
            ("2025-01-02 04:04:05 +01:00", at(1_735_787_045, 0)),
            ("2025-01-02 04:04:05+1", at(1_735_787_045, 0)),
            ("2025-01-02 04:04:06+01:00:01", at(1_735_787_045, 0)),
            ("2025-01-01 21:34:05-0530", at(1_735_787_045, 0)),
            ("2025-01-02 03:04:05.000000 UTC", at(1_735_787_045, 0)),
            ("2025-01-02 03:04:05 GMT", at(1_735_787_045, 0)),
            ("2025-1-2 3:4:5", at(1_735_787_045, 0)),
            ("2025/01/02 03:04:05.678901234567", at(1_735_787_045, 678_901)),
            (" 2025-01-02  03:04 ", at(1_735_787_040, 0)),
            ("2025-01-02", at(1_735_776_000, 0)),
            ("1969-12-31 23:59:59.999999", at(-1, 999_999)),
            ("1735787045", at(1_735_787_045, 0)),
            ("1735787045.678901", at(1_735_787_045, 678_901)),
            ("1.735787045e9", at(1_735_787_045, 0)),
            ("1735787045678", at(1_735_787_045, 678_000)),
            ("1735787045678901", at(1_735_787_045, 678_901)),
            ("1735787045678901000", at(1_735_787_045, 678_901)),
        ] {
            let read =
                point_in_time(text).and_then(|time| time.replace_nanosecond(time.microsecond() * 1_000).ok());
            assert_eq!(read, expected, "{text}");
        }
        for none in [
            "",
            "yesterday",
            "2025",
            "20250102",
            "2460678.5",
            "-1735787045",
            "NaN",
            "inf",
            "1e300",
            "2025-13-01",
            "2025-02-30",
            "02-01-2025",
            "2025-01-02x",
            "2025-01-02 25:00:00",
            "2025-01-02 03",
            "2025-01-02 03:04:05:06",
            "2025-01-02 03:04:05 CET",
            "2025-01-02 03:04:05+",
            "2025-01-02 03:04:05+99:00",
            "2025-01-02 +3:04:05",
            "é025-01-02",
        ] {
            assert_eq!(point_in_time(none), None, "{none}");
        }
    }

    #[test]
    fn flags_are_read_in_their_usual_forms() {
        for (text, expected) in [
            ("1", Some(true)),
            ("true", Some(true)),
            ("True", Some(true)),
            ("t", Some(true)),
            ("YES", Some(true)),
            (" on ", Some(true)),
            ("1.0", Some(true)),
            ("0", Some(false)),
            ("False", Some(false)),
            ("f", Some(false)),
            ("no", Some(false)),
            ("0.0", Some(false)),
            ("", None),
            ("2", None),
            ("-1", None),
            ("maybe", None),
        ] {
            assert_eq!(flag(text), expected, "{text}");
        }
    }
}
