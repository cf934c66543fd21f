//! Finds and loads models.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kinora_assets::{ALL, Asset};
use kinora_model::Model;
use kinora_tensor::Tensor;
use kinora_train::DISCRIMINATORS;

use crate::exit::Failure;

/// The model inside the binary that has this name.
fn shipped(model: &Path) -> Option<&'static Asset> {
    ALL.iter().find(|asset| model == Path::new(asset.name))
}

/// The bytes of a model, its name for messages (the name of a built-in model, else the path), and the
/// folder of its file; a built-in model has no folder.
pub fn read(model: &Path) -> Result<(Cow<'static, [u8]>, String, Option<PathBuf>)> {
    if let Some(asset) = shipped(model) {
        return Ok((Cow::Borrowed(asset.model), asset.name.into(), None));
    }
    if !model.exists() {
        let names = ALL.each_ref().map(|asset| asset.name).join(" and ");
        return Err(Failure::weights(format!(
            "there is no model {model:?}: the built-in models are {names}; for any other model, \
             give the path of a model file or run folder"
        ))
        .into());
    }
    let (bytes, path) = kinora_model::read(model)?;
    let folder = path.parent().map(Path::to_path_buf);
    Ok((Cow::Owned(bytes), path.display().to_string(), folder))
}

/// The file of the discriminators beside a model, and its path for errors; `None` if there is no file. The built-in
/// models have none: in their trainings, discriminators took no part.
pub fn discriminators(model: &Path) -> Result<Option<(Vec<u8>, PathBuf)>> {
    if shipped(model).is_some() {
        return Ok(None);
    }
    let path = match model.is_dir() {
        true => model.join(DISCRIMINATORS),
        false => model.with_file_name(DISCRIMINATORS),
    };
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(Some((bytes, path)))
}

pub fn load<T: Tensor>(device: &T::Device, model: &Path) -> Result<Model<T>> {
    let (bytes, origin, folder) = read(model)?;
    Ok(Model::from_bytes(device, &bytes, &origin, folder.as_deref())?)
}
