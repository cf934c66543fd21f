//! Which tensors share memory, when memory returns to the pool, and the errors when memory runs out
//! or the device is lost.

mod common;

use kinora_gpu::{GpuDevice, GpuTensor};
use kinora_tensor::{Error, Geometry, Op, Result, Tensor, Update, Var, grad};

fn device() -> Option<GpuDevice> {
    common::adapter().map(|adapter| GpuDevice::of(&adapter).unwrap())
}

fn sequence(device: &GpuDevice, shape: [usize; 2]) -> GpuTensor {
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| i as f32).collect();
    GpuTensor::from_slice(device, &values, shape).unwrap()
}

#[test]
fn views_cost_nothing_and_keep_their_buffer() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let x = sequence(&device, [100, 64]);
    let before = (device.memory().live, device.counts());
    let view = x.slice(0, 10, 20)?.reshape([1, 20, 64])?.slice(1, 5, 2)?.reshape([128])?;
    assert_eq!((device.memory().live, device.counts()), before);
    drop(x);
    // New tensors must not reuse the buffer that the view still holds.
    let others: Vec<GpuTensor> = (0..4).map(|_| sequence(&device, [100, 64])).collect();
    assert!(view.to_vec()?.iter().enumerate().all(|(i, &v)| v == (15 * 64 + i) as f32));
    drop((view, others));
    assert_eq!(device.memory().live, 0);
    Ok(())
}

/// An upload must not overwrite memory that an earlier recorded kernel has not read yet.
#[test]
fn uploads_do_not_overtake() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let mut sums = Vec::new();
    for round in 0..50 {
        let x = GpuTensor::from_slice(&device, &[round as f32; 300], [300])?;
        // x returns to the pool before any kernel has run, and the next round reuses its memory.
        sums.push(x.affine(2.0, 1.0)?);
    }
    for (round, sum) in sums.iter().enumerate() {
        assert_eq!(sum.to_vec()?, [2.0 * round as f32 + 1.0; 300]);
    }
    Ok(())
}

#[test]
fn an_update_is_in_place_unless_shared() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let lerp = Update::Lerp { weight: 1.0 };
    let (mut p, target) = (sequence(&device, [8, 8]), GpuTensor::full(&device, -1.0, [8, 8])?);
    let before = device.memory().live;
    p.update(&lerp, &mut [], &[&target])?;
    assert_eq!(device.memory().live, before);

    let copy = p.clone();
    let mut q = sequence(&device, [8, 8]);
    p.update(&lerp, &mut [], &[&q])?;
    assert!(copy.to_vec()?.iter().all(|&x| x == -1.0), "a clone saw the update");
    assert_eq!(p.to_vec()?, q.to_vec()?);
    let itself = q.clone();
    q.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&itself])?;
    assert_eq!(q.to_vec()?, itself.to_vec()?);

    // All operands are views of larger buffers, each the only view of its buffer.
    let part = |start| -> Result<GpuTensor> {
        sequence(&device, [9, 8]).affine(0.1, 1.0)?.slice(0, start, 5)?.slice(0, 1, 4)
    };
    let adam = Update::Adam {
        rate: 0.1,
        beta1: 0.5,
        beta2: 0.9,
        epsilon: 1e-8,
        weight_decay: 0.0,
        step: 3,
    };
    let results = |of: &dyn Fn(GpuTensor) -> Result<GpuTensor>| -> Result<Vec<Vec<f32>>> {
        let [mut p, mut m, mut v] = [of(part(0)?)?, of(part(1)?)?, of(part(2)?)?];
        let (g, factor) =
            (of(part(3)?)?, of(part(4)?.slice(0, 2, 1)?.slice(1, 3, 1)?.reshape([1])?)?);
        p.update(&adam, &mut [&mut m, &mut v], &[&g, &factor])?;
        [p, m, v].iter().map(GpuTensor::to_vec).collect()
    };
    let copied = |x: GpuTensor| GpuTensor::from_slice(&device, &x.to_vec()?, *x.shape());
    assert_eq!(results(&Ok)?, results(&copied)?);
    Ok(())
}

#[test]
fn a_repeated_step_takes_the_same_memory_and_is_one_submit() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let geometry = Geometry { stride: [1, 2, 2], padding: [0, 1, 1] };
    let mut weight = GpuTensor::full(&device, 0.01, [1, 4, 4, 8, 16])?;
    let x = GpuTensor::full(&device, 0.5, [4, 1, 16, 16, 8])?;
    let mut step = || -> Result<u64> {
        let w = Var::leaf(weight.clone());
        let loss = Var::constant(x.clone()).conv(&w, geometry)?.leaky_relu(0.2)?.mean_all()?;
        let value = loss.value().clone();
        let gradient = grad(loss, &[&w])?.remove(0);
        drop(w);
        weight.update(&Update::Lerp { weight: 0.1 }, &mut [], &[&gradient])?;
        let submits = device.counts().submits;
        assert!(value.to_vec()?[0].is_finite());
        assert_eq!(device.counts().submits, submits + 1);
        let memory = device.memory();
        Ok(memory.live + memory.pooled)
    };
    let held = [step()?, step()?, step()?];
    let made = device.counts().bind_groups;
    for _ in 0..20 {
        assert_eq!(step()?, held[2]);
    }
    assert_eq!(device.counts().bind_groups, made);
    Ok(())
}

/// Dispatches and uploads are submitted in parts, even without a read.
#[test]
fn much_work_is_submitted_in_parts() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let mut x = GpuTensor::full(&device, 0.0, [300])?;
    let before = device.counts();
    for _ in 0..4000 {
        x = x.affine(1.0, 1.0)?;
    }
    let counts = device.counts();
    assert_eq!(counts.dispatches - before.dispatches, 4000);
    // 512 dispatches a submit, and more submits than may wait for the GPU.
    assert_eq!(counts.submits - before.submits, 4000 / 512);
    assert!(x.to_vec()?.iter().all(|&x| x == 4000.0));

    let before = device.counts().submits;
    let values = vec![0.5; 1 << 21];
    let tensors = (0..9).map(|_| GpuTensor::from_slice(&device, &values, [values.len()]));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    assert_eq!(device.counts().submits - before, 1, "submits for 72 MiB of uploads");
    assert!(tensors[0].to_vec()?.iter().chain(&tensors[8].to_vec()?).all(|&x| x == 0.5));
    Ok(())
}

#[test]
fn threads_share_a_device() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let before = device.counts().dispatches;
    let count = |step: f32| {
        let mut x = GpuTensor::full(&device, 0.0, [300])?;
        for _ in 0..3000 {
            x = x.affine(1.0, step)?;
        }
        x.to_vec()
    };
    let [ones, twos] = std::thread::scope(|scope| {
        let both = [1.0, 2.0].map(|step| scope.spawn(move || count(step)));
        both.map(|thread| thread.join().unwrap())
    });
    assert_eq!((ones?, twos?), (vec![3000.0; 300], vec![6000.0; 300]));
    // Each thread also records a fill.
    assert_eq!(device.counts().dispatches - before, 2 * 3001);
    Ok(())
}

#[test]
fn impossible_requests_are_errors() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let x = sequence(&device, [2, 3]);
    let error = x.add(&sequence(&device, [2, 2])).unwrap_err();
    assert!(error.to_string().starts_with("add of [[2, 3], [2, 2]]"), "{error}");
    assert!(matches!(GpuTensor::from_slice(&device, &[1.0], [2]), Err(Error::Length { .. })));
    assert!(x.matmul(&x).is_err() && x.slice(0, 1, 2).is_err() && x.reshape([7]).is_err());
    // More than an adapter binds, and more than the address space.
    for shape in [[1 << 20, 1 << 11], [1 << 40, 1 << 14]] {
        let error = GpuTensor::full(&device, 0.0, shape).unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }
    assert!(x.pad(0, 1 << 58, 0).is_err());
    let picture = GpuTensor::full(&device, 0.0, [1, 1, 4, 4, 1])?;
    let far = Geometry { stride: [1, 1 << 25, 1], padding: [0; 3] };
    let error = picture.conv(&picture.reshape([1, 4, 4, 1, 1])?, far).unwrap_err();
    assert!(error.to_string().contains("a stride or a padding of 33554432"), "{error}");
    // An empty tensor with huge other axes.
    let empty = GpuTensor::from_slice(&device, &[], [2, 1 << 59, 1 << 59, 0])?;
    assert_eq!(empty.slice(0, 0, 1)?.sum_all()?.to_vec()?, [0.0]);
    // The device still works after these errors.
    assert_eq!(x.affine(1.0, 0.0)?.to_vec()?, x.to_vec()?);
    Ok(())
}

/// A software driver uses the memory of the process, which this test limits. The device must free
/// the pool before it reports that memory ran out.
#[cfg(target_os = "linux")]
#[test]
fn no_memory_is_an_error_and_then_there_is_some() -> Result<()> {
    const LIMITED: &str = "KINORA_TEST_LIMITED";
    let is_limited = std::env::var_os(LIMITED).is_some();
    let device = device();
    assert!(!is_limited || device.is_some(), "no adapter within the limit");
    let Some(device) = device else { return Ok(()) };
    if !common::adapter().unwrap().is_software() {
        return Ok(());
    }
    if !is_limited {
        let program = std::env::current_exe().unwrap();
        let name = "no_memory_is_an_error_and_then_there_is_some";
        let limited = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 1500000 && exec \"$0\" --exact \"$1\""])
            .args([program.as_os_str(), name.as_ref()])
            .envs([(LIMITED, "1"), ("LP_NUM_THREADS", "2"), ("MALLOC_ARENA_MAX", "2")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&limited.stdout);
        assert!(limited.status.success() && said.contains("1 passed"), "{limited:?}");
        return Ok(());
    }
    let fill = |elements: usize| GpuTensor::full(&device, 1.0, [elements]);
    (3..11).try_for_each(|size| fill(size << 20).map(drop))?;
    let kept = device.memory().pooled;
    assert!(kept > 100 << 20, "{kept}");
    let mut held = Vec::new();
    let error = loop {
        match fill(30 << 20) {
            Ok(x) => held.push(x),
            Err(error) => break error,
        }
        assert!(held.len() < 20, "more than the limit");
    };
    assert!(error.to_string().contains("has no room for 131072 KiB"), "{error}");
    assert!(held.len() > 2 && device.memory().pooled < 1 << 20, "{:?}", device.memory());
    held.pop();
    assert_eq!(fill(30 << 20)?.slice(0, 7, 3)?.to_vec()?, [1.0; 3]);
    assert_eq!(held[0].slice(0, 7, 3)?.to_vec()?, [1.0; 3]);
    Ok(())
}

/// Shaders load four elements at once only from a multiple of four, so views that begin elsewhere
/// take another path; results must be the same.
#[test]
fn views_that_begin_anywhere_are_multiplied_as_copies_are() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let flat = sequence(&device, [1, 200]).reshape([200])?.affine(0.01, -1.0)?;
    let geometry = Geometry { stride: [1; 3], padding: [0, 1, 1] };
    for start in 0..8 {
        let cut = |shape: &[usize]| -> Result<[GpuTensor; 2]> {
            let view = flat.slice(0, start, shape.iter().product())?.reshape(shape)?;
            let copy = GpuTensor::from_slice(&device, &view.to_vec()?, shape)?;
            Ok([view, copy])
        };
        let (square, kernel) = (cut(&[8, 8])?, cut(&[1, 3, 3, 4, 4])?);
        let picture = cut(&[1, 1, 6, 6, 4])?;
        let results = |i: usize| -> Result<Vec<Vec<f32>>> {
            let (matrix, kernel, picture) = (&square[i], &kernel[i], &picture[i]);
            let x = picture.conv(kernel, geometry)?;
            let size = [1, 6, 6];
            let ops = [
                (Op::MatMul { transpose_a: false, transpose_b: true }, [matrix, matrix]),
                (Op::MatMul { transpose_a: true, transpose_b: false }, [matrix, matrix]),
                (Op::ConvInput { geometry, size }, [&x, kernel]),
                (Op::ConvWeight { geometry, kernel: [1, 3, 3] }, [picture, picture]),
                (Op::Conv(geometry), [picture, kernel]),
            ];
            ops.into_iter().map(|(op, of)| GpuTensor::apply(&device, op, &of)?.to_vec()).collect()
        };
        assert_eq!(results(0)?, results(1)?, "from element {start} on");
    }
    Ok(())
}

#[test]
fn tensors_of_two_devices_are_refused() -> Result<()> {
    let (Some(device), Some(other)) = (device(), device()) else { return Ok(()) };
    let (mut x, y) = (sequence(&device, [2, 2]), sequence(&other, [2, 2]));
    for error in [
        x.add(&y).map(drop),
        y.matmul(&x).map(drop),
        x.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&y]),
    ] {
        assert!(error.unwrap_err().to_string().contains("tensors of two devices"));
    }
    assert_eq!((x.to_vec()?, y.to_vec()?), (vec![0.0, 1.0, 2.0, 3.0], vec![0.0, 1.0, 2.0, 3.0]));
    Ok(())
}

#[test]
fn a_lost_device_is_an_error() -> Result<()> {
    let Some(device) = device() else { return Ok(()) };
    let x = sequence(&device, [4, 4]);
    let y = x.mul(&x)?;
    device.destroy();
    let failed = |result: Result<Vec<f32>>| {
        let Err(Error::Device(why)) = &result else { panic!("{result:?}") };
        assert!(why.starts_with("the GPU was lost"), "{why}");
    };
    failed(y.to_vec());
    failed(x.add(&y).and_then(|z| z.to_vec()));
    assert!(GpuTensor::from_slice(&device, &[1.0], [1]).is_err());
    let (mut p, target) = (y, x);
    failed(p.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&target]).map(|()| Vec::new()));
    Ok(())
}
