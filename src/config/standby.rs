//! Standbys that reads may go to.

use clap::Args;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The flag of the standbys.
#[derive(Debug, Args)]
pub(super) struct StandbyArgs {
    /// Streaming standbys of DATABASE_URL, one or several hosts, for reads of
    /// callers who allow staleness (x-max-staleness). [default: none]
    #[arg(
        long,
        global = true,
        env = "CLIENTS_STANDBY_URL",
        hide_env_values = true
    )]
    standby_url: Option<String>,
}

impl StandbyArgs {
    /// How to connect to each of them; `given` says whether there is a
    /// DATABASE_URL that they may be standbys of.
    pub(super) fn check(&self, given: bool, mistakes: &mut Vec<String>) -> Vec<Config> {
        let Some(url) = self.standby_url.as_deref().filter(|url| !url.is_empty()) else {
            return Vec::new();
        };
        if !given {
            mistakes.push(
                "CLIENTS_STANDBY_URL: needs DATABASE_URL; a private PostgreSQL has no standby"
                    .to_owned(),
            );
        }
        // The parser's own words may quote the URL and the password in it.
        let hosts = url.parse::<Config>().ok().and_then(|all| each(&all));
        hosts.unwrap_or_else(|| {
            mistakes.push(
                "CLIENTS_STANDBY_URL: is no PostgreSQL address; write for example \
                 postgres://user:password@standby-1:5432,standby-2:5432/database"
                    .to_owned(),
            );
            Vec::new()
        })
    }
}

/// The settings of each host by itself: how far one standby is behind says
/// nothing of the next. `None` where hosts, addresses and ports do not match.
fn each(all: &Config) -> Option<Vec<Config>> {
    let (hosts, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let fits = |count: usize, most: usize| count <= most || count == hosts.len();
    if hosts.is_empty() || !fits(addresses.len(), 0) || !fits(ports.len(), 1) {
        return None;
    }
    let alone = |(number, host): (usize, &Host)| {
        let mut one = without_hosts(all);
        match host {
            Host::Tcp(name) => one.host(name),
            Host::Unix(folder) => one.host_path(folder),
        };
        if let Some(address) = addresses.get(number) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(number).or_else(|| ports.first()) {
            one.port(*port);
        }
        one
    };
    Some(hosts.iter().enumerate().map(alone).collect())
}

/// All but the hosts, and `target_session_attrs`: whether it is a standby is
/// asked again and again.
fn without_hosts(all: &Config) -> Config {
    let mut one = Config::new();
    one.ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle());
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(database) = all.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(time) = all.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, given: bool) -> Result<Vec<Config>, Vec<String>> {
        let mut mistakes = Vec::new();
        let arguments = StandbyArgs {
            standby_url: Some(url.to_owned()),
        };
        let found = arguments.check(given, &mut mistakes);
        if mistakes.is_empty() {
            Ok(found)
        } else {
            Err(mistakes)
        }
    }

    #[test]
    fn each_host_is_a_standby_of_its_own() {
        let found = check(
            "postgres://me:hunter2@a:5433,b:5434/x?sslmode=require",
            true,
        );
        let found = found.expect("right");
        let (hosts, ports): (Vec<_>, Vec<_>) = found
            .iter()
            .map(|one| (one.get_hosts(), one.get_ports()))
            .unzip();
        assert_eq!(
            hosts,
            [[Host::Tcp("a".to_owned())], [Host::Tcp("b".to_owned())]]
        );
        assert_eq!(ports, [[5433], [5434]]);
        for one in &found {
            assert_eq!(one.get_password(), Some(&b"hunter2"[..]));
            assert_eq!(one.get_dbname(), Some("x"));
            assert_eq!(one.get_ssl_mode(), tokio_postgres::config::SslMode::Require);
        }
        let sockets = check("host=/run/a,/run/b port=6432 user=me", true).expect("right");
        assert!(sockets.iter().all(|one| one.get_ports() == [6432]));
        assert_eq!(sockets.len(), 2);
        assert!(check("", false).expect("nothing set").is_empty());
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        for (url, given, told) in [
            ("mysql://me:hunter2@a/x", true, 1),
            ("postgres://me:hunter2@a/x", false, 1),
            ("user=me password=hunter2", true, 1),
            ("host=a,b,c port=1,2 password=hunter2", true, 1),
            ("password=hunter2", false, 2),
        ] {
            let mistakes = check(url, given).expect_err("wrong");
            assert_eq!(mistakes.len(), told, "{url}: {mistakes:?}");
            assert!(!mistakes.concat().contains("hunter2"));
        }
    }
}
