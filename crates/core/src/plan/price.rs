//! Prices of AWS in US East (N. Virginia) beyond the free tier, in billionths of a US dollar, as of November 2026, from the public
//! lists at aws.amazon.com/lambda/pricing (Arm), aws.amazon.com/sqs/pricing (standard queues) and aws.amazon.com/dynamodb/pricing
//! (on demand). Other regions differ little.

/// One gigabyte of memory for one second: $0.0000133334.
pub const GIGABYTE_SECOND: u64 = 13_333;
/// One invocation of a function: $0.20 a million.
pub const INVOCATION: u64 = 200;
/// One request to a queue: $0.40 a million.
pub const QUEUE_REQUEST: u64 = 400;
/// One kilobyte written to a table: $0.625 a million.
pub const WRITE_UNIT: u64 = 625;
/// Four kilobytes read consistently from a table: $0.125 a million.
pub const READ_UNIT: u64 = 125;
