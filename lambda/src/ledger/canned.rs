//! For tests: a ledger whose table gives the same answer to every call.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::DynamoLedger;

/// A connector with this status and body for every request.
#[derive(Clone, Debug)]
struct Always(u16, String);

impl HttpConnector for Always {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Ok(HttpResponse::new(self.0.try_into().unwrap(), SdkBody::from(self.1.clone()))))
    }
}

/// A ledger whose table refuses every call with this error code, and a transaction also with these cancellation reasons.
pub(crate) fn refusing(status: u16, code: &str, reasons: &[&str]) -> DynamoLedger {
    let reasons: Vec<Value> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let answer = json!({"__type": kind, "message": "injected", "CancellationReasons": reasons});
    let connector = SharedHttpConnector::new(Always(status, answer.to_string()));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    DynamoLedger::new(aws_sdk_dynamodb::Client::from_conf(config.build()), "table")
}
