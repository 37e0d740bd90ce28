use crate::config::{SETTINGS, Setting};

const HEAD: &str = "# Configuration

Every setting is an environment variable, a line in `.env`, or a flag: `DATABASE_URL` is `--database-url`. Flags win over
variables, variables over the file. An empty value is none. A wrong value stops the start, and all wrong values are told at
once. `inwren config check` shows what is in force, with secrets masked.

Secrets have no flag, because other users of the machine can read command lines; a URL given as a flag must have no
password. A setting that names a file takes its path. The content of a file there stops the start, and is never printed.
";

/// The reference page of all settings. Each setting has its own section, so that other pages can link to it.
pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    for setting in SETTINGS.iter() {
        page += &section(setting);
    }
    page
}

fn section(setting: &Setting) -> String {
    let Setting { name, takes, about, secret, .. } = setting;
    let default = setting.default.map_or("none".to_owned(), |default| format!("`{default}`"));
    let shown = if *secret && *name != "DATABASE_URL" { "; its value is never shown" } else { "" };
    let flag = match setting.has_flag() {
        true if setting.is_address() => format!("`--{}`, if the URL has no password", setting.flag()),
        true => format!("`--{}`", setting.flag()),
        false => "none".to_owned(),
    };
    format!("\n## {name}\n\n{about}.\n\n- Takes: {takes}\n- Default: {default}{shown}\n- Flag: {flag}\n")
}
