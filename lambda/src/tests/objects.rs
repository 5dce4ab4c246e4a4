//! Files that arrive in the plans bucket: each event is about one version, whatever is under its key by then.

use std::time::Duration;

use purge_core::plan::{self, CheckContext, PlanFile};
use purge_driver::{Clock as _, Ledger as _};
use serde_json::{Value, json};

use super::fakes::{World, arrived, in_virtual_time, policy, request};

const TIME: Duration = Duration::from_secs(120);

async fn ask(world: &World, event: &Value) -> Value {
    world.functions().plan(event, &world.invocation(TIME)).await.unwrap()
}

/// A plan file for so many hours.
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
            ask(world, &arrived("plans/q1.json", Some(&version), principal)).await;
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
            ask(world, &arrived("plans/q1.json", version, "AWS:ALICE")).await;
            let answer = answer(world, "plans/q1.json");
            assert_eq!(answer["findings"][0]["code"], "approval.version", "{answer}");
        }
        assert_eq!(world.ledger.runs().await.unwrap(), []);
        assert!(world.errands.take().is_empty());
        let gone = arrived("plans/q1.json", Some("7"), "AWS:ALICE");
        assert!(world.functions().plan(&gone, &world.invocation(TIME)).await.is_err(), "it comes again");
    });
}
