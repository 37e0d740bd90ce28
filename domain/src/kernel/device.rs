use std::fmt;

use super::ClientInfo;

/// The browser and the system of a client, reduced to names that this service knows. So a text about a client contains
/// nothing that the client chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// The browser or program.
    pub browser: Option<&'static str>,
    /// The operating system.
    pub system: Option<&'static str>,
    /// The user agent, if nothing in it is known: it still tells two clients apart.
    unknown: Option<&'a str>,
}

/// Names in user agents, and what they stand for. The first match counts: most browsers also name others.
const BROWSERS: [(&str, &str); 14] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python", "Python"),
    ("okhttp/", "OkHttp"),
    ("Go-http-client/", "Go"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

impl<'a> Device<'a> {
    /// Recognises the device of a client.
    pub fn of(client: &'a ClientInfo) -> Self {
        let agent = client.user_agent.as_deref().unwrap_or_default();
        let name = |names: &[(&str, &'static str)]| {
            names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
        };
        let (browser, system) = (name(&BROWSERS), name(&SYSTEMS));
        let unknown = (browser.is_none() && system.is_none()).then_some(agent);
        Self { browser, system, unknown }
    }
}

/// The names with a comma, such as `Firefox, Linux`; empty if nothing is known.
impl fmt::Display for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.browser, self.system) {
            (Some(browser), Some(system)) => write!(f, "{browser}, {system}"),
            (Some(one), None) | (None, Some(one)) => f.write_str(one),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_are_shown() {
        let shown = |agent: &str| Device::of(&ClientInfo::new(None, Some(agent))).to_string();
        let chrome =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(shown(chrome), "Chrome, Windows");
        assert_eq!(shown(&format!("{chrome} Edg/140.0")), "Edge, Windows");
        assert_eq!(
            shown("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
            "Firefox, Linux"
        );
        assert_eq!(shown("curl/8.5.0"), "curl");
        assert_eq!(shown("Click https://evil.example now"), "");
        let client = |agent: &str| ClientInfo::new(None, Some(agent));
        assert_ne!(Device::of(&client("one")), Device::of(&client("two")));
    }
}
