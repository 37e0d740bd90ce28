use std::fmt;

/// A table name with an optional schema before a dot.
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

    /// Returns the quoted name for a statement. Quoting is required because `user` is an SQL keyword, and it escapes
    /// quotes in names.
    pub(super) fn quoted(&self) -> String {
        let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }

    /// Returns the quoted name as a string literal.
    pub(super) fn as_literal(&self) -> String {
        format!("'{}'", self.quoted().replace('\'', "''"))
    }

    /// Returns the unquoted name, without schema, as a string literal.
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
