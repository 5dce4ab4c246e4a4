//! Reading a scenario, strictly: a misspelt knob must not be one that is left alone.

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
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("seed", &mut usual.seed),
                ("jurisdiction", &mut usual.jurisdiction),
                ("latencyMs", &mut usual.latency_ms),
                ("population", &mut usual.population),
                ("protected", &mut usual.protected),
                ("holdMidRun", &mut usual.hold_mid_run),
                ("login", &mut usual.login),
                ("rateLimit", &mut usual.rate_limit),
                ("dataDeletion", &mut usual.data_deletion),
                ("recordingJobs", &mut usual.recording_jobs),
                ("analytics", &mut usual.analytics),
                ("faults", &mut usual.faults),
            ],
        )?;
        Ok(usual)
    }
}

impl FromJson for PopulationSpec {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("from", &mut usual.from),
                ("to", &mut usual.to),
                ("everySeconds", &mut usual.every_seconds),
                ("dayEdges", &mut usual.day_edges),
            ],
        )?;
        if usual.to <= usual.from {
            return Err(format!("`to`, {}, must lie after `from`, {}", usual.to, usual.from));
        }
        Ok(usual)
    }
}

impl FromJson for Protection {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("conversations", &mut usual.conversations),
                ("conversationIds", &mut usual.conversation_ids),
                ("windows", &mut usual.windows),
            ],
        )?;
        Ok(usual)
    }
}

impl FromJson for HoldMidRun {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("afterSubmits", &mut usual.after_submits),
                ("at", &mut usual.at),
                ("conversationIds", &mut usual.conversation_ids),
                ("window", &mut usual.window),
            ],
        )?;
        Ok(usual)
    }
}

impl FromJson for Login {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("clients", &mut usual.clients),
                ("expiresIn", &mut usual.expires_in),
                ("missingPermissions", &mut usual.missing_permissions),
            ],
        )?;
        Ok(usual)
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
        let mut usual = Self::default();
        fill(value, &mut [("perMinute", &mut usual.per_minute), ("form", &mut usual.form)])?;
        Ok(usual)
    }
}

impl FromJson for DataDeletion {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("offered", &mut usual.offered),
                ("processingSeconds", &mut usual.processing_seconds),
                ("concurrency", &mut usual.concurrency),
                ("rangeEnd", &mut usual.range_end),
                ("holdMode", &mut usual.hold_mode),
            ],
        )?;
        Ok(usual)
    }
}

impl FromJson for RecordingJobs {
    fn from_json(value: &Value) -> Result<Self, String> {
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("pendingSeconds", &mut usual.pending_seconds),
                ("processingSeconds", &mut usual.processing_seconds),
                ("removalLagSeconds", &mut usual.removal_lag_seconds),
                ("listLagSeconds", &mut usual.list_lag_seconds),
                ("dataLakeLagHours", &mut usual.data_lake_lag_hours),
                ("removed", &mut usual.removed),
                ("noRecordings", &mut usual.no_recordings),
                ("failEvery", &mut usual.fail_every),
                ("thirdJob", &mut usual.third_job),
                ("foreignJobs", &mut usual.foreign_jobs),
                ("actionAge", &mut usual.action_age),
            ],
        )?;
        Ok(usual)
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
        let mut usual = Self::default();
        fill(
            value,
            &mut [
                ("recordCounts", &mut usual.record_counts),
                ("shape", &mut usual.shape),
                ("indexLagSeconds", &mut usual.index_lag_seconds),
                ("horizonDays", &mut usual.horizon_days),
                ("largestPage", &mut usual.largest_page),
            ],
        )?;
        Ok(usual)
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
            return Err(format!("`perMille`: {more} of a thousand is more than always, expected at most 1000"));
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

/// Every kind of misbehaviour, with its fields. `kind` itself belongs to all of them.
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
