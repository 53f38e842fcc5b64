//! `gongshi console user`: who may log in at the console. Passwords come from a file or standard input, never from an
//! argument.

use super::args::Global;
use super::grid::grid;
use super::link::ask;
use super::{Outcome, say, usage};
use crate::console::users::{PASSWORD_BYTES_MAX, Role, User, Users};
use crate::ops::console_source::USERS;
use crate::ops::data_dir::{DataDir, DataDirError, random_seed};
use crate::ops::service::{Failure, Noting, Request};
use clap::{Args as ClapArgs, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(super) enum ConsoleAction {
    /// 控制台用户：增加、列出、删除 / users of the console: add, list, remove
    User {
        #[command(subcommand)]
        action: UserAction,
    },
}

#[derive(Subcommand)]
pub(super) enum UserAction {
    /// 增加用户，或更换其口令与角色 / add a user, or change password and roles
    Add(Add),
    /// 列出用户 / list users
    List,
    /// 删除用户，其登录随即失效 / remove a user, who is out at once
    Remove {
        /// 用户名 / name
        name: String,
    },
}

#[derive(ClapArgs)]
pub(super) struct Add {
    /// 用户名 / name
    name: String,
    /// 角色：system 系统管理，review 业务审核，audit 安全审计；可多个 / roles
    #[arg(long, required = true, value_parser = ["system", "review", "audit"], value_delimiter = ',')]
    role: Vec<String>,
    /// 从文件读取口令（默认从标准输入）/ read the password from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// 不启用第二因子（一次性口令）/ no second factor
    #[arg(long)]
    no_second_factor: bool,
}

pub(super) fn run(global: &Global, action: &ConsoleAction) -> Result<Outcome, Failure> {
    let data = global.data();
    if !data.is_initialised() {
        return Err(DataDirError::NotInitialised(global.data.clone()).into());
    }
    let ConsoleAction::User { action } = action;
    let path = data.path().join(USERS);
    let mut users = Users::load(&path).map_err(|error| failed(&path, &error))?;
    match action {
        UserAction::List => Ok(list(global, &users)),
        UserAction::Add(add) => {
            let password = password(global, add)?;
            let roles: Vec<Role> = Role::ALL
                .into_iter()
                .filter(|role| add.role.iter().any(|word| word == role.as_str()))
                .collect();
            let drawn = || random_seed().map_err(|error| failed(&path, &error));
            let secret = if add.no_second_factor { None } else { Some(drawn()?) };
            let user = User::new(&add.name, &roles, &password, drawn()?, secret)
                .map_err(|error| Failure::new(2, "bad_user", error.to_string()))?;
            users.put(user.clone());
            users.save(&path).map_err(|error| failed(&path, &error))?;
            note(global, Noting::UserAdded(format!("{} {}", add.name, add.role.join(","))));
            Ok(added(global, &data, &user))
        }
        UserAction::Remove { name } => {
            if !users.remove(name) {
                return Err(Failure::new(
                    2,
                    "bad_user",
                    format!("{name}: 没有这个用户 / there is no such user"),
                ));
            }
            users.save(&path).map_err(|error| failed(&path, &error))?;
            note(global, Noting::UserRemoved(name.clone()));
            let document = json!({"schema": "gongshi.console.user/1", "removed": name});
            let (zh, en) = (format!("已删除 {name}"), format!("{name} is removed"));
            Ok(Outcome::done(document, global.words(&zh, &en)))
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::new(1, "io", format!("{}: {error}", path.display()))
}

/// The user stands in the file whether or not that could be noted.
fn note(global: &Global, noting: Noting) {
    if let Err(failure) = ask(global, Request::Note(noting)) {
        say(&failure.message);
    }
}

/// The first line of the file or of standard input; at a terminal it is asked for and not shown.
fn password(global: &Global, add: &Add) -> Result<String, Failure> {
    let bounded = |source: &mut dyn Read| {
        let mut line = String::new();
        io::BufReader::new(source.take(PASSWORD_BYTES_MAX as u64 + 2)).read_line(&mut line).map(|_| line)
    };
    let line = match &add.password_file {
        Some(path) => {
            File::open(path).and_then(|mut file| bounded(&mut file)).map_err(|error| failed(path, &error))?
        }
        None if io::stdin().is_terminal() && !global.no_input => {
            say(global.words(
                "口令（10 个字符以上，输入时不显示）：",
                "Password (10 characters or more, not shown):",
            ));
            unseen(|| bounded(&mut io::stdin().lock())).map_err(|error| failed(Path::new("-"), &error))?
        }
        None => bounded(&mut io::stdin().lock()).map_err(|error| failed(Path::new("-"), &error))?,
    };
    match line.trim_end_matches(['\n', '\r']) {
        "" => Err(usage(
            "口令从标准输入或 --password-file 读取 / the password is read from standard input or --password-file",
        )),
        password => Ok(password.to_owned()),
    }
}

/// Runs something while the terminal shows nothing of what is typed.
fn unseen<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &silent)?;
    let line = read();
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    line
}

fn added(global: &Global, data: &DataDir, user: &User) -> Outcome {
    let otpauth = user.otpauth("Gongshi");
    let document = json!({
        "schema": "gongshi.console.user/1", "name": user.name, "roles": user.roles, "secret": user.secret(),
        "otpauth": otpauth, "file": data.path().join(USERS).display().to_string(),
    });
    let mut text = match global.english() {
        true => format!("{} may log in now; undo: gongshi console user remove {}", user.name, user.name),
        false => format!("{} 现在可以登录；撤销：gongshi console user remove {}", user.name, user.name),
    };
    if let (Some(secret), Some(otpauth)) = (user.secret(), otpauth) {
        let how = global.words(
            "第二因子：在身份验证器中添加下面的密钥（只显示这一次）",
            "second factor: add this secret to an authenticator (shown this once)",
        );
        text += &format!("\n{how}\n  {secret}\n  {otpauth}");
    }
    Outcome::done(document, text)
}

fn list(global: &Global, users: &Users) -> Outcome {
    let roles = |user: &User| user.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>();
    let line = |user: &User| json!({"name": user.name, "roles": user.roles, "second_factor": user.has_second_factor()});
    let factor = |user: &User| match user.has_second_factor() {
        true => global.words("一次性口令", "one-time password").to_owned(),
        false => global.words("仅口令", "password alone").to_owned(),
    };
    let row = |user: &User| vec![user.name.clone(), roles(user).join(","), factor(user)];
    let rows: Vec<Vec<String>> = users.all().iter().map(row).collect();
    let lines: Vec<Value> = users.all().iter().map(line).collect();
    let text = match rows.is_empty() {
        true => global
            .words(
                "还没有用户：gongshi console user add NAME --role system",
                "no user yet: gongshi console user add NAME --role system",
            )
            .to_owned(),
        false => grid::<&str>(&[], &rows),
    };
    Outcome::done(json!({"schema": "gongshi.console.users/1", "users": lines}), text)
}

/// Gives the demo a user of its own with a password that is drawn anew; both.
pub(super) fn demo_user(data: &DataDir) -> Result<(String, String), Failure> {
    let path = data.path().join(USERS);
    let drawn = || random_seed().map_err(|error| failed(&path, &error));
    let password: String =
        data_encoding::BASE32_NOPAD.encode(&drawn()?).to_lowercase().chars().take(12).collect();
    let mut users = Users::load(&path).map_err(|error| failed(&path, &error))?;
    let user = User::new("demo", &Role::ALL, &password, drawn()?, None);
    users.put(user.map_err(|error| Failure::new(2, "bad_user", error.to_string()))?);
    users.save(&path).map_err(|error| failed(&path, &error))?;
    Ok(("demo".to_owned(), password))
}
