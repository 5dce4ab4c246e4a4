//! The digest of a plan: what a person approves.

use sha2::{Digest, Sha256};

use super::PLAN_VERSION;
use crate::chunk::{Age, Chunk};
use crate::json::{canonical, digest, written};
use crate::policy::Policy;
use crate::request::PurgeRequest;

/// Chunks that are written before they go into the hash.
const PAGE: usize = 128;

/// Digest of the canonical bytes of a policy.
#[must_use]
pub fn policy_digest(policy: &Policy) -> String {
    digest(&canonical(policy))
}

/// Digest of the canonical bytes of `{"chunks", "policyDigest", "request", "version"}`.
///
/// Chunks go into the hash as soon as some are written: a plan may have 200,000, and their JSON would only be thrown away.
pub(crate) fn plan_digest(request: &PurgeRequest, policy_digest: &str, chunks: &[Chunk]) -> String {
    let mut hasher = Sha256::new();
    // Members in sorted order, as RFC 8785 wants them.
    hasher.update(b"{\"chunks\":[");
    let mut bytes = Vec::new();
    for (place, page) in chunks.chunks(PAGE).enumerate() {
        bytes.clear();
        for (nth, chunk) in page.iter().enumerate() {
            if place + nth > 0 {
                bytes.push(b',');
            }
            write_chunk(&mut bytes, chunk);
        }
        hasher.update(&bytes);
    }
    hasher.update(b"],\"policyDigest\":");
    hasher.update(canonical(&policy_digest));
    hasher.update(b",\"request\":");
    hasher.update(canonical(request));
    hasher.update(format!(",\"version\":{PLAN_VERSION}}}"));
    written(hasher)
}

fn write_chunk(bytes: &mut Vec<u8>, chunk: &Chunk) {
    let mut digits = itoa::Buffer::new();
    bytes.push(b'[');
    bytes.extend_from_slice(digits.format(chunk.window.start().millis()).as_bytes());
    bytes.push(b',');
    bytes.extend_from_slice(digits.format(chunk.window.end().millis()).as_bytes());
    if chunk.age == Age::Aged {
        bytes.extend_from_slice(b",\"aged\"");
    }
    bytes.push(b']');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{CheckContext, check};
    use crate::time::Timestamp;

    /// The same digest, made the slow way.
    #[test]
    fn streamed_bytes_are_the_canonical_bytes() {
        let context = CheckContext {
            now: Timestamp::parse("2026-11-23T12:00:00Z").unwrap(),
            tenant_jurisdiction: None,
            default_jurisdiction: None,
        };
        // The range crosses the five-year boundary, so that both kinds of chunk occur, and has more of them than are hashed at a time.
        let request = json!({
            "version": 1, "name": "\u{20ac} \"quoted\" \u{1f600}", "api": "recordingJobs", "recordTypes": ["recording"],
            "range": {"start": "2020-11-24T00:00:00Z", "end": "2022-11-24T00:00:00Z"}, "jurisdiction": "eu-west-1",
            "chunking": {"days": 2}, "reason": "r", "requestedBy": "a@example.com",
        });
        let checked = check(&request.to_string(), None, &context);
        let plan = checked.plan.expect("a plan");
        let chunks: Vec<serde_json::Value> = plan
            .chunks()
            .iter()
            .map(|c| match c.age {
                Age::Recent => json!([c.window.start().millis(), c.window.end().millis()]),
                Age::Aged => json!([c.window.start().millis(), c.window.end().millis(), "aged"]),
            })
            .collect();
        assert!(plan.chunks().iter().any(|c| c.age == Age::Aged) && plan.chunks().iter().any(|c| c.age == Age::Recent));
        let whole = json!({
            "version": 1, "request": plan.request(), "policyDigest": plan.policy_digest(), "chunks": chunks,
        });
        assert_eq!(plan.digest(), digest(&canonical(&whole)));
    }
}
