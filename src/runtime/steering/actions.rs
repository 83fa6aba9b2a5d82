//! What is done on `peermon-control`, each with the event that tells of it.

use core::time::Duration;

use super::super::requests::state;
use super::super::shared::Shared;
use super::super::sys::clock;
use super::reload;
use super::request::Task;
use crate::error::{Code, Error};
use crate::http::control::steer::{
    Action, Ask, Done, Outcome, Refusal, RefusalKind, Who, level_name,
};
use crate::proto::event::{Interrupt, InterruptKind, MAX_DETAIL, Words, detail as fitting};
use crate::status::statistics::RUNNING;

/// So much of the name of a user is told.
const LONGEST_NAME: usize = 40;
/// The channel of mail is asked how much waits for so long.
const MAIL: Duration = Duration::from_secs(2);

/// Does it, after an event that says so; if it is refused then, another one says that.
pub fn carry_out(shared: &Shared, who: &Who, task: Task) -> Outcome {
    match task {
        Task::Do(action) => {
            announce(shared, who, &action)?;
            let outcome = act(shared, &action);
            if let Err(refusal) = &outcome {
                refused(shared, who, &action, &refusal.text);
            }
            outcome
        }
        Task::Announce(action) => announce(shared, who, &action).map(|()| Done::default()),
        Task::Refused(action, why) => {
            refused(shared, who, &action, &why);
            Ok(Done::default())
        }
        Task::Apply(prepared) => {
            let outcome = reload::apply(shared, &prepared);
            if let Err(refusal) = &outcome {
                refused(shared, who, &Action::Reload { dry_run: false }, &refusal.text);
            }
            outcome
        }
    }
}

/// Leaves an event before anything is done. A monitor that failed has none to give, and can do little; what
/// it can do is logged.
fn announce(shared: &Shared, who: &Who, action: &Action) -> Result<(), Refusal> {
    let Err(error) = shared.note(detail("", &action.to_string(), who)) else { return Ok(()) };
    if shared.failure().is_some() {
        shared.logger.warn(format_args!("control: {}", detail("", &action.to_string(), who)));
        return Ok(());
    }
    Err(refusal(error))
}

fn refused(shared: &Shared, who: &Who, action: &Action, why: &str) {
    let words = format!("{action}: {why}");
    if let Err(error) = shared.note(detail("refused: ", &words, who)) {
        shared.logger.warn(format_args!("control: {}: {error}", detail("refused: ", &words, who)));
    }
}

/// What an event says: always who it was, and of the rest what there is room for.
fn detail(prefix: &str, words: &str, who: &Who) -> Words {
    let by = Who { name: printable(&who.name, LONGEST_NAME).into(), ..who.clone() };
    let end = format!(": by {by}");
    let room = MAX_DETAIL.saturating_sub(prefix.len() + end.len());
    fitting(&format!("{prefix}{}{end}", printable(words, room)))
}

/// At most `most` bytes, and nothing that a terminal would act on.
fn printable(text: &str, most: usize) -> String {
    let clean: String =
        text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    if clean.len() <= most {
        return clean;
    }
    let kept: String = clean.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

fn act(shared: &Shared, action: &Action) -> Outcome {
    match action {
        Action::Pause { judge, heartbeat, span } => pause(shared, (*judge, *heartbeat), *span),
        Action::Resume { judge, heartbeat } => resume(shared, (*judge, *heartbeat)),
        Action::AddPeer { name, address } => add_peer(shared, name, address),
        Action::RemovePeer { name } => {
            shared.remove_peer(name).map_err(refusal)?;
            Ok(Done::said(format!("{name} is watched no longer, and is told so")))
        }
        Action::LogLevel(level) => Ok(log_level(shared, *level)),
        Action::App(ask) => app(shared, *ask),
        Action::FlushMail => flush_mail(shared),
        // It is read by whoever waits for it.
        Action::Reload { .. } => Err(refusal(state("a reload is prepared elsewhere"))),
    }
}

fn pause(shared: &Shared, (judge, heartbeat): (bool, bool), span: Duration) -> Outcome {
    shared.pause(judge, heartbeat, span).map_err(refusal)?;
    let longest = shared.plan.settings.pause_max;
    let granted = if span.is_zero() { longest } else { span.min(longest) };
    let seconds = granted.as_secs_f64();
    let mut said = match (judge, heartbeat) {
        (true, true) => format!("the heartbeat and the judge timer pause for {seconds} s"),
        (false, _) => format!("the heartbeat pauses for {seconds} s"),
        (true, false) => "the judge timer pauses until it is resumed".to_owned(),
    };
    if heartbeat {
        said.push_str("; the peers are told");
        if span > longest {
            said.push_str(", and no longer pause is granted (pause_max)");
        }
    }
    Ok(Done::said(said))
}

fn resume(shared: &Shared, (judge, heartbeat): (bool, bool)) -> Outcome {
    shared.resume(judge, heartbeat).map_err(refusal)?;
    Ok(Done::said(match (judge, heartbeat) {
        (true, true) => "the heartbeat and the judge timer go on",
        (true, false) => "the judge timer goes on",
        (false, _) => "the heartbeat goes on",
    }))
}

fn add_peer(shared: &Shared, name: &str, address: &str) -> Outcome {
    if shared.roster.peek(|roster| roster.iter().any(|it| &*it.settings.name == name)) {
        return Err(refusal(state(format!("there is a peer {name:?} already"))));
    }
    let mut listed = shared.listed(name, address).map_err(refusal)?;
    // A name that is not known yet is looked up by peermon-work: here, that would open files of the host.
    listed.settings.addresses = shared.known(&listed.endpoints);
    shared.watch(listed).map_err(refusal)?;
    Ok(Done::said(format!(
        "{name} is watched at {address}; it must watch this server too, and a configuration file that \
         does not name it forgets it at the next restart"
    )))
}

fn log_level(shared: &Shared, level: Option<i32>) -> Done {
    shared.log_sink.ask(level);
    let wanted = shared.log_sink.wanted(true);
    shared.logger.want(wanted);
    Done::said(match level {
        None => format!("logged as the host wants it: {}", level_name(Some(wanted))),
        Some(0) => "nothing is logged any more".to_owned(),
        Some(level) if wanted == 0 => format!(
            "{} would be logged, but the host takes no log lines (monitor_on_log)",
            level_name(Some(level))
        ),
        Some(level) => format!(
            "logged up to {}, until the monitor is released or another level is asked for",
            level_name(Some(level))
        ),
    })
}

fn app(shared: &Shared, ask: Ask) -> Outcome {
    if !shared.is_listened_to() {
        return Err(refusal(state(
            "the application does not hear what it is asked for: it has registered no interrupt callback \
             (monitor_on_interrupt), and there is no interrupt_signal",
        )));
    }
    let runs = shared.accounts.running() & RUNNING != 0;
    match ask {
        Ask::Start if runs => return Err(refusal(state("the application is started already"))),
        Ask::Stop if !runs && shared.failure().is_none() => {
            return Err(refusal(state("the application has ended already")));
        }
        _ => {}
    }
    let kind = match ask {
        Ask::Stop => InterruptKind::StopRequested,
        Ask::Start => InterruptKind::StartRequested,
        Ask::Reload => InterruptKind::ReloadRequested,
    };
    shared.raise(Interrupt::about_self(kind, None), clock::now().wall);
    Ok(Done::said(format!(
        "the application is asked to {}; the events say what comes of it",
        ask.name()
    )))
}

fn flush_mail(shared: &Shared) -> Outcome {
    if shared.plan.channels.mail.is_none() {
        return Err(refusal(state("there is no mail: nobody is to be told (mail_to)")));
    }
    let Some(waiting) = shared.mail.prod(MAIL) else {
        let text = "the channel of mail does not answer; the log may say why";
        return Err(Refusal::new(RefusalKind::Busy, text));
    };
    let said = match waiting {
        0 => "no mail waits".to_owned(),
        1 => "one mail waits, and is tried now".to_owned(),
        more => format!("{more} mails wait, and are tried now"),
    };
    Ok(Done { waiting: Some(waiting), ..Done::said(said) })
}

/// What is told of an error.
pub fn refusal(error: Error) -> Refusal {
    let kind = match error.code {
        Code::Null | Code::Invalid | Code::Config | Code::Handle => RefusalKind::Bad,
        Code::UnknownPeer => RefusalKind::Unknown,
        Code::State | Code::Limit | Code::Forked | Code::InCallback => RefusalKind::State,
        Code::Io | Code::Internal => RefusalKind::Failed,
    };
    Refusal::new(kind, error.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_always_says_who_it_was_and_is_fit_for_a_terminal() {
        let who = Who { uid: 1000, pid: 4711, name: "deploy".into() };
        let by = ": by deploy (uid 1000, pid 4711)";
        assert_eq!(*detail("", "pause judge", &who), format!("pause judge{by}"));
        let long = detail("refused: ", &"x\u{1b}é".repeat(200), &who);
        assert_eq!(long.len(), MAX_DETAIL);
        assert!(long.starts_with("refused: x??x??") && long.ends_with(&format!("...{by}")));
        assert!(long.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        let who = Who { name: "n".repeat(250).into(), ..who };
        let whole = detail("", &"y".repeat(500), &who);
        assert_eq!(whole.len(), MAX_DETAIL);
        assert!(whole.ends_with("nnn... (uid 1000, pid 4711)"), "{whole}");
    }
}
