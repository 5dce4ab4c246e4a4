//! What the server says about a run. It decides here, not in the page, what can be done with the run.

use std::collections::BTreeMap;
use std::fs;

use purge_core::finding::Finding;
use purge_core::json::digest;
use purge_core::plan::short_code;
use purge_core::policy::Limits;
use purge_core::report::Accounting;
use purge_core::request::{DeletionApi, PurgeRequest};
use purge_core::run::Outcome;
use purge_core::time::Timestamp;
use purge_driver::ledger::{Ledger, RunRow};
use purge_driver::worker::{JOB_SLOTS, parse_slot_holder};
use serde::Serialize;

use super::live::event_id;
use super::pool::wait;
use super::{Carriers, Setup};
use crate::carry::lock::RunLock;
use crate::carry::standing::Standing;
use crate::carry::stored;
use crate::failure::Failure;
use crate::ledger::{Mark, SqliteLedger};
use purge_core::evidence::MANIFEST;

/// Which process carries a run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CarriedBy {
    /// This process.
    Here,
    /// Another process on this machine.
    Elsewhere,
}

/// What can be done with a run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AllowedActions {
    /// Chunks are open, and no cancel has been asked for.
    cancel: bool,
    /// No process carries it out, some chunks did not end well, and it belongs to this server's tenant.
    retry: bool,
    /// No process carries it out, chunks are open, and it belongs to this server's tenant.
    resume: bool,
}

/// The job slots that all runs of one organisation share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Slots {
    /// How many slots there are.
    of: u32,
    /// The slots that are taken.
    holders: Vec<Holder>,
}

/// A chunk that holds a job slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Holder {
    run_id: String,
    /// The name of that run for people.
    name: String,
    chunk: u32,
}

impl Slots {
    /// The organisation's slots as they are now.
    pub(crate) fn of(ledger: &SqliteLedger, tenant: &str) -> Result<Self, Failure> {
        let mut holders = Vec::new();
        for text in ledger.slot_holders(tenant).map_err(stored::ledger_failure)? {
            let Some((run_id, chunk)) = parse_slot_holder(&text) else { continue };
            let name = find_run(ledger, run_id)?.map_or_else(|| run_id.to_owned(), |row| row.order.request.name);
            holders.push(Holder { run_id: run_id.to_owned(), name, chunk });
        }
        holders.sort_by(|a, b| (&a.run_id, a.chunk).cmp(&(&b.run_id, b.chunk)));
        Ok(Self { of: JOB_SLOTS, holders })
    }
}

/// A run at a glance.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunFacts {
    run_id: String,
    name: String,
    api: DeletionApi,
    plan_digest: String,
    short_code: String,
    tenant: String,
    simulated: bool,
    /// Whether the run was made for this server's tenant.
    served: bool,
    chunks: u32,
    open: u32,
    ended: BTreeMap<Outcome, u64>,
    standing: Standing,
    carried: Option<CarriedBy>,
    can: AllowedActions,
    /// The job slots that the chunks share; only for an API that has them.
    slots: Option<Slots>,
    /// What is wrong with carrying the run out in this process.
    trouble: Vec<Finding>,
    requested_by: String,
    approved_by: String,
    approved_at: Timestamp,
    cancel_asked: Option<Timestamp>,
    cancel_asked_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// How far these facts go; the event stream accepts it as `Last-Event-ID`.
    mark: String,
}

/// A run in detail.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    facts: RunFacts,
    request: PurgeRequest,
    limits: Limits,
    policy_digest: String,
    compliance_note: String,
    accounting: Option<Accounting>,
    evidence: Option<Evidence>,
}

/// Evidence that has been written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Evidence {
    folder: String,
    digest: String,
}

/// The server's view of runs: its setup, and the runs that it carries out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunInspector<'a> {
    /// What it was started with.
    pub(crate) setup: &'a Setup,
    /// The runs that it carries out.
    pub(crate) carriers: &'a Carriers,
}

impl RunInspector<'_> {
    /// Which process carries the run out, if any.
    pub(crate) fn carried_by(self, run_id: &str) -> Result<Option<CarriedBy>, Failure> {
        if self.carriers.has(run_id) {
            return Ok(Some(CarriedBy::Here));
        }
        Ok(RunLock::is_taken(&self.setup.around.folder, run_id)?.then_some(CarriedBy::Elsewhere))
    }

    /// The run at a glance.
    pub(crate) fn facts(self, ledger: &SqliteLedger, row: &RunRow) -> Result<RunFacts, Failure> {
        let order = &row.order;
        let run_id = order.run_id.as_str();
        // Read the mark first, so that a change made meanwhile is reported again rather than missed.
        let mark = ledger.mark(run_id).map_err(stored::ledger_failure)?.unwrap_or_default();
        let ended = ledger.outcomes(run_id).map_err(stored::ledger_failure)?;
        let carried = self.carried_by(run_id)?;
        let served = self.setup.serves(order);
        let free = carried.is_none() && served;
        let slots = match order.request.api {
            DeletionApi::RecordingJobs => Some(Slots::of(ledger, &order.tenant)?),
            DeletionApi::DataDeletion => None,
        };
        let badly = ended.keys().any(|outcome| *outcome != Outcome::Verified);
        Ok(RunFacts {
            run_id: run_id.to_owned(),
            name: order.request.name.clone(),
            api: order.request.api,
            plan_digest: order.plan_digest.clone(),
            short_code: short_code(&order.plan_digest),
            tenant: order.tenant.clone(),
            simulated: order.simulated,
            served,
            chunks: order.chunks,
            open: row.open,
            standing: Standing::of(row, carried.is_some()),
            carried,
            can: AllowedActions {
                cancel: row.open > 0 && row.cancel_asked.is_none(),
                retry: free && badly,
                resume: free && row.open > 0,
            },
            slots,
            ended,
            trouble: self.carriers.trouble(run_id),
            requested_by: order.request.requested_by.clone(),
            approved_by: order.approved_by.clone(),
            approved_at: order.approved_at,
            cancel_asked: row.cancel_asked.as_ref().map(|asked| asked.at),
            cancel_asked_by: row.cancel_asked.as_ref().map(|asked| asked.by.clone()),
            created_at: row.created_at,
            updated_at: row.updated_at,
            mark: event_id(mark),
        })
    }

    /// The run in detail.
    pub(crate) fn detail(self, ledger: &SqliteLedger, row: &RunRow) -> Result<RunDetail, Failure> {
        let facts = self.facts(ledger, row)?;
        let order = &row.order;
        let plan = stored::reopen(row)?;
        let folder = self.setup.around.evidence_of(ledger, &order.run_id)?;
        let manifest = fs::read(folder.join(MANIFEST)).ok();
        Ok(RunDetail {
            facts,
            request: order.request.clone(),
            limits: order.limits.clone(),
            policy_digest: order.policy_digest.clone(),
            compliance_note: order.compliance_note.clone(),
            accounting: Accounting::of_parts(plan.parts()),
            evidence: manifest.map(|bytes| Evidence { folder: folder.display().to_string(), digest: digest(&bytes) }),
        })
    }
}

/// The run of exactly that id, if the ledger has it.
pub(crate) fn find_run(ledger: &SqliteLedger, run_id: &str) -> Result<Option<RunRow>, Failure> {
    wait(ledger.run(run_id)).map_err(stored::ledger_failure)
}

/// How far a run has come, if it exists.
pub(crate) fn find_mark(ledger: &SqliteLedger, run_id: &str) -> Result<Option<Mark>, Failure> {
    ledger.mark(run_id).map_err(stored::ledger_failure)
}
