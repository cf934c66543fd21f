//! Help, version, devices and models.

mod common;

use common::{folder, run, succeed, words};

#[test]
fn every_command_has_help_with_examples() {
    let folder = folder();
    for command in [
        "train",
        "sample",
        "eval",
        "data preview",
        "data check",
        "inspect",
        "devices",
        "text tag",
        "text train",
        "text score",
        "embed train",
        "embed near",
        "embed analogy",
        "embed similar",
        "embed score",
        "embed convert",
    ] {
        let line = format!("{command} --help");
        let help = succeed(folder.path(), &words(&line)).stdout;
        assert!(help.contains("Example"), "{command}: {help}");
        assert!(help.contains(&format!("  kinora {command}")), "{command}: {help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{command}: {help}");
    }
    let help = succeed(folder.path(), &["--help"]).stdout;
    for command in ["train", "sample", "data", "inspect", "devices", "text", "Exit codes"] {
        assert!(help.contains(command), "{help}");
    }
}

#[test]
fn alone_it_prints_help() {
    let folder = folder();
    for line in ["", "data", "text"] {
        let ended = run(folder.path(), &words(line));
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("Usage:"), "{ended:?}");
    }
    let version = succeed(folder.path(), &["--version"]).stdout;
    assert_eq!(version.trim(), format!("kinora {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn devices_are_listed() {
    let folder = folder();
    let listed = succeed(folder.path(), &["devices"]).stdout;
    assert!(listed.starts_with("cpu "), "{listed}");
    let json = succeed(folder.path(), &["devices", "--json"]).stdout;
    let devices: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(devices[0]["device"], "cpu");
    assert!(devices[0]["threads"].as_u64().unwrap() >= 1);
    assert!(devices[0]["simd"].is_array());
    assert_eq!(devices.len() - 1, listed.lines().filter(|line| line.starts_with("gpu:")).count());
    for (number, gpu) in devices[1..].iter().enumerate() {
        assert_eq!(gpu["device"], format!("gpu:{number}"));
        assert!(gpu["name"].is_string() && gpu["software"].is_boolean(), "{gpu}");
        assert!(gpu["limits"]["tensor_bytes"].as_u64().unwrap() >= 128 << 20, "{gpu}");
    }
}

#[test]
fn models_are_inspected() {
    let folder = folder();
    for name in ["lpc", "shapes"] {
        let text = succeed(folder.path(), &["inspect", name]).stdout;
        for what in ["licence", "films", "weights", "tokenizer", "command"] {
            assert!(text.lines().any(|line| line.starts_with(what)), "{what}: {text}");
        }
        let json = succeed(folder.path(), &["inspect", name, "--json"]).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["card"]["data"], name);
        assert_eq!(json["precision"], "F16");
        // The number of parameters is that of the tensors in the file.
        let tensors = json["tensors"].as_array().unwrap();
        let elements = tensors.iter().map(|tensor| {
            let shape = tensor["shape"].as_array().unwrap();
            shape.iter().map(|length| length.as_u64().unwrap()).product::<u64>()
        });
        assert_eq!(json["parameters"].as_u64(), Some(elements.sum()));
    }
}
