//! Which calls a standby answers, and that both walls stand there too.

use nvito_clients::domain::principal::Role;
use nvito_clients::grpc::proto::{
    BatchGetClientsRequest, GetClientRequest, GetEventRequest, ListClientHistoryRequest,
    ListClientsRequest, ListMembersRequest, ListOrganizationsRequest, SuggestClientsRequest,
    SummarizeClientsRequest, UpsertEventRequest,
};
use tonic::Code;

use super::{LONG, Stand, get, told};
use crate::faults::proxy::{Mode, Proxy};
use crate::faults::server::pair;
use crate::support::{client, nobody, until};

/// Who answered each method that only reads.
async fn every_read(stand: &Stand, staleness: &str, id: &str, event: &str) -> Vec<super::Told> {
    let root = stand.service.actor(Role::SuperAdmin, None);
    let root = root.saying("x-max-staleness", staleness);
    let organization_id = stand.organization.clone();
    let (mut clients, mut directory) = (root.clients(), root.directory());
    macro_rules! ask {
        ($call:expr) => {
            told(&$call.await.expect("answered"))
        };
    }
    vec![
        ask!(clients.get_client(GetClientRequest {
            id: id.to_owned(),
            show_deleted: false
        })),
        ask!(clients.batch_get_clients(BatchGetClientsRequest {
            ids: vec![id.to_owned()]
        })),
        ask!(clients.list_clients(ListClientsRequest::default())),
        ask!(clients.suggest_clients(SuggestClientsRequest {
            query: "lopez".to_owned(),
            organization_id: organization_id.clone(),
            ..SuggestClientsRequest::default()
        })),
        ask!(clients.list_client_history(ListClientHistoryRequest {
            client_id: id.to_owned(),
            ..ListClientHistoryRequest::default()
        })),
        ask!(clients.summarize_clients(SummarizeClientsRequest::default())),
        ask!(root.events().get_event(GetEventRequest {
            id: event.to_owned()
        })),
        ask!(directory.list_members(ListMembersRequest {
            organization_id,
            ..ListMembersRequest::default()
        })),
        ask!(directory.list_organizations(ListOrganizationsRequest::default())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_every_read_while_the_primary_is_away() {
    let (primary, standby) = pair().await;
    let proxy = Proxy::to(&primary.socket_file()).await;
    let stand = Stand::on(primary, standby, &proxy.url()).await;
    let event = nobody();
    let upsert = UpsertEventRequest {
        id: event.clone(),
        organization_id: stand.organization.clone(),
        name: "Boda".to_owned(),
        starts_at: None,
    };
    let root = stand.service.actor(Role::SuperAdmin, None);
    root.directory().upsert_event(upsert).await.expect("known");
    let made = stand.client("Ana López").await;

    let fresh = every_read(&stand, "30s", &made.id, &event).await;
    assert!(fresh.iter().all(super::Told::by_standby), "{fresh:?}");
    // Nothing is old enough for a caller who allows nothing.
    let strict = every_read(&stand, "0s", &made.id, &event).await;
    assert!(strict.iter().all(super::Told::by_primary), "{strict:?}");

    proxy.set(Mode::Cut);
    let alone = every_read(&stand, LONG, &made.id, &event).await;
    assert!(alone.iter().all(super::Told::by_standby), "{alone:?}");
    let refused = stand.strict().get(&made.id).await.expect_err("no primary");
    assert_eq!(refused.code, Code::Unavailable);
    // A write goes nowhere else, whatever its caller allows.
    let refused = stand.lax(LONG).create(client("Eva")).await;
    assert_eq!(refused.expect_err("no primary").code, Code::Unavailable);
    // Nobody can tell any more how old the standby is: the bound grows.
    until(async || {
        let strict = get(&stand.lax("1s"), &made.id).await;
        strict.is_err_and(|refused| refused.code == Code::Unavailable)
    })
    .await;
    proxy.set(Mode::Pass);
    until(async || {
        let again = get(&stand.lax("1s"), &made.id).await;
        again.is_ok_and(|(told, _)| told.by_standby())
    })
    .await;
    assert!(stand.counted(r#"nvito_clients_reads_total{source="standby"} "#) >= 18.0);
    let stale = r#"nvito_clients_standby_fallbacks_total{why="stale"} "#;
    assert!(stand.counted(stale) >= 10.0);
}

#[tokio::test]
async fn without_the_key_a_read_sees_what_was_written() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    stand.pause(true).await;
    for number in 0..20 {
        let name = format!("Ana {number}");
        super::rename(&stand.strict(), &made.id, &name).await;
        let (told, seen) = get(&stand.strict(), &made.id).await.expect("there");
        assert_eq!(seen.name, name);
        assert_eq!(told.by, None, "nobody asked");
    }
    // What the standby does not have yet is not denied.
    let new = stand.strict().create(client("Nueva")).await.expect("made");
    let (told, seen) = get(&stand.lax(LONG), &new.id).await.expect("there");
    assert!(told.by_primary(), "{told:?}");
    assert_eq!(seen.name, "Nueva");
    stand.pause(false).await;
}

#[tokio::test]
async fn a_list_goes_on_at_the_other_server() {
    let stand = Stand::start().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(stand.client(&format!("Cliente {number}")).await.id);
    }
    let (mut seen, mut token, mut sources) = (Vec::new(), String::new(), Vec::new());
    for page in 0.. {
        let request = ListClientsRequest {
            limit: 2,
            order_by: "created_at".to_owned(),
            page_token: token,
            ..ListClientsRequest::default()
        };
        let actor = stand.lax(["30s", "0s"][page % 2]);
        let answer = actor.clients().list_clients(request).await.expect("listed");
        sources.push(told(&answer).by_standby());
        let answer = answer.into_inner();
        seen.extend(answer.clients.into_iter().map(|client| client.id));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(sources, [true, false, true, false]);
    assert_eq!(seen, made);
}

#[tokio::test]
async fn both_walls_stand_on_the_standby() {
    let stand = Stand::start().await;
    let made = stand.client("Ana").await;
    let other = stand.service.org("Ajena").await;
    let stranger = stand.service.actor(Role::PlatformAdmin, Some(&other));
    let stranger = stranger.saying("x-max-staleness", LONG);
    let mut clients = stranger.clients();
    let list = clients.list_clients(ListClientsRequest::default()).await;
    let list = list.expect("listed");
    assert!(told(&list).by_standby());
    assert_eq!(list.into_inner().clients.len(), 0);
    let ids = vec![made.id.clone()];
    let batch = BatchGetClientsRequest { ids };
    let batch = clients.batch_get_clients(batch).await.expect("answered");
    assert!(told(&batch).by_standby());
    assert_eq!(batch.into_inner().missing_ids, [made.id]);
    let named = ListClientsRequest {
        organization_id: stand.organization.clone(),
        ..ListClientsRequest::default()
    };
    let refused = stranger.list(named).await.expect_err("foreign");
    refused.is(Code::PermissionDenied, "ORGANIZATION_NOT_ALLOWED");

    // The wall in SQL by itself, as the service's own role.
    let config: tokio_postgres::Config = stand.standby.url().parse().expect("settings");
    let service = crate::support::connect(&config).await;
    let seen = async |role: &str, organization: &str| -> Result<usize, tokio_postgres::Error> {
        let begin =
            format!("BEGIN READ ONLY; {role}; SET LOCAL app.organization_id = '{organization}'");
        service.batch_execute(&begin).await?;
        let rows = service.query("SELECT id FROM clients", &[]).await;
        service.batch_execute("ROLLBACK").await?;
        Ok(rows?.len())
    };
    let tenant = "SET LOCAL ROLE nvito_clients_tenant";
    assert_eq!(seen(tenant, &stand.organization).await.expect("seen"), 1);
    assert_eq!(seen(tenant, &other).await.expect("seen"), 0);
    let without = seen("SET LOCAL lock_timeout = 0", &stand.organization).await;
    assert_eq!(without.unwrap_or(0), 0, "a role has to be taken");
}
