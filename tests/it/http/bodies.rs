//! Invalid request bodies.

use std::sync::Arc;

use inwren_domain::store::Store;
use inwren_tests::app::{Account, Call, PASSWORD, TestApp};
use serde_json::{Value, json};

stories! {
    what_is_no_json_is_malformed
    what_is_json_but_no_object_is_invalid
    media_types_are_heeded
    an_encoded_body_is_refused
    a_body_with_very_many_fields_is_invalid
    all_errors_are_reported_together
    a_field_that_comes_twice_is_malformed
    text_may_be_anything_that_is_unicode
    a_body_has_at_most_64_kib
    pointers_are_escaped
}

/// All operations with a JSON body.
const WITH_JSON: [(&str, &str); 6] = [
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("PUT", "/users/me"),
    ("POST", "/users/me/password"),
    ("PUT", "/admin/users/00000000-0000-7000-8000-000000000000"),
];

fn call<'a>(app: &'a TestApp, admin: &Account, (method, path): (&str, &str)) -> Call<'a> {
    app.call(method, path).bearer(&admin.tokens.access)
}

async fn what_is_no_json_is_malformed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let deep = format!(r#"{{"email":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let malformed: [&[u8]; 20] = [
        b"",
        b" ",
        b"{",
        b"}",
        b"{]",
        b"nul",
        b"{\"email\":}",
        b"{\"email\" \"a\"}",
        b"{'email':'a'}",
        b"{email:1}",
        b"{\"email\":\"a\",}",
        b"{} {}",
        b"{}x",
        b"\xef\xbb\xbf{}",
        b"{\"email\":\"\xff\"}",
        br#"{"email":"\ud800"}"#,
        br#"{"email":"\udc00\ud800"}"#,
        b"{\"email\":\"a\nb\"}",
        b"email=a&password=b",
        deep.as_bytes(),
    ];
    for operation in WITH_JSON {
        for body in malformed {
            let reply = call(&app, &admin, operation).body("application/json", body).send().await;
            reply.expect_problem(400, "malformed-request");
        }
        call(&app, &admin, operation)
            .header("content-type", "application/json")
            .send()
            .await
            .expect_problem(400, "malformed-request");
    }
}

async fn what_is_json_but_no_object_is_invalid(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for operation in WITH_JSON {
        for body in ["null", "true", "1", "-1.5", "\"text\"", "[]", "[{}]", "[[[]]]"] {
            call(&app, &admin, operation).body("application/json", body).send().await.expect_invalid(&[""]);
        }
        let reply = call(&app, &admin, operation).body("application/json", deep.as_str()).send().await;
        assert!([400, 422].contains(&reply.status), "{reply}");
    }
}

async fn media_types_are_heeded(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for operation in WITH_JSON {
        for media_type in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "application",
            "application/merge-patch+json",
            "text/html, application/json",
            "multipart/form-data; boundary=x",
            "application/json; charset=latin1",
            "application/json; charset=\"utf-16\"",
        ] {
            let reply = call(&app, &admin, operation).body(media_type, "{}").send().await;
            reply.expect_problem(415, "unsupported-media-type");
        }
        call(&app, &admin, operation).send().await.expect_problem(415, "unsupported-media-type");
        // Of two `Content-Type` headers, some programs use the first and others the last.
        for other in ["text/plain", "application/json"] {
            let call = call(&app, &admin, operation).header("content-type", other);
            call.body("application/json", "{}").send().await.expect_problem(415, "unsupported-media-type");
        }
    }
    for media_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/json ;charset=\"UTF-8\""]
    {
        let body = json!({ "email": admin.email, "password": PASSWORD }).to_string();
        app.post("/auth/login").body(media_type, body).send().await.expect_status(200).tokens();
    }
}

/// The service does not read an encoded body as if it were plain.
async fn an_encoded_body_is_refused(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    for operation in WITH_JSON {
        for encoding in ["gzip", "br", "x", ""] {
            let call = call(&app, &admin, operation).header("content-encoding", encoding);
            call.json(&json!({})).send().await.expect_problem(415, "unsupported-media-type");
        }
        let call = call(&app, &admin, operation).header("content-encoding", "Identity");
        let reply = call.json(&json!({ "rubbish": 1 })).send().await;
        reply.expect_problem(422, "validation-failed");
    }
    let form = app.post("/auth/access-token").header("content-encoding", "gzip").form(&[("username", "a")]);
    form.send().await.expect_problem(415, "unsupported-media-type");
}

async fn a_body_with_very_many_fields_is_invalid(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let fields: Vec<String> = (0..200).map(|n| format!("\"f{n}\":[{n}]")).collect();
    let many = format!("{{{}}}", fields.join(","));
    let cut_off = many.trim_end_matches('}').to_owned();
    for operation in WITH_JSON {
        let reply = call(&app, &admin, operation).body("application/json", many.as_str()).send().await;
        reply.expect_invalid(&[""]);
        let reply = call(&app, &admin, operation).body("application/json", cut_off.as_str()).send().await;
        reply.expect_problem(400, "malformed-request");
    }
}

async fn all_errors_are_reported_together(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let wrong_types = [
        json!(null),
        json!(1),
        json!(1.5),
        json!(true),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({ "$ne": "" }),
    ];
    for value in wrong_types {
        let body = json!({ "email": value, "password": value });
        for path in ["/auth/register", "/auth/login"] {
            app.post(path).json(&body).send().await.expect_invalid(&["/email", "/password"]);
        }
        let body = json!({ "refresh_token": value });
        app.post("/auth/refresh").json(&body).send().await.expect_invalid(&["/refresh_token"]);
    }
    for path in ["/auth/register", "/auth/login"] {
        app.post(path).json(&json!({})).send().await.expect_invalid(&["/email", "/password"]);
        let body = json!({ "email": 1, "Password": PASSWORD, "x": {} });
        app.post(path).json(&body).send().await.expect_invalid(&["/Password", "/email", "/password", "/x"]);
    }
}

async fn a_field_that_comes_twice_is_malformed(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    app.register("ann@example.org").await;
    for body in [
        format!(r#"{{"email":"ann@example.org","password":"wrong","password":"{PASSWORD}"}}"#),
        format!(r#"{{"email":"ann@example.org","password":"{PASSWORD}","password":"{PASSWORD}"}}"#),
        format!(r#"{{"email":"a@b.co","\u0065mail":"ann@example.org","password":"{PASSWORD}"}}"#),
    ] {
        let reply = app.post("/auth/login").body("application/json", body).send().await;
        reply.expect_problem(400, "malformed-request");
    }
    let many: serde_json::Map<String, Value> = (0..5_000).map(|n| (format!("f{n}"), json!(1))).collect();
    let reply = app.post("/auth/login").json(&Value::Object(many)).send().await;
    assert!([400, 422].contains(&reply.status), "{reply}");
}

async fn text_may_be_anything_that_is_unicode(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let body = r#"{"email":"ann@example.org","password":"\u0000\ud83d\udc08 \\ \" \/ \u202e\uffff"}"#;
    app.post("/auth/register").body("application/json", body).send().await.expect_status(201).json();
    let reply = app.post("/auth/login").body("application/json", body).send().await;
    let tokens = reply.expect_status(200).tokens();
    for tier in ["\u{0}", "fr\u{0}ee", "ｆｒｅｅ", "fre\u{301}e"] {
        let call = app.put("/users/me").bearer(&tokens.access).json(&json!({ "tier": tier }));
        call.send().await.expect_invalid(&["/tier"]);
    }
    app.try_refresh("\u{0}").await.expect_invalid_token();
    app.try_refresh("🐈.🐈.🐈").await.expect_invalid_token();
}

async fn a_body_has_at_most_64_kib(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    const LIMIT: usize = 64 * 1024;
    let of_size = |bytes: usize| {
        let frame = json!({ "email": "nobody@example.org", "password": "" }).to_string().len();
        json!({ "email": "nobody@example.org", "password": "x".repeat(bytes - frame) })
            .to_string()
            .into_bytes()
    };
    let pieces = |bytes: Vec<u8>| bytes.chunks(1_000).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let login = || app.post("/auth/login");
    login().body("application/json", of_size(LIMIT)).send().await.expect_problem(401, "invalid-credentials");
    login().stream(pieces(of_size(LIMIT))).send().await.expect_problem(401, "invalid-credentials");
    login().body("application/json", of_size(LIMIT + 1)).send().await.expect_problem(413, "body-too-large");
    login().stream(pieces(of_size(LIMIT + 1))).send().await.expect_problem(413, "body-too-large");
    // A client announces a large body and sends nothing, or announces a small body and sends a large one.
    for length in ["65537", "40000000"] {
        let call = login().header("content-length", length).header("content-type", "application/json");
        call.send().await.expect_problem(413, "body-too-large");
    }
    let less = login().header("content-length", "10").stream(pieces(of_size(LIMIT + 1)));
    less.send().await.expect_problem(413, "body-too-large");
    for operation in WITH_JSON {
        let reply =
            call(&app, &admin, operation).body("application/json", vec![b' '; LIMIT + 1]).send().await;
        reply.expect_problem(413, "body-too-large");
    }
}

async fn pointers_are_escaped(store: Arc<dyn Store>) {
    let app = TestApp::over(store);
    let admin = app.superuser().await;
    let body = json!({ "a/b": 1, "c~d": 2, "": 3, "é\u{0}": 4 });
    let reply = call(&app, &admin, ("PUT", "/users/me")).json(&body).send().await;
    reply.expect_invalid(&["/", "/a~1b", "/c~0d", "/é\u{0}"]);
}
