//! What DynamoDB's errors mean for the ledger, and which of them pass by themselves.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use purge_driver::ledger::LedgerError;

/// The condition of a write did not hold.
const CONDITION: &str = "ConditionalCheckFailedException";

/// Another transaction is writing the same item at this moment.
const CONFLICT: &str = "TransactionConflictException";

/// Errors that DynamoDB answers with a status of 4xx, as if the caller were at fault, although they pass by themselves. A cancelled
/// transaction has one reason for each write; for a commit, the reasons are examined one by one (`commit`).
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

/// Attempts at a write that conflicts with another one. The pauses between them are 10, 20, 40, … milliseconds, about three seconds
/// in all.
const TRIES: u32 = 9;

/// The ledger's error for a failed call: `Unavailable` if the failure passes by itself, `Refused` if only a person can change it.
pub(super) fn ledger_error<E>(error: SdkError<E>) -> LedgerError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if is_transient(&error) { LedgerError::Unavailable(DisplayErrorContext(error).to_string()) } else { refused(error) }
}

/// Whether a conditional write was made; `false` if its condition did not hold.
pub(super) fn condition_held<T, E>(written: Result<T, SdkError<E>>) -> Result<bool, LedgerError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match written {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(CONDITION) => Ok(false),
        Err(error) => Err(ledger_error(error)),
    }
}

/// The ledger refuses this call, however often it is repeated. Waiting would last for ever and nobody would notice, so this counts
/// as an error of the caller, as does a ledger that holds something else.
pub(super) fn refused(error: impl std::error::Error) -> LedgerError {
    LedgerError::Refused(DisplayErrorContext(error).to_string())
}

/// Whether the same call may succeed later. A denied access, an invalid request and a full partition stay as they are.
fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(answer) = error else {
        return !matches!(error, SdkError::ConstructionFailure(_));
    };
    answer.raw().status().is_server_error() || answer.err().code().is_some_and(|code| PASSING.contains(&code))
}

/// Repeats a write while another transaction conflicts with it. Throttling and missing answers are not repeated here, because the
/// client has already done that.
pub(super) async fn retry_conflicts<T, E, F>(attempt: impl Fn() -> F) -> Result<T, SdkError<E>>
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

/// Whether a write that has conflicted this often is worth another attempt.
pub(super) fn may_try_again(tries: u32) -> bool {
    tries < TRIES
}

/// Waits a moment that doubles with every attempt.
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
