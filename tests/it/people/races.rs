//! Clients on their way to who is leaving.

use nvito_clients::grpc::proto::RemoveMemberRequest;
use tokio::join;

use super::{assert_no_member, assigned, assignee, moving, of, to};
use crate::support::{App, client};

/// Assignments that name somebody who cannot be assigned.
const ASTRAY: &str = "SELECT count(*) FROM clients AS client
    LEFT JOIN organization_members AS member
        ON member.organization_id = client.organization_id AND user_id = assigned_to_id
    WHERE assigned_to_id IS NOT NULL AND active IS NOT TRUE";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_to_a_member_who_leaves() {
    let app = App::start().await;
    let org = app.org("Norte").await;
    let (admin, root) = (org.platform_admin(), app.super_admin());
    let ana = org.member("Ana").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(assigned(&org, &ana).await);
    }
    let idle = admin.create(client("Luz")).await.expect("created").id;
    for round in 0..30 {
        let person = org.member("Eva").await;
        let request = RemoveMemberRequest {
            organization_id: org.id.clone(),
            user_id: person.clone(),
        };
        let leave = async {
            if round % 2 == 0 {
                let mut directory = root.directory();
                directory.remove_member(request).await.expect("removed");
            } else {
                org.upsert_member(&person, "Eva", false).await;
            }
        };
        let (made, changed, moved, ()) = join!(
            admin.create(of(&person)),
            admin.patch(&idle, to(&person)),
            admin.reassign(moving(&ana, &person)),
            leave,
        );
        if let Err(refused) = made {
            assert_no_member::<()>(Err(refused), "assigned_to_id");
        }
        if let Err(refused) = changed {
            assert_no_member::<()>(Err(refused), "client.assigned_to_id");
        }
        match moved {
            Err(refused) => assert_no_member::<()>(Err(refused), "to_user_id"),
            Ok(moved) => assert_eq!(moved.count, 3),
        }
        assert_eq!(app.count(ASTRAY).await, 0);
        for id in &ids {
            // Moved and left, or not moved at all.
            if assignee(&root, id).await.is_none() {
                admin.patch(id, to(&ana)).await.expect("assigned");
            }
        }
    }
    app.execute("UPDATE organization_members SET active = false")
        .await;
    assert_ne!(app.count(ASTRAY).await, 0, "the control");
}
