//! Summaries of data that nobody has written through the service.

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::SummarizeClientsRequest;
use nvito_clients::repository::Database;
use nvito_clients::seed;
use tokio_postgres::Client as Sql;

use super::{assert_told, summarize};
use crate::support::{Actor, App, Cluster};

/// Asserts the summaries of one tenant and of all, which hold some clients that
/// reached ACTIVE and some that did not.
pub(crate) async fn assert_all_told(
    sql: &Sql,
    (tenant, root): (&Actor, &Actor),
    organization: &str,
) {
    let all = SummarizeClientsRequest::default;
    for actor in [tenant, root] {
        let rows = summarize(actor, all()).await.expect("a summary");
        let reached: i64 = rows.iter().map(|row| row.reached_active).sum();
        let total: i64 = rows.iter().map(|row| row.total).sum();
        assert!(0 < reached && reached < total, "{rows:?}");
    }
    let own = format!("organization_id = '{organization}'");
    assert_told(tenant, sql, all(), &own).await;
    assert_told(root, sql, all(), "true").await;
}

#[tokio::test]
async fn the_demonstration_tells_its_channels() {
    let cluster = Cluster::get();
    let database = cluster.database().await;
    let pool = Database::new(cluster.service(&database), 2);
    let loaded = seed::load_demonstration(&pool).await;
    assert!(loaded.expect("loaded"), "into an empty database");
    pool.close().await;
    let app = App::on(database, Policy::default()).await;
    let (sql, root) = (app.superuser().await, app.super_admin());
    for organization in [seed::ORGANIZATION_A, seed::ORGANIZATION_B] {
        let organization = organization.to_string();
        let tenant = app.actor(Role::PlatformAdmin, Some(&organization));
        assert_all_told(&sql, (&tenant, &root), &organization).await;
    }
}
