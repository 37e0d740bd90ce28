//! Removes responses that do not occur with the settings of the service.

use inwren_domain::Settings;
use inwren_domain::account::EmailVerification;
use serde_json::Value;

use super::operations;

/// What decides which responses occur.
#[derive(Clone, Copy)]
pub struct Served<'a> {
    /// The settings of the use cases.
    pub settings: &'a Settings,
    /// Whether mail is configured.
    pub has_mail: bool,
}

impl Served<'_> {
    fn verifies(self) -> bool {
        self.settings.email_verification != EmailVerification::Off
    }

    fn requires(self) -> bool {
        self.settings.email_verification == EmailVerification::Required
    }
}

type Occurs = fn(Served<'_>) -> bool;

/// Responses that occur with some settings only, by operation and status. Generated clients then have one type for the
/// successful responses of an operation, as far as it has one.
const CONDITIONAL: [(&str, &str, Occurs); 6] = [
    ("register", "201", |served| !served.requires()),
    ("register", "202", |served| served.requires()),
    ("register", "409", |served| !served.requires()),
    ("update_current_user", "202", |served| served.verifies()),
    ("send_password_reset", "200", |served| !served.has_mail),
    ("send_password_reset", "202", |served| served.has_mail),
];

pub(super) fn complete(document: &mut Value, served: Served<'_>) {
    for operation in operations(document) {
        for (id, status, occurs) in CONDITIONAL {
            if operation["operationId"] == id
                && !occurs(served)
                && let Some(responses) = operation["responses"].as_object_mut()
            {
                responses.shift_remove(status);
            }
        }
    }
    while let Some(unused) = unused_schema(document)
        && let Some(schemas) = document["components"]["schemas"].as_object_mut()
    {
        schemas.shift_remove(&unused);
    }
}

/// The name of a schema that nothing refers to.
fn unused_schema(document: &Value) -> Option<String> {
    let text = document.to_string();
    let names = document["components"]["schemas"].as_object()?.keys();
    names.into_iter().find(|name| !text.contains(&format!("\"#/components/schemas/{name}\""))).cloned()
}
