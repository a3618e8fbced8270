//! Reads on a standby that streams: who gets there, how old the answers are,
//! and what happens when the standby does not do its part.

mod bounds;
mod faults;
mod reads;

use std::time::Duration;

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{Client, ClientPatch, GetClientRequest};
use tokio_postgres::Client as Superuser;
use tonic::Response;

use crate::faults::server::{Serving, Site, pair};
use crate::support::{Actor, Failure, client, until};

const LONG: &str = "3600s";

/// A primary, its standby and a service on both.
struct Stand {
    primary: Site,
    standby: Site,
    service: Serving,
    organization: String,
}

/// Who answered, and how old it may be.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    by: Option<String>,
    staleness: Option<Duration>,
}

impl Told {
    fn by_standby(&self) -> bool {
        self.by.as_deref() == Some("standby")
    }

    fn by_primary(&self) -> bool {
        self.by.as_deref() == Some("primary") && self.staleness.is_none()
    }
}

fn told<T>(response: &Response<T>) -> Told {
    let text = |key| {
        let value = response.metadata().get(key)?;
        Some(value.to_str().expect("ASCII").to_owned())
    };
    let seconds = |text: String| text.strip_suffix('s').and_then(|text| text.parse().ok());
    Told {
        by: text("x-served-by"),
        staleness: text("x-staleness")
            .map(|text| Duration::from_secs_f64(seconds(text).expect("seconds"))),
    }
}

impl Stand {
    async fn start() -> Self {
        let (primary, standby) = pair().await;
        let url = primary.url();
        Self::on(primary, standby, &url).await
    }

    /// With another way to the primary.
    async fn on(primary: Site, standby: Site, url: &str) -> Self {
        let more = [
            ("CLIENTS_STANDBY_URL", standby.url()),
            ("CLIENTS_METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("CLIENTS_LOG", "info".to_owned()),
        ];
        let more = more.each_ref().map(|(name, value)| (*name, value.as_str()));
        let service = primary.service(url, &more);
        let organization = service.org("Propia").await;
        Self {
            primary,
            standby,
            service,
            organization,
        }
    }

    /// Somebody who wants what is new.
    fn strict(&self) -> Actor {
        self.service
            .actor(Role::PlatformAdmin, Some(&self.organization))
    }

    /// Somebody who lets answers be old.
    fn lax(&self, staleness: &str) -> Actor {
        self.strict().saying("x-max-staleness", staleness)
    }

    /// A client that the standby has as well.
    async fn client(&self, name: &str) -> Client {
        let made = self.strict().create(client(name)).await.expect("created");
        let lax = self.lax(LONG);
        until(async || {
            get(&lax, &made.id)
                .await
                .is_ok_and(|(told, _)| told.by_standby())
        })
        .await;
        made
    }

    async fn pause(&self, paused: bool) {
        let what = if paused { "pause" } else { "resume" };
        let standby = self.standby.superuser().await;
        let pause = format!("SELECT pg_wal_replay_{what}()");
        standby.batch_execute(&pause).await.expect("paused");
        // A request first; it holds once the standby says so.
        let state = "SELECT pg_get_wal_replay_pause_state() = 'paused'";
        until(async || number(&standby, state).await == paused).await;
    }

    /// Whether its metrics tell how far the standby is behind.
    fn has_staleness(&self) -> bool {
        let text = self.service.process.http("GET /metrics");
        text.contains("\nnvito_clients_standby_staleness_seconds{")
    }

    /// The value of a series of its metrics.
    fn counted(&self, series: &str) -> f64 {
        let text = self.service.process.http("GET /metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("{series}: {text}")).trim();
        value.parse().expect("a number")
    }
}

async fn number(on: &Superuser, sql: &str) -> bool {
    on.query_one(sql, &[]).await.expect("asked").get(0)
}

async fn get(actor: &Actor, id: &str) -> Result<(Told, Client), Failure> {
    let request = GetClientRequest {
        id: id.to_owned(),
        show_deleted: false,
    };
    let response = actor.clients().get_client(request).await?;
    let told = told(&response);
    Ok((told, response.into_inner().client.expect("a client")))
}

async fn rename(actor: &Actor, id: &str, name: &str) -> Client {
    let patch = ClientPatch {
        name: Some(name.to_owned()),
        ..ClientPatch::default()
    };
    actor.patch(id, patch).await.expect("renamed")
}
