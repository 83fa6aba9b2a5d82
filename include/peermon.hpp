/* peermon.hpp: peermon.h for C++, header only, from C++98 on.
 *
 *   peermon::Config config("/etc/peermon/orders.toml");
 *   peermon::Monitor monitor(config);
 *   monitor.on_event(MONITOR_EVENT_DOWN | MONITOR_EVENT_RECOVERED, tell_clients);
 *   monitor.start();
 *
 * - Handles are owned by objects: what a constructor took, the destructor gives back.
 * - What fails throws peermon::Error, with the code and the sentence of monitor_last_error.
 * - Callbacks are anything that can be copied and called: functions, objects, lambdas,
 *   std::function. They are destroyed after their last call. An exception that leaves one ends
 *   there: it goes to on_exception, never into the library, which could only abort.
 * - The contract of each call (threads, callbacks, order) is that of its C function in peermon.h.
 */

#ifndef PEERMON_HPP
#define PEERMON_HPP

#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#if __cplusplus >= 201103L
#include <functional>
#endif

#include <peermon.h>

#if __cplusplus >= 201103L
#define PEERMON_NOEXCEPT noexcept
#else
#define PEERMON_NOEXCEPT throw()
#endif

namespace peermon {

/* A call that failed. what() names the call and says why. */
class Error : public std::runtime_error {
public:
    Error(monitor_result_t code, const std::string &text) : std::runtime_error(text), code_(code) {}

    /* MONITOR_ERR_* */
    monitor_result_t code() const PEERMON_NOEXCEPT { return code_; }

private:
    monitor_result_t code_;
};

/* Receives what a callback threw: `what` is that of the std::exception, or a word for others.
   Runs where the callback ran; must not throw. */
typedef void (*ExceptionFn)(const char *what, void *user_data);

namespace detail {

/* Throws if `result` says failure. `call` names the C function. */
inline void check(monitor_result_t result, const char *call)
{
    if (result >= 0)
        return;
    char why[512] = "";
    monitor_last_error(why, sizeof why);
    std::string text(call);
    text += ": ";
    text += monitor_strerror(result);
    if (why[0] != '\0') {
        text += ": ";
        text += why;
    }
    throw Error(result, text);
}

/* Where the exceptions of callbacks go. */
struct ExceptionSink {
    ExceptionSink() : fn(NULL), user_data(NULL) {}

    void report(const char *what) const PEERMON_NOEXCEPT
    {
        if (fn != NULL)
            fn(what, user_data);
    }

    ExceptionFn fn;
    void *user_data;
};

/* A registered callable of any type. The library destroys it after its last call. */
class Slot {
public:
    Slot() {}
    virtual ~Slot() {}

private:
    Slot(const Slot &);
    Slot &operator=(const Slot &);
};

/* One that takes an A, and lets nothing that it throws out. */
template <class A> class SlotFor : public Slot {
public:
    explicit SlotFor(const ExceptionSink &sink) : sink_(sink) {}

    void guarded(const A &argument) PEERMON_NOEXCEPT
    {
        try {
            call(argument);
        } catch (const std::exception &error) {
            sink_.report(error.what());
        } catch (...) {
            sink_.report("not a std::exception");
        }
    }

private:
    virtual void call(const A &argument) = 0;

    const ExceptionSink &sink_;
};

template <class A, class F> class SlotOf : public SlotFor<A> {
public:
    SlotOf(const ExceptionSink &sink, const F &f) : SlotFor<A>(sink), f_(f) {}

private:
    virtual void call(const A &argument) { f_(argument); }

    F f_;
};

/* The two arguments of a log callback as one, and back. */
struct LogLine {
    int32_t level;
    const char *message;
};

template <class F> class LogAdaptor {
public:
    explicit LogAdaptor(const F &f) : f_(f) {}
    void operator()(const LogLine &line) { f_(line.level, line.message); }

private:
    F f_;
};

/* What peers() collects into, and whether there was room. */
struct PeerList {
    PeerList() : full(false) {}

    std::vector<monitor_peer_status_t> peers;
    bool full;
};

extern "C" {

inline void peermon_hpp_event(const monitor_event_t *event, void *slot)
{
    static_cast<SlotFor<monitor_event_t> *>(static_cast<Slot *>(slot))->guarded(*event);
}

inline void peermon_hpp_interrupt(const monitor_interrupt_t *interrupt, void *slot)
{
    static_cast<SlotFor<monitor_interrupt_t> *>(static_cast<Slot *>(slot))->guarded(*interrupt);
}

inline void peermon_hpp_log(int32_t level, const char *message, void *slot)
{
    LogLine line = {level, message};
    static_cast<SlotFor<LogLine> *>(static_cast<Slot *>(slot))->guarded(line);
}

/* The destructor of what was captured must not throw, as no destructor must. */
inline void peermon_hpp_destroy(void *slot) { delete static_cast<Slot *>(slot); }

inline void peermon_hpp_peer(const monitor_peer_status_t *status, void *list)
{
    PeerList *into = static_cast<PeerList *>(list);
    /* An older library knows fewer fields, a newer one more. */
    std::size_t known = status->size < sizeof *status ? status->size : sizeof *status;
    monitor_peer_status_t copy;
    std::memset(&copy, 0, sizeof copy);
    std::memcpy(&copy, status, known);
    try {
        into->peers.push_back(copy);
    } catch (...) {
        into->full = true;
    }
}

} /* extern "C" */

} /* namespace detail */

/* A configuration: a file, keys, or both. May be destroyed as soon as its Monitor is made. */
class Config {
public:
    Config() : handle_(NULL) { detail::check(monitor_config_new(&handle_), "monitor_config_new"); }

    explicit Config(const std::string &path) : handle_(NULL)
    {
        detail::check(monitor_config_new(&handle_), "monitor_config_new");
        try {
            load(path);
        } catch (...) {
            monitor_config_free(handle_);
            throw;
        }
    }

    ~Config() { monitor_config_free(handle_); }

    Config &load(const std::string &path)
    {
        detail::check(monitor_config_load(handle_, path.c_str()), "monitor_config_load");
        return *this;
    }

    Config &set(const std::string &key, const std::string &value)
    {
        detail::check(monitor_config_set(handle_, key.c_str(), value.c_str()),
                      "monitor_config_set");
        return *this;
    }

    Config &add_peer(const std::string &name, const std::string &address)
    {
        detail::check(monitor_config_add_peer(handle_, name.c_str(), address.c_str()),
                      "monitor_config_add_peer");
        return *this;
    }

    /* For C functions; the object keeps the handle. */
    const monitor_config_t *get() const PEERMON_NOEXCEPT { return handle_; }

private:
    Config(const Config &);
    Config &operator=(const Config &);

    monitor_config_t *handle_;
};

/* A monitor. Like the C handle it may be used from any thread, but callbacks are registered by one
   thread at a time. Destroying it ends the application gracefully if nobody did before; it must not
   be destroyed inside one of its own callbacks. */
class Monitor {
public:
    explicit Monitor(const Config &config) : handle_(NULL), sink_(new detail::ExceptionSink)
    {
        try {
            detail::check(monitor_init(&handle_, config.get()), "monitor_init");
        } catch (...) {
            delete sink_;
            throw;
        }
    }

    ~Monitor()
    {
        /* If the library refuses, a callback may be running: leak rather than pull it away. */
        if (monitor_free(handle_) == MONITOR_OK)
            delete sink_;
    }

    /* Just before the work begins. */
    void start() { detail::check(monitor_app_start(handle_), "monitor_app_start"); }

    /* The watchdog's pulse; a few nanoseconds, also from signal handlers. */
    monitor_result_t alive() PEERMON_NOEXCEPT { return monitor_app_alive(handle_); }

    /* Something that must not stand still for longer than `deadline_ms`; see Activity. */
    monitor_activity_t begin_activity(const std::string &name, uint32_t deadline_ms)
    {
        monitor_activity_t activity;
        detail::check(monitor_activity_begin(handle_, name.c_str(), deadline_ms, &activity),
                      "monitor_activity_begin");
        return activity;
    }

    /* A graceful end: the peers hear ENDED, not DOWN. start() may follow. */
    void end() { detail::check(monitor_app_end(handle_), "monitor_app_end"); }

    /* Where exceptions of callbacks go; register it before the callbacks. Without one they are
       swallowed. */
    void on_exception(ExceptionFn fn, void *user_data = NULL) PEERMON_NOEXCEPT
    {
        sink_->fn = fn;
        sink_->user_data = user_data;
    }

    /* Calls f(const monitor_event_t &) for the kinds in `mask`; replaces the callable before it. */
    template <class F> void on_event(uint32_t mask, const F &f) { register_event(mask, f); }
    void on_event(uint32_t mask, void (*f)(const monitor_event_t &)) { register_event(mask, f); }
    void no_events()
    {
        detail::check(monitor_on_event(handle_, 0, NULL, NULL), "monitor_on_event");
    }

    /* Calls f(const monitor_interrupt_t &). */
    template <class F> void on_interrupt(const F &f) { register_interrupt(f); }
    void on_interrupt(void (*f)(const monitor_interrupt_t &)) { register_interrupt(f); }
    void no_interrupts()
    {
        detail::check(monitor_on_interrupt(handle_, NULL, NULL), "monitor_on_interrupt");
    }

    /* Calls f(int32_t level, const char *message) for levels up to `max_level`. */
    template <class F> void on_log(int32_t max_level, const F &f) { register_log(max_level, f); }
    void on_log(int32_t max_level, void (*f)(int32_t, const char *)) { register_log(max_level, f); }
    void no_logs() { detail::check(monitor_on_log(handle_, 0, NULL, NULL), "monitor_on_log"); }

#if __cplusplus >= 201103L
    /* An empty std::function unregisters. */
    void on_event(uint32_t mask, const std::function<void(const monitor_event_t &)> &f)
    {
        f ? register_event(mask, f) : no_events();
    }
    void on_interrupt(const std::function<void(const monitor_interrupt_t &)> &f)
    {
        f ? register_interrupt(f) : no_interrupts();
    }
    void on_log(int32_t max_level, const std::function<void(int32_t, const char *)> &f)
    {
        f ? register_log(max_level, f) : no_logs();
    }
#endif

    /* The host's own loop instead of the library's thread; ask before start(). The library keeps
       the descriptor. */
    int event_fd()
    {
        int fd = monitor_event_fd(handle_);
        detail::check(fd < 0 ? fd : MONITOR_OK, "monitor_event_fd");
        return fd;
    }

    /* Hands out what is queued, on this thread; 0 = all. */
    void dispatch(uint32_t max_events = 0)
    {
        detail::check(monitor_dispatch(handle_, max_events), "monitor_dispatch");
    }

    monitor_peer_status_t peer(const std::string &name)
    {
        monitor_peer_status_t status;
        std::memset(&status, 0, sizeof status);
        status.size = sizeof status;
        detail::check(monitor_peer_status(handle_, name.c_str(), &status), "monitor_peer_status");
        return status;
    }

    monitor_statistics_t statistics()
    {
        monitor_statistics_t statistics;
        std::memset(&statistics, 0, sizeof statistics);
        statistics.size = sizeof statistics;
        detail::check(monitor_statistics(handle_, &statistics), "monitor_statistics");
        return statistics;
    }

    std::vector<monitor_peer_status_t> peers()
    {
        detail::PeerList list;
        detail::check(monitor_each_peer(handle_, detail::peermon_hpp_peer, &list),
                      "monitor_each_peer");
        if (list.full)
            throw std::bad_alloc();
        return list.peers;
    }

    void add_peer(const std::string &name, const std::string &address)
    {
        detail::check(monitor_add_peer(handle_, name.c_str(), address.c_str()), "monitor_add_peer");
    }

    void remove_peer(const std::string &name)
    {
        detail::check(monitor_remove_peer(handle_, name.c_str()), "monitor_remove_peer");
    }

    /* Timers: MONITOR_TIMER_*; 0 seconds = the configured `pause_max`. */
    void pause(uint32_t timers, uint32_t seconds)
    {
        detail::check(monitor_pause(handle_, timers, seconds), "monitor_pause");
    }

    void resume() { detail::check(monitor_resume(handle_), "monitor_resume"); }

    /* For C functions; the object keeps the handle. */
    monitor_t *get() const PEERMON_NOEXCEPT { return handle_; }

private:
    Monitor(const Monitor &);
    Monitor &operator=(const Monitor &);

    template <class F> void register_event(uint32_t mask, const F &f)
    {
        detail::Slot *slot = new detail::SlotOf<monitor_event_t, F>(*sink_, f);
        keep(slot, monitor_on_event_full(handle_, mask, detail::peermon_hpp_event, slot,
                                         detail::peermon_hpp_destroy),
             "monitor_on_event");
    }

    template <class F> void register_interrupt(const F &f)
    {
        detail::Slot *slot = new detail::SlotOf<monitor_interrupt_t, F>(*sink_, f);
        keep(slot, monitor_on_interrupt_full(handle_, detail::peermon_hpp_interrupt, slot,
                                             detail::peermon_hpp_destroy),
             "monitor_on_interrupt");
    }

    template <class F> void register_log(int32_t max_level, const F &f)
    {
        typedef detail::LogAdaptor<F> Adaptor;
        detail::Slot *slot = new detail::SlotOf<detail::LogLine, Adaptor>(*sink_, Adaptor(f));
        keep(slot, monitor_on_log_full(handle_, max_level, detail::peermon_hpp_log, slot,
                                       detail::peermon_hpp_destroy),
             "monitor_on_log");
    }

    /* What was not registered is still ours. */
    static void keep(detail::Slot *slot, monitor_result_t result, const char *call)
    {
        if (result < 0)
            delete slot;
        detail::check(result, call);
    }

    monitor_t *handle_;
    detail::ExceptionSink *sink_;
};

/* An activity that lives as long as this object: begun by the constructor, ended by the destructor.
   The monitor must live longer. */
class Activity {
public:
    Activity(Monitor &monitor, const std::string &name, uint32_t deadline_ms)
        : monitor_(monitor.get()), activity_(monitor.begin_activity(name, deadline_ms))
    {
    }

    ~Activity() { monitor_activity_end(monitor_, activity_); }

    /* Its deadline begins anew; a few nanoseconds, also from signal handlers. */
    monitor_result_t alive() PEERMON_NOEXCEPT { return monitor_activity_alive(monitor_, activity_); }

private:
    Activity(const Activity &);
    Activity &operator=(const Activity &);

    monitor_t *monitor_;
    monitor_activity_t activity_;
};

/* The version of the library that is loaded, which may be newer than this header. */
inline std::string version() { return monitor_version(); }

} /* namespace peermon */

#endif
