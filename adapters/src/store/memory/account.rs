//! In-memory users.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::account::{Inserted, Updated, User, UserChange, UserFilter, UserReader, UserRepository};
use inwren_domain::credential::Account;
use inwren_domain::kernel::{Email, Page, PageRequest, StoreError, UserCursor, UserId};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl UserReader for MemoryView {
    async fn by_id(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.shared.snapshot().user(id).cloned())
    }

    async fn by_email(&mut self, email: &Email) -> Result<Option<User>, StoreError> {
        Ok(self.shared.snapshot().user_by_email(email).cloned())
    }

    async fn page(&mut self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        Ok(self.shared.snapshot().page(filter, &page))
    }
}

#[async_trait]
impl UserRepository for MemoryUnit {
    async fn insert(&mut self, account: &Account) -> Result<Inserted, StoreError> {
        if self.state.user_by_email(&account.user.email).is_some() {
            return Ok(Inserted::EmailTaken);
        }
        self.state.put_account(account.clone());
        Ok(Inserted::Inserted)
    }

    async fn lock(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state.user(id).cloned())
    }

    async fn lock_active_superusers(&mut self) -> Result<Vec<UserId>, StoreError> {
        Ok(self.state.active_superusers())
    }

    async fn update(
        &mut self,
        id: UserId,
        change: &UserChange,
        at: OffsetDateTime,
    ) -> Result<Updated, StoreError> {
        let Some(updated) = self.state.user(id).map(|user| change.applied_to(user, at)) else {
            return Ok(Updated::NotFound);
        };
        if !self.email_is_free(&updated) {
            return Ok(Updated::EmailTaken);
        }
        self.state.put_user(updated.clone());
        Ok(Updated::Updated(updated))
    }

    async fn delete(&mut self, id: UserId) -> Result<bool, StoreError> {
        Ok(self.state.remove_user(id))
    }
}

impl MemoryUnit {
    pub(super) fn email_is_free(&self, user: &User) -> bool {
        self.state.user_by_email(&user.email).is_none_or(|holder| holder.id == user.id)
    }
}

impl State {
    pub(super) fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id).map(Arc::as_ref)
    }

    pub(super) fn user_by_email(&self, email: &Email) -> Option<&User> {
        self.by_email.get(email.normalized()).and_then(|id| self.user(*id))
    }

    pub(super) fn account(&self, id: UserId) -> Option<Account> {
        let user = self.user(id)?.clone();
        Some(Account { user, password: self.password_of(id).cloned() })
    }

    pub(super) fn account_by_email(&self, email: &Email) -> Option<Account> {
        self.by_email.get(email.normalized()).and_then(|id| self.account(*id))
    }

    /// Returns the ids of all users, in order.
    pub(super) fn user_ids(&self) -> Vec<UserId> {
        let mut ids: Vec<UserId> = self.users.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn active_superusers(&self) -> Vec<UserId> {
        self.users.values().filter(|user| user.is_active && user.is_superuser).map(|user| user.id).collect()
    }

    pub(super) fn page(&self, filter: &UserFilter, page: &PageRequest) -> Page<User> {
        let found = match (filter.email_prefix(), &page.after) {
            (Some(prefix), after) => {
                let after =
                    after.as_ref().map(|after| after.address.as_str()).filter(|after| prefix < *after);
                let start = after.map_or(Bound::Included(prefix), Bound::Excluded);
                let from_start = self.by_email.range::<_, str>((start, Bound::Unbounded));
                let with_prefix = from_start.take_while(|(address, _)| address.starts_with(prefix));
                one_more(with_prefix.filter_map(|(_, id)| self.user(*id)), filter, page)
            }
            (None, Some(after)) => {
                let older = self.by_creation.range(..(after.age.created_at, after.age.id));
                one_more(older.rev().map(|(_, user)| user.as_ref()), filter, page)
            }
            (None, None) => {
                one_more(self.by_creation.iter().rev().map(|(_, user)| user.as_ref()), filter, page)
            }
        };
        Page::from_one_more(found, page.limit(), UserCursor::after)
    }

    /// Inserts or replaces a user. The address must be free or the user's current one.
    pub(super) fn put_user(&mut self, user: User) {
        if let Some(old) = self.users.get(&user.id) {
            self.by_email.remove(old.email.normalized());
            self.by_creation.remove(&(old.created_at, old.id));
        }
        let user = Arc::new(user);
        self.by_email.insert(user.email.normalized().to_owned(), user.id);
        self.by_creation.insert((user.created_at, user.id), Arc::clone(&user));
        self.users.insert(user.id, user);
    }

    /// Inserts or replaces a user as [`put_user`](Self::put_user) does, with the password.
    pub(super) fn put_account(&mut self, Account { user, password }: Account) {
        self.passwords.remove(&user.id);
        if let Some(password) = password {
            self.set_password(user.id, password);
        }
        self.put_user(user);
    }

    /// Deletes a user with their sessions, authorization codes, consents and credentials.
    pub(super) fn remove_user(&mut self, id: UserId) -> bool {
        let Some(user) = self.users.remove(&id) else { return false };
        self.passwords.remove(&id);
        self.delete_action_tokens(id, |_| true);
        self.delete_all_factors(id);
        self.delete_trusted_devices(id);
        self.delete_challenges(id);
        self.delete_codes(|code| code.user_id == id);
        self.delete_consents(|consent| consent.user_id == id);
        self.by_email.remove(user.email.normalized());
        self.by_creation.remove(&(user.created_at, id));
        for session in self.sessions_of.remove(&id).into_iter().flatten() {
            self.sessions.remove(&session);
        }
        true
    }
}

/// Returns the users that match the filter, at most one more than the page holds.
fn one_more<'a>(users: impl Iterator<Item = &'a User>, filter: &UserFilter, page: &PageRequest) -> Vec<User> {
    users.filter(|user| filter.matches(user)).take(usize::from(page.limit()) + 1).cloned().collect()
}
