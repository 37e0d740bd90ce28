//! The templates, and how they are read.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

/// The templates by file name.
const TEMPLATES: [(&str, &str); 25] = [
    ("base.html", include_str!("templates/base.html")),
    ("choose.html", include_str!("templates/choose.html")),
    ("consent.html", include_str!("templates/consent.html")),
    ("enrol.html", include_str!("templates/enrol.html")),
    ("ephemeral.html", include_str!("templates/ephemeral.html")),
    ("factor.html", include_str!("templates/factor.html")),
    ("factor_app.html", include_str!("templates/factor_app.html")),
    ("factor_codes.html", include_str!("templates/factor_codes.html")),
    ("factor_passkey.html", include_str!("templates/factor_passkey.html")),
    ("factor_start.html", include_str!("templates/factor_start.html")),
    ("factors.html", include_str!("templates/factors.html")),
    ("form_post.html", include_str!("templates/form_post.html")),
    ("grants.html", include_str!("templates/grants.html")),
    ("home.html", include_str!("templates/home.html")),
    ("letters.html", include_str!("templates/letters.html")),
    ("login.html", include_str!("templates/login.html")),
    ("logout.html", include_str!("templates/logout.html")),
    ("message.html", include_str!("templates/message.html")),
    ("problem.html", include_str!("templates/problem.html")),
    ("problems.html", include_str!("templates/problems.html")),
    ("provider.html", include_str!("templates/provider.html")),
    ("redoc.html", include_str!("templates/redoc.html")),
    ("register.html", include_str!("templates/register.html")),
    ("registered.html", include_str!("templates/registered.html")),
    ("swagger.html", include_str!("templates/swagger.html")),
];

/// The environment of all templates. It compiles a template when a page first needs it.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line with a tag alone leaves no empty line.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_loader(|name| {
        let found = TEMPLATES.iter().find(|(known, _)| *known == name);
        Ok(found.map(|(_, source)| (*source).to_owned()))
    });
    environment
});

/// Returns an image as a `data:` URL.
pub(super) fn icon(svg: &str) -> String {
    // A file, unlike an element in HTML, has to name its vocabulary.
    let file = svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_compiles() {
        for (name, _) in TEMPLATES {
            ENVIRONMENT.get_template(name).unwrap();
        }
    }
}
