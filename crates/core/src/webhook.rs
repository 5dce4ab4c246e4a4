//! Webhook events: payload, signature and delivery schedule.
