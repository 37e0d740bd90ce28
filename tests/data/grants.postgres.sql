INSERT INTO clients (uid, client_id, name, kind, redirect_uris, post_logout_redirect_uris, scopes, grant_types, auth_method,
    first_party, min_acr, allowed_tiers, access_minutes, refresh_days, backchannel_logout_uri, resources, state, created_at,
    updated_at)
SELECT gen_random_uuid(), 'seed-' || n, 'Seed ' || n, 'confidential', 'https://seed.example/cb', '', 'openid email',
    'authorization_code refresh_token', 'client_secret_basic', FALSE, 'aal1', '', 30, 7, 'https://seed.example/logout', '',
    'active', now(), now()
FROM generate_series(0, 99) AS n;
INSERT INTO client_secrets (id, client_uid, digest, created_at)
SELECT uid, uid, sha256(uid::text::bytea), created_at FROM clients WHERE client_id LIKE 'seed-%';
INSERT INTO client_assertions (client_uid, digest, expires_at)
SELECT uid, sha256(id::text::bytea), now() + (n - 200) * interval '1 second'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO authorization_codes (id, digest, client_uid, user_id, session_id, browser_session_id, redirect_uri, code_challenge,
    scope, id_token_claims, authenticated_at, acr, amr, credential_version, attempts_left, expires_at)
SELECT gen_random_uuid(), sha256(id::text::bytea), uid, id, gen_random_uuid(), gen_random_uuid(), 'https://seed.example/cb',
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', 'openid', '', now(), 'aal1', 'pwd', 0, 3,
    now() - interval '1 day' + (n - 200) * interval '1 second'
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO consents (user_id, client_uid, scope, created_at, updated_at)
SELECT id, uid, 'openid email', now(), now()
FROM (SELECT id, row_number() OVER () AS n FROM users) AS people JOIN clients ON client_id = 'seed-' || (n % 100);
INSERT INTO sessions (id, user_id, generation, rekeyed_generation, refresh_jti, hashed_refresh_token, rotated_at, created_at,
    authenticated_at, last_used_at, expires_at, max_expires_at, client_uid, scope, browser_session_id)
SELECT gen_random_uuid(), id, 0, 0, '0.' || id, sha256(id::text::bytea), opened, opened, opened, opened,
    opened + interval '300 days', opened + interval '300 days', uid, 'openid', gen_random_uuid()
FROM (SELECT id, row_number() OVER () AS n, now() - interval '50 days' AS opened FROM users) AS people
JOIN clients ON client_id = 'seed-' || (n % 100) WHERE n % 2 = 0;
ANALYZE
