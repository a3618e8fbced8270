use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use tempfile::TempDir;

use super::*;

/// A folder that every user can enter, with the data folder `data` in it.
fn machine() -> (TempDir, Home) {
    let root = tempfile::tempdir().expect("a temp folder");
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("mine");
    let home = Home::create(&root.path().join("data")).expect("writable");
    (root, home)
}

/// Makes `bin` a folder of programs that tell this version.
fn install(bin: &Path, version: &str) {
    fs::create_dir_all(bin).expect("writable");
    for name in ["postgres", "initdb"] {
        let script = format!("#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n");
        fs::write(bin.join(name), script).expect("writable");
        fs::set_permissions(bin.join(name), Permissions::from_mode(0o755)).expect("mine");
    }
}

fn add_extensions(folder: &Path, names: &[&str]) {
    fs::create_dir_all(folder).expect("writable");
    for name in names {
        fs::write(folder.join(format!("{name}.control")), "").expect("writable");
    }
}

async fn find(places: &[String], home: &Home, wanted: Option<u32>) -> Result<PathBuf, String> {
    let folders = places.iter().flat_map(|place| expand(place)).collect();
    let search = Search::only(folders, None);
    let found = search.find(home, wanted, &Account::Own).await;
    found
        .map(|programs| programs.bin)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn nothing_found_says_what_to_do() {
    let (_root, home) = machine();
    assert_eq!(
        find(&[], &home, None).await,
        Err("no usable PostgreSQL (15 or later) was found: set DATABASE_URL to the address of one, \
             or install it (apt: `postgresql`; dnf: `postgresql-server postgresql-contrib`; brew: \
             `postgresql@17`)"
            .to_owned())
    );
}

#[tokio::test]
async fn the_highest_version_is_found_unless_the_database_wants_another() {
    let (root, home) = machine();
    let lib = root.path().join("lib/postgresql");
    for version in ["9.6", "15", "17", "16"] {
        install(&lib.join(version).join("bin"), version);
    }
    let place = [format!("{}/*/bin", lib.display())];
    assert_eq!(find(&place, &home, None).await, Ok(lib.join("17/bin")));
    assert_eq!(find(&place, &home, Some(15)).await, Ok(lib.join("15/bin")));

    let error = find(&place, &home, Some(18))
        .await
        .expect_err("18 is not there");
    assert!(error.contains("was made by PostgreSQL 18, but"), "{error}");
    assert!(error.contains("17/bin is PostgreSQL 17;"), "{error}");
    let error = find(&[], &home, Some(18))
        .await
        .expect_err("nothing is there");
    assert!(
        error.contains("PostgreSQL 18, but no PostgreSQL is installed: install"),
        "{error}"
    );
}

#[tokio::test]
async fn programs_in_a_folder_without_a_number_are_asked() {
    let (root, home) = machine();
    let bin = root.path().join("tools/bin");
    install(&bin, "16.4 (Homebrew)");
    let place = [bin.display().to_string()];
    assert_eq!(find(&place, &home, None).await, Ok(bin.clone()));

    install(&bin, "14.11");
    let error = find(&place, &home, None).await.expect_err("too old");
    assert!(error.contains("tools/bin is PostgreSQL 14)"), "{error}");

    fs::write(
        bin.join("postgres"),
        "#!/bin/sh\necho no libssl >&2\nexit 127\n",
    )
    .expect("writable");
    let error = find(&place, &home, None).await.expect_err("broken");
    assert!(
        error.contains("tools/bin does not run: no libssl)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_the_extensions_is_passed_over() {
    let (root, home) = machine();
    let bare = root.path().join("usr/pgsql-17");
    install(&bare.join("bin"), "17");
    add_extensions(&bare.join("share/extension"), &["plpgsql", "pg_trgm"]);
    let place = format!("{}/usr/pgsql-*/bin", root.path().display());
    let error = find(std::slice::from_ref(&place), &home, None)
        .await
        .expect_err("bare");
    assert!(error.contains("lacks the extension unaccent"), "{error}");
    assert!(error.contains("postgresql-contrib"), "{error}");

    let debian = root.path().join("usr/lib/postgresql/16/bin");
    install(&debian, "16");
    let shared = root.path().join("usr/share/postgresql/16/extension");
    add_extensions(&shared, &["plpgsql", "pg_trgm", "unaccent", "btree_gin"]);
    let debian_place = format!("{}/usr/lib/postgresql/*/bin", root.path().display());
    assert_eq!(find(&[place, debian_place], &home, None).await, Ok(debian));
}

#[tokio::test]
async fn a_link_on_path_leads_to_the_programs() {
    let (root, home) = machine();
    let bin = root.path().join("lib/postgresql/15/bin");
    install(&bin, "15");
    let path = root.path().join("on-path");
    fs::create_dir(&path).expect("writable");
    std::os::unix::fs::symlink(bin.join("postgres"), path.join("postgres")).expect("writable");
    assert_eq!(
        find(&[path.display().to_string()], &home, None).await,
        Ok(bin)
    );
}
