//! Recovery codes stand in for a factor that is not at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use inwren_domain::audit::AuditEventKind;
use inwren_domain::store::Store;
use inwren_tests::app::TestApp;
use serde_json::json;

use super::{
    Member, NO_CODE, answer, app, assurance, events, expect_step_up, expect_wrong, factors, first_step,
    letters, log_in, member, methods, replace_recovery_codes, texts,
};

stories! {
    ten_different_codes_are_shown_once
    each_code_works_once
    code_is_read_in_any_spelling
    each_use_is_announced
    used_up_codes_are_not_offered
    new_codes_void_the_old
    replacement_needs_a_strong_session
    user_without_factor_gets_no_codes
}

async fn use_code(app: &TestApp, member: &Member, code: &str) -> inwren_tests::app::Reply {
    let asked = first_step(app, member.email()).await;
    answer(app, &asked, "recovery_code", code).await
}

async fn ten_different_codes_are_shown_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    assert_eq!(ann.recovery_codes.iter().collect::<BTreeSet<_>>().len(), 10);
    for code in &ann.recovery_codes {
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.len(), 6, "{code}");
        let is_group = |group: &&str| {
            group.len() == 4 && group.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        };
        assert!(groups.iter().all(is_group), "{code}");
    }
    let listed = app.get("/users/me/factors").bearer(&ann.account.tokens.access).send().await;
    assert!(ann.recovery_codes.iter().all(|code| !listed.text().contains(code)), "{listed}");
    assert_eq!(listed.json()["recovery_codes_left"], 10);
}

async fn each_code_works_once(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for (used, code) in ann.recovery_codes.iter().enumerate().take(3) {
        let tokens = use_code(&app, &ann, code).await.expect_status(200).tokens();
        assert_eq!(assurance(&tokens), (json!("aal2"), json!(["pwd", "otp", "mfa"])));
        assert_eq!(factors(&app, &tokens).await["recovery_codes_left"], 9 - used);
        expect_wrong(&use_code(&app, &ann, code).await, 4);
    }
    assert_eq!(events(&app, &ann.account, AuditEventKind::RecoveryCodeUsed).await.len(), 3);
}

async fn code_is_read_in_any_spelling(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let spellings = [
        ann.recovery_codes[0].to_lowercase(),
        ann.recovery_codes[1].replace('-', ""),
        ann.recovery_codes[2].replace('-', " ").to_lowercase(),
        format!(" {} ", ann.recovery_codes[3]),
    ];
    for spelling in spellings {
        use_code(&app, &ann, &spelling).await.expect_status(200).tokens();
    }
}

async fn each_use_is_announced(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_wrong(&use_code(&app, &ann, NO_CODE).await, 4);
    for (n, code) in ann.recovery_codes.iter().enumerate() {
        use_code(&app, &ann, code).await.expect_status(200).tokens();
        // With three and fewer left, the letter is a warning.
        let (usual, low) = if n < 6 { (n + 1, 0) } else { (6, n - 5) };
        assert_eq!(letters(&app, ann.email(), "recovery_code_used").await, usual, "{n}");
        assert_eq!(letters(&app, ann.email(), "recovery_codes_low").await, low, "{n}");
    }
}

async fn used_up_codes_are_not_offered(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    for code in &ann.recovery_codes {
        use_code(&app, &ann, code).await.expect_status(200).tokens();
    }
    assert_eq!(methods(&app, ann.email()).await, ["totp"]);
    let tokens = log_in(&app, &ann).await;
    assert_eq!(factors(&app, &tokens).await["recovery_codes_left"], 0);
    let new = replace_recovery_codes(&app, &tokens).await.expect_status(200).json();
    use_code(&app, &ann, &texts(&new["recovery_codes"])[9]).await.expect_status(200).tokens();
}

async fn new_codes_void_the_old(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    let reply = replace_recovery_codes(&app, &tokens).await.expect_status(200);
    let body = reply.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{reply}");
    let new = texts(&body["recovery_codes"]);
    assert_eq!(new.len(), 10);
    assert!(new.iter().all(|code| !ann.recovery_codes.contains(code)));
    expect_wrong(&use_code(&app, &ann, &ann.recovery_codes[0]).await, 4);
    use_code(&app, &ann, &new[0]).await.expect_status(200).tokens();
    assert_eq!(letters(&app, ann.email(), "recovery_codes_replaced").await, 1);
    assert_eq!(events(&app, &ann.account, AuditEventKind::RecoveryCodesReplaced).await.len(), 1);
}

async fn replacement_needs_a_strong_session(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = member(&app).await;
    expect_step_up(&replace_recovery_codes(&app, &ann.account.tokens).await, "aal2");
    use_code(&app, &ann, &ann.recovery_codes[0]).await.expect_status(200).tokens();
}

async fn user_without_factor_gets_no_codes(store: Arc<dyn Store>) {
    let app = app(store);
    let ann = app.user_fixture().await;
    replace_recovery_codes(&app, &ann.tokens).await.expect_problem(409, "no-factor");
    app.login(&ann.email).await;
}
