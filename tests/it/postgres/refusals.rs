//! Starts that fail, and what they say.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use nix::unistd::geteuid;
use nvito_clients::postgres::{Options, PrivatePostgres};

use super::{refused, refused_at, start, stop};
use crate::support::Folder;

#[tokio::test]
async fn a_setting_that_postgres_refuses_is_quoted_from_its_log() {
    let folder = Folder::used();
    stop(start(&folder).await).await;
    let settings = vec![("max_connections".to_owned(), "many".to_owned())];
    let options = Options {
        settings,
        ..folder.options()
    };
    let error = PrivatePostgres::start(options)
        .await
        .expect_err("not a number")
        .to_string();
    assert!(
        error.contains("invalid value for parameter \"max_connections\""),
        "{error}"
    );
    assert!(
        !error.contains("shut down"),
        "only this run's lines: {error}"
    );
    folder.wait_until_quiet(Duration::ZERO);
}

#[tokio::test]
async fn a_second_start_in_the_same_process_is_refused_too() {
    let folder = Folder::used();
    let postgres = start(&folder).await;
    let holder = format!("(process {})", std::process::id());
    assert!(refused(&folder).await.contains(&holder));
    stop(postgres).await;
    stop(start(&folder).await).await;
}

#[tokio::test]
async fn a_database_of_another_version_names_both() {
    let folder = Folder::new();
    let cluster = folder.data().join("cluster");
    fs::create_dir_all(&cluster).expect("writable");
    fs::set_permissions(folder.data(), Permissions::from_mode(0o755)).expect("mine");
    fs::write(cluster.join("PG_VERSION"), "12\n").expect("writable");
    let error = refused(&folder).await;
    assert!(error.contains("was made by PostgreSQL 12, but"), "{error}");
    assert!(error.contains(" is PostgreSQL 1"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    let file = folder.0.path().join("file");
    fs::write(&file, "").expect("writable");
    let error = refused_at(file.join("data")).await.to_string();
    assert!(
        error.starts_with("cannot create ") && error.contains("file/data: "),
        "{error}"
    );
    let error = refused_at(file).await.to_string();
    assert!(error.starts_with("cannot create "), "{error}");
}

#[tokio::test]
async fn root_is_told_which_folder_is_closed() {
    if !geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    let closed = folder.0.path().join("closed");
    fs::create_dir(&closed).expect("writable");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("mine");
    let error = refused_at(closed.join("open/data")).await.to_string();
    let closed = closed.canonicalize().expect("there");
    let part = format!("cannot enter {}: allow it (chmod o+x)", closed.display());
    assert!(
        error.contains(&part) && error.contains("CLIENTS_DATA_DIR"),
        "{error}"
    );
}
