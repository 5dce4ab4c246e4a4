//! Strict JSON reading and canonical bytes.
