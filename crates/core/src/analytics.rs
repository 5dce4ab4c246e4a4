//! Analytics queries: counting records, looking up conversations.
