/* A TCP relay that stands for distance: every byte leaves it a fixed time after it came in.
 *
 *     relay ONE_WAY_MILLISECONDS LISTEN:PORT=SERVER:PORT ...
 *
 * One thread. Each direction of a connection has a ring of RING bytes and a queue of marks, "up to this byte
 * it may leave from then on". A full ring is not read into until its reader has taken something, so memory
 * is bounded and pressure reaches the sender. An end of stream travels like a byte. The server is dialled
 * three one-way times after the client was accepted: a real handshake would have taken that long.
 *
 * What is not imitated: slow start, windows, loss. Bulk over this distance is faster than over a real one,
 * for every tool alike.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RING (32ull << 20)
#define MARKS 16384u
#define READ_MOST (256u << 10)
#define TURN_MOST (4u << 20) /* bytes of one direction before the others have their turn */
#define MERGE_NS 50000       /* bytes that come so close together leave together */
#define PAIRS_MOST 256
#define NEVER INT64_MAX

struct mark {
    uint64_t end;
    int64_t due;
};

struct lane { /* one direction */
    struct side *from, *to;
    unsigned char *ring;
    struct mark *marks;
    uint32_t first, count;
    uint64_t taken, free_to, sent; /* positions in the stream: read, due, written */
    int64_t end_due;
    bool ended, closed;
};

struct side {
    int fd;
    bool readable, writable;
    struct pair *pair;
    struct sockaddr_in server; /* of a listener: where it leads; then pair is NULL */
};

struct pair {
    struct pair *next;
    struct side client, server;
    struct lane up, down;
    int64_t dial_at;
    bool dialled, dead;
};

static int poller, pair_count;
static int64_t delay_ns;
static struct pair *pairs;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *reserve(size_t bytes)
{
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED)
        fail("mmap");
    return found;
}

static void open_lane(struct lane *lane, struct side *from, struct side *to)
{
    *lane = (struct lane){.from = from, .to = to, .end_due = NEVER};
    lane->ring = reserve(RING);
    lane->marks = reserve(MARKS * sizeof(struct mark));
}

static void close_lane(struct lane *lane)
{
    munmap(lane->ring, RING);
    munmap(lane->marks, MARKS * sizeof(struct mark));
}

static struct mark *last_mark(struct lane *lane)
{
    return lane->count ? &lane->marks[(lane->first + lane->count - 1) % MARKS] : NULL;
}

static bool has_room(struct lane *lane)
{
    return lane->taken - lane->sent < RING && lane->count < MARKS;
}

static bool wants_to_read(struct lane *lane)
{
    return lane->from->readable && !lane->ended && has_room(lane);
}

static void note_taken(struct lane *lane, size_t bytes, int64_t due)
{
    struct mark *last = last_mark(lane);
    lane->taken += bytes;
    if (last && due - last->due < MERGE_NS) {
        last->end = lane->taken;
        return;
    }
    lane->marks[(lane->first + lane->count++) % MARKS] = (struct mark){lane->taken, due};
}

static void take(struct lane *lane)
{
    size_t budget = TURN_MOST;
    if (lane->taken == lane->sent) /* empty: begin at warm memory again */
        lane->taken = lane->sent = lane->free_to = 0;
    while (wants_to_read(lane) && budget) {
        uint64_t at = lane->taken % RING, room = RING - (lane->taken - lane->sent);
        size_t most = RING - at < room ? RING - at : room;
        if (most > READ_MOST)
            most = READ_MOST;
        ssize_t got = read(lane->from->fd, lane->ring + at, most);
        if (got > 0) {
            note_taken(lane, got, now_ns() + delay_ns);
            budget -= (size_t)got < budget ? (size_t)got : budget;
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else if (got < 0 && errno == EAGAIN) {
            lane->from->readable = false;
        } else { /* the end, or a reset: what came before it is passed on all the same */
            lane->ended = true;
            lane->end_due = now_ns() + delay_ns;
        }
    }
}

static bool give(struct lane *lane, int64_t now)
{
    while (lane->count && lane->marks[lane->first].due <= now) {
        lane->free_to = lane->marks[lane->first].end;
        lane->first = (lane->first + 1) % MARKS;
        lane->count--;
    }
    while (lane->sent < lane->free_to && lane->to->writable) {
        uint64_t at = lane->sent % RING, most = lane->free_to - lane->sent;
        if (most > RING - at)
            most = RING - at;
        ssize_t put = write(lane->to->fd, lane->ring + at, most);
        if (put > 0)
            lane->sent += put;
        else if (put < 0 && errno == EAGAIN)
            lane->to->writable = false;
        else if (put < 0 && errno != EINTR)
            return false;
    }
    if (lane->ended && !lane->closed && lane->sent == lane->taken && lane->end_due <= now) {
        shutdown(lane->to->fd, SHUT_WR);
        lane->closed = true;
    }
    return true;
}

static void watch(struct side *side)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = side};
    int on = 1;
    setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, side->fd, &event) < 0)
        fail("epoll_ctl");
}

static void greet(struct side *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (pair_count >= PAIRS_MOST) {
        close(fd);
        return;
    }
    struct pair *pair = calloc(1, sizeof *pair);
    if (!pair)
        fail("calloc");
    pair->client = (struct side){.fd = fd, .pair = pair};
    pair->server = (struct side){.fd = -1, .pair = pair, .server = listener->server};
    open_lane(&pair->up, &pair->client, &pair->server);
    open_lane(&pair->down, &pair->server, &pair->client);
    pair->dial_at = now_ns() + 3 * delay_ns;
    pair->next = pairs;
    pairs = pair;
    pair_count++;
    watch(&pair->client);
}

static void dial(struct pair *pair)
{
    pair->dialled = true;
    pair->server.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (pair->server.fd < 0)
        fail("socket");
    struct sockaddr *to = (struct sockaddr *)&pair->server.server;
    if (connect(pair->server.fd, to, sizeof pair->server.server) < 0 && errno != EINPROGRESS) {
        pair->dead = true;
        return;
    }
    watch(&pair->server);
}

static void serve(struct pair *pair, int64_t now)
{
    take(&pair->up);
    if (!pair->dialled && pair->dial_at <= now)
        dial(pair);
    if (!pair->dialled || pair->dead)
        return;
    take(&pair->down);
    pair->dead = !give(&pair->up, now) || !give(&pair->down, now) || (pair->up.closed && pair->down.closed);
}

static int64_t sooner(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t lane_due(struct lane *lane, int64_t now)
{
    if (wants_to_read(lane))
        return now;
    int64_t due = NEVER;
    if (lane->to->writable && lane->sent < lane->free_to)
        due = now;
    else if (lane->to->writable && lane->count)
        due = lane->marks[lane->first].due;
    if (lane->ended && !lane->closed && lane->sent == lane->taken)
        due = sooner(due, lane->end_due);
    return due;
}

static int64_t next_due(int64_t now)
{
    int64_t due = NEVER;
    for (struct pair *pair = pairs; pair; pair = pair->next) {
        if (!pair->dialled) {
            due = sooner(due, wants_to_read(&pair->up) ? now : pair->dial_at);
            continue;
        }
        due = sooner(due, sooner(lane_due(&pair->up, now), lane_due(&pair->down, now)));
    }
    return due;
}

static void bury(void)
{
    for (struct pair **place = &pairs; *place;) {
        struct pair *pair = *place;
        if (!pair->dead) {
            place = &pair->next;
            continue;
        }
        *place = pair->next;
        close(pair->client.fd);
        if (pair->server.fd >= 0)
            close(pair->server.fd);
        close_lane(&pair->up);
        close_lane(&pair->down);
        free(pair);
        pair_count--;
    }
}

static void parse(char *text, struct sockaddr_in *into)
{
    char *colon = strrchr(text, ':');
    *into = (struct sockaddr_in){.sin_family = AF_INET};
    if (colon)
        *colon = 0;
    if (!colon || inet_pton(AF_INET, text, &into->sin_addr) != 1) {
        fprintf(stderr, "relay: %s is no ADDRESS:PORT\n", text);
        exit(2);
    }
    into->sin_port = htons((uint16_t)atoi(colon + 1));
}

static void listen_for(char *words)
{
    char *equals = strchr(words, '=');
    if (!equals) {
        fprintf(stderr, "relay: %s is no LISTEN:PORT=SERVER:PORT\n", words);
        exit(2);
    }
    *equals = 0;
    struct sockaddr_in here;
    struct side *listener = calloc(1, sizeof *listener);
    if (!listener)
        fail("calloc");
    parse(words, &here);
    parse(equals + 1, &listener->server);
    int on = 1;
    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener->fd, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener->fd, 128) < 0)
        fail(words);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener->fd, &event) < 0)
        fail("epoll_ctl");
}

static void wait_for_events(void)
{
    struct epoll_event events[64];
    int64_t now = now_ns(), due = next_due(now), wait = due > now ? due - now : 0;
    struct timespec span = {wait / 1000000000, wait % 1000000000};
    int count = epoll_pwait2(poller, events, 64, due == NEVER ? NULL : &span, NULL);
    for (int i = 0; i < count; i++) {
        struct side *side = events[i].data.ptr;
        uint32_t what = events[i].events;
        if (!side->pair) {
            greet(side);
            continue;
        }
        side->readable |= (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        side->writable |= (what & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: relay ONE_WAY_MILLISECONDS LISTEN:PORT=SERVER:PORT ...\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    delay_ns = (int64_t)(atof(argv[1]) * 1e6);
    poller = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 2; i < argc; i++)
        listen_for(argv[i]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        wait_for_events();
        for (struct pair *pair = pairs; pair; pair = pair->next)
            serve(pair, now_ns());
        bury();
    }
}
