//! Checks that the story covers every kind of statement.

/// Fragments that identify each kind of statement, in the SQL of both databases.
const KINDS: [&[&str]; 82] = [
    &["INSERT INTO \"users\""],
    &["INSERT INTO \"sessions\""],
    &["INSERT INTO \"audit_events\""],
    &["UPDATE \"users\" SET", "\"tier\" ="],
    &["UPDATE \"users\" SET", "\"email_normalized\" ="],
    &["UPDATE \"users\" SET", "\"is_active\" ="],
    &["UPDATE \"users\" SET", "\"is_superuser\" ="],
    &["UPDATE \"users\" SET", "\"hashed_password\" =", "\"credential_version\" ="],
    &["DELETE FROM \"users\""],
    &["UPDATE", "sessions", "SET", "generation", "rekeyed_generation"],
    &["UPDATE", "sessions", "SET", "previous_hashed_refresh_token"],
    &["UPDATE \"sessions\" SET \"revoked_at\"", "\"expires_at\" >"],
    &["UPDATE \"sessions\" SET \"revoked_at\"", "\"id\" <>"],
    &["SELECT", "FROM \"sessions\"", "\"expires_at\" <", "ORDER BY"],
    &["SELECT", "FROM \"sessions\"", "\"revoked_at\" <", "ORDER BY"],
    &["DELETE FROM \"sessions\"", "\"id\" IN"],
    &["SELECT", "FROM \"audit_events\"", "\"occurred_at\" <", "ORDER BY", "ASC"],
    &["SELECT", "FROM \"audit_events\"", "WHERE (\"occurred_at\", \"id\") <", "ORDER BY"],
    &["SELECT", "FROM \"audit_events\"", "\"user_id\" =", "(\"occurred_at\", \"id\") <", "ORDER BY"],
    &["SELECT", "FROM \"audit_events\"", "\"user_id\" =", "kind || ''", "ORDER BY"],
    &["SELECT", "FROM \"audit_events\"", "\"client_id\" =", "ORDER BY"],
    &["SELECT", "FROM \"audit_events\"", "\"kind\" =", "(\"occurred_at\", \"id\") <", "ORDER BY"],
    &["SELECT", "FROM \"audit_events\"", "\"kind\" =", "\"occurred_at\" >=", "\"occurred_at\" <", "ORDER BY"],
    &["SELECT", "\"ip_address\" IS NOT NULL", "ORDER BY"],
    &["SELECT", "FROM \"users\"", "\"email_normalized\" ="],
    &["SELECT", "FROM \"sessions\"", "\"max_expires_at\" >", "ORDER BY"],
    &["SELECT", "sessions", "users", "JOIN"],
    &["SELECT", "FROM \"users\"", "CASE WHEN is_active", "\"created_at\" DESC"],
    &["SELECT", "FROM \"users\"", "\"tier\" =", "UNION ALL"],
    &["SELECT", "FROM \"users\"", "\"email_normalized\" >=", "ORDER BY \"email_normalized\""],
    &["SELECT", "FROM \"users\"", "\"email_normalized\" >=", "\"tier\" =", "UNION ALL"],
    &["SELECT", "FROM \"users\"", "\"email_normalized\" >=", "CASE WHEN is_superuser", "ORDER BY"],
    &["INSERT INTO \"outbox\""],
    &["SELECT", "FROM \"outbox\"", "\"next_attempt_at\" <=", "ORDER BY"],
    &["UPDATE \"outbox\"", "\"attempts\" + "],
    &["UPDATE \"outbox\"", "\"last_error\" ="],
    &["DELETE FROM \"outbox\"", "\"claim\" ="],
    &["SELECT", "FROM \"outbox\"", "\"state\" =", "\"created_at\" <", "ASC"],
    &["SELECT", "FROM \"outbox\"", "ORDER BY \"outbox\".\"created_at\" DESC"],
    &["SELECT", "FROM \"outbox\"", "GROUP BY"],
    &["SELECT", "FROM \"outbox\"", "\"recipient_normalized\" =", "\"kind\" ="],
    &["INSERT INTO \"action_tokens\""],
    &["DELETE FROM \"action_tokens\"", "\"hashed_token\" ="],
    &["INSERT INTO \"pending_registrations\""],
    &["UPDATE \"pending_registrations\"", "\"attempts_left\""],
    &["DELETE FROM \"pending_registrations\"", "\"email_normalized\" ="],
    &["UPDATE \"users\" SET", "\"highest_acr\" ="],
    &["SELECT", "FROM \"factors\"", "\"user_id\" =", "ORDER BY"],
    &["SELECT", "FROM \"factors\"", "\"credential_id\" ="],
    &["SELECT", "FROM \"factors\"", "\"key_id\" ="],
    &["INSERT INTO \"factors\"", "ON CONFLICT"],
    &["UPDATE \"factors\" SET \"is_confirmed\" ="],
    &["UPDATE \"factors\" SET \"last_step\" ="],
    &["UPDATE \"factors\" SET \"sign_count\" ="],
    &["UPDATE \"factors\" SET \"name\" ="],
    &["UPDATE \"factors\" SET \"key_id\" ="],
    &["DELETE FROM \"factors\"", "\"user_id\" =", "\"id\" ="],
    &["DELETE FROM \"factors\"", "\"user_id\" =", "\"is_confirmed\" ="],
    &["SELECT COUNT(", "FROM \"recovery_codes\""],
    &["INSERT INTO \"recovery_codes\""],
    &["DELETE FROM \"recovery_codes\"", "\"digest\" ="],
    &["SELECT", "FROM \"factor_budgets\"", "\"user_id\" ="],
    &["INSERT INTO \"factor_budgets\"", "ON CONFLICT", "DO UPDATE"],
    &["UPDATE \"factor_budgets\" SET \"taken\" ="],
    &["DELETE FROM \"factor_budgets\"", "\"budget\" <>"],
    &["SELECT", "FROM \"challenges\"", "\"digest\" ="],
    &["INSERT INTO \"challenges\""],
    &["UPDATE \"challenges\" SET \"attempts_left\" ="],
    &["DELETE FROM \"challenges\"", "\"expires_at\" >"],
    &["SELECT", "FROM \"challenges\"", "\"expires_at\" <", "ORDER BY"],
    &["DELETE FROM \"challenges\"", "\"id\" IN"],
    &["SELECT", "FROM \"trusted_devices\"", "\"digest\" ="],
    &["INSERT INTO \"trusted_devices\""],
    &["DELETE FROM \"trusted_devices\"", "\"user_id\" ="],
    &["SELECT", "FROM \"trusted_devices\"", "\"expires_at\" <", "ORDER BY"],
    &["DELETE FROM \"trusted_devices\"", "\"id\" IN"],
    &["SELECT", "FROM \"action_tokens\"", "\"user_id\" =", "\"created_at\" DESC"],
    &["SELECT", "FROM \"action_tokens\"", "\"purpose\" = 'keep_factors'", "ORDER BY"],
    &["SELECT", "FROM \"action_tokens\"", "\"purpose\" <> 'keep_factors'", "ORDER BY"],
    &["SELECT", "FROM \"action_tokens\"", "\"email_normalized\" =", "\"purpose\" = 'undo_email'"],
    &["UPDATE \"action_tokens\" SET \"wrong_codes\" ="],
    &["DELETE FROM \"action_tokens\"", "\"user_id\" =", "\"purpose\" ="],
];

/// Checks that the story executed every kind of statement.
#[track_caller]
pub(super) fn all_were_met(statements: &[&str]) {
    for kind in KINDS {
        let met = statements.iter().any(|statement| kind.iter().all(|part| statement.contains(part)));
        assert!(met, "no statement like {kind:?} among:\n{}", distinct(statements).join("\n"));
    }
}

/// The statements without duplicates.
pub(super) fn distinct<'a>(statements: &[&'a str]) -> Vec<&'a str> {
    let mut distinct = statements.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}
