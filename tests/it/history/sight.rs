//! Who sees a history.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::ClientHistoryKind as Kind;
use tonic::Code;

use super::of;
use crate::support::{Actor, App, client, kinds, nobody};

/// All that a refusal says, but for the id that was asked for.
async fn refused(actor: &Actor, id: &str) -> (Code, String, String) {
    let actor = actor.clone().saying("x-request-id", "uno");
    let refused = actor.history_page(of(id)).await.expect_err("not found");
    refused.is(Code::NotFound, "CLIENT_NOT_FOUND");
    let resource = refused.details.resource_info().expect("a resource");
    assert_eq!(resource.resource_name, id);
    let details = String::from_utf8_lossy(refused.status.details());
    (refused.code, refused.message, details.replace(id, "id"))
}

#[tokio::test]
async fn what_is_not_there_is_told_to_nobody_but_a_super_admin() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let other = app.org("Sur").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let mut ids = Vec::new();
    for name in ["viva", "borrada", "purgada"] {
        ids.push(admin.create(client(name)).await.expect("created").id);
    }
    let (live, deleted, purged) = (&ids[0], &ids[1], &ids[2]);
    root.delete(deleted).await.expect("deleted");
    root.delete(purged).await.expect("deleted");
    root.purge(purged).await.expect("purged");

    let alike = refused(&admin, &nobody()).await;
    for id in [deleted, purged] {
        assert_eq!(refused(&admin, id).await, alike);
    }
    let stranger = other.platform_admin();
    for id in [live, deleted, purged] {
        assert_eq!(refused(&stranger, id).await, alike);
    }
    assert_eq!(refused(&root, &nobody()).await, alike);

    let seen = async |actor: &Actor, id: &str| kinds(&actor.history(id).await.expect("told"));
    assert_eq!(seen(&admin, live).await, [Kind::Created]);
    assert_eq!(seen(&root, live).await, [Kind::Created]);
    let gone = [Kind::Created, Kind::Deleted];
    assert_eq!(seen(&root, deleted).await, gone);
    assert_eq!(
        seen(&root, purged).await,
        [&gone[..], &[Kind::Purged]].concat()
    );
    root.undelete(deleted).await.expect("back");
    assert_eq!(seen(&admin, deleted).await, seen(&root, deleted).await);

    for role in [Role::OrgOwner, Role::OrgAdmin] {
        let refused = org.actor(role).history(live).await.expect_err("not theirs");
        refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
    }
}
