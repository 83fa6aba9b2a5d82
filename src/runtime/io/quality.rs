//! The lines about demands that are not met, and about the end of that.

use core::time::Duration;

use crate::notify::log::{INFO, Logger, WARN};
use crate::proto::peer::view::{FLAG_QOS_UNMET, View};

/// Says how a demand stands that began to be unmet, or to be met.
pub fn say(view: &View, logger: &Logger) {
    let name = &view.name;
    if view.flags & FLAG_QOS_UNMET == 0 {
        logger.line(INFO, format_args!("peer {name}: the demands are met again"));
        return;
    }
    let service = &view.service;
    let mistakes = known(service.mistake_interval, "one per ");
    let possible = known(service.detect_within_possible, "");
    let (interval, detect_within) = (view.evidence.interval, view.detect_within);
    logger.line(
        WARN,
        format_args!(
            "peer {name}: what was demanded is not to be had at its interval of {interval:?}: \
             detection within {detect_within:?}, false alarms {mistakes}; the demands could be met \
             with detection within {possible}"
        ),
    );
}

fn known(span: Duration, prefix: &str) -> String {
    if span.is_zero() { "not known".into() } else { format!("{prefix}{span:.1?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::event::Evidence;
    use crate::proto::peer::view::{Service, State};

    #[test]
    fn the_line_has_what_can_be_had_and_the_end_is_said_too() {
        let mut view = View {
            state: State::Up,
            incarnation: 1,
            flags: FLAG_QOS_UNMET,
            detect_within: Duration::from_secs(1),
            evidence: Evidence { interval: Duration::from_millis(20), ..Evidence::default() },
            service: Service {
                mistake_interval: Duration::from_secs(3600),
                detect_within_possible: Duration::from_millis(2520),
                ..Service::default()
            },
            ..View::bare("billing".into())
        };
        let (logger, lines) = Logger::new();
        logger.want(INFO);
        say(&view, &logger);
        let line = lines.try_recv().unwrap();
        assert_eq!(
            (line.level, &*line.text),
            (
                WARN,
                "peer billing: what was demanded is not to be had at its interval of 20ms: detection \
                 within 1s, false alarms one per 3600.0s; the demands could be met with detection \
                 within 2.5s"
            )
        );
        view.flags = 0;
        say(&view, &logger);
        assert_eq!(&*lines.try_recv().unwrap().text, "peer billing: the demands are met again");
    }
}
