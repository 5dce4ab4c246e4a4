//! Tests of evidence from the outside: audit log, report, metrics and webhook.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod place;
#[cfg(test)]
mod report;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tenant;
#[cfg(test)]
mod webhook;
