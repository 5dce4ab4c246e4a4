//! A proxy in front of a service of AWS that lets things go wrong: refusals, batches that are accepted in part, connections that
//! break before or after the effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use purge_core::http::{HttpResponse, Method, NoResponse};
use purge_driver::{Http as _, HttpsClient, WireRequest};
use serde_json::{Value, json};

use crate::bill::Bill;
use crate::chance::Chance;
use crate::wire::{Asked, Reply, Served, serve};

/// Headers that concern a single connection.
const OF_THE_CONNECTION: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// The service behind the proxy. Each refuses in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Refuses by throttling, and now and then with 500.
    DynamoDb,
    /// Refuses with 500.
    Sqs,
}

/// How often each thing goes wrong, in a thousand calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odds {
    /// The call is refused, and nothing happens.
    pub refused: u64,
    /// `SendMessageBatch` accepts some entries and refuses the others, in an answer of 200.
    pub partly: u64,
    /// The call is lost on its way to the service.
    pub dropped_before: u64,
    /// The call is carried out, and the answer is lost.
    pub dropped_after: u64,
}

impl Odds {
    /// Every call is refused.
    pub const OUTAGE: Self = Self { refused: 1000, partly: 0, dropped_before: 0, dropped_after: 0 };
}

#[derive(Debug)]
struct Behind {
    service: Service,
    upstream: String,
    http: HttpsClient,
    chance: Chance,
    odds: Mutex<Odds>,
    happened: Mutex<BTreeMap<&'static str, u64>>,
    bill: Mutex<Bill>,
}

/// A running proxy. It ends when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    behind: Arc<Behind>,
    served: Served,
}

impl Proxy {
    /// Starts a proxy in front of the service at that address. At first nothing goes wrong.
    pub async fn start(service: Service, upstream: &str, seed: u64) -> Self {
        let behind = Arc::new(Behind {
            service,
            upstream: upstream.to_owned(),
            http: HttpsClient::new().unwrap(),
            chance: Chance::new(seed),
            odds: Mutex::default(),
            happened: Mutex::default(),
            bill: Mutex::default(),
        });
        let handler = Arc::clone(&behind);
        let served = serve(move |asked| {
            let behind = Arc::clone(&handler);
            async move { behind.answer(asked).await }
        })
        .await;
        Self { behind, served }
    }

    #[must_use]
    pub fn url(&self) -> String {
        self.served.url()
    }

    /// Sets the odds from now on.
    pub fn set(&self, odds: Odds) {
        *self.behind.odds.lock().unwrap() = odds;
    }

    /// The calls to the service, and what AWS would charge for them.
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.behind.bill.lock().unwrap().clone()
    }

    /// What has gone wrong, and how often.
    #[must_use]
    pub fn happened(&self) -> BTreeMap<&'static str, u64> {
        self.behind.happened.lock().unwrap().clone()
    }
}

impl Behind {
    async fn answer(&self, asked: Asked) -> Reply {
        let odds = *self.odds.lock().unwrap();
        if self.strikes(odds.dropped_before, "dropped before its effect") {
            return Reply::HangUp;
        }
        if self.strikes(odds.refused, "refused") {
            return self.refusal();
        }
        let is_batch = asked.header("x-amz-target").is_some_and(|target| target.ends_with(".SendMessageBatch"));
        let reply = if is_batch && self.strikes(odds.partly, "taken in part") {
            self.take_in_part(asked).await
        } else {
            self.forward(asked).await
        };
        if self.strikes(odds.dropped_after, "dropped after its effect") { Reply::HangUp } else { reply }
    }

    fn strikes(&self, per_mille: u64, what: &'static str) -> bool {
        let strikes = self.chance.in_a_thousand(per_mille);
        if strikes {
            *self.happened.lock().unwrap().entry(what).or_default() += 1;
        }
        strikes
    }

    fn refusal(&self) -> Reply {
        let dynamo = |name: &str| format!("com.amazonaws.dynamodb.v20120810#{name}");
        let (status, kind) = match (self.service, self.chance.below(4)) {
            (Service::DynamoDb, 0) => (400, "com.amazon.coral.availability#ThrottlingException".to_owned()),
            (Service::DynamoDb, 1) => (500, dynamo("InternalServerError")),
            (Service::DynamoDb, _) => (400, dynamo("ProvisionedThroughputExceededException")),
            (Service::Sqs, _) => (500, "com.amazon.coral.service#InternalFailure".to_owned()),
        };
        Reply::json(status, &json!({"__type": kind, "message": "injected"}))
    }

    /// Refuses random entries, at least one.
    async fn take_in_part(&self, mut asked: Asked) -> Reply {
        let mut batch: Value = serde_json::from_str(&asked.body).unwrap();
        let entries = batch["Entries"].as_array().unwrap().clone();
        let unlucky = self.chance.below(entries.len() as u64);
        let is_refused = |place: usize| place as u64 == unlucky || self.chance.in_a_thousand(300);
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for (place, entry) in entries.into_iter().enumerate() {
            if is_refused(place) {
                refused.push(
                    json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false, "Message": "injected"}),
                );
            } else {
                taken.push(entry);
            }
        }
        if taken.is_empty() {
            return Reply::json(200, &json!({"Successful": [], "Failed": refused}));
        }
        batch["Entries"] = json!(taken);
        asked.body = batch.to_string();
        match self.forward(asked).await {
            Reply::Answer { status: 200, headers, body } => {
                let mut answer: Value = serde_json::from_str(&body).unwrap();
                let others = answer["Failed"].as_array().cloned().unwrap_or_default();
                answer["Failed"] = json!([refused, others].concat());
                let headers = headers.into_iter().filter(|(name, _)| name == "content-type").collect();
                Reply::Answer { status: 200, headers, body: answer.to_string() }
            }
            other @ (Reply::Answer { .. } | Reply::HangUp) => other,
        }
    }

    async fn forward(&self, asked: Asked) -> Reply {
        let method = match asked.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            other => panic!("`{other}` is no method that the SDK uses here"),
        };
        let action = asked.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or("").to_owned();
        let question = asked.body.clone();
        let headers = asked.headers.into_iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
        let request = WireRequest {
            method,
            url: format!("{}{}", self.upstream, asked.path),
            headers: headers.collect(),
            body: asked.body.into_bytes(),
            timeout: Duration::from_secs(30),
        };
        match self.http.send(request).await {
            Ok(HttpResponse { status, headers, body }) => {
                self.bill.lock().unwrap().add(&action, &question, &body);
                let keep = |(name, _): &(String, String)| !OF_THE_CONNECTION.contains(&name.as_str());
                Reply::Answer { status, headers: headers.into_iter().filter(keep).collect(), body }
            }
            Err(NoResponse::NotSent | NoResponse::TimedOut | NoResponse::Dropped | NoResponse::Interrupted) => {
                Reply::HangUp
            }
        }
    }
}
