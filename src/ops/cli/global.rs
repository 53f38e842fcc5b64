//! Options of every command: which node, which language, how much is said.

use crate::ops::data_dir::DataDir;
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// Options of every command.
#[derive(ClapArgs)]
pub(super) struct Global {
    /// 数据目录 / data directory
    #[arg(long, global = true, value_name = "DIR", env = "GONGSHI_DATA", default_value = "/var/lib/gongshi")]
    pub(super) data: PathBuf,
    /// 配置文件（默认为数据目录内 gongshi.toml）/ configuration file
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// 在标准输出给出一个 JSON 文档 / one JSON document on stdout
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// 语言 / language
    #[arg(long, global = true, value_name = "zh|en", env = "GONGSHI_LANG", default_value_t = super::locale::language(), hide_default_value = true)]
    pub(super) lang: String,
    /// 从不提问 / never ask
    #[arg(long, global = true)]
    pub(super) no_input: bool,
    #[command(flatten)]
    pub(super) manner: Manner,
}

/// How much is said, and how.
#[derive(ClapArgs, Clone, Copy, Default)]
pub(super) struct Manner {
    /// 不显示进度与提示 / no progress, no notices
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// 在标准错误写出日志；-vv 更详细 / write the log to stderr; -vv for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// 不用颜色（同 NO_COLOR）/ no colour, as NO_COLOR
    #[arg(long, global = true)]
    pub(super) no_color: bool,
}

impl Global {
    pub(super) fn data(&self) -> DataDir {
        DataDir::new(&self.data)
    }
    pub(super) fn english(&self) -> bool {
        self.lang.starts_with("en")
    }
    /// The sentence in the language asked for.
    pub(super) fn words<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        if self.english() { en } else { zh }
    }
}
