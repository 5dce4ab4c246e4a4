//! What an HTTP answer means, before it is known what was asked.
