//! The walls of the house, read off the source: who may know whom.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Every Rust file below a folder or file of `src/`, with its text less
/// comments and test modules.
fn sources(place: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(place);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    if root.is_file() {
        return vec![(root.clone(), code(&root))];
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of src").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.clone(), code(&path)));
            }
        }
    }
    assert!(!files.is_empty(), "{place} has files");
    files
}

fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let without_tests = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = without_tests
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The places in `files` where `pattern` stands.
fn findings(files: &[(PathBuf, String)], pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    files
        .iter()
        .flat_map(|(path, text)| {
            text.lines()
                .filter(|line| pattern.is_match(line))
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[track_caller]
fn nowhere(files: &[(PathBuf, String)], pattern: &str) {
    assert_eq!(findings(files, pattern), Vec::<String>::new(), "{pattern}");
}

#[test]
fn the_rules_know_no_transport_no_storage_and_no_runtime() {
    for place in ["domain", "error.rs", "error"] {
        let files = sources(place);
        nowhere(
            &files,
            r"\b(tonic|prost|prost_types|diesel|diesel_async|tokio|tower|http)::",
        );
        nowhere(&files, r"\basync\b|\.await");
        nowhere(
            &files,
            r"crate::(grpc|jwt|repository|server|config|postgres|seed|telemetry|commands)",
        );
    }
}

#[test]
fn tokens_know_no_transport_and_no_storage() {
    let files = sources("jwt");
    nowhere(
        &files,
        r"\b(tonic|prost|prost_types|diesel|diesel_async|tower|clap)::",
    );
    nowhere(
        &files,
        r"crate::(grpc|repository|server|config|postgres|seed|telemetry|commands)",
    );
}

#[test]
fn the_repository_knows_no_transport() {
    let files = sources("repository");
    nowhere(&files, r"\b(tonic|prost|prost_types|http)::");
    nowhere(
        &files,
        r"crate::(grpc|jwt|server|config|postgres|seed|commands)",
    );
}

#[test]
fn the_transport_knows_no_sql() {
    let files = sources("grpc");
    nowhere(
        &files,
        r"\b(diesel|diesel_async|deadpool|tokio_postgres)::|repository::schema",
    );
    nowhere(&files, r"crate::(server|config|postgres|seed|commands)");
}

#[test]
fn nobody_knows_the_wiring() {
    for place in [
        "domain",
        "error.rs",
        "error",
        "repository",
        "grpc",
        "jwt",
        "listener",
        "postgres",
        "seed",
        "telemetry.rs",
    ] {
        nowhere(&sources(place), r"crate::(server|commands)|nvito_clients::");
    }
}

#[test]
fn the_listener_knows_sockets_only_and_only_the_wiring_knows_it() {
    nowhere(
        &sources("listener"),
        r"\bcrate::|\b(diesel|tokio_postgres|prost)::",
    );
    nowhere(
        &sources("listener"),
        r"tonic::(Request|Response|metadata|service)",
    );
    for place in [
        "domain",
        "error.rs",
        "error",
        "repository",
        "grpc",
        "postgres",
        "seed",
    ] {
        nowhere(&sources(place), r"\blistener::");
    }
}

#[test]
fn each_conversion_has_one_place() {
    let outside = |inside: &[&str]| -> Vec<(PathBuf, String)> {
        sources("")
            .into_iter()
            .filter(|(path, _)| !inside.iter().any(|place| path.ends_with(place)))
            .collect()
    };
    let is_conversion = |path: &Path| path.components().any(|part| part.as_os_str() == "convert");

    let makers = outside(&["grpc/status.rs"]);
    nowhere(
        &makers,
        r"Status::(new|with_|invalid|not_found|internal|unavailable|unauthenticated)",
    );

    let mut readers = outside(&["repository/error.rs", "repository/said.rs"]);
    readers.retain(|(path, _)| !path.ends_with("src/postgres/database.rs"));
    nowhere(
        &readers,
        r"DatabaseErrorKind|DatabaseErrorInformation|constraint_name",
    );

    let mut builders = sources("");
    builders.retain(|(path, _)| !is_conversion(path) && path.starts_with(source("grpc")));
    nowhere(
        &builders,
        r"\b(Client|ClientCard|ClientHistoryEntry|ClientSuggestion|Event|FieldChange|FiscalViolation|Member|Organization|PageMeta|SummaryRow|User)\s*\{",
    );
}

fn source(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(place)
}

#[test]
fn nothing_unsafe_is_let_in_by_a_side_door() {
    // `forbid` cannot be lowered by an attribute, only in the manifest.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest");
    assert!(manifest.contains("[lints.rust]\nunsafe_code = \"forbid\"\n"));
    nowhere(&sources(""), r"\bunsafe\b|cap-lints");
}

/// The control: the patterns do find what they look for.
#[test]
fn a_breach_is_seen() {
    let breach = |text: &str| vec![(PathBuf::from("breach.rs"), text.to_owned())];
    assert_eq!(
        findings(&breach("use diesel::prelude::*;"), r"\b(diesel)::").len(),
        1
    );
    assert_eq!(
        findings(
            &breach("let status = Status::internal(x);"),
            r"Status::(internal)"
        )
        .len(),
        1
    );
    assert!(!findings(&sources("repository"), r"\bdiesel::").is_empty());
    assert!(!findings(&sources("grpc"), r"\btonic::").is_empty());
}
