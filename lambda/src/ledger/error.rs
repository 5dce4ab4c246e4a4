//! What DynamoDB refuses, and which of it passes by itself.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use purge_driver::ledger::LedgerError;

/// Another transaction touches the same item at this moment.
const CONFLICT: &str = "TransactionConflictException";

/// Tries of a write that meets another one, with 10, 20, 40, … milliseconds between them: about three seconds in all.
const TRIES: u32 = 9;

/// The ledger cannot be used now.
pub(super) fn unavailable<E>(error: SdkError<E>) -> LedgerError
where
    E: std::error::Error + Send + Sync + 'static,
{
    LedgerError::Unavailable(DisplayErrorContext(error).to_string())
}

/// Tries again while another transaction is in the way. The client itself has already tried again what it may: throttling and
/// answers that did not come.
pub(super) async fn past_conflicts<T, E, F>(attempt: impl Fn() -> F) -> Result<T, SdkError<E>>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    E: ProvideErrorMetadata,
{
    let mut tries = 0;
    loop {
        let answer = attempt().await;
        tries += 1;
        match &answer {
            Err(SdkError::ServiceError(error)) if error.err().code() == Some(CONFLICT) && tries < TRIES => {
                pause(tries).await;
            }
            Ok(_) | Err(_) => return answer,
        }
    }
}

/// Whether it is worth meeting the other transaction again.
pub(super) fn may_try_again(tries: u32) -> bool {
    tries < TRIES
}

/// Waits a moment that grows with the number of tries.
pub(super) async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(5 << tries.min(TRIES))).await;
}
