//! What a suggestion costs beside one row by its id.

use std::time::{Duration, Instant};

use nvito_clients::domain::principal::{Policy, Role};
use nvito_clients::repository::Database;
use nvito_clients::seed;

use super::{ids, typed};
use crate::support::{App, Cluster};

/// What people type, made of what a tenant has.
struct Typing(u64);

impl Typing {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX; its high bits are the random ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    /// The beginning of a name or of a word of it, sometimes with a slip; or of
    /// a telephone number.
    fn next(&mut self, name: &str, phone: &str) -> String {
        let kind = self.below(10);
        let length = 1 + self.below(8);
        if kind == 0 && !phone.is_empty() {
            return phone.chars().take(3 + length).collect();
        }
        let word = name.split(' ').nth(self.below(3)).unwrap_or(name);
        let at = name.find(word).expect("a part of it");
        let from = if kind < 6 { name } else { &name[at..] };
        let mut typed: Vec<char> = from.chars().take(length).collect();
        if kind == 9 {
            typed = word.chars().collect();
            let slip = self.below(typed.len());
            typed[slip] = char::from(b"aeiosznr"[self.below(8)]);
        }
        typed.into_iter().collect()
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[times.len() * percent / 100]
}

/// At most twice what one row by its id takes. Run alone:
/// `cargo test --test it -- --ignored --nocapture figures`
#[tokio::test]
#[ignore = "a measurement: it wants the machine for itself"]
async fn figures() {
    const CALLS: usize = 2000;
    let cluster = Cluster::get();
    let database = cluster.database().await;
    let pool = Database::new(cluster.service(&database), 2);
    seed::load_bulk(&pool, 50, 100_000).await.expect("loaded");
    pool.close().await;
    let sql = cluster.superuser(&database).await;
    let rows = sql
        .query(
            "SELECT id::text, name, coalesce(phone, ''), organization_id::text FROM clients
             WHERE organization_id = (SELECT min(id::text)::uuid FROM organizations)
               AND deleted_at IS NULL ORDER BY id",
            &[],
        )
        .await
        .expect("a tenant");
    let clients: Vec<[String; 3]> = rows
        .iter()
        .map(|row| [row.get(0), row.get(1), row.get(2)])
        .collect();
    let organization: String = rows[0].get(3);
    let app = App::on(database, Policy::default()).await;
    let actor = app.actor(Role::PlatformAdmin, Some(&organization));

    let mut typing = Typing(1);
    let (mut gets, mut suggests, mut slowest) = (Vec::new(), Vec::new(), Vec::new());
    for call in 0..CALLS + 100 {
        let [id, ..] = &clients[typing.below(clients.len())];
        let began = Instant::now();
        actor.get(id).await.expect("found");
        let get = began.elapsed();
        let [_, name, phone] = &clients[typing.below(clients.len())];
        let query = typing.next(name, phone);
        let began = Instant::now();
        ids(&actor, typed(&query)).await.expect("suggested");
        let suggest = began.elapsed();
        // The first calls open connections and plan.
        if call >= 100 {
            gets.push(get);
            suggests.push(suggest);
            slowest.push((suggest, query));
        }
    }
    slowest.sort();
    println!("slowest: {:?}", &slowest[CALLS - 20..]);
    for percent in [50, 99] {
        let (get, suggest) = (
            percentile(&mut gets, percent),
            percentile(&mut suggests, percent),
        );
        let ratio = suggest.as_secs_f64() / get.as_secs_f64();
        println!("p{percent}: GetClient {get:?}, SuggestClients {suggest:?}, ratio {ratio:.2}");
        assert!(percent == 50 || ratio <= 2.0, "{ratio}");
    }
}
