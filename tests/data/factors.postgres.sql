INSERT INTO factors (id, user_id, kind, created_at, is_confirmed, key_id, sealed_secret, last_step)
SELECT gen_random_uuid(), id, 'totp', now() - n * interval '1 second', TRUE, 4294967295 - n % 3, sha256(id::text::bytea), 0
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO factors (id, user_id, kind, created_at, is_confirmed, credential_id, public_key, algorithm, sign_count,
    is_backup_eligible, is_backed_up, verifies_user, user_handle, transports)
SELECT gen_random_uuid(), id, 'passkey', now() - n * interval '1 second', TRUE, sha256(id::text::bytea), sha256(id::text::bytea),
    -7, n, TRUE, TRUE, TRUE, sha256(id::text::bytea), 'hybrid internal'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people WHERE n % 2 = 0;
INSERT INTO recovery_codes (user_id, digest)
SELECT id, sha256((id::text || n)::bytea) FROM users, generate_series(1, 3) AS n;
INSERT INTO factor_budgets (user_id, budget, taken, since)
SELECT id, CASE n % 3 WHEN 0 THEN 'totp' WHEN 1 THEN 'recovery_code' ELSE 'password_reset' END, n % 20,
    now() - n * interval '1 second'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO challenges (id, digest, purpose, user_id, credential_version, attempts_left, expires_at)
SELECT gen_random_uuid(), sha256(id::text::bytea), CASE n % 3 WHEN 0 THEN 'passkey_login' ELSE 'login' END,
    CASE n % 3 WHEN 0 THEN NULL ELSE id END, 0, 5, now() + (n - 200) * interval '1 second'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO trusted_devices (id, user_id, digest, credential_version, created_at, expires_at)
SELECT gen_random_uuid(), id, sha256(id::text::bytea), 0, now() - n * interval '1 second',
    now() + (n - 200) * interval '1 second'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
ANALYZE
