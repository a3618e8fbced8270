//! Who may call what: every role × every method × own, foreign and no
//! organization. The methods come from the compiled descriptors, so that a new
//! one without an entry here fails. Strangers are in `strangers`.

use std::collections::BTreeSet;

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::grpc::proto::{
    BatchGetClientsRequest, ClientPatch, ClientStatus, CreateClientRequest, DeleteClientRequest,
    FILE_DESCRIPTOR_SET, GetClientRequest, ListClientsRequest, ListMembersRequest,
    ListOrganizationsRequest, ReassignClientsRequest, RemoveEventRequest, RemoveMemberRequest,
    SuggestClientsRequest, SummarizeClientsRequest, UpdateClientRequest, UpsertEventRequest,
    UpsertMemberRequest, UpsertOrganizationRequest, User, ValidateFiscalDataRequest,
};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::support::{Actor, App, Failure, client, nobody};

use About::{Client, Event, Nothing, OneOrganization, Organization};
use Needs::{AdminPanel, SuperAdmin};

/// What a method asks of its caller.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    AdminPanel,
    SuperAdmin,
}

/// What a request names, and so what another organization's must look like.
#[derive(Clone, Copy, PartialEq)]
enum About {
    /// An organization; a Super Admin who names none sees all.
    Organization,
    /// An organization, which a Super Admin has to name.
    OneOrganization,
    /// A client by its id.
    Client,
    /// An event by its id.
    Event,
    /// Nothing that could be another organization's.
    Nothing,
}

/// One method: its permission, and what a request names.
struct Entry {
    method: &'static str,
    needs: Needs,
    about: About,
}

const fn entry(method: &'static str, needs: Needs, about: About) -> Entry {
    Entry {
        method,
        needs,
        about,
    }
}

const ENTRIES: [Entry; 24] = [
    entry("ClientService/CreateClient", AdminPanel, OneOrganization),
    entry("ClientService/GetClient", AdminPanel, Client),
    entry("ClientService/ListClients", AdminPanel, Organization),
    entry("ClientService/UpdateClient", AdminPanel, Client),
    entry("ClientService/DeleteClient", SuperAdmin, Client),
    entry("ClientService/UndeleteClient", SuperAdmin, Client),
    entry("ClientService/PurgeClient", SuperAdmin, Client),
    entry("ClientService/TransitionClient", AdminPanel, Client),
    // Another organization's are missing_ids: tests/it/batch.rs.
    entry("ClientService/BatchGetClients", AdminPanel, Nothing),
    entry("ClientService/SuggestClients", AdminPanel, OneOrganization),
    entry("ClientService/ListClientHistory", AdminPanel, Client),
    entry("ClientService/ValidateFiscalData", AdminPanel, Nothing),
    entry("ClientService/ReassignClients", AdminPanel, OneOrganization),
    entry("ClientService/SummarizeClients", AdminPanel, Organization),
    entry("EventService/LinkEvent", AdminPanel, Event),
    entry("EventService/UnlinkEvent", AdminPanel, Event),
    entry("EventService/GetEvent", AdminPanel, Event),
    entry("DirectoryService/UpsertOrganization", SuperAdmin, Nothing),
    entry("DirectoryService/UpsertMember", SuperAdmin, Nothing),
    entry("DirectoryService/RemoveMember", SuperAdmin, Nothing),
    entry("DirectoryService/UpsertEvent", SuperAdmin, Nothing),
    entry("DirectoryService/RemoveEvent", SuperAdmin, Nothing),
    entry("DirectoryService/ListOrganizations", SuperAdmin, Nothing),
    entry("DirectoryService/ListMembers", AdminPanel, OneOrganization),
];

/// Rows of one organization, made anew for each call, because some calls
/// remove them.
pub(crate) struct Rows {
    organization: String,
    client: String,
    deleted: String,
    member: String,
    event: String,
}

impl Rows {
    pub(crate) async fn of(app: &App, organization: &str) -> Self {
        let root = app.super_admin();
        let new = CreateClientRequest {
            organization_id: organization.to_owned(),
            ..client("Cliente de la matriz")
        };
        let made = root.create(new.clone()).await.expect("created");
        let gone = root.create(new).await.expect("created");
        root.delete(&gone.id).await.expect("deleted");
        let (member, event) = (nobody(), nobody());
        root.directory()
            .upsert_member(upsert_member(organization, &member))
            .await
            .expect("known");
        root.directory()
            .upsert_event(upsert_event(organization, &event))
            .await
            .expect("known");
        Self {
            organization: organization.to_owned(),
            client: made.id,
            deleted: gone.id,
            member,
            event,
        }
    }
}

fn upsert_member(organization: &str, user: &str) -> UpsertMemberRequest {
    let user = User {
        id: user.to_owned(),
        first_name: "Ana".to_owned(),
        last_name: String::new(),
        email: String::new(),
    };
    UpsertMemberRequest {
        organization_id: organization.to_owned(),
        user: Some(user),
        active: None,
    }
}

fn upsert_event(organization: &str, event: &str) -> UpsertEventRequest {
    UpsertEventRequest {
        id: event.to_owned(),
        organization_id: organization.to_owned(),
        name: "Boda".to_owned(),
        starts_at: None,
    }
}

/// Calls a method with a valid request about `rows`; `named` is the
/// organization in the request, where it can hold one.
pub(crate) async fn call(
    actor: &Actor,
    method: &str,
    rows: &Rows,
    named: &str,
) -> Result<(), Failure> {
    let (mut clients, mut directory) = (actor.clients(), actor.directory());
    let organization_id = named.to_owned();
    let id = rows.client.clone();
    match method {
        "ClientService/UndeleteClient" => return actor.undelete(&rows.deleted).await.map(drop),
        "ClientService/PurgeClient" => return actor.purge(&rows.deleted).await,
        "ClientService/TransitionClient" => {
            return actor.transition(&id, ClientStatus::Active).await.map(drop);
        }
        "ClientService/BatchGetClients" => {
            let request = BatchGetClientsRequest { ids: vec![id] };
            clients.batch_get_clients(request).await.map(drop)
        }
        "ClientService/SuggestClients" => {
            let request = SuggestClientsRequest {
                query: "cliente".to_owned(),
                limit: 0,
                organization_id,
            };
            clients.suggest_clients(request).await.map(drop)
        }
        "ClientService/ListClientHistory" => return actor.history(&id).await.map(drop),
        "ClientService/ValidateFiscalData" => {
            let request = ValidateFiscalDataRequest {
                rfc: "EKU9003173C9".to_owned(),
                ..ValidateFiscalDataRequest::default()
            };
            clients.validate_fiscal_data(request).await.map(drop)
        }
        "ClientService/ReassignClients" => {
            let request = ReassignClientsRequest {
                organization_id,
                from_user_id: rows.member.clone(),
                unassign: true,
                ..ReassignClientsRequest::default()
            };
            clients.reassign_clients(request).await.map(drop)
        }
        "ClientService/SummarizeClients" => {
            let request = SummarizeClientsRequest {
                organization_id,
                ..SummarizeClientsRequest::default()
            };
            clients.summarize_clients(request).await.map(drop)
        }
        "EventService/LinkEvent" => return actor.link(&rows.event, &id).await.map(drop),
        "EventService/UnlinkEvent" => return actor.unlink(&rows.event).await.map(drop),
        "EventService/GetEvent" => return actor.event(&rows.event).await.map(drop),
        "ClientService/CreateClient" => {
            let request = CreateClientRequest {
                organization_id,
                ..client("Nueva")
            };
            clients.create_client(request).await.map(drop)
        }
        "ClientService/GetClient" => clients
            .get_client(GetClientRequest {
                id,
                show_deleted: false,
            })
            .await
            .map(drop),
        "ClientService/ListClients" => {
            let request = ListClientsRequest {
                organization_id,
                ..ListClientsRequest::default()
            };
            clients.list_clients(request).await.map(drop)
        }
        "ClientService/UpdateClient" => {
            let patch = ClientPatch {
                notes: Some("visto".into()),
                ..ClientPatch::default()
            };
            let request = UpdateClientRequest {
                id,
                client: Some(patch),
                ..UpdateClientRequest::default()
            };
            clients.update_client(request).await.map(drop)
        }
        "ClientService/DeleteClient" => {
            let request = DeleteClientRequest {
                id,
                ..DeleteClientRequest::default()
            };
            clients.delete_client(request).await.map(drop)
        }
        "DirectoryService/UpsertOrganization" => {
            let id = rows.organization.clone();
            let request = UpsertOrganizationRequest {
                id,
                name: "Renombrada".to_owned(),
            };
            directory.upsert_organization(request).await.map(drop)
        }
        "DirectoryService/UpsertMember" => {
            let request = upsert_member(&rows.organization, &rows.member);
            directory.upsert_member(request).await.map(drop)
        }
        "DirectoryService/RemoveMember" => {
            let request = RemoveMemberRequest {
                organization_id: rows.organization.clone(),
                user_id: rows.member.clone(),
            };
            directory.remove_member(request).await.map(drop)
        }
        "DirectoryService/UpsertEvent" => {
            let request = upsert_event(&rows.organization, &rows.event);
            directory.upsert_event(request).await.map(drop)
        }
        "DirectoryService/RemoveEvent" => directory
            .remove_event(RemoveEventRequest {
                id: rows.event.clone(),
            })
            .await
            .map(drop),
        "DirectoryService/ListOrganizations" => {
            let request = ListOrganizationsRequest::default();
            directory.list_organizations(request).await.map(drop)
        }
        "DirectoryService/ListMembers" => {
            let request = ListMembersRequest {
                organization_id,
                ..ListMembersRequest::default()
            };
            directory.list_members(request).await.map(drop)
        }
        other => panic!("{other} has no request here"),
    }
    .map_err(Failure::from)
}

/// Every method of the contract, as `Service/Method`.
pub(crate) fn methods() -> BTreeSet<String> {
    let compiled = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("descriptors");
    compiled
        .file
        .iter()
        .filter(|file| file.package() == "nvito.clients.v1")
        .flat_map(|file| &file.service)
        .flat_map(|service| {
            service
                .method
                .iter()
                .map(|method| format!("{}/{}", service.name(), method.name()))
        })
        .collect()
}

#[test]
fn every_method_has_an_entry() {
    let entries: BTreeSet<String> = ENTRIES
        .iter()
        .map(|entry| entry.method.to_owned())
        .collect();
    assert_eq!(methods(), entries);
}

#[tokio::test]
async fn every_role_and_method_and_organization() {
    for policy in [Policy::default(), Policy::new(Role::ALL.to_vec())] {
        let app = App::with(policy.clone()).await;
        let (own, other) = (app.org("Propia").await, app.org("Ajena").await);
        let panel = policy.roles(nvito_clients::domain::principal::Permission::AdminPanel);
        for entry in &ENTRIES {
            let method = entry.method;
            for role in Role::ALL {
                let is_super = role == Role::SuperAdmin;
                let may = match entry.needs {
                    AdminPanel => panel.contains(&role),
                    SuperAdmin => is_super,
                };
                let actor = own.actor(role);

                // In its own organization: the right caller gets through, the
                // others do not, which shows that the refusals are about them.
                let mine = Rows::of(&app, &own.id).await;
                let answer = call(&actor, method, &mine, &own.id).await;
                if may {
                    answer.unwrap_or_else(|failure| panic!("{role} {method}: {failure:?}"));
                } else {
                    let refused = answer.expect_err(&format!("{role} may not {method}"));
                    refused.is(Code::PermissionDenied, "ROLE_REQUIRED");
                    continue;
                }

                // A row of another organization, as if it were not there.
                let theirs = Rows::of(&app, &other.id).await;
                let not_found = match entry.about {
                    Client => Some("CLIENT_NOT_FOUND"),
                    Event => Some("EVENT_NOT_FOUND"),
                    _ => None,
                };
                if let Some(reason) = not_found.filter(|_| !is_super) {
                    let foreign = call(&actor, method, &theirs, "").await;
                    foreign.expect_err(method).is(Code::NotFound, reason);
                }

                // Another organization named, one that exists and one that does not.
                if matches!(entry.about, Organization | OneOrganization) {
                    for named in [other.id.clone(), nobody()] {
                        let answer = call(&actor, method, &theirs, &named).await;
                        if is_super {
                            let fine = answer.is_ok() || named != other.id;
                            assert!(fine, "{role} {method}: {answer:?}");
                        } else {
                            let refused = answer.expect_err(method);
                            refused.is(Code::PermissionDenied, "ORGANIZATION_NOT_ALLOWED");
                        }
                    }
                    // None named: one's own.
                    let answer = call(&actor, method, &mine, "").await;
                    if is_super && entry.about == OneOrganization {
                        let refused = answer.expect_err(method);
                        refused.violates(&[("organization_id", "REQUIRED")]);
                    } else {
                        answer.unwrap_or_else(|failure| panic!("{role} {method}: {failure:?}"));
                    }
                }
            }
        }
    }
}
