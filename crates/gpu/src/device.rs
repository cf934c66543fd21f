//! The device: its adapter, its limits and its errors, with the pool, kernels and recording.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinora_tensor::{Error, Result};

use crate::adapter::{Adapter, largest};
use crate::kernel::Kernels;
use crate::pool::{self, Block, Memory, Pool};
use crate::recording::{Counts, Recording, SLOT, SLOTS};

/// A GPU with its memory pool and its compiled shaders. A clone is the same device.
///
/// Operations are recorded and submitted together. A thread waits for the GPU only in a read, or if
/// too many submits have not run yet.
#[derive(Clone)]
pub struct GpuDevice(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub info: wgpu::AdapterInfo,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub kernels: Mutex<Kernels>,
    state: Mutex<State>,
    /// Errors that the device reported asynchronously.
    faults: Arc<Mutex<Faults>>,
    /// The parameters of all dispatches of a recording, each in its slot.
    pub params: wgpu::Buffer,
}

/// The state that changes with every operation.
pub(crate) struct State {
    pub pool: Pool,
    pub recording: Recording,
}

#[derive(Default)]
struct Faults {
    /// Why the device was lost. It takes precedence, since all later errors follow from it.
    lost: Option<String>,
    /// The first of all other errors.
    first: Option<String>,
}

impl GpuDevice {
    /// The device of the best adapter, the first of [`Adapter::all`].
    ///
    /// # Errors
    /// [`Error::Device`] if there is no adapter, or the adapter does not work.
    pub fn new() -> Result<Self> {
        let none = || {
            Error::Device(
                "no GPU adapter was found; install a driver for Vulkan, Metal or DirectX 12 \
                 (on Debian, `apt-get install mesa-vulkan-drivers libvulkan1` for a software driver)"
                    .into(),
            )
        };
        Self::of(Adapter::all().first().ok_or_else(none)?)
    }

    /// The device of an adapter, with all its limits.
    ///
    /// # Errors
    /// [`Error::Device`] if the adapter does not work.
    pub fn of(adapter: &Adapter) -> Result<Self> {
        Self::with_limits(adapter, adapter.0.limits())
    }

    /// The device of an adapter, restricted to the limits that every adapter has. A program that
    /// runs on it stays within the limits of any other adapter.
    ///
    /// # Errors
    /// [`Error::Device`] if the adapter does not work.
    pub fn portable(adapter: &Adapter) -> Result<Self> {
        Self::with_limits(adapter, wgpu::Limits::default())
    }

    fn with_limits(Adapter(adapter): &Adapter, limits: wgpu::Limits) -> Result<Self> {
        let info = adapter.get_info();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("kinora"),
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| Error::Device(format!("{}: {error}", info.name)))?;
        let faults = Arc::new(Mutex::new(Faults::default()));
        let seen = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&seen).first.get_or_insert(error.to_string());
        }));
        let seen = faults.clone();
        device.set_device_lost_callback(move |_, why| {
            let why = if why.is_empty() { "no reason was given" } else { &why };
            lock(&seen).lost.get_or_insert(format!("the GPU was lost: {why}"));
        });
        let params = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: (SLOT * SLOTS) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let state = State { pool: Pool::default(), recording: Recording::default() };
        Ok(Self(Arc::new(Inner {
            info,
            device,
            queue,
            limits,
            kernels: Mutex::default(),
            state: Mutex::new(state),
            faults,
            params,
        })))
    }

    /// The adapter's name, as its driver reports it.
    pub fn name(&self) -> &str {
        &self.0.info.name
    }

    /// Submits all recorded operations and waits until they have run.
    ///
    /// # Errors
    /// [`Error::Device`] with the first error since the device was created.
    pub fn wait(&self) -> Result<()> {
        let inner = &self.0;
        inner.submit(inner.state());
        inner.poll(wgpu::PollType::wait_indefinitely())?;
        inner.check()
    }

    /// Destroys the device, as when a driver loses it: every later operation fails.
    pub fn destroy(&self) {
        self.0.device.destroy();
    }

    /// The memory that tensors use, and the memory that the pool keeps.
    pub fn memory(&self) -> Memory {
        self.0.state().pool.memory
    }

    /// Counts of the dispatches, submits and bind groups so far.
    pub fn counts(&self) -> Counts {
        self.0.state().recording.counts
    }
}

impl fmt::Debug for GpuDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GpuDevice")
            .field("name", &self.0.info.name)
            .field("memory", &self.memory())
            .finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Returns the error that the device reported so far, if there is one.
    pub fn check(&self) -> Result<()> {
        let is_unclear = {
            let faults = lock(&self.faults);
            faults.first.is_some() && faults.lost.is_none()
        };
        if is_unclear {
            // A poll reports whether the device is lost.
            self.poll(wgpu::PollType::Poll)?;
        }
        let faults = lock(&self.faults);
        match faults.lost.as_ref().or(faults.first.as_ref()) {
            Some(what) => Err(Error::Device(what.clone())),
            None => Ok(()),
        }
    }

    /// The reason of a failure: the device's own error if it reported one, else `error`.
    pub fn failed(&self, what: &str, error: &dyn fmt::Display) -> Error {
        let itself = || Error::Device(format!("{what} failed: {error}"));
        // A poll reports whether the device is lost.
        let polled = self.poll(wgpu::PollType::Poll);
        polled.and_then(|()| self.check()).err().unwrap_or_else(itself)
    }

    /// Polls the device, or waits for it.
    pub fn poll(&self, kind: wgpu::PollType) -> Result<()> {
        // wgpu panics if the driver has lost the device.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(kind)));
        let failed = match polled {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the GPU was lost: its driver failed".into(),
        };
        let lost = lock(&self.faults).lost.get_or_insert(failed).clone();
        Err(Error::Device(lost))
    }

    /// A block for `len` elements with arbitrary content. The operation recorded next must write
    /// it.
    pub fn take(&self, len: usize) -> Result<Block> {
        self.check()?;
        let bytes = (len as u64).saturating_mul(4);
        let limit = largest(&self.limits) / 256 * 256;
        if bytes > limit {
            return Err(Error::Memory(format!(
                "a tensor of {len} elements has {} MiB, but {} allows at most {} MiB",
                bytes.div_ceil(1 << 20),
                self.info.name,
                limit >> 20
            )));
        }
        let size = pool::class(bytes).min(limit);
        if let Some(block) = self.state().pool.pop(size) {
            return Ok(block);
        }
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        let buffer = self.create(size, usage)?;
        Ok(self.state().pool.make(buffer, size))
    }

    /// A new buffer. With `MAP_WRITE` it is already mapped.
    pub fn create(&self, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let try_to = || {
            let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: usage.contains(wgpu::BufferUsages::MAP_WRITE),
            });
            pollster::block_on(scope.pop()).map_or(Ok(buffer), Err)
        };
        if let Ok(buffer) = try_to() {
            return Ok(buffer);
        }
        // Freeing the pool may make room, once no recorded operation uses its blocks.
        let mut state = self.state();
        state.pool.let_go();
        self.submit(state);
        self.kernels().forget_groups();
        self.poll(wgpu::PollType::wait_indefinitely())?;
        try_to().map_err(|error| {
            let (name, live) = (&self.info.name, self.state().pool.memory.live);
            Error::Memory(format!(
                "{name} has no room for {} KiB beside the {} MiB in use: {error}",
                size >> 10,
                live >> 20
            ))
        })
    }

    /// Returns a block to the pool.
    pub fn free(&self, block: Block) {
        let gone = self.state().pool.push(block);
        if gone {
            // Bind groups would keep the buffers alive that the pool freed.
            self.kernels().forget_groups();
        }
    }

    pub fn kernels(&self) -> MutexGuard<'_, Kernels> {
        lock(&self.kernels)
    }

    /// The binding of a kernel's parameters of `size` bytes.
    pub fn params(&self, size: u64) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding { buffer: &self.params, offset: 0, size: wgpu::BufferSize::new(size) }
    }
}
