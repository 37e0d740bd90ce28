use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Width of the quiet zone, in modules (ISO/IEC 18004 section 5.3.8).
const BORDER: i32 = 4;

/// Draws a QR code as SVG: black on white, without script. `None` if the text is too long.
pub(in crate::http) fn svg(text: &str) -> Option<String> {
    // A long text fits with less redundancy.
    let levels = [QrCodeEcc::Medium, QrCodeEcc::Low];
    let code = levels.into_iter().find_map(|level| QrCode::encode_text(text, level).ok())?;
    let size = code.size() + 2 * BORDER;
    let path = path(&code);
    let area = format!(r#"viewBox="0 0 {size} {size}" shape-rendering="crispEdges""#);
    let background = format!(r##"<rect width="{size}" height="{size}" fill="#fff"/>"##);
    let modules = format!(r##"<path fill="#000" d="{path}"/>"##);
    Some(format!(r#"<svg xmlns="http://www.w3.org/2000/svg" {area}>{background}{modules}</svg>"#))
}

/// The dark modules, as one rectangle for each run in a row.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + BORDER, y + BORDER);
            }
            // The module after a run is light.
            x += i32::try_from(run).unwrap_or(0) + 1;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_a_quiet_zone_and_all_dark_modules() {
        let text = "otpauth://totp/Inwren%20Auth:ann%40example.org?secret=JBSWY3DPEHPK3PXP";
        let svg = svg(text).unwrap();
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let size = code.size() + 8;
        assert!(svg.contains(&format!(r#"viewBox="0 0 {size} {size}""#)), "{svg}");
        // The first row of a finder pattern: seven dark modules.
        assert!(svg.contains(r#"d="M4 4h7v1h-7z"#), "{svg}");
        let runs = svg
            .split('h')
            .filter_map(|part| part.split_once("v1").and_then(|(run, _)| run.parse::<i32>().ok()));
        let dark: i32 = runs.sum();
        let modules = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
        assert_eq!(usize::try_from(dark), Ok(modules.filter(|(x, y)| code.get_module(*x, *y)).count()));
    }

    #[test]
    fn text_that_fits_no_code_is_refused() {
        assert_eq!(svg(&"a".repeat(3_000)), None);
    }
}
