// A server with a thread per client, watched and watching through peermon.hpp.
//
// Events arrive on peermon's own thread, so the table of clients has a mutex, and a notice is
// written without waiting: a client that does not read its lines is dropped, because a callback
// that blocks delays those behind it.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <peermon.hpp>

#include "notice.h"

namespace {

const int tick_ms = 100; // the pulse; `watchdog_timeout` should be at least three times as long
const std::size_t max_clients = 64;
const std::size_t max_line = 512;

int wake_pipe[2] = {-1, -1};

// Async-signal-safe: wakes the main thread, which ends the server.
void request_stop(int)
{
    int saved = errno;
    if (write(wake_pipe[1], "", 1) < 0)
        errno = 0; // the pipe is full: the main thread wakes anyway
    errno = saved;
}

// One connection. Its own thread reads; any thread may say a line.
class Client {
public:
    explicit Client(int fd) : fd_(fd) {}
    ~Client() { close(fd_); }
    Client(const Client &) = delete;
    Client &operator=(const Client &) = delete;

    void say(std::string line)
    {
        line += '\n';
        std::lock_guard<std::mutex> lock(writing_);
        ssize_t sent = send(fd_, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(line.size()))
            hang_up(); // half a line cannot be taken back
    }

    // Wakes the thread that reads.
    void hang_up() { shutdown(fd_, SHUT_RDWR); }

    // The next line without its end; false when the connection is over.
    bool next_line(std::string &line)
    {
        for (;;) {
            std::size_t end = unread_.find('\n');
            if (end != std::string::npos) {
                line.assign(unread_, 0, end);
                unread_.erase(0, end + 1);
                if (!line.empty() && line[line.size() - 1] == '\r')
                    line.erase(line.size() - 1);
                return true;
            }
            if (unread_.size() >= max_line) {
                say("error: line too long");
                return false;
            }
            char buffer[max_line];
            ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
            if (got > 0)
                unread_.append(buffer, static_cast<std::size_t>(got));
            else if (got == 0 || errno != EINTR)
                return false;
        }
    }

private:
    const int fd_;
    std::mutex writing_;
    std::string unread_; // of the reading thread
};

// All connections, and the threads that serve them.
class Clients {
public:
    template <class Serve> void admit(int fd, Serve serve)
    {
        std::shared_ptr<Client> client = std::make_shared<Client>(fd);
        std::lock_guard<std::mutex> lock(mutex_);
        if (visits_.size() >= max_clients) {
            client->say("error: too many clients");
            return;
        }
        visits_.emplace_back();
        Visit &visit = visits_.back(); // stays in place: a list
        visit.client = client;
        try {
            visit.thread = std::thread([this, &visit, client, serve] {
                try {
                    serve(*client);
                } catch (const std::exception &error) {
                    std::fprintf(stderr, "client dropped: %s\n", error.what());
                }
                client->hang_up();
                std::lock_guard<std::mutex> done(mutex_);
                visit.over = true;
            });
        } catch (const std::system_error &) {
            client->say("error: no thread");
            visits_.pop_back();
        }
    }

    void say_all(const std::string &line)
    {
        std::lock_guard<std::mutex> lock(mutex_);
        for (Visit &visit : visits_)
            if (!visit.over)
                visit.client->say(line);
    }

    // Joins the threads whose clients have gone, or, at the end, all of them.
    void bury(bool everybody)
    {
        std::list<Visit> dead;
        {
            std::lock_guard<std::mutex> lock(mutex_);
            for (auto it = visits_.begin(); it != visits_.end();) {
                auto next = std::next(it);
                if (everybody)
                    it->client->hang_up();
                if (everybody || it->over)
                    dead.splice(dead.end(), visits_, it);
                it = next;
            }
        }
        for (Visit &visit : dead)
            visit.thread.join(); // without the lock, which the thread takes at its end
    }

private:
    struct Visit {
        std::shared_ptr<Client> client;
        std::thread thread;
        bool over = false;
    };

    std::mutex mutex_;
    std::list<Visit> visits_;
};

void say_status(peermon::Monitor &monitor, Client &client)
{
    for (const monitor_peer_status_t &peer : monitor.peers()) {
        char text[NOTICE_SIZE];
        notice_of_peer(text, sizeof text, &peer);
        client.say(text);
    }
    client.say(".");
}

// The life of one client, on its own thread.
void serve(peermon::Monitor &monitor, Client &client)
{
    std::string line;
    while (client.next_line(line)) {
        try {
            if (line == "status")
                say_status(monitor, client);
            else if (line.compare(0, 5, "echo ") == 0)
                client.say(line.substr(5));
            else if (line == "quit")
                return;
            else if (line == "shutdown")
                request_stop(0);
            else
                client.say("error: status | echo TEXT | quit | shutdown");
        } catch (const std::exception &error) {
            client.say(std::string("error: ") + error.what());
        }
    }
}

// On loopback, since anybody may say `shutdown`. Sets `port` to the one that it got.
int listen_on(unsigned short &port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    sockaddr_in address = sockaddr_in();
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr *raw = reinterpret_cast<sockaddr *>(&address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || bind(fd, raw, size) != 0 || listen(fd, 16) != 0 || getsockname(fd, raw, &size) != 0)
        throw std::runtime_error(std::string("cannot serve: ") + std::strerror(errno));
    port = ntohs(address.sin_port);
    return fd;
}

void set_up_signals()
{
    struct sigaction action = {};
    action.sa_handler = request_stop;
    sigemptyset(&action.sa_mask);
    if (pipe2(wake_pipe, O_NONBLOCK | O_CLOEXEC) != 0 || sigaction(SIGTERM, &action, nullptr) != 0
        || sigaction(SIGINT, &action, nullptr) != 0)
        throw std::runtime_error(std::string("signals: ") + std::strerror(errno));
}

// Ends all visits before the monitor goes, on every way out: a thread may be asking it something.
struct EndOfVisits {
    Clients &clients;
    ~EndOfVisits() { clients.bury(true); }
};

// Accepts until somebody asks for the end.
void accept_clients(int listener, peermon::Monitor &monitor, Clients &clients)
{
    for (;;) {
        pollfd waiting[2] = {{listener, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}};
        monitor.alive();
        clients.bury(false);
        if (poll(waiting, 2, tick_ms) < 0 && errno != EINTR)
            throw std::runtime_error(std::string("poll: ") + std::strerror(errno));
        if (waiting[1].revents != 0)
            return;
        if (waiting[0].revents == 0)
            continue;
        int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0)
            clients.admit(fd, [&monitor](Client &client) { serve(monitor, client); });
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            poll(nullptr, 0, tick_ms); // nothing to accept with: do not spin
    }
}

int run(const char *configuration, unsigned short port)
{
    Clients clients; // outlives the monitor, whose callbacks use it
    peermon::Config config(configuration);
    peermon::Monitor monitor(config);
    EndOfVisits end_of_visits = {clients};

    monitor.on_exception(
        [](const char *what, void *) { std::fprintf(stderr, "in a callback: %s\n", what); });
    monitor.on_log(MONITOR_LOG_WARN, [](std::int32_t level, const char *message) {
        std::fprintf(stderr, "peermon[%d]: %s\n", static_cast<int>(level), message);
    });
    monitor.on_event(MONITOR_EVENT_ALL, [&clients](const monitor_event_t &event) {
        char text[NOTICE_SIZE];
        notice_of_event(text, sizeof text, &event);
        std::fprintf(stderr, "%s\n", text);
        if (notice_is_for_clients(event.kind))
            clients.say_all(text);
    });

    set_up_signals();
    int listener = listen_on(port);
    monitor.start();
    std::printf("ready %u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
    accept_clients(listener, monitor, clients);

    clients.say_all("* this server ends");
    monitor.end();
    close(listener);
    return 0;
}

} // namespace

int main(int argc, char **argv)
{
    unsigned long port = 0;
    char *rest = nullptr;
    int option;

    while ((option = getopt(argc, argv, "p:")) != -1) {
        if (option == 'p')
            port = std::strtoul(optarg, &rest, 10);
        if (option != 'p' || *rest != '\0' || port > 65535) {
            optind = argc; // into the complaint below
            break;
        }
    }
    if (optind + 1 != argc) {
        std::fprintf(stderr, "usage: %s [-p CLIENT_PORT] CONFIGURATION\n", argv[0]);
        return 2;
    }
    try {
        return run(argv[optind], static_cast<unsigned short>(port));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
