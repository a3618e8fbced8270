use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

/// Downloads 20 MB, so it is run by hand when `npm.rs` or its version changes:
/// `cargo test --lib npm -- --ignored`.
#[tokio::test]
#[ignore = "needs npm and its registry; a suite that needs the network would fail without cause"]
async fn npm_supplies_a_server_where_none_is_installed() {
    let folder = tempfile::tempdir().expect("a temp folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("mine");
    let options = || Options {
        data_dir: folder.path().join("data"),
        settings: Vec::new(),
    };
    for run in ["with npm", "again"] {
        let began = Instant::now();
        let postgres = PrivatePostgres::start_found_by(&Search::only_npm(), options())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        println!("start {run}: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        let client = database::connect(&postgres.config())
            .await
            .expect("accepts connections");
        client
            .batch_execute(
                "CREATE EXTENSION IF NOT EXISTS pg_trgm;
                 CREATE EXTENSION IF NOT EXISTS unaccent;
                 CREATE EXTENSION IF NOT EXISTS btree_gin;",
            )
            .await
            .expect("the package has the extensions");
        postgres.stop().await.expect("stops");
    }
}
