//! How much memory the system can still give.

use std::path::Path;

/// Available memory in bytes, if the system reports it (Linux), within the limits of the container.
pub fn available() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let free = available_of(&read(Path::new("/proc/meminfo"))?)?;
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    Some(left_of_limits(&groups, &read).map_or(free, |left| left.min(free)))
}

/// The files of a control group: its limit, its use, and the counters of memory that the kernel frees when
/// memory is short, mostly the cache of files.
struct Files {
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    freed: &'static [&'static str],
}

const VERSION_1: Files = Files {
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    freed: &["total_active_file", "total_inactive_file"],
};
const VERSION_2: Files = Files {
    root: "/sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    freed: &["active_file", "inactive_file", "slab_reclaimable"],
};

/// What is left of the memory limits of a process, in bytes: the least over its control groups and all groups
/// above them. `groups` is the text of `/proc/self/cgroup`; `read` gives the text of a file.
fn left_of_limits(groups: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        // `0::/path` in version 2, `7:cpu,memory:/path` in version 1.
        let Some((kinds, path)) = line.split_once(':').and_then(|line| line.1.split_once(':'))
        else {
            continue;
        };
        let files = match kinds {
            "" => VERSION_2,
            _ if kinds.split(',').any(|kind| kind == "memory") => VERSION_1,
            _ => continue,
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let folder = Path::new(files.root).join(group);
            let number = |file: &str| read(&folder.join(file))?.trim().parse::<u64>().ok();
            let (Some(limit), Some(used)) = (number(files.limit), number(files.used)) else {
                continue;
            };
            let counters = read(&folder.join("memory.stat")).unwrap_or_default();
            let freed = counters.lines().filter_map(|line| {
                let (name, bytes) = line.split_once(' ')?;
                files.freed.contains(&name).then(|| bytes.parse::<u64>().ok())?
            });
            let left = limit.saturating_sub(used.saturating_sub(freed.sum()));
            least = Some(least.map_or(left, |least| least.min(left)));
        }
    }
    least
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
            ("/sys/fs/cgroup/memory.max", "3000\n"),
            ("/sys/fs/cgroup/memory.current", "1000\n"),
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/b/memory.current", "5\n"),
            ("/sys/fs/cgroup/a/memory.max", "1000\n"),
            ("/sys/fs/cgroup/a/memory.current", "700\n"),
            ("/sys/fs/cgroup/a/memory.stat", "anon 600\ninactive_file 70\nactive_file 30\n"),
            ("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "90\n"),
            ("/sys/fs/cgroup/memory/c/memory.usage_in_bytes", "100\n"),
            ("/sys/fs/cgroup/memory/c/memory.stat", "inactive_file 9\ntotal_inactive_file 50\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n"),
        ];
        let read = |path: &Path| {
            files.iter().find(|file| Path::new(file.0) == path).map(|file| file.1.to_string())
        };
        for (groups, left) in [
            ("0::/a/b\n", Some(400)),
            ("0::/\n", Some(2000)),
            ("0::/other\n", Some(2000)),
            ("9:cpu,memory:/c\n1:name=systemd:/c\n", Some(40)),
            ("", None),
            ("nonsense", None),
            ("1:name=systemd:/c\n", None),
        ] {
            assert_eq!(left_of_limits(groups, &read), left, "{groups}");
        }
    }
}
