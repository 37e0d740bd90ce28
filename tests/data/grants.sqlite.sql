INSERT INTO clients (uid, client_id, name, kind, redirect_uris, post_logout_redirect_uris, scopes, grant_types, auth_method,
    first_party, min_acr, allowed_tiers, access_minutes, refresh_days, backchannel_logout_uri, resources, state, created_at,
    updated_at)
WITH RECURSIVE counter(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counter WHERE n < 99)
SELECT randomblob(16), 'seed-' || n, 'Seed ' || n, 'confidential', 'https://seed.example/cb', '', 'openid email',
    'authorization_code refresh_token', 'client_secret_basic', FALSE, 'aal1', '', 30, 7, 'https://seed.example/logout', '',
    'active', unixepoch() * 1000 * 1000, unixepoch() * 1000 * 1000
FROM counter;
INSERT INTO client_secrets (id, client_uid, digest, created_at)
SELECT uid, uid, randomblob(32), created_at FROM clients WHERE client_id LIKE 'seed-%';
INSERT INTO client_assertions (client_uid, digest, expires_at)
SELECT uid, randomblob(32), (unixepoch() + n - 200) * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO authorization_codes (id, digest, client_uid, user_id, session_id, browser_session_id, redirect_uri, code_challenge,
    scope, id_token_claims, authenticated_at, acr, amr, credential_version, attempts_left, expires_at)
SELECT randomblob(16), randomblob(32), uid, id, randomblob(16), randomblob(16), 'https://seed.example/cb',
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'openid', '', unixepoch() * 1000 * 1000, 'aal1', 'pwd', 0, 3,
    (unixepoch() - 86400 + n - 200) * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO consents (user_id, client_uid, scope, created_at, updated_at)
SELECT id, uid, 'openid email', unixepoch() * 1000 * 1000, unixepoch() * 1000 * 1000
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, created_at,
    authenticated_at, last_used_at, expires_at, max_expires_at, client_uid, scope, browser_session_id)
SELECT randomblob(16), id, 0, 0, '0.' || hex(id), randomblob(32), opened, opened, opened, opened,
    opened + 300 * 86400 * 1000 * 1000, opened + 300 * 86400 * 1000 * 1000, uid, 'openid', randomblob(16)
FROM (SELECT id, row_number() OVER () AS n, (unixepoch() - 50 * 86400) * 1000 * 1000 AS opened FROM users) AS people
JOIN clients ON client_id = 'seed-' || (n % 100) WHERE n % 2 = 0;
ANALYZE
