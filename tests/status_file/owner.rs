//! The file has one owner, and one that is not to be trusted is set aside.

use super::*;

#[test]
fn a_file_outlives_its_owner_and_only_its_owner_and_group_may_read_it() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut opened = book(&path);
    assert!(opened.image.is_none(), "it is new");
    let event = Event {
        epoch: opened.book.file.epoch(),
        id: 1,
        peer: Some("billing".into()),
        reason: Reason::Silent,
        state: State::Down,
        outage_number: 1,
        ..Event::bare(EventKind::Down)
    };
    opened.book.file.append(&event, clock()).unwrap();
    assert!(opened.book.is_in_place());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o137, 0);
    drop(opened);
    let image = book(&path).image.unwrap();
    assert_eq!(image.events, [event]);
    assert_eq!(image.memory.peers[0].state, State::Down);
    assert_eq!(names(&folder), ["orders.status"]);
}

#[test]
fn a_file_has_one_owner_and_who_comes_second_is_told_who_it_is() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let mut first = book(&path);
    first.book.file.begin_life(1, 4242, clock()).unwrap();
    let held = open(&path).map(|_| ()).unwrap_err();
    assert_eq!(held, OpenError::Held(path.clone(), Some(4242)));
    assert!(held.to_string().contains("in use by process 4242"), "{held}");
    // Closing another descriptor of the same file does not lose the lock, as it would with older locks.
    drop(fs::File::open(&path).unwrap());
    assert!(matches!(open(&path), Err(OpenError::Held(..))));
    drop(first);
    assert!(open(&path).is_ok());
}

#[test]
fn ids_that_may_have_been_told_are_not_given_away_again_though_nothing_was_written_since() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    drop(book(&path));
    let last = |opened: Opened| opened.image.unwrap().memory.last_id;
    let first = last(book(&path));
    // The disk failed right after that, and the events that were told until the death are nowhere.
    let second = last(book(&path));
    assert!(second >= first + 10_000, "{first} {second}");
}

#[test]
fn who_leaves_a_file_gives_it_up_though_another_of_his_threads_has_it_open() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let first = book(&path).book;
    let still_syncing = first.file.storage().try_clone().unwrap();
    first.leave();
    drop(first);
    assert!(open(&path).is_ok());
    drop(still_syncing);
}

#[test]
fn what_cannot_be_trusted_is_set_aside_and_nothing_is_overwritten() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    let epoch = book(&path).book.file.epoch();
    let whole = fs::read(&path).unwrap();
    let mut newer = whole.clone();
    newer[8] = 2;
    let mut corrupted = whole.clone();
    corrupted[4096 + 300] ^= 1;
    let foreign = b"[server]\nname = \"orders\"\n".to_vec();
    let asides = [
        ("newer", newer),
        ("corrupted", corrupted),
        ("truncated", whole[..10_000].to_vec()),
        ("no status file", foreign),
        ("no status file", Vec::new()),
    ];
    for (number, (word, bytes)) in asides.iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        let opened = open(&path).unwrap();
        assert!(opened.image.is_none());
        let [warning] = &opened.warnings[..] else { panic!("{:?}", opened.warnings) };
        let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
        let aside = folder.join(format!("orders.status.aside-20261127T023037Z{suffix}"));
        assert!(warning.contains(word), "{warning}");
        assert!(warning.contains(aside.to_str().unwrap()), "{warning}");
        assert_eq!(fs::read(&aside).unwrap(), *bytes);
    }
    assert_eq!(names(&folder).len(), 1 + asides.len());
    drop(open(&path).unwrap());

    // The file of another server that was configured by mistake is kept for it.
    let other = Identity { name: "billing", ..OURS };
    let opened = Book::open(&path, &other, clock(), &mut || epoch ^ 1).unwrap();
    assert!(opened.warnings[0].contains("belongs to the server orders"), "{:?}", opened.warnings);
}

#[test]
fn what_somebody_left_who_died_while_he_made_a_file_is_cleared_away() {
    let folder = Folder::new("status");
    let path = folder.join("orders.status");
    fs::write(folder.join("orders.status.new"), [0; 5000]).unwrap();
    drop(book(&path));
    assert_eq!(names(&folder), ["orders.status"]);
    // While he lives he has the lock.
    fs::remove_file(&path).unwrap();
    let draft = lock::create(&folder.join("orders.status.new")).unwrap();
    lock::lock(&draft).unwrap();
    assert_eq!(open(&path).map(|_| ()), Err(OpenError::Held(path.clone(), None)));
    drop(draft);
    assert!(open(&path).is_ok());
}

#[test]
fn nothing_but_a_regular_file_is_opened_and_nothing_of_it_is_changed() {
    let folder = Folder::new("status");
    let target = folder.join("target");
    fs::write(&target, b"precious").unwrap();
    let link = folder.join("link");
    symlink(&target, &link).unwrap();
    assert!(refusal(&link).contains("symbolic link"), "{}", refusal(&link));
    let fifo = folder.join("fifo");
    let made = run::run(Command::new("mkfifo").arg(&fifo), LIMIT);
    assert!(made.is_success());
    assert!(refusal(&fifo).contains("regular file"), "{}", refusal(&fifo));
    assert!(refusal(folder.path()).contains("directory"), "{}", refusal(folder.path()));
    let missing = folder.join("missing/orders.status");
    assert!(refusal(&missing).contains("missing of the status file does not exist"));
    // A draft that leads elsewhere is not followed either.
    symlink(&target, folder.join("orders.status.new")).unwrap();
    assert!(refusal(&folder.join("orders.status")).contains("symbolic link"));
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(names(&folder), ["fifo", "link", "orders.status.new", "target"]);
}

#[test]
fn many_who_open_the_same_path_at_once_get_one_owner() {
    let folder = Folder::new("status");
    for round in 0..20 {
        let path = folder.join(format!("{round}.status"));
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&path))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let owners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        for outcome in &outcomes {
            assert!(matches!(outcome, Ok(_) | Err(OpenError::Held(..))), "{outcome:?}");
        }
        assert_eq!(owners, 1, "round {round}");
        assert!(outcomes.into_iter().flatten().all(|opened| opened.book.is_in_place()));
    }
    assert!(names(&folder).iter().all(|name| name.ends_with(".status")));
}
