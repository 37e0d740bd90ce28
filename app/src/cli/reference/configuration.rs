use crate::config::{SETTINGS, Setting, group_of};

const HEAD: &str = "# Configuration

Every setting is an environment variable, a line in `.env`, or a flag: `DATABASE_URL` is `--database-url`. Flags override
variables, and variables override `.env`. An empty value counts as not set. Invalid values abort startup and are all
reported together. `inwren config check` shows the values in force, with secrets masked; `inwren help settings` prints
this list.

Secrets have no flag, because other users of the machine can read command lines. A URL in a flag must not contain a
password. A setting that names a file takes its path. If it contains the content of a file instead, startup fails without
printing it.
";

/// The reference page of all settings, in groups. Each setting has its own section, so that other pages can link to it.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut group = "";
    for setting in SETTINGS.iter() {
        if group_of(setting) != group {
            group = group_of(setting);
            page += &format!("\n## {group}\n");
        }
        page += &section(setting);
    }
    page
}

fn section(setting: &Setting) -> String {
    let Setting { name, takes, about, secret, .. } = setting;
    // A default that depends on other settings is in the text.
    let (about, derived) = match about.split_once(" [default: ") {
        Some((about, derived)) => (about, derived.trim_end_matches(']')),
        None => (*about, "none"),
    };
    let default = setting.default.map_or(derived.to_owned(), |default| format!("`{default}`"));
    let shown = if *secret && *name != "DATABASE_URL" { "; its value is never shown" } else { "" };
    let flag = match setting.has_flag() {
        true if setting.is_address() => format!("`--{}`, if the URL has no password", setting.flag()),
        true => format!("`--{}`", setting.flag()),
        false => "none".to_owned(),
    };
    format!("\n### {name}\n\n{about}.\n\n- Takes: {takes}\n- Default: {default}{shown}\n- Flag: {flag}\n")
}
