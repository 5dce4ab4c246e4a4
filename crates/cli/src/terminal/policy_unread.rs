//! Reports a policy that cannot be read during a cool-off. Nothing is about to leave that could be stopped, so nothing else about
//! the run shows it.

use std::cell::RefCell;
use std::time::Duration;

use purge_core::run::Cause;
use purge_core::time::Timestamp;

/// How often a chunk in its cool-off asks the policy.
pub(crate) const AN_HOUR: Duration = Duration::from_secs(3_600);

/// What it means that the policy cannot be read.
pub(crate) const UNNOTICED: &str = "recordings keep waiting and are deleted on their date; until the policy can be read (tried every hour), new holds \
                                    on them go unnoticed";

/// What was last said about it, and when. Every chunk asks once an hour, but one message an hour for all of them is enough.
#[derive(Debug, Default)]
pub(crate) struct PolicyUnread {
    said: RefCell<Option<(Timestamp, String)>>,
}

impl PolicyUnread {
    /// What to say now, unless the same was said within the last hour.
    pub(crate) fn news(&self, why: &Cause, now: Timestamp) -> Option<String> {
        let mut said = self.said.borrow_mut();
        if said.as_ref().is_some_and(|(at, message)| *message == why.message && now.since(*at) < AN_HOUR) {
            return None;
        }
        *said = Some((now, why.message.clone()));
        Some(format!("{}: {UNNOTICED}", why.message))
    }
}
