//! What a part tells about itself.

use anyhow::Result;

use crate::table::Measured;

/// Peak memory of this process in MiB (`VmHWM`).
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

pub fn report(measured: Measured) -> Result<()> {
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
