//! What DynamoDB refuses, and which of it passes by itself.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use purge_driver::ledger::LedgerError;

/// The condition of a write did not hold.
const CONDITION: &str = "ConditionalCheckFailedException";

/// Another transaction touches the same item at this moment.
const CONFLICT: &str = "TransactionConflictException";

/// What DynamoDB answers with a status of 4xx, as if it were the caller's fault, although it passes by itself. A transaction is
/// cancelled for reasons of its writes; those of a commit are looked at one by one.
const PASSING: [&str; 9] = [
    CONFLICT,
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionInProgressException",
    "RequestTimeoutException",
];

/// Tries of a write that meets another one, with 10, 20, 40, … milliseconds between them: about three seconds in all.
const TRIES: u32 = 9;

/// The ledger cannot be used: now, or, if nothing but a person will change that, at all.
pub(super) fn failed<E>(error: SdkError<E>) -> LedgerError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if passes(&error) { LedgerError::Unavailable(DisplayErrorContext(error).to_string()) } else { refused(error) }
}

/// Whether a conditional write was done: not if its condition did not hold.
pub(super) fn held<T, E>(written: Result<T, SdkError<E>>) -> Result<bool, LedgerError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(CONDITION) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// The ledger refuses this, whenever it is asked. Whoever waits for that to pass waits for ever, and nobody learns of it; so it is an
/// error of whoever asked, like a ledger that holds something else.
pub(super) fn refused(error: impl std::error::Error) -> LedgerError {
    LedgerError::Refused(DisplayErrorContext(error).to_string())
}

/// Whether the same may be done later: an access that is denied, a request that is not valid, or a partition that is full stays so.
fn passes<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(answer) = error else {
        return !matches!(error, SdkError::ConstructionFailure(_));
    };
    answer.raw().status().is_server_error() || answer.err().code().is_some_and(|code| PASSING.contains(&code))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a test that cannot go on has failed")]

    use purge_driver::Ledger as _;
    use purge_driver::ledger::LedgerError;

    use super::PASSING;
    use crate::ledger::canned::refusing;

    async fn is_waited_for(status: u16, code: &str) -> bool {
        match refusing(status, code, &[]).chunk("run-1", 1).await {
            Err(LedgerError::Unavailable(why)) => {
                assert!(why.contains(code), "{why}");
                true
            }
            Err(LedgerError::Refused(why)) => {
                assert!(why.contains(code), "{why}");
                false
            }
            other @ (Ok(_) | Err(LedgerError::Corrupt(_) | LedgerError::Conflict(_))) => panic!("{code}: {other:?}"),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_does_not_pass_by_itself_is_not_waited_for() {
        for code in PASSING {
            assert!(is_waited_for(400, code).await, "{code}");
        }
        for code in ["InternalServerError", "ServiceUnavailable", "a code that nobody knows"] {
            assert!(is_waited_for(500, code).await, "{code}");
        }
        for code in [
            "AccessDeniedException",
            "ItemCollectionSizeLimitExceededException",
            "ResourceNotFoundException",
            "UnrecognizedClientException",
            "ValidationException",
            "a code that nobody knows",
        ] {
            assert!(!is_waited_for(400, code).await, "{code}");
        }
    }
}
