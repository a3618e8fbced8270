//! The only wiring: database, layers, services, health, shutdown.

mod health;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceBuilder;

use self::health::Health;
use crate::config::{Auth, Config, DatabaseConfig, Place, ServerConfig};
use crate::error::Cause;
use crate::grpc::layers::{Admission, CallLayer, DeadlineLayer, Drain, catch_panic};
use crate::grpc::proto::FILE_DESCRIPTOR_SET;
use crate::grpc::proto::client_service_server::SERVICE_NAME as CLIENTS;
use crate::grpc::proto::directory_service_server::SERVICE_NAME as DIRECTORY;
use crate::grpc::proto::event_service_server::SERVICE_NAME as EVENTS;
use crate::grpc::{Gate, Identity, IdentityLayer, Services};
use crate::jwt::Verifier;
use crate::listener::{self, AnswerLayer, Incoming};
use crate::metrics::{Endpoint, Metrics};
use crate::postgres::{self, PrivatePostgres};
use crate::repository::{Database, Databases, Standbys, migrations};
use crate::seed;

/// How often old answers to request ids are forgotten.
const HOUSEKEEPING: Duration = Duration::from_hours(1);

/// How long calls may take to hear that there is no database any more.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the last answers may take to leave, when the time to drain is over.
const FAREWELL: Duration = Duration::from_millis(100);

/// Done when the service is to stop. Boxed, so that the server is compiled once
/// and not again in every program that runs it.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves until `stop` is done, then drains.
pub async fn serve(config: Config, mut stop: Stop) -> Result<(), Cause> {
    // The address first: a second service on it should fail before it starts
    // a PostgreSQL.
    let listener = TcpListener::bind(config.server.listen)
        .await
        .map_err(|cause| format!("cannot listen on {}: {cause}", config.server.listen))?;
    let identity = tokio::select! {
        identity = identity(&config.server.auth) => identity?,
        () = &mut stop => return Ok(()),
    };
    let metrics = Metrics::default();
    // Dropped last: a scrape after the drain sees how it went.
    let _endpoint = match config.server.metrics {
        Some(address) => Some(Endpoint::start(address, metrics.clone()).await?),
        None => None,
    };
    // A first start may take its time, and may be told to stop meanwhile.
    let mut opened = tokio::select! {
        opened = Opened::start(&config.database) => opened?,
        () = &mut stop => return Ok(()),
    };
    let ready = tokio::select! {
        ready = prepare(&opened, &config, listener.local_addr()?, &metrics) => ready.map(Some),
        () = &mut stop => Ok(None),
    };
    let served = match ready {
        Ok(Some(databases)) => {
            let (end, ended) = oneshot::channel::<()>();
            let stop = Box::pin(async move {
                tokio::select! {
                    () = stop => {}
                    _ = ended => {}
                }
            });
            let mut serving = Box::pin(run(
                listener,
                metrics,
                databases,
                identity,
                &config.server,
                stop,
            ));
            tokio::select! {
                served = &mut serving => served,
                lost = opened.lost() => {
                    tracing::error!(cause = %lost, "the service ends with its PostgreSQL");
                    // Calls in flight hear that there is no database, and new ones go
                    // to another instance.
                    let _ = end.send(());
                    let _ = timeout(LAST_WORDS, serving).await;
                    Err(lost)
                }
            }
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    opened.close().await;
    served
}

/// Brings the database up to date and says where it is served.
async fn prepare(
    opened: &Opened,
    config: &Config,
    address: SocketAddr,
    metrics: &Metrics,
) -> Result<Databases, Cause> {
    migrations::run(&opened.settings).await?;
    let database = Database::new(opened.settings.clone(), config.database.connections);
    metrics.watch(&database);
    database.check_role().await?;
    if config.database.demo && opened.private.is_some() {
        seed::load_demonstration(&database).await?;
    }
    database.ping().await?;
    announce(address, config, &database).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        database = database.name(),
        connections = config.database.connections,
        tokens = matches!(config.server.auth, Auth::Jwt(_)),
        "serving"
    );
    Ok(Databases {
        primary: database,
        standbys: Standbys::new(
            &opened.settings,
            &config.database.standbys,
            config.database.connections,
        ),
    })
}

/// How callers are known. With tokens nobody could be known without keys: a
/// service that cannot load them does not start.
pub async fn identity(auth: &Auth) -> Result<Identity, Cause> {
    Ok(match auth {
        Auth::Metadata => Identity::Metadata,
        Auth::Jwt(settings) => {
            let verifier = Verifier::open((**settings).clone()).await?;
            Identity::Jwt(Arc::new(verifier))
        }
    })
}

/// Serves `databases` on `listener` until `stop` is done; then health says
/// NOT_SERVING, no call is taken any more, and the ones in flight are given
/// the time of [`ServerConfig::drain`].
pub async fn run(
    listener: TcpListener,
    metrics: Metrics,
    databases: Databases,
    identity: Identity,
    config: &ServerConfig,
    stop: Stop,
) -> Result<(), Cause> {
    let (reporter, answers) = tonic_health::server::health_reporter();
    let health = Health::new(reporter, metrics.clone()).await;
    metrics.watch(&databases.primary);
    metrics.watch_standbys(&databases.standbys);

    let gate = Gate::new(databases.clone(), config.policy.clone(), metrics.clone());
    let identified = IdentityLayer::new(identity.clone(), config.in_flight, metrics.clone());
    let mut others = Routes::new(answers);
    if config.reflection {
        others = others
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?);
    }
    let services = Services::new(&gate, &identified, others);
    let (drain, draining) = Drain::new();
    let server = listener::server(&config.listener).layer(
        ServiceBuilder::new()
            .layer(AnswerLayer)
            .layer(CallLayer::new(metrics.clone()))
            .map_response(|answer: http::Response<_>| answer.map(Body::new))
            .layer(catch_panic())
            .layer(DeadlineLayer(draining.clone()))
            .layer(Admission::new(config.in_flight, draining, metrics)),
    );

    let (close, closed) = oneshot::channel::<()>();
    let stopping = async move {
        // The sender outlives the server; an error would mean the same.
        let _ = closed.await;
    };
    let incoming = Incoming::new(listener, &config.listener);
    let serving = server.serve_with_incoming_shutdown(services, incoming, stopping);
    tokio::pin!(serving);

    let Databases { primary, standbys } = databases;
    let upkeep = upkeep(&primary, &health);
    tokio::select! {
        ended = &mut serving => return ended.map_err(Into::into),
        () = upkeep => {}
        never = Box::pin(primary.keep_sorted()) => match never {},
        () = identity.keep_fresh() => {}
        () = standbys.watch() => {}
        () = stop => {}
    }
    tracing::info!(
        seconds = config.drain.as_secs(),
        "stopping: calls in flight may finish"
    );
    let end = Instant::now() + config.drain;
    health.report(false).await;
    drain.begin(end);
    let _ = close.send(());
    health.end_watches().await;
    let ended = timeout_at(end + FAREWELL, async {
        let served = serving.await;
        primary.close().await;
        served
    });
    match ended.await {
        Ok(served) => served.map_err(Into::into),
        // A connection that stays open without a call would hold tonic for ever.
        Err(_) => {
            tracing::warn!("connections or calls were still open after the time to drain");
            Ok(())
        }
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        // So that a shell can print what stands in an error's details.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Keeps the health status true to what the database answers, and forgets
/// what need not be kept.
///
/// Side by side: however much there is to forget, health tells of a database that has
/// gone away meanwhile.
async fn upkeep(database: &Database, health: &Health) {
    let housekeeping = Box::pin(keep_house(database));
    tokio::join!(health.follow(database), housekeeping);
}

async fn keep_house(database: &Database) {
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        housekeeping.tick().await;
        if let Err(error) = database.forget_old_requests().await {
            tracing::warn!(reason = %error, "old request ids could not be forgotten");
        }
        if let Err(error) = database.fold_totals().await {
            tracing::warn!(reason = %error, "the totals of lists could not be added up");
        }
    }
}

/// The PostgreSQL to work on.
pub struct Opened {
    /// How to connect.
    pub settings: tokio_postgres::Config,
    private: Option<PrivatePostgres>,
}

impl Opened {
    /// The one that is given, or a private one that is started and belongs to
    /// this process alone.
    pub async fn start(config: &DatabaseConfig) -> Result<Self, Cause> {
        match &config.place {
            Place::Given(settings) => Ok(Self {
                settings: (**settings).clone(),
                private: None,
            }),
            Place::Private(folder) => {
                let options = postgres::Options {
                    data_dir: folder.clone(),
                    settings: Vec::new(),
                };
                let private = PrivatePostgres::start(options).await?;
                Ok(Self {
                    settings: private.config(),
                    private: Some(private),
                })
            }
        }
    }

    /// As [`start`](Self::start), but joins a private one that a service is
    /// running already: for commands beside a service.
    pub async fn join(config: &DatabaseConfig) -> Result<Self, Cause> {
        if let Place::Private(folder) = &config.place
            && let Some(settings) = postgres::running(folder).await?
        {
            return Ok(Self {
                settings,
                private: None,
            });
        }
        Self::start(config).await
    }

    /// Done when a private one has ended, which it should not.
    async fn lost(&mut self) -> Cause {
        match &mut self.private {
            Some(private) => match private.ended().await {
                Ok(()) => "the private PostgreSQL was shut down by somebody else".into(),
                Err(ended) => format!("the private PostgreSQL is gone: {ended}").into(),
            },
            None => std::future::pending().await,
        }
    }

    /// Shuts a private one down.
    pub async fn close(self) {
        if let Some(private) = self.private
            && let Err(error) = private.stop().await
        {
            tracing::warn!(%error, "the private PostgreSQL did not stop as it should");
        }
    }
}

/// The start message: where, on what, and a command to try where the
/// demonstration is loaded.
async fn announce(address: SocketAddr, config: &Config, database: &Database) -> Result<(), Cause> {
    let demonstration = seed::has_demonstration(database).await?;
    let mut out = std::io::stdout().lock();
    match &config.database.place {
        Place::Given(_) => writeln!(out, "nvito-clients serves on {address}")?,
        Place::Private(folder) => writeln!(
            out,
            "nvito-clients serves on {address} (private PostgreSQL in {})",
            folder.display()
        )?,
    }
    // Only plain keys can be written down here for whoever tries it.
    let is_open = matches!(config.server.auth, Auth::Metadata);
    if demonstration && is_open && config.server.reflection {
        let identity = format!(
            "-H 'x-user-id: {}' -H 'x-organization-id: {}' -H 'x-role: PLATFORM_ADMIN'",
            seed::DEMO_USER,
            seed::ORGANIZATION_A
        );
        let message = r#"-d '{"search":"lopez"}'"#;
        let method = format!("{CLIENTS}/ListClients");
        let (grpcurl, buf, scheme) = match &config.server.listener.tls {
            None => ("-plaintext", "--http2-prior-knowledge", "http"),
            Some(tls) if tls.is_mutual() => (
                "-cacert ca.pem -cert client.pem -key client-key.pem",
                "--cacert ca.pem --cert client.pem --key client-key.pem",
                "https",
            ),
            Some(_) => ("-cacert ca.pem", "--cacert ca.pem", "https"),
        };
        writeln!(
            out,
            "Try:\n  grpcurl {grpcurl} {identity} {message} {address} {method}"
        )?;
        writeln!(
            out,
            "  npx @bufbuild/buf curl --protocol grpc {buf} {identity} {message} \
             {scheme}://{address}/{method}"
        )?;
    }
    out.flush()?;
    Ok(())
}
