//! Evidence: audit log, report, metrics and webhook, from the outside.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod report;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhook;
