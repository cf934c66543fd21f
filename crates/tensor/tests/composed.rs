//! Methods of `Tensor` that are composed of operations.

use kinora_tensor::conformance::Reference;
use kinora_tensor::{Random, Result, Tensor, Update, Var, grad};

fn rows(x: &[f32], width: usize) -> Reference {
    Reference::from_slice(&(), x, [x.len() / width, width]).unwrap()
}

#[test]
fn log_softmax_is_right_for_large_and_small_logits() -> Result<()> {
    for row in [
        vec![0.0, 0.0, 0.0],
        vec![1.0, 2.0, 3.0],
        vec![-1e4, 0.0, 1e4],
        vec![1e6, -1e6, 0.0],
        vec![-1e6, -1e6, -1e6],
        vec![5.0],
        Random::new(0, 0).normals(200).iter().map(|x| 40.0 * x).collect(),
    ] {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|&x| f64::from(x - max).exp()).sum();
        let found = rows(&row, row.len()).log_softmax()?.to_vec()?;
        for (x, found) in row.iter().zip(found) {
            let want = f64::from(*x) - f64::from(max) - sum.ln();
            let error = (f64::from(found) - want).abs();
            assert!(error <= 1e-5 + 1e-6 * want.abs(), "{x} of {row:?}: {found}, not {want}");
        }
    }
    Ok(())
}

/// The derivative of log p(i) by x(j) is 1 - p(j) if i = j, and -p(j) otherwise.
#[test]
fn gradients_of_log_softmax() -> Result<()> {
    let row = [1.0, -200.0, 200.0, 3.0];
    let p = [0.0, 0.0, 1.0, 0.0];
    for i in 0..row.len() {
        let x = Var::leaf(rows(&row, 4));
        let y = x.log_softmax()?.select(1, i)?.sum_all()?;
        let found = grad(y, &[&x])?[0].to_vec()?;
        for (j, found) in found.iter().enumerate() {
            let want = f32::from(u8::from(i == j)) - p[j];
            assert!((found - want).abs() < 1e-5, "log p({i}) by x({j}): {found}, not {want}");
        }
    }
    Ok(())
}

#[test]
fn argmax_is_the_first_of_the_largest() -> Result<()> {
    assert_eq!(rows(&[1.0, 3.0, 3.0, -2.0, -3.0, -2.0], 3).argmax()?, [1, 0]);
    let (nan, empty) = (f32::NAN, Reference::full(&(), 1.0, [2, 0])?);
    assert_eq!(rows(&[nan, 1.0, 2.0, nan, nan, nan, -0.0, 0.0, nan], 3).argmax()?, [2, 0, 0]);
    assert!(empty.argmax().is_err());
    assert_eq!(Reference::full(&(), 1.0, [])?.argmax()?, [0]);
    Ok(())
}

#[test]
fn updates_leave_a_constant() -> Result<()> {
    let mut p = Var::leaf(rows(&[1.0, 3.0], 2));
    let input = Var::constant(rows(&[2.0, 2.0], 2));
    p.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&input])?;
    assert_eq!(p.to_vec()?, [1.5, 2.5]);
    let wrong =
        p.update(&Update::Lerp { weight: 0.5 }, &mut [], &[&Var::constant(rows(&[1.0], 1))]);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "lerp of [[1, 2], [1, 1]]: the parameter and the input need equal shapes"
    );
    assert_eq!(p.to_vec()?, [1.5, 2.5]);
    Ok(())
}
