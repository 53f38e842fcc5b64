//! Who may use the console: names, roles, a hash of each password, and the secret of each second factor.
//!
//! The file is `console/users.json` in the data directory, readable by its owner alone, written whole or not at all, and
//! in no backup. Passwords are hashed by Argon2id (RFC 9106) with a salt of their own; one-time passwords are those of
//! RFC 6238 with thirty seconds and six digits, as every authenticator shows them. Leaves to others: how often somebody
//! may try (`session`), and where salts and secrets come from (the caller draws them).

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use totp_rs::Builder;

/// The value of `format`.
const FORMAT: &str = "gongshi.console.users/1";
/// Longest file that is read, in bytes: some thousand users.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Fewest characters of a password; length is what helps (NIST SP 800-63B §3.1.1.2 asks for 8 beside a second factor).
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password in bytes: what it costs to hash must not be for a stranger to choose.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Bytes of a second factor's secret (RFC 4226 §4: 160 bits).
const SECRET_BYTES: usize = 20;
/// Longest name of a user, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// What somebody may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// 系统: nodes, keys, links, releases.
    System,
    /// 业务: handing in and reviewing reports.
    Review,
    /// 审计: reading everything, the audit log too.
    Audit,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Review, Self::Audit];

    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Review => "review",
            Self::Audit => "audit",
        }
    }

    /// The word on pages.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::System => "系统管理",
            Self::Review => "业务审核",
            Self::Audit => "安全审计",
        }
    }
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name typed at the door, and written to the audit log.
    pub name: String,
    /// What the user may do; at least one.
    pub roles: Vec<Role>,
    /// The password's hash as a PHC string.
    password: String,
    /// The second factor's secret in base32; none where a user goes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    totp: Option<String>,
}

/// Why a user cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The name is empty, long, or holds more than letters, digits, `-`, `_` and `.`.
    #[error(
        "用户名应为 1 至 64 个字节的字母、数字、汉字或 - _ . / a name is 1 to 64 bytes of letters, digits and - _ ."
    )]
    Name,
    /// The password is too short or too long.
    #[error(
        "口令应为 10 个字符以上、256 字节以内 / a password has at least 10 characters and at most 256 bytes"
    )]
    Password,
    /// No role.
    #[error("至少要有一个角色 / at least one role is needed")]
    Role,
    /// The hash could not be made.
    #[error("口令无法散列 / the password cannot be hashed")]
    Hash,
}

impl User {
    /// A user with a password, hashed with 16 bytes of `salt`, and the second factor of `secret` where there is one.
    ///
    /// # Errors
    /// [`UserError`].
    pub fn new(
        name: &str,
        roles: &[Role],
        password: &str,
        salt: [u8; 32],
        secret: Option<[u8; 32]>,
    ) -> Result<Self, UserError> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(plain) {
            return Err(UserError::Name);
        }
        if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
            return Err(UserError::Password);
        }
        let mut roles = roles.to_vec();
        roles.sort_unstable();
        roles.dedup();
        if roles.is_empty() {
            return Err(UserError::Role);
        }
        let hash =
            Argon2::default().hash_password_with_salt(password.as_bytes(), salt.get(..16).unwrap_or(&salt));
        let password = hash.map_err(|_| UserError::Hash)?.to_string();
        let totp = secret.map(|secret| BASE32_NOPAD.encode(secret.get(..SECRET_BYTES).unwrap_or(&secret)));
        Ok(Self { name: name.to_owned(), roles, password, totp })
    }

    /// Whether this is the password. Takes some 20 MB and some hundredths of a second, by design.
    pub fn has_password(&self, password: &str) -> bool {
        let held = PasswordHash::new(&self.password);
        password.len() <= PASSWORD_BYTES_MAX
            && held.is_ok_and(|held| Argon2::default().verify_password(password.as_bytes(), &held).is_ok())
    }

    /// True when a one-time password is asked for as well.
    pub const fn has_second_factor(&self) -> bool {
        self.totp.is_some()
    }

    /// The step of time for which these digits are right, within one step of now; each may open the door once.
    pub fn second_factor(&self, digits: &str, unix_s: u64) -> Option<u64> {
        let secret = BASE32_NOPAD.decode(self.totp.as_ref()?.as_bytes()).ok()?;
        let digits: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
        Builder::new().with_secret(secret).build().ok()?.check(&digits, unix_s)
    }

    /// What an authenticator is set up with; none without a second factor.
    pub fn otpauth(&self, issuer: &str) -> Option<String> {
        let segment = crate::portal::text::segment;
        let secret = self.totp.as_ref()?;
        Some(format!(
            "otpauth://totp/{0}:{1}?secret={secret}&issuer={0}",
            segment(issuer),
            segment(&self.name)
        ))
    }

    /// The secret to type where nothing can be scanned.
    pub fn secret(&self) -> Option<&str> {
        self.totp.as_deref()
    }
}

/// Everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users(Vec<User>);

#[derive(Serialize, Deserialize)]
struct UsersFile {
    format: String,
    users: Vec<User>,
}

impl Users {
    /// Reads the file; nobody where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or is not one of ours.
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        match fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?.take(FILE_BYTES_MAX).read_to_string(&mut text)?,
        };
        let file: UsersFile = serde_json::from_str(&text).map_err(io::Error::other)?;
        match file.format == FORMAT {
            true => Ok(Self(file.users)),
            false => Err(io::Error::other(format!("format {:?}", file.format))),
        }
    }

    /// Writes the file beside itself, then in its place.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        if let Some(dir) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let file = UsersFile { format: FORMAT.to_owned(), users: self.0.clone() };
        let text = serde_json::to_string_pretty(&file).map_err(io::Error::other)?;
        let beside = path.with_extension("json.new");
        let _ = fs::remove_file(&beside);
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        out.write_all(text.as_bytes()).and_then(|()| out.sync_all())?;
        fs::rename(&beside, path)
    }

    /// Somebody by name.
    pub fn find(&self, name: &str) -> Option<&User> {
        self.0.iter().find(|user| user.name == name)
    }

    /// Everybody, in the order in which they were added.
    pub fn all(&self) -> &[User] {
        &self.0
    }

    /// Adds a user, in the place of one of the same name.
    pub fn put(&mut self, user: User) {
        self.0.retain(|known| known.name != user.name);
        self.0.push(user);
    }

    /// Removes a user; false where there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|known| known.name != name);
        self.0.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_for_its_own_user_alone_and_short_ones_are_refused() {
        let user = User::new("王.科员", &[Role::Review], "correct horse", [1; 32], None).unwrap();
        assert!(user.has_password("correct horse") && !user.has_password("correct horsf"));
        assert!(!user.password.contains("correct") && user.password.starts_with("$argon2id$"));
        assert_eq!(User::new("a", &[Role::Audit], "short", [1; 32], None), Err(UserError::Password));
        assert_eq!(User::new("a b", &[Role::Audit], "long enough!", [1; 32], None), Err(UserError::Name));
        assert_eq!(User::new("a", &[], "long enough!", [1; 32], None), Err(UserError::Role));
    }

    #[test]
    fn one_time_passwords_are_those_of_rfc_6238() {
        // Appendix B, SHA-1: the secret 12345678901234567890; six digits of the eight there.
        let mut secret = [0; 32];
        secret[..20].copy_from_slice(b"12345678901234567890");
        let user = User::new("a", &[Role::Audit], "long enough!", [1; 32], Some(secret)).unwrap();
        assert_eq!(user.second_factor("287 082", 59), Some(1));
        assert_eq!(user.second_factor("050471", 1_111_111_111), Some(37_037_037));
        assert_eq!(user.second_factor("287082", 59 + 90), None, "too late");
        assert_eq!(user.secret(), Some("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"));
    }

    #[test]
    fn the_file_is_its_owners_alone_and_reads_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("console/users.json");
        let mut users = Users::load(&path).unwrap();
        users.put(User::new("a", &[Role::System, Role::System], "long enough!", [1; 32], None).unwrap());
        users.save(&path).unwrap();
        users.save(&path).unwrap();
        assert_eq!(Users::load(&path).unwrap(), users);
        assert_eq!(users.all()[0].roles, [Role::System]);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(users.remove("a") && !users.remove("a"));
    }
}
