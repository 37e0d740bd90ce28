INSERT INTO outbox (id, kind, recipient, recipient_normalized, user_id, state, attempts, next_attempt_at, created_at, expires_at)
SELECT gen_random_uuid(), CASE WHEN n % 3 = 0 THEN 'password_reset' ELSE 'new_device' END, email, email_normalized, id,
    CASE WHEN n % 500 = 0 THEN 'dead' WHEN n % 700 = 0 THEN 'pending' ELSE 'delivered' END, 1, now() + interval '1 day',
    now() - n * interval '1 second', now() + interval '2 days'
FROM (SELECT id, email, email_normalized, row_number() OVER () AS n FROM users) AS people;
INSERT INTO action_tokens (id, user_id, purpose, email, email_normalized, hashed_token, key_id, credential_version, created_at,
    expires_at)
SELECT gen_random_uuid(), id,
    CASE WHEN n % 3 = 0 THEN 'undo_email' WHEN n % 50 = 1 THEN 'keep_factors' ELSE 'reset_password' END,
    'former-' || email, 'former-' || email_normalized, sha256(id::text::bytea), 1, 0, now() - n * interval '1 second',
    now() + (n - 200) * interval '1 second'
FROM (SELECT id, email, email_normalized, row_number() OVER () AS n FROM users) AS people;
INSERT INTO pending_registrations (id, email, email_normalized, hashed_password, tier, hashed_token, key_id, code_round,
    attempts_left, code_expires_at, created_at, expires_at)
SELECT gen_random_uuid(), 'new-' || email, 'new-' || email_normalized, hashed_password, tier, sha256(id::text::bytea), 1, 0, 5,
    now(), now() - n * interval '1 second', now() + (n - 200) * interval '1 second'
FROM (SELECT *, row_number() OVER () AS n FROM users) AS people;
ANALYZE
