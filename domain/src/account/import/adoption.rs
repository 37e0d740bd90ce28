use std::collections::HashMap;

use time::OffsetDateTime;

use super::census::known_tier;
use super::seen::Fingerprint;
use super::{Census, Incoming, IncomingPassword, Problem, SourceUser};
use crate::account::{Tier, TierCatalog};
use crate::credential::PasswordHash;
use crate::kernel::Email;

/// How to resolve rows whose addresses differ in case only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCaseConflict {
    /// Import none of them; the operator decides.
    #[default]
    Refuse,
    /// Import the row that was changed last, if the table has the times and exactly one row is the newest.
    Newest,
}

/// Converts rows of another service to users. The result for a row depends on the row and the census alone.
pub struct Adoption<'a> {
    tiers: &'a TierCatalog,
    census: &'a Census,
    on_case_conflict: OnCaseConflict,
    /// Rows that share an address with other rows, by address.
    groups: HashMap<Fingerprint, Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    key: String,
    changed_at: Option<OffsetDateTime>,
    incoming: Incoming,
}

/// A row that is not imported, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Where the row is.
    pub place: String,
    /// The address as found, valid or not.
    pub email: Option<String>,
    /// Why it is not imported.
    pub problem: Problem,
}

impl<'a> Adoption<'a> {
    /// Creates an adoption. The census must cover all rows.
    pub fn after(tiers: &'a TierCatalog, census: &'a Census, on_case_conflict: OnCaseConflict) -> Self {
        Self { tiers, census, on_case_conflict, groups: HashMap::new() }
    }

    /// Converts a row to a user. `None` if the row is withheld until all rows have been read.
    pub fn read(&mut self, row: SourceUser) -> Result<Option<Incoming>, Withheld> {
        let place = format!("row {}", row.key);
        let problem = |problem| Withheld { place: place.clone(), email: row.email.clone(), problem };
        if let Some(column) = row.unreadable {
            return Err(problem(Problem::Unreadable(format!("the value of {column} cannot be read"))));
        }
        let id = row.id.ok_or_else(|| problem(Problem::Id))?;
        let email = Email::parse(row.email.as_deref().unwrap_or_default())
            .map_err(|invalid| problem(Problem::Email(invalid)))?;
        let repeated = self.census.repeated(&email);
        let incoming = Incoming {
            place,
            id,
            email,
            password: match row.hashed_password.filter(|hash| !hash.is_empty()) {
                Some(hash) => IncomingPassword::Hash(PasswordHash::from_phc(hash)),
                None => IncomingPassword::None,
            },
            // The legacy service does not let a user with NULL log in, either.
            is_active: row.is_active.unwrap_or(false),
            is_superuser: row.is_superuser.unwrap_or(false),
            tier: row.tier.map(|name| self.tier(name)),
            created_at: row.created_at,
            updated_at: row.updated_at,
            // The legacy service did not verify addresses.
            email_verified_at: None,
            credential_version: None,
            factors: Vec::new(),
            recovery_codes: Vec::new(),
        };
        let Some(group) = repeated else { return Ok(Some(incoming)) };
        let changed_at = row.updated_at.or(row.created_at);
        self.groups.entry(group).or_default().push(Member { key: row.key, changed_at, incoming });
        Ok(None)
    }

    fn tier(&self, name: String) -> String {
        known_tier(self.tiers, &name).as_ref().map_or(name, |tier| Tier::as_str(tier).to_owned())
    }

    /// Returns the withheld rows: those to import after all, and the others with their problem.
    pub fn withheld(self) -> (Vec<Incoming>, Vec<Withheld>) {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        for group in self.groups.into_values() {
            let keys: Vec<String> = group.iter().map(|member| member.key.clone()).collect();
            let chosen = (self.on_case_conflict == OnCaseConflict::Newest).then(|| newest(&group)).flatten();
            for (place, member) in group.into_iter().enumerate() {
                if chosen == Some(place) {
                    taken.push(member.incoming);
                } else {
                    let others = keys.iter().filter(|key| **key != member.key).cloned().collect();
                    let problem = Problem::CaseConflict(others);
                    let Incoming { place, email, .. } = member.incoming;
                    left.push(Withheld { place, email: Some(email.as_str().to_owned()), problem });
                }
            }
        }
        left.sort_by(|a, b| a.place.cmp(&b.place));
        (taken, left)
    }
}

/// Finds the member that was changed last. `None` if a time is missing, or two members have the latest time.
fn newest(group: &[Member]) -> Option<usize> {
    let times: Option<Vec<OffsetDateTime>> = group.iter().map(|member| member.changed_at).collect();
    let times = times?;
    let latest = times.iter().max()?;
    let mut found = times.iter().enumerate().filter(|(_, time)| *time == latest);
    match (found.next(), found.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}
