use super::render::Format;
use crate::http::shared::accept::Accept;

/// Returns the format that the client prefers. A client that states no preference, or accepts no available format, gets
/// HTML, so that a clicked link shows something.
pub(super) fn format(accept: &Accept) -> Format {
    let mut best = (Format::Html, 0.0);
    for format in [Format::Html, Format::Markdown, Format::Json] {
        let quality = accept.quality(format.media_type());
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
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
            assert_eq!(format(&Accept::parse(std::iter::once(accept))), expected, "{accept}");
        }
    }
}
