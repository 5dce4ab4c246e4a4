//! Checks evidence. An audit log is fed piece by piece, so its length does not matter and the page stays responsive.

use js_sys::{Array, Function, Object, Uint8Array};
use purge_core::audit::{self, BadRecord, Lines, Manifest, Verifier};
use purge_core::evidence::{AUDIT, Check, Examination, FILES, Files, MANIFEST, Summary, Verdict};
use purge_core::json::digest;
use purge_core::run::Outcome;
use purge_core::sorted::SortedMap;
use purge_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Blob};

use crate::call::{CallError, breathe, object, read, value};

/// The most chains that are named one by one.
const NAMED: usize = 100;

/// Bytes between two turns of the page: some hundredths of a second of work. A turn itself takes milliseconds, even if there is
/// nothing to do in it.
const AT_ONCE: u32 = 2 * 1024 * 1024;

/// The SHA-256 digest of a file: `sha256:` and 64 lower-case hexadecimal digits.
#[wasm_bindgen(js_name = fileDigest)]
#[must_use]
pub fn file_digest(bytes: &[u8]) -> String {
    digest(bytes)
}

/// A check of a log in progress.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct EvidenceCheck {
    verifier: Verifier,
    lines: Lines,
}

/// A chain and how it ended.
#[derive(Serialize)]
struct Chain {
    chunk: u32,
    /// `None` while the chunk's last attempt is not over.
    outcome: Option<Outcome>,
}

/// The result of checking a log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogAnswer<'a> {
    good: bool,
    records: u64,
    lines: u64,
    manifest_checked: bool,
    run_id: Option<&'a str>,
    plan_digest: Option<&'a str>,
    simulated: bool,
    approved_by: Vec<&'a String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    chains: usize,
    /// The number of chains by the outcome of their chunk.
    ended: SortedMap<Outcome, u32>,
    /// The first chains whose chunk did not end as verified, at most [`NAMED`].
    others: Vec<Chain>,
    bad: Option<&'a BadRecord>,
    /// The bad record in words.
    message: Option<String>,
}

#[wasm_bindgen]
impl EvidenceCheck {
    /// A check that has read nothing yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the log, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { verifier, lines } = self;
        lines.feed(bytes, |line| drop(verifier.line(line)));
    }

    /// The number of lines read so far.
    #[must_use]
    pub fn lines(&self) -> f64 {
        f64::from(u32::try_from(self.verifier.lines()).unwrap_or(u32::MAX))
    }

    /// The verdict. Only a manifest can show that the end of the log was cut off. Its text is
    /// `{"version","runId","planDigest","heads"}`.
    ///
    /// # Errors
    /// The manifest cannot be read.
    #[wasm_bindgen(js_name = finish, unchecked_return_type = "Verdict")]
    #[expect(clippy::needless_pass_by_value, reason = "an optional text crosses the boundary by value")]
    pub fn finish_object(self, manifest: Option<String>) -> Result<JsValue, CallError> {
        self.finish(manifest.as_deref()).map(|verdict| object(&verdict))
    }
}

/// Checks the evidence of a run, given as files by name: the same checks as `genesys-purge verify`, with the same answer. Without a
/// manifest, only the log is checked. `kept` is the digest of the manifest that was kept elsewhere. `each` is called before every
/// turn of the page.
///
/// # Errors
/// The files cannot be read, `each` throws, or the signal is aborted (its reason).
#[wasm_bindgen(js_name = verifyEvidence, unchecked_return_type = "EvidenceVerdict")]
pub async fn verify_evidence(
    #[wasm_bindgen(unchecked_param_type = "Record<string, Blob>")] files: Object,
    kept: Option<String>,
    #[wasm_bindgen(unchecked_param_type = "(bytes: number, of: number) => void")] each: Function,
    signal: Option<AbortSignal>,
) -> Result<JsValue, JsValue> {
    let mut beside = Files::default();
    let (mut manifest, mut log) = (None, None);
    for entry in Object::entries(&files).iter().map(|entry| Array::from(&entry)) {
        let (name, file) = (entry.get(0).as_string().unwrap_or_default(), Blob::from(entry.get(1)));
        let mut bytes = Vec::new();
        if name == AUDIT {
            log = Some(file);
        } else if name == MANIFEST || FILES.contains(&name.as_str()) {
            bytes = Uint8Array::new(&JsFuture::from(file.array_buffer()).await?).to_vec();
        }
        if name == MANIFEST {
            manifest = Some(bytes);
        } else {
            beside.insert(name, Ok(bytes));
        }
    }
    let begun = match manifest {
        Some(manifest) => Examination::new(&manifest, kept.as_deref(), beside).map(Some),
        None => Ok(None),
    };
    let mut check = match begun {
        Ok(Some(examination)) => Checking::All(Box::new(examination)),
        Ok(None) => Checking::Log(Box::default(), None),
        Err(why) => Checking::Log(Box::default(), Some(why)),
    };
    if let Some(log) = &log {
        let size = log.size();
        let end_of = |from: f64| size.min(from + f64::from(AT_ONCE));
        let read = |from: f64| Ok::<_, JsValue>(log.slice_with_f64_and_f64(from, end_of(from))?.array_buffer());
        // The next piece is read from the file while this one is checked.
        let mut coming = read(0.0)?;
        let mut from = 0.0;
        while from < size {
            let piece = JsFuture::from(coming).await?;
            from = end_of(from);
            coming = read(from)?;
            check.feed(&Uint8Array::new(&piece).to_vec());
            each.call2(&JsValue::UNDEFINED, &from.into(), &size.into())?;
            breathe(signal.as_ref()).await?;
        }
    }
    let log = log.map(|_| ()).ok_or_else(|| "is missing".to_owned());
    Ok(object(&match check {
        Checking::All(examination) => examined(&examination.finish(log)),
        Checking::Log(check, damage) => check.finish_log_only(damage),
    }))
}

/// What is being checked.
enum Checking {
    /// A log without a manifest, or with one that is damaged in this way.
    Log(Box<EvidenceCheck>, Option<String>),
    /// Everything that belongs to a run.
    All(Box<Examination>),
}

impl Checking {
    fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Log(check, _) => check.feed(bytes),
            Self::All(examination) => examination.feed(bytes),
        }
    }
}

/// The result of all checks.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    holds: bool,
    /// Absent without a manifest.
    evidence_digest: Option<&'a str>,
    /// How the run ended; absent if something that it follows from is missing.
    outcome: Option<&'a str>,
    /// What the run did, in brief; absent when `outcome` is.
    summary: Option<&'a Summary>,
    /// Empty without a manifest. With a damaged one, the single check that says so.
    checks: &'a [Check],
    log: Value,
}

/// A verdict about evidence in the form that the page reads.
#[must_use]
pub fn examined(verdict: &Verdict) -> Value {
    value(&Answer {
        holds: verdict.holds,
        evidence_digest: Some(&verdict.evidence_digest),
        outcome: verdict.outcome,
        summary: verdict.summary.as_ref(),
        checks: &verdict.checks,
        log: log_answer(&verdict.log),
    })
}

impl EvidenceCheck {
    /// The verdict.
    ///
    /// # Errors
    /// The manifest cannot be read.
    pub fn finish(self, manifest: Option<&str>) -> Result<Value, CallError> {
        let manifest = manifest.map(|text| read::<Manifest>("manifest", text)).transpose()?;
        Ok(log_answer(&self.log_verdict(manifest.as_ref())))
    }

    /// The verdict about a log without a manifest, or with a damaged one.
    fn finish_log_only(self, damage: Option<String>) -> Value {
        let verdict = self.log_verdict(None);
        let broken = |why| Check { name: "manifest", holds: false, detail: format!("`{MANIFEST}` is damaged: {why}") };
        let checks: Vec<Check> = damage.map(broken).into_iter().collect();
        let log = log_answer(&verdict);
        let holds = verdict.is_good() && checks.is_empty();
        value(&Answer { holds, evidence_digest: None, outcome: None, summary: None, checks: &checks, log })
    }

    fn log_verdict(self, manifest: Option<&Manifest>) -> audit::Verdict {
        let Self { mut verifier, mut lines } = self;
        lines.end(|line| drop(verifier.line(line)));
        verifier.finish(manifest)
    }
}

/// A verdict about a log in the form that the page reads.
fn log_answer(verdict: &audit::Verdict) -> Value {
    let seen = verdict.manifest.as_ref();
    let told = &verdict.told;
    let mut ended = SortedMap::default();
    for (_, outcome) in told.ended.iter() {
        ended.change(*outcome, |count: &mut u32| *count = count.saturating_add(1));
    }
    let chunks = seen.iter().flat_map(|seen| seen.heads.keys());
    let others = chunks
        .map(|&chunk| Chain { chunk, outcome: told.ended.get(&chunk).copied() })
        .filter(|chain| chain.outcome != Some(Outcome::Verified))
        .take(NAMED)
        .collect();
    value(&LogAnswer {
        good: verdict.is_good(),
        records: verdict.records,
        lines: verdict.lines,
        manifest_checked: verdict.manifest_checked,
        run_id: seen.map(|seen| seen.run_id.as_str()),
        plan_digest: seen.map(|seen| seen.plan_digest.as_str()),
        simulated: told.simulated,
        approved_by: told.approved_by.iter().collect(),
        from: told.span.map(|(from, _)| from),
        until: told.span.map(|(_, until)| until),
        chains: seen.map_or(0, |seen| seen.heads.len()),
        ended,
        others,
        bad: verdict.bad.as_ref(),
        message: verdict.bad.as_ref().map(ToString::to_string),
    })
}
