//! The port of the functions to their ledger: what they need beyond the driver's [`Ledger`].

use std::future::Future;
use std::rc::Rc;

use purge_core::run::Order;
use purge_core::time::Timestamp;
use purge_driver::Ledger;
use purge_driver::ledger::{Created, LedgerError, NewRun, OutboxRow, Unfinished};

/// One firing of a schedule. Every delivery of its event gives the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Key of the standing request in the plans bucket.
    pub request_key: String,
    /// The time for which the schedule fired.
    pub scheduled_at: Timestamp,
}

/// How many messages a run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// All of them.
    pub all: u64,
    /// Those that are still to be sent.
    pub pending: u64,
}

/// A ledger that also finds single orders, messages and firings, keeps notes about wake-ups, and lists the runs that need looking
/// after.
///
/// Creating a run puts it on that list in the same transaction, and so does every [`Commit`] that queues a chunk
/// ([`Commit::queues`]). Only [`Store::finish`] takes a run off the list. Implementations pass [`conformance`].
///
/// [`Commit`]: purge_driver::ledger::Commit
/// [`Commit::queues`]: purge_driver::ledger::Commit::queues
///
/// # Errors
/// As those of [`Ledger`].
pub trait Store: Ledger {
    /// The order of a run. It never changes, so a process may read it once.
    fn order(&self, run_id: &str) -> impl Future<Output = Result<Option<Rc<Order>>, LedgerError>>;

    /// The id of the run that a firing started; `None` if it has started none.
    fn fired(&self, firing: &Firing) -> impl Future<Output = Result<Option<String>, LedgerError>>;

    /// Creates a run and notes it as the run of this firing, both or neither. A firing that has started a run already keeps that
    /// run, even if the plan has changed since. Returns the id of the firing's run.
    fn create_fired(
        &self,
        firing: &Firing,
        run: &NewRun,
        now: Timestamp,
    ) -> impl Future<Output = Result<(String, Created), LedgerError>>;

    /// One message of a run's outbox.
    fn message(&self, run_id: &str, id: &str) -> impl Future<Output = Result<Option<OutboxRow>, LedgerError>>;

    /// Counts the messages of a run, without reading them: there may be hundreds of thousands.
    fn count_messages(&self, run_id: &str) -> impl Future<Output = Result<Messages, LedgerError>>;

    /// Notes that the receiver of a run's messages is gone for good: it answered 410. `receiver` is the digest of its address,
    /// because the address may be a secret.
    fn note_gone(&self, run_id: &str, receiver: &str) -> impl Future<Output = Result<(), LedgerError>>;

    /// The receiver that was last noted as gone for this run.
    fn gone(&self, run_id: &str) -> impl Future<Output = Result<Option<String>, LedgerError>>;

    /// Whether this message is the one that stands by for the chunk's wait that ends at this time. The first message that asks is,
    /// and remains so when it asks again. No message stands by for a chunk that was never claimed.
    fn stands_by(
        &self,
        run_id: &str,
        index: u32,
        at: Timestamp,
        message: &str,
    ) -> impl Future<Output = Result<bool, LedgerError>>;

    /// The runs that need looking after.
    fn unfinished(&self) -> impl Future<Output = Result<Vec<Unfinished>, LedgerError>>;

    /// One run of that list; `None` if it is not on it.
    fn unfinished_run(&self, run_id: &str) -> impl Future<Output = Result<Option<Unfinished>, LedgerError>>;

    /// Puts an existing run on the list, or, if it is there, notes that it was opened once more.
    fn look_after(&self, run_id: &str, now: Timestamp) -> impl Future<Output = Result<(), LedgerError>>;

    /// Notes when the stalled parts of a run were set going. A run that is not on the list stays off it.
    fn note_woken(&self, run_id: &str, now: Timestamp) -> impl Future<Output = Result<(), LedgerError>>;

    /// Takes a run off the list, unless it was opened again since it was read as `seen`; then `false`.
    fn finish(&self, seen: &Unfinished) -> impl Future<Output = Result<bool, LedgerError>>;
}

/// The promises that every store keeps, beyond those of every ledger.
pub mod conformance {
    use std::time::Duration;

    use futures_util::future::join;
    use purge_core::run::Asked;
    use purge_core::time::Timestamp;
    use purge_driver::ledger::conformance::{Broken, cancelled, new_run};
    use purge_driver::ledger::{
        ChunkRow, Claim, Claimed, Commit, Committed, Created, Lease, MessageState, NewRun, OutboxMessage, Unfinished,
    };
    use purge_driver::{Redriven, redrive};

    use super::{Firing, Messages, Store};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(seconds))
    }

    fn must(holds: bool, promise: &str) -> Result<(), Broken> {
        if holds { Ok(()) } else { Err(Broken::Promise(promise.to_owned())) }
    }

    /// Checks everything that the functions rely on. `a` and `b` are two handles to one store, in which the check leaves runs
    /// behind.
    ///
    /// # Errors
    /// The first promise that the store breaks.
    pub async fn check<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        a_firing_is_one_run(a, b).await?;
        unfinished_runs_are_looked_after(a, b).await?;
        messages_are_counted(a, b).await?;
        a_receiver_that_is_gone_is_remembered(a, b).await?;
        one_message_stands_by_for_a_wait(a, b).await
    }

    async fn a_firing_is_one_run<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        let firing = |seconds| Firing { request_key: "conformance/é.json".to_owned(), scheduled_at: at(seconds) };
        let (first, other) = (new_run("conformance-fired", 1)?, new_run("conformance-fired-otherwise", 1)?);
        let is = |run: &NewRun, created| (run.order.run_id.clone(), created);
        must(b.fired(&firing(1)).await?.is_none(), "a firing is no run at first")?;
        must(a.create_fired(&firing(1), &first, at(1)).await? == is(&first, Created::New), "it becomes one")?;
        must(b.fired(&firing(1)).await? == Some(first.order.run_id.clone()), "which is remembered")?;
        must(b.unfinished_run(&first.order.run_id).await?.is_some(), "and is a run as any other")?;
        for run in [&first, &other] {
            let again = b.create_fired(&firing(1), run, at(2)).await?;
            must(again == is(&first, Created::Existing), "the same firing is the same run")?;
        }
        must(a.run(&other.order.run_id).await?.is_none(), "and makes no other")?;
        // The very same plan may have been started in another way.
        a.create(&other, at(3)).await?;
        let found = b.create_fired(&firing(2), &other, at(4)).await?;
        must(found == is(&other, Created::Existing), "a firing can be a run that is there")?;
        must(a.fired(&firing(2)).await? == Some(other.order.run_id), "which is remembered, too")?;
        // The event was delivered twice, and each planner has made a plan of its own.
        let (one, two) = (new_run("conformance-fired-here", 1)?, new_run("conformance-fired-there", 1)?);
        let (here, there) =
            join(a.create_fired(&firing(3), &one, at(5)), b.create_fired(&firing(3), &two, at(5))).await;
        let ((here, first), (there, second)) = (here?, there?);
        must(here == there, "of two at once one is the run of the firing, for both")?;
        must((first == Created::New) != (second == Created::New), "which one of them has created")?;
        let loser = if here == one.order.run_id { two } else { one };
        must(a.run(&loser.order.run_id).await?.is_none(), "and the other is no run")
    }

    async fn messages_are_counted<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        let run_id = "conformance-counted";
        must(a.count_messages(run_id).await? == Messages::default(), "a run that does not exist has no messages")?;
        a.create(&new_run(run_id, 2)?, at(1)).await?;
        must(a.count_messages(run_id).await? == Messages::default(), "nor has a new one")?;
        let row = claim(a, run_id).await?;
        let message = |id: &str| OutboxMessage { id: id.to_owned(), body: "{}".to_owned(), due: at(3) };
        let outbox = [message("conformance-1"), message("conformance-2")];
        let commit = Commit { outbox: &outbox, ..Commit::of(run_id, row.version, &row.run, at(3)) };
        must(matches!(a.commit(commit).await?, Committed::Version(_)), "whoever has the chunk can change it")?;
        must(b.count_messages(run_id).await? == Messages { all: 2, pending: 2 }, "messages are counted")?;
        let delivered = MessageState::Delivered { at: at(4) };
        must(a.outbox_settle(run_id, "conformance-1", 0, &delivered).await?, "a message can be delivered")?;
        must(b.count_messages(run_id).await? == Messages { all: 2, pending: 1 }, "then it is pending no more")
    }

    async fn a_receiver_that_is_gone_is_remembered<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        let (run_id, other) = ("conformance-gone", "conformance-not-gone");
        a.create(&new_run(run_id, 1)?, at(1)).await?;
        a.create(&new_run(other, 1)?, at(1)).await?;
        must(b.gone(run_id).await?.is_none(), "nobody is gone at first")?;
        a.note_gone(run_id, "sha256:first").await?;
        must(b.gone(run_id).await?.as_deref() == Some("sha256:first"), "who is gone is remembered")?;
        must(b.gone(other).await?.is_none(), "for that run alone")?;
        b.note_gone(run_id, "sha256:second").await?;
        must(a.gone(run_id).await?.as_deref() == Some("sha256:second"), "the last one is")
    }

    async fn unfinished_runs_are_looked_after<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        let run_id = "conformance-unfinished";
        a.look_after("conformance-nowhere", at(1)).await?;
        must(
            b.unfinished_run("conformance-nowhere").await?.is_none(),
            "a run that does not exist is not looked after",
        )?;
        let new = new_run(run_id, 2)?;
        a.create(&new, at(1)).await?;
        let created = Unfinished { run_id: run_id.to_owned(), since: at(1), opened: 1, woken: None };
        must(b.unfinished_run(run_id).await? == Some(created.clone()), "a new run is looked after")?;
        must(b.unfinished().await?.contains(&created), "and is on the list")?;
        a.create(&new, at(2)).await?;
        must(b.unfinished_run(run_id).await? == Some(created.clone()), "creating again changes nothing")?;

        a.note_woken(run_id, at(3)).await?;
        let woken = b.unfinished_run(run_id).await?;
        must(woken == Some(Unfinished { woken: Some(at(3)), ..created }), "it is remembered when it was woken")?;
        end(a, run_id).await?;
        must(b.unfinished_run(run_id).await? == woken, "the end of a chunk changes nothing")?;
        let Some(seen) = woken else { return Ok(()) };
        must(a.finish(&seen).await?, "what is as it was seen can be finished")?;
        must(!a.finish(&seen).await?, "and only once")?;
        must(b.unfinished_run(run_id).await?.is_none(), "then it is not looked after any more")?;
        must(!b.unfinished().await?.iter().any(|run| run.run_id == run_id), "and is not on the list")?;
        a.note_woken(run_id, at(4)).await?;
        must(b.unfinished_run(run_id).await?.is_none(), "a note does not put it there")?;

        let asked = Asked { by: "somebody".to_owned(), at: at(5) };
        let queued = redrive(a, &new.order, 1, "me", &asked, at(5)).await?;
        must(queued == Redriven::Queued, "a cancelled chunk can be queued again")?;
        let again = b.unfinished_run(run_id).await?;
        must(again.as_ref().is_some_and(|run| run.since == at(5)), "a run that is opened again is looked after again")?;
        let Some(seen) = again else { return Ok(()) };
        a.look_after(run_id, at(5)).await?;
        must(!b.finish(&seen).await?, "what was opened once more meanwhile is not finished")?;
        let once_more = b.unfinished_run(run_id).await?;
        must(once_more.is_some_and(|run| run.opened > seen.opened), "every opening counts")
    }

    async fn one_message_stands_by_for_a_wait<S: Store>(a: &S, b: &S) -> Result<(), Broken> {
        let run_id = "conformance-stand-by";
        must(!a.stands_by(run_id, 1, at(9), "first").await?, "no message stands by for a run that does not exist")?;
        a.create(&new_run(run_id, 2)?, at(1)).await?;
        must(!a.stands_by(run_id, 1, at(9), "first").await?, "nor for a chunk that was never claimed")?;
        claim(a, run_id).await?;
        let claimed = b.chunk(run_id, 1).await?;
        must(a.stands_by(run_id, 1, at(9), "first").await?, "the first message that asks stands by")?;
        must(!b.stands_by(run_id, 1, at(9), "second").await?, "and no other does")?;
        must(b.stands_by(run_id, 1, at(9), "first").await?, "the first does when it asks again")?;
        must(b.stands_by(run_id, 1, at(10), "second").await?, "for another wait another message may")?;
        must(!a.stands_by(run_id, 1, at(10), "first").await?, "and again it is the only one")?;
        must(a.chunk(run_id, 1).await? == claimed, "the chunk itself is not changed")
    }

    /// Claims the first chunk.
    async fn claim<S: Store>(store: &S, run_id: &str) -> Result<ChunkRow, Broken> {
        let lease = Lease { owner: "me".to_owned(), until: at(60) };
        match store.claim(Claim { run_id, index: 1, lease, now: at(3), take_over: false }).await? {
            Claimed::Granted(row) => Ok(*row),
            Claimed::Busy { .. } | Claimed::Absent => {
                Err(Broken::Promise("a chunk that nobody works on can be claimed".to_owned()))
            }
        }
    }

    /// Ends the first chunk.
    async fn end<S: Store>(store: &S, run_id: &str) -> Result<(), Broken> {
        let row = claim(store, run_id).await?;
        let Some(run) = store.run(run_id).await? else {
            return Err(Broken::Promise("a run that was created is there".to_owned()));
        };
        let ended = cancelled(&run.order, row.run);
        let commit = Commit::of(run_id, row.version, &ended, at(3));
        must(matches!(store.commit(commit).await?, Committed::Version(_)), "whoever has the chunk can end it")
    }
}
