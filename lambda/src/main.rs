//! The binary of all functions. The name of the handler says which function runs.
// The future of an invocation contains the futures of every client, nested in each other.
#![recursion_limit = "256"]

use std::cell::RefCell;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use purge_core::time::Timestamp;
use purge_driver::{HttpsClient, SystemClock};
use purge_lambda::functions::{Functions, Invocation, Tenants};
use purge_lambda::login::{SecretsManager, WithCredentials, webhook};
use purge_lambda::settings::Settings;
use purge_lambda::{DynamoLedger, clients, clients::Lazy, queue::SqsQueue, s3::LONGEST_OBJECT, s3::S3Bucket, trace};
use serde_json::Value;

/// The function that runs. The names are the handlers in the template.
#[derive(Clone, Copy, Debug)]
enum Role {
    Planner,
    Worker,
    Courier,
    Undertaker,
}

impl Role {
    fn of(handler: &str) -> Option<Self> {
        match handler {
            "planner" => Some(Self::Planner),
            "worker" => Some(Self::Worker),
            "courier" => Some(Self::Courier),
            "undertaker" => Some(Self::Undertaker),
            _ => None,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    let role = Role::of(&handler).ok_or_else(|| format!("`{handler}` is no handler"))?;
    let environment = |name: &str| std::env::var(name).ok();
    let settings = Settings::read(environment).map_err(|wrong| wrong.join("; "))?;
    let https = HttpsClient::trusting_mozilla()?;
    let shared = clients::config(https.clone(), environment);
    let aws = |service: &str| clients::of_service(&shared, service, environment);
    let secrets = aws("SECRETS_MANAGER");
    let vault = SecretsManager(Lazy::new(move || aws_sdk_secretsmanager::Client::new(&secrets)));
    let objects = https.clone().with_longest_answer(LONGEST_OBJECT);
    let bucket = |name: &str| S3Bucket::new(objects.clone(), SystemClock, &aws("S3"), name);
    let http =
        WithCredentials::new(https, vault.clone(), settings.place.client_id.clone(), settings.credentials.clone());
    let (queues, table) = (aws("SQS"), aws("DYNAMODB"));
    let sqs = Lazy::new(move || aws_sdk_sqs::Client::new(&queues));
    let ledger = DynamoLedger::new(Lazy::new(move || aws_sdk_dynamodb::Client::new(&table)), settings.table.clone());
    let tenants = Tenants::of(&settings.place);
    let functions = Functions {
        ledger: &ledger,
        http: &http,
        clock: &SystemClock,
        tenants: &tenants,
        place: &settings.place,
        chunks: SqsQueue::new(sqs.clone(), settings.chunk_queue.clone()),
        errands: SqsQueue::new(sqs.clone(), settings.errand_queue.clone()),
        webhooks: SqsQueue::new(sqs, settings.webhook_queue.clone()),
        plans: bucket(&settings.plans)?,
        policy_key: &settings.policy,
        evidence: bucket(&settings.evidence)?,
        sends_messages: settings.webhook.is_some(),
        courier_megabytes: settings.courier_megabytes,
        senders: RefCell::default(),
        paces: RefCell::default(),
    };
    let (functions, vault, settings) = (&functions, &vault, &settings);
    let handle = move |event: LambdaEvent<Value>| async move {
        let context = &event.context;
        let invocation = Invocation {
            id: context.request_id.clone(),
            deadline: Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX)),
            traceparent: context.xray_trace_id.as_deref().and_then(trace::traceparent),
        };
        let answer: Result<Value, Error> = match role {
            Role::Planner => Ok(functions.plan(&event.payload, &invocation).await?),
            Role::Worker => Ok(functions.work(&event.payload, &invocation).await?),
            Role::Undertaker => Ok(functions.bury(&event.payload, &invocation).await?),
            Role::Courier => {
                // Read anew for every delivery: deliveries are few, and a changed secret takes effect at once.
                let webhook = async || match &settings.webhook {
                    Some(name) => webhook(vault, name).await.map(Some),
                    None => Ok(None),
                };
                Ok(functions.run_errands(&event.payload, &webhook, &invocation).await?)
            }
        };
        answer
    };
    run(service_fn(handle)).await
}
