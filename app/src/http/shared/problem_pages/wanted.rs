use super::render::Format;

/// Returns the format that the client prefers (RFC 9110 section 12.5.1). A client that states no preference, or accepts
/// no available format, gets HTML, so that a clicked link shows something.
pub(super) fn format<'a>(accept: impl Iterator<Item = &'a str>) -> Format {
    let ranges: Vec<(String, f32)> = accept.flat_map(|value| value.split(',')).filter_map(range).collect();
    let mut best = (Format::Html, 0.0);
    for format in [Format::Html, Format::Markdown, Format::Json] {
        let quality = quality(&ranges, format.media_type());
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
}

fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| media.contains('/'))?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality: f32 = quality.map_or(Some(1.0), |text| text.parse().ok())?;
    Some((media, quality.clamp(0.0, 1.0)))
}

/// Returns the quality that the most specific matching range assigns to a media type.
fn quality(ranges: &[(String, f32)], media_type: &str) -> f32 {
    let media = media_type.split(';').next().unwrap_or_default();
    let of_kind = format!("{}/*", media.split('/').next().unwrap_or_default());
    let exact = [media, of_kind.as_str(), "*/*"];
    let fits = |wanted: &&str| ranges.iter().find(|(range, _)| range == *wanted);
    exact.iter().find_map(fits).map_or(0.0, |(_, quality)| *quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_gets_the_preferred_format() {
        for (accept, expected) in [
            ("", Format::Html),
            ("*/*", Format::Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html),
            ("application/json", Format::Json),
            ("application/json, text/html;q=0.5", Format::Json),
            ("APPLICATION/JSON;q=0.9, text/html;q=0.5", Format::Json),
            ("text/markdown", Format::Markdown),
            ("text/html;q=0.1, text/*", Format::Markdown),
            ("text/html;q=0, */*", Format::Markdown),
            ("image/png", Format::Html),
            ("rubbish;;;q=x,,", Format::Html),
        ] {
            assert_eq!(format(std::iter::once(accept)), expected, "{accept}");
        }
    }
}
