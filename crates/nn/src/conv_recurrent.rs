use std::sync::OnceLock;

use kinora_tensor::{Result, Shape, Tensor};

use crate::conv::fan_in;
use crate::linear::add_bias;
use crate::recurrent::{LSTM_BIAS, recurrent, time_first};
use crate::{Conv, Fill, Init, LstmState, Module, join, same, xavier};

/// An LSTM whose products are convolutions, so that its state has the axes h and w
/// (Shi et al., "Convolutional LSTM network", 2015, without peepholes).
///
/// # Shapes
/// x `[n, t, h, w, ci]`, a state `[n, 1, h, w, c]`, gates `[n, 1, h, w, 4c]`. The kernel has length
/// 1 along t, because the recurrence runs over t.
///
/// If all inputs are known, [`ConvLstm::inputs`] computes their products at once, and
/// [`ConvLstm::step`] then runs one time step. If an input depends on the previous state, use
/// [`ConvLstm::forward`], which computes the products of input and state as one convolution.
#[derive(Clone, Debug)]
pub struct ConvLstm<T> {
    /// The convolution from the input to the gates i, f, g, o.
    input: Conv<T>,
    /// The convolution from the state to the gates, without a bias.
    state: Conv<T>,
    /// The weights of both, concatenated along ci; set by the first `forward`.
    joined: OnceLock<T>,
}

/// A GRU whose products are convolutions (Ballas et al., "Delving deeper into convolutional
/// networks", 2016). The reset gate applies after the state's convolution.
///
/// # Shapes
/// x `[n, t, h, w, ci]`, a state `[n, 1, h, w, c]`, gates `[n, 1, h, w, 3c]`. The kernel has length
/// 1 along t, because the recurrence runs over t.
#[derive(Clone, Debug)]
pub struct ConvGru<T> {
    /// The convolution from the input to the gates r, z, n.
    pub input: Conv<T>,
    /// The convolution from the state to the gates.
    pub state: Conv<T>,
}

/// The input and state convolutions of a cell with `gates` gates.
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

/// The value of a `OnceLock`; `make` computes it if it is empty.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = make()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

/// x `[n, t, h, w, ci]` to the gates `[t, n, h, w, ..]` of all time steps.
fn inputs<T: Tensor>(conv: &Conv<T>, x: &T) -> Result<T> {
    // The kernel has length 1 along the second axis, so n can take the place of t there.
    conv.forward(&time_first(x)?)
}

fn state_shape<T: Tensor>(state: &Conv<T>, n: usize, [t, h, w]: [usize; 3]) -> Shape {
    [n, t, h, w, state.weight.shape()[3]].into()
}

impl<T> ConvLstm<T> {
    /// A cell of `hidden` channels for inputs of `inputs` channels, with a kernel `[1, kh, kw]` of
    /// odd lengths. The bias of the forget gate is 1.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(
        init: &mut I,
        kernel: [usize; 3],
        inputs: usize,
        hidden: usize,
    ) -> Result<Self> {
        let (input, state) = convs(init, kernel, [inputs, hidden, 4], [Some(LSTM_BIAS), None])?;
        Ok(Self { input, state, joined: OnceLock::new() })
    }

    /// The convolution from the input to the gates.
    pub fn input(&self) -> &Conv<T> {
        &self.input
    }

    /// The convolution from the state to the gates.
    pub fn state(&self) -> &Conv<T> {
        &self.state
    }
}

impl<T: Tensor> ConvLstm<T> {
    /// A zero state `[n, 1, h, w, c]` for a batch of `n`, with `size = [1, h, w]`.
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

    /// The input's part of the gates at all time steps: x `[n, t, h, w, ci]` to
    /// `[t, n, h, w, 4c]`.
    ///
    /// # Errors
    /// If x does not have ci channels, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        inputs(&self.input, x)
    }

    /// The state after one time step. `gates` is one time step of [`ConvLstm::inputs`], in any
    /// shape of `n h w 4c` elements.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn step(&self, gates: &T, state: &LstmState<T>) -> Result<LstmState<T>> {
        let recurrent = self.state.forward(&state.hidden)?;
        state.step(&gates.reshape(*recurrent.shape())?.add(&recurrent)?)
    }

    /// The state after the first time step, for an input `[n, 1, h, w, ci]` and a zero state. It
    /// skips the state's convolution, whose result is zero.
    ///
    /// # Errors
    /// If x does not have ci channels, or the device fails.
    pub fn first(&self, x: &T) -> Result<LstmState<T>> {
        let gates = self.input.forward(x)?;
        let (n, size) = (x.shape()[0], [x.shape()[1], x.shape()[2], x.shape()[3]]);
        self.zero_state(x.device(), n, size)?.step(&gates)
    }

    /// The state after one time step, for an input `[n, 1, h, w, ci]` and the previous state.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn forward(&self, x: &T, state: &LstmState<T>) -> Result<LstmState<T>> {
        let weights = [&self.input.weight, &self.state.weight];
        let weight = once(&self.joined, || T::concat(&weights, 3))?;
        let both = T::concat(&[x, &state.hidden], 4)?;
        let gates = both.conv(weight, self.input.geometry)?;
        state.step(&add_bias(gates, self.input.bias.as_ref())?)
    }
}

impl<T> ConvGru<T> {
    /// A cell of `hidden` channels for inputs of `inputs` channels, with a kernel `[1, kh, kw]` of
    /// odd lengths.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
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
    /// A zero state `[n, 1, h, w, c]` for a batch of `n`, with `size = [1, h, w]`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zero_state(&self, device: &T::Device, n: usize, size: [usize; 3]) -> Result<T> {
        T::full(device, 0.0, state_shape(&self.state, n, size))
    }

    /// The input's part of the gates at all time steps: x `[n, t, h, w, ci]` to
    /// `[t, n, h, w, 3c]`.
    ///
    /// # Errors
    /// If x does not have ci channels, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        inputs(&self.input, x)
    }

    /// The state after one time step. `gates` is one time step of [`ConvGru::inputs`], in any shape
    /// of `n h w 3c` elements.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
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
