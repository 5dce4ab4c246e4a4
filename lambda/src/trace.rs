//! Trace context: from X-Ray's header to W3C's, which carry the same ids.

/// The W3C `traceparent` of an X-Ray header such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
#[must_use]
pub fn traceparent(xray: &str) -> Option<String> {
    let field = |name: &str| xray.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let root = field("Root")?.strip_prefix("1-")?;
    let (seconds, random) = root.split_once('-')?;
    let parent = field("Parent")?;
    let hex = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !(hex(seconds, 8) && hex(random, 24) && hex(parent, 16)) {
        return None;
    }
    let sampled = if field("Sampled") == Some("1") { "01" } else { "00" };
    Some(format!("00-{seconds}{random}-{parent}-{sampled}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::traceparent;

    #[test]
    fn headers_are_translated_or_left_out() {
        let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let w3c = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        assert_eq!(traceparent(xray).as_deref(), Some(w3c));
        for bad in ["", "Root=1-5759e988", "Root=1-5759e988-xx;Parent=53995c3f42cd8ad8", "Root=2-a-b;Parent=c"] {
            assert_eq!(traceparent(bad), None, "{bad}");
        }
    }
}
