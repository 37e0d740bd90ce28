//! Descriptions without the line breaks of the source code.

use serde_json::Value;

/// Joins the lines of each paragraph of each description.
pub(super) fn unwrap(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => *text = paragraphs(text),
                    value => unwrap(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap),
        _ => {}
    }
}

fn paragraphs(text: &str) -> String {
    let line = |paragraph: &str| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    text.split("\n\n").map(line).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paragraphs_stay_and_lines_do_not() {
        let mut value = json!({ "a": [{ "description": "One\n two.\n\nThree\nfour." }], "b": "five\nsix" });
        unwrap(&mut value);
        assert_eq!(value, json!({ "a": [{ "description": "One two.\n\nThree four." }], "b": "five\nsix" }));
    }
}
