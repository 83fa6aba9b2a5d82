//! Disks that are full, or read-only.

use super::*;

/// Runs `test` with a disk of its own of `size` bytes, which nobody else sees; `None`, after a line, if
/// this process may not have one.
fn on_a_disk_of(size: usize, test: impl FnOnce(&Path) + Send) -> Option<()> {
    let folder = Folder::new("status-disk");
    let text = |text: &str| std::ffi::CString::new(text).unwrap();
    let (root, disk) = (text("/"), text(folder.path().to_str().unwrap()));
    let (kind, options) = (text("tmpfs"), text(&format!("size={size}")));
    let mounted = |test: Box<dyn FnOnce(&Path) + Send + '_>| {
        let (private, none) = (libc::MS_REC | libc::MS_PRIVATE, std::ptr::null());
        // SAFETY: this thread gets mounts of its own; all texts end with a zero and live across the
        // calls, and a null pointer stands for what is not given.
        let refused = unsafe {
            libc::unshare(libc::CLONE_NEWNS) != 0
                || libc::mount(none, root.as_ptr(), none, private, none.cast()) != 0
                || libc::mount(
                    kind.as_ptr(),
                    disk.as_ptr(),
                    kind.as_ptr(),
                    0,
                    options.as_ptr().cast(),
                ) != 0
        };
        if !refused {
            test(folder.path());
        }
        !refused
    };
    let done = thread::scope(|scope| {
        let thread = scope.spawn(|| mounted(Box::new(test)));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if !done {
        assert!(!tool::all_are_wanted(), "every test is wanted, and only root may mount a disk");
        println!("skipped: only root may mount a disk");
    }
    done.then_some(())
}

fn remount(folder: &Path, flags: libc::c_ulong) {
    let disk = std::ffi::CString::new(folder.to_str().unwrap()).unwrap();
    let none = std::ptr::null();
    // SAFETY: as where it is mounted.
    let done =
        unsafe { libc::mount(none, disk.as_ptr(), none, libc::MS_REMOUNT | flags, none.cast()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_disk_that_is_full_or_read_only_is_a_sentence_and_nothing_stays_behind() {
    on_a_disk_of(600_000, |folder| {
        let path = folder.join("orders.status");
        let full = refusal(&path);
        assert!(full.contains("making") && full.contains("No space"), "{full}");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        remount(folder, libc::MS_RDONLY);
        let read_only = refusal(&path);
        assert!(read_only.contains("Read-only"), "{read_only}");
    });
}

#[test]
fn a_disk_that_fills_up_later_stops_nothing_but_new_peers() {
    on_a_disk_of(1_300_000, |folder| {
        let path = folder.join("orders.status");
        let mut opened = book(&path);
        let file = &mut opened.book.file;
        let mut ballast = fs::File::create(folder.join("ballast")).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        let mut views = views();
        assert!(file.write_peers(views.iter(), 0, clock()).is_err());
        for id in 1..=2_000 {
            let event = Event { epoch: file.epoch(), id, ..Event::bare(EventKind::SelfStalled) };
            file.append(&event, clock()).unwrap();
        }
        file.beat((7, 1), 2_000, clock()).unwrap();
        views.truncate(16);
        file.write_peers(views.iter(), 0, clock()).unwrap();
        drop(opened);
        assert_eq!(book(&path).image.unwrap().events.len(), 1024);
    });
}
