//! Files that arrive in the plans bucket. Each event is about one version, whatever is under its key by then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use purge_core::plan::{self, CheckContext, PlanFile};
use purge_core::request::DeletionApi;
use purge_core::time::Timestamp;
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{World, in_virtual_time, policy, request, take_metrics, upload_event};
use crate::evidence::{most_in_memory, most_in_time};
use crate::planner::LONGEST_ANSWER;

const TIME: Duration = Duration::from_secs(120);

async fn ask(world: &World, event: &Value) -> Value {
    world.functions().plan(event, &world.invocation(TIME)).await.unwrap()
}

/// A plan file for this many hours.
fn plan_file(world: &World, hours: u32) -> String {
    let context = CheckContext {
        now: world.clock.now(),
        tenant_jurisdiction: Some("us-east-1".to_owned()),
        default_jurisdiction: None,
    };
    let checked = plan::check(&request(hours).to_string(), Some(&policy().to_string()), &context);
    serde_json::to_string(&PlanFile::new(&checked.plan.unwrap(), context.now)).unwrap()
}

fn answer(world: &World, key: &str) -> Value {
    serde_json::from_str(&world.plans.kept.borrow()[&format!("answers/{key}")]).unwrap()
}

#[test]
fn nobody_approves_what_somebody_else_put_under_the_same_key() {
    in_virtual_time(async |world| {
        let (hers, his) = (plan_file(world, 2), plan_file(world, 3));
        let first = world.plans.put("plans/q1.json", &hers);
        let second = world.plans.put("plans/q1.json", &his);
        for (version, principal, chunks) in [(first, "AWS:ALICE", 2), (second, "AWS:BOB", 3)] {
            ask(world, &upload_event("plans/q1.json", Some(&version), principal)).await;
            let answer = answer(world, "plans/q1.json");
            assert_eq!((&answer["new"], &answer["chunks"]), (&json!(true), &json!(chunks)), "{answer}");
            let run = world.ledger.run(answer["runId"].as_str().unwrap()).await.unwrap().unwrap();
            assert_eq!((run.order.approved_by.as_str(), run.order.chunks), (principal, chunks));
        }
    });
}

#[test]
fn a_plan_file_without_a_version_starts_nothing() {
    in_virtual_time(async |world| {
        world.plans.put("plans/q1.json", &plan_file(world, 2));
        for version in [None, Some("null")] {
            ask(world, &upload_event("plans/q1.json", version, "AWS:ALICE")).await;
            let answer = answer(world, "plans/q1.json");
            assert_eq!(answer["findings"][0]["code"], "approval.version", "{answer}");
        }
        assert_eq!(world.ledger.runs().await.unwrap(), []);
        assert!(world.errands.take().is_empty());
        let gone = upload_event("plans/q1.json", Some("7"), "AWS:ALICE");
        assert!(world.functions().plan(&gone, &world.invocation(TIME)).await.is_err(), "it comes again");
    });
}

#[test]
fn a_folder_that_somebody_makes_in_the_console_is_no_plan() {
    in_virtual_time(async |world| {
        for folder in ["plans/", "plans/2026/", "requests/"] {
            let version = world.plans.put(folder, "");
            let given = ask(world, &upload_event(folder, Some(&version), "AWS:ALICE")).await;
            assert_eq!(given, json!({"answers": []}));
        }
        assert!(world.plans.written.take().is_empty(), "there is nothing to be said of it");
        assert_eq!(take_metrics("PlansRefused"), Vec::<Value>::new());
    });
}

#[test]
fn a_plan_file_that_is_refused_calls_somebody_and_a_request_does_not() {
    in_virtual_time(async |world| {
        for (key, called) in [("requests/q1.json", 0), ("plans/q1.json", 1)] {
            let version = world.plans.put(key, "{}");
            ask(world, &upload_event(key, Some(&version), "AWS:ALICE")).await;
            assert_eq!(answer(world, key)["status"], 422);
            assert_eq!(take_metrics("PlansRefused").len(), called, "{key}");
        }
    });
}

/// Collects everything that is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::field::Visit for Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        *self.0.lock().unwrap() += &format!("{field}={value:?} ");
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        attributes.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

#[test]
fn a_log_says_which_plan_and_nothing_of_what_is_held() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    in_virtual_time(async |world| {
        let id = "6b1f3c1e-0000-4000-8000-000000000001";
        let hold = json!({"id": "case-77", "matter": "Doe v. Roe", "conversationIds": [id]});
        world.plans.put("policy.json", &json!({"version": 1, "holds": [hold]}).to_string());
        let request = request(3).to_string();
        let version = world.plans.put("requests/q1.json", &request);
        let given = ask(world, &upload_event("requests/q1.json", Some(&version), "AWS:ALICE")).await;
        let answer = answer(world, "requests/q1.json");
        assert!(answer.to_string().contains("Doe v. Roe"), "the file has all of it: {answer}");
        let logged = log.0.lock().unwrap().clone();
        assert!(logged.contains("requests/q1.json") && logged.contains(r#""chunks":3"#), "{logged}");
        assert!(logged.contains(answer["plan"]["planDigest"].as_str().unwrap()), "{logged}");
        for text in [logged, given.to_string()] {
            for held in ["Doe v. Roe", "case-77", id] {
                assert!(!text.contains(held), "`{held}` is in {text}");
            }
        }
    });
}

#[test]
fn a_preview_fits_into_an_answer_or_says_where_to_put_the_request() {
    in_virtual_time(async |world| {
        let preview = |hours: u32| json!({"action": "preview", "request": request(hours)});
        let small = ask(world, &preview(20_000)).await;
        assert_eq!(small["plan"]["chunks"].as_array().unwrap().len(), 20_000);
        assert!(small.to_string().len() <= LONGEST_ANSWER);

        let mut large = request(1);
        large["range"] = json!({"start": "2012-01-01T00:00:00Z", "end": "2023-05-29T16:00:00Z"});
        let refused = ask(world, &json!({"action": "preview", "request": large})).await;
        assert_eq!(refused["findings"][0]["code"], "preview.tooLarge", "{refused}");
        assert!(refused["findings"][0]["help"].as_str().unwrap().contains("`requests/`"));

        let version = world.plans.put("requests/large.json", &large.to_string());
        let given = ask(world, &upload_event("requests/large.json", Some(&version), "AWS:ALICE")).await;
        assert_eq!(given["answers"][0]["answer"]["chunks"], 100_000, "{given}");
        assert_eq!(answer(world, "requests/large.json")["plan"]["chunks"].as_array().unwrap().len(), 100_000);
    });
}

#[test]
fn a_preview_warns_of_chunks_that_would_wait_too_long_for_their_turn() {
    in_virtual_time(async |world| {
        let warned = async |days: u32, limits: Value| {
            let mut asked = request(days * 24);
            asked["api"] = json!("recordingJobs");
            asked["recordTypes"] = json!(["recording"]);
            asked["recordings"] = json!({ "coolOffDays": 30 });
            asked["chunking"] = json!({ "days": 1 });
            let policy = json!({ "version": 1, "limits": limits });
            let preview = ask(world, &json!({ "action": "preview", "request": asked, "policy": policy })).await;
            let findings = preview["plan"]["findings"].as_array().unwrap_or_else(|| panic!("{preview}")).clone();
            findings
                .into_iter()
                .find(|finding| finding["code"] == "run.tooLong")
                .map(|finding| finding["message"].clone())
        };
        // With two jobs of five minutes each at once, 575 chunks have their turn in a day.
        let day = json!({ "queueDeadlineSeconds": 86_400 });
        assert_eq!(warned(500, day.clone()).await, None);
        assert_eq!(
            warned(600, day).await,
            Some(json!(
                "all 600 chunks wait for their turn at once, and the last ones are expected to get it after 2 days; what has waited \
                 for 1 ends as `timedOut`, with nothing deleted"
            ))
        );
        assert_eq!(warned(600, json!({})).await, None);
        assert!(warned(600, json!({ "requestsPerMinute": 1 })).await.is_some());
    });
}

#[test]
fn a_run_whose_evidence_would_not_fit_is_not_stored() {
    in_virtual_time(async |world| {
        world.courier_megabytes.set(1);
        let most = most_in_memory(DeletionApi::DataDeletion, 1);
        let preview = |chunks: u32| json!({"action": "preview", "request": request(chunks)});
        let run = async |chunks: u32| {
            let digest = ask(world, &preview(chunks)).await["plan"]["planDigest"].clone();
            let approval = json!({"digest": digest, "approvedBy": "b@example.com"});
            ask(world, &json!({"action": "run", "request": request(chunks), "approval": approval})).await
        };
        let (warned, refused) = (ask(world, &preview(most + 1)).await, run(most + 1).await);
        for findings in [&warned["plan"]["findings"], &refused["findings"]] {
            let finding = findings.as_array().unwrap().iter().find(|finding| finding["code"] == "run.tooLarge");
            let help = finding.unwrap_or_else(|| panic!("{findings}"))["help"].as_str().unwrap();
            assert!(help.contains("`CourierMemory`"), "{help}");
        }
        let version = world.plans.put("plans/large.json", &plan_file(world, most + 1));
        ask(world, &upload_event("plans/large.json", Some(&version), "AWS:ALICE")).await;
        assert_eq!(answer(world, "plans/large.json")["findings"][0]["code"], "run.tooLarge");
        assert_eq!(world.ledger.runs().await.unwrap(), []);
        assert!(world.errands.take().is_empty());
        assert_eq!(run(most).await["new"], true);
    });
}

#[test]
fn evidence_that_no_courier_could_put_together_in_time_is_not_begun_whatever_its_memory() {
    in_virtual_time(async |world| {
        let most = most_in_time(DeletionApi::DataDeletion);
        let warned = async |megabytes: u32, chunks: u32| {
            world.courier_megabytes.set(megabytes);
            let mut large = request(1);
            let start = Timestamp::parse("2000-01-01T00:00:00Z").unwrap();
            let end = start.plus(Duration::from_secs(3_600 * u64::from(chunks)));
            large["range"] = json!({"start": start, "end": end});
            let version = world.plans.put("requests/large.json", &large.to_string());
            ask(world, &upload_event("requests/large.json", Some(&version), "AWS:ALICE")).await;
            let findings = answer(world, "requests/large.json")["plan"]["findings"].clone();
            let all = findings.as_array().unwrap_or_else(|| panic!("{findings}")).clone();
            all.into_iter().find(|finding| finding["code"] == "run.tooLarge")
        };
        assert_eq!(warned(10_240, most).await, None);
        for megabytes in [1_024, 10_240] {
            let finding = warned(megabytes, most + 1).await.unwrap();
            let (message, help) = (finding["message"].as_str().unwrap(), finding["help"].as_str().unwrap());
            assert!(message.contains(&format!("more than {most} takes the courier longer than it has")), "{message}");
            assert!(!help.contains("CourierMemory"), "more of it would not help: {help}");
        }
        let finding = warned(1_024, most).await.unwrap();
        assert!(finding["help"].as_str().unwrap().contains("`CourierMemory`"), "{finding}");
    });
}
