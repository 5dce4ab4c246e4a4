//! The list of what belongs to the evidence.

use std::collections::BTreeMap;

use purge_core::audit;
use purge_core::run::Approval;
use serde::{Deserialize, Serialize};

/// Version of the folder's format.
pub(super) const EVIDENCE_VERSION: u32 = 1;
/// Name of the manifest itself.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The plan file.
pub(super) const PLAN: &str = "plan.json";
/// The audit log.
pub(super) const AUDIT: &str = "audit.jsonl";
/// The report.
pub(super) const REPORT: &str = "report.json";
/// The metrics.
pub(super) const METRICS: &str = "metrics.prom";
/// The messages to the governance system.
pub(super) const WEBHOOKS: &str = "webhooks.jsonl";
/// What it all is.
pub(super) const README: &str = "README.txt";

/// Every file but the manifest.
pub(crate) const FILES: [&str; 6] = [PLAN, AUDIT, REPORT, METRICS, WEBHOOKS, README];

/// The manifest: what the run was, every file's hash, and how long every chain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    /// [`EVIDENCE_VERSION`].
    pub(super) version: u32,
    /// Which run.
    pub(super) run_id: String,
    /// The API's address, or the simulated tenant's name.
    pub(super) tenant: String,
    /// Whether nothing real was deleted.
    pub(super) simulated: bool,
    /// Who allowed it.
    pub(super) approval: Approval,
    /// SHA-256 of every file.
    pub(super) files: BTreeMap<String, String>,
    /// Length and end of every chain.
    pub(super) chains: audit::Manifest,
}
