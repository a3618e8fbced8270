//! A server on a database of its own.

use std::net::SocketAddr;

use nvito_clients::config::{Auth, ServerConfig};
use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::{
    RemoveMemberRequest, UpsertEventRequest, UpsertMemberRequest, UpsertOrganizationRequest, User,
};
use nvito_clients::metrics::Metrics;
use nvito_clients::repository::Database;
use nvito_clients::server;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::actor::Actor;
use super::cluster::Cluster;
use super::issuer::Issuer;

/// Connections of a service to its database.
pub(crate) const CONNECTIONS: usize = 8;

/// How many of them one organization has at most: a third, while no other is about.
pub(crate) const SHARE: usize = 3;

/// A running service.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    pub(crate) database: String,
    channel: Channel,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl App {
    /// The service as it comes, on an empty database.
    pub(crate) async fn start() -> Self {
        Self::with(Policy::default()).await
    }

    /// The service with another policy.
    pub(crate) async fn with(policy: Policy) -> Self {
        let database = Cluster::get().database().await;
        Self::on(database, policy).await
    }

    /// The service on a database that exists.
    pub(crate) async fn on(database: String, policy: Policy) -> Self {
        let config = ServerConfig {
            policy,
            ..ServerConfig::default()
        };
        Self::configured(database, config).await
    }

    /// The service without reflection.
    pub(crate) async fn without_reflection() -> Self {
        let config = ServerConfig {
            reflection: false,
            ..ServerConfig::default()
        };
        Self::configured(Cluster::get().database().await, config).await
    }

    /// The service in jwt mode, with tokens of `issuer`.
    pub(crate) async fn with_tokens(database: String, issuer: &Issuer) -> Self {
        let config = ServerConfig {
            auth: Auth::Jwt(Box::new(issuer.settings())),
            ..ServerConfig::default()
        };
        Self::configured(database, config).await
    }

    /// The service with so many connections to its database.
    pub(crate) async fn with_connections(connections: usize) -> Self {
        let database = Cluster::get().database().await;
        Self::built(database, ServerConfig::default(), connections).await
    }

    /// The service as `config` says.
    pub(crate) async fn configured(database: String, config: ServerConfig) -> Self {
        Self::built(database, config, CONNECTIONS).await
    }

    async fn built(database: String, config: ServerConfig, connections: usize) -> Self {
        let pool = Database::new(Cluster::get().service(&database), connections);
        let listener = TcpListener::bind(config.listen).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let plain = config.listener.tls.is_none();
        let (stop, stopped) = oneshot::channel::<()>();
        let identity = server::identity(&config.auth).await.expect("keys");
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server::run(
                listener,
                Metrics::default(),
                pool.into(),
                identity,
                &config,
                Box::pin(stopped),
            )
            .await
            .expect("it serves");
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = if plain {
            endpoint.connect().await.expect("it accepts")
        } else {
            endpoint.connect_lazy()
        };
        Self {
            address,
            database,
            channel,
            stop: Some(stop),
            server: Some(server),
        }
    }

    /// Stops the service and waits for its end.
    pub(crate) async fn stop(&mut self) {
        if let (Some(stop), Some(server)) = (self.stop.take(), self.server.take()) {
            let _ = stop.send(());
            server.await.expect("it ends well");
        }
    }

    /// A Super Admin on a connection of the test's own.
    pub(crate) fn super_admin_on(channel: Channel) -> Actor {
        let identity = vec![
            ("x-user-id", Uuid::now_v7().to_string()),
            ("x-role", Role::SuperAdmin.to_string()),
        ];
        Actor::new(channel, identity)
    }

    /// A connection to the service that says nothing about who calls.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// A connection to the database that no wall stops.
    pub(crate) async fn superuser(&self) -> Client {
        Cluster::get().superuser(&self.database).await
    }

    /// One number of one row, past every wall.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.superuser()
            .await
            .query_one(sql, &[])
            .await
            .expect("a query")
            .get(0)
    }

    /// Statements past every wall.
    pub(crate) async fn execute(&self, sql: &str) {
        let superuser = self.superuser().await;
        superuser.batch_execute(sql).await.expect("statements");
    }

    /// Every row of every table.
    pub(crate) async fn contents(&self) -> Vec<(String, Vec<String>)> {
        const TABLES: &str =
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
        let superuser = self.superuser().await;
        let mut contents = Vec::new();
        for table in superuser.query(TABLES, &[]).await.expect("tables") {
            let table: String = table.get(0);
            let rows = match table.as_str() {
                // What it says, not in how many rows: the service adds them up at
                // moments of its own.
                "client_totals" => {
                    "SELECT (organization_id, deleted, status, type, sum(change))::text
                     FROM client_totals WHERE grain IN ('WRITE', 'ALL')
                     GROUP BY organization_id, deleted, status, type
                     HAVING sum(change) <> 0 ORDER BY 1"
                        .to_owned()
                }
                _ => format!("SELECT t::text FROM {table} AS t ORDER BY 1"),
            };
            let rows = superuser.query(&rows, &[]).await.expect("rows");
            contents.push((table, rows.iter().map(|row| row.get(0)).collect()));
        }
        contents
    }

    /// Nobody in particular.
    pub(crate) fn anonymous(&self) -> Actor {
        Actor::new(self.channel(), Vec::new())
    }

    /// Whoever a token says.
    pub(crate) fn bearer(&self, token: &str) -> Actor {
        self.anonymous()
            .saying("authorization", &format!("Bearer {token}"))
    }

    /// A Super Admin, of no organization.
    pub(crate) fn super_admin(&self) -> Actor {
        self.actor(Role::SuperAdmin, None)
    }

    /// Somebody with a role in an organization or in none.
    pub(crate) fn actor(&self, role: Role, organization: Option<&str>) -> Actor {
        let mut identity = vec![
            ("x-user-id", Uuid::now_v7().to_string()),
            ("x-role", role.as_str().to_owned()),
        ];
        identity.extend(organization.map(|id| ("x-organization-id", id.to_owned())));
        Actor::new(self.channel(), identity)
    }

    /// A new organization.
    pub(crate) async fn org(&self, name: &str) -> Org<'_> {
        let id = Uuid::now_v7().to_string();
        let request = UpsertOrganizationRequest {
            id: id.clone(),
            name: name.to_owned(),
        };
        self.super_admin()
            .directory()
            .upsert_organization(request)
            .await
            .expect("upserted");
        Org { app: self, id }
    }
}

/// An organization and its people.
pub(crate) struct Org<'a> {
    app: &'a App,
    pub(crate) id: String,
}

impl Org<'_> {
    /// One of its people.
    pub(crate) fn actor(&self, role: Role) -> Actor {
        self.app.actor(role, Some(&self.id))
    }

    /// Its Platform Admin, who may work with clients.
    pub(crate) fn platform_admin(&self) -> Actor {
        self.actor(Role::PlatformAdmin)
    }

    /// A new member's id.
    pub(crate) async fn member(&self, first_name: &str) -> String {
        let id = Uuid::now_v7().to_string();
        self.upsert_member(&id, first_name, true).await;
        id
    }

    /// A member as it shall be.
    pub(crate) async fn upsert_member(&self, id: &str, first_name: &str, active: bool) {
        let user = User {
            id: id.to_owned(),
            first_name: first_name.to_owned(),
            last_name: "García".to_owned(),
            email: String::new(),
        };
        let request = UpsertMemberRequest {
            organization_id: self.id.clone(),
            user: Some(user),
            active: Some(active),
        };
        self.app
            .super_admin()
            .directory()
            .upsert_member(request)
            .await
            .expect("upserted");
    }

    /// A new event's id.
    pub(crate) async fn event(&self, name: &str) -> String {
        let id = Uuid::now_v7().to_string();
        let request = UpsertEventRequest {
            id: id.clone(),
            organization_id: self.id.clone(),
            name: name.to_owned(),
            starts_at: None,
        };
        self.app
            .super_admin()
            .directory()
            .upsert_event(request)
            .await
            .expect("upserted");
        id
    }

    /// Takes a member out.
    pub(crate) async fn remove_member(&self, id: &str) {
        let request = RemoveMemberRequest {
            organization_id: self.id.clone(),
            user_id: id.to_owned(),
        };
        self.app
            .super_admin()
            .directory()
            .remove_member(request)
            .await
            .expect("removed");
    }
}
