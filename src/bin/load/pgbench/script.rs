//! The scripts, one operation each, and how pgbench gets random rows for them.

use nvito_clients::repository::PLANNING;

use super::super::operation::Operation;

/// Operations of one round of pgbench's: their random rows come with one
/// statement of a few microseconds, before them.
pub(super) const COPIES: u32 = 10;

/// What a script may name; lists of [`COPIES`] in `load.picks`.
pub(super) const NAMES: [&str; 11] = [
    "organization",
    "actor",
    "client",
    "assignee",
    "assignees",
    "batch",
    "team",
    "term",
    "digits",
    "status",
    "name",
];

/// Whose statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// What the service sends.
    Own,
    /// What an application without walls and history would send.
    Plain,
}

impl Schema {
    /// `PGOPTIONS` of a session for it: our own statements are planned as the service has
    /// them planned.
    pub(crate) fn session(self) -> String {
        match self {
            Self::Own => PLANNING.map(|setting| format!("-c {setting} ")).concat(),
            Self::Plain => String::new(),
        }
    }
}

macro_rules! scripts {
    ($($operation:ident: $file:literal),+ $(,)?) => {
        /// The script of an operation, if there is one.
        pub(crate) fn script(operation: Operation, schema: Schema) -> Option<&'static str> {
            match (operation, schema) {
                $(
                    (Operation::$operation, Schema::Own) => Some(include_str!(concat!("own/", $file, ".sql"))),
                    (Operation::$operation, Schema::Plain) => Some(include_str!(concat!("plain/", $file, ".sql"))),
                )+
                _ => None,
            }
        }
    };
}

scripts! {
    Get: "get",
    List: "list",
    ListStatus: "list_status",
    Search: "search",
    Create: "create",
    Update: "update",
}

/// A script for [`COPIES`] operations, each about rows of its own.
pub(super) fn repeated(script: &str) -> String {
    assembled(script, COPIES)
}

/// A script for one operation.
pub(super) fn once(script: &str) -> String {
    assembled(script, 1)
}

fn assembled(script: &str, copies: u32) -> String {
    let named: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| renamed(script, name, "") != script)
        .collect();
    let columns: Vec<String> = (1..=copies)
        .flat_map(|copy| {
            named
                .iter()
                .map(move |name| format!("{name}[{copy}] AS {name}_{copy}"))
        })
        .collect();
    let mut text = format!(
        "\\set block random(1, :blocks)\nSELECT {} FROM load.picks WHERE block = :block \\gset\n",
        columns.join(", ")
    );
    for copy in 1..=copies {
        let suffix = format!("_{copy}");
        let of_this_copy = |script: String, name: &&str| renamed(&script, name, &suffix);
        text += &named.iter().fold(script.to_owned(), of_this_copy);
        text.push('\n');
    }
    text
}

/// `:name` with something after it; not a cast, and no longer name.
fn renamed(script: &str, name: &str, suffix: &str) -> String {
    let variable = format!(":{name}");
    let mut parts = script.split(variable.as_str());
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let longer = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if longer || text.ends_with(':') {
            text = text + &variable + part;
        } else if suffix.is_empty() {
            // Only asked whether it is there.
            text += part;
        } else {
            text = text + &variable + suffix + part;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_copy_has_its_rows() {
        let script =
            "\\set r random(1, 9)\nSELECT :client, :term::text, :clients, 'a'::client, :r;\n";
        assert_eq!(
            assembled(script, 2),
            "\\set block random(1, :blocks)\n\
             SELECT client[1] AS client_1, term[1] AS term_1, client[2] AS client_2, term[2] AS term_2 \
             FROM load.picks WHERE block = :block \\gset\n\
             \\set r random(1, 9)\nSELECT :client_1, :term_1::text, :clients, 'a'::client, :r;\n\n\
             \\set r random(1, 9)\nSELECT :client_2, :term_2::text, :clients, 'a'::client, :r;\n\n"
        );
    }
}
