//! `retry`: another attempt at chunks that did not end well, under the same approval; or at messages alone.

use purge_core::finding::{Finding, Severity};
use purge_core::run::Order;
use purge_driver::ledger::RunRow;

use super::carried::{Errand, Manner, carry_out, has_receiver, undelivered};
use super::{no_ledger, remark};
use crate::args::RetryArgs;
use crate::carry::again::{queue_again, under_way};
use crate::carry::lock::RunLock;
use crate::carry::policy::PolicyFile;
use crate::carry::run::{Surroundings, elsewhere, provable, serves};
use crate::carry::stored;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::ledger::SqliteLedger;
use crate::runtime::on_this_thread;
use crate::settings::{Environment, Settings};

/// Queues the chunks again and carries the run on, or sends what is left of its messages.
pub(crate) fn run(args: &RetryArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(&Environment)?;
    let policy = args.policy.as_deref().map(PolicyFile::new).transpose()?;
    let folder = &args.ledger.ledger;
    let ledger =
        SqliteLedger::open_existing(folder).map_err(stored::unopened(folder))?.ok_or_else(|| no_ledger(folder))?;
    on_this_thread(async {
        let row = stored::find(&ledger, &args.run).await?;
        let run_id = row.order.run_id.clone();
        if args.policy.is_none() && !args.messages {
            remark(args.json, &unguarded(&row.order));
        }
        let errand = if args.messages { Errand::Messages } else { Errand::ChunksOrMessages };
        let manner = Manner { json: args.json, errand };
        let around = Surroundings { folder: folder.clone(), evidence: args.evidence.clone(), scenario: None, policy };
        if !serves(&settings, &row.order) {
            return shown(&ledger, &settings, &around, Manner { errand: Errand::Chunks, ..manner }, row).await;
        }
        if args.messages {
            if !has_receiver(&settings, &row.order) && undelivered(&ledger, &row.order).await? {
                return Err(no_receiver());
            }
            return carry_out(&ledger, &settings, &around, manner, row).await;
        }
        // Before anything is queued.
        provable(&ledger, &around, &run_id)?;
        {
            let Some(lock) = RunLock::take(folder, &run_id)? else { return Err(under_way(&run_id)) };
            queue_again(&ledger, &row, &args.chunks, args.policy.as_deref(), &lock).await?;
        }
        let row = stored::find(&ledger, &run_id).await?;
        carry_out(&ledger, &settings, &around, manner, row).await
    })
}

/// A run never moves to another tenant, so that nothing of it is tried again; what it came to if it has ended can be said all the
/// same.
async fn shown(
    ledger: &SqliteLedger,
    settings: &Settings,
    around: &Surroundings,
    manner: Manner,
    row: RunRow,
) -> Result<Exit, Failure> {
    let refused = elsewhere(&row.order, settings.tenant.is_none());
    if row.open > 0 {
        return Err(refused);
    }
    let untold = undelivered(ledger, &row.order).await?;
    let exit = carry_out(ledger, settings, around, manner, row).await?;
    if untold || exit.code() != Exit::Fine.code() { Err(refused) } else { Ok(exit) }
}

/// Messages are to be sent, and nobody says where to.
fn no_receiver() -> Failure {
    let message = "there are messages to be sent, and no address that they go to";
    let help = "set GOVERNANCE_WEBHOOK_URL, and its secret, as for the run";
    Failure::new(Exit::BadInput, "settings.noWebhook", "environment#GOVERNANCE_WEBHOOK_URL", message, help)
}

/// Holds that came after the plan count only if somebody says where they are kept.
fn unguarded(order: &Order) -> Finding {
    let message = format!(
        "no policy is given: it goes on under the policy of its plan, {}, and what has been put on hold since is not known",
        order.policy_digest
    );
    let help = "give the policy that applies now: it makes sure that nothing more is kept";
    Finding::new(Severity::Warning, "policy.notInForce", "--policy", message, help)
}
