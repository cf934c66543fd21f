use candle_core::{Device, Tensor, Var};

use super::*;

const PARTS: [Part; 3] = [Part::Forward, Part::Input, Part::Weight];

/// A reference convolution, product by product, in 64 bits.
fn plain(conv: &Conv, part: Part) -> Vec<f64> {
    let [x, k, g] = conv.operands().map(|operand| operand.values);
    let count = [(Part::Forward, g.len()), (Part::Input, x.len()), (Part::Weight, k.len())];
    let mut result = vec![0.0; count.into_iter().find(|(of, _)| *of == part).unwrap().1];
    let places = |[t, h, w]: [usize; 3]| {
        (0..t).flat_map(move |a| (0..h).flat_map(move |b| (0..w).map(move |c| [a, b, c])))
    };
    let index = |outer: usize, count: usize, inner: usize, size: [usize; 3], at: [usize; 3]| {
        (((outer * count + inner) * size[0] + at[0]) * size[1] + at[1]) * size[2] + at[2]
    };
    let Conv { n, ci, co, size, kernel, stride, padding, out, .. } = *conv;
    for (from, to) in places(kernel).flat_map(|from| places(out).map(move |to| (from, to))) {
        let at = [0, 1, 2].map(|axis| (to[axis] * stride[axis] + from[axis], padding[axis]));
        if (0..3).any(|axis| at[axis].0 < at[axis].1 || at[axis].0 - at[axis].1 >= size[axis]) {
            continue;
        }
        let at = at.map(|(at, padding)| at - padding);
        for [n, ci, co] in places([n, ci, co]) {
            let (x_at, k_at) =
                (index(n, conv.ci, ci, size, at), index(co, conv.ci, ci, kernel, from));
            let g_at = index(n, conv.co, co, out, to);
            let [x, k, g] = [x[x_at], k[k_at], g[g_at]].map(f64::from);
            match part {
                Part::Forward => result[g_at] += x * k,
                Part::Input => result[x_at] += g * k,
                Part::Weight => result[k_at] += x * g,
            }
        }
    }
    result
}

fn check(what: &str, values: &[f32], expected: &[f64]) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (at, (&value, wanted)) in values.iter().zip(expected).enumerate() {
        let error = (f64::from(value) - wanted).abs();
        assert!(error <= 1e-5 * largest, "{what}: {value} at {at}, not {wanted}");
    }
}

/// `x`, `kernel`, stride, padding, and whether candle has it with its gradients.
type Row = ([usize; 5], [usize; 5], [usize; 3], [usize; 3], bool);

const ROWS: [Row; 12] = [
    ([2, 1, 6, 5, 3], [1, 3, 3, 3, 4], [1, 1, 1], [0, 1, 1], true),
    // The code paths of flex: few channels, many channels, a kernel of one pixel, frames.
    ([2, 1, 9, 9, 20], [1, 3, 3, 20, 24], [1, 1, 1], [0, 1, 1], true),
    ([2, 3, 8, 8, 5], [1, 1, 1, 5, 6], [1, 1, 1], [0, 0, 0], true),
    ([2, 3, 8, 8, 17], [1, 4, 4, 17, 18], [1, 2, 2], [0, 1, 1], true),
    // A row and a column that no kernel reaches.
    ([1, 1, 7, 9, 2], [1, 4, 4, 2, 3], [1, 2, 2], [0, 1, 1], true),
    ([1, 1, 7, 8, 2], [1, 4, 4, 2, 3], [1, 2, 2], [0, 1, 1], false),
    ([3, 1, 8, 8, 2], [1, 3, 3, 2, 3], [1, 2, 1], [0, 1, 0], false),
    ([2, 5, 6, 7, 3], [3, 3, 3, 3, 4], [1, 1, 1], [1, 1, 1], false),
    ([2, 6, 8, 8, 3], [3, 4, 4, 3, 20], [2, 2, 2], [1, 1, 1], false),
    ([2, 5, 8, 6, 18], [3, 4, 4, 18, 20], [1, 2, 2], [1, 1, 1], false),
    // A kernel of one frame is a convolution of frames with any stride, but not with padding.
    ([2, 1, 6, 6, 2], [1, 3, 3, 2, 3], [2, 2, 2], [0, 1, 1], true),
    ([2, 4, 4, 4, 2], [1, 3, 3, 2, 3], [2, 1, 1], [1, 1, 1], false),
];

#[test]
fn what_is_timed_is_the_convolution() {
    for (row, (x, kernel, stride, padding, has)) in ROWS.into_iter().enumerate() {
        let conv = Conv::new(x, kernel, stride, padding).unwrap();
        assert_eq!(candle::lacks(&conv, Part::Input).is_none(), has, "row {row}");
        for part in PARTS {
            let expected = plain(&conv, part);
            let values = |job: Job| (job.run)().unwrap()().unwrap();
            let flex = burn::prepare::<burn_flex::Flex>(&conv, part, &Default::default());
            check(&format!("burn {row} {part:?}"), &values(flex), &expected);
            #[cfg(feature = "wgpu")]
            {
                let wgpu = burn::prepare::<burn_wgpu::Wgpu>(&conv, part, &Default::default());
                check(&format!("burn on a GPU, {row} {part:?}"), &values(wgpu), &expected);
            }
            if candle::lacks(&conv, part).is_none() {
                let ours = values(candle::prepare(&conv, part).unwrap());
                check(&format!("candle {row} {part:?}"), &ours, &expected);
            }
        }
    }
}

#[test]
fn candles_backward_gives_the_same() {
    for (x, kernel, stride, padding, _) in ROWS.into_iter().filter(|row| row.4) {
        let conv = Conv::new(x, kernel, stride, padding).unwrap();
        let [x, k, g] = conv.operands().map(|operand| {
            let tensor = Tensor::from_vec(operand.values, operand.shape, &Device::Cpu).unwrap();
            Var::from_tensor(&tensor).unwrap()
        });
        let y = x.conv2d(&k, padding[1], stride[1], 1, 1).unwrap();
        let gradients = (y * g.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
        for (part, by) in [(Part::Input, &x), (Part::Weight, &k)] {
            let wanted =
                gradients.get(by).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let values = (candle::prepare(&conv, part).unwrap().run)().unwrap()().unwrap();
            assert_eq!(values, wanted, "{part:?}");
        }
    }
}

/// A request for a convolution of `[1, 2, 4, 4, 3]` to 2 channels, some keys set to others.
fn request(others: Value) -> String {
    let mut request = json!({
        "op": "conv", "backend": "candle", "part": "input", "x": [1, 2, 4, 4, 3],
        "kernel": [1, 3, 3, 3, 2], "stride": [1, 1, 1], "padding": [0, 1, 1], "times": 2,
    });
    for (key, value) in others.as_object().unwrap() {
        request[key] = value.clone();
    }
    request.to_string()
}

#[test]
fn answers() {
    let mut bench = Bench::default();
    let mut answer = |others: Value| bench.answer(&request(others));
    for backend in ["burn", "candle"] {
        for part in ["forward", "input", "weight"] {
            let reply = answer(json!({ "backend": backend, "part": part })).unwrap();
            assert!(reply["seconds"].as_f64().unwrap() > 0.0 && reply["formats"].is_string());
        }
    }
    let deep = answer(json!({ "kernel": [2, 3, 3, 3, 2] })).unwrap();
    assert!(deep["skipped"].as_str().unwrap().contains("three-dimensional"), "{deep}");
    for (others, what) in [
        (json!({ "kernel": [1, 3, 3, 4, 2] }), "3 channels"),
        (json!({ "kernel": [1, 7, 3, 3, 2] }), "a kernel of [1, 7, 3]"),
        (json!({ "stride": [1, 0, 1] }), "a stride is 0"),
        (json!({ "x": [1_u64 << 40, 1, 4, 4, 3] }), "an operand of"),
        (json!({ "padding": [0, u64::MAX, 1] }), "with padding"),
        (json!({ "backend": "torch" }), "torch"),
        (json!({ "op": "step" }), "step"),
        (json!({ "bias": true }), "bias"),
    ] {
        let error = format!("{:#}", answer(others.clone()).unwrap_err());
        assert!(error.contains(what), "{others}: {error}");
    }
}

#[test]
fn greets() {
    // Cargo.toml pins these versions, so each name occurs once in the lock file.
    assert_eq!(version("burn-flex").unwrap(), "0.22.1");
    assert_eq!(version("candle-core").unwrap(), "0.11.1");
    assert!(version("burn-cuda").is_err());
    let threads = rayon::current_num_threads();
    assert!(hello(threads + 1).is_err());
}
