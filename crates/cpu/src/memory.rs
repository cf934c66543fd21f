//! How much memory the system can still give.

use std::path::Path;

/// Available memory in bytes, if the system reports it (Linux), within the limits of the container.
pub fn available() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let free = available_of(&read("/proc/meminfo")?)?;
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    Some(limits_of(&groups, &read).fold(free, u64::min))
}

/// What each control group of a process leaves of its limit, in bytes: of version 2 (`memory.max`) and
/// version 1 (`memory.limit_in_bytes`), of the own group and of all groups above it. `text` is that of
/// `/proc/self/cgroup`, `read` gives the text of a file.
fn limits_of<'a>(
    text: &'a str,
    read: &'a dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = u64> + 'a {
    let number = |path: String| read(&path)?.trim().parse::<u64>().ok();
    let groups = text.lines().filter_map(|line| {
        // `0::/path` in version 2, `7:memory:/path` in version 1.
        let (kind, path) = line.split_once(':')?.1.split_once(':')?;
        let files = match kind {
            "" => ["", "memory.max", "memory.current", "memory.stat"],
            _ if kind.split(',').any(|kind| kind == "memory") => {
                ["memory/", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"]
            }
            _ => return None,
        };
        Some((files, path))
    });
    let above = |([root, most, used, stat], path): ([&'static str; 4], &'a str)| {
        let folders = Path::new(path).ancestors().map(move |group| {
            let group = group.to_string_lossy();
            format!("/sys/fs/cgroup/{root}{}", group.trim_start_matches('/'))
        });
        folders.map(move |folder| [most, used, stat].map(|file| format!("{folder}/{file}")))
    };
    groups.flat_map(above).filter_map(move |[most, used, stat]| {
        let (most, used) = (number(most)?, number(used)?);
        // The kernel frees the cache of files when memory is short.
        let stat = read(&stat).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok());
        Some(most.saturating_sub(used.saturating_sub(cache.unwrap_or(0u64))))
    })
}

/// Available memory plus free swap in bytes, from the text of `/proc/meminfo`.
fn available_of(text: &str) -> Option<u64> {
    let kilobytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some((kilobytes("MemAvailable")? + kilobytes("SwapFree")?) << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read() {
        let text = "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:   5 kB\nSwapFree:  2 kB\n";
        assert_eq!(available_of(text), Some(7 << 10));
        assert_eq!(available_of("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn a_container_has_its_own_limit() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "5\n"),
            ("/sys/fs/cgroup/a/memory.max", "1000\n"),
            ("/sys/fs/cgroup/a/memory.current", "700\n"),
            ("/sys/fs/cgroup/a/memory.stat", "anon 600\ninactive_file 100\n"),
            ("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "90\n"),
            ("/sys/fs/cgroup/memory/c/memory.usage_in_bytes", "100\n"),
        ];
        let read =
            |path: &str| files.iter().find(|file| file.0 == path).map(|file| file.1.to_string());
        let limits = |text| limits_of(text, &read).collect::<Vec<_>>();
        assert_eq!(limits("0::/a/b\n"), [400]);
        assert_eq!(limits("9:cpu,memory:/c\n1:name=systemd:/c\n"), [0]);
        for nothing in ["", "0::/\n", "nonsense", "0::/other\n"] {
            assert!(limits(nothing).is_empty(), "{nothing}");
        }
    }
}
