//! The language that a client prefers.

use inwren_domain::kernel::Locale;
use poem::http::header;
use poem::{FromRequest, Request, RequestBody};

/// The language tag with the highest quality in `Accept-Language` (RFC 9110 section 12.5.4).
pub(in crate::http) struct Language(pub(in crate::http) Option<Locale>);

impl<'a> FromRequest<'a> for Language {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let header = request.headers().get(header::ACCEPT_LANGUAGE);
        Ok(Self(header.and_then(|value| value.to_str().ok()).and_then(preferred)))
    }
}

/// How many tags of the header are read.
const MAX_TAGS: usize = 20;

fn preferred(header: &str) -> Option<Locale> {
    let mut best: Option<(f32, Locale)> = None;
    for range in header.split(',').take(MAX_TAGS) {
        let mut parts = range.split(';').map(str::trim);
        let Some(locale) = parts.next().and_then(Locale::parse) else { continue };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        let Some(quality) = quality.filter(|quality| *quality > 0.0) else { continue };
        if best.as_ref().is_none_or(|(before, _)| quality > *before) {
            best = Some((quality, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_quality_counts() {
        let tag = |header: &str| preferred(header).map(|locale| locale.as_str().to_owned());
        assert_eq!(tag("de-AT,de;q=0.9,en;q=0.8").as_deref(), Some("de-AT"));
        assert_eq!(tag("en;q=0.5, fr;q=0.7").as_deref(), Some("fr"));
        assert_eq!(tag("*, de;q=0"), None);
        assert_eq!(tag("d\re"), None);
    }
}
