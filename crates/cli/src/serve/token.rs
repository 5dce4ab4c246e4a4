//! The token of this start of the server. Only somebody who has read the terminal has it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::failure::Failure;

/// 256 random bits, made at the start and never stored.
pub(crate) struct Token(String);

impl Token {
    /// Makes a new token.
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|why| Failure::machine("make up a token", why))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token's text, for the printed address.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Whether an `authorization` header carries the token. The time that the comparison takes does not depend on where they
    /// differ.
    pub(crate) fn is_in(&self, authorization: &[u8]) -> bool {
        let Some(given) = authorization.strip_prefix(b"Bearer ") else { return false };
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_will_do_and_it_is_not_in_debug() {
        let token = Token::new().unwrap();
        let header = |text: &str| format!("Bearer {text}").into_bytes();
        assert!(token.is_in(&header(token.text())));
        let shorter: String = token.text().chars().skip(1).collect();
        for wrong in [b"".to_vec(), header(""), header(&shorter), header(&format!("{}x", token.text()))] {
            assert!(!token.is_in(&wrong));
        }
        assert!(!token.is_in(token.text().as_bytes()));
        assert_ne!(token.text(), Token::new().unwrap().text());
        assert!(!format!("{token:?}").contains(token.text()));
    }
}
