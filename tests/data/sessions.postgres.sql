INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, created_at,
    authenticated_at, last_used_at, expires_at, max_expires_at, revoked_at, revoked_reason, ip_address, user_agent)
SELECT gen_random_uuid(), id, 0, 0, '0.' || id || n, sha256((id::text || n)::bytea), opened, opened, opened, opened,
    opened + CASE WHEN is_over AND n % 2 = 0 THEN interval '1 day' ELSE interval '300 days' END, opened + interval '300 days',
    CASE WHEN is_over AND n % 2 = 1 THEN opened + interval '1 day' END, CASE WHEN is_over AND n % 2 = 1 THEN 'logout' END,
    '192.0.2.' || n, 'seed/1.0'
FROM (SELECT id, email LIKE '%777@%' AS is_over, generate_series(1, CASE WHEN email LIKE '%77@%' THEN 10 ELSE 1 END) AS n,
    now() - interval '50 days' + 0.01 * (now() - created_at) AS opened FROM users) AS logins;
INSERT INTO audit_events (id, occurred_at, kind, user_id, session_id, actor_id)
SELECT gen_random_uuid(), created_at, 'logged_in', user_id, id, user_id FROM sessions;
ANALYZE
