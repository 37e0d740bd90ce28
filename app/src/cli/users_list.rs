use clap::{Args, ValueEnum};
use inwren_domain::Core;
use inwren_domain::account::admin::{self, Admin};
use inwren_domain::account::{Tier, User, UserFilter};
use inwren_domain::kernel::PageRequest;

use super::error::{Failed, Outcome};
use super::page_args::PageArgs;
use super::support::shortened;
use crate::http::{AdminUserPage, user_cursor};

/// Width of the table, in characters.
const WIDTH: usize = 100;

/// Which users to list.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only addresses with this prefix, in alphabetical order; case is ignored
    #[arg(long, value_name = "PREFIX")]
    email: Option<String>,
    /// Only users of this tier
    #[arg(long)]
    tier: Option<String>,
    /// Only active users, or only inactive ones
    #[arg(long, value_enum)]
    active: Option<YesNo>,
    /// Only superusers, or only other users
    #[arg(long, value_enum)]
    superuser: Option<YesNo>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

impl ListArgs {
    fn filter(&self) -> Result<UserFilter, Failed> {
        let mut filter = UserFilter::default().with_email_prefix(self.email.as_deref().unwrap_or_default());
        let tier = self.tier.as_deref().map(Tier::parse).transpose();
        filter.tier = tier.map_err(|invalid| Failed::Usage(format!("--tier: {invalid}")))?;
        filter.is_active = self.active.map(|answer| answer == YesNo::Yes);
        filter.is_superuser = self.superuser.map(|answer| answer == YesNo::Yes);
        Ok(filter)
    }

    fn page(&self) -> Result<PageRequest, Failed> {
        let invalid = || Failed::Usage("--cursor: not a cursor of a list of users".to_owned());
        let after =
            self.page.cursor.as_deref().map(|text| user_cursor(text).ok_or_else(invalid)).transpose()?;
        Ok(PageRequest::new(self.page.limit, after))
    }
}

/// Lists users.
pub(super) async fn run(core: &Core, args: ListArgs) -> Outcome {
    let page = admin::list::page(core, Admin::operator(), &args.filter()?, args.page()?).await;
    let page = page.map_err(Failed::because)?;
    let lines = table(&page.items);
    let page = AdminUserPage::from(page);
    args.page.say(&page, &lines, page.next_cursor.as_deref());
    Ok(())
}

/// The users as lines of at most [`WIDTH`] characters. Long addresses are truncated.
fn table(users: &[User]) -> Vec<String> {
    let mut rows = vec![["ID", "CREATED", "STATE", "TIER", "EMAIL"].map(str::to_owned)];
    rows.extend(users.iter().map(row));
    let widths: [usize; 4] = std::array::from_fn(|n| {
        rows.iter().filter_map(|row| row.get(n)).map(|text| text.chars().count()).max().unwrap_or_default()
    });
    let left = WIDTH.saturating_sub(widths.iter().map(|width| width + 2).sum());
    let line = |[id, created, state, tier, email]: &[String; 5]| {
        let [a, b, c, d] = widths;
        format!("{id:<a$}  {created:<b$}  {state:<c$}  {tier:<d$}  {}", shortened(email, left))
    };
    rows.iter().map(line).collect()
}

fn row(user: &User) -> [String; 5] {
    let state = match (user.is_active, user.is_superuser) {
        (true, false) => "active",
        (true, true) => "superuser",
        (false, false) => "inactive",
        (false, true) => "inactive superuser",
    };
    let tier = shortened(user.tier.as_str(), 12);
    let (id, created) = (user.id.to_string(), user.created_at.date().to_string());
    [id, created, state.to_owned(), tier, user.email.as_str().to_owned()]
}

#[cfg(test)]
mod tests {
    use inwren_domain::authn::Acr;
    use inwren_domain::kernel::{Email, UserId};
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    fn user(email: &str, is_active: bool, is_superuser: bool) -> User {
        User {
            id: UserId::from_uuid(Uuid::from_u128(1)),
            email: Email::parse(email).unwrap(),
            is_active,
            is_superuser,
            tier: Tier::from_stored("t".repeat(40)),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            email_verified_at: None,
            email_undeliverable_at: None,
            locale: None,
            credential_version: 0,
            sessions_epoch: 0,
            highest_acr: Acr::Aal1,
        }
    }

    #[test]
    fn tables_fit_one_hundred_columns() {
        let long = format!("{}@{}.example.org", "a".repeat(60), "b".repeat(60));
        let lines = table(&[user("ann@example.org", true, false), user(&long, false, true)]);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        assert!(lines[0].starts_with("ID  ") && lines[0].ends_with("EMAIL"), "{lines:?}");
        assert!(lines[1].ends_with("ann@example.org"), "{lines:?}");
        assert!(lines[2].contains("inactive superuser") && lines[2].ends_with('…'), "{lines:?}");
    }
}
