//! Strangers: every method × every kind of bad identity × both modes. Nobody
//! gets in, nothing changes, and the same calls with a good identity succeed.

mod metadata;
mod tokens;

use nvito_clients::domain::principal::{Policy, Role};
use tonic::Code;

use crate::matrix::{Rows, call, methods};
use crate::support::{Actor, App, Cluster, Issuer, Key, Says};

/// A bad identity.
struct Stranger {
    kind: &'static str,
    metadata: Vec<(&'static str, String)>,
    /// Of the refusal.
    reason: &'static str,
    /// The metadata key that it names.
    key: &'static str,
}

#[tokio::test]
async fn no_stranger_gets_in() {
    let calls = no_stranger_gets_in_to(1).await;
    assert!(calls >= 24 * 60, "{calls}");
}

/// Lets every stranger try every method `rounds` times, and answers how many
/// calls that were.
pub(crate) async fn no_stranger_gets_in_to(rounds: usize) -> usize {
    let first = Key::first();
    let mut keys = vec![first.public()];
    keys.extend(tokens::keys_not_for_us());
    let issuer = Issuer::start(Says::Keys(keys)).await;
    // Two services on one database, one for each mode.
    let plain = App::on(Cluster::get().database().await, Policy::default()).await;
    let signed = App::with_tokens(plain.database.clone(), &issuer).await;
    let own = plain.org("Propia").await;
    let rows = Rows::of(&plain, &own.id).await;
    let before = plain.contents().await;

    let strangers = [
        (&plain, metadata::strangers(&own.id)),
        (&signed, tokens::strangers(&issuer, &first, &own.id)),
    ];
    let (mut calls, mut let_in) = (0, Vec::new());
    for _ in 0..rounds {
        for (app, strangers) in &strangers {
            for stranger in strangers {
                let Stranger {
                    kind, reason, key, ..
                } = stranger;
                let actor = Actor::new(app.channel(), stranger.metadata.clone());
                for method in methods() {
                    calls += 1;
                    match call(&actor, &method, &rows, &own.id).await {
                        Ok(()) => let_in.push(format!("{kind}: {method}")),
                        Err(refused) if refused.code != Code::Unauthenticated => {
                            let_in.push(format!("{kind}: {method}: {refused:?}"));
                        }
                        Err(refused) => {
                            let told = refused.metadata.get("key").map(String::as_str);
                            let heard = (refused.reason.as_str(), told);
                            assert_eq!(heard, (*reason, Some(*key)), "{kind}: {method}");
                        }
                    }
                }
            }
        }
    }
    println!("strangers: {calls} calls, {} let in", let_in.len());
    assert_eq!(let_in, Vec::<String>::new());
    assert_eq!(plain.contents().await, before, "a row has changed");

    // The control: good identities, and the same calls succeed.
    let root = issuer.claims(Role::SuperAdmin, None);
    for actor in [plain.super_admin(), signed.bearer(&first.token(&root))] {
        for method in methods() {
            let rows = Rows::of(&plain, &own.id).await;
            let answer = call(&actor, &method, &rows, &own.id).await;
            answer.unwrap_or_else(|failure| panic!("{method}: {failure:?}"));
        }
    }
    calls
}
