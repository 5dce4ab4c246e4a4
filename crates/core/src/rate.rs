//! The request budget: how many requests a minute may leave, fed by the answers' headers.
