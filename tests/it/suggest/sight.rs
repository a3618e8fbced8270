//! Whom a suggestion never shows: the deleted, and another organization's.

use nvito_clients::grpc::proto::SuggestClientsRequest;

use super::{fill, ids, names, typed};
use crate::support::{Actor, App};

#[tokio::test]
async fn a_deleted_client_is_not_suggested() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    fill(
        &org,
        &[
            ("Ana Ruiz", "ana@fiestas.mx", "55 1234 5678"),
            ("Eva", "", ""),
        ],
    )
    .await;
    let id = ids(&admin, typed("ana")).await.expect("found").remove(0);
    let queries = [
        "a", "ana", "r", "ruiz", "fiestas", "5512", "ruis", "eva", "ruiss",
    ];
    let before = names_of_each(&admin, &queries).await;
    assert_eq!(
        before
            .iter()
            .flatten()
            .filter(|name| *name == "Ana Ruiz")
            .count(),
        8
    );
    root.delete(&id).await.expect("deleted");
    assert_eq!(names_of_each(&admin, &queries).await.concat(), ["Eva"]);
    root.undelete(&id).await.expect("back");
    assert_eq!(names_of_each(&admin, &queries).await, before);
}

async fn names_of_each(actor: &Actor, queries: &[&str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for query in queries {
        all.push(names(actor, query).await);
    }
    all
}

#[tokio::test]
async fn nobody_is_suggested_to_another_organization() {
    const CLIENTS: &[(&str, &str, &str)] = &[
        ("Ana Ruiz", "ana@fiestas.mx", "55 1234 5678"),
        ("% Bodas", "", ""),
    ];
    let app = App::start().await;
    let (north, south, empty) = (
        app.org("Norte").await,
        app.org("Sur").await,
        app.org("Este").await,
    );
    fill(&north, CLIENTS).await;
    fill(&south, CLIENTS).await;
    let root = app.super_admin();
    let named = |query: &str, organization_id: &str| SuggestClientsRequest {
        organization_id: organization_id.to_owned(),
        ..typed(query)
    };
    // Each stage by itself.
    for query in [
        "a", "ana", "r", "ruiz", "fiestas", "5512", "ruis", "%", "bod",
    ] {
        let (own, other) = (
            ids(&north.platform_admin(), typed(query)).await,
            ids(&south.platform_admin(), typed(query)).await,
        );
        let (own, other) = (own.expect("found"), other.expect("found"));
        assert_eq!((own.len(), other.len()), (1, 1), "{query}");
        assert_ne!(own, other, "{query}");
        assert_eq!(
            ids(&root, named(query, &north.id)).await.expect("found"),
            own
        );
        assert_eq!(
            ids(&root, named(query, &south.id)).await.expect("found"),
            other
        );
        assert_eq!(
            ids(&north.platform_admin(), named(query, &north.id))
                .await
                .expect("found"),
            own
        );
        assert!(
            ids(&empty.platform_admin(), typed(query))
                .await
                .expect("nobody")
                .is_empty()
        );
        let refused = ids(&north.platform_admin(), named(query, &south.id)).await;
        assert_eq!(
            refused.expect_err("refused").reason,
            "ORGANIZATION_NOT_ALLOWED"
        );
    }
    for query in ["ana", ""] {
        let refused = ids(&root, typed(query)).await.expect_err("refused");
        assert!(
            refused
                .violations
                .contains(&("organization_id".to_owned(), "REQUIRED".to_owned())),
            "{refused:?}"
        );
    }
}

/// The function runs behind row-level security: it must know the tenant by
/// itself, at every stage, and nobody else may call it.
#[tokio::test]
async fn the_function_answers_the_tenant_alone() {
    const STAGES: [&str; 6] = ["ana", "r", "ruiz", "fiestas", "ruis", "%"];
    const CALL: &str = "SELECT unnest(suggest_client_ids($1, NULL, 20))";
    let app = App::start().await;
    let (north, south) = (app.org("Norte").await, app.org("Sur").await);
    for org in [&north, &south] {
        fill(org, &[("Ana 100% Ruiz", "ana@fiestas.mx", "")]).await;
    }
    let sql = app.superuser().await;
    let delete = format!(
        "RESET ROLE; UPDATE clients SET deleted_at = now() WHERE organization_id = '{}'",
        north.id
    );
    for (begin, found) in [
        (format!("SET app.organization_id = '{}'", north.id), 1),
        ("SET app.organization_id = ''".to_owned(), 0),
        ("RESET app.organization_id".to_owned(), 0),
        (
            format!("{delete}; SET app.organization_id = '{}'", north.id),
            0,
        ),
    ] {
        let begin = format!("{begin}; SET ROLE nvito_clients_tenant");
        sql.batch_execute(&begin).await.expect("a tenant");
        for stage in STAGES {
            let ids = sql.query(CALL, &[&stage]).await.expect("ids");
            assert_eq!(ids.len(), found, "{begin}: {stage}");
        }
    }
    sql.batch_execute("SET ROLE nvito_clients")
        .await
        .expect("the login role");
    let refused = sql.query(CALL, &[&"ana"]).await.expect_err("refused");
    assert_eq!(refused.code().expect("a state").code(), "42501");
}
