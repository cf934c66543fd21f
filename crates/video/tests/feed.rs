//! Feeds of batches.

use std::sync::Arc;

use anyhow::Result;
use kinora_video::{Dataset, Draw, Error, Example, Feed, FeedConfig, Split, open};

const FEED: FeedConfig = FeedConfig {
    split: Split::Train,
    seed: 9,
    start: 0,
    batch: 3,
    dims: [8, 32, 32, 4],
    wrong: 2,
    copies: 2,
};

#[test]
fn a_feed_starts_anywhere() -> Result<()> {
    let data: Arc<dyn Dataset> = open("shapes")?.into();
    let feed = |start, wrong| {
        let config = FeedConfig { start, wrong, ..FEED };
        Feed::new(data.clone(), config, |batch| batch)
    };
    let from_start = feed(0, 2);
    let batches = (0..7).map(|_| from_start.next()).collect::<Result<Vec<_>, _>>()?;
    assert!(from_start.work_seconds() > 0.0);
    let mut others = [0, 0];
    for start in 0..7 {
        let batch = feed(start, 2).next()?;
        assert_eq!(batch, batches[start as usize]);
        assert_eq!((batch.index, batch.examples.len(), batch.wrong_captions.len()), (start, 3, 6));
        for (k, example) in (0..).zip(&batch.examples) {
            let mut draw = Draw { seed: 9, index: start * 3 + k };
            let mut drawn = data.example(Split::Train, draw)?;
            // The first copy is the one of two that says less, the second copy the one that says more.
            let other = Draw { seed: !9, ..draw };
            let second = data.example(Split::Train, other)?;
            let says = |example: &Example| example.caption.said.len();
            let is_better = match k {
                0 => says(&second) < says(&drawn),
                1 => says(&second) > says(&drawn),
                _ => false,
            };
            if is_better {
                (draw, drawn) = (other, second);
                others[k as usize] += 1;
            }
            assert_eq!(example.clip, drawn.clip.to_dims([8, 32, 32, 4])?);
            assert_eq!(example.caption, drawn.caption);
            if k < 2 {
                let variant = data.variant(Split::Train, draw)?.expect("shapes have variants");
                assert_eq!(batch.variants[k as usize], variant.to_dims([8, 32, 32, 4])?);
                let twin = data.twin(Split::Train, draw)?.expect("shapes have twins");
                assert_eq!(batch.twins[k as usize], twin.to_dims([8, 32, 32, 4])?);
            }
            assert_eq!((batch.twins.len(), batch.variants.len()), (2, 2));
            let wrong = data.wrong_captions(Split::Train, &drawn.caption, draw, 2)?;
            let of_it = [k as usize, 3 + k as usize].map(|i| batch.wrong_captions[i].clone());
            assert_eq!(of_it.as_slice(), wrong);
        }
    }
    assert!(others.iter().all(|&count| count > 0), "{others:?}");
    assert!(feed(0, 0).next()?.wrong_captions.is_empty());
    // Dropping a feed at once must not hang.
    drop(feed(u64::MAX / 3, 2));
    Ok(())
}

/// Shapes without twins and variants.
struct Plain(Box<dyn Dataset>);

impl Dataset for Plain {
    fn info(&self) -> &kinora_video::Info {
        self.0.info()
    }
    fn caption(&self, split: Split, draw: Draw) -> kinora_video::Result<kinora_video::Caption> {
        self.0.caption(split, draw)
    }
    fn example(&self, split: Split, draw: Draw) -> kinora_video::Result<kinora_video::Example> {
        self.0.example(split, draw)
    }
    fn wrong_captions(
        &self,
        split: Split,
        caption: &kinora_video::Caption,
        draw: Draw,
        count: usize,
    ) -> kinora_video::Result<Vec<String>> {
        self.0.wrong_captions(split, caption, draw, count)
    }
    fn check(&self) -> Vec<Error> {
        self.0.check()
    }
}

#[test]
fn a_feed_of_a_dataset_without_twins_has_none() -> Result<()> {
    let feed = Feed::new(Arc::new(Plain(open("shapes")?)), FEED, |batch| batch);
    let batch = feed.next()?;
    assert_eq!(batch.examples.len(), 3);
    assert!(batch.twins.is_empty() && batch.variants.is_empty());
    Ok(())
}

#[test]
fn a_feed_hands_on_an_error_and_stops() -> Result<()> {
    let data: Arc<dyn Dataset> = open("shapes")?.into();
    let feed = Feed::new(data, FeedConfig { dims: [8, 0, 32, 3], ..FEED }, |batch| batch);
    assert!(matches!(feed.next(), Err(Error::Clip { .. })));
    assert!(matches!(feed.next(), Err(Error::Stopped)));
    assert!(matches!(feed.next(), Err(Error::Stopped)));
    Ok(())
}
