use std::io::{self, BufRead};

use inwren_domain::account::import::Problem;

/// The longest line, in bytes. No user needs more.
const LONGEST: usize = 64 * 1024;

/// The lines of a file with their numbers. It skips the rest of a line that is too long, without storing it.
pub(super) struct Lines<R> {
    from: R,
    number: u64,
    bytes: u64,
}

/// A line, without its line break.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) text: Result<Vec<u8>, Problem>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn of(from: R) -> Self {
        Self { from, number: 0, bytes: 0 }
    }

    /// Number of bytes read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the next line that is not empty.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(mut text) = self.read()? else { return Ok(None) };
            self.number += 1;
            if text.len() > LONGEST {
                let problem = Problem::Unreadable(format!("the line has more than {LONGEST} bytes"));
                return Ok(Some(Line { number: self.number, text: Err(problem) }));
            }
            if self.number == 1 && text.starts_with("\u{feff}".as_bytes()) {
                text.drain(..3);
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some(Line { number: self.number, text: Ok(text.trim_ascii().to_owned()) }));
            }
        }
    }

    /// Reads a line, or enough of it to show that it is too long.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut any = false;
        loop {
            let available = self.from.fill_buf()?;
            if available.is_empty() {
                return Ok(any.then_some(line));
            }
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let room = (LONGEST + 1).saturating_sub(line.len());
            line.extend(part.iter().take(room));
            let used = end.map_or(available.len(), |end| end + 1);
            self.from.consume(used);
            self.bytes += used as u64;
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_the_empty_ones_passed_over() {
        let text = format!("\u{feff}a\r\n\n  \n{}\nlast", "x".repeat(LONGEST + 1));
        let mut lines = Lines::of(io::BufReader::with_capacity(7, text.as_bytes()));
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.text.map(|text| String::from_utf8(text).unwrap()).ok()));
        }
        assert_eq!(found, [(1, Some("a".to_owned())), (4, None), (5, Some("last".to_owned()))]);
        assert_eq!(lines.bytes(), text.len() as u64);
    }
}
