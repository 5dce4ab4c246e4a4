//! `recordingJobs`: create, wait until counted, gate, execute, wait, collect what failed.
