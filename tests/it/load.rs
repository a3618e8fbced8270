//! The load command: every answer is right under load, and the command would
//! see one that is not. No times are measured.

use std::process::Output;

use nvito_clients::repository::Database;
use nvito_clients::seed;
use serde_json::Value;
use tokio::process::Command;

use crate::support::{App, Cluster};

const ORGANIZATIONS: u32 = 5;
const CLIENTS: u32 = 600;

/// A service with bulk data.
async fn loaded() -> App {
    let app = App::start().await;
    let pool = Database::new(Cluster::get().service(&app.database), 1);
    let loaded = seed::load_bulk(&pool, ORGANIZATIONS, CLIENTS).await;
    assert_eq!(loaded.expect("loaded").clients, CLIENTS as usize);
    app
}

/// `load run --check` with further arguments, and its figures.
async fn load(app: &App, arguments: &[&str]) -> (Output, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["run", "--check", "--warm-up", "0", "--json", "-"])
        .args(["--address", &app.address.to_string()])
        .args(["--organizations", &ORGANIZATIONS.to_string()])
        .args(["--clients", &CLIENTS.to_string()])
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("it runs");
    let figures = serde_json::from_slice(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, figures.expect(&told))
}

/// All calls were answered with OK but those that there was no room for.
fn assert_sound(figures: &Value) {
    assert_eq!(figures["wrong"], 0, "{figures:#}");
    for row in figures["operations"].as_array().expect("a list") {
        let codes = row["codes"].as_object().expect("codes");
        assert!(codes.contains_key("OK"), "{row:#}");
        let expected = |code: &String| ["OK", "RESOURCE_EXHAUSTED"].contains(&code.as_str());
        assert!(codes.keys().all(expected), "{row:#}");
    }
}

#[tokio::test]
async fn every_answer_is_right_under_load() {
    let app = loaded().await;
    let (output, figures) = load(&app, &["--mix", "all", "--seconds", "4"]).await;
    assert!(output.status.success(), "{output:?}");
    assert_sound(&figures);
    let operations = figures["operations"].as_array().expect("a list");
    assert_eq!(operations.len(), 18, "{figures:#}");
}

#[tokio::test]
async fn an_open_loop_makes_its_calls_in_time() {
    let app = loaded().await;
    let arguments = ["--mix", "get=3,list=1", "--rate", "100", "--seconds", "2"];
    let (output, figures) = load(&app, &arguments).await;
    assert!(output.status.success(), "{output:?}");
    assert_sound(&figures);
    assert_eq!(figures["calls"], 200, "{figures:#}");
}

/// The control: what is wrong is seen.
#[tokio::test]
async fn a_wrong_answer_is_seen() {
    let app = loaded().await;
    app.execute("UPDATE clients SET name = 'Otro'").await;
    let arguments = ["--mix", "get=1,search=1", "--calls", "50"];
    let (output, figures) = load(&app, &arguments).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let rows = figures["operations"].as_array().expect("a list");
    let wrong = |row: &Value| row["wrong"].as_u64() > Some(0);
    assert!(rows.iter().all(wrong), "{figures:#}");
}

/// The scripts that the service is compared with do what it does: red when the
/// service's statements have changed and `src/bin/load/pgbench/own/` has not.
#[tokio::test]
async fn pgbench_is_given_our_own_statements() {
    let output = Command::new(env!("CARGO_BIN_EXE_load"))
        .arg("statements")
        .kill_on_drop(true)
        .output()
        .await
        .expect("it runs");
    let (said, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{failed}");
}
