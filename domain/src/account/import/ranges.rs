//! The ranges of numbers and times that every store supports.

use std::ops::RangeInclusive;

use time::{OffsetDateTime, UtcOffset};

use super::{Incoming, Problem};
use crate::factor::{Factor, FactorKind, recovery_codes};
use crate::kernel::TokenDigest;

/// The years from which every store can continue a list of users, in any time zone.
const YEARS: RangeInclusive<i32> = 1970..=9998;
/// Maximum credential version and time step of an imported user. It leaves room to count on, and JSON numbers represent
/// it exactly.
const MAX_COUNT: i64 = (1 << 53) - 1;

/// Checks the numbers and times of a user to import.
pub(super) fn check(incoming: &Incoming) -> Result<(), Problem> {
    in_years([
        ("created_at", incoming.created_at),
        ("updated_at", incoming.updated_at),
        ("email_verified_at", incoming.email_verified_at),
    ])?;
    countable("credential_version", incoming.credential_version)?;
    check_factors(incoming)?;
    check_codes(incoming)
}

fn check_factors(incoming: &Incoming) -> Result<(), Problem> {
    let factors = || incoming.factors.iter().map(|one| &one.factor);
    let passkeys = factors().filter_map(Factor::passkey).count();
    if passkeys > Factor::MAX_PASSKEYS || incoming.factors.len() - passkeys > Factor::MAX_TOTP {
        return Err(Problem::OutOfRange("factors"));
    }
    for factor in factors() {
        in_years([
            ("factors.created_at", Some(factor.created_at)),
            ("factors.last_used_at", factor.last_used_at),
        ])?;
        if let FactorKind::Totp(totp) = &factor.kind {
            countable("factors.last_step", Some(totp.last_step))?;
        }
    }
    Ok(())
}

fn check_codes(incoming: &Incoming) -> Result<(), Problem> {
    let codes = &incoming.recovery_codes;
    let is_repeated =
        |(place, code): (usize, &TokenDigest)| codes.iter().skip(place + 1).any(|other| other == code);
    let needs_factor = incoming.factors.is_empty() && !codes.is_empty();
    if codes.len() > recovery_codes::COUNT || codes.iter().enumerate().any(is_repeated) || needs_factor {
        return Err(Problem::OutOfRange("recovery_codes"));
    }
    Ok(())
}

fn in_years<const N: usize>(times: [(&'static str, Option<OffsetDateTime>); N]) -> Result<(), Problem> {
    let fits = |time: OffsetDateTime| {
        time.checked_to_offset(UtcOffset::UTC).is_some_and(|time| YEARS.contains(&time.year()))
    };
    match times.into_iter().find(|(_, time)| !time.is_none_or(fits)) {
        Some((name, _)) => Err(Problem::OutOfRange(name)),
        None => Ok(()),
    }
}

fn countable(name: &'static str, count: Option<i64>) -> Result<(), Problem> {
    if count.is_none_or(|count| (0..=MAX_COUNT).contains(&count)) {
        Ok(())
    } else {
        Err(Problem::OutOfRange(name))
    }
}

/// Truncates a time to the precision of every store.
pub(super) fn whole_microseconds(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(time.nanosecond() / 1_000 * 1_000).unwrap_or(time)
}
