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
        ("0.gif,a knight\n1.gif,an orc\n", "captions.csv: the first line must name the columns"),
        ("", "captions.csv: the first line must name the columns"),
        (
            "file,caption\n0.gif,a knight\n1.gif\n",
            "captions.csv: line 3: the row has 1 column, not 2",
        ),
        (
            "file,caption\n0.gif,a knight, with a cape\n1.gif,an orc\n",
            "captions.csv: line 2: the row has 3 columns, not 2; put a caption with commas in quotes",
        ),
        (
            "file,caption\r\n0.gif,\"a\r\nb\"\r\n\r\n\r\n2.gif,an orc\r\n",
            "captions.csv: line 6: there is no file \"2.gif\"",
        ),
        (
            "file,caption\n0.gif,\"a knight\n1.gif,an orc\n",
            "captions.csv: line 2: a quote begins in this row and does not end",
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
    // A file of that name may be of another program, also beside the frames of a clip.
    let other = folder("metadata.csv", "pose;score\na;3\n")?;
    let at = |name: &str| other.path().join(name);
    fs::write(at("0.txt"), "a knight")?;
    fs::write(at("1.txt"), "an orc")?;
    Clip::new([2, 2, 2, 3], 8.0, vec![7; 24])?.save(at("walk/"), &Default::default())?;
    fs::write(at("walk.txt"), "a walk")?;
    fs::write(at("walk/metadata.jsonl"), "{\"pose\": 3}\n")?;
    assert_eq!(check(&format!("clips:{}", other.path().display())).len(), 0);
    Ok(())
}
