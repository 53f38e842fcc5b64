//! Reading a bundle: the whole file is checked before anything of it is handed on (BUNDLE.md \[BU-1\], \[BU-6\]).

use super::file_failure;
use crate::digest::{DIGEST_BYTES, Digest, Hashing};
use crate::ops::service::Failure;
use crate::sync::bundle::{
    BUNDLE_BYTES_MAX, BUNDLE_FRAMES_MAX, ContainerError, HEAD_BYTES, Header, SEAL_BYTES, check_seal,
};
use crate::sync::frame::{Frame, PackedEntry};
use crate::sync::limits::FRAME_BYTES_MAX;
use crate::trust::key::Signature;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A bundle that is whole.
pub(super) struct BundleFile {
    path: PathBuf,
    input: BufReader<File>,
    pub(super) header: Header,
    /// The writer's Delegates: the first frame.
    pub(super) introduction: Vec<PackedEntry>,
    pub(super) digest: Digest,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
enum Flaw {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("it is longer than a bundle may be: {0} bytes or frames")]
    TooLong(u64),
    #[error("the frame at byte {0} is cut, too long, or cannot be read")]
    Frame(u64),
    #[error("bytes follow its end")]
    Trailing,
}

/// Header and introduction of a bundle that is whole.
pub(in crate::ops) fn peek(path: &Path) -> Result<(Header, Vec<PackedEntry>), Failure> {
    BundleFile::open(path).map(|file| (file.header, file.introduction))
}

impl BundleFile {
    /// Opens a file and checks all of it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| file_failure(path, &error))?;
        Self::check(path, file).map_err(|flaw| match flaw {
            Flaw::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => file_failure(path, &error),
            flaw => Failure::new(
                4,
                "bundle_damaged",
                format!(
                    "{}：文件损坏或不是公示数据包，未导入任何内容；请重新拷贝（{flaw}）/ damaged, or not a bundle; nothing was taken: copy it again ({flaw})",
                    path.display()
                ),
            ),
        })
    }

    fn check(path: &Path, file: File) -> Result<Self, Flaw> {
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        if !metadata.is_file() || bytes < (HEAD_BYTES + SEAL_BYTES) as u64 {
            return Err(ContainerError::NotABundle.into());
        }
        if bytes > BUNDLE_BYTES_MAX {
            return Err(Flaw::TooLong(bytes));
        }
        let mut input = BufReader::new(file);
        let mut hashing = Hashing::new();
        let mut head = [0; HEAD_BYTES];
        input.read_exact(&mut head)?;
        hashing.update(&head);
        let header = Header::read(&head)?;
        let (mut at, mut count, mut introduction) = (HEAD_BYTES as u64, 0, None);
        while let Some(frame) = next(&mut input, &mut at, bytes, Some(&mut hashing))? {
            count += 1;
            if count > BUNDLE_FRAMES_MAX {
                return Err(Flaw::TooLong(count));
            }
            let read = Frame::from_bytes(&frame).map_err(|_| Flaw::Frame(at))?;
            match (&mut introduction, read) {
                (None, Frame::Introduce { chain }) => introduction = Some(chain),
                (None, _) => return Err(Flaw::Frame(at)),
                (Some(_), _) => {}
            }
        }
        let computed = hashing.finish();
        let (mut digest, mut signature) = ([0; DIGEST_BYTES], [0; 64]);
        input.read_exact(&mut digest)?;
        input.read_exact(&mut signature)?;
        let digest = Digest::from_bytes(digest);
        if digest != computed {
            return Err(ContainerError::Digest.into());
        }
        check_seal(&digest, &header.from, &Signature::from_bytes(signature))?;
        if input.read(&mut [0; 1])? != 0 {
            return Err(Flaw::Trailing);
        }
        let introduction = introduction.ok_or(ContainerError::NotABundle)?;
        Ok(Self { path: path.to_path_buf(), input, header, introduction, digest })
    }

    /// Hands on every frame but the first, in order. A file that changed since it was checked is damaged like any other;
    /// every frame is verified by itself.
    pub(super) fn frames(
        &mut self,
        mut each: impl FnMut(Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let begin = self.input.seek(SeekFrom::Start(HEAD_BYTES as u64));
        let bytes = begin.and_then(|_| self.input.get_ref().metadata());
        let bytes = bytes.map_err(|error| file_failure(&self.path, &error))?.len();
        let (mut at, mut first) = (HEAD_BYTES as u64, true);
        loop {
            let frame = next(&mut self.input, &mut at, bytes, None);
            match frame.map_err(|flaw| file_failure(&self.path, &io::Error::other(flaw)))? {
                Some(_) if std::mem::take(&mut first) => {}
                Some(frame) => each(frame)?,
                None => return Ok(()),
            }
        }
    }
}

/// The next frame's bytes; none at the end of the frames. Nothing is allocated that the file cannot fill.
fn next(
    input: &mut impl Read,
    at: &mut u64,
    bytes: u64,
    hashing: Option<&mut Hashing>,
) -> Result<Option<Vec<u8>>, Flaw> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let count = u32::from_be_bytes(length);
    let end = *at + 4 + u64::from(count);
    let room = end + SEAL_BYTES as u64 <= bytes;
    if count != 0 && (count as usize > FRAME_BYTES_MAX || !room) {
        return Err(Flaw::Frame(*at));
    }
    let mut frame = vec![0; count as usize];
    input.read_exact(&mut frame)?;
    if let Some(hashing) = hashing {
        hashing.update(&length);
        hashing.update(&frame);
    }
    *at = end;
    Ok((count != 0).then_some(frame))
}
