//! The second and third phase of a training: the generator copies real clips and draws films with
//! other clips as references, which the matcher scores; then it also plays against the discriminators.

use kinora_embed::Encoded;
use kinora_gan::{Completer, Generator, Matcher, Noise, contrast, log_loss};
use kinora_model::Net;
use kinora_nn::{AdamConfig, clip_factor, freeze, gradient_norm, lift, parameters};
use kinora_tensor::{Tensor, Var, grad};

use crate::config::CopyingConfig;
use crate::critic::Critic;
use crate::game::{flat, play};
use crate::reading::cosine;
use crate::step::{frames_judged, frames_of, noise};
use crate::{Config, Fed, Measured, Phase, Result, State};

/// Steps in which the learning rate of copying rises to its full value.
const WARM_UP: f32 = 200.0;
/// The weight of the perceptual loss [`looks`], relative to the weight of |d|.
const LOOKS: f32 = 0.03;
/// The weight of the losses on details, relative to those on all pixels: of |d|, and of -log p.
const DETAILS: f32 = 0.5;
/// The standard deviation of the noise around the vector of a clip that is copied. A new film has a completion
/// instead, which misses the vector of a clip by about as much.
const SPREAD: f32 = 0.3;
/// The share of the steps of copying over which the weight of the sketch and λ fall to 0, and κ to its last value.
const EARLY: f32 = 0.5;
/// The last value of κ, as a share of its initial value. Films are drawn in sharp colours
/// ([`Generator::sharp`]), which need the right shares of the colours of a pixel to the end.
const LAST: f32 = 1.0 / 3.0;

/// The config of the generator's Adam at step `step` of a training, counted from 1.
pub(crate) fn rate_generator(config: &Config, step: u64) -> AdamConfig {
    match config.phase(step) {
        Phase::Playing => adam(config, config.train.rate_generator),
        // Copying has no opponent, so momentum helps.
        _ => {
            let copying = &config.copying;
            let copied = step.saturating_sub(config.reading.steps);
            let warm = (copied as f32 / WARM_UP).min(1.0);
            let rate = copying.rate * warm * cosine(copied, copying.steps);
            AdamConfig { rate, beta1: 0.9, beta2: 0.99, ..AdamConfig::default() }
        }
    }
}

/// The weight of the sketch at step `step`. It is also the factor of the initial value of λ, and κ falls with it
/// ([`CopyingConfig`](crate::CopyingConfig)).
fn early(config: &Config, step: u64) -> f32 {
    if config.phase(step) != Phase::Copying {
        return 0.0;
    }
    let copied = (step - config.reading.steps) as f32;
    let passed = (copied - WARM_UP) / (EARLY * config.copying.steps as f32);
    (1.0 - passed).clamp(0.0, 1.0)
}

/// The config of the discriminators' Adam.
pub(crate) fn rate_critic(config: &Config) -> AdamConfig {
    adam(config, config.train.rate_discriminator)
}

fn adam(config: &Config, rate: f32) -> AdamConfig {
    AdamConfig {
        rate,
        beta1: config.train.beta1,
        beta2: config.train.beta2,
        ..AdamConfig::default()
    }
}

/// The encoded captions of a batch.
pub(crate) struct Read<T> {
    /// The own captions: sentence vectors `[n, d]`, word vectors, and the bias of padding.
    pub own: Encoded<T>,
    /// The sentence vectors of the false captions, `[k · n, d]`.
    pub wrong: T,
}

impl<T: Tensor> Read<T> {
    fn new(net: &Net<T>, fed: &Fed) -> Result<Self> {
        let n = fed.clips;
        let Encoded { words, bias, sentence } = net.encoder.forward(&fed.captions)?;
        let own = |x: &T| x.slice(0, 0, n);
        let wrong = sentence.slice(0, n, sentence.shape()[0] - n)?;
        Ok(Self {
            own: Encoded { words: own(&words)?, bias: own(&bias)?, sentence: own(&sentence)? },
            wrong,
        })
    }
}

impl<T: Tensor> State<T> {
    /// One step of copying or playing. In playing, the discriminators are updated first, then the
    /// generator against them. With `reading.thaw`, text encoder and matcher are updated before
    /// both.
    pub(crate) fn draw(
        mut self,
        device: &T::Device,
        config: &Config,
        fed: &Fed,
    ) -> Result<(Self, Measured<T>)> {
        let (step, n) = (self.step + 1, fed.clips);
        let phase = config.phase(step);
        let matches = config.reading.weight > 0.0;
        // The first rows of the batch are copies, the other rows films with other clips as references.
        let copied = config.copies(step, n);
        let [t, h, w, c] = config.clip.dims();
        let real = T::from_slice(device, &fed.values, [n, t, h, w, c])?;
        let mut guarded = Vec::new();
        if config.reading.thaw {
            (self, guarded, _) = self.learn_to_read(config, fed, &real)?;
        }
        let read = Read::new(&self.net, fed)?;
        let matcher = self.net.matcher.as_ref().expect("a training has a matcher");

        let noise: Noise<T> = noise(device, config, step, n)?;
        // The matcher's vectors of all clips, and of the twins.
        let (mut clips, mut twins) = (None, None);
        if copied > 0 && config.completes() {
            clips = Some(matcher.clips(&real)?);
            if !fed.twins.is_empty() {
                let values = fed.twins.get(..copied * t * h * w * c).unwrap_or(&fed.twins);
                let values = T::from_slice(device, values, [copied, t, h, w, c])?;
                twins = Some(matcher.clips(&values)?);
            }
        }
        let player = (self.net.generator, self.completer);
        let lifted: (Generator<Var<T>>, Completer<Var<T>>) = lift(&player);
        let constant = |x: &T| Var::constant(x.clone());
        let sentence = constant(&read.own.sentence);
        // The noise of the films is a constant, so the completer learns from its own loss alone.
        let rows = |x: &T, from: usize, count: usize| x.slice(0, from, count);
        let (mut z_copies, mut z_films) = (None, None);
        if copied > 0 {
            let noise = rows(&noise.film, 0, copied)?;
            z_copies = Some(Var::constant(match &clips {
                Some(clips) => near(&rows(clips, 0, copied)?, &noise)?,
                None => noise,
            }));
        }
        if copied < n {
            // Films that are not copies have other clips as references, like films from the model's prior.
            z_films = Some(Var::constant(match &clips {
                Some(clips) => {
                    let sentence = rows(&read.own.sentence, copied, n - copied)?;
                    player.1.forward(&rows(clips, 0, n - copied)?, &sentence)?
                }
                None => rows(&noise.film, copied, n - copied)?,
            }));
        }
        // Draws the frames `which` of all films, film by film: a film for each row of z, with the captions
        // from row `from` on.
        let draw = |from: usize, z: Var<T>, which: &[usize]| {
            let count = z.shape()[0];
            let of = |x: &T| x.slice(0, from, count).map(Var::constant);
            let noise = Noise { film: z, frames: of(&noise.frames)? };
            let Encoded { sentence, words, bias } = &read.own;
            lifted.0.draw(&of(sentence)?, &of(words)?, &of(bias)?, &noise, which)
        };
        let all: Vec<usize> = (0..t).collect();
        let mut which = all.repeat(copied);
        let (copies, drawn, films, fake) = match phase {
            // The discriminators see all frames of all films, so they are drawn as one batch.
            Phase::Playing => {
                let z: Vec<_> = z_copies.iter().chain(&z_films).collect();
                let fake = draw(0, Var::concat(&z, 0)?, &all.repeat(n))?.frames;
                let copies = z_copies.map(|_| fake.slice(0, 0, copied)).transpose()?;
                let films = z_films.map(|_| fake.slice(0, copied, n - copied)).transpose()?;
                (copies, None, films, Some(fake))
            }
            // Frames of one clip show the same character, so few frames of many clips teach more
            // than all frames of few clips. Films are drawn only at the frames that the matcher
            // sees.
            _ => {
                which = frames_of(config, step, t.div_ceil(8), copied);
                let drawn = z_copies.map(|z| draw(0, z, &which)).transpose()?;
                let seen = Matcher::<T>::seen(t).repeat(n - copied);
                let films = z_films.map(|z| draw(copied, z, &seen)).transpose()?;
                let copies = drawn.as_ref().map(|drawn| drawn.frames.clone());
                (copies, drawn, films.map(|films| films.frames), None)
            }
        };

        let mut loss = Var::constant(T::full(device, 0.0, [])?);
        if let Some(copies) = copies {
            let early = early(config, step);
            let wanted = picked(device, &fed.values, &which, [copied, t, h, w, c])?;
            let difference = copies.sub(&constant(&wanted))?;
            let absolute = difference.abs()?;
            let mut copy = absolute.mean_all()?;
            guarded.push(("loss_copy", copy.value().clone()));
            // A hair style is few pixels, so the mean over all pixels teaches it slowly. The mean over
            // the pixels that show one attribute counts large and small attributes alike.
            let mut weights = None;
            if !fed.details.is_empty() {
                let picked = picked(device, &fed.details, &which, [copied, t, h, w, 1])?;
                weights = Some(constant(&picked));
            }
            let mean_of_details =
                |x: &Var<T>| weights.as_ref().map(|weights| x.mul(weights)?.mean_all()).transpose();
            if let Some(details) = mean_of_details(&absolute)? {
                guarded.push(("loss_detail", details.value().clone()));
                copy = copy.add(&details.affine(DETAILS, 0.0)?)?;
            }
            // Among clips that the generator cannot tell apart, the absolute difference is least
            // for the median. The median lacks rare shapes such as a hat. A pixel whose palette
            // share is near 1 for one colour has almost no gradient, so the hat is never learnt.
            // Three other losses teach rare shapes. The squared difference is least for the mean,
            // which shows the hat faintly. The likelihood has a gradient at any share. The sketch
            // teaches the layers before the decoder. The first two blur the shares, so all three fall.
            if let Some(drawn) = drawn {
                let squares = |x: &Var<T>| x.mul(x)?.mean_all();
                let CopyingConfig { squared, likelihood, .. } = config.copying;
                if early * squared > 0.0 {
                    copy = copy.add(&squares(&difference)?.affine(early * squared, 0.0)?)?;
                }
                if let Some(mix) = drawn.mix.as_ref().filter(|_| likelihood > 0.0) {
                    let each = log_loss(mix, &constant(&wanted))?;
                    let mut log_loss = each.mean_all()?;
                    guarded.push(("loss_likelihood", log_loss.value().clone()));
                    if let Some(details) = mean_of_details(&each)? {
                        log_loss = log_loss.add(&details.affine(DETAILS, 0.0)?)?;
                    }
                    let kappa = (LAST + (1.0 - LAST) * early) * likelihood;
                    copy = copy.add(&log_loss.affine(kappa, 0.0)?)?;
                }
                if early > 0.0
                    && let Some(sketch) = lifted.0.sketch(&drawn)?
                {
                    let squares = squares(&sketch.sub(&constant(&wanted))?)?;
                    guarded.push(("loss_sketch", squares.value().clone()));
                    copy = copy.add(&squares.affine(early, 0.0)?)?;
                }
            }
            // In playing, the discriminators replace this loss.
            if matches && phase == Phase::Copying {
                let looks = looks(matcher, &copies, &wanted)?;
                guarded.push(("loss_looks", looks.value().clone()));
                copy = copy.add(&looks.affine(LOOKS, 0.0)?)?;
            }
            loss = loss.add(&copy.affine(config.copying.weight, 0.0)?)?;
        }
        if let (Some(twins), Some(clips)) = (twins, clips) {
            let rows = [rows(&read.own.sentence, 0, copied)?, twins, rows(&clips, 0, copied)?];
            let [sentence, twins, clips] = &rows;
            // Measured on pairs that the completer has not learnt from.
            guarded.push(("loss_completion", player.1.loss(twins, clips, sentence)?));
            let pairs =
                self.pairs.take().expect("a completer that learns has pairs").with(&rows)?;
            let [sentence, twins, clips] = pairs.some(config, step, copied)?.map(Var::constant);
            loss = loss.add(&lifted.1.loss(&twins, &clips, &sentence)?)?;
            self.pairs = Some(pairs);
        }
        if let Some(films) = films.filter(|_| matches) {
            let matcher: Matcher<Var<T>> = freeze(matcher);
            // Column i is the sentence of film i; then come all other captions of the batch.
            let mut captions = vec![sentence.slice(0, copied, n - copied)?];
            if copied > 0 {
                captions.push(sentence.slice(0, 0, copied)?);
            }
            captions.push(constant(&read.wrong));
            let captions = Var::concat(&captions.iter().collect::<Vec<_>>(), 0)?;
            let seen = match phase {
                Phase::Playing => matcher.clips(&films)?,
                _ => matcher.frames(&films)?,
            };
            let matched = contrast(&matcher.logits(&seen, &captions)?)?;
            guarded.push(("loss_match", matched.value().clone()));
            loss = loss.add(&matched.affine(config.reading.weight, 0.0)?)?;
        }
        let (mut shares, mut logits) = (Vec::new(), Vec::new());
        if let Some(fake) = fake {
            let which = frames_judged(config, step);
            let judged;
            (self.critic, judged) = play(
                (self.critic, &mut self.adam_critic),
                (config, step),
                [&real, fake.value()],
                &read,
                &which,
                &mut guarded,
            )?;
            (shares, logits) = flat(judged);

            let critic: Critic<Var<T>> = freeze(&self.critic);
            let (of_clips, of_frames) = critic.logits(&fake, &sentence, &which)?;
            let (real_clips, real_frames) = match config.train.loss.wants_real() {
                true => critic.logits(&constant(&real), &sentence, &which)?,
                false => (of_clips.clone(), of_frames.clone()),
            };
            let of = |fake: &Var<T>, real: &Var<T>| config.train.loss.generator(fake, real);
            let game = of(&of_clips, &real_clips)?.add(&of(&of_frames, &real_frames)?)?;
            guarded.push(("loss_generator", game.value().clone()));
            loss = loss.add(&game)?;
        }
        drop(sentence);
        let gradients = grad(loss, &parameters(&lifted))?;
        drop(lifted);
        let norm = gradient_norm(&gradients)?;
        let factor = clip_factor(&norm, limit(config.train.clip_gradient))?;
        self.adam_generator.config = rate_generator(config, step);
        (self.net.generator, self.completer) =
            self.adam_generator.step(player, &gradients, &factor)?;
        guarded.push(("gradient_generator", norm));
        self.average.update(&self.net.generator, step - 1 - config.reading.steps)?;
        self.step = step;
        let logits: Vec<&T> = logits.iter().collect();
        let measured = Measured::new(step, guarded, shares, &logits)?;
        Ok((self, measured))
    }
}

/// The noise z of copies: the vectors of their clips `[n, d]`, at the length of completions, plus noise times
/// [`SPREAD`].
fn near<T: Tensor>(clips: &T, noise: &T) -> Result<T> {
    let length = (clips.shape()[1] as f32).sqrt();
    Ok(clips.affine(length, 0.0)?.add(&noise.affine(SPREAD, 0.0)?)?)
}

/// The frames `which` of the first `copied` clips, clip by clip, from the values of all frames of a batch:
/// `[copied, which.len() / copied, h, w, c]`.
fn picked<T: Tensor>(
    device: &T::Device,
    values: &[f32],
    which: &[usize],
    [copied, t, h, w, c]: [usize; 5],
) -> Result<T> {
    let (each, frame) = (which.len() / copied, h * w * c);
    let starts = which.iter().enumerate().map(|(at, which)| (at / each * t + which) * frame);
    let picked = starts.flat_map(|start| &values[start..start + frame]).copied();
    Ok(T::from_slice(device, &picked.collect::<Vec<f32>>(), [copied, each, h, w, c])?)
}

/// The perceptual loss (Johnson et al., "Perceptual losses for real-time style transfer and
/// super-resolution", 2016): the mean absolute difference between the matcher's activations for
/// copies and for clips, both `[n, t, h, w, c]`, summed over the matcher's convolutions.
fn looks<T: Tensor>(matcher: &Matcher<T>, copies: &Var<T>, clips: &T) -> Result<Var<T>> {
    let [n, t, h, w, c] = [0, 1, 2, 3, 4].map(|axis| clips.shape()[axis]);
    let single = [n * t, 1, h, w, c];
    let wanted = matcher.layers(&clips.reshape(single)?)?;
    let frozen: Matcher<Var<T>> = freeze(matcher);
    let mut sum = Var::constant(T::full(clips.device(), 0.0, [])?);
    for (is, wanted) in frozen.layers(&copies.reshape(single)?)?.iter().zip(wanted) {
        sum = sum.add(&is.sub(&Var::constant(wanted))?.abs()?.mean_all()?)?;
    }
    Ok(sum)
}

/// The largest gradient norm; 0 means no limit.
pub(crate) fn limit(longest: f32) -> f32 {
    if longest > 0.0 { longest } else { f32::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of clips, of length 1, get the length √d of completions.
    #[test]
    fn the_noise_of_copies_is_near_the_vectors_of_their_clips() {
        use kinora_cpu::CpuTensor;
        let of =
            |values: &[f32]| CpuTensor::from_slice(&Default::default(), values, [1, 4]).unwrap();
        let z = near(&of(&[0.5, -0.5, 0.5, 0.5]), &of(&[1.0, 0.0, -2.0, 0.5])).unwrap();
        for (z, wanted) in z.data().iter().zip([1.3, -1.0, 0.4, 1.15]) {
            assert!((z - wanted).abs() < 1e-6, "{z}, by hand {wanted}");
        }
    }

    #[test]
    fn the_early_losses_fall_in_copying() {
        let config = |copying: u64| {
            let set = ["reading.steps=100", "train.steps=9000"].map(String::from);
            let steps = format!("copying.steps={copying}");
            Config::preset("shapes", &[&set[..], &[steps]].concat()).unwrap()
        };
        let of = |copying: u64, step: u64| early(&config(copying), step);
        // Constant for 200 steps, then a straight line for 2000.
        for (step, share) in [(100, 0.0), (101, 1.0), (300, 1.0), (1300, 0.5), (2300, 0.0)] {
            assert!((of(4000, step) - share).abs() < 1e-5, "step {step}");
        }
        assert_eq!([of(4000, 4100), of(4000, 4101), of(0, 101)], [0.0; 3]);
    }
}
