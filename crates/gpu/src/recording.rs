//! Records operations for the device, submits them, and reads results back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::MutexGuard;

use kinora_tensor::{Error, Result};

use crate::device::{Inner, State};
use crate::kernel::Kernel;

/// Dispatches and copies that are not submitted yet.
#[derive(Default)]
pub(crate) struct Recording {
    /// Declared before the encoder: fields drop in order, and the pass has to end first.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    params: Vec<u8>,
    /// Bytes of recorded uploads.
    uploads: u64,
    pub counts: Counts,
    /// Submits that may not have run yet.
    ahead: VecDeque<wgpu::SubmissionIndex>,
}

/// Counts of a device's work since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Recorded kernels.
    pub dispatches: u64,
    /// Submitted recordings.
    pub submits: u64,
    /// Created bind groups, one for each new combination of a kernel and its buffers.
    pub bind_groups: u64,
}

/// Bytes of a parameter slot: the uniform alignment of every adapter, and enough for the largest
/// parameters.
pub(crate) const SLOT: usize = 256;
/// The most dispatches in a recording.
pub(crate) const SLOTS: usize = 512;
/// The most submits that may wait for the GPU. A thread that submits another waits for the oldest.
/// Four keep the GPU busy; each waiting submit holds the memory of its uploads.
const AHEAD: usize = 4;
/// Bytes of uploads after which a recording is submitted.
const UPLOADS: u64 = 64 << 20;

impl Inner {
    /// Records a kernel on `workgroups` workgroups.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        buffers: &[&wgpu::Buffer],
        params: &[u8],
        workgroups: u64,
    ) -> Result<()> {
        if workgroups == 0 {
            return Ok(());
        }
        let most = u64::from(self.limits.max_compute_workgroups_per_dimension);
        // Fold into two dimensions as evenly as possible, so that few workgroups are idle.
        let y = workgroups.div_ceil(most);
        let x = workgroups.div_ceil(y);
        if y > most {
            return Err(Error::Device(format!(
                "{workgroups} workgroups exceed {most} × {most}, the limit of {}",
                self.info.name
            )));
        }
        let compiled = self.kernels().get(self, kernel)?;
        let (file, entry) = (kernel.shader.name, kernel.entry);
        assert_eq!(params.len() as u64, compiled.params(), "parameters of {file}, {entry}");
        let (group, is_new) = compiled.group(self, buffers);
        let mut state = self.state();
        let recording = &mut state.recording;
        let offset = recording.params.len() as u32;
        assert!(params.len() <= SLOT, "parameters of {} bytes", params.len());
        recording.params.extend_from_slice(params);
        recording.params.resize(offset as usize + SLOT, 0);
        recording.counts.dispatches += 1;
        recording.counts.bind_groups += u64::from(is_new);
        let encoder = recording.encoder.get_or_insert_with(|| self.encoder());
        let pass = recording.pass.get_or_insert_with(|| {
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()).forget_lifetime()
        });
        pass.set_pipeline(&compiled.pipeline);
        pass.set_bind_group(0, &group, &[offset]);
        pass.dispatch_workgroups(x as u32, y as u32, 1);
        if recording.params.len() == SLOT * SLOTS {
            // Submit in parts: the GPU starts earlier, and Windows resets a GPU that is busy too
            // long.
            self.submit(state);
        }
        Ok(())
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Records a copy from one buffer to the start of another, between kernels.
    fn copy(
        &self,
        recording: &mut Recording,
        [from, to]: [&wgpu::Buffer; 2],
        offset: u64,
        bytes: u64,
    ) {
        recording.pass = None;
        let encoder = recording.encoder.get_or_insert_with(|| self.encoder());
        encoder.copy_buffer_to_buffer(from, offset, to, 0, bytes);
    }

    /// Records an upload of `values` to a buffer.
    pub fn upload(&self, buffer: &wgpu::Buffer, values: &[f32]) -> Result<()> {
        let bytes = bytemuck::cast_slice(values);
        if bytes.is_empty() {
            return Ok(());
        }
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let staging = self.create(bytes.len() as u64, usage)?;
        let view = staging.get_mapped_range_mut(..);
        view.map_err(|error| self.failed("an upload", &error))?.copy_from_slice(bytes);
        staging.unmap();
        let mut state = self.state();
        let (recording, bytes) = (&mut state.recording, bytes.len() as u64);
        self.copy(recording, [&staging, buffer], 0, bytes);
        recording.uploads += bytes;
        if recording.uploads > UPLOADS {
            self.submit(state);
        }
        Ok(())
    }

    /// Submits the recording. If too many submits are waiting, releases the lock and waits for the
    /// oldest.
    pub fn submit(&self, mut state: MutexGuard<'_, State>) {
        let recording = &mut state.recording;
        recording.pass = None;
        let Some(encoder) = recording.encoder.take() else { return };
        // The write runs after the commands of the previous submit and before those of this one.
        self.queue.write_buffer(&self.params, 0, &recording.params);
        recording.ahead.push_back(self.queue.submit([encoder.finish()]));
        recording.params.clear();
        recording.uploads = 0;
        recording.counts.submits += 1;
        if recording.ahead.len() > AHEAD {
            let submission_index = recording.ahead.pop_front();
            drop(state);
            // `poll` keeps an error, and the next operation or read returns it.
            let _ = self.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        }
    }

    /// Reads a part of a buffer, after all recorded operations have run. `offset` and `bytes` are
    /// in bytes.
    pub fn read(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<f32>> {
        self.check()?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create(bytes, usage)?;
        let mut state = self.state();
        self.copy(&mut state.recording, [buffer, &staging], offset, bytes);
        self.submit(state);
        let (send, mapped) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // Sending fails only if the read has already returned an error.
            let _ = send.send(result);
        });
        let failed = |error: &dyn fmt::Display| self.failed("a read", error);
        self.poll(wgpu::PollType::wait_indefinitely())?;
        match mapped.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failed(&error)),
            Err(error) => return Err(failed(&error)),
        }
        let range = staging.get_mapped_range(..).map_err(|error| failed(&error))?;
        let values = bytemuck::cast_slice(&range).to_vec();
        self.check()?;
        Ok(values)
    }
}
