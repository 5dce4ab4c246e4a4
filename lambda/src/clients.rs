//! Clients of AWS: one TLS stack, and a limit to every wait.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt at a call may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a call may take with all its attempts: well below the lease of a chunk.
const CALL: Duration = Duration::from_secs(15);

/// What all clients share, from the environment of the function.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).http_client(http()).timeout_config(timeouts()).load().await
}

/// rustls with ring: the SDK's default library spends tens of milliseconds before its first handshake.
#[must_use]
pub fn http() -> aws_sdk_dynamodb::config::SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The SDK itself waits for ever.
#[must_use]
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).operation_timeout(CALL).build()
}
