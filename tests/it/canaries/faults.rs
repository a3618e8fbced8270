//! Faults of the database, whose messages quote what it was given.

use nvito_clients::grpc::proto::{ClientPatch, UpsertOrganizationRequest};
use tonic::Code;

use super::{Loud, new};
use crate::support::nobody;

/// What makes the next write of notes fail, what undoes it, and a word that
/// the log is to have of it.
const FAULTS: [(&str, &str, &str); 5] = [
    (
        "ALTER TABLE clients ADD CONSTRAINT unforeseen CHECK (notes IS NULL) NOT VALID",
        "ALTER TABLE clients DROP CONSTRAINT unforeseen",
        "unforeseen",
    ),
    (
        "CREATE UNIQUE INDEX unforeseen_key ON clients (notes)",
        "DROP INDEX unforeseen_key",
        "unforeseen_key",
    ),
    (
        "CREATE FUNCTION provoke() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM NEW.notes::integer; RETURN NEW; END $$;
         CREATE TRIGGER provoke BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION provoke()",
        "DROP FUNCTION provoke CASCADE",
        "invalid input syntax for type integer",
    ),
    (
        "ALTER TABLE clients RENAME COLUMN notes TO renamed",
        "ALTER TABLE clients RENAME COLUMN renamed TO notes",
        "does not exist",
    ),
    (
        "REVOKE UPDATE ON clients FROM nvito_clients_platform",
        "GRANT UPDATE ON clients TO nvito_clients_platform",
        "permission denied for table clients",
    ),
];

#[tokio::test]
async fn no_fault_quotes_what_a_caller_said() {
    let loud = Loud::start(&[]);
    let actor = loud.actor().await;
    let superuser = loud.folder.superuser().await;
    let own = nobody();
    let organization = UpsertOrganizationRequest {
        id: own.clone(),
        name: "Canario".to_owned(),
    };
    let known = actor.directory().upsert_organization(organization).await;
    known.expect("known");
    let ours = actor.create(new(&own, "canario")).await.expect("created");
    let other = actor
        .create(new(&own, "canario.dos"))
        .await
        .expect("created");
    let notes = || ClientPatch {
        notes: other.notes.clone(),
        ..ClientPatch::default()
    };
    for (provoke, undo, word) in FAULTS {
        superuser.batch_execute(provoke).await.expect(provoke);
        let failed = actor.patch(&ours.id, notes()).await.expect_err(provoke);
        failed.is(Code::Internal, "INTERNAL");
        assert!(!format!("{failed:?}").contains("canario"), "{failed:?}");
        superuser.batch_execute(undo).await.expect(undo);
        assert!(loud.service.log().contains(word), "{word}");
    }
    // Somebody holds the row; somebody breaks into a statement.
    let hold = format!(
        "BEGIN; SELECT FROM clients WHERE id = '{}' FOR UPDATE",
        ours.id
    );
    superuser.batch_execute(&hold).await.expect("held");
    let late = actor.patch(&ours.id, notes()).await.expect_err("held");
    late.is(Code::Aborted, "LOCK_TIMEOUT");
    superuser.batch_execute("COMMIT").await.expect("released");
    loud.silent();

    let metrics = loud.service.http("GET /metrics");
    assert!(
        metrics.contains("\nnvito_clients_tenant_wall_alarms_total 1\n"),
        "{metrics}"
    );
}
