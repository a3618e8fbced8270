//! An installed server: its programs, its version, and whether it does.

use std::path::{Path, PathBuf};

use super::account::Account;

/// The oldest major version that does.
const OLDEST: u32 = 15;
/// What the service's database needs, and what distributions package apart from the server.
const EXTENSIONS: [&str; 3] = ["pg_trgm", "unaccent", "btree_gin"];

/// The programs of one installed server.
#[derive(Debug)]
pub(super) struct Programs {
    /// Their folder.
    pub(super) bin: PathBuf,
    /// Their major version.
    pub(super) major: u32,
}

impl Programs {
    pub(super) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    /// The server in `folder`; none when there is none, an error that says why it does not do.
    /// With `wanted`, another version is not looked at further.
    pub(super) async fn examine(
        folder: &Path,
        wanted: Option<u32>,
        account: &Account,
    ) -> Result<Option<Self>, String> {
        let Some(bin) = server_in(folder) else {
            return Ok(None);
        };
        let shown = bin.display();
        let major = match major_in(&bin) {
            Some(major) => major,
            None => ask_major(&bin, account)
                .await
                .map_err(|why| format!("{shown} {why}"))?,
        };
        if wanted.is_some_and(|wanted| wanted != major) || major < OLDEST {
            return Err(format!("{shown} is PostgreSQL {major}"));
        }
        match missing_extension(&bin, major) {
            Some(name) => Err(format!(
                "{shown} lacks the extension {name}, which is in the package postgresql-contrib"
            )),
            None => Ok(Some(Self { bin, major })),
        }
    }
}

/// The real folder of the server's programs if `folder` has them, or links to them.
fn server_in(folder: &Path) -> Option<PathBuf> {
    let postgres = folder.join("postgres").canonicalize().ok()?;
    let bin = postgres.parent()?;
    (postgres.ends_with("postgres") && bin.join("initdb").is_file()).then(|| bin.to_path_buf())
}

/// The major version by the folder's name, where that is a package's: asking the program takes
/// a tenth of the time in which the server starts.
fn major_in(bin: &Path) -> Option<u32> {
    let folder = if bin.ends_with("bin") {
        bin.parent()?
    } else {
        bin
    };
    let name = folder.file_name()?.to_str()?;
    let (prefix, version) = name.split_at(name.find(|c: char| c.is_ascii_digit())?);
    let packaged = match prefix {
        "" => folder
            .parent()?
            .file_name()?
            .to_str()?
            .starts_with("postgresql"),
        prefix => ["pgsql-", "postgresql", "postgresql@", "postgresql-"].contains(&prefix),
    };
    if packaged {
        leading_number(version)
    } else {
        None
    }
}

/// The major version by `postgres --version`: "postgres (PostgreSQL) 15.18 (Debian …)".
async fn ask_major(bin: &Path, account: &Account) -> Result<u32, String> {
    let answer = account
        .command(bin.join("postgres"))
        .arg("--version")
        .output()
        .await;
    let answer = answer.map_err(|error| format!("does not run: {error}"))?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let version = text
        .split_once("(PostgreSQL) ")
        .and_then(|(_, rest)| leading_number(rest));
    version.ok_or_else(|| {
        let said = String::from_utf8_lossy(&answer.stderr);
        format!(
            "does not run: {}",
            said.lines().next().unwrap_or("it tells no version")
        )
    })
}

/// The first extension that the server lacks. None as well where its shared files are in no known
/// place: the database will tell.
fn missing_extension(bin: &Path, major: u32) -> Option<&'static str> {
    let names = [
        "share".to_owned(),
        "share/postgresql".to_owned(),
        "share/pgsql".to_owned(),
        format!("share/postgresql/{major}"),
        format!("share/postgresql{major}"),
        format!("share/postgresql@{major}"),
        format!("share/postgresql-{major}"),
    ];
    let extensions = bin
        .ancestors()
        .skip(1)
        .flat_map(|above| names.iter().map(|name| above.join(name).join("extension")))
        .find(|folder| folder.join("plpgsql.control").exists())?;
    EXTENSIONS
        .into_iter()
        .find(|name| !extensions.join(format!("{name}.control")).exists())
}

/// The number that `text` begins with.
pub(super) fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_folders_tell_their_version() {
        for (folder, major) in [
            ("/usr/lib/postgresql/15/bin", Some(15)),
            ("/usr/lib/postgresql/9.6/bin", Some(9)),
            ("/usr/pgsql-16/bin", Some(16)),
            ("/usr/libexec/postgresql17", Some(17)),
            ("/opt/homebrew/opt/postgresql@17/bin", Some(17)),
            ("/opt/homebrew/Cellar/postgresql@17/17.5/bin", Some(17)),
            ("/usr/local/pgsql/bin", None),
            ("/usr/bin", None),
            ("/opt/tools/3/bin", None),
            ("/opt/tools-3/bin", None),
        ] {
            assert_eq!(major_in(Path::new(folder)), major, "{folder}");
        }
    }
}
