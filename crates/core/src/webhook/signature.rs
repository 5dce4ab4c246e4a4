//! Signatures as in Standard Webhooks 1.0.0 (<https://www.standardwebhooks.com>): HMAC-SHA256 over id, time and body.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::time::Timestamp;

/// The most by which the time of a message may differ from the receiver's.
const TOLERANCE: Duration = Duration::from_mins(5);

/// Secrets circulate with and without padding.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A signing key. Its bytes are never shown, and are overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a text is not a signing secret. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is empty.
    #[error("the webhook secret is empty")]
    Empty,
    /// The prefix `whsec_`, which says what the bytes are for, is missing.
    #[error("a webhook secret starts with `whsec_`")]
    NoPrefix,
    /// What follows the prefix is not base64.
    #[error("the webhook secret is not base64 after `whsec_`")]
    NotBase64,
    /// The secret does not have the 24 to 64 bytes that the standard asks for.
    #[error("the webhook secret has {0} bytes, not 24 to 64")]
    Length(usize),
}

impl Secret {
    /// Reads `whsec_` and the base64, with or without padding, of 24 to 64 bytes.
    ///
    /// # Errors
    /// The first reason to refuse the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        let encoded = text.strip_prefix("whsec_").ok_or(SecretError::NoPrefix)?;
        let decoded = SECRET_BASE64.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        let bytes = Zeroizing::new(decoded);
        if (24..=64).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError::Length(bytes.len())) }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [id, ".", timestamp, ".", body] {
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

/// The keys to sign with, never empty. There is more than one while a receiver changes from an old key to a new one.
#[derive(Clone, Debug)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Reads one or more secrets, separated by white space or commas.
    ///
    /// # Errors
    /// The first error in a secret.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let texts = text.split([' ', ',', '\n', '\t', '\r']).filter(|t| !t.is_empty());
        let secrets = texts.map(Secret::parse).collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() { Err(SecretError::Empty) } else { Ok(Self(secrets)) }
    }
}

/// The value of `webhook-signature`: one `v1,` signature for each secret. `sent` is the time of this delivery.
#[must_use]
pub fn sign(secrets: &Secrets, id: &str, sent: Timestamp, body: &str) -> String {
    let timestamp = seconds(sent).to_string();
    let macs = secrets.0.iter().filter_map(|secret| secret.mac(id, &timestamp, body));
    let signatures: Vec<_> = macs.map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))).collect();
    signatures.join(" ")
}

/// The three headers of a delivery, in the order of the standard.
#[must_use]
pub fn signature_headers(secrets: &Secrets, id: &str, sent: Timestamp, body: &str) -> [(&'static str, String); 3] {
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds(sent).to_string()),
        ("webhook-signature", sign(secrets, id, sent, body)),
    ]
}

/// The two headers of an unsigned delivery. The receiver can still recognise repeats by the id.
#[must_use]
pub fn unsigned_headers(id: &str, sent: Timestamp) -> [(&'static str, String); 2] {
    [("webhook-id", id.to_owned()), ("webhook-timestamp", seconds(sent).to_string())]
}

/// Why a delivery is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// `webhook-timestamp` is not a number of seconds.
    #[error("the `webhook-timestamp` header is not a number of seconds")]
    Timestamp,
    /// The message is more than five minutes old.
    #[error("the message is older than five minutes")]
    TooOld,
    /// The message is more than five minutes ahead.
    #[error("the message is more than five minutes ahead of time")]
    TooNew,
    /// No signature was made with one of the secrets.
    #[error("no signature matches")]
    NoMatch,
}

/// Checks a delivery as a receiver does, from the values of the three headers and the body as it came.
///
/// # Errors
/// Why the delivery is not to be trusted.
pub fn verify(
    secrets: &Secrets,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let is_digits_only = timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: i64 = timestamp.parse().ok().filter(|_| is_digits_only).ok_or(VerifyError::Timestamp)?;
    let sent = Timestamp::from_millis(sent.saturating_mul(1000));
    if now.since(sent) > TOLERANCE {
        return Err(VerifyError::TooOld);
    }
    if sent.since(now) > TOLERANCE {
        return Err(VerifyError::TooNew);
    }
    let candidates =
        signatures.split(' ').filter_map(|s| s.strip_prefix("v1,")).filter_map(|s| STANDARD.decode(s).ok());
    for candidate in candidates {
        for secret in &secrets.0 {
            // `verify_slice` compares in constant time.
            if secret.mac(id, timestamp, body).is_some_and(|mac| mac.verify_slice(&candidate).is_ok()) {
                return Ok(());
            }
        }
    }
    Err(VerifyError::NoMatch)
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the Standard Webhooks libraries publish.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sent() -> Timestamp {
        Timestamp::from_millis(1_614_265_330_000)
    }

    #[test]
    fn the_published_vector() {
        let secrets = Secrets::parse(SECRET).unwrap();
        assert_eq!(sign(&secrets, ID, sent(), BODY), SIGNATURE);
        assert_eq!(verify(&secrets, ID, "1614265330", SIGNATURE, BODY, sent()), Ok(()));
    }

    #[test]
    fn while_keys_change_both_sign_and_either_verifies() {
        let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let both = Secrets::parse(&format!("{SECRET}, {other}")).unwrap();
        let signatures = sign(&both, ID, sent(), BODY);
        assert_eq!(signatures.split(' ').count(), 2);
        for one in [SECRET, other] {
            let one = Secrets::parse(one).unwrap();
            assert_eq!(verify(&one, ID, "1614265330", &signatures, BODY, sent()), Ok(()));
        }
    }

    #[test]
    fn anything_changed_is_refused() {
        let secrets = Secrets::parse(SECRET).unwrap();
        let asymmetric = SIGNATURE.replace("v1,", "v1a,");
        let check = |id, timestamp, signatures, body| verify(&secrets, id, timestamp, signatures, body, sent());
        assert_eq!(check("msg_other", "1614265330", SIGNATURE, BODY), Err(VerifyError::NoMatch));
        assert_eq!(check(ID, "1614265331", SIGNATURE, BODY), Err(VerifyError::NoMatch));
        assert_eq!(check(ID, "1614265330", SIGNATURE, r#"{"test": 2432232315}"#), Err(VerifyError::NoMatch));
        assert_eq!(check(ID, "1614265330", &asymmetric, BODY), Err(VerifyError::NoMatch));
        assert_eq!(check(ID, "1614265330", "", BODY), Err(VerifyError::NoMatch));
        assert_eq!(check(ID, "+1614265330", SIGNATURE, BODY), Err(VerifyError::Timestamp));
        assert_eq!(check(ID, "", SIGNATURE, BODY), Err(VerifyError::Timestamp));
        assert_eq!(check(ID, "1614265029", SIGNATURE, BODY), Err(VerifyError::TooOld));
        assert_eq!(check(ID, "1614265631", SIGNATURE, BODY), Err(VerifyError::TooNew));
    }

    #[test]
    fn secrets_are_read_strictly_and_never_shown() {
        assert_eq!(Secrets::parse(" ,").err(), Some(SecretError::Empty));
        assert_eq!(Secrets::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").err(), Some(SecretError::NoPrefix));
        assert_eq!(Secrets::parse("whsec_MfKQ9r8GKY*qrTwjUPD8ILPZIo2L").err(), Some(SecretError::NotBase64));
        assert_eq!(Secrets::parse("whsec_c2hvcnQ=").err(), Some(SecretError::Length(5)));
        assert_eq!(format!("{:?}", Secrets::parse(SECRET).unwrap()), "Secrets([Secret])");
    }
}
