use std::collections::HashMap;

use time::OffsetDateTime;

use super::census::known_tier;
use super::seen::Fingerprint;
use super::{Census, ForeignUser, Incoming, IncomingPassword, Problem};
use crate::account::{Tier, TierCatalog};
use crate::credential::PasswordHash;
use crate::kernel::Email;

/// Which of those is taken whose addresses differ in case only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCaseConflict {
    /// None, until somebody has decided.
    #[default]
    Refuse,
    /// The one that was changed last, if the table says when and there is but one.
    Newest,
}

/// Turns the rows of another service into users. What it makes of a row depends on the row and on the census alone.
pub struct Adoption<'a> {
    tiers: &'a TierCatalog,
    census: &'a Census,
    on_case_conflict: OnCaseConflict,
    /// Those whose address others have too, by the address.
    groups: HashMap<Fingerprint, Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    key: String,
    changed_at: Option<OffsetDateTime>,
    incoming: Incoming,
}

/// A row that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Where it stands.
    pub place: String,
    /// Why.
    pub problem: Problem,
}

impl<'a> Adoption<'a> {
    /// After a census of all rows.
    pub fn after(tiers: &'a TierCatalog, census: &'a Census, on_case_conflict: OnCaseConflict) -> Self {
        Self { tiers, census, on_case_conflict, groups: HashMap::new() }
    }

    /// Who a row is. `None` where it is withheld until all rows have been seen.
    pub fn read(&mut self, row: ForeignUser) -> Result<Option<Incoming>, Withheld> {
        let place = format!("row {}", row.key);
        let problem = |problem| Withheld { place: place.clone(), problem };
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
            // NULL let nobody in there, either.
            is_active: row.is_active.unwrap_or(false),
            is_superuser: row.is_superuser.unwrap_or(false),
            tier: row.tier.map(|name| self.tier(name)),
            created_at: row.created_at,
            updated_at: row.updated_at,
            credential_version: None,
        };
        let Some(group) = repeated else { return Ok(Some(incoming)) };
        let changed_at = row.updated_at.or(row.created_at);
        self.groups.entry(group).or_default().push(Member { key: row.key, changed_at, incoming });
        Ok(None)
    }

    fn tier(&self, name: String) -> String {
        known_tier(self.tiers, &name).as_ref().map_or(name, |tier| Tier::as_str(tier).to_owned())
    }

    /// Those who were withheld: whoever is taken after all, and the others.
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
                    left.push(Withheld { place: member.incoming.place, problem });
                }
            }
        }
        left.sort_by(|a, b| a.place.cmp(&b.place));
        (taken, left)
    }
}

/// Which one was changed last. `None` where the table does not say of all of them, or says the same of two.
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
