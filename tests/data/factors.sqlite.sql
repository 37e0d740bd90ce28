INSERT INTO factors (id, user_id, kind, created_at, is_confirmed, key_id, sealed_secret, last_step)
SELECT randomblob(16), id, 'totp', (unixepoch() - n) * 1000 * 1000, TRUE, 4294967295 - n % 3, randomblob(48), 0
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO factors (id, user_id, kind, created_at, is_confirmed, credential_id, public_key, algorithm, sign_count,
    is_backup_eligible, is_backed_up, verifies_user, user_handle, transports)
SELECT randomblob(16), id, 'passkey', (unixepoch() - n) * 1000 * 1000, TRUE, randomblob(32), randomblob(64), -7, n, TRUE, TRUE,
    TRUE, randomblob(32), 'hybrid internal'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people WHERE n % 2 = 0;
INSERT INTO recovery_codes (user_id, digest)
WITH RECURSIVE digit(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM digit WHERE n < 3)
SELECT id, randomblob(32) FROM users JOIN digit;
INSERT INTO factor_budgets (user_id, budget, taken, since)
SELECT id, CASE WHEN n % 3 = 0 THEN 'totp' WHEN n % 3 = 1 THEN 'recovery_code' ELSE 'password_reset' END, n % 20,
    (unixepoch() - n) * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO challenges (id, digest, purpose, user_id, credential_version, attempts_left, expires_at)
SELECT randomblob(16), randomblob(32), CASE WHEN n % 3 = 0 THEN 'passkey_login' ELSE 'login' END,
    CASE WHEN n % 3 = 0 THEN NULL ELSE id END, 0, 5, (unixepoch() + n - 200) * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
INSERT INTO trusted_devices (id, user_id, digest, credential_version, created_at, expires_at)
SELECT randomblob(16), id, randomblob(32), 0, (unixepoch() - n) * 1000 * 1000,
    (unixepoch() + n - 200) * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people;
ANALYZE
