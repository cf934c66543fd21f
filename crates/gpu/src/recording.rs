//! What is recorded for the device, handed over, and read back.

use std::collections::VecDeque;
use std::fmt;
use std::sync::MutexGuard;

use kinora_tensor::{Error, Result};

use crate::device::{Inner, State};
use crate::kernel::Kernel;

/// Dispatches that are not submitted yet.
#[derive(Default)]
pub(crate) struct Recording {
    /// Above the encoder, since fields drop in their order, and the pass has to end first.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    params: Vec<u8>,
    /// Bytes that wait to be copied to the device.
    uploads: u64,
    pub counts: Counts,
    /// Handed over, and perhaps not run yet.
    ahead: VecDeque<wgpu::SubmissionIndex>,
}

/// What a device was given to do since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kernels recorded.
    pub dispatches: u64,
    /// Recordings handed over.
    pub submits: u64,
    /// Groups of buffers bound that were not bound together before.
    pub bind_groups: u64,
}

/// Bytes of a slot: what every adapter aligns to, and room for the largest parameters.
pub(crate) const SLOT: usize = 256;
/// Dispatches in a recording at most.
pub(crate) const SLOTS: usize = 512;
/// Recordings that may wait for the GPU before a thread that submits another waits for the oldest:
/// enough for it to have no break, and no more, since each keeps the memory of its uploads.
const AHEAD: usize = 4;
/// Bytes of uploads after which a recording is submitted.
const UPLOADS: u64 = 64 << 20;

impl Inner {
    /// Records a kernel on so many workgroups.
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
        // As even as can be, so that few workgroups have nothing to do.
        let y = workgroups.div_ceil(most);
        let x = workgroups.div_ceil(y);
        if y > most {
            return Err(Error::Device(format!(
                "{workgroups} workgroups are more than {most} × {most}, the most of {}",
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
            // A GPU need not wait for the whole, and Windows resets one that is busy for too long.
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

    /// Records that a buffer gets these values.
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

    /// Hands the recording over, and waits, with nothing locked, where that is too far ahead.
    pub fn submit(&self, mut state: MutexGuard<'_, State>) {
        let recording = &mut state.recording;
        recording.pass = None;
        let Some(encoder) = recording.encoder.take() else { return };
        // Before the commands, and after those of the submit before.
        self.queue.write_buffer(&self.params, 0, &recording.params);
        recording.ahead.push_back(self.queue.submit([encoder.finish()]));
        recording.params.clear();
        recording.uploads = 0;
        recording.counts.submits += 1;
        if recording.ahead.len() > AHEAD {
            let submission_index = recording.ahead.pop_front();
            drop(state);
            // What goes wrong here is kept, and told by whatever is asked for next.
            let _ = self.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        }
    }

    /// The bytes of a part of a buffer, once all that is recorded has run.
    pub fn read(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<f32>> {
        self.check()?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create(bytes, usage)?;
        let mut state = self.state();
        self.copy(&mut state.recording, [buffer, &staging], offset, bytes);
        self.submit(state);
        let (send, mapped) = std::sync::mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // Nobody waits any more if the read was given up.
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
