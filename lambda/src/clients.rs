//! Clients of AWS: one TLS stack, and a limit to every wait.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt at a call may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts: well below the lease of a chunk.
const CALL: Duration = Duration::from_secs(15);

/// Where a service is, if not at the region's address: this, or this, an underscore and the service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// What all clients share, from what Lambda gives to every function: a region, and keys in the environment.
///
/// The SDK's own search for keys knows files, profiles, roles and metadata services. None of them exists in a function, and the
/// code for all of them would be in its binary.
#[must_use]
pub fn config(get: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(get("AWS_REGION").map(Region::new))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(http())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard());
    config.set_endpoint_url(get(ENDPOINT));
    config.build()
}

/// The same for one service, such as `SQS`, which may have an address of its own.
#[must_use]
pub fn of_service(shared: &SdkConfig, service: &str, get: impl Fn(&str) -> Option<String>) -> SdkConfig {
    let mut config = shared.clone().into_builder();
    if let Some(endpoint) = get(&format!("{ENDPOINT}_{service}")) {
        config.set_endpoint_url(Some(endpoint));
    }
    config.build()
}

/// rustls with ring: the SDK's default library spends tens of milliseconds before its first handshake.
#[must_use]
pub fn http() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The SDK itself waits for ever.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).operation_timeout(CALL).build()
}

#[cfg(test)]
mod tests {
    use super::{config, of_service};

    #[test]
    fn a_service_may_have_an_address_of_its_own() {
        let get = |name: &str| match name {
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL_SQS" => Some("http://127.0.0.1:2".to_owned()),
            _ => None,
        };
        let shared = config(get);
        assert_eq!(shared.region().map(ToString::to_string).as_deref(), Some("eu-west-1"));
        assert_eq!(of_service(&shared, "SQS", get).endpoint_url(), Some("http://127.0.0.1:2"));
        assert_eq!(of_service(&shared, "DYNAMODB", get).endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(config(|_| None).endpoint_url(), None);
    }
}
