//! A disk that is full: clients live in a table space of a few megabytes.

use std::fs;
use std::iter;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::CreateClientRequest;
use tonic::Code;

use super::report::{Line, Size};
use super::server::Site;
use crate::support::{Failure, client, nobody};

/// A file system in memory, which goes when it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// None where the system does not let us.
    fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&folder).expect("writable");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&folder)
            .output();
        mounted
            .is_ok_and(|run| run.status.success())
            .then(|| Self(folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: PostgreSQL may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

pub(crate) async fn run(size: Size) -> Vec<Line> {
    let promise = "53100, the disk is full: RESOURCE_EXHAUSTED, STORAGE_FULL with RetryInfo";
    let site = Site::start(&[]).await;
    let disk = geteuid()
        .is_root()
        .then(|| Disk::mount(site.folder.0.path().join("disk"), "12m"))
        .flatten();
    let Some(disk) = disk else {
        return vec![Line::new(
            promise,
            0,
            "skipped: only root may mount a tmpfs",
            "always",
            true,
        )];
    };
    let owner = fs::metadata(site.folder.data().join("cluster")).expect("there");
    let place = disk.0.join("space");
    fs::create_dir(&place).expect("writable");
    chown(&place, Some(owner.uid()), Some(owner.gid())).expect("root");
    let superuser = site.superuser().await;
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    superuser.batch_execute(&space).await.expect("made");
    let moved = "ALTER TABLE clients SET TABLESPACE small";
    superuser.batch_execute(moved).await.expect("moved");

    let service = site.service(&site.url(), &[]);
    let organization = service.org("Propia").await;
    let actor = service.actor(Role::PlatformAdmin, Some(&organization));
    let big = || CreateClientRequest {
        // Nothing that PostgreSQL could make smaller.
        notes: Some(iter::repeat_with(nobody).take(54).collect()),
        ..client(&nobody())
    };
    let kept = actor.create(big()).await.expect("room");
    let rounds = size.pick(1, 10);
    let (mut wrong, mut back) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let ballast = disk.0.join("ballast");
        // To the last byte: the write is to fail.
        let _ = fs::write(&ballast, vec![1; 64 << 20]);
        let mut full = None;
        for _ in 0..64 {
            if let Err(failure) = actor.create(big()).await {
                full = Some(failure);
                break;
            }
        }
        if !full.as_ref().is_some_and(told) {
            wrong.push(format!("{full:?}"));
        }
        if actor.get(&kept.id).await.is_err() {
            wrong.push("what is there cannot be read".to_owned());
        }
        fs::remove_file(&ballast).expect("mine");
        let began = Instant::now();
        while actor.create(big()).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(30), "it stays full");
        }
        back.push(began.elapsed());
    }
    let seen = wrong.first().map_or("so", String::as_str);
    let line = Line::new(promise, rounds, seen, "always", wrong.is_empty());
    vec![
        line,
        Line::longest("room on the disk again: back", &back, 2000, size),
    ]
}

fn told(failure: &Failure) -> bool {
    failure.code == Code::ResourceExhausted
        && failure.reason == "STORAGE_FULL"
        && failure.details.retry_info().is_some()
}
