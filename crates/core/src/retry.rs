//! When to try again, as data.
