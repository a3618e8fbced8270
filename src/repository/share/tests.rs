//! Who has how many turns and seats, and who is next.

use uuid::Uuid;

use super::*;

fn tenant(number: u128) -> Whose {
    Whose::Of(Some(organization(number)))
}

fn organization(number: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(number))
}

async fn turns(shares: &Shares, whose: Whose, count: usize) -> Vec<Turn> {
    let mut turns = Vec::new();
    for _ in 0..count {
        turns.push(shares.turn(whose, Mode::Write).await.expect("free"));
    }
    turns
}

#[tokio::test(start_paused = true)]
async fn a_flood_leaves_two_thirds_to_others() {
    let shares = Shares::new(9);
    let flood = turns(&shares, tenant(1), 3).await;
    let refused = shares.turn(tenant(1), Mode::Write).await;
    assert_eq!(
        refused.err().expect("three").reason(),
        Reason::ServerOverloaded
    );
    let mut others = Vec::new();
    for number in 2..8 {
        others.extend(turns(&shares, tenant(number), 1).await);
    }
    assert!(
        shares.turn(tenant(8), Mode::Write).await.is_err(),
        "none left"
    );
    drop((flood, others));
    tokio::time::advance(2 * ABOUT).await;
    turns(&shares, tenant(1), 3).await;
    assert!(shares.state().queues.is_empty());
    assert_eq!(shares.state().free, 9);
}

#[tokio::test(start_paused = true)]
async fn while_others_are_about_a_flood_has_a_sixth() {
    let shares = Shares::new(12);
    let (one, other) = (Some(organization(1)), Some(organization(2)));
    let alone = turns(&shares, tenant(1), 4).await;
    assert_eq!(shares.together(one), usize::MAX);
    shares.see(None);
    assert_eq!(
        shares.together(one),
        usize::MAX,
        "a Super Admin is no other"
    );
    // Who asks for nothing but what is everybody's is about as well.
    shares.see(other);
    assert_eq!(shares.together(one), 2 * SEATS);
    drop(alone);
    let flood = turns(&shares, tenant(1), 2).await;
    let refused = shares.seat(one).await;
    assert!(refused.is_err(), "not even a seat");
    drop(turns(&shares, Whose::Everybody, 10).await);
    drop(flood);
}

#[tokio::test(start_paused = true)]
async fn who_called_is_about_for_half_a_second_to_a_second() {
    let shares = Shares::new(12);
    let (one, other) = (Some(organization(1)), Some(organization(2)));
    tokio::time::advance(2 * ABOUT).await;
    shares.see(one);
    shares.see(other);
    tokio::time::advance(ABOUT.mul_f64(0.9)).await;
    shares.see(one);
    tokio::time::advance(ABOUT.mul_f64(0.9)).await;
    shares.see(one);
    assert_eq!(shares.together(one), 2 * SEATS, "in the time before");
    tokio::time::advance(ABOUT.mul_f64(0.3)).await;
    shares.see(one);
    assert_eq!(shares.together(one), usize::MAX, "it has gone");
    assert_eq!(shares.together(None), 2 * SEATS, "beside the first");
    tokio::time::advance(2 * ABOUT).await;
    assert_eq!(shares.together(None), usize::MAX, "nobody called since");
}

#[tokio::test(start_paused = true)]
async fn who_waits_has_more_when_the_others_have_gone() {
    let shares = Shares::new(12);
    shares.see(Some(organization(2)));
    let _turns = turns(&shares, tenant(1), 2).await;
    tokio::time::advance(ABOUT.mul_f64(1.9)).await;
    let wait = || {
        let shares = shares.clone();
        tokio::spawn(async move { shares.turn(tenant(1), Mode::Snapshot).await })
    };
    // Seen with the other in one time, by itself in the next.
    shares.see(Some(organization(1)));
    let first = wait();
    tokio::task::yield_now().await;
    assert!(!first.is_finished(), "the other is about");
    tokio::time::advance(ABOUT.mul_f64(0.2)).await;
    let second = wait();
    tokio::task::yield_now().await;
    assert!(first.is_finished() && second.is_finished(), "it has gone");
}

#[tokio::test(start_paused = true)]
async fn super_admins_keep_nobody_from_what_is_everybodys() {
    let shares = Shares::new(6);
    let flood = turns(&shares, Whose::Of(None), 2).await;
    let refused = shares.turn(Whose::Of(None), Mode::Snapshot).await;
    assert!(refused.is_err(), "a third is theirs");
    drop((turns(&shares, Whose::Everybody, 4).await, flood));
}

#[tokio::test(start_paused = true)]
async fn who_has_fewest_turns_is_next() {
    let shares = Shares::new(12);
    let flood = turns(&shares, tenant(1), 1).await;
    let mut others = turns(&shares, tenant(2), 2).await;
    let last = turns(&shares, Whose::Everybody, 9).await;
    let wait = |number| {
        let shares = shares.clone();
        let waiting = async move { shares.turn(tenant(number), Mode::Write).await };
        tokio::spawn(waiting)
    };
    let (first, second) = (wait(1), wait(3));
    tokio::task::yield_now().await;
    assert_eq!(shares.waiting(), 2);
    others.pop();
    tokio::task::yield_now().await;
    assert!(second.is_finished(), "it has none");
    assert!(!first.is_finished(), "it came first and has one");
    drop((flood, others, last));
    first.await.expect("no panic").expect("its turn");
}

#[tokio::test(start_paused = true)]
async fn what_serves_several_callers_is_next() {
    let shares = Shares::new(12);
    let mut everybody = turns(&shares, Whose::Everybody, 7).await;
    let _flood = turns(&shares, tenant(1), 1).await;
    let _others = turns(&shares, tenant(2), 2).await;
    let mut others = turns(&shares, tenant(3), 2).await;
    let wait = |whose| {
        let shares = shares.clone();
        tokio::spawn(async move { shares.turn(whose, Mode::Write).await })
    };
    let one = wait(tenant(1));
    tokio::task::yield_now().await;
    let (several, more) = (wait(Whose::Everybody), wait(Whose::Everybody));
    tokio::task::yield_now().await;
    everybody.pop();
    tokio::task::yield_now().await;
    assert!(several.is_finished(), "they are many");
    assert!(!one.is_finished(), "it came first and has one");
    let several = several.await.expect("no panic").expect("their turn");
    others.pop();
    tokio::task::yield_now().await;
    assert!(one.is_finished(), "they have more than half");
    drop(several);
    drop(more.await.expect("no panic").expect("their turn"));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_keeps_nobody_waiting() {
    let shares = Shares::new(6);
    let _turn = turns(&shares, tenant(1), 1).await;
    let _seat = shares.seat(Some(organization(1))).await.expect("free");
    let read = {
        let shares = shares.clone();
        tokio::spawn(async move { shares.turn(tenant(1), Mode::Snapshot).await })
    };
    tokio::task::yield_now().await;
    let write = {
        let shares = shares.clone();
        tokio::spawn(async move { shares.seat(Some(organization(1))).await })
    };
    tokio::task::yield_now().await;
    assert!(!write.is_finished(), "in the order in which they came");
    read.abort();
    write.await.expect("no panic").expect("a seat is free");
}

#[tokio::test(start_paused = true)]
async fn seats_count_to_a_tenants_share_and_take_no_connection() {
    let shares = Shares::new(6);
    let _turn = turns(&shares, tenant(1), 1).await;
    let mut seats = Vec::new();
    for _ in 0..SEATS {
        seats.push(shares.seat(Some(organization(1))).await.expect("free"));
    }
    let refused = shares.seat(Some(organization(1))).await;
    assert!(refused.is_err(), "a third is its own");
    let others = turns(&shares, Whose::Everybody, 5).await;
    let other = shares.seat(Some(organization(2))).await;
    other.expect("it takes no connection");
    let wait = || {
        let shares = shares.clone();
        tokio::spawn(async move { shares.turn(tenant(1), Mode::Snapshot).await })
    };
    tokio::time::advance(2 * ABOUT).await;
    let read = wait();
    tokio::task::yield_now().await;
    drop(others);
    tokio::task::yield_now().await;
    for seat in seats {
        assert!(!read.is_finished(), "its seats are as much as a turn");
        drop(seat);
        tokio::task::yield_now().await;
    }
    read.await.expect("no panic").expect("its turn");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_a_seat_is_before_those_who_came_later() {
    let shares = Shares::new(3);
    let mut seats = Vec::new();
    for _ in 0..SEATS {
        seats.push(shares.seat(Some(organization(1))).await.expect("free"));
    }
    let later = {
        let shares = shares.clone();
        tokio::spawn(async move { shares.seat(Some(organization(1))).await })
    };
    tokio::task::yield_now().await;
    // Both wait for the seats of the others, which they have not: first the first.
    let mut trade = || {
        let (shares, seat) = (shares.clone(), seats.remove(0));
        tokio::spawn(async move { shares.trade(seat).await })
    };
    let (first, second) = (trade(), trade());
    tokio::task::yield_now().await;
    assert!(!first.is_finished() && !later.is_finished());
    seats.clear();
    tokio::task::yield_now().await;
    let turn = first.await.expect("no panic").expect("its turn");
    assert!(!second.is_finished() && !later.is_finished());
    drop(turn);
    tokio::task::yield_now().await;
    assert!(!later.is_finished(), "it came last");
    drop(second.await.expect("no panic").expect("its turn"));
    drop(later.await.expect("no panic").expect("its seat"));
    assert_eq!(shares.state().free, 3);
    assert!(shares.state().queues.is_empty());
}

#[tokio::test(start_paused = true)]
async fn room_to_wait_is_bounded_and_kept_for_writes() {
    let shares = Shares::new(1);
    let held = turns(&shares, tenant(1), 1).await;
    let wait = |mode| {
        let shares = shares.clone();
        tokio::spawn(async move { shares.turn(tenant(1), mode).await.map(drop) })
    };
    let reads: Vec<_> = (0..7).map(|_| wait(Mode::Snapshot)).collect();
    tokio::task::yield_now().await;
    assert_eq!(shares.waiting(), 6, "the seventh is refused at once");
    let write = wait(Mode::Write);
    tokio::task::yield_now().await;
    assert_eq!(shares.waiting(), 7);
    // A caller who hangs up frees its place.
    reads[0].abort();
    drop(held);
    write.await.expect("no panic").expect("its turn");
    assert_eq!((shares.waiting(), shares.state().free), (0, 1));
}

#[tokio::test]
async fn whatever_callers_do_no_turn_is_lost() {
    let shares = Shares::new(4);
    let calls: Vec<_> = (0..2000)
        .map(|call: u64| {
            let shares = shares.clone();
            tokio::spawn(async move {
                let whose = u128::from(call % 5);
                let turn = async {
                    if call.is_multiple_of(2) {
                        return shares.turn(tenant(whose), Mode::Write).await;
                    }
                    let seat = shares.seat(Some(organization(whose))).await?;
                    tokio::task::yield_now().await;
                    shares.trade(seat).await
                };
                let patience = Duration::from_micros(call % 7 * 100);
                if let Ok(Ok(turn)) = timeout(patience, turn).await {
                    tokio::time::sleep(Duration::from_micros(call % 3 * 100)).await;
                    drop(turn);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    shares.next(&mut shares.state());
    assert_eq!(shares.state().free, 4);
    assert!(shares.state().queues.is_empty());
}
