use std::path::Path;

use inwren_domain::action_token::Purpose;
use inwren_domain::kernel::{Device, PlainToken};
use inwren_domain::outbox::{Content, Letter, LetterKind, LetterWriter, Message, WriteError};
use minijinja::{Environment, Value, context};
use time::OffsetDateTime;
use time::macros::format_description;

use super::catalog::{Catalog, Catalogs};
use super::links::{forgot, link};
use super::templates::{TemplateError, environment};

/// Writes letters from templates and catalogs.
pub struct Writer {
    environment: Environment<'static>,
    catalogs: Catalogs,
    public_url: String,
    service: String,
}

impl LetterWriter for Writer {
    fn write(&self, letter: &Letter, content: &Content) -> Result<Message, WriteError> {
        let catalog = self.catalogs.of(letter.locale.as_ref());
        let catalog = catalog.ok_or_else(|| WriteError("no language is known".to_owned()))?;
        self.write_in(catalog, letter, content).map_err(|error| WriteError(error.to_string()))
    }
}

impl Writer {
    /// Reads the templates and texts, those of the folder first.
    pub(super) fn read(
        public_url: &str,
        service: &str,
        folder: Option<&Path>,
    ) -> Result<Self, TemplateError> {
        Ok(Self {
            environment: environment(folder),
            catalogs: Catalogs::read(folder)?,
            public_url: public_url.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The languages.
    pub fn catalogs(&self) -> &[Catalog] {
        self.catalogs.all()
    }

    pub(super) fn write_in(
        &self,
        catalog: &Catalog,
        letter: &Letter,
        content: &Content,
    ) -> Result<Message, TemplateError> {
        let until = time_text(expiry(letter));
        let new_email = letter.new_email.as_deref().unwrap_or_default();
        let values = [("service", self.service.as_str()), ("new_email", new_email), ("until", &until)];
        let section = section(letter);
        let text = |key: &str| {
            let found = catalog.text(key, &values);
            found.ok_or_else(|| TemplateError::new(catalog.language(), format!("has no text `{key}`")))
        };
        let of_section = |part: &str| text(&format!("{section}.{part}"));
        let is_notice = matches!(content, Content::Notice);
        let (link, code) = match content {
            // All that a reader who does not recognise the event needs.
            Content::Notice => (Some(forgot(&self.public_url)), None),
            _ => self.secrets(letter, content),
        };
        let action = if is_notice { text("notice.action")? } else { of_section("action")? };
        let subject = of_section("subject")?.replace(char::is_control, " ");
        let values = context! {
            language => catalog.language(),
            service => self.service.as_str(),
            subject => subject.as_str(),
            lead => of_section("lead")?,
            note => of_section("note")?,
            action,
            link,
            link_hint => text("link_hint")?,
            valid_until => text(valid_until(letter.kind))?,
            is_notice,
            code_label => text("code")?,
            code,
            facts => facts(letter, &text)?,
        };
        let render = |template: &str| {
            let rendered = self.environment.get_template(template).and_then(|t| t.render(&values));
            rendered.map_err(|error| TemplateError::new(template, format!("{error:#}")))
        };
        Ok(Message {
            id: letter.id.to_string(),
            to: letter.recipient.clone(),
            subject,
            text: render("letter.txt")?,
            html: render("letter.html")?,
            language: catalog.language().to_owned(),
            date: letter.created_at,
        })
    }

    /// The link and the code.
    fn secrets(&self, letter: &Letter, content: &Content) -> (Option<String>, Option<String>) {
        let link =
            |token: &PlainToken| letter.kind.purpose().map(|purpose| link(&self.public_url, purpose, token));
        match content {
            Content::Verification { token, code } => {
                (link(token), code.as_ref().map(|code| code.expose().to_owned()))
            }
            Content::Link(token) => (link(token), None),
            Content::Notice => (None, None),
        }
    }
}

/// The section of the catalog with the texts of a letter.
fn section(letter: &Letter) -> &'static str {
    match letter.kind {
        LetterKind::EmailVerification if letter.verification_id.is_some() => "registration",
        kind => kind.as_str(),
    }
}

/// The key of the text that says how long the link is valid. The delay before factors are removed is configured, and a
/// letter may be sent long after the request, so that the letter names no time.
const fn valid_until(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::FactorRemovalRequested => "factor_removal_requested.valid_until",
        _ => "valid_until",
    }
}

/// When the link expires. Workers try to send a letter for a day at most, but some links live longer.
fn expiry(letter: &Letter) -> OffsetDateTime {
    match letter.kind {
        LetterKind::EmailUndo => letter.created_at + Purpose::UndoEmail.lifetime(),
        LetterKind::Invitation => letter.created_at + Purpose::AcceptInvitation.lifetime(),
        _ => letter.expires_at,
    }
}

/// When, from which device and from which address the letter was requested. The texts contain nothing that a client
/// chose.
fn facts(
    letter: &Letter,
    text: &impl Fn(&str) -> Result<String, TemplateError>,
) -> Result<Vec<Value>, TemplateError> {
    let Some(address) = letter.client.ip_address else { return Ok(Vec::new()) };
    let mut facts = Vec::new();
    // Its later letters repeat the first one. The page of its link shows the time of the request.
    if letter.kind != LetterKind::FactorRemovalRequested {
        facts.push(("fact.when", time_text(letter.created_at)));
    }
    let device = Device::of(&letter.client).to_string();
    if !device.is_empty() {
        facts.push(("fact.device", device));
    }
    facts.push(("fact.address", address.to_string()));
    facts.into_iter().map(|(key, value)| Ok(context! { label => text(key)?, value })).collect()
}

/// A time as all languages write it.
pub(crate) fn time_text(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    time.format(format).unwrap_or_default()
}
