//! Registration.

use std::sync::Arc;

use inwren_domain::credential::ContextWords;
use inwren_domain::store::Store;
use inwren_tests::app::{PASSWORD, Reply, TestApp};
use inwren_tests::fixtures::tier;
use serde_json::{Value, json};

stories! {
    a_new_user_can_log_in_at_once
    an_address_is_compared_without_case_and_kept_as_given
    tiers_are_chosen_from_those_for_users
    a_user_gets_the_configured_tier
    addresses_are_checked
    one_mailbox_has_one_account
    international_domains_are_accepted
    domains_without_an_ascii_form_are_refused
    invisible_characters_are_refused
    all_errors_are_reported_together
    passwords_are_checked
    words_that_name_the_service_do_not_make_a_password
    passwords_are_counted_in_characters_after_normalisation
    a_password_typed_on_another_keyboard_is_the_same
    registration_cannot_create_a_superuser
    of_many_registrations_one_succeeds
}

async fn register(app: &TestApp, email: &str, password: &str) -> Reply {
    app.post("/auth/register").json(&json!({ "email": email, "password": password })).send().await
}

async fn a_new_user_can_log_in_at_once(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let reply = register(&app, "ann@example.org", PASSWORD).await.expect_status(201);
    assert_eq!(reply.header("location"), Some("/users/me"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let user = reply.json();
    assert_eq!(user["email"], "ann@example.org");
    assert_eq!(user["tier"], "free");
    assert_eq!(user["is_active"], true);
    assert_eq!(user["is_superuser"], false);
    assert_eq!(user["created_at"], "2030-03-17T17:46:40.123457Z");
    let id = user["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"), "{id} is no UUID of version 7");
    assert_eq!(user["email_verified"], false);
    assert_eq!(user.as_object().unwrap().len(), 7, "{user}");

    let tokens = app.login("ann@example.org").await;
    assert_eq!(app.me(&tokens.access).await.expect_status(200).json(), user);
}

async fn an_address_is_compared_without_case_and_kept_as_given(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let user = app.register("  Ann.Lee@Example.org ").await;
    assert_eq!(user["email"], "Ann.Lee@Example.org");
    for same in
        ["Ann.Lee@Example.org", "ann.lee@example.org", "ANN.LEE@EXAMPLE.ORG", " ann.lee@example.org\n"]
    {
        register(&app, same, PASSWORD).await.expect_problem(409, "email-taken");
        app.login(same).await;
    }
    app.register("Ann-Lee@example.org").await;
    // The same letter, composed and decomposed.
    app.register("andr\u{e9}@example.org").await;
    register(&app, "ANDRE\u{301}@example.org", PASSWORD).await.expect_problem(409, "email-taken");
}

async fn tiers_are_chosen_from_those_for_users(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let with_tier = async |email: &str, tier: Value| {
        let body = json!({ "email": email, "password": PASSWORD, "tier": tier });
        app.post("/auth/register").json(&body).send().await
    };
    for (email, tier) in [("a@example.org", json!("free")), ("b@example.org", json!(null))] {
        assert_eq!(with_tier(email, tier).await.expect_status(201).json()["tier"], "free");
    }
    for tier in ["premium", "enterprise"] {
        with_tier("c@example.org", json!(tier)).await.expect_problem(403, "tier-not-self-service");
    }
    for tier in [json!("gold"), json!(""), json!("FREE"), json!(" free"), json!("free\u{0}"), json!(1)] {
        with_tier("c@example.org", tier).await.expect_invalid(&["/tier"]);
    }
    app.register("c@example.org").await;
}

async fn a_user_gets_the_configured_tier(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        let (basic, more) = (tier("basic"), tier("more"));
        let all = vec![more.clone(), basic.clone()];
        config.rules.tiers = inwren_domain::account::TierCatalog::new(all, vec![basic, more]).unwrap();
    });
    assert_eq!(app.register("a@example.org").await["tier"], "basic");
    let body = json!({ "email": "b@example.org", "password": PASSWORD, "tier": "more" });
    assert_eq!(app.post("/auth/register").json(&body).send().await.json()["tier"], "more");
    let body = json!({ "email": "c@example.org", "password": PASSWORD, "tier": "free" });
    app.post("/auth/register").json(&body).send().await.expect_invalid(&["/tier"]);
}

async fn addresses_are_checked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let too_long =
        format!("{}@{}.{}.{}.example.org", "a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(60));
    assert!(too_long.len() == 255);
    let wrong = [
        "",
        " ",
        "ann",
        "@example.org",
        "ann@",
        "ann@localhost",
        "ann@@example.org",
        "a b@example.org",
        "ann@exa mple.org",
        "ann@example..org",
        ".ann@example.org",
        "ann@-example.org",
        "ann\u{0}@example.org",
        "ann@example.org\u{0}",
        "ann\u{202e}@example.org",
        "ann\u{200b}@example.org",
        "ann\r\nBcc: x@example.org",
        "<ann@example.org>",
        "ann@example.org,bob@example.org",
        "ann@192.0.2.1",
        "ann@[192.0.2.1]",
        "\"ann\"@example.org",
        &too_long,
    ];
    for email in wrong {
        register(&app, email, PASSWORD).await.expect_invalid(&["/email"]);
    }
    let longest = too_long.replace("aaa@", "aa@");
    assert!(longest.len() == 254);
    for email in [&longest, "a@b.co", "ann+tag@example.org", "o'neill@example.org", "用户@例子.公司"] {
        assert_eq!(app.register(email).await["email"], email);
        app.login(email).await;
    }
}

/// Spellings of one domain name (UTS 46).
const SAME_DOMAIN: [&str; 6] = [
    "bücher.example",
    "xn--bcher-kva.example",
    "BU\u{308}CHER.Example",
    "XN--Bcher-KVA.EXAMPLE",
    "ｂüｃｈｅｒ．ｅｘａｍｐｌｅ",
    "ⓑüⓒⓗⓔⓡ。ⓔⓧⓐⓜⓟⓛⓔ",
];

async fn one_mailbox_has_one_account(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for (name, first) in [("unicode", SAME_DOMAIN[0]), ("ascii", SAME_DOMAIN[1]), ("circled", SAME_DOMAIN[5])]
    {
        let email = format!("{name}@{first}");
        let user = app.register(&email).await;
        assert_eq!(user["email"], email, "stored as given");
        for domain in SAME_DOMAIN {
            let same = format!("{}@{domain}", name.to_uppercase());
            register(&app, &same, PASSWORD).await.expect_problem(409, "email-taken");
            let tokens = app.login(&same).await;
            assert_eq!(app.me(&tokens.access).await.expect_status(200).json()["id"], user["id"]);
            let form = [("grant_type", "password"), ("username", same.as_str()), ("password", PASSWORD)];
            app.post("/auth/access-token").form(&form).send().await.expect_status(200).json();
        }
    }
    // Another account cannot change to that address either.
    let other = app.user_fixture().await;
    let change = json!({ "email": "unicode@xn--bcher-kva.example" });
    let call = app.put("/users/me").bearer(&other.tokens.access).json(&change);
    call.send().await.expect_problem(409, "email-taken");
}

async fn international_domains_are_accepted(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let long = "б".repeat(56);
    assert!(long.len() > 63);
    for domain in [
        "para\u{b7}l\u{b7}lel.example",
        "نامه\u{200c}ای.example",
        "ශ\u{dca}\u{200d}ර.example",
        "faß.example",
        "r3---sn.example",
        &format!("{long}.example"),
    ] {
        let email = format!("ann@{domain}");
        assert_eq!(app.register(&email).await["email"], email);
        app.login(&email).await;
    }
    // Nontransitional processing: a domain with a sharp s differs from one with two s.
    app.register("ann@fass.example").await;
}

async fn domains_without_an_ascii_form_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let too_long = "б".repeat(63);
    for domain in [
        "xn--a.example",
        "exa\u{200c}mple.org",
        "exa\u{200d}mple.org",
        "l\u{b7}l.",
        "\u{300}a.example",
        "a\u{5d0}.example",
        "a\u{2100}b.example",
        "１９２.0.2.１",
        "exa\u{a0}mple.org",
        "exa\u{fffd}mple.org",
        "exa\u{e000}mple.org",
        &format!("{too_long}.example"),
    ] {
        register(&app, &format!("ann@{domain}"), PASSWORD).await.expect_invalid(&["/email"]);
    }
}

/// The first and last code point of each range of `Default_Ignorable_Code_Point` (Unicode 17.0).
const INVISIBLE: [(u32, u32); 17] = [
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

async fn invisible_characters_are_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let ends = INVISIBLE.into_iter().flat_map(|(first, last)| [first, last]);
    for c in ends.chain([0x180E, 0xE0100]).filter_map(char::from_u32) {
        for email in
            [format!("a{c}nn@example.org"), format!("{c}@example.org"), format!("ann@exa{c}mple.org")]
        {
            let reply = register(&app, &email, PASSWORD).await;
            reply.expect_invalid(&["/email"]);
            assert!(reply.text().contains("invisible"), "{email:?}: {reply}");
        }
    }
}

async fn all_errors_are_reported_together(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for (body, pointers) in [
        (json!({ "email": "ann", "password": "short" }), vec!["/email", "/password"]),
        (json!({ "email": "ann", "password": "password" }), vec!["/email", "/password"]),
        (json!({ "email": "ann", "password": 5, "tier": 5 }), vec!["/email", "/password", "/tier"]),
        (json!({ "email": "ann", "password": PASSWORD, "age": 5 }), vec!["/age", "/email"]),
        (json!({ "email": "ann", "password": PASSWORD }), vec!["/email"]),
    ] {
        app.post("/auth/register").json(&body).send().await.expect_invalid(&pointers);
    }
}

async fn passwords_are_checked(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let wrong = [
        "",
        "1234567",
        "short",
        &"x".repeat(129),
        "password",
        "Password",
        "PASSWORD",
        "12345678",
        "qwertyuiop",
        "iloveyou",
        "somebody.else@example.org",
        "Somebody.Else@Example.ORG",
    ];
    for password in wrong {
        register(&app, "Somebody.Else@example.org", password).await.expect_invalid(&["/password"]);
    }
    let right = [
        "xk4-9qzv",
        &"x".repeat(128),
        "securepassword123",
        "        8",
        "пароль для всех",
        "🐈🐕🐈🐕🐈🐕🐈🐕",
        "with\u{0}a NUL",
        "a\tb\nc\rdefgh",
        "' OR 1=1; --",
    ];
    for (n, password) in right.iter().enumerate() {
        let email = format!("right-{n}@example.org");
        register(&app, &email, password).await.expect_status(201).json();
        app.try_login(&email, password).await.expect_status(200).json();
        for other in [format!("{password} "), format!(" {password}"), password.to_uppercase()] {
            if other != *password {
                app.try_login(&email, &other).await.expect_problem(401, "invalid-credentials");
            }
        }
    }
}

async fn passwords_are_counted_in_characters_after_normalisation(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    // Eight bytes that are seven characters. Then 14 and 16 code points that normalise to seven and eight.
    register(&app, "a@example.org", "zdvkq\u{e9}x").await.expect_invalid(&["/password"]);
    register(&app, "a@example.org", &"e\u{301}".repeat(7)).await.expect_invalid(&["/password"]);
    register(&app, "a@example.org", &"e\u{301}".repeat(8)).await.expect_status(201).json();
    register(&app, "b@example.org", &"🐈".repeat(128)).await.expect_status(201).json();
    register(&app, "c@example.org", &"🐈".repeat(129)).await.expect_invalid(&["/password"]);
    // A ligature that normalises to two letters.
    register(&app, "c@example.org", &"\u{fb01}".repeat(65)).await.expect_invalid(&["/password"]);
    // Passwords that differ only in the last of many bytes are different.
    let long = "x".repeat(127);
    register(&app, "d@example.org", &format!("{long}a")).await.expect_status(201).json();
    app.try_login("d@example.org", &format!("{long}b")).await.expect_problem(401, "invalid-credentials");
    app.try_login("d@example.org", &long).await.expect_problem(401, "invalid-credentials");
}

async fn a_password_typed_on_another_keyboard_is_the_same(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    register(&app, "a@example.org", "caf\u{e9} au lait").await.expect_status(201).json();
    app.try_login("a@example.org", "cafe\u{301} au lait").await.expect_status(200).json();
    app.try_login("a@example.org", "cafe au lait").await.expect_problem(401, "invalid-credentials");
}

async fn registration_cannot_create_a_superuser(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    for field in
        ["is_superuser", "is_active", "id", "hashed_password", "created_at", "credential_version", "Email"]
    {
        let mut body = json!({ "email": "a@example.org", "password": PASSWORD });
        body[field] = json!(true);
        let pointer = format!("/{field}");
        app.post("/auth/register").json(&body).send().await.expect_invalid(&[&pointer]);
    }
    app.try_login("a@example.org", PASSWORD).await.expect_problem(401, "invalid-credentials");
}

async fn of_many_registrations_one_succeeds(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let spellings = ["ann@example.org", "Ann@example.org", "ANN@example.org", "ann@EXAMPLE.org"];
    let all = (0..8).map(|n| register(&app, spellings[n % spellings.len()], PASSWORD));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(all).await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
}

async fn words_that_name_the_service_do_not_make_a_password(store: Arc<dyn Store>) {
    let app = TestApp::configured(store, |config| {
        config.rules.context_words = ContextWords::of(["Inwren Auth", "ACME"]);
    });
    for password in ["inwren123", "Inwren-Auth", "acme-inwren-1", "gardener2026", "AnnTheGardener"] {
        let body = json!({ "email": "anntheGardener@gardener.example", "password": password });
        app.post("/auth/register").json(&body).send().await.expect_invalid(&["/password"]);
    }
    let body = json!({ "email": "anntheGardener@gardener.example", "password": "inwren in my garden" });
    app.post("/auth/register").json(&body).send().await.expect_status(201).json();
}
