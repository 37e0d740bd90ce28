INSERT INTO users (id, email, email_normalized, hashed_password, is_active, is_superuser, tier, created_at, updated_at,
    credential_version)
WITH RECURSIVE counter(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM counter WHERE n < {last})
SELECT randomblob(16), 'user-' || n || '@seed.example', 'user-' || n || '@seed.example',
    '$argon2id$v=19$m=19456,t=2,p=1$c2VlZHNlZWRzZWVkc2VlZA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    n % 50 <> 0, n % 10007 = 0, CASE n % 10 WHEN 0 THEN 'premium' ELSE 'free' END,
    (unixepoch() - n) * 1000 * 1000, (unixepoch() - n) * 1000 * 1000, 0
FROM counter;
ANALYZE
