//! `kinora data`: checks and previews of datasets.

mod common;

use common::{folder, run, words};

#[test]
fn shapes_are_right_and_have_previews() {
    let folder = folder();
    let ended = run(folder.path(), &["data", "check", "shapes", "--json"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{ended:?}");
    let line = "data preview shapes --held-out --count 3 --out a.gif";
    assert_eq!(run(folder.path(), &words(line)).code, Some(0));
    let line = "data preview shapes --held-out --count 3 --model shapes --out b.gif";
    assert_eq!(run(folder.path(), &words(line)).code, Some(0));
    let dims = |name: &str| kinora_video::Clip::load(folder.path().join(name)).unwrap().dims();
    assert!(dims("b.gif")[1] > dims("a.gif")[1], "no films under the clips");
}
