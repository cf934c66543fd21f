//! Lists of captions in a folder of clips.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;
use kinora_video::{Clip, Draw, Split, check, open};

/// A folder with the clips `0.gif` and `1.gif` and a list.
fn folder(list: &str, text: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for i in 0..2 {
        let clip = Clip::new([1, 2, 2, 3], 8.0, vec![9 * i; 12])?;
        clip.save(folder.path().join(format!("{i}.gif")), &Default::default())?;
    }
    fs::write(folder.path().join(list), text)?;
    Ok(folder)
}

/// The same captions in each form that people have them in.
#[test]
fn lists_of_other_programs() -> Result<()> {
    let captions = ["a knight, with a \"red\" cape", "an orc"];
    for (name, text) in [
        (
            "captions.csv",
            "file,caption\n0.gif,\"a knight, with a \"\"red\"\" cape\"\n1.gif,an orc\n",
        ),
        (
            "CAPTIONS.CSV",
            "Caption;seed;File\r\n\"a knight, with a \"\"red\"\" cape\";3;0.gif\r\nan orc;;1.gif",
        ),
        (
            "metadata.csv",
            "\u{feff}file_name\ttext\n./0.gif\t\"a knight,\n with a \"\"red\"\" cape\"\n\n1.gif\tan orc\n",
        ),
        (
            "metadata.jsonl",
            "{\"file_name\": \"0.gif\", \"text\": \"a knight, with a \\\"red\\\" cape\"}\n\n\
             {\"file_name\": \"1.gif\", \"prompt\": \"an orc\", \"id\": 7}\n",
        ),
    ] {
        let folder = folder(name, text)?;
        let spec = format!("clips:{}", folder.path().display());
        assert_eq!(
            check(&spec).iter().map(ToString::to_string).collect::<Vec<_>>(),
            [""; 0],
            "{name}"
        );
        let clips = open(&spec)?;
        let said = |index| Ok(clips.caption(Split::Train, Draw { seed: 0, index })?.text);
        let said = (0..40).map(said).collect::<Result<BTreeSet<String>>>()?;
        assert_eq!(said, captions.map(String::from).into(), "{name}");
    }
    for (text, wanted) in [
        (
            "0.gif,a knight\n1.gif,an orc\n",
            "captions.csv: line 1: the first line must name the columns",
        ),
        ("", "captions.csv: line 1: the first line must name the columns"),
        (
            "file,caption\n0.gif,a knight\n1.gif\n",
            "captions.csv: line 3: the row has 1 of 2 columns",
        ),
        ("file,caption\n0.gif,a knight\n1.gif, \n", "captions.csv: line 3: the caption is empty"),
        (
            "file,caption\n0.gif,\"a\nb\"\n2.gif,an orc\n",
            "captions.csv: line 4: there is no file \"2.gif\"",
        ),
    ] {
        let folder = folder("captions.csv", text)?;
        let all = check(&format!("clips:{}", folder.path().display()));
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|error| error.contains(wanted)), "{wanted}: {all:?}");
    }
    Ok(())
}
