//! Checking evidence: an audit log fed piece by piece, so that its length does not matter and the page stays awake.

use purge_core::audit::{BadRecord, Manifest, Verifier};
use purge_core::json::digest;
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::call::{Wrong, answer, read};

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
    chains: usize,
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

    /// The verdict, JSON. Only a manifest can show that the end of the log was cut off; the text of one is
    /// `{"version","runId","planDigest","heads"}`.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn finish(mut self, manifest: Option<String>) -> Result<String, Wrong> {
        if !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
        }
        let manifest = manifest.map(|text| read::<Manifest>("manifest", &text)).transpose()?;
        let verdict = self.verifier.finish(manifest.as_ref());
        let seen = verdict.manifest.as_ref();
        Ok(answer(&Found {
            good: verdict.is_good(),
            records: verdict.records,
            lines: self.lines,
            bytes: self.bytes,
            manifest_checked: verdict.manifest_checked,
            run_id: seen.map(|seen| seen.run_id.as_str()),
            plan_digest: seen.map(|seen| seen.plan_digest.as_str()),
            chains: seen.map_or(0, |seen| seen.heads.len()),
            bad: verdict.bad.as_ref(),
            message: verdict.bad.as_ref().map(ToString::to_string),
        }))
    }
}

impl EvidenceCheck {
    fn line(&mut self, line: &[u8]) {
        self.lines = self.lines.saturating_add(1);
        // Bytes that are no text become replacement characters, and the record's hash no longer fits.
        self.verifier.line(&String::from_utf8_lossy(line));
    }
}
