//! The report: a fold over audit records whose counts must add up.
