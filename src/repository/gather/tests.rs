//! Whose keys go together, and who gets what.

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::*;
use crate::domain::ids::OrganizationId;

/// Itself.
struct Number(u32);

impl Point for Number {
    type Key = u32;

    async fn read(_: &AsyncPgConnection, _: &[u32]) -> Result<Vec<(usize, Self)>> {
        unreachable!("nothing is read")
    }

    fn belongs(&self, key: &u32) -> bool {
        self.0 == *key
    }
}

type Answer = oneshot::Receiver<Result<Vec<Option<Number>>>>;

fn asked(keys: &[u32]) -> (Asked<Reads<Number>>, Answer) {
    let (reply, answer) = oneshot::channel();
    let deadline = Instant::now() + Duration::from_secs(3);
    let asked = Asked {
        ask: keys.to_vec(),
        deadline,
        reply,
    };
    (asked, answer)
}

fn tenant(number: u128) -> Tenant {
    Tenant::from(OrganizationId(Uuid::from_u128(number)))
}

/// Shares of which each may have all.
fn alone() -> Shares {
    Shares::new(12)
}

fn next(state: &mut State<Reads<Number>>) -> Vec<Asked<Reads<Number>>> {
    state.next(usize::MAX, &alone())
}

/// How many a lane serves next.
fn served<T: Together>(state: &mut State<T>, lane: u64, before: usize) -> usize {
    state.next_of(lane, before, &alone()).len()
}

fn keys(next: &[Asked<Reads<Number>>]) -> Vec<u32> {
    next.iter().map(|asked| asked.ask[0]).collect()
}

#[tokio::test]
async fn who_asks_for_little_is_next_beside_who_floods() {
    let gather = Gather::<Reads<Number>>::default();
    let mut state = gather.state();
    let mut answers = Vec::new();
    for number in 0..10 {
        let (flood, answer) = asked(&[number; 100]);
        state.push(tenant(1), flood);
        answers.push(answer);
    }
    let (single, answer) = asked(&[77]);
    state.push(tenant(2), single);
    answers.push(answer);
    assert_eq!(keys(&next(&mut state)), [0, 77]);
    assert_eq!(keys(&next(&mut state)), [1]);
    for number in 2..10 {
        assert_eq!(keys(&next(&mut state)), [number]);
    }
    assert!(next(&mut state).is_empty() && state.waiting.is_empty() && state.turns.is_empty());
}

#[tokio::test]
async fn beside_others_nobody_fills_a_round() {
    let gather = Gather::<Reads<Number>>::default();
    let mut state = gather.state();
    let shares = Shares::new(1);
    let mut answers = Vec::new();
    for number in 0..5 {
        let (flood, answer) = asked(&[number]);
        shares.see(tenant(1));
        state.push(tenant(1), flood);
        answers.push(answer);
    }
    let (single, answer) = asked(&[77]);
    state.push(tenant(2), single);
    answers.push(answer);
    shares.see(tenant(2));
    let mut next = || keys(&state.next(usize::MAX, &shares));
    assert_eq!(
        next(),
        [0, 77, 1, 2],
        "as many as there are seats in a turn"
    );
    assert_eq!(next(), [3, 4], "nobody is forgotten");
    assert!(next().is_empty() && state.waiting.is_empty() && state.turns.is_empty());
}

#[tokio::test]
async fn who_hung_up_or_is_late_is_left_out() {
    let gather = Gather::<Reads<Number>>::default();
    let mut state = gather.state();
    let (gone, _) = asked(&[1]);
    let (mut late, _kept) = asked(&[2]);
    late.deadline = Instant::now();
    let (there, _answer) = asked(&[3]);
    for asked in [gone, late, there] {
        state.push(tenant(1), asked);
    }
    assert_eq!(keys(&next(&mut state)), [3]);
    assert!(next(&mut state).is_empty());
}

#[tokio::test]
async fn half_goes_while_the_other_half_is_answered() {
    let gather = Gather::<Reads<Number>>::default();
    let mut state = gather.state();
    let mut answers = Vec::new();
    for number in 0..11 {
        let (one, answer) = asked(&[number]);
        state.push(tenant(u128::from(number % 3)), one);
        answers.push(answer);
    }
    let lane = state.open().expect("somebody waits");
    let sizes = [0, 6, 5].map(|before| served(&mut state, lane, before));
    assert_eq!(sizes, [6, 5, 0]);
    let (single, _answer) = asked(&[77]);
    state.push(tenant(1), single);
    let lane = state.open().expect("somebody waits");
    assert_eq!(
        keys(&state.next_of(lane, 0, &alone())),
        [77],
        "nobody is waited for"
    );
}

#[tokio::test]
async fn each_gets_what_they_asked_for_and_nothing_of_another() {
    let (one, first) = asked(&[1, 2]);
    let (other, second) = asked(&[3, 4]);
    // The row at the place of 2 is another's; 4 is not there.
    let rows = vec![(0, Number(1)), (1, Number(9)), (2, Number(3))];
    answer(&mut read::replies(vec![one, other], Ok(rows)));
    let seen = |answer: Answer| {
        let points = answer.blocking_recv().expect("answered").expect("read");
        points
            .iter()
            .map(|point| point.as_ref().map(|number| number.0))
            .collect::<Vec<_>>()
    };
    let (first, second) = tokio::task::spawn_blocking(move || (seen(first), seen(second)))
        .await
        .expect("no panic");
    assert_eq!(first, [Some(1), None]);
    assert_eq!(second, [Some(3), None]);
}

/// As far as it goes without a lane at work: who opens one, and who closes.
#[tokio::test(start_paused = true)]
async fn another_lane_is_there_only_while_the_first_is_slow() {
    let gather = Gather::<Reads<Number>>::default();
    let state = Arc::into_inner(gather.0).expect("nobody else's");
    let mut state = state.into_inner().expect("not poisoned");
    let mut answers = Vec::new();
    let mut wait = |state: &mut State<Reads<Number>>| {
        let (one, answer) = asked(&[1]);
        state.push(tenant(1), one);
        answers.push(answer);
    };
    assert_eq!(state.open(), None, "nobody waits");
    wait(&mut state);
    let first = state.open().expect("the first");
    assert_eq!(served(&mut state, first, 1), 1);
    wait(&mut state);
    assert_eq!(state.open(), None, "it will soon be back");
    tokio::time::advance(SLOW).await;
    let second = state.open().expect("the first is slow");
    (0..3).for_each(|_| wait(&mut state));
    assert_eq!(served(&mut state, second, 0), 4, "not only half of them");
    wait(&mut state);
    tokio::time::advance(SLOW).await;
    assert_eq!(state.open(), None, "there are no more than two");
    assert_eq!(served(&mut state, second, 1), 1, "the first is still slow");
    wait(&mut state);
    assert!(served(&mut state, first, 1) == 0, "the second is quick");
    assert_eq!(served(&mut state, second, 1), 1, "nobody is forgotten");
    assert!(served(&mut state, second, 1) == 0 && state.lanes.is_empty());
    wait(&mut state);
    assert!(state.open().is_some(), "and from the beginning");
}

/// Something of which two rounds are under way at once.
struct Pair;

impl Together for Pair {
    type Ask = u32;
    type Answer = u32;

    const MODE: Mode = Mode::Write;
    const ABREAST: usize = 2;
    const MOST: usize = 3;

    fn size(_: &u32) -> usize {
        1
    }

    async fn serve(_: &Database, _: Vec<Asked<Self>>) -> Replies<u32> {
        unreachable!("nothing is done")
    }
}

#[tokio::test(start_paused = true)]
async fn of_what_goes_two_abreast_there_is_a_third_while_one_is_slow() {
    let gather = Gather::<Pair>::default();
    let state = Arc::into_inner(gather.0).expect("nobody else's");
    let mut state = state.into_inner().expect("not poisoned");
    let mut answers = Vec::new();
    let mut wait = |state: &mut State<Pair>, number| {
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + Duration::from_secs(3);
        let asked = Asked {
            ask: number,
            deadline,
            reply,
        };
        state.push(tenant(u128::from(number)), asked);
        answers.push(answer);
    };
    (0..3).for_each(|number| wait(&mut state, number));
    let first = state.open().expect("the first");
    assert_eq!(served(&mut state, first, 0), 3, "all who wait");
    wait(&mut state, 3);
    let second = state.open().expect("the second");
    assert_eq!(served(&mut state, second, 0), 1);
    wait(&mut state, 4);
    assert_eq!(state.open(), None, "both will soon be back");
    tokio::time::advance(SLOW).await;
    let third = state.open().expect("both are slow");
    (5..9).for_each(|number| wait(&mut state, number));
    assert_eq!(served(&mut state, third, 0), 3, "as many as go into one");
    assert_eq!(state.open(), None, "there are no more than three");
    assert_eq!(served(&mut state, first, 2), 2, "those who are left");
    wait(&mut state, 9);
    assert!(served(&mut state, second, 1) == 0, "two are quick");
    assert_eq!(served(&mut state, first, 2), 1, "nobody is forgotten");
}
