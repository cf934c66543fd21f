//! A tensor that records every operation and its time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kinora_tensor::{Desc, Op, Result, Shape, Tensor, Update};

/// One call of a backend.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: &'static str,
    /// `None` for uploads, downloads and the optimiser, which are not an [`Op`].
    pub op: Option<Op>,
    pub inputs: Vec<Desc>,
    pub seconds: f64,
}

impl Call {
    /// Floating-point operations, and bytes read and written, as [`Op::flops`] and [`Op::bytes`] count
    /// them.
    pub fn cost(&self) -> [u64; 2] {
        let inputs: Vec<&Desc> = self.inputs.iter().collect();
        let len = inputs.first().map_or(0, |desc| desc.shape.elements() as u64);
        match (&self.op, self.name) {
            (Some(op), _) => [op.flops(&inputs), op.bytes(&inputs)],
            // Adam reads the parameter, both moments and the gradient, and writes the first three. SGD has one moment.
            (None, "adam") => [14 * len, 4 * 7 * len],
            (None, "sgd") => [7 * len, 4 * 5 * len],
            (None, "lerp") => [3 * len, 4 * 3 * len],
            (None, _) => [0, 4 * len],
        }
    }
}

/// A device that keeps a log of calls. A clone shares the device and the log.
#[derive(Clone)]
pub struct Recording<D> {
    inner: D,
    /// Waits until the device has finished all work.
    wait: fn(&D) -> Result<()>,
    log: Arc<Mutex<Vec<Call>>>,
}

impl<D> Recording<D> {
    /// A device that logs the calls of `inner`; `wait` waits until `inner` has finished all work.
    pub fn new(inner: D, wait: fn(&D) -> Result<()>) -> Self {
        Self { inner, wait, log: Arc::default() }
    }

    /// Takes all calls out of the log.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record<R>(
        &self,
        name: &'static str,
        op: Option<Op>,
        inputs: Vec<Desc>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let start = Instant::now();
        let result = run()?;
        (self.wait)(&self.inner)?;
        let call = Call { name, op, inputs, seconds: start.elapsed().as_secs_f64() };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        Ok(result)
    }
}

/// A tensor of a [`Recording`] device.
#[derive(Clone)]
pub struct Recorder<T: Tensor> {
    inner: T,
    device: Recording<T::Device>,
}

impl<T: Tensor> Tensor for Recorder<T> {
    type Device = Recording<T::Device>;

    fn device(&self) -> &Self::Device {
        &self.device
    }

    fn desc(&self) -> &Desc {
        self.inner.desc()
    }

    fn from_slice(device: &Self::Device, data: &[f32], shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let run = || T::from_slice(&device.inner, data, shape);
        let inner = device.record("upload", None, vec![Desc::f32(shape)], run)?;
        Ok(Self { inner, device: device.clone() })
    }

    fn full(device: &Self::Device, value: f32, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        let run = || T::full(&device.inner, value, shape);
        let inner = device.record("full", None, vec![Desc::f32(shape)], run)?;
        Ok(Self { inner, device: device.clone() })
    }

    async fn read(&self) -> Result<Vec<f32>> {
        // Timed here, because a read waits for the device.
        let start = Instant::now();
        let data = self.inner.read().await;
        let call = Call {
            name: "download",
            op: None,
            inputs: vec![*self.desc()],
            seconds: start.elapsed().as_secs_f64(),
        };
        self.device.log.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        data
    }

    fn apply(device: &Self::Device, op: Op, inputs: &[&Self]) -> Result<Self> {
        let descs = inputs.iter().map(|input| *input.desc()).collect();
        let values: Vec<&T> = inputs.iter().map(|input| &input.inner).collect();
        let run = || T::apply(&device.inner, op.clone(), &values);
        let inner = device.record(op.name(), Some(op.clone()), descs, run)?;
        Ok(Self { inner, device: device.clone() })
    }

    fn update(&mut self, update: &Update, state: &mut [&mut Self], inputs: &[&Self]) -> Result<()> {
        let name = match update {
            Update::Adam { .. } => "adam",
            Update::Sgd { .. } => "sgd",
            Update::Lerp { .. } => "lerp",
        };
        let descs = vec![*self.inner.desc()];
        let mut state: Vec<&mut T> = state.iter_mut().map(|s| &mut s.inner).collect();
        let inputs: Vec<&T> = inputs.iter().map(|input| &input.inner).collect();
        let run = || self.inner.update(update, &mut state, &inputs);
        self.device.record(name, None, descs, run)
    }
}
