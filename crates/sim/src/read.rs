//! Reads a scenario strictly, so that a misspelt knob is refused and not ignored.

use purge_core::json::{FromJson, Members, fill, word};
use serde_json::Value;

use crate::fault::{Act, Call, Fault};
use crate::scenario::{
    Analytics, Client, CountShape, DataDeletion, ForeignJob, HoldMidRun, HoldMode, Login, NoRecordings, PopulationSpec,
    Protection, RangeEnd, RateLimit, RateLimitForm, RecordingJobs, Removed, Scenario, ThirdJob,
};

impl TryFrom<Value> for Scenario {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::from_json(&value)
    }
}

impl FromJson for Scenario {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("seed", &mut knobs.seed),
                ("jurisdiction", &mut knobs.jurisdiction),
                ("latencyMs", &mut knobs.latency_ms),
                ("population", &mut knobs.population),
                ("protected", &mut knobs.protected),
                ("holdMidRun", &mut knobs.hold_mid_run),
                ("login", &mut knobs.login),
                ("rateLimit", &mut knobs.rate_limit),
                ("dataDeletion", &mut knobs.data_deletion),
                ("recordingJobs", &mut knobs.recording_jobs),
                ("analytics", &mut knobs.analytics),
                ("faults", &mut knobs.faults),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for PopulationSpec {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("from", &mut knobs.from),
                ("to", &mut knobs.to),
                ("everySeconds", &mut knobs.every_seconds),
                ("dayEdges", &mut knobs.day_edges),
            ],
        )?;
        if knobs.to <= knobs.from {
            return Err(format!("`to`, {}, must lie after `from`, {}", knobs.to, knobs.from));
        }
        Ok(knobs)
    }
}

impl FromJson for Protection {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("conversations", &mut knobs.conversations),
                ("conversationIds", &mut knobs.conversation_ids),
                ("windows", &mut knobs.windows),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for HoldMidRun {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("afterSubmits", &mut knobs.after_submits),
                ("at", &mut knobs.at),
                ("conversationIds", &mut knobs.conversation_ids),
                ("window", &mut knobs.window),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for Login {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("clients", &mut knobs.clients),
                ("expiresIn", &mut knobs.expires_in),
                ("missingPermissions", &mut knobs.missing_permissions),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for Client {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["id", "secret"])?;
        Ok(Self { id: m.take("id")?, secret: m.take("secret")? })
    }
}

impl FromJson for RateLimit {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(value, &mut [("perMinute", &mut knobs.per_minute), ("form", &mut knobs.form)])?;
        Ok(knobs)
    }
}

impl FromJson for DataDeletion {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("offered", &mut knobs.offered),
                ("processingSeconds", &mut knobs.processing_seconds),
                ("concurrency", &mut knobs.concurrency),
                ("rangeEnd", &mut knobs.range_end),
                ("holdMode", &mut knobs.hold_mode),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for RecordingJobs {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("pendingSeconds", &mut knobs.pending_seconds),
                ("processingSeconds", &mut knobs.processing_seconds),
                ("removalLagSeconds", &mut knobs.removal_lag_seconds),
                ("listLagSeconds", &mut knobs.list_lag_seconds),
                ("dataLakeLagHours", &mut knobs.data_lake_lag_hours),
                ("removed", &mut knobs.removed),
                ("noRecordings", &mut knobs.no_recordings),
                ("failEvery", &mut knobs.fail_every),
                ("thirdJob", &mut knobs.third_job),
                ("foreignJobs", &mut knobs.foreign_jobs),
                ("actionAge", &mut knobs.action_age),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for ForeignJob {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["from", "until"])?;
        Ok(Self { from: m.take("from")?, until: m.take("until")? })
    }
}

impl FromJson for Analytics {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut knobs = Self::default();
        fill(
            value,
            &mut [
                ("recordCounts", &mut knobs.record_counts),
                ("shape", &mut knobs.shape),
                ("indexLagSeconds", &mut knobs.index_lag_seconds),
                ("horizonDays", &mut knobs.horizon_days),
                ("refusesTooOld", &mut knobs.refuses_too_old),
                ("ignoresEndOrder", &mut knobs.ignores_end_order),
                ("largestPage", &mut knobs.largest_page),
            ],
        )?;
        Ok(knobs)
    }
}

impl FromJson for RateLimitForm {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(
            value,
            &[
                ("alternating", Self::Alternating),
                ("tooManyRequests", Self::TooManyRequests),
                ("retryAfter", Self::RetryAfter),
            ],
        )
    }
}

impl FromJson for RangeEnd {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("inclusive", Self::Inclusive), ("exclusive", Self::Exclusive)])
    }
}

impl FromJson for HoldMode {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("reject", Self::Reject), ("skip", Self::Skip), ("ignore", Self::Ignore)])
    }
}

impl FromJson for Removed {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("listed", Self::Listed), ("absent", Self::Absent)])
    }
}

impl FromJson for NoRecordings {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("empty", Self::Empty), ("notFound", Self::NotFound)])
    }
}

impl FromJson for ThirdJob {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(
            value,
            &[
                ("badRequest", Self::BadRequest),
                ("conflict", Self::Conflict),
                ("tooManyRequests", Self::TooManyRequests),
            ],
        )
    }
}

impl FromJson for CountShape {
    fn from_json(value: &Value) -> Result<Self, String> {
        word(value, &[("results", Self::Results), ("totalHits", Self::TotalHits)])
    }
}

impl FromJson for Call {
    fn from_json(value: &Value) -> Result<Self, String> {
        let words = [
            ("any", Self::Any),
            ("token", Self::Token),
            ("submit", Self::Submit),
            ("status", Self::Status),
            ("count", Self::Count),
            ("details", Self::Details),
            ("inquiry", Self::Inquiry),
            ("job.create", Self::JobCreate),
            ("job.list", Self::JobList),
            ("job.get", Self::JobGet),
            ("job.execute", Self::JobExecute),
            ("job.cancel", Self::JobCancel),
            ("job.failed", Self::JobFailed),
            ("metadata", Self::Metadata),
            ("protection", Self::Protection),
            ("organization", Self::Organization),
            ("webhook", Self::Webhook),
            ("other", Self::Other),
        ];
        word(value, &words)
    }
}

impl FromJson for Fault {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["on", "every", "nth", "perMille", "limit", "do"])?;
        let per_mille: Option<u64> = m.take("perMille")?;
        if let Some(more) = per_mille.filter(|per_mille| *per_mille > 1000) {
            return Err(format!("`perMille`: {more} of a thousand is impossible, expected at most 1000"));
        }
        Ok(Self {
            on: m.take("on")?,
            every: m.take("every")?,
            nth: m.take_or("nth", Vec::new())?,
            per_mille,
            limit: m.take("limit")?,
            act: m.take("do")?,
        })
    }
}

/// The fields of every kind of misbehaviour. All of them have `kind` itself.
const ACTS: [(&str, &[&str]); 13] = [
    ("rateLimited", &["kind", "retryAfter", "code"]),
    ("error", &["kind", "status", "body", "retryAfter"]),
    ("dropBefore", &["kind"]),
    ("dropAfter", &["kind"]),
    ("slow", &["kind", "ms"]),
    ("garbage", &["kind"]),
    ("truncated", &["kind"]),
    ("missingId", &["kind"]),
    ("stuck", &["kind"]),
    ("failJob", &["kind"]),
    ("leave", &["kind", "records"]),
    ("unknownStatus", &["kind", "status"]),
    ("revokeToken", &["kind"]),
];

impl FromJson for Act {
    fn from_json(value: &Value) -> Result<Self, String> {
        let (kind, m) = Members::tagged(value, &ACTS)?;
        Ok(match kind {
            "rateLimited" => Self::RateLimited { retry_after: m.take("retryAfter")?, code: m.take("code")? },
            "error" => {
                Self::Error { status: m.take("status")?, body: m.take("body")?, retry_after: m.take("retryAfter")? }
            }
            "dropBefore" => Self::DropBefore,
            "dropAfter" => Self::DropAfter,
            "slow" => Self::Slow { ms: m.take("ms")? },
            "garbage" => Self::Garbage,
            "truncated" => Self::Truncated,
            "missingId" => Self::MissingId,
            "stuck" => Self::Stuck,
            "failJob" => Self::FailJob,
            "leave" => Self::Leave { records: m.take("records")? },
            "unknownStatus" => Self::UnknownStatus { status: m.take("status")? },
            _ => Self::RevokeToken,
        })
    }
}
