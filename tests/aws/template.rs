//! The template agrees with the code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use purge_core::report::RunOutcome;
use purge_core::request::DeletionApi;
use purge_core::run::{ChunkView, Outcome};
use purge_core::time::Timestamp;
use purge_driver::ledger::NewRun;
use purge_driver::ledger::conformance::new_run;
use purge_driver::worker::LEASE;
use purge_lambda::evidence::{LATEST, most_in_memory, most_in_time};
use purge_lambda::functions::NEEDED;
use purge_lambda::ledger::{BY_DUE, DUE, PARTITION, SORT};
use purge_lambda::metrics::{self, FUNCTION, NAMESPACE};
use purge_lambda::planner::{ANSWERS, Event, PLANS, REQUESTS};
use purge_lambda::sweep::{COOL_OFF_TURN, ERRAND_MARGIN, ERRANDS_IN_TIME, WAKE_UP_MARGIN, WAKE_UPS_IN_TIME};
use purge_lambda::undertaker::DEAD_LETTERS;
use purge_lambda::{settings, wake};
use purge_tests_aws::emulator::root;
use serde_json::Value;

fn template() -> String {
    std::fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// The text of every resource, by name.
fn resources() -> BTreeMap<String, String> {
    let template = template();
    let all = template.split("\nResources:\n").nth(1).unwrap().split("\nOutputs:\n").next().unwrap();
    let mut resources = BTreeMap::<String, String>::new();
    let mut name = String::new();
    for line in all.lines() {
        if line.starts_with("  ") && !line.starts_with("   ") && !line.trim_start().starts_with('#') {
            name = line.trim().split(':').next().unwrap().to_owned();
        }
        let text = resources.entry(name.clone()).or_default();
        text.push_str(line);
        text.push('\n');
    }
    resources
}

fn number(text: &str, field: &str) -> u64 {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(field)).unwrap_or_else(|| panic!("no {field}"));
    value.trim().parse().unwrap()
}

fn functions() -> BTreeMap<String, String> {
    resources().into_iter().filter(|(_, text)| text.contains("Type: AWS::Serverless::Function")).collect()
}

/// The role of every function, by the function's name. They are our own, because the role that SAM makes for a function may receive
/// messages from every queue of the account.
fn roles() -> BTreeMap<String, String> {
    let resources = resources();
    let role_of = |(name, text): (String, String)| {
        assert!(text.contains(&format!("      Role: !GetAtt {name}Role.Arn\n")), "{name} has a role of SAM's");
        assert!(!text.contains("Policies:"), "{name}: nobody reads policies beside a role");
        let role = resources[&format!("{name}Role")].clone();
        assert!(role.contains("Type: AWS::IAM::Role\n") && !role.contains("ManagedPolicyArns"), "{name}");
        (name, role)
    };
    functions().into_iter().map(role_of).collect()
}

/// The queues from which a function receives its messages.
fn queues_of(function: &str) -> Vec<&str> {
    let lines = function.lines().map(str::trim);
    lines.filter_map(|line| line.strip_prefix("Queue: !GetAtt ")?.strip_suffix(".Arn")).collect()
}

#[test]
fn every_setting_is_given_and_no_other() {
    let template = template();
    let variables = template.split("      Variables:\n").nth(1).unwrap();
    let given: Vec<_> = variables
        .lines()
        .take_while(|line| line.starts_with("        "))
        .map(|line| line.trim().split(':').next().unwrap())
        .collect();
    assert_eq!(given, settings::ALL);
}

#[test]
fn every_queue_hides_a_message_for_six_invocations_and_reports_failures_one_by_one() {
    let resources = resources();
    let pairs = [
        ("Worker", "ChunkQueue"),
        ("Courier", "ErrandQueue"),
        ("Courier", "WebhookQueue"),
        ("Undertaker", "DeadLetters"),
    ];
    for (function, queue) in pairs {
        let (function, queue) = (&resources[function], &resources[queue]);
        let (timeout, hidden) = (number(function, "Timeout:"), number(queue, "VisibilityTimeout:"));
        assert!(hidden >= 6 * timeout, "{hidden} s is less than six times {timeout} s");
        assert!(hidden > LEASE.as_secs(), "a message comes again before the lease of its chunk is over");
        let queues = queues_of(function).len();
        for each in ["FunctionResponseTypes: [ReportBatchItemFailures]", "MaximumConcurrency:"] {
            assert_eq!(function.matches(each).count(), queues, "{each}");
        }
        assert!(Duration::from_secs(timeout) > NEEDED * 2, "an invocation has no time to do anything");
    }
    for queue in ["ChunkQueue", "ErrandQueue", "WebhookQueue"] {
        let queue = &resources[queue];
        assert!(queue.contains("deadLetterTargetArn: !GetAtt DeadLetters.Arn"));
        assert!(number(queue, "MessageRetentionPeriod:") > wake::LONGEST_DELAY.as_secs() * 100);
        assert!(!queue.contains("FifoQueue"), "messages of a FIFO queue cannot be held back one by one");
    }
}

#[test]
fn handlers_keys_and_names_are_those_of_the_code() {
    let handlers: Vec<_> = functions()
        .values()
        .map(|text| text.lines().find_map(|line| line.trim().strip_prefix("Handler: ")).unwrap().to_owned())
        .collect();
    assert_eq!(handlers, ["courier", "planner", "undertaker", "worker"]);
    let main = std::fs::read_to_string(root().join("lambda/src/main.rs")).unwrap();
    assert!(handlers.iter().all(|handler| main.contains(&format!("\"{handler}\" => Some("))));
    let resources = resources();
    let ledger = &resources["Ledger"];
    assert!(ledger.contains(&format!("IndexName: {BY_DUE}")));
    for (name, kind) in [(PARTITION, "S"), (SORT, "S"), (DUE, "N")] {
        assert!(ledger.contains(&format!("{{AttributeName: {name}, AttributeType: {kind}}}")));
    }
    for prefix in [PLANS, REQUESTS] {
        assert!(resources["Plans"].contains(&format!("Value: {prefix}}}")));
    }
    assert!(!PLANS.starts_with(ANSWERS) && !REQUESTS.starts_with(ANSWERS), "an answer would be taken for a question");
    assert!(resources["PlannerRole"].contains(&format!("/{ANSWERS}*")));
    assert!(resources["UndertakerRole"].contains(&format!("/{DEAD_LETTERS}*")));
    assert!(resources["PlannerRole"].contains(&format!("${{Evidence.Arn}}/*{LATEST}\"")));
    assert!(resources["DeadLettersAlarm"].contains(&format!("Namespace: {NAMESPACE}\n")));
}

/// When the sweep takes a message for lost, it must be: all failed deliveries are over, and the undertaker has had it.
#[test]
fn nothing_is_taken_for_lost_that_may_still_come() {
    let resources = resources();
    let dead = number(&resources["DeadLetters"], "VisibilityTimeout:");
    let margins = [("ChunkQueue", WAKE_UP_MARGIN), ("ErrandQueue", ERRAND_MARGIN), ("WebhookQueue", ERRAND_MARGIN)];
    for (queue, margin) in margins {
        let queue = &resources[queue];
        let receives = queue.split("maxReceiveCount: ").nth(1).unwrap().split('}').next().unwrap();
        let hidden = number(queue, "VisibilityTimeout:") * receives.parse::<u64>().unwrap();
        assert_eq!(margin.as_secs(), hidden + dead);
    }
    let fewest: u64 = template().split("  Concurrency:\n").nth(1).map(|text| number(text, "MinValue:")).unwrap();
    let (worker, courier) = (&resources["Worker"], &resources["Courier"]);
    let taken = |function: &str, at_once: u64, margin: Duration| {
        at_once * number(function, "BatchSize:") * (margin.as_secs() / number(function, "Timeout:"))
    };
    assert_eq!(WAKE_UPS_IN_TIME, taken(worker, fewest, WAKE_UP_MARGIN));
    let sources: Vec<_> = courier.split("          Type: SQS\n").skip(1).collect();
    assert_eq!(sources.len(), 2);
    for source in sources {
        let couriers = source.split("MaximumConcurrency: ").nth(1).unwrap().split('}').next().unwrap();
        assert_eq!(ERRANDS_IN_TIME, taken(courier, couriers.parse().unwrap(), ERRAND_MARGIN));
        assert_eq!(number(source, "BatchSize:"), number(courier, "BatchSize:"));
    }
}

#[test]
fn somebody_always_looks_for_what_stands_still() {
    let resources = resources();
    let sweep = resources["Planner"].split("        Sweep:\n").nth(1).unwrap();
    assert!(sweep.contains("ScheduleExpression: rate(15 minutes)") && sweep.contains("State: !Ref SweepState\n"));
    let template = template();
    let state = template.split("\n  SweepState:\n").nth(1).unwrap().split("\n    Description:").next().unwrap();
    assert_eq!(state, "    Type: String\n    Default: ENABLED\n    AllowedValues: [ENABLED, DISABLED]");
    assert!(COOL_OFF_TURN > Duration::from_secs(15 * 60 + 60), "a sweep that is late misses a chunk's turn");
    let input: serde_json::Value =
        serde_json::from_str(sweep.split("Input: '").nth(1).unwrap().split('\'').next().unwrap()).unwrap();
    assert!(matches!(Event::read(&input), Ok(Event::Sweep { overdue_seconds: None })), "{input}");
    let (stalled, missing) = (&resources["StalledRunsAlarm"], &resources["SweepAlarm"]);
    assert!(stalled.contains("MetricName: StalledRuns\n") && stalled.contains("TreatMissingData: notBreaching"));
    assert!(missing.contains("MetricName: Sweeps\n") && missing.contains("TreatMissingData: breaching"));
    assert_eq!(number(missing, "Period:"), 15 * 60, "as often as there is a sweep");
    for (alarm, function) in [(stalled, "Courier"), (missing, "Planner")] {
        assert!(alarm.contains(&format!("Namespace: {NAMESPACE}\n")) && alarm.contains("AlarmActions: "));
        assert!(alarm.contains(&of_function(function)));
    }
}

/// The dimension of an alarm about something that a function measures.
fn of_function(function: &str) -> String {
    format!("Dimensions: [{{Name: {FUNCTION}, Value: !Ref {function}}}, {{Name: Simulated, Value: unknown}}]\n")
}

#[test]
fn alarms_look_at_what_the_functions_of_their_own_stack_measure() {
    let (resources, now) = (resources(), Timestamp::EPOCH);
    for (alarm, function, line) in [
        ("DeadLettersAlarm", "Undertaker", metrics::dead_letter(now, "m")),
        ("PlansRefusedAlarm", "Planner", metrics::refused(now, &[])),
        ("SweepAlarm", "Planner", metrics::swept(now, 0)),
        ("WorkerDeliveriesAlarm", "Worker", metrics::failed_delivery(now, "m", 1)),
        ("CourierDeliveriesAlarm", "Courier", metrics::failed_delivery(now, "m", 1)),
        ("UndertakerDeliveriesAlarm", "Undertaker", metrics::failed_delivery(now, "m", 1)),
    ] {
        let line: Value = serde_json::from_str(&line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], serde_json::json!([[FUNCTION, "Simulated"]]), "{alarm}");
        let metric = directive["Metrics"][0]["Name"].as_str().unwrap();
        let alarm = &resources[alarm];
        assert!(
            alarm.contains(&format!("MetricName: {metric}\n")) && alarm.contains(&of_function(function)),
            "{alarm}"
        );
    }
}

/// A table that was put back is another table. The functions must use it, and be allowed to, in place of the stack's own.
#[test]
fn another_table_can_take_the_place_of_the_stacks() {
    let template = template();
    assert!(template.contains("\n  HasOtherTable: !Not [!Equals [!Ref LedgerTable, \"\"]]\n"));
    let names_own =
        |line: &&str| ["!Ref Ledger]", "!GetAtt Ledger.Arn", "${Ledger.Arn}"].iter().any(|own| line.contains(own));
    let places: Vec<_> = template.lines().filter(names_own).map(str::trim).collect();
    let table = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${LedgerTable}";
    let wanted = [
        "PURGE_TABLE: !If [HasOtherTable, !Ref LedgerTable, !Ref Ledger]".to_owned(),
        format!("- &ledgerArn !If [HasOtherTable, !Sub \"{table}\", !GetAtt Ledger.Arn]"),
        format!("- !If [HasOtherTable, !Sub \"{table}/index/{BY_DUE}\", !Sub \"${{Ledger.Arn}}/index/{BY_DUE}\"]"),
    ];
    assert_eq!(places, wanted);
    for (name, role) in roles() {
        assert!(role.contains("&useLedger\n") || role.contains("- *useLedger\n"), "{name}");
    }
    let courier = &resources()["CourierRole"];
    let delete = courier.split("Action: dynamodb:DeleteItem\n").nth(1).unwrap();
    assert!(delete.trim_start().starts_with("Resource: *ledgerArn\n"), "{delete}");
}

/// A failed chunk is no error of a function, and its run has valid evidence. So an alarm must report it: for a chunk even while
/// others still wait, and for a run when it has ended. Simulated runs need not be reported.
#[test]
fn what_a_person_must_look_at_calls_somebody_unless_it_is_a_rehearsal() {
    let (resources, now) = (resources(), Timestamp::EPOCH);
    let NewRun { mut order, chunks, .. } = new_run("alarms", 1).unwrap();
    order.simulated = false;
    let view = ChunkView { outcome: Some(Outcome::Unknown), ended_at: Some(now), ..chunks[0].view() };
    for (alarm, function, line) in [
        ("ChunksAlarm", "Worker", metrics::needs_somebody(now, &order, &view).unwrap()),
        ("UndertakerChunksAlarm", "Undertaker", metrics::needs_somebody(now, &order, &view).unwrap()),
        ("PolicyUnreadAlarm", "Worker", metrics::policy_unread(now, &order, 1)),
        ("RunsNotVerifiedAlarm", "Courier", metrics::not_verified(now, "run-1", false, RunOutcome::Failed)),
    ] {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["Simulated"], "false");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], serde_json::json!([[FUNCTION, "Simulated"]]));
        let alarm = &resources[alarm];
        assert!(alarm.contains(&format!("MetricName: {}\n", directive["Metrics"][0]["Name"].as_str().unwrap())));
        let of_real = of_function(function).replace("Value: unknown", "Value: \"false\"");
        assert!(alarm.contains(&of_real) && alarm.contains("AlarmActions: *tell\n"), "{alarm}");
        assert_eq!((number(alarm, "Period:"), number(alarm, "Threshold:")), (60, 0), "at once: {alarm}");
    }
}

/// Every alarm has a line in the README that says what to do.
#[test]
fn whoever_is_called_can_read_what_to_do() {
    let readme = std::fs::read_to_string(root().join("lambda/README.md")).unwrap();
    let table = readme.split("| alarm | what to do |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let heads: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    let named: BTreeSet<_> = heads.iter().flat_map(|head| head.split(", ")).collect();
    let resources = resources();
    for function in functions().keys() {
        let log = format!("{function}Log");
        assert!(resources.contains_key(&log) && readme.contains(&format!("`{log}`")), "nobody finds {log}");
    }
    for (name, text) in resources {
        if !text.contains("Type: AWS::CloudWatch::Alarm\n") {
            continue;
        }
        // Alarms about errors and throttles share one line for all functions.
        let of_function = ["Errors", "Throttles"].iter().any(|of| text.contains(&format!("MetricName: {of}\n")));
        assert!(of_function || named.contains(name.strip_suffix("Alarm").unwrap()), "{name}: {named:?}");
    }
}

/// Lambda stops what it takes for a runaway loop after sixteen rounds, and waiting is a message that the worker sends to itself.
#[test]
fn a_chunk_may_wait_as_often_as_it_takes() {
    let template = template();
    let globals = template.split("\nGlobals:\n").nth(1).unwrap().split("\nResources:\n").next().unwrap();
    assert!(globals.contains("\n    RecursiveLoop: Allow\n"));
    assert!(functions().values().all(|text| !text.contains("RecursiveLoop")), "no function has its own mind");
}

/// SAM names a schedule by its place in the template. Every other name must contain that of the stack.
#[test]
fn an_account_may_have_two_stacks() {
    let resources = resources();
    let schedules: Vec<_> = resources["Planner"].split("Type: ScheduleV2\n").skip(1).collect();
    assert_eq!(schedules.len(), 2);
    for schedule in schedules {
        assert!(schedule.contains("            OmitName: true\n"), "{schedule}");
    }
    let names: Vec<_> = resources
        .values()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix("      ")?.split_once("Name: "))
        // A policy within a role has the role's name as well, and metrics are no resources.
        .filter(|(kind, _)| kind.chars().all(char::is_alphabetic) && !["Function", "Metric", "Policy"].contains(kind))
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for (kind, name) in names {
        assert!(name.starts_with("!Sub \"${AWS::StackName}-"), "{kind}Name: {name}");
    }
}

#[test]
fn what_outlives_the_stack_does_not_outlive_a_first_deployment_that_fails() {
    let resources = resources();
    let mut kept = Vec::new();
    for (name, text) in &resources {
        let policy = |of: &str| text.lines().find_map(|line| line.strip_prefix(&format!("    {of}: ")));
        let Some(deletion) = policy("DeletionPolicy") else { continue };
        // A resource that is protected from deletion cannot be deleted by a rollback either.
        let wanted = if text.contains("DeletionProtectionEnabled: true") { "Retain" } else { "RetainExceptOnCreate" };
        assert_eq!((deletion, policy("UpdateReplacePolicy")), (wanted, Some("Retain")), "{name}");
        kept.push(name.as_str());
    }
    // Besides them, the resources that equal another: the dead letters of the schedule, and the other logs.
    let expected = [
        "Credentials",
        "DeadLetters",
        "EventDeadLetters",
        "Evidence",
        "EvidencePolicy",
        "Key",
        "Ledger",
        "PlannerLog",
        "Plans",
        "PlansPolicy",
        "QueuesPolicy",
    ];
    assert_eq!(kept, expected);
    // A policy that refuses unencrypted transport stays as long as the resource that it protects.
    for (name, text) in resources.iter().filter(|(_, text)| text.contains("aws:SecureTransport")) {
        assert!(kept.contains(&name.as_str()), "{name}: {text}");
    }
}

/// The parameter simulates nothing; with it, all records would call a real deletion a simulated one.
#[test]
fn nobody_rehearses_on_a_region_by_its_default() {
    let template = template();
    let rules = template.split("\nRules:\n").nth(1).unwrap().split("\nConditions:\n").next().unwrap();
    assert!(rules.contains("    RuleCondition: !Equals [!Ref Simulated, \"true\"]\n"), "{rules}");
    assert!(rules.contains("      - Assert: !Not [!Equals [!Ref GenesysBaseUrl, \"\"]]\n"), "{rules}");
    let parameter = template.split("\n  Simulated:\n").nth(1).unwrap().split("\n  WebhookSecretArn:\n").next().unwrap();
    assert!(parameter.contains("makes nothing simulated"), "{parameter}");
}

/// The stack's key may be deleted, and then everything that it encrypts is lost.
#[test]
fn evidence_that_is_locked_needs_no_key_of_the_stack() {
    let resources = resources();
    let encryption = resources["Evidence"].split("      BucketEncryption: !If\n").nth(1).unwrap();
    let lines: Vec<_> = encryption.lines().map(str::trim).filter(|line| !line.starts_with('#')).take(3).collect();
    let s3 = "- ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]";
    assert_eq!(lines, ["- LocksEvidence", s3, "- &encrypted"]);
    assert!(resources["Plans"].contains("      BucketEncryption: *encrypted\n"));
    // No function asks for another encryption, and no policy refuses a request for not asking.
    assert!(!resources["EvidencePolicy"].contains("x-amz-server-side-encryption"));
    let sources = sources(&root().join("lambda/src"));
    assert!(!sources.iter().any(|source| source.contains("x-amz-server-side-encryption")));
}

#[test]
fn nothing_may_do_everything() {
    for (name, text) in roles() {
        for line in text.lines().filter(|line| line.contains("Action:")) {
            assert!(!line.contains('*'), "{name}: {line}");
        }
        for statement in text.split("Effect: Allow").filter(|statement| statement.contains(": \"*\"")) {
            // X-Ray has no resources that could be named.
            assert!(
                statement.contains("Action: [xray:PutTraceSegments, xray:PutTelemetryRecords]\n"),
                "{name}: {statement}"
            );
        }
        assert!(!text.contains(": '*'") && !text.contains("[\"*\"]"), "{name}");
    }
}

#[test]
fn every_function_takes_the_messages_of_its_queue_and_writes_to_its_log_and_to_no_other() {
    let (functions, mut takes) = (functions(), 0);
    for (name, role) in roles() {
        let of = |action: &str| {
            let statements = role.split("Effect: Allow").filter(|statement| statement.contains(action));
            statements
                .flat_map(str::lines)
                .map(str::trim)
                .filter(|line| line.starts_with("Resource: "))
                .collect::<Vec<_>>()
        };
        assert!(functions[&name].contains(&format!("LogGroup: !Ref {name}Log}}")));
        assert_eq!(of("logs:"), [format!("Resource: !GetAtt {name}Log.Arn")]);
        assert!(role.contains("&trace\n") || role.contains("- *trace\n"), "{name}: tracing is active");
        let queues: Vec<_> =
            queues_of(&functions[&name]).into_iter().map(|queue| format!("!GetAtt {queue}.Arn")).collect();
        let taken = match &queues[..] {
            [] => vec![],
            [queue] => vec![format!("Resource: {queue}")],
            several => vec![format!("Resource: [{}]", several.join(", "))],
        };
        assert_eq!(of("sqs:ReceiveMessage"), taken, "{name}");
        assert_eq!(of("sqs:DeleteMessage"), taken, "{name}");
        takes += queues.len();
    }
    assert_eq!(takes, 4);
}

/// What a function does with queues: the action, and the queue's name in the template.
type QueueUse = BTreeSet<(&'static str, &'static str)>;

/// How the code uses a queue, and which action that is in IAM.
const QUEUE_USES: [(&str, &str, &str); 6] = [
    ("self.chunks.send(", "sqs:SendMessage", "ChunkQueue"),
    ("self.errands.send(", "sqs:SendMessage", "ErrandQueue"),
    ("self.webhooks.send(", "sqs:SendMessage", "WebhookQueue"),
    ("self.chunks.waiting(", "sqs:GetQueueAttributes", "ChunkQueue"),
    ("self.errands.waiting(", "sqs:GetQueueAttributes", "ErrandQueue"),
    ("self.webhooks.waiting(", "sqs:GetQueueAttributes", "WebhookQueue"),
];

/// The sources of the functions, without their tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(std::fs::read_to_string(path).unwrap());
        }
    }
    all
}

/// The bodies of the methods of `Functions`, by name and without white space. The code is formatted, so indentation shows where
/// they end.
fn methods(sources: &[String]) -> BTreeMap<String, String> {
    let (mut methods, mut inside, mut name) = (BTreeMap::<String, String>::new(), false, None);
    for line in sources.iter().flat_map(|source| source.lines()) {
        if line.starts_with("impl") {
            inside = line.contains(" Functions<");
        } else if line == "}" {
            (inside, name) = (false, None);
        } else if inside {
            let is_head = line.starts_with("    ") && !line.starts_with("     ") && line.contains("fn ");
            if is_head && !line.trim_start().starts_with("//") {
                name = Some(name_of(line));
            }
            if let Some(name) = &name {
                methods.entry(name.clone()).or_default().extend(line.split_whitespace());
            }
        }
    }
    methods
}

/// The same of the functions that are no methods.
fn free_functions(sources: &[String]) -> BTreeMap<String, String> {
    let (mut functions, mut name) = (BTreeMap::<String, String>::new(), None);
    for line in sources.iter().flat_map(|source| source.lines()) {
        if ["fn ", "async fn ", "pub"].iter().any(|head| line.starts_with(head)) && line.contains("fn ") {
            name = Some(name_of(line));
        }
        if let Some(name) = &name {
            functions.entry(name.clone()).or_default().extend(line.split_whitespace());
        }
        if line == "}" {
            name = None;
        }
    }
    functions
}

/// The name of the function that begins in this line.
fn name_of(head: &str) -> String {
    head.split("fn ").nth(1).unwrap().split(['(', '<']).next().unwrap().to_owned()
}

/// That method, and every method that it calls.
fn reached<'a>(entry: &'a str, methods: &'a BTreeMap<String, String>) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::from([entry]), vec![entry]);
    while let Some(name) = open.pop() {
        let body = &methods[name];
        let called = methods.keys().filter(|callee| body.contains(&format!("self.{callee}(")));
        open.extend(called.map(String::as_str).filter(|callee| reached.insert(callee)));
    }
    reached
}

/// The method with which a function begins, by the function's name.
fn entries() -> BTreeMap<String, String> {
    let main = std::fs::read_to_string(root().join("lambda/src/main.rs")).unwrap();
    let entry = |name: String| {
        let arm = main.split(&format!("Role::{name} => ")).nth(1).unwrap();
        let entry = arm.split("functions.").nth(1).unwrap().split('(').next().unwrap().to_owned();
        (name, entry)
    };
    functions().into_keys().map(entry).collect()
}

/// How that method, and everything that it calls, uses queues.
fn used_by(entry: &str, methods: &BTreeMap<String, String>) -> QueueUse {
    let reached = reached(entry, methods);
    let uses = |code: &str| reached.iter().any(|name| methods[*name].contains(code));
    QUEUE_USES.into_iter().filter(|(code, ..)| uses(code)).map(|(_, action, queue)| (action, queue)).collect()
}

/// What Lambda does with a queue on behalf of the function that receives its messages.
const TAKING: &str = "Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]\n";

/// How the template lets a function use the queues that the code knows, apart from receiving its messages.
fn allowed_to(role: &str) -> QueueUse {
    let statements: Vec<&str> =
        role.split("- Effect: Allow").skip(1).filter(|statement| !statement.contains(TAKING)).collect();
    let of = |action: &str, queue: &str| {
        let names_both = |statement: &&&str| {
            let names = |head: &str, what: &str| {
                let line = statement.lines().find(|line| line.trim().starts_with(head));
                line.is_some_and(|line| line.contains(what))
            };
            names("Action:", action) && names("Resource:", &format!("!GetAtt {queue}.Arn"))
        };
        statements.iter().find(names_both).is_some()
    };
    QUEUE_USES.into_iter().filter(|(_, action, queue)| of(action, queue)).map(|(_, a, queue)| (a, queue)).collect()
}

#[test]
fn every_function_may_do_with_the_queues_what_its_code_does_and_no_more() {
    let sources = sources(&root().join("lambda/src"));
    let methods = methods(&sources);
    // No use of a queue is overlooked: each is one of those above, and inside a method.
    let squeezed = |text: &String| text.split_whitespace().collect::<String>();
    let (whole, within): (String, String) =
        (sources.iter().map(squeezed).collect(), methods.values().cloned().collect());
    for field in ["self.chunks", "self.errands", "self.webhooks"] {
        let of_field = QUEUE_USES.iter().filter(|(code, ..)| code.starts_with(field));
        let known: usize = of_field.map(|(code, ..)| within.matches(code).count()).sum();
        assert!(known > 0);
        assert_eq!((within.matches(field).count(), whole.matches(field).count()), (known, known), "{field}");
    }
    let entries = entries();
    for (name, text) in roles() {
        let used = used_by(&entries[&name], &methods);
        assert_eq!(allowed_to(&text), used, "{name}");
        assert!(used.contains(&("sqs:SendMessage", "ErrandQueue")), "{name}: {used:?}");
    }
}

/// A metric that an alarm watches: its name, the function that writes it, and the value of its dimension `Simulated`.
type Watched = BTreeSet<(String, String, &'static str)>;

/// The metrics of alarms that these functions of `metrics.rs` write, by the function that makes the line: the first of its values, and
/// the value of its dimension `Simulated`, of runs that are real or of no run.
fn alarm_lines() -> BTreeMap<String, (String, &'static str)> {
    let source = std::fs::read_to_string(root().join("lambda/src/metrics.rs")).unwrap();
    let of_alarm = |(name, body): (String, String)| {
        let of_real = body.contains("alarm_line_of_run(now");
        let metric = body.split(",\"Count\"").next()?.rsplit('"').nth(1)?.to_owned();
        let simulated = if of_real { "\"false\"" } else { "unknown" };
        (of_real || body.contains("alarm_line(now")).then_some((name, (metric, simulated)))
    };
    free_functions(&[source]).into_iter().filter_map(of_alarm).collect()
}

/// An alarm sees what one function writes. A line that another function writes as well is seen by nobody unless it has an alarm, too.
#[test]
fn whatever_a_function_writes_for_an_alarm_is_watched_and_nothing_else_is() {
    let sources = sources(&root().join("lambda/src"));
    let (methods, free) = (methods(&sources), free_functions(&sources));
    let calls = |body: &str, name: &str| {
        let mut before: Vec<_> = body.split(&format!("{name}(")).collect();
        before.pop();
        let is_call = |code: &&str| !code.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == '.');
        before.iter().any(is_call)
    };
    let lines = alarm_lines();
    assert!(lines.len() > 5, "{lines:?}");
    let mut written = Watched::new();
    for (function, entry) in entries() {
        let mut bodies: Vec<&str> = reached(&entry, &methods).into_iter().map(|name| methods[name].as_str()).collect();
        let mut open: BTreeMap<_, _> = free.iter().collect();
        while let Some(called) = open.keys().find(|name| bodies.iter().any(|body| calls(body, name))).copied() {
            bodies.extend(open.remove(called).map(String::as_str));
        }
        for (line, (metric, simulated)) in &lines {
            let code = format!("metrics::{line}(");
            // The driver tells the meter of this while it carries a chunk on; to end a chunk it asks no policy.
            let by_meter = line == "policy_unread" && bodies.iter().any(|body| body.contains(".advance("));
            if by_meter || bodies.iter().any(|body| body.contains(&code)) {
                written.insert((metric.clone(), function.clone(), simulated));
            }
        }
    }
    for (metric, _) in lines.values() {
        assert!(written.iter().any(|(of, ..)| of == metric), "the test does not see who writes {metric}");
    }
    let mut watched = Watched::new();
    for alarm in resources().values().filter(|text| text.contains("Type: AWS::CloudWatch::Alarm\n")) {
        let field = |name: &str| alarm.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        if field("Namespace: ") == NAMESPACE {
            assert!(alarm.contains("AlarmActions: "), "{alarm}");
            let dimensions = field("Dimensions: [{Name: Function, Value: !Ref ");
            let (function, rest) = dimensions.split_once('}').unwrap();
            let simulated = if rest.contains("Value: unknown}") { "unknown" } else { "\"false\"" };
            assert_eq!(rest, format!(", {{Name: Simulated, Value: {simulated}}}]"), "{alarm}");
            watched.insert((field("MetricName: ").to_owned(), function.to_owned(), simulated));
        }
    }
    assert_eq!(written, watched);
}

#[test]
fn every_function_and_every_queue_is_watched() {
    let resources = resources();
    let alarms: Vec<_> = resources.values().filter(|text| text.contains("Type: AWS::CloudWatch::Alarm")).collect();
    let watched = |metric: &str, of: &str| {
        let metric = format!("MetricName: {metric}\n");
        alarms.iter().any(|alarm| alarm.contains(&metric) && alarm.contains(of) && alarm.contains("AlarmActions: "))
    };
    for function in functions().keys() {
        for metric in ["Errors", "Throttles"] {
            assert!(watched(metric, &format!("Value: !Ref {function}}}")), "{metric} of {function}");
        }
    }
    for (metric, queues) in [
        ("ApproximateAgeOfOldestMessage", &["ChunkQueue", "ErrandQueue", "WebhookQueue"][..]),
        ("ApproximateNumberOfMessagesVisible", &["DeadLetters", "EventDeadLetters", "ScheduleDeadLetters"][..]),
        // People look after the other dead letters. A letter that the undertaker gives back shows only here.
        ("ApproximateNumberOfMessagesNotVisible", &["DeadLetters"][..]),
    ] {
        for queue in queues {
            assert!(watched(metric, &format!("Value: !GetAtt {queue}.QueueName}}")), "{metric} of {queue}");
        }
    }
}

/// No function empties these queues, so a message that stays there keeps its alarm on and silent. A person must be able to take it out.
#[test]
fn whoever_is_called_about_a_queue_without_a_function_can_empty_it() {
    let (template, resources) = (template(), resources());
    let outputs = template.split("\nOutputs:\n").nth(1).unwrap();
    let readme = std::fs::read_to_string(root().join("lambda/README.md")).unwrap();
    let row = readme.lines().find(|line| line.starts_with("| Events, Schedule |")).unwrap();
    for command in ["aws sqs receive-message --queue-url", "aws sqs delete-message --queue-url"] {
        assert!(row.contains(command), "{row}");
    }
    let taken: BTreeSet<_> = functions().values().flat_map(|text| queues_of(text)).map(str::to_owned).collect();
    for queue in ["EventDeadLetters", "ScheduleDeadLetters"] {
        assert!(resources.contains_key(queue) && !taken.contains(queue), "{queue}");
        assert!(outputs.contains(&format!("\n  {queue}Queue:\n")), "{outputs}");
        assert!(outputs.contains(&format!("    Value: !Ref {queue}\n")), "{outputs}");
        assert!(row.contains(&format!("`{queue}Queue`")), "{row}");
    }
}

/// Half an hour.
const SOON: u64 = 1_800;

/// A failed delivery is no error of the function. Its message stays in flight until its time is over, and after three of them it no
/// longer counts for the age of the oldest message.
#[test]
fn messages_that_fail_again_and_again_are_told_of_within_half_an_hour_and_those_that_fail_once_are_not() {
    let resources = resources();
    for (name, text) in functions() {
        for queue in queues_of(&text) {
            let hidden = number(&resources[queue], "VisibilityTimeout:");
            let alarm = &resources[&format!("{name}DeliveriesAlarm")];
            assert!(
                alarm.contains("Statistic: Maximum\n") && alarm.contains("ComparisonOperator: GreaterThanThreshold\n")
            );
            assert!(alarm.contains("AlarmActions: ") && alarm.contains("TreatMissingData: notBreaching\n"), "{name}");
            assert_eq!((number(alarm, "Period:"), number(alarm, "EvaluationPeriods:")), (60, 1), "{name}");
            // The threshold is exceeded by more deliveries, each after the message has been hidden for its time.
            let threshold = number(alarm, "Threshold:");
            assert!(threshold * hidden <= SOON, "{name}: {} s is late", threshold * hidden);
            // Every dead letter is worth looking at.
            assert_eq!(threshold > 0, name != "Undertaker", "{name}");
        }
    }
    let ages = [("StalledAlarm", "ChunkQueue"), ("ErrandsAlarm", "ErrandQueue"), ("WebhooksAlarm", "WebhookQueue")];
    for (alarm, queue) in ages {
        let held_back = wake::LONGEST_DELAY.as_secs() + number(&resources[queue], "VisibilityTimeout:");
        assert!(number(&resources[alarm], "Threshold:") > held_back, "{alarm} tells of a delivery in vain");
    }
    let in_hand = &resources["UndertakerInHandAlarm"];
    let patience = number(in_hand, "Period:") * number(in_hand, "EvaluationPeriods:");
    let hidden = number(&resources["DeadLetters"], "VisibilityTimeout:");
    assert!(
        (2 * hidden..=SOON).contains(&patience),
        "a letter whose chunk somebody works on is no trouble: {patience} s"
    );
}

#[test]
fn every_queue_takes_requests_over_tls_alone_and_is_encrypted() {
    let resources = resources();
    let is_queue = |text: &str| text.contains("Type: AWS::SQS::Queue\n") || text.contains(": *lastStop");
    let queues: Vec<_> = resources.iter().filter(|(_, text)| is_queue(text)).collect();
    assert_eq!(queues.len(), 6);
    for (name, text) in queues {
        let policy = &resources["QueuesPolicy"];
        assert!(policy.contains(&format!("!Ref {name}")) && policy.contains(&format!("!GetAtt {name}.Arn")), "{name}");
        let encrypted = text.contains("KmsMasterKeyId: !Ref Key") && text.contains("redrivePermission: ");
        assert!(encrypted || text.contains(": *lastStop"), "{name}");
    }
}

/// Whether a run's evidence fits is judged by the memory of the courier.
#[test]
fn the_planner_knows_how_much_memory_the_courier_has() {
    assert!(resources()["Courier"].contains("MemorySize: !Ref CourierMemory\n"));
    let template = template();
    assert!(template.contains(&format!("{}: !Ref CourierMemory\n", settings::COURIER_MEGABYTES)));
    let parameter = template.split("  CourierMemory:\n").nth(1).unwrap();
    let readme = std::fs::read_to_string(root().join("lambda/README.md")).unwrap();
    let said = u32::try_from(number(parameter, "Default:")).unwrap();
    let useful = parameter.split("up to about ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    for api in [DeletionApi::DataDeletion, DeletionApi::RecordingJobs] {
        for most in [most_in_memory(api, said), most_in_time(api)] {
            let rounded = format!("{},{:03}", most / 1000, most / 100 * 100 % 1000);
            assert!(readme.contains(&rounded), "the README does not say that {rounded} fit");
        }
        assert!(most_in_memory(api, useful) >= most_in_time(api), "more memory would be of use for {api:?}");
    }
}

/// An approval refers to the version that its event names. So there must be versions, and only the planner may read them.
#[test]
fn the_planner_reads_versions_of_what_is_put_there_and_of_nothing_else() {
    assert!(resources()["Plans"].contains("VersioningConfiguration: {Status: Enabled}"));
    for (name, text) in roles() {
        let versions = text.split("- Effect: Allow").filter(|statement| statement.contains("s3:GetObjectVersion"));
        let keys: Vec<_> = versions
            .flat_map(|statement| statement.lines())
            .filter_map(|line| line.trim().strip_prefix("- !Sub ")?.rsplit_once("${AWS::Region}/"))
            .map(|(_, key)| key.trim_end_matches('"').to_owned())
            .collect();
        let wanted = [format!("{PLANS}*"), format!("{REQUESTS}*")];
        assert_eq!(keys, if name == "Planner" { &wanted[..] } else { &[] }, "{name}");
    }
}

#[test]
fn whoever_reads_a_bucket_may_learn_that_there_is_nothing() {
    // Without permission to list, S3 answers "forbidden" for an object that does not exist.
    for (name, text) in roles() {
        assert_eq!(text.contains("s3:GetObject"), text.contains("s3:ListBucket"), "{name}");
    }
}
