//! Reading a scenario, strictly: a misspelt knob must not be one that is left alone.

use purge_core::json::{FromJson, Members, kind, unknown_kind, word};
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
        let m = Members::of(
            value,
            &[
                "seed",
                "jurisdiction",
                "latencyMs",
                "population",
                "protected",
                "holdMidRun",
                "login",
                "rateLimit",
                "dataDeletion",
                "recordingJobs",
                "analytics",
                "faults",
            ],
        )?;
        let usual = Self::default();
        Ok(Self {
            seed: m.take_or("seed", usual.seed)?,
            jurisdiction: m.take_or("jurisdiction", usual.jurisdiction)?,
            latency_ms: m.take_or("latencyMs", usual.latency_ms)?,
            population: m.take_or("population", usual.population)?,
            protected: m.take_or("protected", usual.protected)?,
            hold_mid_run: m.take_or("holdMidRun", usual.hold_mid_run)?,
            login: m.take_or("login", usual.login)?,
            rate_limit: m.take_or("rateLimit", usual.rate_limit)?,
            data_deletion: m.take_or("dataDeletion", usual.data_deletion)?,
            recording_jobs: m.take_or("recordingJobs", usual.recording_jobs)?,
            analytics: m.take_or("analytics", usual.analytics)?,
            faults: m.take_or("faults", usual.faults)?,
        })
    }
}

impl FromJson for PopulationSpec {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["from", "to", "everySeconds", "dayEdges"])?;
        let usual = Self::default();
        Ok(Self {
            from: m.take_or("from", usual.from)?,
            to: m.take_or("to", usual.to)?,
            every_seconds: m.take_or("everySeconds", usual.every_seconds)?,
            day_edges: m.take_or("dayEdges", usual.day_edges)?,
        })
    }
}

impl FromJson for Protection {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["conversations", "conversationIds", "windows"])?;
        let usual = Self::default();
        Ok(Self {
            conversations: m.take_or("conversations", usual.conversations)?,
            conversation_ids: m.take_or("conversationIds", usual.conversation_ids)?,
            windows: m.take_or("windows", usual.windows)?,
        })
    }
}

impl FromJson for HoldMidRun {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["afterSubmits", "at", "conversationIds", "window"])?;
        let usual = Self::default();
        Ok(Self {
            after_submits: m.take_or("afterSubmits", usual.after_submits)?,
            at: m.take_or("at", usual.at)?,
            conversation_ids: m.take_or("conversationIds", usual.conversation_ids)?,
            window: m.take_or("window", usual.window)?,
        })
    }
}

impl FromJson for Login {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["clients", "expiresIn", "missingPermissions"])?;
        let usual = Self::default();
        Ok(Self {
            clients: m.take_or("clients", usual.clients)?,
            expires_in: m.take_or("expiresIn", usual.expires_in)?,
            missing_permissions: m.take_or("missingPermissions", usual.missing_permissions)?,
        })
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
        let m = Members::of(value, &["perMinute", "form"])?;
        let usual = Self::default();
        Ok(Self { per_minute: m.take_or("perMinute", usual.per_minute)?, form: m.take_or("form", usual.form)? })
    }
}

impl FromJson for DataDeletion {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(value, &["offered", "processingSeconds", "concurrency", "rangeEnd", "holdMode"])?;
        let usual = Self::default();
        Ok(Self {
            offered: m.take_or("offered", usual.offered)?,
            processing_seconds: m.take_or("processingSeconds", usual.processing_seconds)?,
            concurrency: m.take_or("concurrency", usual.concurrency)?,
            range_end: m.take_or("rangeEnd", usual.range_end)?,
            hold_mode: m.take_or("holdMode", usual.hold_mode)?,
        })
    }
}

impl FromJson for RecordingJobs {
    fn from_json(value: &Value) -> Result<Self, String> {
        let m = Members::of(
            value,
            &[
                "pendingSeconds",
                "processingSeconds",
                "removalLagSeconds",
                "listLagSeconds",
                "dataLakeLagHours",
                "removed",
                "noRecordings",
                "failEvery",
                "thirdJob",
                "foreignJobs",
                "actionAge",
            ],
        )?;
        let usual = Self::default();
        Ok(Self {
            pending_seconds: m.take_or("pendingSeconds", usual.pending_seconds)?,
            processing_seconds: m.take_or("processingSeconds", usual.processing_seconds)?,
            removal_lag_seconds: m.take_or("removalLagSeconds", usual.removal_lag_seconds)?,
            list_lag_seconds: m.take_or("listLagSeconds", usual.list_lag_seconds)?,
            data_lake_lag_hours: m.take_or("dataLakeLagHours", usual.data_lake_lag_hours)?,
            removed: m.take_or("removed", usual.removed)?,
            no_recordings: m.take_or("noRecordings", usual.no_recordings)?,
            fail_every: m.take_or("failEvery", usual.fail_every)?,
            third_job: m.take_or("thirdJob", usual.third_job)?,
            foreign_jobs: m.take_or("foreignJobs", usual.foreign_jobs)?,
            action_age: m.take_or("actionAge", usual.action_age)?,
        })
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
        let m = Members::of(value, &["recordCounts", "shape", "indexLagSeconds"])?;
        let usual = Self::default();
        Ok(Self {
            record_counts: m.take_or("recordCounts", usual.record_counts)?,
            shape: m.take_or("shape", usual.shape)?,
            index_lag_seconds: m.take_or("indexLagSeconds", usual.index_lag_seconds)?,
        })
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
            ("aggregates", Self::Aggregates),
            ("availability", Self::Availability),
            ("job.create", Self::JobCreate),
            ("job.list", Self::JobList),
            ("job.get", Self::JobGet),
            ("job.execute", Self::JobExecute),
            ("job.cancel", Self::JobCancel),
            ("job.failed", Self::JobFailed),
            ("metadata", Self::Metadata),
            ("protection", Self::Protection),
            ("retention", Self::Retention),
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
        Ok(Self {
            on: m.take("on")?,
            every: m.take("every")?,
            nth: m.take_or("nth", Vec::new())?,
            per_mille: m.take("perMille")?,
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
        let kind = kind(value)?;
        let Some((_, known)) = ACTS.iter().find(|(name, _)| *name == kind) else {
            return Err(unknown_kind(kind, &ACTS.map(|(name, _)| name)));
        };
        let m = Members::of(value, known)?;
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
