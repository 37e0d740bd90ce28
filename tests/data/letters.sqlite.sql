INSERT INTO outbox (id, kind, recipient, recipient_normalized, user_id, state, attempts, next_attempt_at, created_at, expires_at)
SELECT randomblob(16), CASE WHEN n % 3 = 0 THEN 'password_reset' ELSE 'new_device' END, email, email_normalized, id,
    CASE WHEN n % 500 = 0 THEN 'dead' WHEN n % 700 = 0 THEN 'pending' ELSE 'delivered' END, 1,
    (unixepoch() + 86400) * 1000 * 1000, (unixepoch() - n) * 1000 * 1000, (unixepoch() + 2 * 86400) * 1000 * 1000
FROM (SELECT id, email, email_normalized, row_number() OVER () AS n FROM users) AS people;
INSERT INTO action_tokens (id, user_id, purpose, email, email_normalized, hashed_token, key_id, credential_version, created_at,
    expires_at)
SELECT randomblob(16), id,
    CASE WHEN n % 3 = 0 THEN 'undo_email' WHEN n % 50 = 1 THEN 'keep_factors' ELSE 'reset_password' END,
    'former-' || email, 'former-' || email_normalized, randomblob(32), 1, 0, (unixepoch() - n) * 1000 * 1000,
    (unixepoch() + n - 200) * 1000 * 1000
FROM (SELECT id, email, email_normalized, row_number() OVER () AS n FROM users) AS people;
INSERT INTO pending_registrations (id, email, email_normalized, hashed_password, tier, hashed_token, key_id, code_round,
    attempts_left, code_expires_at, created_at, expires_at)
SELECT randomblob(16), 'new-' || email, 'new-' || email_normalized, hashed_password, tier, randomblob(32), 1, 0, 5,
    unixepoch() * 1000 * 1000, (unixepoch() - n) * 1000 * 1000, (unixepoch() + n - 200) * 1000 * 1000
FROM (SELECT *, row_number() OVER () AS n FROM users) AS people;
ANALYZE
