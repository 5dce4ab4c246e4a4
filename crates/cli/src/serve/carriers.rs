//! Runs that are carried out by this process, each on a thread of its own and in the way of the command line.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::future::{Either, select};
use purge_core::finding::Finding;
use purge_driver::{Clock as _, Signal, SystemClock};
use tokio::sync::watch;

use super::Setup;
use super::trouble::{Onlooker, Trouble};
use crate::carry::lock::RunLock;
use crate::carry::run::{Surroundings, carry_on, conclude, place, provable};
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;

/// Everybody who carries a run out here.
#[derive(Debug)]
pub(crate) struct Carriers {
    setup: Arc<Setup>,
    at_work: Mutex<AtWork>,
    trouble: Arc<Trouble>,
    stop: watch::Sender<bool>,
}

/// By run.
type AtWork = BTreeMap<String, thread::JoinHandle<()>>;

impl Carriers {
    /// Nobody yet.
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self { setup, at_work: Mutex::default(), trouble: Arc::default(), stop: watch::Sender::new(false) }
    }

    /// Whether the run is carried out here.
    pub(crate) fn has(&self, run_id: &str) -> bool {
        self.at_work().get(run_id).is_some_and(|thread| !thread.is_finished())
    }

    /// What is wrong with carrying the run out here.
    pub(crate) fn trouble(&self, run_id: &str) -> Vec<Finding> {
        self.trouble.of(run_id, SystemClock.now())
    }

    /// Begins to carry the run out. The lock is its permission, and goes with it.
    pub(crate) fn begin(&self, run_id: &str, lock: RunLock) -> Result<(), Failure> {
        let mut at_work = self.at_work();
        self.trouble.none(run_id);
        let (setup, stop) = (Arc::clone(&self.setup), self.stop.subscribe());
        let (id, trouble) = (run_id.to_owned(), Arc::clone(&self.trouble));
        let thread = thread::Builder::new().name(run_id.to_owned()).spawn(move || {
            match carry(&setup, &id, &trouble, lock, stop) {
                Ok(()) => trouble.none(&id),
                Err(failure) => trouble.came_to_nothing(&id, failure.findings),
            }
        });
        let thread = thread.map_err(|why| Failure::machine("start a thread", why))?;
        at_work.insert(run_id.to_owned(), thread);
        at_work.retain(|_, thread| !thread.is_finished());
        Ok(())
    }

    /// Asks everybody to stop after the step in hand.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Asks everybody to stop, and waits until they have written the evidence.
    pub(crate) fn stop(&self) {
        self.ask_to_stop();
        let at_work = std::mem::take(&mut *self.at_work());
        for thread in at_work.into_values() {
            // A panic has been told by the thread itself; what it had written is durable.
            let _ = thread.join();
        }
    }

    /// How many are at work.
    pub(crate) fn count(&self) -> usize {
        self.at_work().values().filter(|thread| !thread.is_finished()).count()
    }

    fn at_work(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries the run out until it has ended or the server stops, and leaves evidence either way.
fn carry(
    setup: &Setup,
    run_id: &str,
    trouble: &Trouble,
    lock: RunLock,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    on_this_thread(async {
        let around = &setup.around;
        let ledger = SqliteLedger::open(&around.folder).map_err(stored::unopened(&around.folder))?;
        provable(&ledger, around, run_id)?;
        let evidence = around.evidence_of(&ledger, run_id)?;
        let row = stored::exact(&ledger, run_id).await?;
        let order = &row.order;
        let policy = setup.policy_of(&order.policy_digest).map(|policy| policy.file.clone());
        let around = Surroundings { scenario: setup.scenario_for(order), policy, ..around.clone() };
        let carried = async {
            let place = place(&setup.settings, &around, order)?;
            let (watch, signal) = (Onlooker::new(run_id, trouble), Signal::new());
            let carrying = pin!(carry_on(&ledger, &place, order, around.policy.as_ref(), &lock, &watch, &signal));
            let asked = pin!(stop.wait_for(|stop| *stop));
            match select(carrying, asked).await {
                Either::Left((end, _)) => end,
                Either::Right((_, carrying)) => {
                    signal.raise();
                    carrying.await
                }
            }
        };
        let carried = carried.await;
        drop(lock);
        // Whatever happened: what is known is written down.
        let concluded = conclude(&ledger, &around.folder, evidence, run_id).await;
        carried?;
        concluded?.proof.holds()
    })
}
