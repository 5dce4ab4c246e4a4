//! `dataDeletion`: one request per window, accepted, then polled until it is completed.
