//! Reading of files whose names a user did not give.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The largest file of a licence or of credits that is read, in bytes.
pub(crate) const NOTES: u64 = 1 << 20;

/// Opens a regular file, or the regular file that a link points to.
///
/// # Errors
/// If there is no such file, or it is a folder, a pipe or a device. A reader of a pipe would wait, and a
/// device such as `/dev/zero` has no end.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match fs::metadata(path)? {
        found if found.is_file() => File::open(path),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "this is not a regular file")),
    }
}

/// The bytes of a regular file, or of the regular file that a link points to.
///
/// # Errors
/// If there is no such file, it has more than `most` bytes, or it is a folder, a pipe or a device. A reader
/// of a pipe would wait, and a device such as `/dev/zero` has no end.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("the file has more than {most} bytes, the limit"),
        )),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_regular(&path, 4).unwrap(), b"four");
        let too_large = read_regular(&path, 3).unwrap_err().to_string();
        assert_eq!(too_large, "the file has more than 3 bytes, the limit");
        let folder = read_regular(folder.path(), 9).unwrap_err().to_string();
        assert_eq!(folder, "this is not a regular file");
        if cfg!(unix) {
            let endless = read_regular(Path::new("/dev/zero"), 9).unwrap_err().to_string();
            assert_eq!(endless, "this is not a regular file");
        }
    }
}
