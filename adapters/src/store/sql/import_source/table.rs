use std::fmt;

/// The name of a table, perhaps with that of its schema before a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    schema: Option<String>,
    name: String,
}

impl Table {
    pub(super) fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((schema, name)) => Self { schema: Some(schema.to_owned()), name: name.to_owned() },
            None => Self { schema: None, name: text.to_owned() },
        }
    }

    /// As it stands in a statement. `user` is a word of SQL, and no name may end its own quotes.
    pub(super) fn quoted(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }

    /// The same as a text in a statement.
    pub(super) fn as_literal(&self) -> String {
        format!("'{}'", self.quoted().replace('\'', "''"))
    }

    /// The name alone as a text in a statement, without quotes of its own.
    pub(super) fn bare_literal(&self) -> String {
        format!("'{}'", self.name.replace('\'', "''"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_whatever_is_in_it() {
        assert_eq!(Table::parse("user").quoted(), "\"user\"");
        assert_eq!(Table::parse("auth.users").quoted(), "\"auth\".\"users\"");
        assert_eq!(Table::parse("u\"; DROP TABLE users; --").quoted(), "\"u\"\"; DROP TABLE users; --\"");
        assert_eq!(Table::parse("it's").as_literal(), "'\"it''s\"'");
    }
}
