//! Checks a log line by line without trusting any of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::is_canonical;
use super::{AUDIT_VERSION, AuditRecord, ChainHead, Told};
use crate::json::{digest_of, parse};

/// The length and end of every chain of a run. Kept apart from the log, it reveals a log that was cut short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// [`AUDIT_VERSION`].
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// The digest of its plan.
    pub plan_digest: String,
    /// The head of every chunk's chain.
    pub heads: BTreeMap<u32, ChainHead>,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Why {
    /// The line is not a record.
    Unreadable {
        /// What the reader says.
        message: String,
    },
    /// The record has a version that this program does not know.
    UnknownVersion {
        /// The version.
        version: u32,
    },
    /// The content of the line does not match its hash.
    Changed,
    /// The record belongs to another plan.
    ForeignPlan {
        /// The plan it names.
        plan_digest: String,
    },
    /// The record belongs to another run.
    ForeignRun {
        /// The run it names.
        run_id: String,
    },
    /// A record with its number came before.
    Duplicated,
    /// Its number follows the record before it, but its hash link does not.
    Unlinked,
    /// The record comes after its successors.
    OutOfOrder,
    /// The record is not in the log, though its successors are.
    Missing,
    /// The manifest counts the record, but the log ends before it.
    CutTail,
    /// The record comes after the last one that the manifest counts.
    Appended,
    /// The log is as long as the manifest says, but ends with another record.
    OtherEnd,
    /// The manifest does not know the chunk.
    UnknownChunk,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { message } => write!(f, "the line is not an audit record: {message}"),
            Self::UnknownVersion { version } => write!(f, "version `{version}` is not known here"),
            Self::Changed => f.write_str("the content does not match its hash"),
            Self::ForeignPlan { plan_digest } => write!(f, "it belongs to the plan `{plan_digest}`"),
            Self::ForeignRun { run_id } => write!(f, "it belongs to the run `{run_id}`"),
            Self::Duplicated => f.write_str("a record with this number came before"),
            Self::Unlinked => f.write_str("it does not follow from the record before it"),
            Self::OutOfOrder => f.write_str("it comes after its successors"),
            Self::Missing => f.write_str("it is missing"),
            Self::CutTail => f.write_str("the log ends before it, but the manifest counts it"),
            Self::Appended => f.write_str("it comes after the end that the manifest gives"),
            Self::OtherEnd => f.write_str("the manifest names another last record"),
            Self::UnknownChunk => f.write_str("the manifest does not know the chunk"),
        }
    }
}

/// The first record that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BadRecord {
    /// The line of the log, from 1; absent when the record is not in the log.
    pub line: Option<u64>,
    /// The chunk; absent when the line cannot be read.
    pub chunk: Option<u32>,
    /// The record's number in the chunk's chain; absent when the line cannot be read.
    pub seq: Option<u64>,
    /// What is wrong.
    pub why: Why,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let (Some(chunk), Some(seq)) = (self.chunk, self.seq) {
            write!(f, "record {seq} of chunk {chunk}: ")?;
        }
        write!(f, "{}", self.why)
    }
}

/// The result of checking a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The number of lines that were read.
    pub lines: u64,
    /// The number of good records before the first bad one.
    pub records: u64,
    /// The first bad record; absent when the whole log is good.
    pub bad: Option<BadRecord>,
    /// Whether the log was compared with a manifest. Without one, nothing shows a log that was cut short.
    pub manifest_checked: bool,
    /// The chains up to the last good record; absent when there was none.
    pub manifest: Option<Manifest>,
    /// What the good records say about the run.
    pub told: Told,
}

impl Verdict {
    /// Whether the whole log is good.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.bad.is_none()
    }
}

/// Checks the lines of a log in the order of the file. The chains of many chunks may be interleaved.
///
/// Keeps one head and one outcome per chunk and no record, so the length of the log does not matter.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    lines: u64,
    records: u64,
    seen: Option<Manifest>,
    told: Told,
    bad: Option<BadRecord>,
}

impl Verifier {
    /// A check of any log. The first record says which run and plan the log belongs to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A check of a log that must belong to this run and plan.
    #[must_use]
    pub fn of(run_id: &str, plan_digest: &str) -> Self {
        Self { seen: Some(empty_manifest(run_id, plan_digest)), ..Self::default() }
    }

    /// Takes the next line, without its line end. Returns its record if that and all records before it are good. An empty line is
    /// not a record.
    pub fn line(&mut self, line: &str) -> Option<AuditRecord> {
        self.lines = self.lines.saturating_add(1);
        if let Some(bad) = &mut self.bad {
            recognise_moved_record(bad, self.lines, line);
            return None;
        }
        match read_record(line) {
            Ok(record) => self.record(line, record),
            Err(why) => {
                self.bad = Some(BadRecord { line: Some(self.lines), chunk: None, seq: None, why });
                None
            }
        }
    }

    fn record(&mut self, line: &str, record: AuditRecord) -> Option<AuditRecord> {
        let seen = self.seen.get_or_insert_with(|| empty_manifest(&record.run_id, &record.plan_digest));
        // A chunk gets a head only with its first good record: bad records prove nothing.
        let origin;
        let head = match seen.heads.get(&record.chunk) {
            Some(head) => head,
            None => {
                origin = ChainHead::origin(&seen.plan_digest, record.chunk);
                &origin
            }
        };
        let length = head.length;
        let why = if !has_its_hash(line, &record.hash) {
            Why::Changed
        } else if record.plan_digest != seen.plan_digest {
            Why::ForeignPlan { plan_digest: record.plan_digest }
        } else if record.run_id != seen.run_id {
            Why::ForeignRun { run_id: record.run_id }
        } else if record.seq < length {
            Why::Duplicated
        } else if record.seq > length {
            Why::Missing
        } else if record.prev != head.hash {
            Why::Unlinked
        } else {
            self.told.note(&record);
            seen.heads.insert(record.chunk, ChainHead { length: length.saturating_add(1), hash: record.hash.clone() });
            self.records = self.records.saturating_add(1);
            return Some(record);
        };
        // In a gap, the bad record is the one that should stand here. It may still come later.
        let (line, seq) = if why == Why::Missing { (None, length) } else { (Some(self.lines), record.seq) };
        self.bad = Some(BadRecord { line, chunk: Some(record.chunk), seq: Some(seq), why });
        None
    }

    /// The number of lines taken so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The verdict. Only a manifest can reveal that the end of a chain, or a whole chain, was cut off.
    #[must_use]
    pub fn finish(self, manifest: Option<&Manifest>) -> Verdict {
        let bad = self.bad.or_else(|| manifest.and_then(|manifest| difference(self.seen.as_ref(), manifest)));
        Verdict {
            lines: self.lines,
            records: self.records,
            bad,
            manifest_checked: manifest.is_some(),
            manifest: self.seen,
            told: self.told,
        }
    }
}

/// Reads one line strictly: known version, no unknown field.
fn read_record(line: &str) -> Result<AuditRecord, Why> {
    let record: AuditRecord = serde_json::from_str(line).map_err(|error| unreadable(line, &error))?;
    if record.v != AUDIT_VERSION { Err(Why::UnknownVersion { version: record.v }) } else { Ok(record) }
}

/// Whether the line has the hash that it carries, and is canonical. The hash covers the canonical text without the member `hash`;
/// taking a member out of a canonical object leaves a canonical object. So the bytes are hashed as they stand, and nothing has to
/// be written again.
fn has_its_hash(line: &str, hash: &str) -> bool {
    let Some((before, rest)) = line.split_once("\"hash\":\"") else { return false };
    let after = rest.strip_prefix(hash).and_then(|rest| rest.strip_prefix("\","));
    after.is_some_and(|after| digest_of(&[before.as_bytes(), after.as_bytes()]) == hash) && is_canonical(line)
}

/// Explains why a line cannot be read. A later version may have other fields, so then the version is the better explanation.
fn unreadable(line: &str, error: &serde_json::Error) -> Why {
    let value = parse(line, usize::MAX).unwrap_or_default();
    match value.get("v").and_then(Value::as_u64).and_then(|version| u32::try_from(version).ok()) {
        Some(version) if version != AUDIT_VERSION => Why::UnknownVersion { version },
        Some(_) | None => Why::Unreadable { message: message_without_line(error) },
    }
}

/// The reader's message without its line number, which is always 1 and would be mistaken for the line of the log.
fn message_without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line 1 column ").next().unwrap_or(&text);
    format!("{what}, column {}", error.column())
}

/// Corrects the verdict when a record that seemed missing turns up later: then it was only moved.
fn recognise_moved_record(bad: &mut BadRecord, number: u64, line: &str) {
    if bad.why != Why::Missing {
        return;
    }
    if let Ok(record) = read_record(line)
        && (Some(record.chunk), Some(record.seq)) == (bad.chunk, bad.seq)
    {
        bad.line = Some(number);
        bad.why = Why::OutOfOrder;
    }
}

fn empty_manifest(run_id: &str, plan_digest: &str) -> Manifest {
    Manifest {
        version: AUDIT_VERSION,
        run_id: run_id.to_owned(),
        plan_digest: plan_digest.to_owned(),
        heads: BTreeMap::new(),
    }
}

/// The first difference between a log that is good in itself and its manifest, lowest chunk first.
fn difference(seen: Option<&Manifest>, manifest: &Manifest) -> Option<BadRecord> {
    let bad = |chunk, seq, why| Some(BadRecord { line: None, chunk, seq, why });
    let nothing = empty_manifest(&manifest.run_id, &manifest.plan_digest);
    let seen = seen.unwrap_or(&nothing);
    if manifest.version != AUDIT_VERSION {
        return bad(None, None, Why::UnknownVersion { version: manifest.version });
    }
    if seen.plan_digest != manifest.plan_digest {
        return bad(None, None, Why::ForeignPlan { plan_digest: seen.plan_digest.clone() });
    }
    if seen.run_id != manifest.run_id {
        return bad(None, None, Why::ForeignRun { run_id: seen.run_id.clone() });
    }
    for (&chunk, expected) in &manifest.heads {
        let origin = ChainHead::origin(&manifest.plan_digest, chunk);
        let head = seen.heads.get(&chunk).unwrap_or(&origin);
        if head.length < expected.length {
            return bad(Some(chunk), Some(head.length), Why::CutTail);
        }
        if head.length > expected.length {
            return bad(Some(chunk), Some(expected.length), Why::Appended);
        }
        if head.hash != expected.hash {
            return bad(Some(chunk), head.length.checked_sub(1), Why::OtherEnd);
        }
    }
    let unknown = seen.heads.keys().find(|chunk| !manifest.heads.contains_key(chunk));
    unknown.and_then(|&chunk| bad(Some(chunk), Some(0), Why::UnknownChunk))
}
