//! The configuration of the AWS clients: one HTTP client for all, and a limit to every wait.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use purge_driver::HttpsClient;

use crate::connector;

/// How long one attempt at a call may take.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts: well below the lease of a chunk.
const CALL: Duration = Duration::from_secs(15);

/// Variable with the address of a service that is not at the region's address: this name, or this name, an underscore and the
/// service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The configuration that all clients share. Lambda gives every function a region and keys in its environment.
///
/// The SDK's own search for keys also looks at files, profiles, roles and metadata services. None of them exists in a function, and
/// the code for all of them would be in its binary.
#[must_use]
pub fn config(https: HttpsClient, get: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(get("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(connector::over(https))
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard());
    config.set_endpoint_url(get(ENDPOINT));
    config.build()
}

/// The configuration for one service, such as `SQS`, which may have an address of its own.
#[must_use]
pub fn of_service(shared: &SdkConfig, service: &str, get: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let mut config = shared.clone().into_builder();
    if let Some(endpoint) = get(&format!("{ENDPOINT}_{service}")) {
        config.set_endpoint_url(Some(endpoint));
    }
    config.build()
}

/// A client that is made when it is first used. No event needs all of the clients, and none is needed before the first event.
#[derive(Clone)]
pub struct Lazy<C>(Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>);

impl<C> Lazy<C> {
    /// A client that `make` makes.
    #[must_use]
    pub fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

impl<C: Send + 'static> From<C> for Lazy<C> {
    fn from(client: C) -> Self {
        Self::new(move || client)
    }
}

impl<C> Deref for Lazy<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> fmt::Debug for Lazy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").finish_non_exhaustive()
    }
}

/// Time limits for every call: without them, the SDK waits for ever.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(CALL).build()
}

#[cfg(test)]
mod tests {
    use purge_driver::HttpsClient;

    use super::of_service;

    #[test]
    fn a_service_may_have_an_address_of_its_own() {
        let get = |name: &str| match name {
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL_SQS" => Some("http://127.0.0.1:2".to_owned()),
            _ => None,
        };
        let config = |get: fn(&str) -> Option<String>| super::config(HttpsClient::new().unwrap(), get);
        let shared = config(get);
        assert_eq!(shared.region().map(ToString::to_string).as_deref(), Some("eu-west-1"));
        assert_eq!(of_service(&shared, "SQS", get).endpoint_url(), Some("http://127.0.0.1:2"));
        assert_eq!(of_service(&shared, "DYNAMODB", get).endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config(|_| None).endpoint_url(), None);
    }
}
