//! `load statements`: what the service really sends, whether it is prepared once,
//! and whether the scripts of pgbench send the like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nvito_clients::error::Cause;
use nvito_clients::seed::Size;
use regex::Regex;

use super::ask::Rows;
use super::cpu::Watched;
use super::drive::Load;
use super::operation::{Mix, Operation};
use super::pgbench::{self, Pgbench, Schema, script};
use super::run::{fresh_seed, runtime};
use super::stage::{self, Stage};
use super::table;

/// What `load statements` may be told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Of which operations, separated by commas. [default: those that have scripts]
    #[arg(long, value_delimiter = ',')]
    operations: Vec<Operation>,
    /// The service's program. [default: nvito-clients beside this one]
    #[arg(long)]
    service: Option<PathBuf>,
}

const SIZE: Size = Size {
    organizations: 3,
    clients: 600,
    largest: None,
};

/// Prints the statements; `false` when a script sends others than the service,
/// or the service prepares one at each call.
pub(crate) fn main(arguments: &Arguments) -> Result<bool, Cause> {
    runtime(1)?.block_on(compared(arguments))
}

async fn compared(arguments: &Arguments) -> Result<bool, Cause> {
    let settings = [
        ("log_statement", "all"),
        // What is prepared is logged with how long it took, and not else.
        ("log_min_duration_statement", "0"),
        ("fsync", "off"),
        ("autovacuum", "off"),
    ];
    let plan = stage::Plan {
        data_dir: None,
        settings: settings
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        size: SIZE,
        service: arguments.service.clone().map_or_else(table::service, Ok)?,
    };
    let stage = Stage::set(&plan).await?;
    let same = all(arguments, &stage).await;
    stage.clear().await?;
    same
}

async fn all(arguments: &Arguments, stage: &Stage) -> Result<bool, Cause> {
    let rows = Rows {
        size: SIZE,
        only: None,
    };
    let mut pgbench = Pgbench::find(stage)?;
    pgbench.blocks = pgbench::prepare(&mut stage.superuser().await?, rows).await?;
    let mut operations = arguments.operations.clone();
    if operations.is_empty() {
        let scripted = |one: &Operation| script(*one, Schema::Own).is_some();
        operations = Operation::ALL.into_iter().filter(scripted).collect();
    }
    let mut same = true;
    for operation in operations {
        let Sent { sent, prepared } = by_the_service(stage, rows, operation).await?;
        println!("== {}: the service", operation.name());
        for statement in &sent {
            println!("{statement}");
        }
        for statement in prepared {
            same = false;
            println!("-- PREPARED AT EACH CALL: {statement}");
        }
        let Some(script) = script(operation, Schema::Own) else {
            continue;
        };
        let before = length(&stage.log())?;
        pgbench.once(script, stage.folder()).await?;
        let scripted = statements(&stage.log(), before)?;
        let (ours, theirs) = (outline(&sent), outline(&scripted));
        if ours == theirs {
            println!("-- the script does the like");
        } else {
            same = false;
            println!("-- THE SCRIPT DIFFERS\n   service: {ours:?}\n   script:  {theirs:?}");
        }
    }
    Ok(same)
}

/// What one call sends.
struct Sent {
    /// On a connection that has been used before. Of several calls, which differ
    /// by their rows, what that one sends that sends most.
    sent: Vec<String>,
    /// What each of the calls has prepared.
    prepared: BTreeSet<String>,
}

async fn by_the_service(stage: &Stage, rows: Rows, operation: Operation) -> Result<Sent, Cause> {
    let mut most = Vec::new();
    let mut anew: Option<BTreeSet<String>> = None;
    for seed in 0..8 {
        let before = length(&stage.log())?;
        let load = Load {
            address: stage.address(),
            mix: Mix::of(operation),
            rows,
            check: false,
            connections: 1,
            in_flight: 1,
            rate: None,
            warm_up: Duration::ZERO,
            time: Duration::from_secs(10),
            calls: Some(1),
            seed: fresh_seed().wrapping_add(seed),
            watched: Watched::default(),
        };
        load.run().await?;
        let now = prepared(&stage.log(), before)?.into_iter().collect();
        anew = Some(match anew {
            Some(before) => &before & &now,
            None => now,
        });
        let sent = statements(&stage.log(), before)?;
        // The first call opens its connection.
        if seed > 0 && sent.len() > most.len() {
            most = sent;
        }
    }
    Ok(Sent {
        sent: most,
        prepared: anew.unwrap_or_default(),
    })
}

/// What the service asks by itself, every few seconds: nobody's client.
fn is_heartbeat(statement: &str) -> bool {
    statement.starts_with(r#"SELECT "clients"."id" FROM "clients" WHERE ("clients"."id" ="#)
}

fn length(log: &Path) -> Result<usize, Cause> {
    Ok(usize::try_from(fs::metadata(log)?.len())?)
}

/// The statements that PostgreSQL has logged since its log was so long, whoever's but for
/// the service's own.
fn statements(log: &Path, from: usize) -> Result<Vec<String>, Cause> {
    let mut sent = logged(log, from, r"^\d.*? LOG:  (?:statement|execute [^:]*): ")?;
    sent.retain(|one| !is_heartbeat(one));
    Ok(sent)
}

/// Those that it has prepared.
fn prepared(log: &Path, from: usize) -> Result<Vec<String>, Cause> {
    logged(log, from, r"^\d.*? LOG:  duration: \S+ ms  parse [^:]*: ")
}

/// What stands behind `start` in the log, over as many lines as it takes.
fn logged(log: &Path, from: usize, start: &str) -> Result<Vec<String>, Cause> {
    let log = fs::read_to_string(log)?;
    let start = Regex::new(start)?;
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in log.get(from..).unwrap_or_default().lines() {
        match (line.strip_prefix('\t'), found.last_mut()) {
            (Some(rest), Some(last)) if goes_on => {
                last.push(' ');
                last.push_str(rest.trim_start());
            }
            (Some(_), _) => {}
            (None, _) => {
                let begins = start.find(line);
                goes_on = begins.is_some();
                found.extend(begins.map(|begins| line[begins.end()..].to_owned()));
            }
        }
    }
    Ok(found)
}

/// What is done to which tables, by which functions, and how often: less than the text, which a
/// script cannot have in common with a query builder, and enough to see that
/// one of them has changed. Beginning and ending, and where the script gets its
/// rows, say nothing.
fn outline(statements: &[String]) -> BTreeMap<String, usize> {
    let verb = Regex::new(r"(?i)\b(SELECT|INSERT|UPDATE|DELETE|WITH)\b").expect("a pattern");
    let table =
        Regex::new(r#"(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:ONLY\s+)?\(?\s*"?([a-z_]+)"?(\()?"#)
            .expect("a pattern");
    let known = [
        "clients",
        "events",
        "users",
        "organization_members",
        "client_history",
        "idempotent_requests",
    ];
    let mut counts = BTreeMap::new();
    // Several may have gone as one message.
    for statement in statements.iter().flat_map(|message| message.split("; ")) {
        if statement.contains("load.picks") {
            continue;
        }
        let Some(verb) = verb.find(statement) else {
            continue;
        };
        let mut tables: Vec<_> = table
            .captures_iter(statement)
            // A function of ours stands for the tables that it reads.
            .filter(|found| {
                known.contains(&&found[1]) || (found.get(2).is_some() && &found[1] != "unnest")
            })
            .map(|found| found[1].to_lowercase())
            .collect();
        tables.sort_unstable();
        if !tables.is_empty() {
            let outline = format!("{} {}", verb.as_str().to_uppercase(), tables.join(" "));
            *counts.entry(outline).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_is_what_is_done_to_which_tables() {
        let statements = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let builder: Vec<String> = statements(&[
            "BEGIN",
            "SELECT set_config('role', 'x', true)",
            r#"SELECT "clients"."id" FROM "clients" WHERE x"#,
            "COMMIT",
        ]);
        let script: Vec<String> = statements(&[
            "SELECT client[1] FROM load.picks",
            "BEGIN",
            "SELECT set_config('a', 'b', true)",
            "SELECT clients.id FROM clients WHERE x",
        ]);
        let at_once: Vec<String> = statements(&["BEGIN; SELECT 1 FROM clients; COMMIT"]);
        assert_eq!(outline(&builder), outline(&at_once));
        let other: Vec<String> = statements(&["SELECT 1 FROM clients JOIN users ON x"]);
        assert_eq!(outline(&builder), outline(&script));
        assert_ne!(outline(&builder), outline(&other));
        let function: Vec<String> = statements(&["SELECT (c).id FROM clients_by_key($1, $2)"]);
        assert_eq!(
            outline(&function).into_keys().next().as_deref(),
            Some("SELECT clients_by_key")
        );
    }
}
