//! Files that arrive in the plans bucket. A plan file under `plans/` is carried out, a request under `requests/` is previewed, and
//! the answer is put under `answers/`.
//!
//! Events may come late, out of order and more than once, and another person may have put another file under the same key by then.
//! An event names one version, whose bytes never change. That version is read, so that nobody counts as the approver of another
//! person's plan.

use purge_driver::{Clock, Http};
use serde_json::{Value, json};

use super::answer::{Answered, document, summary};
use super::start::Approver;
use super::{Failure, Refusal};
use crate::batch::Again;
use crate::bucket::Bucket;
use crate::functions::Functions;
use crate::queue::Queue;
use crate::store::Store;
use purge_core::finding::{Finding, Severity};

/// Prefix of the keys of plan files.
pub const PLANS: &str = "plans/";
/// Prefix of the keys of requests.
pub const REQUESTS: &str = "requests/";
/// Prefix of the keys of answers.
pub const ANSWERS: &str = "answers/";

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    /// Answers every file of an S3 event.
    pub(super) async fn answer_files(&self, records: &[Value], trace: Option<&str>) -> Result<Value, Failure> {
        let mut answers = Vec::new();
        for record in records {
            let key = record.pointer("/s3/object/key").and_then(Value::as_str).and_then(decoded);
            let key = key.ok_or_else(|| Again::Failed("the event names no object".to_owned()))?;
            // S3's console makes a folder by putting an empty object under the folder's name.
            if key.ends_with('/') {
                continue;
            }
            // Putting a plan file into this bucket approves it. S3 names the principal, but not by a name that people use.
            let principal = record.pointer("/userIdentity/principalId").and_then(Value::as_str).unwrap_or_default();
            // A bucket without versions calls its only version `null`, and anybody can replace it.
            let version = record.pointer("/s3/object/versionId").and_then(Value::as_str).filter(|id| *id != "null");
            let answered = self.answer_file(&key, version, principal, trace).await;
            // A request only asks for a preview, which its sender looks for, so only the refusal of a plan is measured.
            let counted = key.starts_with(PLANS).then(|| self.clock.now());
            let answer = document(answered, counted)?;
            let summary = summary(&answer);
            tracing::info!(%key, version, %principal, answer = %summary, "a file arrived");
            self.plans.write(&format!("{ANSWERS}{key}"), format!("{answer}\n")).await?;
            // Nobody reads what this invocation returns, and the whole answer may be longer than Lambda allows.
            answers.push(json!({"key": key, "answer": summary}));
        }
        Ok(json!({ "answers": answers }))
    }

    async fn answer_file(&self, key: &str, version: Option<&str>, principal: &str, trace: Option<&str>) -> Answered {
        let is_plan = key.starts_with(PLANS);
        let text = match version {
            Some(version) => self.plans.read_version(key, version).await?,
            None if is_plan => return Err(unversioned(key).into()),
            None => self.plans.read(key).await?,
        };
        let text = text.ok_or_else(|| Again::Failed(format!("`{key}` is gone")))?;
        if is_plan {
            self.run_plan(&text, Approver::Upload(principal), trace).await
        } else if key.starts_with(REQUESTS) {
            let request = serde_json::from_str(&text).map_err(|why| not_json(&why))?;
            self.preview(&request, None).await
        } else {
            Err(Again::Failed(format!("`{key}` is neither under `{PLANS}` nor under `{REQUESTS}`")).into())
        }
    }
}

fn not_json(why: &serde_json::Error) -> Refusal {
    Refusal::of(vec![Finding::new(
        Severity::Error,
        "json.invalid",
        "#",
        format!("the file is not JSON: {why}"),
        "correct it there",
    )])
}

fn unversioned(key: &str) -> Refusal {
    Refusal::of(vec![Finding::new(
        Severity::Blocked,
        "approval.version",
        format!("{key}#"),
        "the event names no version of the file, so it is unknown whether the file is still the one that the person whom it names put there",
        "turn on versions for the plans bucket, as the template does, and put the file there again",
    )])
}

/// Decodes a key as S3's events have it: percent-encoded, with `+` for a space.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn keys_are_decoded() {
        assert_eq!(decoded("plans/q1+2023%2Bb.json").as_deref(), Some("plans/q1 2023+b.json"));
        assert_eq!(decoded("plans/%C3%A9").as_deref(), Some("plans/é"));
        assert_eq!((decoded("%"), decoded("%zz"), decoded("%ff")), (None, None, None));
    }
}
