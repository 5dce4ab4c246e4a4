//! Carries out runs in this process, each on a thread of its own and in the same way as the command line.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::future::{Either, select};
use purge_core::finding::Finding;
use purge_driver::{Clock as _, Signal, SystemClock};
use tokio::sync::watch;

use super::Setup;
use super::trouble::{PolicyWatch, Trouble};
use crate::carry::lock::RunLock;
use crate::carry::run::{Surroundings, carry_on, check_provable, conclude, place};
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::terminal::{findings, hint, print_err_news};

/// All threads that carry out a run in this process.
#[derive(Debug)]
pub(crate) struct Carriers {
    setup: Arc<Setup>,
    threads: Mutex<Threads>,
    trouble: Arc<Trouble>,
    stop: watch::Sender<bool>,
}

/// The threads, by run.
type Threads = BTreeMap<String, thread::JoinHandle<()>>;

impl Carriers {
    /// Starts without any thread.
    pub(crate) fn new(setup: Arc<Setup>) -> Self {
        Self { setup, threads: Mutex::default(), trouble: Arc::default(), stop: watch::Sender::new(false) }
    }

    /// Whether this process carries out the run.
    pub(crate) fn has(&self, run_id: &str) -> bool {
        self.threads().get(run_id).is_some_and(|thread| !thread.is_finished())
    }

    /// What is wrong with carrying out the run in this process.
    pub(crate) fn trouble(&self, run_id: &str) -> Vec<Finding> {
        self.trouble.of(run_id, SystemClock.now())
    }

    /// Begins to carry the run out. The lock is the permission and moves to the new thread.
    pub(crate) fn begin(&self, run_id: &str, lock: RunLock) -> Result<(), Failure> {
        let mut threads = self.threads();
        self.trouble.clear(run_id);
        let (setup, stop) = (Arc::clone(&self.setup), self.stop.subscribe());
        let (id, trouble) = (run_id.to_owned(), Arc::clone(&self.trouble));
        let thread = thread::Builder::new().name(run_id.to_owned()).spawn(move || {
            match carry(&setup, &id, &trouble, lock, stop) {
                Ok(()) => trouble.clear(&id),
                Err(failure) => trouble.note_failed(&id, failure.findings),
            }
        });
        let thread = thread.map_err(|why| Failure::machine("start a thread", why))?;
        threads.insert(run_id.to_owned(), thread);
        threads.retain(|_, thread| !thread.is_finished());
        Ok(())
    }

    /// Asks all threads to stop after their current step.
    pub(crate) fn ask_to_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Asks all threads to stop, and waits until they have written the evidence.
    pub(crate) fn stop(&self) {
        self.ask_to_stop();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads.into_values() {
            // The thread has already reported any panic, and what it had written is durable.
            let _ = thread.join();
        }
    }

    /// How many threads carry out a run.
    pub(crate) fn count(&self) -> usize {
        self.threads().values().filter(|thread| !thread.is_finished()).count()
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries the run out until it ends or the server stops, and writes the evidence either way.
fn carry(
    setup: &Setup,
    run_id: &str,
    trouble: &Trouble,
    lock: RunLock,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Failure> {
    on_this_thread(async {
        let around = &setup.around;
        let ledger = SqliteLedger::open(&around.folder).map_err(stored::open_failure(&around.folder))?;
        check_provable(&ledger, around, run_id)?;
        let evidence = around.evidence_of(&ledger, run_id)?;
        let row = stored::run_row(&ledger, run_id).await?;
        let order = &row.order;
        let policy = setup.policy_of(&order.policy_digest).map(|policy| policy.file.clone());
        let around = Surroundings { scenario: setup.scenario_for(order), policy, ..around.clone() };
        let carried = async {
            let place = place(&ledger, &setup.settings, &around, order)?;
            if let Some(warning) = place.receiver.warning(&hint::messages(&around, run_id)) {
                print_err_news(&format!("{run_id}: {}", findings::finding(&warning)));
            }
            let (watch, signal) = (PolicyWatch::new(run_id, trouble), Signal::new());
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
        // Whatever happened, write down what is known.
        let concluded = conclude(&ledger, &around.folder, evidence, run_id).await;
        carried?;
        concluded?.proof.into_result()
    })
}
