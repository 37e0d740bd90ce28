//! A browser for the pages of the service: it keeps cookies, follows redirects within the service, and reads and sends
//! forms. It does so without script.

use std::collections::BTreeMap;

use super::{Call, ISSUER, Reply, TestApp};

/// The cookie of a browser session.
pub const SESSION_COOKIE: &str = "__Host-inwren";

/// A browser, with its own cookies.
#[derive(Clone)]
pub struct Browser<'a> {
    app: &'a TestApp,
    cookies: BTreeMap<String, String>,
    language: Option<String>,
}

impl<'a> Browser<'a> {
    /// A browser without cookies.
    pub fn new(app: &'a TestApp) -> Self {
        Self { app, cookies: BTreeMap::new(), language: None }
    }

    /// Sends this `Accept-Language` with every request.
    #[must_use]
    pub fn with_language(self, language: &str) -> Self {
        Self { language: Some(language.to_owned()), ..self }
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// The cookie of the browser session.
    pub fn session(&self) -> Option<&str> {
        self.cookie(SESSION_COOKIE)
    }

    /// Sets a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Follows a link of another site, and the redirects within the service.
    pub async fn open(&mut self, path: &str) -> Reply {
        let call = self.app.get(path).header("sec-fetch-site", "cross-site");
        let reply = self.send(call, true).await;
        self.follow(reply, "cross-site").await
    }

    /// Sends the first form of the page that leads to this path and has all these fields. Hidden fields and prefilled
    /// values stay unless they are given. Follows the redirects within the service.
    pub async fn submit(&mut self, page: &Reply, action: &str, fields: &[(&str, &str)]) -> Reply {
        let form = Form::find(page, action, fields);
        self.post(&form.action, &form.filled(fields)).await
    }

    /// Sends a form from a page of the service, and follows the redirects within the service.
    pub async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Reply {
        // Pages have the policy `no-referrer`, for which browsers send this origin (Fetch, "append a request `Origin`
        // header").
        let call = self.app.post(path).header("origin", "null").header("sec-fetch-site", "same-origin");
        let reply = self.send(form(call, fields), true).await;
        self.follow(reply, "same-origin").await
    }

    /// Sends a form from a page of another site, and follows the redirects within the service. Cookies are `Lax`: the
    /// form goes without them, and the redirects with them.
    pub async fn post_from(&mut self, origin: &str, path: &str, fields: &[(String, String)]) -> Reply {
        let call = self.app.post(path).header("origin", origin).header("sec-fetch-site", "cross-site");
        let reply = self.send(form(call, fields), false).await;
        self.follow(reply, "cross-site").await
    }

    async fn follow(&mut self, first: Reply, site: &str) -> Reply {
        let mut reply = first;
        for _ in 0..10 {
            let Some(path) = redirect(&reply).and_then(within) else { return reply };
            let call = self.app.get(&path).header("sec-fetch-site", site);
            reply = self.send(call, true).await;
        }
        panic!("too many redirects: {reply}")
    }

    async fn send(&mut self, call: Call<'_>, has_cookies: bool) -> Reply {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = match cookies.join("; ") {
            cookies if has_cookies && !cookies.is_empty() => call.header("cookie", cookies),
            _ => call,
        };
        let call = match &self.language {
            Some(language) => call.header("accept-language", language),
            None => call,
        };
        let reply = call.header("accept", "text/html,application/xhtml+xml").send().await;
        for cookie in reply.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().expect("a cookie of text"), &reply);
        }
        reply
    }

    /// Stores a cookie. It checks the attributes, which every cookie of the service must have.
    fn keep(&mut self, cookie: &str, reply: &Reply) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        for needed in ["httponly", "secure", "samesite=lax", "path=/"] {
            assert!(attributes.iter().any(|one| one == needed), "no {needed}: {reply}");
        }
        assert!(!attributes.iter().any(|one| one.starts_with("domain")), "{reply}");
        assert!(name.starts_with("__Host-"), "{reply}");
        if value.is_empty() || attributes.iter().any(|one| one == "max-age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn form<'a>(call: Call<'a>, fields: &[(String, String)]) -> Call<'a> {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    call.form(&fields)
}

fn redirect(reply: &Reply) -> Option<&str> {
    reply.header("location").filter(|_| matches!(reply.status, 302 | 303))
}

/// The path of a URL within the service.
fn within(location: &str) -> Option<String> {
    let path = location.strip_prefix(ISSUER).unwrap_or(location);
    let is_path = path.starts_with('/') && !path.starts_with("//");
    is_path.then(|| path.to_owned())
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it leads.
    pub action: String,
    /// Its fields and buttons, in the order of the page.
    pub fields: Vec<Field>,
}

/// A field or a button of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name; empty for a button that sends nothing.
    pub name: String,
    /// The value in the page.
    pub value: String,
    /// The type of the input; `submit` for a button.
    pub kind: String,
    /// Whether the browser sends it without being asked to.
    is_preset: bool,
}

impl Form {
    /// All forms of a page.
    pub fn all(page: &Reply) -> Vec<Self> {
        Self::in_html(page.text())
    }

    /// All forms of a page, from its text.
    pub fn in_html(html: &str) -> Vec<Self> {
        let mut forms = Vec::new();
        let mut open: Option<Self> = None;
        for tag in tags(html) {
            match tag.name.as_str() {
                "form" => {
                    assert_eq!(tag.attribute("method"), Some("post"), "{html}");
                    let action = tag.attribute("action").expect("an action").to_owned();
                    open = Some(Self { action, fields: Vec::new() });
                }
                "/form" => forms.extend(open.take()),
                "input" | "button" => {
                    if let Some(form) = &mut open {
                        form.fields.extend(Field::of(&tag));
                    }
                }
                _ => {}
            }
        }
        forms
    }

    /// The first form of the page that leads to this path and has all these fields.
    #[track_caller]
    pub fn find(page: &Reply, action: &str, fields: &[(&str, &str)]) -> Self {
        let found = Self::all(page).into_iter().find(|form| form.leads_to(action) && form.takes(fields));
        found.unwrap_or_else(|| panic!("no form to {action} with {fields:?}: {page}"))
    }

    /// Whether the form leads to this path or URL.
    pub fn leads_to(&self, action: &str) -> bool {
        self.action == action || self.action.strip_prefix(ISSUER) == Some(action)
    }

    /// The first field of this type.
    pub fn field_of(&self, kind: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind == kind)
    }

    /// The value of the first field with this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// Whether the form has all these fields. A button and a choice have their own value.
    pub fn takes(&self, fields: &[(&str, &str)]) -> bool {
        fields.iter().all(|(name, value)| {
            self.fields.iter().any(|field| field.name == *name && (field.is_free() || field.value == *value))
        })
    }

    /// What a browser sends for these fields: also the others, and the first button unless another one is given.
    pub fn filled(&self, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let given = |name: &str| fields.iter().find(|(one, _)| *one == name).map(|(_, value)| *value);
        let mut sent: Vec<(String, String)> = Vec::new();
        for field in &self.fields {
            let value = match given(&field.name) {
                Some(value) => value,
                None if field.is_preset => field.value.as_str(),
                None => continue,
            };
            if !sent.iter().any(|(name, _)| *name == field.name) {
                sent.push((field.name.clone(), value.to_owned()));
            }
        }
        let is_pressed = |field: &Field| field.kind == "submit" && given(&field.name).is_some();
        if !self.fields.iter().any(is_pressed)
            && let Some(button) = self.field_of("submit").filter(|button| !button.name.is_empty())
        {
            sent.push((button.name.clone(), button.value.clone()));
        }
        sent
    }
}

impl Field {
    fn of(tag: &Tag) -> Option<Self> {
        let default = if tag.name == "button" { "submit" } else { "text" };
        let kind = tag.attribute("type").unwrap_or(default).to_owned();
        let name = tag.attribute("name").unwrap_or_default().to_owned();
        if name.is_empty() && kind != "submit" {
            return None;
        }
        let is_choice = matches!(kind.as_str(), "radio" | "checkbox");
        let is_preset = if is_choice { tag.attribute("checked").is_some() } else { !is_button(&kind) };
        let value = tag.attribute("value").unwrap_or(if is_choice { "on" } else { "" }).to_owned();
        Some(Self { name, value, kind, is_preset })
    }

    fn is_free(&self) -> bool {
        !is_button(&self.kind) && !matches!(self.kind.as_str(), "radio" | "checkbox" | "hidden")
    }
}

fn is_button(kind: &str) -> bool {
    matches!(kind, "submit" | "button")
}

/// A tag, with the name `/x` if it closes `x`.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// The tags of a page, without those in scripts and styles.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some((tag, after)) = tag(rest) else { continue };
        rest = match tag.name.as_str() {
            "script" | "style" => after.find("</").map_or("", |end| &after[end..]),
            _ => after,
        };
        found.push(tag);
    }
    found
}

/// The tag at the start of the text, and the rest.
fn tag(text: &str) -> Option<(Tag, &str)> {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    let name = text[..end].to_ascii_lowercase();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
        return None;
    }
    let mut attributes = Vec::new();
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix('>') {
            return Some((Tag { name, attributes }, after));
        }
        if let Some(after) = rest.strip_prefix('/') {
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))?;
        let (attribute, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            Some(after) => value(after)?,
            None if attribute.is_empty() => return None,
            None => ("", after),
        };
        attributes.push((attribute.to_ascii_lowercase(), unescaped(value)));
        rest = after;
    }
}

/// The value of an attribute at the start of the text, and the rest.
fn value(text: &str) -> Option<(&str, &str)> {
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        return text[1..].split_once(quote);
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    Some(text.split_at(end))
}

/// The text without the character references that templates write.
fn unescaped(text: &str) -> String {
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&#x2f;", "/")];
    let text = references.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}
