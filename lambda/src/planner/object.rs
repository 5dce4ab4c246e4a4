//! Files that arrive in the plans bucket: a plan file under `plans/` is carried out, a request under `requests/` is previewed. The
//! answer is put beside it, under `answers/`.

use purge_driver::{Clock, Http};
use serde_json::{Value, json};

use super::answer::problem;
use super::start::By;
use super::{Failure, Refusal};
use crate::batch::Again;
use crate::bucket::Bucket;
use crate::functions::Functions;
use crate::queue::Queue;
use crate::store::Store;
use purge_core::finding::{Finding, Severity};

/// What the keys of plan files begin with.
pub const PLANS: &str = "plans/";
/// What the keys of requests begin with.
pub const REQUESTS: &str = "requests/";
/// What the keys of answers begin with.
pub const ANSWERS: &str = "answers/";

impl<L: Store, H: Http, C: Clock, Q: Queue, B: Bucket> Functions<'_, L, H, C, Q, B> {
    pub(super) async fn objects(&self, records: &[Value], trace: Option<&str>) -> Result<Value, Failure> {
        let mut answers = Vec::new();
        for record in records {
            let key = record.pointer("/s3/object/key").and_then(Value::as_str).and_then(decoded);
            let key = key.ok_or_else(|| Again("the event names no object".to_owned()))?;
            // Putting a plan file into this bucket is the approval; S3 says who did, but not by a name that people have.
            let principal = record.pointer("/userIdentity/principalId").and_then(Value::as_str).unwrap_or_default();
            let answer = self.object(&key, principal, trace).await?;
            tracing::info!(%key, %principal, %answer, "a file arrived");
            self.plans.write(&format!("{ANSWERS}{key}"), format!("{answer}\n")).await?;
            answers.push(json!({"key": key, "answer": answer}));
        }
        Ok(json!({ "answers": answers }))
    }

    async fn object(&self, key: &str, principal: &str, trace: Option<&str>) -> Result<Value, Failure> {
        let text = self.plans.read(key).await?.ok_or_else(|| Again(format!("`{key}` is gone")))?;
        let answered = if key.starts_with(PLANS) {
            self.run_plan(&text, By::Upload(principal), trace).await?
        } else if key.starts_with(REQUESTS) {
            match serde_json::from_str(&text) {
                Ok(request) => self.preview(&request, None).await?,
                Err(why) => Err(Refusal::of(vec![Finding::new(
                    Severity::Error,
                    "json.invalid",
                    "#",
                    format!("the file is not JSON: {why}"),
                    "correct it there",
                )])),
            }
        } else {
            return Err(Again(format!("`{key}` is neither under `{PLANS}` nor under `{REQUESTS}`")));
        };
        Ok(answered.unwrap_or_else(|refusal| problem(&refusal, self.clock.now())))
    }
}

/// Keys come percent-encoded, with `+` for a space.
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
