//! When a peer flaps, and whether the numbers can mean that.

use core::time::Duration;

use super::duration::show;
use super::keys::Key;
use super::value::Section;
use crate::error::Result;
use crate::proto::settings::Flapping;

const WINDOW: Duration = Duration::from_secs(600);
const REST: Duration = Duration::from_secs(300);

/// What holds for every peer that says nothing else; `peers` are asked only whether any of them has
/// use for spans that stand at the top.
pub(super) fn of_server<'a>(
    server: &Section,
    mut peers: impl Iterator<Item = &'a Section>,
    detect_within: Duration,
) -> Result<Option<Flapping>> {
    let flapping = resolve(server, server, None, detect_within)?;
    if flapping.is_none() && !peers.any(|peer| peer.count(Key::FlapOutages).is_some()) {
        refuse_unused(server, None)?;
    }
    Ok(flapping)
}

/// What holds for one peer.
pub(super) fn of_peer(
    server: &Section,
    name: &str,
    peer: &Section,
    detect_within: Duration,
) -> Result<Option<Flapping>> {
    let flapping = resolve(server, peer, Some(name), detect_within)?;
    if flapping.is_none() {
        refuse_unused(peer, Some(name))?;
    }
    Ok(flapping)
}

fn resolve(
    server: &Section,
    own: &Section,
    name: Option<&str>,
    detect_within: Duration,
) -> Result<Option<Flapping>> {
    let given = own.count(Key::FlapOutages).or_else(|| server.count(Key::FlapOutages));
    let Some((outages, setting)) = given.filter(|(outages, _)| *outages > 0) else {
        return Ok(None);
    };
    if outages == 1 {
        let why = "every outage would be a flap; write at least 2, or 0 for none";
        return Err(setting.fault(name, why));
    }
    let span = |key| own.span(key).or_else(|| server.span(key));
    let window = span(Key::FlapWindow);
    let length = window.map_or(WINDOW, |(window, _)| window);
    let needed = detect_within.saturating_mul(outages);
    if length < needed {
        let why = format!(
            "so many outages do not fit into flap_window = \"{}\": each lasts at least \
             detect_within, together \"{}\"; write fewer, or a longer window",
            show(length),
            show(needed),
        );
        return Err(window.map_or(setting, |(_, window)| window).fault(name, &why));
    }
    let rest = span(Key::FlapRest).map_or(REST, |(rest, _)| rest);
    Ok(Some(Flapping { outages, window: length, rest }))
}

/// A span that nothing reads is a misunderstanding; it must not look as if it worked.
fn refuse_unused(section: &Section, name: Option<&str>) -> Result<()> {
    match section.setting(Key::FlapWindow).or_else(|| section.setting(Key::FlapRest)) {
        Some(setting) => Err(setting.fault(name, "this has an effect only with flap_outages")),
        None => Ok(()),
    }
}
