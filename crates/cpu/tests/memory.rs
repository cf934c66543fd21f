//! Which tensors share memory, and when memory returns to the pool.

use kinora_cpu::{CpuDevice, CpuTensor};
use kinora_tensor::{Error, Geometry, Op, Result, Tensor, Update, Var, grad};

fn sequence(device: &CpuDevice, shape: [usize; 2]) -> CpuTensor {
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| i as f32).collect();
    CpuTensor::from_slice(device, &values, shape).unwrap()
}

#[test]
fn views_cost_nothing_and_keep_their_buffer() -> Result<()> {
    let device = CpuDevice::new();
    let x = sequence(&device, [100, 64]);
    let live = device.memory().live;
    let view = x.slice(0, 10, 20)?.reshape([1, 20, 64])?.slice(1, 5, 2)?.reshape([128])?;
    assert_eq!(device.memory().live, live);
    assert_eq!(view.data().as_ptr(), x.data()[15 * 64..].as_ptr());
    drop(x);
    // New tensors must not reuse the buffer that the view still holds.
    let _others: Vec<CpuTensor> = (0..4).map(|_| sequence(&device, [100, 64])).collect();
    assert!(view.data().iter().enumerate().all(|(i, &v)| v == (15 * 64 + i) as f32));
    drop((view, _others));
    assert_eq!(device.memory().live, 0);
    Ok(())
}

#[test]
fn an_update_is_in_place_unless_shared() -> Result<()> {
    let device = CpuDevice::new();
    let lerp = Update::Lerp { weight: 1.0 };
    let (mut p, target) = (sequence(&device, [8, 8]), CpuTensor::full(&device, -1.0, [8, 8])?);
    let before = p.data().as_ptr();
    p.update(&lerp, &mut [], &[&target])?;
    assert_eq!(p.data().as_ptr(), before);

    let copy = p.clone();
    let mut q = sequence(&device, [8, 8]);
    p.update(&lerp, &mut [], &[&q])?;
    assert!(copy.data().iter().all(|&x| x == -1.0), "a clone saw the update");
    assert_eq!(p.data(), q.data());
    let itself = q.clone();
    q.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&itself])?;
    assert_eq!(q.data(), itself.data());
    Ok(())
}

#[test]
fn a_repeated_step_allocates_nothing_new() -> Result<()> {
    let device = CpuDevice::new();
    let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
    let mut weight = CpuTensor::full(&device, 0.01, [1, 4, 4, 8, 16])?;
    let x = CpuTensor::full(&device, 0.5, [4, 1, 32, 32, 8])?;
    let mut step = || -> Result<usize> {
        let w = Var::leaf(weight.clone());
        let loss = Var::constant(x.clone()).conv(&w, geometry)?.leaky_relu(0.2)?.mean_all()?;
        let gradient = grad(loss, &[&w])?.remove(0);
        drop(w);
        weight.update(&Update::Lerp { weight: 0.1 }, &mut [], &[&gradient])?;
        let memory = device.memory();
        Ok(memory.live + memory.pooled)
    };
    let held = [step()?, step()?, step()?];
    for _ in 0..20 {
        assert_eq!(step()?, held[2]);
    }
    Ok(())
}

#[test]
fn impossible_requests_are_errors() -> Result<()> {
    let device = CpuDevice::new();
    let x = sequence(&device, [2, 3]);
    let error = x.add(&sequence(&device, [2, 2])).unwrap_err();
    assert!(error.to_string().starts_with("add of [[2, 3], [2, 2]]"), "{error}");
    assert!(matches!(CpuTensor::from_slice(&device, &[1.0], [2]), Err(Error::Length { .. })));
    assert!(x.matmul(&x).is_err() && x.slice(0, 1, 2).is_err() && x.reshape([7]).is_err());
    // More memory than any machine has, in one allocation.
    let huge = CpuTensor::full(&device, 0.0, [1 << 40, 1 << 14]);
    assert!(matches!(huge, Err(Error::Memory(_))), "{huge:?}");
    let huge = x.pad(0, 1 << 58, 0);
    assert!(huge.is_err(), "{huge:?}");
    assert!(CpuTensor::apply(&device, Op::Softmax, &[]).is_err());
    Ok(())
}
