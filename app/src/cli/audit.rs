use clap::Args;
use clap::builder::PossibleValuesParser;
use inwren_domain::account::admin::{self, Admin, NotFound};
use inwren_domain::audit::list::{self, NamedSubject, Query};
use inwren_domain::audit::{AuditEvent, AuditEventId, AuditEventKind, Period, Subject};
use inwren_domain::kernel::{AgeCursor, Email, PageRequest};
use inwren_domain::{Core, Failure};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{Failed, Outcome};
use super::page_args::PageArgs;
use super::support::{open_core, shortened};
use crate::config::Config;
use crate::http::{AuditEventPage, actor, audit_cursor};
use crate::keys;

/// Width of the table, in characters.
const WIDTH: usize = 100;

/// Which events to list.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// Only events about this user or client: the e-mail address of a user, or an id, also in the form user:ID
    /// or client:ID. The events of a deleted user are found by the id
    #[arg(long, value_name = "EMAIL|ID")]
    subject: Option<String>,
    /// Only events of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(AuditEventKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: Option<String>,
    /// Only events at this time or later, such as 2026-11-30T08:00:00Z (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<OffsetDateTime>,
    /// Only events before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<OffsetDateTime>,
    #[command(flatten)]
    page: PageArgs,
}

/// Parses a time. Its form in UTC must be in range, too: the database driver needs it.
fn time(text: &str) -> Result<OffsetDateTime, &'static str> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok().and_then(OffsetDateTime::checked_to_utc);
    time.map(Into::into).ok_or("not a time in RFC 3339, such as 2026-11-30T08:00:00Z")
}

/// The subject as given.
enum Named {
    Email(Email),
    Id(NamedSubject),
}

impl AuditArgs {
    fn subject(&self) -> Result<Option<Named>, Failed> {
        let Some(text) = self.subject.as_deref() else { return Ok(None) };
        let named = if text.contains('@') {
            Email::parse_for_lookup(text).map(Named::Email).map_err(|invalid| invalid.to_string())
        } else {
            let id = text.parse().map(Named::Id);
            id.map_err(|_| "not an e-mail address, an id, user:ID or client:ID".to_owned())
        };
        named.map(Some).map_err(|reason| Failed::Usage(format!("--subject: {text:?}: {reason}")))
    }

    fn page(&self) -> Result<PageRequest<AgeCursor<AuditEventId>>, Failed> {
        let invalid = || Failed::Usage("--cursor: not a cursor of a list of events".to_owned());
        let after =
            self.page.cursor.as_deref().map(|text| audit_cursor(text).ok_or_else(invalid)).transpose()?;
        Ok(PageRequest::new(self.page.limit, after))
    }
}

/// Lists audit events of the configured database.
pub(super) async fn run(config: &Config, args: AuditArgs) -> Outcome {
    let (subject, page) = (args.subject()?, args.page()?);
    let period = Period::new(args.since, args.until)
        .map_err(|_| Failed::Usage("--since: must be before --until".to_owned()))?;
    let kind = args.kind.as_deref().and_then(AuditEventKind::from_name);
    let core = open_core(config, "audit events").await?;
    let listed = async {
        let subject = match subject {
            Some(Named::Email(email)) => Some(with_address(&core, &email).await?),
            Some(Named::Id(named)) => Some(named),
            None => None,
        };
        let query = Query { subject, kind, period };
        list::page(&core, Admin::operator(), query, page).await.map_err(Failed::because)
    };
    let listed = listed.await;
    core.store.close().await;
    let listed = listed?;
    let page = AuditEventPage::from(&listed);
    args.page.say(&page, &table(&listed.items), page.next_cursor.as_deref());
    Ok(())
}

async fn with_address(core: &Core, email: &Email) -> Result<NamedSubject, Failed> {
    match admin::list::by_login(core, Admin::operator(), email).await {
        Ok(user) => Ok(NamedSubject::Typed(user.id.into())),
        Err(Failure::Refused(NotFound)) => Err(Failed::Reason(format!(
            "no user has the address {:?}; for a deleted user, pass the user's id",
            email.as_str()
        ))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// The events as lines of at most [`WIDTH`] characters. Further lines name an actor other than the subject,
/// and the reason. Long addresses and reasons are truncated.
fn table(events: &[AuditEvent]) -> Vec<String> {
    let kinds = events.iter().map(|event| event.kind.as_str().len());
    let kind_width = kinds.chain(["KIND".len()]).max().unwrap_or_default();
    let line = |[time, kind, subject, address]: [&str; 4]| {
        let line = format!("{time:<20}  {kind:<kind_width$}  {subject:<36}  {address}");
        shortened(line.trim_end(), WIDTH)
    };
    let mut lines = vec![line(["TIME", "KIND", "SUBJECT", "ADDRESS"])];
    for event in events {
        let id = match event.subject {
            Subject::User(id) => id.to_string(),
            Subject::Client(id) => id.to_string(),
        };
        let address = event.client.ip_address.map(|address| address.to_string()).unwrap_or_default();
        lines.push(line([&keys::text(event.occurred_at), event.kind.as_str(), &id, &address]));
        if let Some(other) = event.actor_id.filter(|id| event.subject != Subject::User(*id)) {
            lines.push(format!("{:<20}  by {}", "", actor(other)));
        }
        if let Some(reason) = &event.reason {
            lines.push(shortened(&format!("{:<20}  reason: {reason}", ""), WIDTH));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use inwren_domain::audit::OPERATOR;
    use inwren_domain::kernel::{ClientInfo, UserId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn tables_fit_one_hundred_columns() {
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let event = |kind, address: &str, actor_id| AuditEvent {
            id: AuditEventId::from_uuid(Uuid::nil()),
            occurred_at: OffsetDateTime::UNIX_EPOCH,
            kind,
            subject: user.into(),
            session_id: None,
            actor_id,
            client: ClientInfo::new(address.parse().ok(), None),
            reason: None,
        };
        let reset = AuditEvent {
            reason: Some("The phone is lost. ".repeat(10)),
            ..event(AuditEventKind::FactorsReset, "", Some(OPERATOR))
        };
        let lines = table(&[
            event(AuditEventKind::LoggedIn, "203.0.113.255", Some(user)),
            event(AuditEventKind::ServiceClientCreated, "", Some(OPERATOR)),
            event(AuditEventKind::RefreshTokenReused, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", None),
            reset,
        ]);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("TIME  ") && lines[0].ends_with("  ADDRESS"), "{lines:?}");
        assert!(lines[1].starts_with("1970-01-01T00:00:00Z  logged_in "), "{lines:?}");
        assert!(lines[1].ends_with("00000001  203.0.113.255"), "{lines:?}");
        assert_eq!(lines[3].trim_start(), "by operator");
        assert!(lines[4].contains("2001:db8:ffff:f") && lines[4].ends_with('…'), "{lines:?}");
        assert!(lines[7].trim_start().starts_with("reason: The phone is lost. ") && lines[7].ends_with('…'));
        assert_eq!(lines.len(), 8);
    }
}
