//! A policy that cannot be asked while recordings wait for their date: nothing is about to leave that could be stopped, so nothing of
//! the run tells of it.

use std::cell::RefCell;
use std::time::Duration;

use purge_core::run::Cause;
use purge_core::time::Timestamp;

/// How often a chunk in its cool-off asks.
pub(crate) const AN_HOUR: Duration = Duration::from_secs(3_600);

/// What that means.
pub(crate) const UNNOTICED: &str = "recordings that wait for their date go on waiting, and go when it comes: until the policy can be read, which is tried \
                                    every hour, nobody notices a hold on them";

/// What was last said about it, and when. Every chunk asks once an hour; whoever watches wants to know it once an hour, and not from each.
#[derive(Debug, Default)]
pub(crate) struct Unasked {
    said: RefCell<Option<(Timestamp, String)>>,
}

impl Unasked {
    /// What to say now, unless the same has been said within the hour.
    pub(crate) fn news(&self, why: &Cause, now: Timestamp) -> Option<String> {
        let mut said = self.said.borrow_mut();
        if said.as_ref().is_some_and(|(at, message)| *message == why.message && now.since(*at) < AN_HOUR) {
            return None;
        }
        *said = Some((now, why.message.clone()));
        Some(format!("{}: {UNNOTICED}", why.message))
    }
}
