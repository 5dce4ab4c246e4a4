//! What every ledger must do: one suite for all implementations.
//!
//! [`check`] takes two ways into one and the same store, for example two connections. If there is only one, pass it twice. The
//! suite leaves runs behind whose ids start with `conformance-`.

use std::time::Duration;

use purge_core::audit::AuditRecord;
use purge_core::chunk::{Age, Chunk};
use purge_core::http::NoResponse;
use purge_core::policy::Limits;
use purge_core::rate::RateBudget;
use purge_core::request::{Chunking, DeletionApi, PurgeRequest, RecordType};
use purge_core::run::{Asked, ChunkRun, Context, InForce, Input, Order, Pace, Step};
use purge_core::time::{DAY_MS, Timestamp};
use purge_core::window::Window;

use super::{
    ChunkRow, Claim, Claimed, Commit, Committed, Created, Lease, Ledger, LedgerError, MessageState, NewRun,
    OutboxMessage, Slot, StoredBudget, Swapped,
};

/// How a ledger fails the suite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It broke this promise.
    #[error("{0}")]
    Promise(String),
    /// An operation failed.
    #[error(transparent)]
    Failed(#[from] LedgerError),
}

macro_rules! must {
    ($holds:expr, $($promise:tt)+) => {
        if !$holds {
            return Err(Broken::Promise(format!($($promise)+)));
        }
    };
}

macro_rules! must_be {
    ($is:expr, $expected:expr, $($promise:tt)+) => {
        match ($is, $expected) {
            (is, expected) => must!(is == expected, "{}: {is:?} instead of {expected:?}", format!($($promise)+)),
        }
    };
}

/// Checks everything that the driver relies on.
///
/// # Errors
/// The first promise that the ledger breaks.
pub async fn check<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    runs_are_created_once(a, b).await?;
    what_is_not_there_is_absent(a).await?;
    chunks_come_in_pages(a, b).await?;
    a_chunk_has_one_worker_at_a_time(a, b).await?;
    a_commit_is_all_or_nothing(a, b).await?;
    records_keep_their_order(a, b).await?;
    open_chunks_are_those_without_an_outcome(a, b).await?;
    slots_are_few_and_belong_to_their_holders(a, b).await?;
    a_budget_is_replaced_by_whoever_knows_it(a, b).await?;
    cancelling_is_remembered_until_withdrawn(a, b).await?;
    policies_are_kept_by_their_digests(a, b).await?;
    messages_wait_until_they_are_settled(a, b).await?;
    Ok(())
}

const NOW: Timestamp = Timestamp::EPOCH;

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn lease(owner: &str, until: u64) -> Lease {
    Lease { owner: owner.to_owned(), until: at(until) }
}

async fn runs_are_created_once<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let first = new_run("conformance-created", 3)?;
    must_be!(a.create(&first, at(1)).await?, Created::New, "a run that was not there is new");
    must_be!(b.create(&first, at(2)).await?, Created::Existing, "the same run again is found");
    let row = b.run("conformance-created").await?;
    let Some(row) = row else {
        return Err(Broken::Promise("a created run is there".to_owned()));
    };
    must_be!(&row.order, &first.order, "the order comes back as it was");
    must_be!(&row.plan_file, &first.plan_file, "the plan file comes back as it was");
    must_be!((row.open, row.cancel_asked), (3, None), "a new run has all its chunks open and is not cancelled");
    must_be!((row.created_at, row.updated_at), (at(1), at(1)), "creating again changes nothing");

    let mut other = first;
    other.order.plan_digest = "sha256:other".to_owned();
    let refused = a.create(&other, at(3)).await;
    must!(matches!(refused, Err(LedgerError::Conflict(_))), "the same run with another plan is a conflict");

    a.create(&new_run("conformance-created-later", 1)?, at(5)).await?;
    let listed: Vec<_> = a.runs().await?.into_iter().map(|row| row.order.run_id).collect();
    let place = |id: &str| listed.iter().position(|listed| listed == id);
    must!(place("conformance-created-later").is_some(), "every run is listed");
    must!(place("conformance-created-later") < place("conformance-created"), "the youngest run is listed first");
    Ok(())
}

async fn what_is_not_there_is_absent<L: Ledger>(a: &L) -> Result<(), Broken> {
    let nowhere = "conformance-nowhere";
    must!(a.run(nowhere).await?.is_none(), "an unknown run is absent");
    must!(a.chunk(nowhere, 1).await?.is_none(), "a chunk of an unknown run is absent");
    must!(a.chunks(nowhere, 0, 9).await?.is_empty(), "an unknown run has no chunks");
    must!(a.records(nowhere, 0, 9).await?.is_empty(), "an unknown run has no records");
    must!(a.outbox(nowhere).await?.is_empty(), "an unknown run has no messages");
    must!(!a.ask_cancel(nowhere, &asked()).await?, "an unknown run cannot be cancelled");
    must!(!a.withdraw_cancel(nowhere, NOW, NOW).await?, "an unknown run has no cancellation to withdraw");
    must!(a.cancel_asked(nowhere).await?.is_none(), "an unknown run is not cancelled");
    must!(a.policies(nowhere).await?.is_empty(), "an unknown run has no policies");
    must_be!(claim(a, nowhere, 1, "me", 0).await?, Claimed::Absent, "a chunk of an unknown run cannot be claimed");
    a.create(&new_run("conformance-absent", 1)?, NOW).await?;
    must!(a.chunk("conformance-absent", 2).await?.is_none(), "a chunk beyond the last is absent");
    must_be!(claim(a, "conformance-absent", 2, "me", 0).await?, Claimed::Absent, "and cannot be claimed");
    Ok(())
}

async fn chunks_come_in_pages<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-pages";
    let new = new_run(run, 1_100)?;
    a.create(&new, NOW).await?;
    let page = b.chunks(run, 2, 3).await?;
    let indexes: Vec<_> = page.iter().map(|row| row.index).collect();
    must_be!(indexes, vec![3, 4, 5], "a page of chunks begins after its mark");
    must!(
        page.iter().zip(new.chunks.iter().skip(2)).all(|(row, new)| row.run == *new),
        "chunks come back as they were"
    );
    must_be!(b.chunks(run, 1_099, 50).await?.len(), 1, "the last page is short");
    must_be!(b.open_chunks(run, 1_000, 500).await?, (1_001..=1_100).collect::<Vec<_>>(), "open chunks come in order");
    Ok(())
}

async fn a_chunk_has_one_worker_at_a_time<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-claim";
    a.create(&new_run(run, 1)?, NOW).await?;
    let first = expect_granted(claim(a, run, 1, "first", 0).await?)?;
    must_be!(first.lease.as_ref(), Some(&lease("first", 60)), "a claim gives the lease that was asked for");
    let busy = claim(b, run, 1, "second", 59).await?;
    must_be!(busy, Claimed::Busy { until: at(60) }, "nobody else gets a chunk under lease");
    let again = expect_granted(claim(b, run, 1, "first", 10).await?)?;
    must!(again.version > first.version, "every claim has a version of its own");
    must_be!(commit_unchanged(a, &first, None).await?, Committed::Lost, "an older claim cannot commit");

    let taken = expect_granted(claim(b, run, 1, "second", 70).await?)?;
    must_be!(
        commit_unchanged(a, &again, None).await?,
        Committed::Lost,
        "a claim whose lease was taken over cannot commit"
    );
    let Committed::Version(version) = commit_unchanged(b, &taken, Some(lease("second", 500))).await? else {
        return Err(Broken::Promise("whoever claimed last can commit".to_owned()));
    };
    must!(version > taken.version, "every commit has a version of its own");
    must_be!(commit_unchanged(b, &taken, None).await?, Committed::Lost, "a version can be committed once");

    must!(matches!(claim(a, run, 1, "third", 499).await?, Claimed::Busy { .. }), "a commit can lengthen the lease");
    let forced = Claim { run_id: run, index: 1, lease: lease("third", 560), now: at(499), take_over: true };
    let forced = expect_granted(a.claim(forced).await?)?;
    must!(
        matches!(commit_unchanged(a, &forced, None).await?, Committed::Version(_)),
        "a lease can be taken over by force"
    );
    expect_granted(claim(b, run, 1, "fourth", 500).await?)?;
    Ok(())
}

async fn a_commit_is_all_or_nothing<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-commit";
    let new = new_run(run, 1)?;
    a.create(&new, NOW).await?;
    let slot = Slot { tenant: run, holder: "1" };
    must!(a.take_slot(slot, 1).await?, "a free slot can be taken");
    let row = expect_granted(claim(a, run, 1, "me", 0).await?)?;
    let (stepped, records) = after_first_step(&new.order, row.run.clone(), at(1));
    must!(!records.is_empty(), "the suite has records to write");
    let whole = |expected_version| Commit {
        records: &records,
        release_slot: Some(slot),
        ..Commit::of(run, expected_version, &stepped, at(1))
    };
    must_be!(b.commit(whole(row.version + 7)).await?, Committed::Lost, "a commit from another version is lost");
    must_be!(b.chunk(run, 1).await?.map(|c| c.run), Some(row.run.clone()), "a lost commit changes no state");
    must!(b.records(run, 0, 9).await?.is_empty(), "a lost commit appends no record");
    must!(!b.take_slot(Slot { holder: "2", ..slot }, 1).await?, "a lost commit gives no slot back");

    must!(matches!(a.commit(whole(row.version)).await?, Committed::Version(_)), "a commit from its version is done");
    let there = b.chunk(run, 1).await?.map(|c| (c.run, c.lease));
    must_be!(there, Some((stepped.clone(), None)), "a commit writes state and lease");
    must_be!(all_records(b, run).await?, records.clone(), "a commit appends its records");
    must!(b.take_slot(Slot { holder: "2", ..slot }, 1).await?, "a commit gives the slot back");
    must_be!(b.run(run).await?.map(|r| r.updated_at), Some(at(1)), "a commit dates the run");

    let nowhere = Commit { run_id: "conformance-nowhere", ..whole(0) };
    must_be!(a.commit(nowhere).await?, Committed::Lost, "a commit to an unknown run is lost");
    Ok(())
}

async fn records_keep_their_order<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-records";
    let new = new_run(run, 3)?;
    a.create(&new, NOW).await?;
    let mut expected = Vec::new();
    for (ledger, index) in [(a, 2), (b, 1), (a, 3)] {
        let row = expect_granted(claim(ledger, run, index, "me", 0).await?)?;
        let (stepped, records) = after_first_step(&new.order, row.run.clone(), at(1));
        commit_change(ledger, run, &row, &stepped, &records).await?;
        expected.extend(records);
    }
    must_be!(all_records(b, run).await?, expected.clone(), "records come in the order in which they were appended");
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = a.records(run, after, 1).await?;
        must!(page.len() <= 1, "a page of records is not longer than asked");
        let Some(row) = page.into_iter().next() else {
            break;
        };
        must!(row.position > after, "the position of a record grows");
        after = row.position;
        paged.push(row.record);
    }
    must_be!(paged, expected, "pages together are the whole log");
    Ok(())
}

async fn open_chunks_are_those_without_an_outcome<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-open";
    let new = new_run(run, 4)?;
    a.create(&new, NOW).await?;
    let row = expect_granted(claim(a, run, 2, "me", 0).await?)?;
    let ended = cancelled(&new.order, row.run.clone());
    must!(ended.outcome().is_some(), "the suite has a chunk that ended");
    commit_change(a, run, &row, &ended, &[]).await?;
    must_be!(b.open_chunks(run, 0, 9).await?, vec![1, 3, 4], "an ended chunk is not open");
    must_be!(b.open_chunks(run, 1, 1).await?, vec![3], "open chunks come in pages");
    must_be!(b.run(run).await?.map(|r| r.open), Some(3), "the run counts its open chunks");

    let row = expect_granted(claim(b, run, 2, "me", 0).await?)?;
    let cx = Context { order: &new_run(run, 4)?.order, pace: Pace::default(), now: at(1) };
    let Some((retried, records)) = row.run.clone().retried(cx, &asked()) else {
        return Err(Broken::Promise("a cancelled chunk can be tried again".to_owned()));
    };
    commit_change(b, run, &row, &retried, &records).await?;
    must_be!(a.open_chunks(run, 0, 9).await?, vec![1, 2, 3, 4], "a chunk that is tried again is open again");
    must_be!(a.run(run).await?.map(|r| r.open), Some(4), "and counted");
    Ok(())
}

async fn slots_are_few_and_belong_to_their_holders<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let slot = |holder| Slot { tenant: "conformance-slots", holder };
    must!(a.take_slot(slot("1"), 2).await?, "the first slot is free");
    must!(b.take_slot(slot("2"), 2).await?, "the second slot is free");
    must!(!a.take_slot(slot("3"), 2).await?, "there is no third");
    must!(b.take_slot(slot("1"), 2).await?, "whoever has a slot gets it again");
    b.release_slot(slot("3")).await?;
    must!(!a.take_slot(slot("3"), 2).await?, "giving back what one has not frees nothing");
    b.release_slot(slot("1")).await?;
    b.release_slot(slot("1")).await?;
    must!(a.take_slot(slot("3"), 2).await?, "a slot given back is free");
    must!(!a.take_slot(slot("4"), 2).await?, "giving back twice frees one");
    let elsewhere = Slot { tenant: "conformance-slots-elsewhere", holder: "4" };
    must!(a.take_slot(elsewhere, 2).await?, "another tenant has its own slots");
    Ok(())
}

async fn a_budget_is_replaced_by_whoever_knows_it<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let tenant = "conformance-budget";
    let mut spent = RateBudget::new(5);
    let behind = |version, budget: &RateBudget| Swapped::Behind(StoredBudget { version, budget: budget.clone() });
    must_be!(a.swap_budget(tenant, 0, &spent).await?, Swapped::Version(1), "a budget that was not there is new");
    must_be!(b.swap_budget(tenant, 0, &spent).await?, behind(1, &spent), "whoever knows of none is told");
    let before = spent.clone();
    must!(spent.take(at(1)).is_ok(), "a fresh budget has room");
    must_be!(b.swap_budget(tenant, 1, &spent).await?, Swapped::Version(2), "whoever knows it replaces it");
    must_be!(
        a.swap_budget(tenant, 1, &before).await?,
        behind(2, &spent),
        "whoever knows an old one is told the new one"
    );
    let elsewhere = "conformance-budget-elsewhere";
    must_be!(a.swap_budget(elsewhere, 0, &before).await?, Swapped::Version(1), "another tenant has its own budget");
    Ok(())
}

async fn cancelling_is_remembered_until_withdrawn<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-cancel";
    a.create(&new_run(run, 1)?, NOW).await?;
    must!(b.cancel_asked(run).await?.is_none(), "a new run is not cancelled");
    let asked = |by: &str, seconds| Asked { by: by.to_owned(), at: at(seconds) };
    let last = || Some(asked("somebody else", 2));
    must!(a.ask_cancel(run, &asked("somebody", 1)).await?, "a run can be cancelled");
    must!(a.ask_cancel(run, &asked("somebody else", 2)).await?, "and again");
    must_be!(b.cancel_asked(run).await?, last(), "a cancelled run is cancelled, by the last who asked");
    must_be!(b.run(run).await?.and_then(|r| r.cancel_asked), last(), "the last time counts");
    must!(
        !b.withdraw_cancel(run, at(1), at(3)).await?,
        "whoever knows of an earlier cancellation does not withdraw a later"
    );
    must_be!(a.run(run).await?.and_then(|r| r.cancel_asked), last(), "and changes nothing");
    must!(b.withdraw_cancel(run, at(2), at(3)).await?, "a cancellation can be withdrawn");
    must!(a.cancel_asked(run).await?.is_none(), "then the run is not cancelled");
    must!(a.withdraw_cancel(run, at(2), at(4)).await?, "to withdraw it once more is harmless");
    Ok(())
}

async fn policies_are_kept_by_their_digests<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let (run, other) = ("conformance-policies", "conformance-policies-other");
    for run in [run, other] {
        a.create(&new_run(run, 1)?, NOW).await?;
    }
    must!(b.policies(run).await?.is_empty(), "no policy has been kept for a new run");
    // One is longer than a store may want to keep in one piece.
    let bases = ["é", "later", &"long ".repeat(200_000)];
    let mut policies = Vec::new();
    for basis in bases {
        let rule = format!("{{\"recordTypes\":[\"recording\"],\"minAgeDays\":1,\"basis\":\"{basis}\"}}");
        let text = format!("{{\"version\":1,\"retention\":[{rule}]}}");
        let policy = InForce::read(&text).map_err(|why| Broken::Promise(format!("the suite has a policy: {why:?}")))?;
        for ledger in [a, b] {
            ledger.keep_policy(run, &policy).await?;
        }
        policies.push(policy);
    }
    policies.sort_by(|one, two| one.digest.cmp(&two.digest));
    let texts: Vec<_> = policies.into_iter().map(|policy| policy.text).collect();
    must_be!(b.policies(run).await?, texts, "each policy is kept once, as it is, in the order of their digests");
    must!(a.policies(other).await?.is_empty(), "every run has its own");
    Ok(())
}

async fn messages_wait_until_they_are_settled<L: Ledger>(a: &L, b: &L) -> Result<(), Broken> {
    let run = "conformance-outbox";
    let new = new_run(run, 2)?;
    a.create(&new, NOW).await?;
    let row = expect_granted(claim(a, run, 1, "me", 0).await?)?;
    let message =
        |id: &str, due| OutboxMessage { id: id.to_owned(), body: format!("{{\"{id}\":\"é\"}}"), due: at(due) };
    let later_first = [message("late", 20), message("early", 10)];
    let put = Commit { outbox: &later_first, ..Commit::of(run, row.version, &row.run, NOW) };
    let Committed::Version(version) = a.commit(put.clone()).await? else {
        return Err(Broken::Promise("a commit with messages is done".to_owned()));
    };
    let repeated = [message("late", 99)];
    a.commit(Commit { expected_version: version, outbox: &repeated, ..put }).await?;

    let ids = |rows: Vec<super::OutboxRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let all = b.outbox(run).await?;
    let bodies: Vec<_> = all.iter().map(|row| row.body.as_str()).collect();
    must_be!(bodies, vec!["{\"late\":\"é\"}", "{\"early\":\"é\"}"], "messages are kept as they are, each id once");
    must_be!(ids(b.outbox_pending(run, 9).await?), vec!["early", "late"], "the message due first comes first");
    must_be!(ids(b.outbox_pending(run, 1).await?), vec!["early"], "messages come in pages");

    let again = MessageState::Pending { due: at(30), why: Some("no answer in time".to_owned()) };
    must!(b.outbox_settle(run, "early", 0, &again).await?, "an attempt can be noted");
    must!(!a.outbox_settle(run, "early", 0, &again).await?, "the same attempt cannot be noted twice");
    must!(!a.outbox_settle(run, "other", 0, &again).await?, "an unknown message cannot be settled");
    must_be!(ids(a.outbox_pending(run, 9).await?), vec!["late", "early"], "a message can be put off");
    must!(a.outbox_settle(run, "early", 1, &MessageState::Delivered { at: at(31) }).await?, "it can be delivered");
    let dead = MessageState::Dead { at: at(32), why: "the receiver answered 500".to_owned() };
    must!(a.outbox_settle(run, "late", 0, &dead).await?, "it can be given up");
    must!(b.outbox_pending(run, 9).await?.is_empty(), "what is settled is not sent again");
    let states: Vec<_> = b.outbox(run).await?.into_iter().map(|row| (row.attempts, row.state)).collect();
    must_be!(states, vec![(1, dead), (2, MessageState::Delivered { at: at(31) })], "what became of it is remembered");
    Ok(())
}

/// The days `from` to `to`, counted from the beginning of 2023.
fn days(from: u32, to: u32) -> Result<Window, Broken> {
    let day = |n: u32| Timestamp::from_millis(1_672_531_200_000 + i64::from(n) * DAY_MS);
    Window::new(day(from), day(to)).ok_or_else(|| Broken::Promise("the suite asks for a run without chunks".to_owned()))
}

/// A run with one chunk for each day.
///
/// # Errors
/// If it would have no chunk.
pub fn new_run(run_id: &str, chunks: u32) -> Result<NewRun, Broken> {
    let order = Order {
        version: 2,
        run_id: run_id.to_owned(),
        plan_digest: "sha256:plan".to_owned(),
        policy_digest: "sha256:policy".to_owned(),
        request: PurgeRequest {
            version: 1,
            name: "conformance".to_owned(),
            api: DeletionApi::DataDeletion,
            record_types: vec![RecordType::Conversation],
            range: days(0, chunks)?,
            jurisdiction: "us-east-1".to_owned(),
            query: None,
            chunking: Chunking::Days(1),
            reason: "conformance".to_owned(),
            requested_by: "conformance".to_owned(),
            retention_override: None,
            recordings: None,
        },
        limits: Limits::default(),
        held_conversations: Vec::new(),
        held_windows: Vec::new(),
        compliance_note: "no rules".to_owned(),
        chunks,
        approved_by: "conformance".to_owned(),
        approved_at: NOW,
        tenant: "https://api.example.com".to_owned(),
        simulated: true,
    };
    let chunk = |index| {
        let window = days(index - 1, index)?;
        Ok(ChunkRun::new(&order, Chunk { index, total: chunks, window, age: Age::Recent }))
    };
    let chunks = (1..=chunks).map(chunk).collect::<Result<_, Broken>>()?;
    Ok(NewRun { order, plan_file: "{\"planned\":\"é\"}\n".to_owned(), chunks })
}

/// The chunk after its first step, and the records of that step.
fn after_first_step(order: &Order, run: ChunkRun, now: Timestamp) -> (ChunkRun, Vec<AuditRecord>) {
    let Step { run, records, .. } = run.step(Context { order, pace: Pace::default(), now }, Input::Tick);
    (run, records)
}

/// The word of a person who asks for something.
fn asked() -> Asked {
    Asked { by: "conformance".to_owned(), at: NOW }
}

/// The chunk after a cancel has ended it.
#[must_use]
pub fn cancelled(order: &Order, run: ChunkRun) -> ChunkRun {
    let cx = Context { order, pace: Pace::default(), now: at(1) };
    let begun = run.step(cx, Input::Tick).run;
    begun.step(cx, Input::NoResponse(NoResponse::NotSent)).run.step(cx, Input::Cancel(asked())).run
}

async fn claim<L: Ledger>(ledger: &L, run_id: &str, index: u32, owner: &str, now: u64) -> Result<Claimed, LedgerError> {
    let claim = Claim { run_id, index, lease: lease(owner, now + 60), now: at(now), take_over: false };
    ledger.claim(claim).await
}

fn expect_granted(claimed: Claimed) -> Result<ChunkRow, Broken> {
    match claimed {
        Claimed::Granted(row) => Ok(*row),
        Claimed::Busy { .. } | Claimed::Absent => {
            Err(Broken::Promise(format!("a chunk that nobody works on can be claimed: {claimed:?}")))
        }
    }
}

/// Commits the state of the row again.
async fn commit_unchanged<L: Ledger>(
    ledger: &L,
    row: &ChunkRow,
    lease: Option<Lease>,
) -> Result<Committed, LedgerError> {
    ledger.commit(Commit { lease, ..Commit::of("conformance-claim", row.version, &row.run, NOW) }).await
}

async fn commit_change<L: Ledger>(
    ledger: &L,
    run_id: &str,
    row: &ChunkRow,
    run: &ChunkRun,
    records: &[AuditRecord],
) -> Result<(), Broken> {
    match ledger.commit(Commit { records, ..Commit::of(run_id, row.version, run, at(1)) }).await? {
        Committed::Version(_) => Ok(()),
        Committed::Lost => Err(Broken::Promise("whoever claimed last can commit".to_owned())),
    }
}

async fn all_records<L: Ledger>(ledger: &L, run_id: &str) -> Result<Vec<AuditRecord>, LedgerError> {
    Ok(ledger.records(run_id, 0, 100).await?.into_iter().map(|row| row.record).collect())
}
