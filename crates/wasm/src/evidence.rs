//! Checking evidence: an audit log fed piece by piece, so that its length does not matter and the page stays awake.

use js_sys::{Function, Uint8Array};
use purge_core::audit::{BadRecord, Manifest, Verifier};
use purge_core::json::digest;
use purge_core::run::Outcome;
use purge_core::sorted::SortedMap;
use purge_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Blob};

use crate::call::{Wrong, breathe, object, read, value};

/// Chains that are named one by one.
const NAMED: usize = 100;

/// Bytes between two turns of the page: some hundredths of a second of work. A turn itself takes milliseconds, even if nobody
/// has anything to do in it.
const AT_ONCE: u32 = 2 * 1024 * 1024;

/// SHA-256 of a file, as it is written everywhere.
#[wasm_bindgen(js_name = fileDigest)]
#[must_use]
pub fn file_digest(bytes: &[u8]) -> String {
    digest(bytes)
}

/// A check in progress.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct EvidenceCheck {
    verifier: Verifier,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    bytes: u64,
    lines: u64,
}

/// A chain, by its end.
#[derive(Serialize)]
struct Chain {
    chunk: u32,
    /// `None` while the chunk's last attempt is not over.
    outcome: Option<Outcome>,
}

/// What the check found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    good: bool,
    records: u64,
    lines: u64,
    bytes: u64,
    manifest_checked: bool,
    run_id: Option<&'a str>,
    plan_digest: Option<&'a str>,
    simulated: bool,
    approved_by: Vec<&'a String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    chains: usize,
    /// Chains by the outcome of their chunk.
    ended: SortedMap<Outcome, u32>,
    /// The first chains whose chunk did not end as verified, at most [`NAMED`].
    others: Vec<Chain>,
    bad: Option<&'a BadRecord>,
    /// The bad record in words.
    message: Option<String>,
}

#[wasm_bindgen]
impl EvidenceCheck {
    /// A check that has read nothing.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of the log, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        // The last piece has no line end yet.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            if self.rest.is_empty() {
                self.line(piece);
            } else {
                let mut line = std::mem::take(&mut self.rest);
                line.extend_from_slice(piece);
                self.line(&line);
            }
        }
        self.rest.extend_from_slice(last);
    }

    /// Lines read so far.
    #[must_use]
    pub fn lines(&self) -> f64 {
        f64::from(u32::try_from(self.lines).unwrap_or(u32::MAX))
    }

    /// The verdict. Only a manifest can show that the end of the log was cut off; the text of one is
    /// `{"version","runId","planDigest","heads"}`.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    #[wasm_bindgen(js_name = finish, unchecked_return_type = "Verdict")]
    #[expect(clippy::needless_pass_by_value, reason = "an optional text crosses the boundary by value")]
    pub fn finish_object(self, manifest: Option<String>) -> Result<JsValue, Wrong> {
        self.finish(manifest.as_deref()).map(|verdict| object(&verdict))
    }
}

/// Checks a log that lies in a file, piece by piece, giving the page its turn in between. `each` is called before every turn.
///
/// # Errors
/// When the manifest or the file cannot be read; what `each` throws; the reason of the signal when it is aborted.
#[wasm_bindgen(js_name = verifyLog, unchecked_return_type = "Verdict")]
pub async fn verify_log(
    log: Blob,
    manifest: Option<String>,
    #[wasm_bindgen(unchecked_param_type = "(bytes: number, of: number) => void")] each: Function,
    signal: Option<AbortSignal>,
) -> Result<JsValue, JsValue> {
    let mut check = EvidenceCheck::new();
    let size = log.size();
    let end_of = |from: f64| size.min(from + f64::from(AT_ONCE));
    // The next piece is read from the file while one is checked.
    let read = |from: f64| Ok::<_, JsValue>(log.slice_with_f64_and_f64(from, end_of(from))?.array_buffer());
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
    Ok(check.finish_object(manifest)?)
}

impl EvidenceCheck {
    /// The verdict.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn finish(mut self, manifest: Option<&str>) -> Result<Value, Wrong> {
        if !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
        }
        let manifest = manifest.map(|text| read::<Manifest>("manifest", text)).transpose()?;
        let verdict = self.verifier.finish(manifest.as_ref());
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
        Ok(value(&Found {
            good: verdict.is_good(),
            records: verdict.records,
            lines: self.lines,
            bytes: self.bytes,
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
        }))
    }

    fn line(&mut self, line: &[u8]) {
        self.lines = self.lines.saturating_add(1);
        match str::from_utf8(line) {
            Ok(line) => self.verifier.line(line),
            // Bytes that are no text become replacement characters, and the record's hash no longer fits.
            Err(_) => self.verifier.line(&String::from_utf8_lossy(line)),
        }
    }
}
