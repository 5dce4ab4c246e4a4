//! Who is told how the chunks of a run end.

use purge_core::finding::{Finding, Severity};
use purge_core::run::Order;
use purge_driver::ledger::LedgerError;

use crate::ledger::SqliteLedger;
use crate::settings::Settings;

/// Who receives the messages of a run. What was written for an address is never sent to anybody else, and never left unwritten
/// because a later command is not given that address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Nobody: no address was ever set. No messages are written.
    Nobody,
    /// The governance system at the address that is set.
    Address,
    /// The governance system at an address that was set before and is not set now. Messages are written and kept.
    MissingAddress,
    /// The receiver that the simulated tenant of a rehearsal has of its own, as no address was ever set.
    Simulated,
}

impl Receiver {
    /// The receiver of that run under these settings.
    pub(crate) fn of(ledger: &SqliteLedger, settings: &Settings, order: &Order) -> Result<Self, LedgerError> {
        if settings.webhook.is_some() {
            return Ok(Self::Address);
        }
        Ok(match (ledger.was_addressed(&order.run_id)?, order.simulated) {
            (true, _) => Self::MissingAddress,
            (false, true) => Self::Simulated,
            (false, false) => Self::Nobody,
        })
    }

    /// Whether messages can be sent to it now.
    pub(crate) fn is_there(self) -> bool {
        matches!(self, Self::Address | Self::Simulated)
    }

    /// Warns that messages are kept but not sent, if that is so. `deliver` is the command that sends them.
    pub(crate) fn warning(self, deliver: &str) -> Option<Finding> {
        let message = "the governance system was to be told of this run, but no webhook address is set now: its messages are kept";
        let help =
            format!("set GOVERNANCE_WEBHOOK_URL, and its secret, as before; with it, `{deliver}` sends what is kept");
        let pointer = "environment#GOVERNANCE_WEBHOOK_URL";
        (self == Self::MissingAddress)
            .then(|| Finding::new(Severity::Warning, "settings.noWebhook", pointer, message, help))
    }
}
