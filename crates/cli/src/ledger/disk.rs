//! The file system that the ledger's folder is on. SQLite's write-ahead log is memory shared by the processes of one machine, and a
//! lock may be known to one machine only: over a network, two machines would carry out the same run and damage the file
//! (<https://sqlite.org/wal.html>).

use std::path::Path;

/// The network file system that the folder is on, if any.
#[cfg(target_os = "linux")]
pub(super) fn network(folder: &Path) -> Option<&'static str> {
    // If the system does not say, assume a local disk. The numbers have 32 bits, whatever the width of the word.
    let about = rustix::fs::statfs(folder).ok()?;
    network_of(about.f_type as u32)
}

/// Only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn network(_folder: &Path) -> Option<&'static str> {
    None
}

/// The network file system with that number of `statfs(2)` and `linux/magic.h`. Those that may be local as well, such as 9P and
/// FUSE, do not count.
#[cfg(target_os = "linux")]
fn network_of(number: u32) -> Option<&'static str> {
    match number {
        0x6969 => Some("NFS"),
        0x517B | 0xFE53_4D42 | 0xFF53_4D42 => Some("SMB"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_machines_share_is_told_from_what_they_have() {
        for (number, name) in [(0x6969, "NFS"), (0x517B, "SMB"), (0xFF53_4D42, "SMB"), (0xFE53_4D42, "SMB")] {
            assert_eq!(network_of(number), Some(name));
        }
        // ext4, XFS, btrfs, tmpfs, overlayfs, ZFS, FUSE, 9P.
        for number in
            [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0x2FC1_2FC1, 0x6573_5546, 0x0102_1997]
        {
            assert_eq!(network_of(number), None, "{number:#x}");
        }
        assert_eq!(network(Path::new("/proc")), None);
    }
}
