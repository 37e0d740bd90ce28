//! The default methods of `Store`, which run step by step in a unit of work if an adapter has no faster way.

use std::sync::Arc;

use inwren_domain::store::Store;

use super::{account_registration, session_start};
use crate::fakes::step_by_step_store;

/// A session start by steps follows the same rules.
pub async fn sessions_are_opened_step_by_step(store: Arc<dyn Store>) {
    let store = step_by_step_store(store);
    session_start::an_opening_keeps_session_and_event(store.clone()).await;
    session_start::an_opening_renews_the_hash(store.clone()).await;
    session_start::an_opening_does_not_slip_past_a_lock(store.clone()).await;
    session_start::an_opening_beyond_the_limit_ends_the_least_recently_used(store.clone()).await;
    session_start::sessions_that_are_over_give_way_first(store.clone()).await;
    session_start::many_openings_at_once_stay_within_the_limit(store.clone()).await;
    session_start::an_opening_far_beyond_the_limit_keeps_the_newest(store.clone()).await;
    session_start::an_opening_that_waits_for_the_end_of_all_comes_after_it(store).await;
}

/// A session start by steps also fails if the credential changed meanwhile.
pub async fn an_overtaken_session_is_not_opened_step_by_step(store: Arc<dyn Store>) {
    session_start::an_overtaken_opening_changes_nothing(step_by_step_store(store)).await;
}

/// A registration by steps follows the same rules.
pub async fn users_are_registered_step_by_step(store: Arc<dyn Store>) {
    let store = step_by_step_store(store);
    account_registration::of_many_registrations_of_one_address_exactly_one_wins(store.clone()).await;
    account_registration::a_registration_waits_for_a_unit_with_its_address(store).await;
}

/// A registration by steps also refuses a taken address.
pub async fn a_taken_address_registers_nobody_step_by_step(store: Arc<dyn Store>) {
    account_registration::a_taken_address_registers_nobody(step_by_step_store(store)).await;
}
