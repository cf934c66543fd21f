//! Saving and loading modules, and errors for bad files.

use std::collections::BTreeMap;

use kinora_nn::{
    Adam, AdamConfig, Error, Fresh, Gru, Linear, Module, Outline, Precision, Sgd, SgdConfig,
    SpectralNorm, header, load, save, verify,
};
use kinora_tensor::conformance::Reference;
use kinora_tensor::{Desc, Random, Tensor};

fn module() -> Linear<Reference> {
    Linear::new(&mut Fresh::new(&(), Random::new(3, 0)), 2, 3, true).unwrap()
}

fn outline() -> Linear<Desc> {
    Linear::new(&mut Outline, 2, 3, true).unwrap()
}

fn metadata() -> BTreeMap<String, String> {
    ["format", "a \"quoted\" key", "licence", "ä\n"]
        .into_iter()
        .map(|key| (key.to_string(), format!("{key} of it")))
        .collect()
}

fn bytes(precision: Precision) -> Vec<u8> {
    save(&module().named(), &metadata(), precision).unwrap()
}

fn read(bytes: &[u8], prefix: &str) -> Result<Linear<Reference>, Error> {
    load::<Reference, _>(&outline(), &(), bytes, prefix)
}

/// A safetensors file with this header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn round_trip() {
    for (precision, error) in [(Precision::F32, 0.0), (Precision::F16, 1e-3)] {
        let bytes = bytes(precision);
        let loaded = read(&bytes, "").unwrap();
        for ((name, found), (_, wanted)) in loaded.named().iter().zip(module().named()) {
            assert_eq!(found.values().len(), wanted.values().len());
            for (found, wanted) in found.values().iter().zip(wanted.values()) {
                assert!((found - wanted).abs() <= error * wanted.abs(), "{name}: {found} {wanted}");
            }
        }
        let again = save(&loaded.named(), &metadata(), precision).unwrap();
        assert_eq!(again, bytes, "the same tensors give the same bytes");
        assert_eq!(header(&bytes).unwrap().metadata, metadata());
    }
    let header = header(&bytes(Precision::F16)).unwrap();
    let tensors: Vec<_> =
        header.tensors.iter().map(|t| (&t.name[..], &t.shape[..], &t.dtype[..])).collect();
    assert_eq!(tensors, [("weight", &[2, 3][..], "F16"), ("bias", &[3], "F16")]);
}

/// A flipped bit is an error. The only other place is the name of the checksum's key: without this name there
/// is no checksum, but the rest of the file is whole.
#[test]
fn a_flipped_bit_is_noticed() {
    let whole = bytes(Precision::F16);
    let (tensors, metadata) = (read(&whole, "").unwrap(), header(&whole).unwrap().metadata);
    assert!(verify(&whole).unwrap());
    let mut unnoticed = 0;
    for bit in 0..8 * whole.len() {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _ = header(&flipped);
        let Ok(found) = read(&flipped, "") else { continue };
        unnoticed += 1;
        assert!(!verify(&flipped).unwrap(), "bit {bit}");
        for ((_, found), (_, wanted)) in found.named().iter().zip(tensors.named()) {
            assert_eq!(found.values(), wanted.values(), "bit {bit}");
        }
        let rest = header(&flipped).unwrap().metadata;
        assert!(metadata.iter().all(|(key, value)| rest.get(key) == Some(value)), "bit {bit}");
    }
    assert!(unnoticed <= 8 * "kinora.checksum".len(), "{unnoticed} flips");
}

/// Files of other programs and of earlier versions have no checksum, and load.
#[test]
fn a_file_without_a_checksum() {
    let header = r#"{"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
        "bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}"#;
    let plain = file(header, &[0; 36]);
    assert!(!verify(&plain).unwrap());
    assert!(read(&plain, "").is_ok());
}

/// A program that changes a file may copy the checksum, with other spaces around it.
#[test]
fn a_checksum_in_another_form() {
    let header = r#"{"__metadata__": {"kinora.checksum": "00"}, "weight":
        {"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, "bias":
        {"dtype":"F32","shape":[3],"data_offsets":[24,36]}}"#;
    let changed = file(header, &[0; 36]);
    assert!(matches!(verify(&changed), Err(Error::Damaged)));
    assert!(matches!(read(&changed, ""), Err(Error::Damaged)));
}

/// NaN and infinity are neither written nor read.
#[test]
fn values_that_are_not_finite() {
    for value in [f32::NAN, f32::INFINITY] {
        let broken = module().map(|_, tensor| tensor.affine(0.0, value).unwrap());
        let error = save(&broken.named(), &metadata(), Precision::F32).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
        let header = r#"{"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
            "bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}"#;
        let data = [value.to_le_bytes(), [0; 4]].concat().repeat(5);
        let error = read(&file(header, &data[..36]), "").unwrap_err();
        assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    }
}

#[test]
fn bf16() {
    let header = r#"{"weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},
        "bias":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}"#;
    let ones: Vec<u8> = [0x80, 0x3f].repeat(6).into_iter().chain([0; 12]).collect();
    let loaded = read(&file(header, &ones), "").unwrap();
    assert!(kinora_nn::Weighted::weight(&loaded).values().iter().all(|&x| x == 1.0));
}

#[test]
fn prefixes_live_side_by_side() {
    let (first, gru) = (module(), Gru::<Desc>::new(&mut Outline, 2, 2).unwrap());
    let adam = Adam::new(&first, AdamConfig::default()).unwrap();
    let mut tensors = first.named();
    tensors.iter_mut().for_each(|(name, _)| *name = format!("g.{name}"));
    let moments = adam.named();
    tensors.extend(moments.iter().map(|(name, tensor)| (format!("adam.{name}"), *tensor)));
    let bytes = save(&tensors, &BTreeMap::new(), Precision::F32).unwrap();

    assert!(read(&bytes, "g").is_ok());
    let outline = kinora_nn::describe(&adam);
    let again = load::<Reference, _>(&outline, &(), &bytes, "adam").unwrap();
    assert_eq!(again.m.len(), 2);
    for (prefix, wanted) in [("", "bias is missing"), ("h", "h.bias is missing")] {
        let error = read(&bytes, prefix).unwrap_err().to_string();
        assert!(error.contains(wanted) && error.contains("nearest"), "{error}");
    }
    assert!(load::<Reference, _>(&gru, &(), &bytes, "g").is_err());
}

#[test]
fn velocities_are_saved_and_loaded() {
    let linear = Linear::new(&mut Outline, 2, 3, false).unwrap();
    let outline = SpectralNorm::new(&mut Outline, linear, 3).unwrap();
    let module = outline.map(|_, desc| Reference::full(&(), 1.0, desc.shape).unwrap());
    let mut sgd = Sgd::new(&module, SgdConfig::default()).unwrap();
    let g = Reference::full(&(), 0.5, [2, 3]).unwrap();
    let one = Reference::full(&(), 1.0, [1]).unwrap();
    sgd.step(module, &[g], &one).unwrap();
    let bytes = save(&sgd.named(), &BTreeMap::new(), Precision::F32).unwrap();
    let outline = Sgd::outline(&outline, SgdConfig::default());
    let again: Sgd<Reference> = load(&outline, &(), &bytes, "").unwrap();
    assert_eq!(again.velocity.len(), 1, "a buffer has no velocity");
    assert_eq!(again.velocity[0].values(), [0.5; 6]);
}

#[test]
fn files_that_do_not_fit() {
    let entry = |name: &str, dtype: &str, shape: &str, end: [usize; 2]| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{end:?}}}"#)
    };
    let weight = entry("weight", "F32", "[2,3]", [0, 24]);
    let cases: [(Vec<String>, usize, &str); 6] = [
        (vec![weight.clone()], 24, "the tensor bias is missing"),
        (
            vec![weight.clone(), entry("bais", "F32", "[3]", [24, 36])],
            36,
            "the tensor bias is missing; the nearest in the file is bais",
        ),
        (
            vec![weight.clone(), entry("bias", "F32", "[4]", [24, 40])],
            40,
            "the tensor bias has the shape [4]; this model needs [3]",
        ),
        (
            vec![weight.clone(), entry("bias", "F32", "[3,1,1,1,1,1,1,1]", [24, 36])],
            36,
            "has the shape [3, 1, 1, 1, 1, 1, 1, 1]",
        ),
        (
            vec![weight.clone(), entry("bias", "I32", "[3]", [24, 36])],
            36,
            "the tensor bias has the type I32; supported types are F32, F16 and BF16",
        ),
        (
            vec![
                weight,
                entry("bias", "F32", "[3]", [24, 36]),
                entry("other", "F32", "[1]", [36, 40]),
            ],
            40,
            "this model lacks tensors of the file, first other (1 in all)",
        ),
    ];
    for (entries, len, wanted) in cases {
        let file = file(&format!("{{{}}}", entries.join(",")), &vec![0; len]);
        let error = read(&file, "").unwrap_err().to_string();
        assert!(error.contains(wanted), "{error:?} should say {wanted:?}");
    }
}

#[test]
fn hostile_headers() {
    let huge = usize::MAX;
    let entry = |shape: String, end: usize| {
        format!(r#"{{"weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    let files = [
        vec![],
        vec![255; 8],
        vec![255; 4096],
        file("", &[]),
        file("[]", &[]),
        file("{", &[]),
        file("{\"a\":1}", &[]),
        file("\u{7f}", &[]),
        file(&entry(format!("[{huge},{huge}]"), 4), &[0; 4]),
        file(&entry(format!("[{huge}]"), huge), &[0; 4]),
        file(&entry("[1,-1]".into(), 4), &[0; 4]),
        file(&entry("[2,3]".into(), 24), &[0; 23]),
        file(&entry("[2,3]".into(), 24), &[0; 25]),
        file(&format!("{{\"a\":{}", "[".repeat(100_000)), &[]),
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
    ];
    for file in files {
        let shown = String::from_utf8_lossy(&file[..file.len().min(80)]).into_owned();
        assert!(matches!(read(&file, ""), Err(Error::Header(_))), "{shown}");
        assert!(matches!(header(&file), Err(Error::Header(_))), "{shown}");
    }
    assert!(header(&file("{}", &[])).unwrap().tensors.is_empty());
}

#[test]
fn cut_off_anywhere() {
    for precision in [Precision::F32, Precision::F16] {
        let bytes = bytes(precision);
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len], "").is_err(), "{len} of {} bytes", bytes.len());
            assert!(header(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn tensors_that_cannot_be_written() {
    let big = Reference::new(vec![70_000.0], [1]).unwrap();
    let twice = [("a".to_string(), &big), ("a".to_string(), &big)];
    let none = BTreeMap::new();
    assert!(matches!(save(&twice, &none, Precision::F32), Err(Error::Write { .. })));
    let error = save(&twice[..1], &none, Precision::F16).unwrap_err().to_string();
    assert!(error.contains("tensor a") && error.contains("70000"), "{error}");
    assert!(save(&twice[..1], &none, Precision::F32).is_ok());
}
