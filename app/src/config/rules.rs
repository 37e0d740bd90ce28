//! Settings of the domain's rules: lifetimes, tiers, words that passwords must not contain, retention.
//! [`factors`](super::factors) reads those of second factors.

use inwren_domain::account::{Tier, TierCatalog};
use inwren_domain::credential::ContextWords;
use inwren_domain::{FactorSettings, Retention, Settings};
use time::Duration;

use super::source::Source;
use super::{registration, value};

pub(super) fn rules(source: &mut Source, factors: Option<FactorSettings>) -> Option<Settings> {
    let access = source.parse("ACCESS_TOKEN_EXPIRE_MINUTES", value::number(1..=1_440_i64));
    let refresh = source.parse("REFRESH_TOKEN_EXPIRE_DAYS", value::number(1..=365_i64));
    let session = source.parse("SESSION_MAX_DAYS", value::number(1..=3_650_i64));
    let sessions_per_user = source.parse("SESSIONS_PER_USER", value::number(1..=10_000_u16));
    let grace = source.parse("REFRESH_REUSE_GRACE_SECONDS", value::number(0..=300_i64));
    let max_age = source.parse("REAUTHENTICATION_MAX_AGE_MINUTES", value::number(0..=1_440_i64));
    let tiers = tiers(source);
    let context_words = context_words(source);
    let (email_verification, registration) = registration::modes(source);
    let ended_sessions = source.parse("SESSION_RETENTION_DAYS", value::number(1..=3_650_i64));
    let audit_events = source.parse("AUDIT_RETENTION_DAYS", value::days_or_forever);
    Some(Settings {
        access_token_lifetime: Duration::minutes(access?),
        refresh_token_lifetime: Duration::days(refresh?),
        session_max_lifetime: Duration::days(session?),
        sessions_per_user: sessions_per_user?,
        refresh_reuse_grace: Duration::seconds(grace?),
        reauthentication_max_age: Duration::minutes(max_age?),
        tiers: tiers?,
        context_words,
        email_verification: email_verification?,
        registration: registration?,
        retention: Retention { ended_sessions: Duration::days(ended_sessions?), audit_events: audit_events? },
        factors: factors?,
    })
}

/// The operator's context words and those of the project name, which is public.
fn context_words(source: &Source) -> ContextWords {
    let texts = ["PROJECT_NAME", "PASSWORD_CONTEXT_WORDS"].into_iter().filter_map(|name| source.text(name));
    ContextWords::of(texts)
}

fn tiers(source: &mut Source) -> Option<TierCatalog> {
    let all: Option<Vec<Tier>> = source.parse("TIERS", value::tiers);
    let self_service: Option<Vec<Tier>> = source.parse("SELF_SERVICE_TIERS", value::tiers);
    let catalog = TierCatalog::new(all?, self_service?);
    if let Err(error) = &catalog {
        source.refuse("SELF_SERVICE_TIERS", &error.to_string());
    }
    catalog.ok()
}
