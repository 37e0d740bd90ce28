//! Parses the operations page.

use std::path::Path;

/// A fenced block of commands.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The heading above the block.
    pub(super) heading: String,
    /// `sh` if the tests run the block, `console` if it needs something that the test machine lacks.
    pub(super) kind: String,
    pub(super) text: String,
}

pub(super) fn text() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("operations.md");
    std::fs::read_to_string(page).expect("the page")
}

/// All fenced blocks, in the order of the page.
pub(super) fn blocks() -> Vec<Block> {
    let (mut blocks, mut heading, mut open) = (Vec::new(), String::new(), None::<Block>);
    for line in text().lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => block.text += &format!("{line}\n"),
            (None, Some(kind)) => {
                open = Some(Block { heading: heading.clone(), kind: kind.to_owned(), text: String::new() });
            }
            (None, None) if line.starts_with('#') => {
                line.trim_start_matches(['#', ' ']).clone_into(&mut heading)
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The cells of the table row whose first cell is `first`.
pub(super) fn row(first: &str) -> Vec<String> {
    let text = text();
    let beginning = format!("| {first} |");
    let line = text.lines().find(|line| line.starts_with(&beginning));
    let line = line.unwrap_or_else(|| panic!("no row {first:?}"));
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn every_block_is_of_a_known_kind() {
    for block in blocks() {
        match block.kind.as_str() {
            "sh" | "text" => {}
            "console" => {
                for line in block.text.lines() {
                    assert!(line.starts_with("redis-cli "), "{line:?} could be run: make its block `sh`");
                }
            }
            kind => panic!("{kind:?} under {:?}", block.heading),
        }
    }
}

/// Every link leads to a heading of this page or to an existing page.
#[test]
fn every_link_leads_somewhere() {
    let text = text();
    let anchor = |heading: &str| -> String {
        let heading = heading.to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let headings: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| anchor(line.trim_start_matches(['#', ' '])))
        .collect();
    let mut links = 0;
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if let Some(anchor) = target.strip_prefix('#') {
            assert!(headings.iter().any(|heading| heading == anchor), "#{anchor}");
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}
