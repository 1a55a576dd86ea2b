//! What every engine promises, run against each of them.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed, and says where"
)]

mod access;
mod audit;
mod care;
mod copy;
#[path = "../../../core/tests/identity/decisions.rs"]
mod decisions;
mod duplicates;
mod feed;
mod filters;
mod groups;
#[path = "../../../core/tests/identity/hub.rs"]
#[expect(dead_code, reason = "what is told to people is looked at where the stories are told")]
mod hub;
mod imports;
mod interruptions;
mod lists;
mod model;
mod parting;
mod policy;
mod receipts;
mod signing_in;
mod stories;
mod support;
mod trials;
mod walks;
mod webhooks;
mod wechat;
mod writes;

/// Runs each promise against each engine, so that a failure reads `on_sqlite::a_refused_…`.
macro_rules! contract {
    ($($module:ident::{$($promise:ident),* $(,)?}),* $(,)?) => {
        mod on_memory {
            use crate::{support, $($module),*};
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() { $module::$promise(&support::Rig::memory().await).await; })*)*
        }
        mod on_sqlite {
            use crate::{support, $($module),*};
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() { $module::$promise(&support::Rig::sqlite().await).await; })*)*
        }
        mod on_postgres {
            use crate::{support, $($module),*};
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() { $module::$promise(&support::Rig::postgres().await).await; })*)*
        }
        mod on_cluster {
            use crate::{support, $($module),*};
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() { $module::$promise(&support::Rig::cluster().await).await; })*)*
        }
    };
}

contract! {
    writes::{
        a_new_identity_creates_a_customer,
        a_known_identity_updates_its_customer,
        a_merged_away_id_answers_with_its_survivor,
        a_conflict_is_opened_once_however_often_it_is_met,
        a_refused_command_leaves_its_neighbours_alone,
        a_dry_run_stores_nothing,
        a_later_row_of_a_batch_sees_the_earlier_ones,
        a_deleted_customer_is_gone_from_every_read,
        the_journal_is_the_chain_of_what_happened,
        a_probe_is_written,
        a_tenant_that_does_not_exist_is_refused,
        a_match_by_attribute_sees_past_what_its_group_took_away,
    },
    stories::{
        every_story_is_answered_and_kept_as_it_is_told,
    },
    access::{
        tenants_and_apps_are_in_the_directory,
        an_app_can_be_rotated_revoked_and_permitted,
        an_app_belongs_to_its_tenant,
        a_policy_change_rules_the_next_upsert,
        a_tenant_sees_nothing_of_another,
    },
    policy::{
        what_is_set_for_a_type_rules_the_next_upsert,
        case_is_fixed_once_a_type_has_identities,
        who_looks_by_a_type_sees_what_was_set_for_it_since,
        a_released_identity_matches_again,
        quarantined_identities_are_listed,
        holdings_are_those_of_live_customers,
        a_dry_change_of_policy_tells_whom_it_would_affect,
    },
    lists::{
        a_page_is_in_order_and_knows_the_total,
        identities_are_counted_for_each_tenant,
        a_page_past_the_end_is_empty,
        a_position_holds_while_the_list_changes,
        redirecting_ids_in_a_filter_stand_for_their_survivor,
        identities_are_found_by_owner_type_and_value,
        an_identity_is_found_whoever_owns_it,
        conflicts_of_a_deleted_customer_are_told_until_it_is_erased,
        a_whole_customer_has_its_identities_and_redirecting_ids,
        custom_attributes_sort_across_types,
        a_name_that_an_erased_customer_gave_is_gone,
    },
    walks::{
        a_walk_tells_everybody_once_with_what_they_hold,
        a_walk_is_of_the_moment_at_which_it_began,
        a_walk_tells_only_those_that_match,
        an_outline_knows_which_fields_are_shown,
        a_walk_that_is_given_up_makes_room,
        a_walk_sees_nothing_of_another_tenant,
        a_walk_breaks_off_when_the_store_is_closed,
    },
    trials::{
        a_trial_of_a_store_is_of_its_moment,
    },
    feed::{
        who_follows_the_feed_knows_who_owns_what,
        an_erasure_leaves_every_place_where_it_was,
        a_feed_ends_where_nothing_is,
        identities_are_found_by_number,
        what_is_committed_is_announced,
    },
    receipts::{
        a_request_sent_again_under_its_key_is_answered_without_doing_it_again,
        every_command_that_a_key_can_come_with_is_remembered,
        another_request_under_a_used_key_is_refused,
        a_key_belongs_to_its_app_and_its_tenant,
        equal_requests_of_one_group_share_one_key,
        equal_requests_at_once_under_one_key_apply_once,
        a_dry_run_looks_at_no_key,
        a_refusal_is_not_remembered,
        a_key_is_forgotten_after_a_day,
        what_is_remembered_holds_no_content,
    },
    duplicates::{
        a_shop_phone_suggests_each_pair_once,
        what_guarded_keeps_apart_is_suggested,
        every_reason_finds_its_pair_and_no_other,
        a_mistyped_identity_is_suggested,
        merged_and_deleted_customers_are_nobodys_duplicates,
        a_hotline_is_one_crowd_and_no_pairs,
        people_declared_to_be_different_are_not_suggested,
    },
    parting::{
        a_claim_decided_late_takes_nothing_else_along,
        an_erased_person_leaves_no_claim_undecided,
    },
    care::{
        a_store_in_use_is_sound,
    },
    groups::{
        an_identity_that_is_freed_in_a_batch_finds_nobody_behind_it,
        equal_first_upserts_at_once_create_one_customer,
        crossed_upserts_at_once_neither_fail_nor_wait_for_ever,
        nothing_is_accepted_after_closing,
        a_batch_that_belongs_together_is_kept_whole_or_not_at_all,
        a_batch_that_is_given_up_leaves_its_neighbours_alone,
        a_batch_on_trial_keeps_nothing,
    },
    webhooks::{
        a_webhook_is_told_what_comes_after_it,
        settings_and_secrets_change,
        a_deleted_webhook_leaves_nothing_and_its_id_is_not_given_out_again,
        a_tenant_has_so_many_webhooks_and_sees_no_others,
        one_hub_delivers_at_a_time,
        progress_is_kept_as_it_was_made,
        progress_counts_only_for_who_delivers_and_in_its_epoch,
        a_replay_tells_again_and_skips_nothing,
        dead_letters_are_tried_again_from_the_first_try_on,
        a_webhook_changes_once_under_its_key,
    },
    wechat::{
        an_account_is_bound_changed_and_unbound,
        a_tenant_has_so_many_accounts_and_sees_no_others,
        an_import_is_held_by_one_and_kept_as_it_came,
        an_import_of_tonight_is_asked_for_once,
        an_account_changes_once_under_its_key,
    },
    imports::{
        an_import_is_kept_as_it_was_made,
        one_is_at_work_on_a_file_at_a_time,
        an_interrupted_import_goes_on_with_the_same_plan_only,
        who_lost_an_import_writes_nothing_down,
        an_unwanted_import_ends,
        a_forgotten_import_leaves_nothing_and_its_id_is_not_given_out_again,
        so_many_imports_are_remembered,
        an_import_that_waits_for_its_turn_is_not_forgotten,
        a_tenant_sees_no_imports_of_another,
    },
    audit::{
        a_filter_of_the_audit_log_finds_all_that_match_and_nothing_else,
        pages_of_the_audit_log_follow_each_other,
    },
    signing_in::{
        a_user_is_an_app_that_is_no_program,
        a_login_name_is_taken_once_in_the_hub,
        what_a_user_may_do_follows_its_role,
        a_tenant_keeps_an_admin,
        what_somebody_else_set_for_a_user_meanwhile_stays,
        a_session_is_kept_until_it_ends,
        sessions_end_with_what_they_were_begun_by,
        a_user_has_so_many_sessions,
        failed_attempts_lock_a_name_whoever_has_it,
        a_new_password_opens_a_locked_name,
        attempts_under_unknown_names_are_forgotten_where_there_are_many,
        what_people_do_is_read_newest_first,
        who_keeps_apps_webhooks_and_accounts_leaves_a_trace,
        a_saved_filter_is_kept_until_its_user_forgets_it,
        a_user_has_so_many_saved_filters,
    },
}
