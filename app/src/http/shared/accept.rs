//! The media types that a client prefers (RFC 9110 section 12.5.1).

use poem::Request;
use poem::http::header;

/// The media ranges of a request, each with its quality.
pub(in crate::http) struct Accept(Vec<(String, f32)>);

impl Accept {
    /// Reads the `Accept` headers of a request. Ranges that cannot be read do not count.
    pub(in crate::http) fn of(request: &Request) -> Self {
        let values = request.headers().get_all(header::ACCEPT).iter();
        Self::parse(values.filter_map(|value| value.to_str().ok()))
    }

    /// Reads the values of `Accept` headers.
    pub(in crate::http) fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        Self(values.flat_map(|value| value.split(',')).filter_map(range).collect())
    }

    /// Returns the quality that the most specific matching range assigns to a media type: 0 if the client does not
    /// accept it.
    pub(in crate::http) fn quality(&self, media_type: &str) -> f32 {
        let media = media_type.split(';').next().unwrap_or_default();
        let of_kind = format!("{}/*", media.split('/').next().unwrap_or_default());
        let exact = [media, of_kind.as_str(), "*/*"];
        let fits = |wanted: &&str| self.0.iter().find(|(range, _)| range == *wanted);
        exact.iter().find_map(fits).map_or(0.0, |(_, quality)| *quality)
    }
}

fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| media.contains('/'))?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality: f32 = quality.map_or(Some(1.0), |text| text.parse().ok())?;
    Some((media, quality.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let accept =
            Accept::parse(["text/html;q=0.3, text/*;q=0.5", "*/*;q=0.1, rubbish;;;q=x,,"].into_iter());
        let quality = |media| accept.quality(media);
        assert_eq!(quality("text/html; charset=utf-8"), 0.3);
        assert_eq!((quality("text/markdown"), quality("application/json")), (0.5, 0.1));
        assert_eq!(Accept::parse(["text/html"].into_iter()).quality("application/json"), 0.0);
    }
}
