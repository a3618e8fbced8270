//! `order_by`.

use nvito_clients::grpc::proto::ClientPatch;

use super::{names, ordered};
use crate::support::{App, client};

#[tokio::test]
async fn names_are_ordered_as_in_spanish() {
    const NAMES: [&str; 10] = [
        "ana", "Ana", "ána", "Ána", "Anabel", "nzz", "ñandú", "Ñandú", "ñu", "oso",
    ];
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    for index in [7, 2, 9, 0, 5, 3, 8, 1, 6, 4] {
        admin.create(client(NAMES[index])).await.expect("created");
    }
    assert_eq!(names(&admin, ordered("name")).await, NAMES);
    assert_eq!(names(&admin, ordered("name asc")).await, NAMES);
    let mut backwards = NAMES;
    backwards.reverse();
    assert_eq!(names(&admin, ordered("name desc")).await, backwards);
}

#[tokio::test]
async fn times_order_in_both_directions() {
    let app = App::start().await;
    let admin = app.org("Norte").await.platform_admin();
    let mut made = Vec::new();
    for name in ["a", "b", "c", "d"] {
        made.push(admin.create(client(name)).await.expect("created").id);
    }
    for (name, day) in [("a", 3), ("b", 1), ("c", 4), ("d", 2)] {
        let moved =
            format!("UPDATE clients SET created_at = '2026-01-0{day}' WHERE name = '{name}'");
        app.execute(&moved).await;
    }
    for id in [&made[2], &made[0], &made[3], &made[1]] {
        let patch = ClientPatch {
            notes: Some("visto".to_owned()),
            ..ClientPatch::default()
        };
        admin.patch(id, patch).await.expect("changed");
    }
    for (order, expected) in [
        ("", "cadb"),
        ("created_at", "bdac"),
        ("created_at desc", "cadb"),
        ("updated_at asc", "cadb"),
        ("updated_at desc", "bdac"),
    ] {
        assert_eq!(names(&admin, ordered(order)).await.concat(), expected);
    }
}
