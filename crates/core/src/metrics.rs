//! Metrics as a fold over audit records.
