//! Checks a request against a policy and makes the plan.

mod check;
mod digest;
mod document;
mod estimate;
mod exclude;
mod partition;
pub mod price;
mod rules;
mod since;
mod standing;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::chunk::Chunk;
use crate::finding::Finding;
use crate::policy::Policy;
use crate::request::PurgeRequest;
use crate::time::Timestamp;
use crate::window::Window;

pub use check::{check, check_parsed};
pub use digest::policy_digest;
pub use document::{ChunkLine, PartLine, PlanDocument, PlanFile, Reopened, document, reopen};
pub use since::since;
pub(crate) use since::{Approved, against};
pub use standing::due;

/// The most chunks that a plan may have.
pub const MAX_CHUNKS: u32 = 200_000;

/// The version of the plan format.
pub const PLAN_VERSION: u32 = 1;

/// What happens to a part of the requested range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Disposition {
    /// The part is deleted, as one chunk.
    Chunk,
    /// A legal hold keeps it.
    Held,
    /// A retention rule keeps it.
    Retained,
    /// The provider's data may not be complete yet (48 hours).
    TooRecent,
    /// The deletion API cannot address it exactly.
    Refused,
}

impl Disposition {
    /// The name in documents: `chunk`, `held`, `retained`, `tooRecent`, `refused`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Held => "held",
            Self::Retained => "retained",
            Self::TooRecent => "tooRecent",
            Self::Refused => "refused",
        }
    }
}

/// One part of the requested range. Parts are disjoint and in order, and together they are the range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The time it covers.
    pub window: Window,
    /// What happens to it.
    pub disposition: Disposition,
    /// Why.
    pub reason: Reason,
}

/// Why a part is deleted or kept. A plan may have 200,000 parts, so the text is made only when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The part is a chunk.
    Chunk {
        /// From 1.
        index: u32,
        /// How many chunks the plan has.
        total: u32,
    },
    /// A hold, rule or limit keeps the part. All the parts that it keeps share its name.
    Kept(Arc<Keeper>),
}

/// What keeps a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    /// The place of the hold in the policy, if it is a hold; of the first, if there are several.
    pub hold: Option<usize>,
    /// Its name, for people.
    pub name: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk { index, total } => write!(f, "chunk {index} of {total}"),
            Self::Kept(keeper) => f.write_str(&keeper.name),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The expected effort of carrying out a plan. These are estimates, never evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Number of chunks.
    pub chunks: u32,
    /// Requests to the API, including login and polls.
    pub api_calls: u64,
    /// Seconds at the configured concurrency and request rate, if each job takes `assumed_job_seconds`. Includes the cool-off.
    pub seconds: u64,
    /// Seconds that each job is assumed to take.
    pub assumed_job_seconds: u64,
    /// Requests to the API for one chunk, on average.
    pub calls_per_chunk: u64,
    /// Messages between the functions, on AWS.
    pub messages: u64,
    /// What AWS charges for running the functions, in billionths of a US dollar.
    pub lambda_nano_dollars: u64,
    /// What AWS charges for those messages, in billionths of a US dollar.
    pub sqs_nano_dollars: u64,
    /// What AWS charges for the ledger's table, in billionths of a US dollar.
    pub table_nano_dollars: u64,
}

/// What a check needs to know besides the request and the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckContext {
    /// The time of planning. Only its UTC day matters, so a plan's digest is the same all day.
    pub now: Timestamp,
    /// The region of the tenant's host, if it is known. The request's jurisdiction must be the same.
    pub tenant_jurisdiction: Option<String>,
    /// The jurisdiction for a request that names none (`DATA_JURISDICTION`). A request that names another one is an error.
    pub default_jurisdiction: Option<String>,
}

impl CheckContext {
    /// A context that knows only the time: neither the tenant nor a default jurisdiction. The request must name its jurisdiction.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now, tenant_jurisdiction: None, default_jurisdiction: None }
    }
}

/// A checked request and its chunks. Only [`check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    version: u32,
    digest: String,
    policy_digest: String,
    request: PurgeRequest,
    policy: Policy,
    chunks: Vec<Chunk>,
    parts: Arc<Vec<Part>>,
    estimate: Estimate,
}

impl Checked {
    /// The result of a check that made a plan, with its remarks.
    #[must_use]
    pub fn planned(plan: Plan, remarks: Vec<Finding>) -> Self {
        Self { findings: remarks, parts: Arc::clone(&plan.parts), plan: Some(plan) }
    }
}

impl Plan {
    /// `sha256:` and 64 lower-case hexadecimal digits over the canonical bytes of request, policy digest and chunks.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The first eight hexadecimal digits of the digest, in two groups, for people to compare and type: `a3f9-77c1`.
    #[must_use]
    pub fn short_code(&self) -> String {
        short_code(&self.digest)
    }

    /// The digest of the policy that the request was checked against.
    #[must_use]
    pub fn policy_digest(&self) -> &str {
        &self.policy_digest
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &PurgeRequest {
        &self.request
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The windows to delete; never empty.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// What happens to every millisecond of the range.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The expected effort.
    #[must_use]
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// The short code of a digest.
#[must_use]
pub fn short_code(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    let (first, rest) = hex.split_at_checked(4).unwrap_or((hex, ""));
    let second = rest.split_at_checked(4).map_or(rest, |(second, _)| second);
    format!("{first}-{second}")
}

/// The result of a check: always the findings, and the plan if nothing stops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Every problem and remark, in the order of the documents.
    pub findings: Vec<Finding>,
    /// What happens to the range; empty when something that decides this, such as the range or the policy, is unreadable. Shared
    /// with the plan, because there may be many parts.
    pub parts: Arc<Vec<Part>>,
    /// The plan, unless a finding stops it.
    pub plan: Option<Plan>,
}
