INSERT INTO users (id, email, email_normalized, hashed_password, is_active, is_superuser, tier, created_at, updated_at,
    credential_version)
SELECT gen_random_uuid(), 'user-' || n || '@seed.example', 'user-' || n || '@seed.example',
    '$argon2id$v=19$m=19456,t=2,p=1$c2VlZHNlZWRzZWVkc2VlZA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    n % 50 <> 0, n % 10007 = 0, CASE n % 10 WHEN 0 THEN 'premium' ELSE 'free' END,
    now() - n * interval '1 second', now() - n * interval '1 second', 0
FROM generate_series({first}, {last}) AS n;
ANALYZE users
