//! `gongshi init`: founds a federation.

use super::args::{Addresses, Global, Init};
use super::{Outcome, REFUSED};
use crate::config::Loaded;
use crate::ops::data_dir::Clock;
use crate::ops::engine::Engine;
use crate::ops::service::Failure;
use crate::ops::service::bad_template;
use crate::statement::card::Policy;
use crate::sync::SayError;
use crate::sync::enrol::Founding;
use crate::sync::template::AddTemplateError;
use crate::template::builtin;
use serde_json::json;
use std::path::Path;

pub(super) fn run(global: &Global, init: &Init) -> Result<Outcome, Failure> {
    let data = global.data();
    let loaded = configure(&init.addresses)?;
    let now = Clock::start().now();
    let lock = data.begin()?;
    let anchor = data.key("anchor/anchor.pem", true)?;
    let signing = data.key("keys/signing.pem", true)?;
    let transport = data.key("keys/transport.pem", true)?;
    let founding = Founding {
        anchor: &anchor,
        signing: &signing,
        transport: &transport,
        level: init.level,
        division: init.code.clone(),
        name: init.name.clone(),
        addresses: announced(&loaded),
    };
    let (identity, delegate) = founding.identity(now.wall).map_err(|error| said(&error))?;
    data.write_config(&loaded.config().to_toml())?;
    let (record, guard, store) = data.create_keepers()?;
    let federation = identity.federation();
    let mut engine = Engine::create(identity, signing, Box::new(record), Box::new(guard), store);
    let policy = Policy { held_until_release: init.release == "held", witness_quorum: 0 };
    let (founded, _) =
        engine.turn(now, |node, turn| Ok(node.found(turn, delegate, policy, &builtin::FILES)))?;
    founded.map_err(|error| match error {
        AddTemplateError::Say(error) => said(&error),
        AddTemplateError::Template(error) => bad_template(&error),
    })?;
    engine.store().flush().map_err(crate::ops::engine::EngineError::from)?;
    super::note(&data, "init", &format!("{} {} {federation}", init.code, init.name));
    drop(lock);
    let (path, code) = (data.path().display(), &init.code);
    let document = json!({
        "schema": "gongshi.init/1", "federation": federation, "code": code, "level": init.level, "name": init.name,
        "data": path.to_string(), "anchor": data.path().join("anchor").display().to_string(),
        "listen": loaded.config().listen.peer.to_string(), "portal": loaded.config().listen.portal.to_string(),
        "console": loaded.config().listen.console.to_string(), "release": init.release,
    });
    let zh = format!(
        "已建立联邦 {federation}\n  节点    {code} {name}\n  数据    {path}\n  锚密钥  {path}/anchor（请离线另存并移走）\n下一步：gongshi serve --data {path}",
        name = init.name
    );
    let en = format!(
        "Federation {federation} founded\n  node    {code} {name}\n  data    {path}\n  anchor  {path}/anchor (keep it offline, elsewhere)\nNext: gongshi serve --data {path}",
        name = init.name
    );
    Ok(Outcome::done(document, global.words(&zh, &en)))
}

fn said(error: &SayError) -> Failure {
    Failure::new(
        REFUSED,
        "cannot_found",
        format!("不能建立联邦：{error} / the federation cannot be founded: {error}"),
    )
}

/// The configuration that the flags give.
pub(super) fn configure(addresses: &Addresses) -> Result<Loaded, Failure> {
    let mut loaded = Loaded::parse(Path::new(crate::config::FILE_NAME), "", std::iter::empty())?;
    let announce = addresses.announce.join(",");
    let flags = [
        ("--listen", "listen.peer", addresses.listen.as_deref()),
        ("--portal", "listen.portal", addresses.portal.as_deref()),
        ("--console", "listen.console", addresses.console.as_deref()),
        ("--announce", "announce.addresses", Some(announce.as_str()).filter(|list| !list.is_empty())),
    ];
    loaded.set(flags.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value?))))?;
    Ok(loaded)
}

/// Addresses for the delegation.
pub(super) fn announced(loaded: &Loaded) -> Vec<String> {
    loaded.config().announced().iter().map(ToString::to_string).collect()
}
