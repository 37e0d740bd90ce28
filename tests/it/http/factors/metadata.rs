//! What the service publishes about second factors, and what it keeps to itself.

use std::sync::Arc;

use inwren_app::import_export::{ExportedFactors, Progress, Selection, export};
use inwren_domain::account::UserFilter;
use inwren_domain::store::Store;
use inwren_tests::app::ISSUER;
use inwren_tests::authenticator::Authenticator;
use serde_json::{Value, json};

use super::{app, configured, enrol_passkey, log_in, member, relying_party};

stories! {
    origins_of_passkeys_are_published
    without_a_relying_party_there_are_no_origins
    metadata_lists_the_assurance_levels
    export_contains_no_plain_secrets
}

async fn origins_of_passkeys_are_published(store: Arc<dyn Store>) {
    let app = configured(store, |factors| {
        let mut party = relying_party();
        party.origins.push("https://app.example.org".to_owned());
        factors.relying_party = Some(party);
    });
    let reply = app.get("/.well-known/webauthn").send().await.expect_status(200);
    // Browsers refuse another media type (WebAuthn Level 3 section 5.11.1).
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json(), json!({ "origins": [ISSUER, "https://app.example.org"] }));
    // A page of the other origin may use the passkeys.
    let ann = app.user_fixture().await;
    let options = super::passkey_options(&app, &ann.tokens).await.expect_status(200).json();
    let body = json!({ "credential": Authenticator::new().create(&options, "https://app.example.org") });
    super::add_passkey(&app, &ann.tokens, &body).await.expect_status(201).json();
}

async fn without_a_relying_party_there_are_no_origins(store: Arc<dyn Store>) {
    let app = configured(store, |factors| factors.relying_party = None);
    app.get("/.well-known/webauthn").send().await.expect_problem(404, "not-found");
}

async fn metadata_lists_the_assurance_levels(store: Arc<dyn Store>) {
    let app = app(store);
    for path in ["oauth-authorization-server", "openid-configuration"] {
        let metadata = app.get(&format!("/.well-known/{path}")).send().await.expect_status(200).json();
        assert_eq!(metadata["acr_values_supported"], json!(["aal1", "aal2", "phr"]), "{path}");
    }
}

async fn export_contains_no_plain_secrets(store: Arc<dyn Store>) {
    let app = app(store);
    let exported = async |factors: ExportedFactors| {
        let mut snapshot = app.state.core.store.snapshot().await.expect("a snapshot");
        let selection = Selection { filter: UserFilter::default(), with_hashes: true, factors };
        let mut output = Vec::new();
        let progress = Progress::begin("users", None);
        export(snapshot.as_mut(), &selection, &mut output, progress).await.expect("an export");
        String::from_utf8(output).expect("UTF-8")
    };
    let ann = member(&app).await;
    let tokens = log_in(&app, &ann).await;
    // An app that is not confirmed counts for nothing.
    super::begin_totp(&app, &tokens).await.expect_status(201).json();
    enrol_passkey(&app, &tokens, &mut Authenticator::new()).await;
    let sealed = exported(ExportedFactors::Sealed).await;
    let secrets = [&ann.secret].into_iter().chain(&ann.recovery_codes);
    for secret in secrets {
        assert!(!sealed.contains(secret.as_str()), "{sealed}");
    }
    let user: Value = serde_json::from_str(&sealed).expect("JSON");
    let methods: Vec<&Value> = list(&user["factors"]).iter().map(|factor| &factor["method"]).collect();
    assert_eq!(methods, ["totp", "passkey"]);
    assert_eq!(user["factors"][0]["id"], json!(ann.factor));
    assert!(user["factors"][0]["sealed_secret"].is_string() && user["factors"][0]["key_id"].is_u64());
    assert_eq!(list(&user["recovery_codes"]).len(), 10);

    let keyring = app.state.core.keyring.clone().expect("secret keys");
    let clear: Value = serde_json::from_str(&exported(ExportedFactors::Clear(keyring)).await).expect("JSON");
    assert_eq!(clear["factors"][0]["secret"], json!(ann.secret));
    assert_eq!(clear["factors"][0]["sealed_secret"], Value::Null);
    let without = exported(ExportedFactors::None).await;
    assert!(without.contains(ann.email()));
    for word in ["factor", "totp", "passkey", "recovery", "highest_acr"] {
        assert!(!without.contains(word), "{word}: {without}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
