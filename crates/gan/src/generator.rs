use kinora_nn::{
    ConditionalNorm, Conv, ConvLstm, Embedding, Fill, Gru, Init, Linear, LstmState, Module,
    ResizeConv, join, same,
};
use kinora_tensor::{Result, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Attention, FilmShape};

/// The slope below zero of every leaky ReLU here.
pub(crate) const SLOPE: f32 = 0.2;

/// The sizes of a [`Generator`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeneratorConfig {
    /// Numbers of noise for the whole film, z.
    pub noise: usize,
    /// Numbers of noise for each frame, z_t.
    pub frame_noise: usize,
    /// Numbers that say which frame it is.
    pub position: usize,
    /// Channels of what enters the recurrence at each frame.
    pub input: usize,
    /// Channels of the recurrent state.
    pub hidden: usize,
    /// Channels after each doubling of the resolution.
    pub decoder: Vec<usize>,
    /// Channels in a group of the decoder's norms.
    pub group: usize,
    /// Width of the style, which a network of two layers makes of s and z; 0 gives s and z
    /// themselves to the layers that follow.
    pub style: usize,
    /// Colours in the palette of a film; 0 for a decoder that draws the channels directly.
    pub palette: usize,
}

impl Default for GeneratorConfig {
    /// What a key means that the file of a model lacks, so these values never change.
    fn default() -> Self {
        Self {
            noise: 64,
            frame_noise: 16,
            position: 32,
            input: 48,
            hidden: 96,
            decoder: vec![64, 32],
            group: 8,
            style: 0,
            palette: 0,
        }
    }
}

/// G(s, V, z): a sentence and its words into frames.
///
/// A ConvLSTM runs over time at low resolution. At each frame it is given the sentence, the noise,
/// the place in time, and what [`Attention`] hears in the words when the sentence and the recurrent
/// state ask; its state carries each frame into the next, and so does the noise,
/// z_t = GRU(z_{t-1}, ε_t). All frames are then decoded as one batch; the sentence, the noise and
/// the context modulate each norm of the decoder.
///
/// Where there is a style, it stands for the sentence and the noise: a network of two layers, so
/// that a word can overrule the noise. (A layer that is linear in both can only add them up.) Where
/// there is a palette, the decoder says for each pixel which of a film's colours it has, and the
/// style says which colours these are.
#[derive(Clone, Debug)]
pub struct Generator<T> {
    film: FilmShape,
    /// `[h, w]` of the recurrent state.
    base: [usize; 2],
    noise: Gru<T>,
    style: Option<(Linear<T>, Linear<T>)>,
    position: Embedding<T>,
    attention: Attention<T>,
    /// From the style (or s and z) and the place in time.
    plan: Linear<T>,
    /// From what is known only at the frame, the context and z_t.
    moment: Linear<T>,
    recurrence: ConvLstm<T>,
    decoder: Vec<Block<T>>,
    output: Conv<T>,
    /// From the style (or s and z) to the colours of a film, `[palette · c]`.
    palette: Option<Linear<T>>,
}

/// Doubles the resolution: nearest neighbours, a 3×3 convolution, a conditional norm.
#[derive(Clone, Debug)]
struct Block<T> {
    conv: ResizeConv<T>,
    norm: ConditionalNorm<T>,
}

/// The random numbers behind one batch of films.
#[derive(Clone, Debug)]
pub struct Noise<T> {
    /// z, `[n, noise]`.
    pub film: T,
    /// ε, `[n, t, frame_noise]`.
    pub frames: T,
}

impl<T> Generator<T> {
    /// A generator of films of shape `film` for sentences of `sentence` and words of `word` numbers.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    ///
    /// # Panics
    /// If [`GeneratorConfig::base`] does not accept the sizes.
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
        let plan = Linear::new(init, known + position, area * input, true)?;
        let moment = Linear::new(init, word + frame_noise, area * input, false)?;
        let recurrence = ConvLstm::new(init, [1, 3, 3], input, hidden)?;
        let mut decoder = Vec::new();
        for &next in &config.decoder {
            let condition = known + word;
            decoder.push(Block {
                conv: ResizeConv::new(init, channels, next)?,
                norm: ConditionalNorm::new(init, condition, next, next / config.group, SLOPE)?,
            });
            channels = next;
        }
        let (kernel, outputs, palette) = match config.palette {
            0 => ([1, 3, 3], film.channels, None),
            colours => {
                let numbers = colours * film.channels;
                // Colours that differ from the start, and that the style moves a little.
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
            plan,
            moment,
            recurrence,
            decoder,
            output,
            palette,
        })
    }
}

impl GeneratorConfig {
    /// `[h, w]` of the recurrent state for films of shape `film`.
    ///
    /// # Errors
    /// What is wrong with the sizes, with the key that is to be changed.
    pub fn base(&self, film: FilmShape) -> Result<[usize; 2], String> {
        film.check()?;
        let sizes = [
            ("noise", self.noise),
            ("frame_noise", self.frame_noise),
            ("position", self.position),
            ("input", self.input),
            ("hidden", self.hidden),
            ("group", self.group),
        ];
        for (key, size) in sizes {
            check_size(&format!("generator.{key}"), size)?;
        }
        for (key, size) in [("style", self.style), ("palette", self.palette)] {
            if size > 4096 {
                return Err(format!("generator.{key} = {size} must be at most 4096"));
            }
        }
        if self.decoder.len() > 6 {
            return Err("generator.decoder has more than 6 doublings".into());
        }
        for &channels in &self.decoder {
            check_size("generator.decoder", channels)?;
            if !channels.is_multiple_of(self.group) {
                return Err(format!(
                    "generator.decoder: {channels} channels are no multiple of generator.group = {}",
                    self.group
                ));
            }
        }
        let factor = 1 << self.decoder.len();
        if !film.height.is_multiple_of(factor) || !film.width.is_multiple_of(factor) {
            return Err(format!(
                "clip.height = {} and clip.width = {} must be multiples of {factor}, since \
                 generator.decoder doubles {} times",
                film.height,
                film.width,
                self.decoder.len()
            ));
        }
        Ok([film.height / factor, film.width / factor])
    }
}

/// An upper bound on any width, so that a typing error is not a request for a terabyte.
pub(crate) fn check_size(key: &str, size: usize) -> Result<(), String> {
    if (1..=4096).contains(&size) {
        Ok(())
    } else {
        Err(format!("{key} = {size} must be from 1 to 4096"))
    }
}

impl<T: Tensor> Generator<T> {
    /// Films for a batch of sentences.
    ///
    /// # Shapes
    /// sentence `[n, sentence]`, words `[n, m, word]`, bias `[n, m]` (as in
    /// [`Attention::forward`]); gives frames `[n, t, h, w, c]` in (-1, 1).
    ///
    /// # Errors
    /// If the shapes disagree with each other or with the sizes of the generator, or the device
    /// fails.
    pub fn forward(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let all: Vec<usize> = (0..self.film.frames).collect();
        self.frames(sentence, words, bias, noise, &all)
    }

    /// Some frames of the films of [`Generator::forward`]: the recurrence makes all, `which` are
    /// decoded.
    ///
    /// # Shapes
    /// As of [`Generator::forward`], with as many frames as `which` names.
    ///
    /// # Errors
    /// As of [`Generator::forward`].
    ///
    /// # Panics
    /// If `which` names no frame, or one that a film does not have.
    pub fn frames(
        &self,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        which: &[usize],
    ) -> Result<T> {
        let known = self.known(sentence, &noise.film)?;
        let (contexts, states) = self.unroll(&known, sentence, words, bias, noise)?;
        let FilmShape { height, width, channels, .. } = self.film;
        let t = which.len();
        let n = sentence.shape()[0];
        let [h, w] = self.base;
        // [n, t, ..] with n outermost, so that the frames of a film end up side by side.
        let hidden = states[0].shape()[4];
        let pick = |all: &[T]| T::stack(&which.iter().map(|&t| &all[t]).collect::<Vec<_>>(), 1);
        let states = pick(&states)?;
        let mut x = states.reshape([n * t, 1, h, w, hidden])?;
        let contexts = pick(&contexts)?;
        let word = contexts.shape()[2];
        let per_frame = |x: &T| {
            let d = x.shape()[1];
            x.reshape([n, 1, d])?.broadcast_to([n, t, d])?.reshape([n * t, d])
        };
        let contexts = contexts.reshape([n * t, word])?;
        let condition = T::concat(&[&per_frame(&known)?, &contexts], 1)?;
        for block in &self.decoder {
            x = block.conv.forward(&x)?;
            x = block.norm.forward(&x, &condition)?;
        }
        let x = self.output.forward(&x)?;
        let frames = match &self.palette {
            None => x.tanh()?,
            Some(palette) => {
                let colours = x.shape()[4];
                let palette = palette.forward(&known)?.tanh()?.reshape([n, colours, channels])?;
                // [n, pixels, colours] · [n, colours, channels]
                let shares = x.softmax()?.reshape([n, t * height * width, colours])?;
                shares.matmul(&palette)?
            }
        };
        frames.reshape([n, t, height, width, channels])
    }

    /// The style `[n, style]`, or s and z `[n, sentence + noise]` where there is none.
    fn known(&self, sentence: &T, film: &T) -> Result<T> {
        let both = T::concat(&[sentence, film], 1)?;
        match &self.style {
            None => Ok(both),
            Some((first, second)) => {
                let hidden = first.forward(&both)?.leaky_relu(SLOPE)?;
                second.forward(&hidden)?.leaky_relu(SLOPE)
            }
        }
    }

    /// What each word was worth at each frame: the attention weights of a film.
    ///
    /// # Shapes
    /// As of [`Generator::forward`]; gives `[n, t, m]`, which sums to 1 over m.
    ///
    /// # Errors
    /// As of [`Generator::forward`].
    pub fn attention(&self, sentence: &T, words: &T, bias: &T, noise: &Noise<T>) -> Result<T> {
        let mut heard = Vec::new();
        let known = self.known(sentence, &noise.film)?;
        self.run(&known, sentence, words, bias, noise, |_, _, weights| heard.push(weights))?;
        T::stack(&heard.iter().collect::<Vec<_>>(), 1)
    }

    /// The context `[n, word]` and the state `[n, 1, h, w, hidden]` of each frame.
    fn unroll(
        &self,
        known: &T,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
    ) -> Result<(Vec<T>, Vec<T>)> {
        let (mut contexts, mut states) = (Vec::new(), Vec::new());
        self.run(known, sentence, words, bias, noise, |context, state, _| {
            contexts.push(context);
            states.push(state);
        })?;
        Ok((contexts, states))
    }

    /// Runs the recurrence, giving each frame's context, state and attention weights to `visit`.
    fn run(
        &self,
        known: &T,
        sentence: &T,
        words: &T,
        bias: &T,
        noise: &Noise<T>,
        mut visit: impl FnMut(T, T, T),
    ) -> Result<()> {
        let t = self.film.frames;
        let n = sentence.shape()[0];
        let [h, w] = self.base;
        let device = sentence.device();
        let input = self.plan.weight.shape()[1] / (h * w);

        let noises = self.noise.run(&noise.frames, None, false)?;
        // The plan of all frames in one product: the style is the same for each.
        let width = known.shape()[1];
        let places = &self.position.table;
        let position = places.shape()[1];
        let known = known.reshape([1, n, width])?.broadcast_to([t, n, width])?;
        let places = places.reshape([t, 1, position])?.broadcast_to([t, n, position])?;
        let plans = self.plan.forward(&T::concat(&[&known, &places], 2)?)?;

        let hidden = self.recurrence.state().weight.shape()[3];
        let mut state: Option<LstmState<T>> = None;
        for (frame, noise) in noises.iter().enumerate() {
            let pooled = match &state {
                Some(state) => state.hidden.mean(&[1, 2, 3])?.reshape([n, hidden])?,
                None => T::full(device, 0.0, [n, hidden])?,
            };
            let query = T::concat(&[sentence, &pooled], 1)?;
            let (context, weights) = self.attention.forward(&query, words, bias)?;
            let moment = self.moment.forward(&T::concat(&[&context, noise], 1)?)?;
            let x = plans.select(0, frame)?.add(&moment)?.leaky_relu(SLOPE)?;
            let x = x.reshape([n, 1, h, w, input])?;
            let next = match &state {
                Some(state) => self.recurrence.forward(&x, state)?,
                None => self.recurrence.first(&x)?,
            };
            visit(context, next.hidden.clone(), weights);
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
            plan: self.plan.try_map(&join(path, "plan"), f)?,
            moment: self.moment.try_map(&join(path, "moment"), f)?,
            recurrence: self.recurrence.try_map(&join(path, "recurrence"), f)?,
            decoder: self.decoder.try_map(&join(path, "decoder"), f)?,
            output: self.output.try_map(&join(path, "output"), f)?,
            palette: self.palette.try_map(&join(path, "palette"), f)?,
        })
    }
}

impl<T> Module<T> for Block<T> {
    type Of<U> = Block<U>;
    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Block<U>, E> {
        Ok(Block {
            conv: self.conv.try_map(&join(path, "conv"), f)?,
            norm: self.norm.try_map(&join(path, "norm"), f)?,
        })
    }
}
