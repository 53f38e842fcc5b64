//! Figures as they are printed, and what is read off processes.

use std::io::Write;
use std::time::Duration;

/// One line of the result.
pub(crate) fn say(workload: &str, what: &str, figure: &str) {
    println!("{workload} | {what} | {figure}");
}

/// `12.3 ms`, `4.56 s`.
pub(crate) fn time(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1000.0;
    if ms < 1000.0 { format!("{ms:.1} ms") } else { format!("{:.2} s", ms / 1000.0) }
}

/// Median, 99th of a hundred, and longest.
pub(crate) fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at =
        |of: usize| times.get((times.len() * of / 100).min(times.len() - 1)).copied().unwrap_or_default();
    format!("p50 {}, p99 {}, worst {}", time(at(50)), time(at(99)), time(at(100)))
}

/// `count` of something in `duration`, by the second.
pub(crate) fn rate(count: usize, duration: Duration) -> String {
    format!("{:.0}/s", count as f64 / duration.as_secs_f64())
}

/// What is in a process's `/proc` directory; nothing of one that ended.
fn of_process(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

/// Resident memory in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    let status = of_process(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap_or_default() / 1024.0
}

/// Processor time so far, in milliseconds.
pub(crate) fn processor(pid: u32) -> f64 {
    let stat = of_process(pid, "stat");
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

/// How long this disk takes to append 10 KB and to sync them: every level waits for that a few times before it answers.
pub(crate) fn syncs(dir: &std::path::Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(dir.join("syncs")).expect("a file");
    let synced = |_| {
        let begun = std::time::Instant::now();
        file.write_all(&[7; 10 * 1024]).and_then(|()| file.sync_data()).expect("written");
        begun.elapsed()
    };
    (0..200).map(synced).collect()
}

/// Bytes of all files below a directory.
pub(crate) fn bytes_below(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
