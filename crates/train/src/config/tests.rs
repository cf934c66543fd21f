use super::*;

#[test]
fn presets_are_whole() {
    for (name, text) in PRESETS {
        let config = Config::preset(name, &[]).unwrap();
        assert_eq!(Config::parse(text, name, &[]).unwrap(), config);
        assert_eq!(Config::parse(&config.to_toml(), name, &[]).unwrap(), config);
    }
}

#[test]
fn a_model_finds_the_preset_of_its_sizes() {
    for (name, _) in PRESETS {
        let of = |set: &[&str]| {
            let set: Vec<String> = set.iter().map(|item| (*item).into()).collect();
            Config::preset_for(&Config::preset(name, &set).unwrap().model())
        };
        assert_eq!(of(&["train.batch=1"]), Some(name));
        assert_eq!(of(&["clip.frames=3"]), None);
        assert_eq!(of(&["generator.hidden=48"]), None);
    }
}

#[test]
fn a_model_that_reads_takes_the_steps_of_reading_away() {
    for (steps, left) in [(20000, 18000), (2001, 1), (2000, 2000), (300, 300)] {
        let set = ["reading.steps=2000".to_string(), format!("train.steps={steps}")];
        let config = Config::preset("shapes", &set).unwrap();
        let sized = config.sized_as(&config.model());
        assert_eq!((sized.reading.steps, sized.train.steps), (0, left));
    }
}

#[test]
fn other_data_is_read_first() {
    // Steps, steps of reading, steps of copying.
    for (steps, read, copied) in [(1500, 250, 1250), (4, 0, 4), (60000, 2000, 58000)] {
        let set = [format!("train.steps={steps}"), "copying.steps=100000".into()];
        let config = Config::preset("shapes", &set).unwrap();
        let adapting = config.clone().adapting();
        assert_eq!((adapting.reading.steps, adapting.copying.steps), (read, copied));
        assert_eq!(adapting.train.steps, steps);
        assert!((adapting.copying.rate / config.copying.rate - 0.3).abs() < 1e-6);
    }
    // The phase of playing stays.
    let config = Config::preset("shapes", &["train.steps=18000".into()]).unwrap();
    assert_eq!(config.clone().adapting().copying.steps, config.copying.steps);
}

#[test]
fn keys_can_be_set() {
    let set =
        ["train.batch=4", "train.rate_generator=1", "data = clips:a b", "generator.decoder=[8]"];
    let config = Config::preset("shapes", &set.map(String::from)).unwrap();
    assert_eq!(config.train.batch, 4);
    assert_eq!(config.train.rate_generator, 1.0);
    assert_eq!(config.data, "clips:a b");
    assert_eq!(config.generator.decoder, [8]);
    for key in ["seed", "train.steps"] {
        let set = [format!("{key}=9223372036854775808")];
        let error = Config::preset("shapes", &set).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("below 2^63"), "{error}");
    }
}

#[test]
fn a_short_training_reads_and_copies() {
    for ((read, copied, steps), wanted) in [
        ((2000, 2000, 20000), (2000, 2000)),
        ((2000, 2000, 4000), (2000, 2000)),
        ((2000, 2000, 3000), (1500, 1500)),
        ((900, 4000, 1000), (183, 817)),
        ((0, 10, 3), (0, 3)),
        ((10, 10, 1), (1, 0)),
        ((1, 10, 4), (1, 3)),
        ((0, 0, 1), (0, 0)),
    ] {
        let set = [
            format!("reading.steps={read}"),
            format!("copying.steps={copied}"),
            format!("train.steps={steps}"),
        ];
        let config = Config::preset("shapes", &set).unwrap().shortened();
        assert_eq!((config.reading.steps, config.copying.steps), wanted, "{set:?}");
    }
}

#[test]
fn phases_follow_each_other() {
    let config = |read: u64, copied: u64| {
        let set = [format!("reading.steps={read}"), format!("copying.steps={copied}")];
        let sizes = ["reading.batch=5", "copying.batch=4", "train.batch=3"].map(String::from);
        Config::preset("shapes", &[&set[..], &sizes].concat()).unwrap()
    };
    use Phase::{Copying, Playing, Reading};
    for (read, copied, wanted) in [
        (2, 1, [Reading, Reading, Copying, Playing]),
        (0, 3, [Copying, Copying, Copying, Playing]),
        (1, 0, [Reading, Playing, Playing, Playing]),
        (0, 0, [Playing; 4]),
    ] {
        let config = config(read, copied);
        assert_eq!([1, 2, 3, 4].map(|step| config.phase(step)), wanted);
        let batches = wanted.map(|phase| match phase {
            Reading => 5,
            Copying => 4,
            Playing => 3,
        });
        assert_eq!([1, 2, 3, 4].map(|step| config.batch(step)), batches);
    }
}

#[test]
fn part_of_a_batch_is_copied() {
    let copies = |set: &[&str], step: u64, n: usize| {
        let steps = ["reading.steps=1", "copying.steps=1"].map(String::from);
        let set: Vec<String> = set.iter().map(|set| set.to_string()).collect();
        Config::preset("shapes", &[&steps[..], &set].concat()).unwrap().copies(step, n)
    };
    for (n, copied, played) in
        [(1, 1, 1), (2, 2, 1), (5, 5, 3), (16, 15, 8), (17, 16, 9), (32, 30, 16)]
    {
        assert_eq!([1, 2, 3].map(|step| copies(&[], step, n)), [0, copied, played], "{n}");
    }
    // One clip in sixteen is a film, however small the batch.
    for n in [1, 3, 8, 20] {
        let of = |step| n - copies(&["copying.steps=16"], step, n);
        assert_eq!((2..18).map(of).sum::<usize>(), n);
        assert!((2..18).all(|step| of(step) <= n.div_ceil(16)));
    }
    assert_eq!([1, 2, 3].map(|step| copies(&["reading.weight=0"], step, 8)), [0, 8, 4]);
    assert_eq!(copies(&["copying.weight=0", "copying.steps=0"], 2, 8), 0);
}

#[test]
fn errors_say_what_and_where() {
    for (text, wanted) in [
        (
            "[train]\nbatsh = 4\n",
            "f.toml:2: there is no key \"train.batsh\"; did you mean \"train.batch\"?",
        ),
        ("[train]\nbatch = \"4\"\n", "f.toml:2: train.batch must be of type integer, not string"),
        ("[train]\nbatch = -4\n", "f.toml:2: train.batch = -4 must not be negative"),
        (
            "[train]\nr1_every = 4\n\nr1 = \"4\"\n",
            "f.toml:4: train.r1 must be of type float, not string",
        ),
        (
            "[clip]\nfps = 9.0\n[discriminator]\nclip = 3\n",
            "f.toml:4: discriminator.clip must be of type array",
        ),
        ("train = { batch = 4, steps = \"8\" }\n", "f.toml:1: train.steps must be of type"),
        ("[train]\nbatch = 4\n= 3\n", "f.toml:3: "),
        ("[train\n", "f.toml:1: "),
        ("[train]\nloss = \"hing\"\n", "unknown variant `hing`"),
        ("[train]\nbatch = 0\n", "train.batch = 0 must be from 1 to 4096"),
        ("[train]\nbeta1 = 1.0\n", "train.beta1 = 1 must be at least 0 and below 1"),
        ("[train]\nrate_generator = nan\n", "train.rate_generator"),
        ("[clip]\nheight = 30\n", "multiples of 4"),
        ("[clip]\nheight = 100000\n", "clip.height = 100000 must be from 1 to 1024"),
        ("[clip]\nchannels = 2\n", "clip.channels = 2"),
        ("[generator]\ndecoder = [7]\n", "no multiple of generator.group"),
        ("[generator]\ndecoder = [\"a\"]\n", "list of whole numbers"),
        ("[generator]\nhidden = 100000000\n", "generator.hidden"),
        ("[discriminator]\nclip = []\n", "discriminator.clip needs at least one layer"),
        ("clip = 3\n", "there is no key \"clip\""),
        ("[matcher]\nchannels = [12]\n", "matcher.channels: 12 is no multiple of 8"),
        (
            "[matcher]\nchannels = [8, 8, 8, 8, 8, 8]\n",
            "matcher.channels halves the resolution 6 times",
        ),
        ("[matcher]\nfeatures = 2\n", "matcher.features = 2 must be at least 4"),
        ("[generator]\nstyle = 5000\n", "generator.style = 5000 must be at most 4096"),
        ("[generator]\npalette = 5000\n", "generator.palette = 5000 must be at most 4096"),
        ("[reading]\nbatch = 0\n", "reading.batch = 0 must be from 1 to 4096"),
        ("[reading]\nrate = 0.0\n", "reading.rate = 0 must be above 0 and at most 1"),
        ("[reading]\nweight = -1.0\n", "reading.weight = -1 must be at least 0"),
        ("[reading]\nstep = 4\n", "f.toml:2: there is no key \"reading.step\"; did you mean"),
        ("[copying]\nbatch = 5000\n", "copying.batch = 5000 must be from 1 to 4096"),
        ("[copying]\nrate = 2.0\n", "copying.rate = 2 must be above 0 and at most 1"),
        ("[copying]\nweight = inf\n", "copying.weight = inf must be at least 0"),
        ("[copying]\nweight = 0.0\n", "copying.steps = 15000 must be 0 where copying.weight is 0"),
        ("[copying]\nlikelihood = -1.0\n", "copying.likelihood = -1 must be at least 0"),
        (
            "[copying]\nlikelihood = 0.5\n[generator]\npalette = 0\n",
            "copying.likelihood = 0.5 must be 0 where generator.palette is 0",
        ),
        ("[copying]\nreferences = 65537\n", "copying.references = 65537 must be at most 65536"),
        ("[train]\nwrong = 0\n", "train.wrong = 0 must be from 1 to 64"),
        ("[train]\nwrong = 65\n", "train.wrong = 65 must be from 1 to 64"),
    ] {
        let error = Config::parse(text, "f.toml", &[]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:?} gives {error:?}, not {wanted:?}");
    }
    for (set, wanted) in
        [("train.batch", "write it as key=value"), ("batch=3", "did you mean \"train.batch\"?")]
    {
        let error = Config::preset("shapes", &[set.into()]).unwrap_err().to_string();
        assert!(error.contains(wanted), "{set:?} gives {error:?}, not {wanted:?}");
    }
    assert!(
        Config::preset("shape", &[]).unwrap_err().to_string().contains("did you mean \"shapes\"?")
    );
}
