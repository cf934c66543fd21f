use std::sync::OnceLock;

use kinora_tensor::{Result, Shape, Tensor};

use crate::conv::fan_in;
use crate::linear::add_bias;
use crate::recurrent::{LSTM_BIAS, recurrent, time_first};
use crate::{Conv, Fill, Init, LstmState, Module, join, same, xavier};

/// An LSTM whose products are convolutions, so that its state is a picture
/// (Shi et al., "Convolutional LSTM network", 2015, without peepholes).
///
/// # Shapes
/// x `[n, t, h, w, ci]`, a state `[n, 1, h, w, c]`, gates `[n, 1, h, w, 4c]`. The kernel of time
/// is 1, since the recurrence is over time.
///
/// Where all inputs are known, [`ConvLstm::inputs`] does their products at once and
/// [`ConvLstm::step`] one time after it; where an input depends on the state before it,
/// [`ConvLstm::forward`] does the products of both as one.
#[derive(Clone, Debug)]
pub struct ConvLstm<T> {
    /// From the input to the gates i, f, g, o.
    input: Conv<T>,
    /// From the state to the gates, without a bias.
    state: Conv<T>,
    /// The weights of both along ci, once somebody asked for them.
    joined: OnceLock<T>,
}

/// A GRU whose products are convolutions (Ballas et al., "Delving deeper into convolutional
/// networks", 2016), with the reset gate after the state's product.
///
/// # Shapes
/// x `[n, t, h, w, ci]`, a state `[n, 1, h, w, c]`, gates `[n, 1, h, w, 3c]`. The kernel of time
/// is 1, since the recurrence is over time.
#[derive(Clone, Debug)]
pub struct ConvGru<T> {
    /// From the input to the gates r, z, n.
    pub input: Conv<T>,
    /// From the state to the gates.
    pub state: Conv<T>,
}

/// The two convolutions of a cell with `gates` gates.
fn convs<T, I: Init<T>>(
    init: &mut I,
    kernel: [usize; 3],
    [inputs, hidden, gates]: [usize; 3],
    [input_bias, state_bias]: [Option<Fill>; 2],
) -> Result<(Conv<T>, Conv<T>)> {
    let outputs = hidden.saturating_mul(gates);
    let weight = xavier(fan_in(kernel, inputs), fan_in(kernel, hidden));
    let geometry = same(kernel);
    Ok((
        Conv::with(init, kernel, [inputs, outputs], geometry, weight, input_bias)?,
        Conv::with(init, kernel, [hidden, outputs], geometry, recurrent(gates), state_bias)?,
    ))
}

/// What a cell holds, made by `make` where it is empty.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = make()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

/// x `[n, t, h, w, ci]` to the gates `[t, n, h, w, ..]` of all times.
fn inputs<T: Tensor>(conv: &Conv<T>, x: &T) -> Result<T> {
    // The kernel is 1 along the second axis, so that axis may as well be n.
    conv.forward(&time_first(x)?)
}

fn state_shape<T: Tensor>(state: &Conv<T>, n: usize, [t, h, w]: [usize; 3]) -> Shape {
    [n, t, h, w, state.weight.shape()[3]].into()
}

impl<T> ConvLstm<T> {
    /// A cell of `hidden` channels for inputs of `inputs` channels, with odd kernels `[1, kh, kw]`;
    /// the bias of the forget gate is 1.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        inputs: usize,
        hidden: usize,
    ) -> Result<Self> {
        let (input, state) = convs(init, kernel, [inputs, hidden, 4], [Some(LSTM_BIAS), None])?;
        Ok(Self { input, state, joined: OnceLock::new() })
    }

    /// From the input to the gates.
    pub fn input(&self) -> &Conv<T> {
        &self.input
    }

    /// From the state to the gates.
    pub fn state(&self) -> &Conv<T> {
        &self.state
    }
}

impl<T: Tensor> ConvLstm<T> {
    /// A state of zeros for a batch of `n` pictures of `size = [1, h, w]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zero_state(
        &self,
        device: &T::Device,
        n: usize,
        size: [usize; 3],
    ) -> Result<LstmState<T>> {
        LstmState::zero(device, state_shape(&self.state, n, size))
    }

    /// The input's part of the gates at all times: x `[n, t, h, w, ci]` to `[t, n, h, w, 4c]`.
    ///
    /// # Errors
    /// If x has other channels, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        inputs(&self.input, x)
    }

    /// One step: gates of `n h w 4c` elements, a time of [`ConvLstm::inputs`], and a state.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn step(&self, gates: &T, state: &LstmState<T>) -> Result<LstmState<T>> {
        let recurrent = self.state.forward(&state.hidden)?;
        state.step(&gates.reshape(*recurrent.shape())?.add(&recurrent)?)
    }

    /// The first step, from a state of zeros, which adds nothing to the gates: an input
    /// `[n, 1, h, w, ci]`.
    ///
    /// # Errors
    /// If x has other channels, or the device fails.
    pub fn first(&self, x: &T) -> Result<LstmState<T>> {
        let gates = self.input.forward(x)?;
        let (n, size) = (x.shape()[0], [x.shape()[1], x.shape()[2], x.shape()[3]]);
        self.zero_state(x.device(), n, size)?.step(&gates)
    }

    /// One step: an input `[n, 1, h, w, ci]` and a state.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn forward(&self, x: &T, state: &LstmState<T>) -> Result<LstmState<T>> {
        let weights = [&self.input.weight, &self.state.weight];
        let weight = once(&self.joined, || T::concat(&weights, 3))?;
        let both = T::concat(&[x, &state.hidden], 4)?;
        let gates = both.conv(weight, self.input.geometry)?;
        state.step(&add_bias(gates, self.input.bias.as_ref())?)
    }
}

impl<T> ConvGru<T> {
    /// A cell of `hidden` channels for inputs of `inputs` channels, with odd kernels `[1, kh, kw]`.
    ///
    /// # Errors
    /// As of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        inputs: usize,
        hidden: usize,
    ) -> Result<Self> {
        let (input, state) = convs(init, kernel, [inputs, hidden, 3], [Some(Fill::Zeros); 2])?;
        Ok(Self { input, state })
    }
}

impl<T: Tensor> ConvGru<T> {
    /// A state of zeros for a batch of `n` pictures of `size = [1, h, w]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zero_state(&self, device: &T::Device, n: usize, size: [usize; 3]) -> Result<T> {
        T::full(device, 0.0, state_shape(&self.state, n, size))
    }

    /// The input's part of the gates at all times: x `[n, t, h, w, ci]` to `[t, n, h, w, 3c]`.
    ///
    /// # Errors
    /// If x has other channels, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        inputs(&self.input, x)
    }

    /// One step: gates of `n h w 3c` elements, a time of [`ConvGru::inputs`], and a state.
    ///
    /// # Errors
    /// If the shapes disagree, or the device fails.
    pub fn step(&self, gates: &T, state: &T) -> Result<T> {
        let recurrent = self.state.forward(state)?;
        gates.reshape(*recurrent.shape())?.gru_cell(&recurrent, state)
    }
}

impl<T> Module<T> for ConvLstm<T> {
    type Of<U> = ConvLstm<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<ConvLstm<U>, E> {
        Ok(ConvLstm {
            input: self.input.try_map(&join(path, "input"), f)?,
            state: self.state.try_map(&join(path, "state"), f)?,
            joined: OnceLock::new(),
        })
    }
}

impl<T> Module<T> for ConvGru<T> {
    type Of<U> = ConvGru<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<ConvGru<U>, E> {
        Ok(ConvGru {
            input: self.input.try_map(&join(path, "input"), f)?,
            state: self.state.try_map(&join(path, "state"), f)?,
        })
    }
}
