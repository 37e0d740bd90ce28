INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, created_at,
    authenticated_at, last_used_at, expires_at, max_expires_at, revoked_at, revoked_reason, ip_address, user_agent)
WITH RECURSIVE digit(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM digit WHERE n < 10),
    day(micros) AS (SELECT 86400 * 1000 * 1000),
    login AS (SELECT users.id, n, email LIKE '%777@%' AS is_over,
        unixepoch() * 1000 * 1000 - 50 * micros + (unixepoch() * 1000 * 1000 - created_at) / 100 AS opened
        FROM users JOIN digit ON n = 1 OR email LIKE '%77@%' JOIN day)
SELECT randomblob(16), id, 0, 0, '0.' || hex(id) || n, randomblob(32), opened, opened, opened, opened,
    opened + CASE WHEN is_over AND n % 2 = 0 THEN micros ELSE 300 * micros END, opened + 300 * micros,
    CASE WHEN is_over AND n % 2 = 1 THEN opened + micros END, CASE WHEN is_over AND n % 2 = 1 THEN 'logout' END,
    '192.0.2.' || n, 'seed/1.0'
FROM login JOIN day;
INSERT INTO audit_events (id, occurred_at, kind, user_id, session_id, actor_id)
SELECT randomblob(16), created_at, 'logged_in', user_id, id, user_id FROM sessions;
ANALYZE
