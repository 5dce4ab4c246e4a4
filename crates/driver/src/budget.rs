//! The request budget of an organisation. It is kept in the ledger, so that all processes that share the ledger stay within it
//! together.

use futures_util::lock::Mutex;
use purge_core::rate::RateBudget;
use purge_core::time::Timestamp;

use crate::ledger::{Ledger, LedgerError, StoredBudget, Swapped};

/// Tries at writing the budget while other processes write it, too.
const TRIES: u32 = 20;

/// When to ask again after losing all those tries.
const CROWDED: std::time::Duration = std::time::Duration::from_secs(1);

/// Whose budget it is, and the ledger that keeps it.
#[derive(Debug)]
pub(crate) struct Account<'a, L> {
    pub(crate) ledger: &'a L,
    /// [`Order::tenant`](purge_core::run::Order::tenant): requests are counted per OAuth client, over all runs.
    pub(crate) tenant: &'a str,
}

/// Why there is no place in the budget for a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// There is no room now: this is the time at which asking again can succeed. Nothing has been spent.
    NotBefore(Timestamp),
    /// The ledger cannot be asked.
    Ledger(LedgerError),
}

impl From<LedgerError> for NoPlace {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// The budget as this process last knew it. A process that knows an old one finds out when it writes.
#[derive(Debug)]
pub(crate) struct SharedBudget {
    limit: u32,
    /// Locked while the ledger is written, so that the writes of one process follow one another.
    known: Mutex<StoredBudget>,
}

impl SharedBudget {
    /// Starts without any knowledge of what has been spent.
    pub(crate) fn new(requests_per_minute: u32) -> Self {
        let budget = RateBudget::new(requests_per_minute);
        Self { limit: requests_per_minute, known: Mutex::new(StoredBudget { version: 0, budget }) }
    }

    /// Spends one request.
    pub(crate) async fn take<L: Ledger>(&self, account: &Account<'_, L>, now: Timestamp) -> Result<(), NoPlace> {
        self.change(account, now, |budget| budget.take(now)).await
    }

    /// Keeps every process from sending until then, after the server answered 429.
    pub(crate) async fn pause<L: Ledger>(
        &self,
        account: &Account<'_, L>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), LedgerError> {
        let paused = self.change(account, now, |budget| {
            budget.pause(until);
            Ok(())
        });
        match paused.await {
            // Too many others were writing. The pause is not shared then, and each process meets the next 429 itself.
            Ok(()) | Err(NoPlace::NotBefore(_)) => Ok(()),
            Err(NoPlace::Ledger(error)) => Err(error),
        }
    }

    /// Applies a change to the newest budget and makes it durable. If the known budget has no room, nothing is written: a newer one
    /// can only have more spent.
    async fn change<L: Ledger>(
        &self,
        account: &Account<'_, L>,
        now: Timestamp,
        change: impl Fn(&mut RateBudget) -> Result<(), Timestamp>,
    ) -> Result<(), NoPlace> {
        let mut known = self.known.lock().await;
        for _ in 0..TRIES {
            let mut budget = known.budget.clone().limited_to(self.limit);
            change(&mut budget).map_err(NoPlace::NotBefore)?;
            match account.ledger.swap_budget(account.tenant, known.version, &budget).await? {
                Swapped::Version(version) => {
                    *known = StoredBudget { version, budget };
                    return Ok(());
                }
                Swapped::Behind(newer) => *known = newer,
            }
        }
        Err(NoPlace::NotBefore(now.plus(CROWDED)))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;
    use crate::clock::Clock as _;
    use crate::ledger::MemoryLedger;
    use crate::virtual_time::{VirtualClock, run};

    const LIMIT: u32 = 30;

    /// Lets so many processes send as often as they may for three minutes, and returns when each request left.
    fn sent(processes: usize) -> Vec<Timestamp> {
        let (clock, ledger) = (VirtualClock::new(Timestamp::EPOCH), MemoryLedger::new());
        let account = Account { ledger: &ledger, tenant: "t" };
        let end = Timestamp::EPOCH.plus(Duration::from_secs(180));
        let process = || async {
            let (budget, mut sent) = (SharedBudget::new(LIMIT), Vec::new());
            while clock.now() < end {
                match budget.take(&account, clock.now()).await {
                    Ok(()) => {
                        sent.push(clock.now());
                        clock.sleep_until(clock.now().plus(Duration::from_millis(100))).await;
                    }
                    Err(NoPlace::NotBefore(at)) => clock.sleep_until(at).await,
                    Err(NoPlace::Ledger(error)) => panic!("{error}"),
                }
            }
            sent
        };
        let mut all: Vec<_> =
            run(&clock, join_all((0..processes).map(|_| process()))).unwrap().into_iter().flatten().collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn together_they_stay_within_it_and_use_it() {
        for processes in [1, 2, 7] {
            let sent = sent(processes);
            for &from in &sent {
                let minute = sent.iter().filter(|at| **at >= from && at.since(from) < Duration::from_secs(60)).count();
                assert!(minute <= LIMIT as usize, "{processes} processes: {minute} in the minute from {from}");
            }
            // Three minutes, the last of which may just have begun.
            assert!(sent.len() >= 3 * LIMIT as usize - 1, "{processes} processes: only {}", sent.len());
        }
    }

    #[test]
    fn a_pause_holds_everybody_and_other_tenants_do_not_care() {
        let (clock, ledger) = (VirtualClock::new(Timestamp::EPOCH), MemoryLedger::new());
        let account = Account { ledger: &ledger, tenant: "t" };
        let (now, later) = (clock.now(), clock.now().plus(Duration::from_secs(7)));
        let done = Cell::new(false);
        run(&clock, async {
            let (a, b) = (SharedBudget::new(LIMIT), SharedBudget::new(LIMIT));
            b.take(&account, now).await.unwrap();
            a.pause(&account, now, later).await.unwrap();
            // This process learns of the pause when it wants to write.
            assert_eq!(b.take(&account, now).await, Err(NoPlace::NotBefore(later)));
            assert_eq!(b.take(&account, later).await, Ok(()));
            let elsewhere = Account { ledger: &ledger, tenant: "u" };
            assert_eq!(SharedBudget::new(LIMIT).take(&elsewhere, now).await, Ok(()));
            done.set(true);
        })
        .unwrap();
        assert!(done.get());
    }
}
