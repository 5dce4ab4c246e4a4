//! Reads a request field by field, so that one mistake does not hide the next.

use serde_json::Value;

use super::{
    Chunking, DeletionApi, PurgeRequest, REQUEST_MAX_BYTES, REQUEST_VERSION, RecordType, RecordingOptions,
    RetentionOverride,
};
use crate::finding::{self, Finding};
use crate::json::{self, Field, Object, Reader, quoted};
use crate::region::REGIONS;
use crate::window::Window;

const FIELDS: [&str; 12] = [
    "version",
    "name",
    "api",
    "recordTypes",
    "range",
    "jurisdiction",
    "query",
    "chunking",
    "reason",
    "requestedBy",
    "retentionOverride",
    "recordings",
];

/// The longest chunk that any deletion API accepts, in days: six calendar months at their shortest, for a recording job on
/// conversations older than five years.
pub(crate) const MAX_AGED_CHUNK_DAYS: u32 = 181;

/// The readable part of a request. A field is absent if the request lacks it or has it wrong; if it is wrong or required, a finding
/// says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) api: Option<DeletionApi>,
    pub(crate) record_types: Option<Vec<RecordType>>,
    pub(crate) range: Option<Window>,
    pub(crate) jurisdiction: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) chunking: Option<Chunking>,
    pub(crate) reason: Option<String>,
    pub(crate) requested_by: Option<String>,
    pub(crate) retention_override: Option<RetentionOverride>,
    pub(crate) recordings: Option<RecordingOptions>,
}

impl Draft {
    /// The request, unless a finding stops it.
    pub(crate) fn finish(self, findings: &[Finding]) -> Option<PurgeRequest> {
        if finding::stops(findings) {
            return None;
        }
        let api = self.api?;
        Some(PurgeRequest {
            version: REQUEST_VERSION,
            name: self.name?,
            api,
            record_types: self.record_types?,
            range: self.range?,
            jurisdiction: self.jurisdiction?,
            query: self.query,
            chunking: self.chunking?,
            reason: self.reason?,
            requested_by: self.requested_by?,
            retention_override: self.retention_override,
            recordings: match api {
                DeletionApi::DataDeletion => None,
                // The defaults are written out, so that what the plan's digest covers does not depend on them.
                DeletionApi::RecordingJobs => Some(self.recordings.unwrap_or_default()),
            },
        })
    }
}

/// Reads the text. `default_jurisdiction` is used if the request names no jurisdiction.
pub(crate) fn read(text: &str, default_jurisdiction: Option<&str>) -> (Draft, Vec<Finding>) {
    let mut reader = Reader::default();
    let value = match json::parse(text, REQUEST_MAX_BYTES) {
        Ok(value) => value,
        Err(why) => {
            reader.unreadable("#", &why);
            return (Draft::default(), reader.findings);
        }
    };
    let root = Field { value: &value, pointer: "#".to_owned() };
    let draft = reader.object(&root, &FIELDS).map(|object| fields(&mut reader, &object, default_jurisdiction));
    (draft.unwrap_or_default(), reader.findings)
}

fn fields(r: &mut Reader, object: &Object<'_>, default_jurisdiction: Option<&str>) -> Draft {
    r.version(object, REQUEST_VERSION);
    let name = r.required(object, "name", "give the request a name, for example `Q1 2023`").and_then(|f| r.text(&f));
    let api = r
        .required(object, "api", "write `dataDeletion` or `recordingJobs`")
        .and_then(|f| r.word(&f, "api.unknown", "api", &apis()));
    if object.nullable("recordTypes").is_none() && object.nullable("range").is_none() {
        r.error(
            "request.unfiltered",
            &object.pointer,
            "the request names neither record types nor a range, so it would delete everything",
            "name `recordTypes` and `range`",
        );
    }
    let record_types = r
        .required(object, "recordTypes", "name what to delete, for example `[\"conversation\"]`")
        .and_then(|f| record_types(r, &f));
    let range = r.required(object, "range", "write `{\"start\": …, \"end\": …}`").and_then(|f| r.window(&f));
    let jurisdiction = jurisdiction(r, object, default_jurisdiction);
    let query = object.nullable("query").and_then(|f| query(r, &f));
    let chunking = r.required(object, "chunking", "write for example `{\"days\": 30}`").and_then(|f| chunking(r, &f));
    let reason = r.required(object, "reason", "say why the records may be deleted").and_then(|f| r.text(&f));
    let requested_by =
        r.required(object, "requestedBy", "say who asks, for example by mail address").and_then(|f| r.text(&f));
    let retention_override = object.get("retentionOverride").and_then(|f| retention_override(r, &f));
    let recordings = object.get("recordings").and_then(|f| recordings(r, &f));
    Draft {
        name,
        api,
        record_types,
        range,
        jurisdiction,
        query,
        chunking,
        reason,
        requested_by,
        retention_override,
        recordings,
    }
}

fn apis() -> [(&'static str, DeletionApi); 2] {
    [DeletionApi::DataDeletion, DeletionApi::RecordingJobs].map(|api| (api.as_str(), api))
}

/// The names of all regions, as choices that stand for themselves.
pub(crate) fn jurisdictions() -> [(&'static str, &'static str); 18] {
    REGIONS.map(|region| (region.name, region.name))
}

/// Reads a list of record types, without repeats, in the order of [`RecordType::ALL`].
pub(crate) fn record_types(r: &mut Reader, field: &Field<'_>) -> Option<Vec<RecordType>> {
    let choices = RecordType::ALL.map(|kind| (kind.as_str(), kind));
    r.words(field, ("recordTypes.unknown", "record type"), &choices, "name at least one record type")
}

/// Reads a query without trimming it, because it is passed on as it is.
pub(crate) fn query(r: &mut Reader, field: &Field<'_>) -> Option<String> {
    match field.value.as_str().filter(|text| !text.trim().is_empty()) {
        Some(text) => Some(text.to_owned()),
        // Reports what is wrong: not a text, or blank.
        None => r.text(field),
    }
}

fn jurisdiction(r: &mut Reader, object: &Object<'_>, default: Option<&str>) -> Option<String> {
    const UNKNOWN: &str = "jurisdiction.unknown";
    let pointer = json::join(&object.pointer, "jurisdiction");
    let known = |r: &mut Reader, field: &Field<'_>| r.word(field, UNKNOWN, "jurisdiction", &jurisdictions());
    let default_value = default.map(|text| Value::String(text.to_owned()));
    let Some(field) = object.get("jurisdiction") else {
        let Some(value) = &default_value else {
            r.error(
                "field.missing",
                &pointer,
                "the field `jurisdiction` is missing",
                "name the region where the data lives, for example `us-east-1`, or set `DATA_JURISDICTION` where it runs",
            );
            return None;
        };
        return known(r, &Field { value, pointer }).map(str::to_owned);
    };
    let typed = known(r, &field)?;
    if let Some(default) = default.filter(|default| *default != typed) {
        r.error(
            "jurisdiction.conflict",
            &pointer,
            format!("the request says `{typed}`, the environment says {}", quoted(default)),
            "make both the same, or remove one",
        );
        return None;
    }
    Some(typed.to_owned())
}

fn chunking(r: &mut Reader, field: &Field<'_>) -> Option<Chunking> {
    let object = r.object(field, &["days", "hours"])?;
    match (object.get("days"), object.get("hours")) {
        (Some(days), None) => r.small(&days, 1..=MAX_AGED_CHUNK_DAYS).map(Chunking::Days),
        (None, Some(hours)) => r.small(&hours, 1..=MAX_AGED_CHUNK_DAYS * 24).map(Chunking::Hours),
        (Some(_), Some(_)) | (None, None) => {
            r.error(
                "chunking.choice",
                &field.pointer,
                "a chunk is measured either in days or in hours",
                "write `{\"days\": 30}` or `{\"hours\": 6}`",
            );
            None
        }
    }
}

fn retention_override(r: &mut Reader, field: &Field<'_>) -> Option<RetentionOverride> {
    let object = r.object(field, &["reason", "approver"])?;
    let reason = r.required(&object, "reason", "say why the retention rule may be overridden").and_then(|f| r.text(&f));
    let approver = r.required(&object, "approver", "say who allowed it").and_then(|f| r.text(&f));
    Some(RetentionOverride { reason: reason?, approver: approver? })
}

fn recordings(r: &mut Reader, field: &Field<'_>) -> Option<RecordingOptions> {
    let object = r.object(field, &["includeSensitiveData", "includePolicyBased", "includeSnippets", "coolOffDays"])?;
    let mut options = RecordingOptions::default();
    for (key, flag) in [
        ("includeSensitiveData", &mut options.include_sensitive_data),
        ("includePolicyBased", &mut options.include_policy_based),
        ("includeSnippets", &mut options.include_snippets),
    ] {
        if let Some(value) = object.get(key).and_then(|f| r.boolean(&f)) {
            *flag = value;
        }
    }
    if let Some(days) = object.get("coolOffDays").and_then(|f| r.small(&f, 0..=365)) {
        options.cool_off_days = days;
    }
    Some(options)
}
