//! Invitations: a secret, kept as its digest, and the token that carries it.

use super::failures::invite_failure;
use super::{Failure, Reply, document};
use crate::digest::Digest;
use crate::ops::data_dir::random_seed;
use crate::store::StoreError;
use crate::sync::enrol::InviteError;
use crate::sync::fact::Invite;
use crate::sync::limits::INVITE_MS;
use crate::sync::token::Token;
use crate::sync::{Node, Turn};
use crate::time::WallMs;
use serde_json::json;

/// Gives out the invitation that `made` makes of the digest of a new secret and its end.
pub(super) fn invite(
    node: &mut Node,
    turn: &mut Turn<'_>,
    ttl_ms: Option<u64>,
    by_file: bool,
    made: impl FnOnce(Digest, WallMs) -> Result<Invite, InviteError>,
) -> Result<Reply, StoreError> {
    let Ok(secret) = random_seed() else {
        return Ok(Reply::Failure(Failure::new(1, "no_randomness", "操作系统没有随机数 / no randomness")));
    };
    let secret = Digest::from_bytes(secret);
    let expires = WallMs(turn.now.wall.0.saturating_add(ttl_ms.unwrap_or(INVITE_MS)));
    let invite = match made(Digest::of(&[secret.as_bytes()]), expires) {
        Ok(invite) => invite,
        Err(error) => return Ok(Reply::Failure(invite_failure(error)?)),
    };
    let text = match token(node, &invite, secret, by_file) {
        Ok(text) => text,
        Err(failure) => return Ok(Reply::Failure(failure)),
    };
    let given = json!({
        "schema": "gongshi.invite/1", "token": text, "code": invite.division, "level": invite.level,
        "expires": expires.to_string(), "auto": invite.auto,
    });
    Ok(match node.invite(turn, invite) {
        Ok(()) => document(&given),
        Err(error) => Reply::Failure(invite_failure(error)?),
    })
}

fn token(node: &Node, invite: &Invite, secret: Digest, by_file: bool) -> Result<String, Failure> {
    let own = node.registry().delegation(node.own_key());
    let address = own.and_then(|own| own.addresses.first().cloned());
    let address = address.or_else(|| by_file.then(String::new));
    let Some(address) = address else {
        let message = "本节点没有可供下级连接的地址：请在初始化时用 --listen 或 --announce 指定 / this node announces no address for children to dial";
        return Err(Failure::new(6, "no_address", message));
    };
    let token = Token {
        address,
        parent_transport: node.identity().transport,
        parent_signing: *node.own_key(),
        federation: node.federation(),
        secret,
        level: invite.level,
        division: invite.division.clone(),
        name: invite.name.clone(),
        expires: invite.expires,
    };
    token.to_text().map_err(|error| Failure::new(2, "bad_name", format!("名称过长或含控制字符 / {error}")))
}
