use kinora_nn::{
    Conv, ConvLstm, Embedding, Fill, Gru, Init, Linear, LstmState, Module, join, same,
};
use kinora_tensor::{Error, NormSpec, Result, Tensor};

use crate::{Attention, FilmShape};

mod config;
mod decoder;
mod parts;

pub use config::GeneratorConfig;
pub(crate) use config::check_size;
use decoder::{Block, Refine};
use parts::{Cells, Wide};

/// The slope below zero of the crate's leaky ReLUs.
pub(crate) const SLOPE: f32 = 0.2;

/// G(s, V, z): draws the frames of a film from the sentence vector s, the word vectors V and the
/// noise z.
///
/// A ConvLSTM runs over the frames at low resolution. Its input at frame t is the sentence, the
/// noise z, the embedding of t, the frame noise z_t = GRU(z_{t-1}, ε_t), and the context from
/// [`Attention`] over the words, queried by the sentence and the recurrent state. All frames are
/// then decoded as one batch; the sentence, the noise and the context modulate each norm of the
/// decoder.
///
/// With a style, a network of two layers on s and z replaces s and z in the pose, the norms and the
/// palette, so a word can overrule the noise. (A layer that is linear in both can only add them.)
/// Wide paths add to the style and to the recurrence's input. A bypass normalises the recurrence's input and
/// also adds it to the decoder's input. With a direct path, the sentence itself modulates the norms of the
/// decoder too.
///
/// With a palette, the decoder computes for each pixel the shares of the film's colours, and the
/// style gives these colours.
#[derive(Clone, Debug)]
pub struct Generator<T> {
    film: FilmShape,
    /// `[h, w]` of the recurrent state.
    base: [usize; 2],
    noise: Gru<T>,
    style: Option<(Linear<T>, Linear<T>)>,
    position: Embedding<T>,
    attention: Attention<T>,
    /// Maps the style and the frame embedding to the pose. A leaky ReLU follows.
    pose: Option<Linear<T>>,
    /// Maps the pose (without a style: s, z and the frame embedding) to the first summand of the
    /// recurrence's input.
    plan: Linear<T>,
    wide: Option<Wide<T>>,
    /// Maps the context and z_t of a frame to the second summand of the recurrence's input.
    moment: Linear<T>,
    recurrence: ConvLstm<T>,
    /// Skip connection: maps the recurrence's input to a summand of the decoder's input. If it is
    /// present, the recurrence's input is normalised.
    bypass: Option<Conv<T>>,
    cells: Option<Cells<T>>,
    /// Whether the sentence is a part of the condition of the decoder's norms.
    direct: bool,
    /// From each cell of the decoder's input to the pixels of this cell.
    sketch: Option<Conv<T>>,
    /// One before each block of the decoder, or none.
    refine: Vec<Refine<T>>,
    decoder: Vec<Block<T>>,
    output: Conv<T>,
    /// From the style (or s and z) to the colours of a film, `[palette · c]`.
    palette: Option<Linear<T>>,
}

/// The random numbers behind one batch of films.
#[derive(Clone, Debug)]
pub struct Noise<T> {
    /// z, `[n, noise]`.
    pub film: T,
    /// ε, `[n, t, frame_noise]`.
    pub frames: T,
}

/// Frames of films.
#[derive(Clone, Debug)]
pub struct Drawn<T> {
    /// The frames, `[n, t, h, w, c]`, in (-1, 1).
    pub frames: T,
    /// The colours and shares that give `frames`; `None` for a generator without palette.
    pub mix: Option<Mix<T>>,
    /// The decoder's input, `[n · t, 1, h / 2ᵏ, w / 2ᵏ, hidden]` for k blocks of the decoder.
    pub input: T,
}

/// Pixels as mixtures of the colours of their film.
#[derive(Clone, Debug)]
pub struct Mix<T> {
    /// The shares of the colours in each pixel, `[n, t · h · w, palette]`; they sum to 1.
    pub shares: T,
    /// The colours of each film, `[n, palette, c]`.
    pub palette: T,
}

impl<T> Generator<T> {
    /// A generator of films of shape `film`, for sentence vectors of width `sentence` and word
    /// vectors of width `word`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`GeneratorConfig::base`] rejects the sizes.
    pub fn new<I: Init<T>>(
        init: &mut I,
        config: &GeneratorConfig,
        film: FilmShape,
        sentence: usize,
        word: usize,
    ) -> Result<Self> {
        let base = config.base(film).expect("the sizes were checked");
        let area = base[0] * base[1];
        let GeneratorConfig { noise, frame_noise, position, input, hidden, .. } = *config;
        let mut channels = hidden;
        let noise_gru = Gru::new(init, frame_noise, frame_noise)?;
        let (style, known) = match config.style {
            0 => (None, sentence + noise),
            width => {
                let first = Linear::new(init, sentence + noise, width, true)?;
                (Some((first, Linear::new(init, width, width, true)?)), width)
            }
        };
        let place = Embedding::new(init, film.frames, position)?;
        let attention = Attention::new(init, sentence + hidden, word)?;
        let (pose, planned) = match config.style {
            0 => (None, known + position),
            width => (Some(Linear::new(init, known + position, width, true)?), width),
        };
        let plan = Linear::new(init, planned, area * input, true)?;
        let wide = match config.wide {
            0 => None,
            width => {
                let both = sentence + noise;
                let plan = [known + position + both, area * input];
                Some(Wide::new(init, width, [both, known], plan)?)
            }
        };
        let moment = Linear::new(init, word + frame_noise, area * input, false)?;
        let recurrence = ConvLstm::new(init, [1, 3, 3], input, hidden)?;
        let bypass = match config.bypass {
            false => None,
            true => {
                let (kernel, both) = ([1, 1, 1], [input, hidden]);
                Some(Conv::with(init, kernel, both, same(kernel), Fill::Zeros, None)?)
            }
        };
        let cells = match config.cells {
            false => None,
            true => Some(Cells::new(init, hidden, word)?),
        };
        let sketch = match config.sketch {
            false => None,
            true => {
                let pixels = film.height * film.width / area * film.channels;
                Some(Conv::new(init, [1, 1, 1], hidden, pixels, same([1, 1, 1]))?)
            }
        };
        let (mut refine, mut decoder) = (Vec::new(), Vec::new());
        let condition = known + word + if config.direct { sentence } else { 0 };
        for &next in &config.decoder {
            if config.refine {
                refine.push(Refine::new(init, channels, condition, config.group)?);
            }
            decoder.push(Block::new(init, [channels, next], condition, config.group)?);
            channels = next;
        }
        let (kernel, outputs, palette) = match config.palette {
            0 => ([1, 3, 3], film.channels, None),
            colours => {
                let numbers = colours * film.channels;
                // The bias makes the colours differ at first; the style changes them a little.
                let weight = Fill::Normal(0.1 * (known as f32).sqrt().recip());
                let bias = Some(Fill::Normal(1.0));
                ([1, 1, 1], colours, Some(Linear::with(init, [known, numbers], weight, bias)?))
            }
        };
        let output = Conv::new(init, kernel, channels, outputs, same(kernel))?;
        Ok(Self {
            film,
            base,
            noise: noise_gru,
            style,
            position: place,
            attention,
            pose,
            plan,
            wide,
            moment,
            recurrence,
            bypass,
            direct: config.direct,
            cells,
            sketch,
            refine,
            decoder,
            output,
            palette,
        })
    }
}

impl<T: Tensor> Generator<T> {
    /// Films for a batch of sentences.
    ///
    /// # Shapes
    /// sentence `[n, sentence]`, words `[n, m, word]`, bias `[n, m]` (as in
    /// [`Attention::forward`]); returns frames `[n, t, h, w, c]` in (-1, 1).
    ///
    /// # Errors
    /// If the shapes disagree with each other or with the sizes of the generator, or the device
    /// fails.
    pub fn forward(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let all: Vec<usize> = (0..self.film.frames).collect();
        Ok(self.draw(sentence, words, bias, noise, &all)?.frames)
    }

    /// The frames with the indices `which` of the films of [`Generator::forward`], in that order, with
    /// their mixture of colours and the decoder's input. The recurrence stops after the largest index.
    /// Only the frames in `which` are decoded.
    ///
    /// # Shapes
    /// Those of [`Generator::forward`], with t = `which.len()`.
    ///
    /// # Errors
    /// Those of [`Generator::forward`].
    ///
    /// # Panics
    /// If `which` is empty, or has an index beyond the last frame.
    pub fn draw(
        &self,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        which: &[usize],
    ) -> Result<Drawn<T>> {
        let known = self.known(sentence, &noise.film)?;
        let last = *which.iter().max().expect("a frame");
        assert!(last < self.film.frames, "frame {last} of {}", self.film.frames);
        if noise.frames.shape().get(1) != Some(&self.film.frames) {
            return Err(Error::Shape {
                op: "generator",
                shapes: vec![*noise.frames.shape()],
                reason: format!("the noise must have {} frames", self.film.frames),
            });
        }
        let frames = noise.frames.slice(1, 0, last + 1)?;
        let noise = &Noise { film: noise.film.clone(), frames };
        let (mut contexts, mut inputs, mut states) = (Vec::new(), Vec::new(), Vec::new());
        self.run(&known, sentence, words, bias, noise, |context, input, state, _| {
            contexts.push(context);
            inputs.push(input);
            states.push(state);
        })?;
        let FilmShape { height, width, channels, .. } = self.film;
        let t = which.len();
        let n = sentence.shape()[0];
        let [h, w] = self.base;
        // [n, t, ..] with n outermost, so that the frames of a film are contiguous.
        let hidden = states[0].shape()[4];
        let pick = |all: &[T]| T::stack(&which.iter().map(|&t| &all[t]).collect::<Vec<_>>(), 1);
        let states = pick(&states)?;
        let mut x = states.reshape([n * t, 1, h, w, hidden])?;
        if let Some(bypass) = &self.bypass {
            let inputs = pick(&inputs)?;
            let past = bypass.forward(&inputs.reshape([n * t, 1, h, w, inputs.shape()[5]])?)?;
            x = x.add(&past)?;
        }
        if let Some(cells) = &self.cells {
            x = cells.forward(&x, words, bias)?;
        }
        let input = x.clone();
        let contexts = pick(&contexts)?;
        let word = contexts.shape()[2];
        let per_frame = |x: &T| {
            let d = x.shape()[1];
            x.reshape([n, 1, d])?.broadcast_to([n, t, d])?.reshape([n * t, d])
        };
        let contexts = contexts.reshape([n * t, word])?;
        let mut condition = vec![per_frame(&known)?, contexts];
        if self.direct {
            condition.push(per_frame(sentence)?);
        }
        let condition = T::concat(&condition.iter().collect::<Vec<_>>(), 1)?;
        for (k, block) in self.decoder.iter().enumerate() {
            if let Some(refine) = self.refine.get(k) {
                x = refine.forward(&x, &condition)?;
            }
            x = block.forward(&x, &condition)?;
        }
        let x = self.output.forward(&x)?;
        let mix = match &self.palette {
            None => None,
            Some(palette) => {
                let colours = x.shape()[4];
                let palette = palette.forward(&known)?.tanh()?.reshape([n, colours, channels])?;
                let shares = x.softmax()?.reshape([n, t * height * width, colours])?;
                Some(Mix { shares, palette })
            }
        };
        let frames = match &mix {
            None => x.tanh()?,
            Some(Mix { shares, palette }) => shares.matmul(palette)?,
        };
        Ok(Drawn { frames: frames.reshape([n, t, height, width, channels])?, mix, input })
    }

    /// The sketch of frames, of their shape: a linear function of the decoder's input. A loss on the
    /// sketch trains the layers before the decoder directly. `None` for a generator without sketches.
    ///
    /// # Errors
    /// If the frames are not of this generator, or the device fails.
    pub fn sketch(&self, drawn: &Drawn<T>) -> Result<Option<T>> {
        let Some(sketch) = &self.sketch else { return Ok(None) };
        let FilmShape { height, width, channels, .. } = self.film;
        let [h, w] = self.base;
        let (rows, columns) = (height / h, width / w);
        let cells = sketch.forward(&drawn.input)?;
        let frames = cells.shape()[0];
        let cells = cells.reshape([frames, h, w, rows, columns * channels])?;
        Ok(Some(cells.permute(&[0, 1, 3, 2, 4])?.reshape(*drawn.frames.shape())?))
    }

    /// The style `[n, style]`, or s and z `[n, sentence + noise]` if there is no style.
    fn known(&self, sentence: &T, film: &T) -> Result<T> {
        let both = T::concat(&[sentence, film], 1)?;
        match &self.style {
            None => Ok(both),
            Some((first, second)) => {
                let hidden = first.forward(&both)?.leaky_relu(SLOPE)?;
                let mut known = second.forward(&hidden)?;
                if let Some(wide) = &self.wide {
                    known = known.add(&wide.to_style(&both)?)?;
                }
                known.leaky_relu(SLOPE)
            }
        }
    }

    /// The attention weight of each word at each frame of a film.
    ///
    /// # Shapes
    /// Those of [`Generator::forward`]; returns `[n, t, m]`, which sums to 1 over m.
    ///
    /// # Errors
    /// Those of [`Generator::forward`].
    pub fn attention(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let mut heard = Vec::new();
        let known = self.known(sentence, &noise.film)?;
        self.run(&known, sentence, words, bias, noise, |_, _, _, weights| heard.push(weights))?;
        T::stack(&heard.iter().collect::<Vec<_>>(), 1)
    }

    /// Runs the recurrence over the frames that have noise. `visit` gets each frame's context
    /// `[n, word]`, input `[n, 1, h, w, input]`, state `[n, 1, h, w, hidden]` and attention weights.
    fn run(
        &self,
        known: &T,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        mut visit: impl FnMut(T, T, T, T),
    ) -> Result<()> {
        let [n, t] = [noise.frames.shape()[0], noise.frames.shape()[1]];
        let [h, w] = self.base;
        let device = sentence.device();
        let input = self.plan.weight.shape()[1] / (h * w);

        let noises = self.noise.run(&noise.frames, None, false)?;
        // One product plans all frames: the style is the same for each frame.
        let every = |x: &T| {
            let d = x.shape()[1];
            x.reshape([1, n, d])?.broadcast_to([t, n, d])
        };
        let places = self.position.table.slice(0, 0, t)?;
        let position = places.shape()[1];
        let places = places.reshape([t, 1, position])?.broadcast_to([t, n, position])?;
        let placed = T::concat(&[&every(known)?, &places], 2)?;
        let mut plans = match &self.pose {
            None => self.plan.forward(&placed)?,
            Some(pose) => self.plan.forward(&pose.forward(&placed)?.leaky_relu(SLOPE)?)?,
        };
        if let Some(wide) = &self.wide {
            let all = [&placed, &every(sentence)?, &every(&noise.film)?];
            plans = plans.add(&wide.to_plan(&T::concat(&all, 2)?)?)?;
        }

        let hidden = self.recurrence.state().weight.shape()[3];
        let full = |value: f32| T::full(device, value, [1, h * w * input]);
        // The scale and the shift of the norm.
        let spec = NormSpec { groups: 1, epsilon: 1e-5, slope: SLOPE };
        let unit = self.bypass.as_ref().map(|_| Ok((full(1.0)?, full(0.0)?))).transpose()?;
        let mut state: Option<LstmState<T>> = None;
        for (frame, noise) in noises.iter().enumerate() {
            let pooled = match &state {
                Some(state) => state.hidden.mean(&[1, 2, 3])?.reshape([n, hidden])?,
                None => T::full(device, 0.0, [n, hidden])?,
            };
            let query = T::concat(&[sentence, &pooled], 1)?;
            let (context, weights) = self.attention.forward(&query, words, bias)?;
            let moment = self.moment.forward(&T::concat(&[&context, noise], 1)?)?;
            let x = plans.select(0, frame)?.add(&moment)?;
            let x = match &unit {
                None => x.leaky_relu(SLOPE)?,
                // Large inputs would saturate the gates, which then pass almost no gradient.
                Some((scale, shift)) => x.norm(scale, shift, spec)?,
            };
            let x = x.reshape([n, 1, h, w, input])?;
            let next = match &state {
                Some(state) => self.recurrence.forward(&x, state)?,
                None => self.recurrence.first(&x)?,
            };
            visit(context, x, next.hidden.clone(), weights);
            state = Some(next);
        }
        Ok(())
    }
}

impl<T> Module<T> for Generator<T> {
    type Of<U> = Generator<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Generator<U>, E> {
        Ok(Generator {
            film: self.film,
            base: self.base,
            noise: self.noise.try_map(&join(path, "noise"), f)?,
            style: self.style.try_map(&join(path, "style"), f)?,
            position: self.position.try_map(&join(path, "position"), f)?,
            attention: self.attention.try_map(&join(path, "attention"), f)?,
            pose: self.pose.try_map(&join(path, "pose"), f)?,
            plan: self.plan.try_map(&join(path, "plan"), f)?,
            wide: self.wide.try_map(&join(path, "wide"), f)?,
            moment: self.moment.try_map(&join(path, "moment"), f)?,
            recurrence: self.recurrence.try_map(&join(path, "recurrence"), f)?,
            bypass: self.bypass.try_map(&join(path, "bypass"), f)?,
            direct: self.direct,
            cells: self.cells.try_map(&join(path, "cells"), f)?,
            sketch: self.sketch.try_map(&join(path, "sketch"), f)?,
            refine: self.refine.try_map(&join(path, "refine"), f)?,
            decoder: self.decoder.try_map(&join(path, "decoder"), f)?,
            output: self.output.try_map(&join(path, "output"), f)?,
            palette: self.palette.try_map(&join(path, "palette"), f)?,
        })
    }
}
