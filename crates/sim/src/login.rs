//! Tokens: who gets one, and how long it lives.

use purge_core::http::HttpResponse;
use purge_core::sorted::SortedMap;
use serde_json::json;

use crate::error::ApiError;
use crate::http::TenantRequest;
use crate::prng::{Prng, uuid_text};
use crate::rate_limit::Budget;
use crate::scenario::Scenario;

/// An issued token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The id of its client.
    pub(crate) client: String,
    expires: i64,
    revoked: bool,
    pub(crate) budget: Budget,
}

/// All tokens by their text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    issued: u64,
    tokens: SortedMap<String, Token>,
}

/// The purpose of the number stream.
const PURPOSE: u64 = 0x746f_6b65;

impl Tokens {
    /// Answers a token request.
    pub(crate) fn issue(&mut self, scenario: &Scenario, request: &TenantRequest, now: i64) -> HttpResponse {
        let Some(client) = authenticated(scenario, request) else {
            return refusal(401, "invalid_client", "authentication failed");
        };
        let content_type = request.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return refusal(400, "invalid_request", "the content type must be application/x-www-form-urlencoded");
        }
        let grant = request.body.split('&').find_map(|pair| pair.strip_prefix("grant_type="));
        match grant {
            Some("client_credentials") => {}
            Some(_) => return refusal(400, "unsupported_grant_type", "unsupported grant_type"),
            None => return refusal(400, "invalid_request", "grant_type is missing"),
        }
        self.issued += 1;
        let mut prng = Prng::new(scenario.seed, PURPOSE.wrapping_add(self.issued << 32));
        let text = format!("{:016x}{:016x}{:016x}{:016x}", prng.next(), prng.next(), prng.next(), prng.next());
        let lifetime = i64::try_from(scenario.login.expires_in).unwrap_or(i64::MAX).saturating_mul(1000);
        self.tokens.retain(|_, token| token.expires > now && !token.revoked);
        self.tokens.insert(
            text.clone(),
            Token { client, expires: now.saturating_add(lifetime), revoked: false, budget: Budget::default() },
        );
        let body = json!({ "access_token": text, "token_type": "bearer", "expires_in": scenario.login.expires_in });
        HttpResponse::json(200, &body)
    }

    /// The token that a request carries, if it is valid.
    pub(crate) fn check(&mut self, request: &TenantRequest, now: i64) -> Result<&mut Token, ApiError> {
        let text = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let Some(text) = text else {
            return Err(ApiError::new(
                401,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            ));
        };
        match self.tokens.get_mut(text) {
            Some(token) if !token.revoked && now < token.expires => Ok(token),
            Some(_) | None => Err(ApiError::new(401, "bad.credentials", "Invalid login credentials.")),
        }
    }

    pub(crate) fn revoke_all(&mut self) {
        for token in self.tokens.values_mut() {
            token.revoked = true;
        }
    }

    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }
}

fn authenticated(scenario: &Scenario, request: &TenantRequest) -> Option<String> {
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let clients = &scenario.login.clients;
    let client = clients.iter().find(|c| base64(format!("{}:{}", c.id, c.secret).as_bytes()) == encoded.trim())?;
    Some(client.id.clone())
}

/// A refusal of the login service, which does not use `ErrorBody`.
fn refusal(status: u16, error: &str, description: &str) -> HttpResponse {
    HttpResponse::json(status, &json!({ "error": error, "description": description, "error_description": description }))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let six = usize::try_from((bits >> (18 - 6 * place)) & 63).unwrap_or(0);
            let letter = ALPHABET.get(six).copied().filter(|_| place <= u32::try_from(chunk.len()).unwrap_or(3));
            out.push(char::from(letter.unwrap_or(b'=')));
        }
    }
    out
}

/// An id derived from the seed, a purpose and a number.
pub(crate) fn nth_id(seed: u64, purpose: u64, nth: u64) -> String {
    uuid_text(Prng::new(seed, purpose.wrapping_add(nth << 32)).uuid())
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_has_its_padding() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("sim:sim", "c2ltOnNpbQ==")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
