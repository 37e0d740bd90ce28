use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use inwren_domain::account::admin::Admin;
use inwren_domain::kernel::PageRequest;
use inwren_domain::outbox::admin::{self, Refusal};
use inwren_domain::outbox::{Letter, LetterCursor, LetterId, LetterState};
use inwren_domain::{Core, Failure};
use uuid::Uuid;

use super::error::{Failed, Outcome};
use super::page_args::PageArgs;
use super::support::{open_core, say, say_place, shortened};
use crate::config::Config;
use crate::http::{LetterPage, letter_cursor};
use crate::keys;

/// Width of the table, in characters.
const WIDTH: usize = 100;

/// Commands on the outbox.
#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// List letters, the newest first
    List(ListArgs),
    /// Send a dead letter again, unless its link has expired
    Retry {
        /// The id of the letter
        id: Uuid,
    },
}

/// Which letters to list.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only letters in this state
    #[arg(long, value_parser = PossibleValuesParser::new(LetterState::ALL.iter().map(|state| state.as_str())))]
    state: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

impl ListArgs {
    fn page(&self) -> Result<PageRequest<LetterCursor>, Failed> {
        let invalid = || Failed::Usage("--cursor: not a cursor of a list of letters".to_owned());
        let after =
            self.page.cursor.as_deref().map(|text| letter_cursor(text).ok_or_else(invalid)).transpose()?;
        Ok(PageRequest::new(self.page.limit, after))
    }
}

/// Runs a command on the outbox of the configured database.
pub(super) async fn run(config: &Config, command: OutboxCommand) -> Outcome {
    match command {
        OutboxCommand::List(args) => {
            let page = args.page()?;
            let core = open_core(config, "letters").await?;
            let listed = list(&core, &args, page).await;
            core.store.close().await;
            listed
        }
        OutboxCommand::Retry { id } => {
            let core = open_core(config, "letters").await?;
            let retried = retry(&core, id).await;
            core.store.close().await;
            retried.map(|()| say_place(config))
        }
    }
}

async fn list(core: &Core, args: &ListArgs, page: PageRequest<LetterCursor>) -> Outcome {
    let state = args.state.as_deref().and_then(LetterState::from_name);
    let listed = admin::page(core, Admin::operator(), state, page).await.map_err(Failed::because)?;
    let page = LetterPage::from(&listed);
    args.page.say(&page, &table(&listed.items), page.next_cursor.as_deref());
    Ok(())
}

async fn retry(core: &Core, id: Uuid) -> Outcome {
    match admin::retry(core, Admin::operator(), LetterId::from_uuid(id)).await {
        Ok(()) => {
            say("the service sends the letter again, unless its link has expired");
            Ok(())
        }
        Err(Failure::Refused(Refusal::NotFound(_))) => Err(Failed::Reason(format!(
            "no dead letter has the id {id}; `inwren outbox list --state dead` lists all dead letters"
        ))),
        Err(Failure::Refused(refusal)) => Err(Failed::Reason(format!("the change was refused: {refusal:?}"))),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

/// The letters, each as lines of at most [`WIDTH`] characters. Further lines name the kind, the recipient and the last
/// error. Long texts are truncated.
fn table(letters: &[Letter]) -> Vec<String> {
    let line = |[id, created, state, attempts]: [&str; 4]| {
        format!("{id:<36}  {created:<20}  {state:<9}  {attempts}")
    };
    let mut lines = vec![line(["ID", "CREATED", "STATE", "TRIES"])];
    for letter in letters {
        let (created, attempts) = (keys::text(letter.created_at), letter.attempts.to_string());
        lines.push(line([&letter.id.to_string(), &created, letter.state.as_str(), &attempts]));
        let recipient = format!("{} to {}", letter.kind.as_str(), letter.recipient.as_str());
        let error = letter.last_error.as_ref().map(|error| format!("error: {error}"));
        let further = [Some(recipient), error];
        lines.extend(further.into_iter().flatten().map(|text| shortened(&format!("  {text}"), WIDTH)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use inwren_domain::kernel::{ClientInfo, Email};
    use inwren_domain::outbox::LetterKind;
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn tables_fit_one_hundred_columns() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let letter = |kind, state, last_error: Option<String>| Letter {
            id: LetterId::from_uuid(Uuid::nil()),
            kind,
            recipient: Email::parse(&format!("{}@example.org", "a".repeat(60))).unwrap(),
            user_id: None,
            action_token_id: None,
            verification_id: None,
            new_email: None,
            logout: None,
            locale: None,
            client: ClientInfo::default(),
            state,
            attempts: i16::MAX,
            next_attempt_at: at,
            last_error,
            created_at: at,
            expires_at: at,
            claim: None,
        };
        let kinds = LetterKind::ALL.iter().flat_map(|kind| {
            let with = |state: &LetterState| letter(*kind, *state, None);
            LetterState::ALL.iter().map(with).collect::<Vec<_>>()
        });
        let lines = table(&kinds.collect::<Vec<_>>());
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
        let error = Some("550 mailbox unavailable ".repeat(9));
        let lines = table(&[letter(LetterKind::PasswordReset, LetterState::Dead, error)]);
        assert_eq!(lines.len(), 4);
        assert!(lines[1].ends_with("dead       32767"), "{lines:?}");
        assert!(lines[2].starts_with("  password_reset to aaa") && lines[3].ends_with('…'), "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
    }
}
