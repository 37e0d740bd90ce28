//! The conformance suite, run against every store.

use std::time::Duration;

/// Passes all cases, by module, to a macro. A test below finds missing cases.
macro_rules! with_every_case {
    ($macro:ident $($store:ident)?) => {
        $macro! {
            $($store)?;
            account:
                inserted_is_read_back_exactly
                unknown_is_not_found
                by_email_finds_by_the_normalised_form
                domains_are_compared_in_their_ascii_form
                stored_addresses_stay_readable
                by_login_prefers_the_former_form
                a_taken_address_is_told_and_the_unit_can_be_rolled_back
                an_address_is_taken_within_the_unit_too
                of_many_inserts_of_one_address_exactly_one_wins
                an_address_is_free_again_after_a_rollback
                an_update_changes_what_it_names_and_nothing_else
                an_update_to_a_taken_address_changes_nothing
                of_many_updates_to_one_address_exactly_one_wins
                an_update_of_nobody_is_told
                the_own_address_may_be_written_in_other_letters
                a_given_up_address_is_free
                a_deletion_of_an_unknown_user_answers_false
                a_deletion_takes_the_sessions_and_leaves_the_events
                a_deletion_frees_the_address;
            account_import:
                a_snapshot_gives_everybody_once_in_the_order_of_ids
                a_snapshot_is_of_one_moment
                holders_are_found_by_id_and_by_address
                holders_keep_others_waiting
                only_the_new_are_inserted_and_the_unit_goes_on
                sessions_left_by_a_deleted_user_stay_ended
                of_many_bulk_inserts_of_one_address_exactly_one_wins
                a_replacement_is_whole_or_nothing
                many_events_are_recorded_with_the_unit
                an_import_twice_is_an_import_once
                a_dry_import_tells_the_same_and_writes_nothing
                an_import_takes_no_address_from_anybody
                an_update_ends_the_sessions_of_whom_it_concerns
                the_last_superuser_stays_through_an_import
                an_import_looks_at_passwords_and_tiers
                snapshot_has_the_factors_of_its_moment
                taken_factors_are_skipped_and_the_unit_goes_on
                of_many_bulk_inserts_of_one_credential_exactly_one_wins
                import_gives_factors_to_new_users_only
                import_refuses_users_whose_factor_is_taken
                import_opens_and_seals_secrets
                import_bounds_factors;
            account_list:
                a_walk_gives_everybody_once_newest_first
                the_last_page_has_no_next
                those_left_out_make_no_next_page
                a_walk_is_not_disturbed_by_who_comes_and_goes
                filters_take_in_whom_they_name
                a_filtered_walk_gives_everybody_once
                a_walk_by_address_is_not_disturbed
                a_cursor_is_a_place_and_not_a_user;
            account_registration:
                a_registration_keeps_user_and_event
                a_taken_address_registers_nobody
                of_many_registrations_of_one_address_exactly_one_wins
                a_registration_waits_for_a_unit_with_its_address
                a_registration_keeps_token_and_letter
                a_reserved_address_registers_nobody;
            action_token:
                tokens_are_read_back_exactly
                a_new_token_replaces_its_predecessors
                a_valid_token_is_spent_once
                of_many_spenders_exactly_one_wins
                codes_are_counted_up_to_the_limit
                invalid_tokens_count_no_code
                of_many_codes_only_twenty_are_counted
                a_rollback_keeps_the_token
                voiding_spares_undo_tokens
                voiding_a_purpose_spares_the_others
                expired_tokens_of_a_purpose_are_taken
                each_expired_token_is_taken_once
                only_later_undo_tokens_are_voided
                undo_tokens_reserve_their_address
                reservations_of_concurrent_units_are_seen
                deleted_users_have_no_tokens
                a_sweep_deletes_expired_tokens
                a_sweep_leaves_tokens_that_keep_factors
                a_sweep_skips_what_another_deletes
                concurrent_sweeps_count_each_token_once;
            audit:
                events_are_read_back_exactly_newest_first
                pages_contain_each_event_once
                filters_select_events
                events_are_found_by_user_and_kind
                an_event_is_there_only_if_the_unit_commits
                a_sweep_takes_what_occurred_before
                a_sweep_takes_the_oldest_by_batches
                a_sweep_is_done_only_if_the_unit_commits
                sweeps_at_once_count_each_event_once;
            challenge:
                challenges_are_read_back_exactly
                challenges_are_found_for_their_purpose
                attempts_are_taken_one_by_one
                expired_challenges_take_no_attempt
                of_many_attempts_exactly_five_are_taken
                a_valid_challenge_is_spent_once
                of_many_spenders_exactly_one_wins
                a_rollback_keeps_the_challenge
                deleted_users_have_no_challenges
                a_sweep_deletes_expired_challenges
                concurrent_sweeps_count_each_challenge_once
                a_sweep_skips_what_another_deletes;
            clients:
                clients_are_read_back_exactly
                clients_come_in_order_of_creation
                pages_come_in_order_of_ids
                ids_and_names_are_given_once
                of_many_inserts_exactly_one_wins
                an_update_stores_all_settings
                an_update_to_a_taken_name_changes_nothing
                a_deletion_takes_what_belongs_to_a_client
                a_lock_returns_the_current_client
                of_many_secrets_only_five_are_added
                secrets_are_read_back_in_order
                a_secret_is_deleted_once
                an_assertion_is_used_once
                of_many_uses_exactly_one_wins
                a_sweep_deletes_expired_assertions
                concurrent_sweeps_count_each_assertion_once
                a_sweep_skips_what_another_deletes
                a_rollback_leaves_no_client;
            credential:
                accounts_are_read_back_exactly
                an_unknown_account_is_not_found
                a_first_password_is_set
                a_version_advances_only_from_the_expected_one
                a_password_changes_only_from_the_expected_version
                factors_change_only_from_the_expected_version
                of_many_changes_of_factors_one_is_made
                a_password_is_voided_from_its_version
                of_many_password_changes_exactly_one_is_made
                a_rehash_leaves_the_version_and_the_time
                an_unknown_user_has_no_credential_to_change;
            factor:
                factors_are_read_back_exactly
                factors_come_oldest_first
                passkeys_are_found_by_credential_id
                apps_are_found_by_their_key
                a_credential_id_is_unique_among_users
                of_many_inserts_of_a_credential_one_wins
                an_app_is_confirmed_once
                of_many_confirmations_exactly_one_wins
                a_step_is_accepted_once
                of_many_callers_with_a_step_one_wins
                a_passkey_is_used_from_the_expected_count
                of_many_uses_of_a_count_one_wins
                factors_are_renamed
                factors_are_removed
                unconfirmed_apps_are_removed
                all_factors_of_a_user_are_removed
                a_secret_is_resealed_from_the_expected_one
                deleted_users_have_no_factors
                a_rollback_keeps_the_factors;
            factor_codes:
                recovery_codes_are_replaced
                a_recovery_code_is_spent_once
                of_many_spenders_exactly_one_wins
                units_count_their_own_recovery_codes
                budgets_follow_the_shared_rule
                of_many_codes_only_the_budget_is_taken
                returned_codes_can_be_taken_again
                budgets_are_reopened_but_one
                a_rollback_keeps_codes_and_budgets;
            faults:
                a_failed_registration_leaves_nothing
                a_failed_login_leaves_nothing
                a_failed_refresh_leaves_the_token_good
                a_refresh_whose_outcome_is_unknown_can_be_repeated
                a_reuse_that_could_not_be_written_is_a_failure
                a_failed_password_change_leaves_everything
                a_failed_goodbye_leaves_everything
                a_failed_administration_leaves_everything;
            locks:
                a_lock_gives_the_user_as_it_is
                a_lock_keeps_other_locks_waiting
                a_lock_keeps_changes_waiting
                a_lock_finds_nobody_after_a_deletion
                counting_under_a_lock_loses_no_count
                a_rotation_does_not_survive_a_revocation_under_a_lock
                a_rotation_goes_on_after_a_rollback;
            outbox:
                letters_are_read_back_exactly
                pages_contain_each_letter_once
                deliveries_are_found_by_recipient
                figures_count_letters
                a_notice_is_inserted_once
                a_claim_takes_due_letters
                of_many_workers_one_has_each_letter
                only_its_holder_prolongs_a_claim
                only_its_holder_updates_a_letter
                only_its_holder_deletes_a_letter
                only_dead_letters_are_revived
                only_a_current_address_is_marked
                letters_stay_after_a_deletion
                a_rollback_leaves_no_letter
                a_sweep_deletes_old_letters
                concurrent_sweeps_count_each_letter_once;
            outbox_logouts:
                a_logout_names_its_session
                only_announced_applications_get_a_logout
                a_session_gets_one_logout
                of_many_queues_each_session_gets_one
                logouts_are_queued_for_groups_of_sessions
                logouts_follow_the_writes_of_the_unit
                logouts_stay_after_a_deletion
                a_claim_without_mail_takes_logouts_only;
            outbox_workers:
                a_letter_is_with_one_worker_whatever_its_clock_says;
            pending_registration:
                registrations_are_read_back_exactly
                an_address_keeps_its_newest_registrations
                attempts_are_counted_down
                expired_codes_count_no_attempt
                of_many_attempts_only_five_count
                a_code_is_renewed_from_its_round
                a_valid_registration_is_spent_once
                of_many_spenders_exactly_one_wins
                all_of_an_address_are_deleted
                a_rollback_keeps_the_registration
                a_sweep_deletes_expired_registrations
                concurrent_sweeps_count_each_registration_once;
            provider:
                codes_are_read_back_exactly
                a_valid_code_is_spent_once
                of_many_spenders_exactly_one_wins
                wrong_presentations_end_a_code
                a_rollback_keeps_the_code
                a_sweep_deletes_expired_codes
                concurrent_sweeps_count_each_code_once
                a_sweep_skips_what_another_deletes
                deleted_users_have_no_codes_and_consents
                consents_come_in_order_of_creation
                a_later_consent_keeps_its_creation
                of_many_consents_one_is_left
                a_consent_is_deleted_once
                a_rollback_keeps_the_consent;
            races:
                no_rotation_survives_revoking_all
                a_busy_client_is_stopped_by_revoking_all
                no_opening_survives_a_deactivation
                no_rotation_follows_a_deactivation
                no_login_with_the_old_password_survives_its_change
                a_login_that_is_overtaken_opens_no_session
                no_login_or_rotation_survives_the_deactivation_of_the_account
                only_the_rekeyed_token_is_left_after_a_password_change
                of_those_who_end_all_others_one_stays
                of_two_who_end_each_other_one_stays
                revoked_callers_change_nothing;
            session:
                inserted_is_read_back_exactly_with_its_user
                a_session_comes_with_its_user_as_it_is_now
                the_live_ones_are_listed_newest_first
                the_live_ones_come_in_pages
                the_addresses_are_those_of_the_newest_sessions
                it_is_told_which_sessions_are_live
                a_revocation_ends_one_session
                a_revocation_of_no_live_session_of_the_user_changes_nothing
                revoking_all_ends_what_was_not_revoked_and_counts_it
                revoking_all_ends_more_than_it_writes
                a_rekey_replaces_the_token_and_forgets_the_one_before
                a_rekey_of_no_live_session_of_the_user_changes_nothing
                a_sweep_takes_what_ended_before
                a_sweep_goes_by_batches
                sweeps_at_once_count_each_session_once;
            session_applications:
                every_kind_is_read_back_exactly
                a_touch_prolongs_a_browser_session
                a_touch_of_another_session_changes_nothing
                a_revocation_returns_the_kind
                a_browser_session_takes_its_applications
                ended_sessions_are_not_revoked_again
                applications_move_to_another_browser_session
                a_withdrawn_consent_ends_its_sessions;
            session_rotation:
                a_rotation_applies_exactly_what_it_says
                a_rotation_keeps_the_last_client
                the_token_before_is_raced_within_the_grace_and_reused_after
                an_undelivered_successor_is_raced_without_a_grace
                an_older_token_is_reused_even_within_the_grace
                tokens_from_before_a_rekey_are_superseded
                a_successor_does_not_outlive_the_session
                an_ended_session_is_not_rotated
                an_inactive_user_gets_no_successor
                a_foreign_session_is_unknown
                of_many_rotations_exactly_one_wins_and_the_others_get_its_session
                without_a_grace_all_but_one_rotation_are_reuse;
            session_start:
                an_opening_keeps_session_and_event
                an_opening_renews_the_hash
                an_overtaken_opening_changes_nothing
                many_openings_at_once_are_all_there
                an_opening_does_not_slip_past_a_lock
                an_opening_goes_on_after_a_rollback
                an_opening_beyond_the_limit_ends_the_least_recently_used
                sessions_that_are_over_give_way_first
                many_openings_at_once_stay_within_the_limit
                an_opening_far_beyond_the_limit_keeps_the_newest
                an_opening_that_waits_for_the_end_of_all_comes_after_it
                an_opening_keeps_its_notice_once;
            step_by_step:
                sessions_are_opened_step_by_step
                an_overtaken_session_is_not_opened_step_by_step
                users_are_registered_step_by_step
                a_taken_address_registers_nobody_step_by_step;
            stories:
                reuse_ends_the_session_and_is_written_down
                a_lost_answer_is_given_again_within_the_grace
                a_rotation_without_an_answer_is_no_reuse
                a_dropped_refresh_is_no_reuse
                racing_tabs_get_the_same_token
                a_lost_answer_from_another_key_is_refused_and_the_session_kept
                a_session_is_refreshed_up_to_its_end
                refused_logins_all_cost_the_same
                a_client_is_known_after_its_first_login
                a_login_renews_an_outdated_hash
                of_many_registrations_exactly_one_succeeds
                a_sweep_deletes_what_no_longer_acts
                every_use_case_keeps_the_rules_of_a_unit
                provider_use_cases_keep_the_rules_of_a_unit;
            superusers:
                the_locked_set_is_that_of_the_active_superusers
                the_locked_set_keeps_others_waiting
                the_last_superuser_survives_races
                the_last_superuser_stays_through_updates
                the_last_superuser_stays_through_deletions
                the_last_superuser_stays_through_deactivations
                revoked_superusers_change_no_user
                operator_follows_the_rules;
            trusted_device:
                devices_are_read_back_exactly
                all_devices_of_a_user_are_deleted
                deleted_users_have_no_devices
                a_rollback_keeps_the_device
                a_sweep_deletes_expired_devices
                concurrent_sweeps_count_each_device_once
                a_sweep_skips_what_another_deletes;
            units:
                a_working_store_answers_a_ping
                writes_are_visible_from_the_commit_on
                a_rollback_undoes_everything
                a_dropped_unit_undoes_everything
                a_unit_sees_its_own_writes
                an_open_view_sees_later_commits
                a_commit_is_never_seen_in_part
                a_dropped_unit_does_not_block_the_next
                a_cancelled_unit_does_not_block_the_next
                many_units_at_once_all_commit
                a_reader_does_not_wait_for_a_unit;
        }
    };
}

/// The same for the cases that need a database.
macro_rules! with_every_case_of_databases {
    ($macro:ident $($store:ident)?) => {
        $macro! {
            $($store)?;
            maintenance:
                migrated_schema_is_current
                reading_an_empty_schema_writes_nothing
                migrations_go_down_and_up
                of_many_migrations_at_once_one_applies_them
                failed_migration_changes_nothing
                foreign_users_are_recognised_and_kept
                foreign_users_are_set_aside
                failed_setting_aside_changes_nothing
                former_addresses_are_reported
                vacuum_ends_and_keeps_all_rows
                checkpoint_keeps_what_was_committed
                open_unit_counts_as_connection_in_use;
        }
    };
}

/// Makes each case a test against a store.
macro_rules! run {
    ($store:ident; $($module:ident: $($case:ident)+;)+) => {
        mod $store {$(
            mod $module {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let opened = inwren_tests::stores::$store().await;
                    let case = inwren_tests::conformance::$module::$case((&opened).into());
                    tokio::time::timeout(crate::conformance::PATIENCE, case).await.expect("a case that ends");
                }
            )+}
        )+}
    };
}

/// Makes a list of the modules, their source and their cases.
macro_rules! list {
    (; $($module:ident: $($case:ident)+;)+) => {
        vec![$((
            stringify!($module),
            include_str!(concat!("../src/conformance/", stringify!($module), ".rs")),
            vec![$(stringify!($case)),+],
        )),+]
    };
}

/// Timeout of a case: a case fails if, for example, two units wait for each other.
const PATIENCE: Duration = Duration::from_secs(240);

with_every_case!(run memory);
with_every_case!(run sqlite);
with_every_case!(run postgres);

mod databases {
    with_every_case_of_databases!(run sqlite);
    with_every_case_of_databases!(run postgres);
}

/// Finds cases that are written but not run.
#[test]
fn every_case_is_run() {
    let mut listed = with_every_case!(list);
    listed.extend(with_every_case_of_databases!(list));
    listed.sort_unstable();
    for (module, source, cases) in &listed {
        let written: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn ")?.split(['(', '<']).next())
            .collect();
        assert_eq!(&written, cases, "{module}");
    }
    let modules: Vec<&str> = include_str!("../src/conformance/mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(modules, listed.iter().map(|(module, ..)| *module).collect::<Vec<_>>());
}
