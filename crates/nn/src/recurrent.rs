use kinora_tensor::{Result, Shape, Tensor};

use crate::{Fill, Init, Linear, Module, join, xavier};

/// The bias of the gates i, f, g, o. A forget gate that is open at first keeps gradients from
/// vanishing (Jozefowicz et al., "An empirical exploration of recurrent network architectures",
/// 2015).
pub(crate) const LSTM_BIAS: Fill = Fill::Blocks(&[0.0, 1.0, 0.0, 0.0]);

/// Orthogonal weights from a state to its gates.
pub(crate) const fn recurrent(gates: usize) -> Fill {
    Fill::Orthogonal { gain: 1.0, blocks: gates }
}

/// The state of an LSTM.
///
/// # Shapes
/// Both `[n, c]`, or `[n, t, h, w, c]` for a [`ConvLstm`](crate::ConvLstm).
#[derive(Clone, Debug)]
pub struct LstmState<T> {
    /// h, the hidden state, which is also the output.
    pub hidden: T,
    /// c, the cell state.
    pub cell: T,
}

impl<T: Tensor> LstmState<T> {
    pub(crate) fn zero(device: &T::Device, shape: Shape) -> Result<Self> {
        let zero = T::full(device, 0.0, shape)?;
        Ok(Self { hidden: zero.clone(), cell: zero })
    }

    /// The next state, from the gates before their activations.
    pub(crate) fn step(&self, gates: &T) -> Result<Self> {
        let both = gates.lstm_cell(&self.cell)?;
        Ok(Self { hidden: both.select(0, 0)?, cell: both.select(0, 1)? })
    }
}

/// `[n, t, ..]` to `[t, n, ..]`.
pub(crate) fn time_first<T: Tensor>(x: &T) -> Result<T> {
    let mut axes: Vec<usize> = (0..x.shape().len()).collect();
    if axes.len() < 2 {
        return Ok(x.clone());
    }
    axes.swap(0, 1);
    if x.shape()[0] == 1 || x.shape()[1] == 1 {
        let shape: Shape = axes.iter().map(|&axis| x.shape()[axis]).collect();
        return x.reshape(shape);
    }
    x.permute(&axes)
}

/// A long short-term memory cell with a forget gate (Hochreiter and Schmidhuber, 1997).
///
/// [`Lstm::inputs`] computes the input's products of all time steps at once; [`Lstm::step`] then
/// runs one time step.
#[derive(Clone, Debug)]
pub struct Lstm<T> {
    /// The layer from the input to the gates i, f, g, o, `[d, 4c]`.
    pub input: Linear<T>,
    /// The layer from the hidden state to the gates, `[c, 4c]`, without a bias.
    pub state: Linear<T>,
}

impl<T> Lstm<T> {
    /// A cell with a state of length `hidden` for inputs of length `inputs`. The bias of the forget
    /// gate is 1.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, inputs: usize, hidden: usize) -> Result<Self> {
        let gates = hidden.saturating_mul(4);
        Ok(Self {
            input: Linear::with(init, [inputs, gates], xavier(inputs, hidden), Some(LSTM_BIAS))?,
            state: Linear::with(init, [hidden, gates], recurrent(4), None)?,
        })
    }
}

impl<T: Tensor> Lstm<T> {
    /// A zero state `[n, c]` for a batch of `n`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zero_state(&self, device: &T::Device, n: usize) -> Result<LstmState<T>> {
        LstmState::zero(device, [n, self.state.weight.shape()[0]].into())
    }

    /// The input's part of the gates at all time steps: x `[n, t, d]` to `[t, n, 4c]`.
    ///
    /// # Errors
    /// If the innermost axis of x does not have the length d, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        self.input.forward(&time_first(x)?)
    }

    /// The state after one time step. `gates` `[n, 4c]` is one time step of [`Lstm::inputs`], and
    /// `state` the previous state `[n, c]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn step(&self, gates: &T, state: &LstmState<T>) -> Result<LstmState<T>> {
        let recurrent = self.state.forward(&state.hidden)?;
        state.step(&gates.reshape(*recurrent.shape())?.add(&recurrent)?)
    }

    /// Runs all time steps of x `[n, t, d]` from a zero state. Returns the hidden state `[n, c]`
    /// after each time step; `mask` and `reverse` work as in [`Gru::run`].
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn run(&self, x: &T, mask: Option<&T>, reverse: bool) -> Result<Vec<T>> {
        let first = self.zero_state(x.device(), x.shape()[0])?;
        let both = |before: &LstmState<T>, after: &LstmState<T>, mask: &T| {
            Ok(LstmState {
                hidden: keep(&before.hidden, &after.hidden, mask)?,
                cell: keep(&before.cell, &after.cell, mask)?,
            })
        };
        let step = |gates: &T, state: &LstmState<T>| self.step(gates, state);
        let states = unroll(&self.inputs(x)?, mask, reverse, first, step, both)?;
        Ok(states.into_iter().map(|state| state.hidden).collect())
    }
}

impl<T> Module<T> for Lstm<T> {
    type Of<U> = Lstm<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Lstm<U>, E> {
        Ok(Lstm {
            input: self.input.try_map(&join(path, "input"), f)?,
            state: self.state.try_map(&join(path, "state"), f)?,
        })
    }
}

/// A gated recurrent unit (Cho et al., 2014). The reset gate applies after the state's product, as
/// in cuDNN and PyTorch.
#[derive(Clone, Debug)]
pub struct Gru<T> {
    /// The layer from the input to the gates r, z, n, `[d, 3c]`.
    pub input: Linear<T>,
    /// The layer from the state to the gates, `[c, 3c]`.
    pub state: Linear<T>,
}

impl<T> Gru<T> {
    /// A cell with a state of length `hidden` for inputs of length `inputs`.
    ///
    /// # Errors
    /// Those of [`Init::tensor`].
    pub fn new<I: Init<T>>(init: &mut I, inputs: usize, hidden: usize) -> Result<Self> {
        let gates = hidden.saturating_mul(3);
        let bias = Some(Fill::Zeros);
        Ok(Self {
            input: Linear::with(init, [inputs, gates], xavier(inputs, hidden), bias)?,
            state: Linear::with(init, [hidden, gates], recurrent(3), bias)?,
        })
    }
}

impl<T: Tensor> Gru<T> {
    /// A zero state `[n, c]` for a batch of `n`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zero_state(&self, device: &T::Device, n: usize) -> Result<T> {
        T::full(device, 0.0, [n, self.state.weight.shape()[0]])
    }

    /// The input's part of the gates at all time steps: x `[n, t, d]` to `[t, n, 3c]`.
    ///
    /// # Errors
    /// If the innermost axis of x does not have the length d, or the device fails.
    pub fn inputs(&self, x: &T) -> Result<T> {
        self.input.forward(&time_first(x)?)
    }

    /// The state after one time step. `gates` `[n, 3c]` is one time step of [`Gru::inputs`], and
    /// `state` the previous state `[n, c]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn step(&self, gates: &T, state: &T) -> Result<T> {
        gates.gru_cell(&self.state.forward(state)?, state)
    }

    /// Runs all time steps of x `[n, t, d]` from a zero state. Returns the state `[n, c]` after
    /// each time step, in the order of t.
    ///
    /// With `reverse` it runs from the last time step to the first; the returned states are still
    /// in the order of t. `mask` `[n, t]` is 1 for input and 0 for padding, where the state stays
    /// unchanged.
    ///
    /// # Errors
    /// If the shapes do not fit, or the device fails.
    pub fn run(&self, x: &T, mask: Option<&T>, reverse: bool) -> Result<Vec<T>> {
        let first = self.zero_state(x.device(), x.shape()[0])?;
        unroll(&self.inputs(x)?, mask, reverse, first, |gates, state| self.step(gates, state), keep)
    }
}

/// Runs all time steps of a cell from the state `first`, with gates `[t, n, ..]` and a mask
/// `[n, t]`. Returns the states in the order of t. `keep(before, after, mask)` gets the states
/// before and after a time step, and its mask `[n, 1]`. It returns `after` where the mask is 1,
/// else `before`.
fn unroll<T: Tensor, S: Clone>(
    gates: &T,
    mask: Option<&T>,
    reverse: bool,
    first: S,
    step: impl Fn(&T, &S) -> Result<S>,
    keep: impl Fn(&S, &S, &T) -> Result<S>,
) -> Result<Vec<S>> {
    let (times, n) = (gates.shape()[0], gates.shape().get(1).copied().unwrap_or(1));
    // [t, n, 1], so that the slice of a time step copies nothing.
    let mask = mask.map(|mask| time_first(mask)?.reshape([times, n, 1])).transpose()?;
    let mut state = first;
    let mut states = Vec::with_capacity(times);
    for at in 0..times {
        let time = if reverse { times - 1 - at } else { at };
        let next = step(&gates.select(0, time)?, &state)?;
        state = match &mask {
            Some(mask) => keep(&state, &next, &mask.select(0, time)?)?,
            None => next,
        };
        states.push(state.clone());
    }
    if reverse {
        states.reverse();
    }
    Ok(states)
}

/// `before` where the mask is 0, `after` where it is 1.
fn keep<T: Tensor>(before: &T, after: &T, mask: &T) -> Result<T> {
    before.add(&after.sub(before)?.mul(mask)?)
}

impl<T> Module<T> for Gru<T> {
    type Of<U> = Gru<U>;

    fn try_map<'a, U, E>(
        &'a self,
        path: &str,
        f: &mut dyn FnMut(&str, &'a T) -> Result<U, E>,
    ) -> Result<Gru<U>, E> {
        Ok(Gru {
            input: self.input.try_map(&join(path, "input"), f)?,
            state: self.state.try_map(&join(path, "state"), f)?,
        })
    }
}
