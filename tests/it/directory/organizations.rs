//! The organizations, as the organization selector shows them.

use nvito_clients::grpc::proto::ListOrganizationsRequest;
use tonic::Code;

use crate::support::{App, Failure};

#[tokio::test]
async fn organizations_are_listed_by_name_in_pages() {
    let app = App::start().await;
    let root = app.super_admin();
    for name in ["ñu", "Ñandú", "oso", "nube", "Ana", "100%", "1000"] {
        app.org(name).await;
    }
    let list = async |search: &str, page, limit| {
        let request = ListOrganizationsRequest {
            search: search.to_owned(),
            page,
            limit,
        };
        let answer = root.directory().list_organizations(request).await?;
        let answer = answer.into_inner();
        let names: Vec<_> = answer.organizations.into_iter().map(|o| o.name).collect();
        let meta = answer.meta.expect("meta");
        Ok::<_, Failure>((names.join(" "), meta.total, meta.limit, meta.total_pages))
    };
    for (search, page, limit, names, meta) in [
        ("", 0, 0, "100% 1000 Ana nube Ñandú ñu oso", (7, 10, 1)),
        ("", 1, 3, "100% 1000 Ana", (7, 3, 3)),
        ("", 3, 3, "oso", (7, 3, 3)),
        ("", 4, 3, "", (7, 3, 3)),
        ("NÁND", 1, 500, "Ñandú", (1, 100, 1)),
        (" n ", 1, 10, "Ana nube Ñandú ñu", (4, 10, 1)),
        ("0%", 1, 10, "100%", (1, 10, 1)),
        ("_", 1, 10, "", (0, 10, 0)),
    ] {
        let found = list(search, page, limit).await.expect("listed");
        assert_eq!(found, (names.to_owned(), meta.0, meta.1, meta.2));
    }
    let refused = list(&"a".repeat(101), -1, -1).await.expect_err("refused");
    refused.violates(&[
        ("search", "TOO_LONG"),
        ("page", "OUT_OF_RANGE"),
        ("limit", "OUT_OF_RANGE"),
    ]);
    let refused = list("", 1001, 10).await.expect_err("too deep");
    refused.is(Code::InvalidArgument, "PAGE_TOO_DEEP");
}
