/* The program that waits in a container and then runs the image's own command.
 *
 * A container takes 0.4 s to create and start, and this program nothing: it is the container's
 * first process, connects to the server's socket in the mounted directory, and sleeps. The server
 * sends the environment of one message; then the command in our arguments (ENTRYPOINT and CMD) is
 * executed with the container's user and working directory, as the engine itself would have done.
 *
 * usage: starter COMMAND [ARGUMENT...]
 *
 * wire    we connect to START. Server: 'R', length (u32, little-endian), then that many bytes of
 *         strings, each ended by NUL: a secret, then NAME=value of the environment. An end of the
 *         stream instead means that we are not needed.
 *         We answer one byte: 'S', the command runs; or 'E' and an errno (u32): it does not.
 *         Server: a byte from 1 to 64 is a signal for the command. 9 kills all that runs.
 * end     when the command has ended, all processes that it left are killed. Then the mark
 *           RS secret ' ' exit-status ' ' microseconds-of-processor ' ' peak-kilobytes RS LF
 *         is written to stdout and to stderr: the server then knows that the log is complete 30 ms
 *         before the engine tells it. Without a line's end the engine would keep it to itself.
 * again   a server that keeps the connection sends the next message's environment after the mark;
 *         the container is used again. When it ends the connection we exit: with the status of
 *         the command that runs then, or with NOT_NEEDED. So an exit with NOT_NEEDED and without
 *         the mark of a message says that this message's command never began.
 * signals the command is not the first process, but is treated as if it were, since that is what
 *         it is without us: a signal that it does not catch is not passed on (pid_namespaces(7)).
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "abaco starter 2" /* the wire's version: the server looks for it in this program */
#define START "/_abaco/start.sock"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define RUN 'R'
#define MARK '\x1e'
#define FAILED 125 /* Docker's own status for "could not be run" */
#define NOT_NEEDED 113

extern char **environ;

/* How the command ended, and what it used: it and all that it left. */
struct end {
    int status;
    long long processor; /* microseconds */
    long peak;           /* kilobytes, of the largest process */
};

static int read_whole(int from, void *buffer, size_t size)
{
    for (char *at = buffer; size > 0;) {
        ssize_t got = read(from, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

static void write_whole(int to, const void *buffer, size_t size)
{
    for (const char *at = buffer; size > 0;) {
        ssize_t put = write(to, at, size);
        if (put >= 0) {
            at += put;
            size -= (size_t)put;
        } else if (errno == EAGAIN) {
            /* The command has set the pipe that we share to non-blocking. */
            struct pollfd full = {.fd = to, .events = POLLOUT};
            poll(&full, 1, -1);
        } else if (errno != EINTR) {
            return; /* nobody reads it: the engine is gone */
        }
    }
}

static int connect_to_server(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = START};
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(NAME ": " START);
        exit(FAILED);
    }
    return server;
}

/* What the server sends; its size in *size. Ends the program when there is nothing to do. */
static char *receive(int server, uint32_t *size)
{
    unsigned char length[4];
    char order;
    do {
        if (read_whole(server, &order, 1) < 0)
            exit(NOT_NEEDED);
    } while (order != RUN); /* a signal for a command that has ended */
    if (read_whole(server, length, sizeof length) < 0)
        exit(NOT_NEEDED);
    *size = length[0] | length[1] << 8 | length[2] << 16 | (uint32_t)length[3] << 24;
    char *body = malloc((size_t)*size + 1);
    if (body == NULL)
        exit(FAILED);
    if (read_whole(server, body, *size) < 0)
        exit(NOT_NEEDED);
    body[*size] = '\0';
    return body;
}

static void overlay_environment(char *strings, const char *end)
{
    for (; strings < end; strings += strlen(strings) + 1)
        if (strchr(strings, '=') != NULL)
            putenv(strings);
}

/* execve as the engine does it: PATH of the new environment, no shell for what has no format. */
static void execute(char **command)
{
    if (strchr(command[0], '/') != NULL) {
        execve(command[0], command, environ);
        return;
    }
    const char *path = getenv("PATH");
    if (path == NULL)
        path = DEFAULT_PATH;
    int seen = ENOENT;
    for (const char *end; *path != '\0'; path = *end == '\0' ? end : end + 1) {
        end = strchrnul(path, ':');
        char place[4096];
        int length = snprintf(place, sizeof place, "%.*s/%s", (int)(end - path), path, command[0]);
        if (length < 0 || (size_t)length >= sizeof place)
            continue;
        execve(place, command, environ);
        if (errno != ENOENT && errno != ENOTDIR)
            seen = errno;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return;
    }
    errno = seen;
}

/* The command's process id; tells the server whether it runs. The environment is its own. */
static pid_t start(char **command, char *strings, uint32_t size, int server,
                   const sigset_t *inherited)
{
    int report[2];
    uint32_t reason = 0;
    if (pipe2(report, O_CLOEXEC) < 0)
        exit(FAILED);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        sigprocmask(SIG_SETMASK, inherited, NULL);
        overlay_environment(strings, strings + size);
        execute(command);
        reason = (uint32_t)errno;
        write_whole(report[1], &reason, sizeof reason);
        _exit(FAILED);
    }
    close(report[1]);
    if (child < 0)
        reason = (uint32_t)errno;
    else if (read_whole(report[0], &reason, sizeof reason) < 0)
        reason = 0; /* closed by exec */
    close(report[0]);
    if (reason != 0) {
        unsigned char answer[5] = {'E', reason & 255, reason >> 8 & 255, reason >> 16 & 255,
                                   reason >> 24 & 255};
        write_whole(server, answer, sizeof answer);
        exit(FAILED);
    }
    write_whole(server, "S", 1);
    return child;
}

static int catches(pid_t process, int number)
{
    char name[32], line[256];
    unsigned long long caught = 0;
    snprintf(name, sizeof name, "/proc/%d/status", (int)process);
    FILE *status = fopen(name, "re");
    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "SigCgt: %llx", &caught) == 1)
            break;
    fclose(status);
    return caught >> (number - 1) & 1;
}

/* Whatever process has ended; with WNOHANG in `how`, by now. Returns 1 when the command was among
 * them. */
static int reap(pid_t command, struct end *end, int how)
{
    int ended = 0, found;
    struct rusage used;
    for (pid_t process; (process = wait4(-1, &found, how, &used)) > 0;) {
        end->processor += (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL +
                          used.ru_utime.tv_usec + used.ru_stime.tv_usec;
        if (used.ru_maxrss > end->peak)
            end->peak = used.ru_maxrss;
        if (process == command) {
            end->status = WIFEXITED(found) ? WEXITSTATUS(found) : 128 + WTERMSIG(found);
            ended = 1;
        }
    }
    return ended;
}

static void forget_signals(int signals)
{
    struct signalfd_siginfo signal;
    while (read(signals, &signal, sizeof signal) > 0)
        continue;
}

/* A signal from outside: as for a first process, only what it catches reaches the command. */
static void pass_on(pid_t command, int number, int alone)
{
    if (number == SIGKILL)
        kill(alone ? -1 : -command, SIGKILL);
    else if (number != SIGCHLD && catches(command, number))
        kill(command, number);
}

/* Returns 1 when the server is still there at the end. */
static int wait_for(pid_t command, int server, int signals, int alone, struct end *end)
{
    struct pollfd news[2] = {{.fd = signals, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    struct signalfd_siginfo signal;
    char number;
    while (!reap(command, end, WNOHANG)) {
        poll(news, 2, -1);
        while (read(signals, &signal, sizeof signal) > 0)
            pass_on(command, (int)signal.ssi_signo, alone);
        if (news[1].revents == 0)
            continue;
        if (read(server, &number, 1) > 0)
            pass_on(command, number, alone);
        else
            news[1].fd = -1; /* the server is gone, or has what it wants: the command goes on */
    }
    return news[1].fd >= 0;
}

static void mark_end(const char *secret, const struct end *end)
{
    char mark[160];
    int size = snprintf(mark, sizeof mark, "%c%.64s %d %lld %ld%c\n", MARK, secret, end->status,
                        end->processor, end->peak, MARK);
    write_whole(STDOUT_FILENO, mark, (size_t)size);
    write_whole(STDERR_FILENO, mark, (size_t)size);
}

int main(int count, char **arguments)
{
    sigset_t all, inherited;
    uint32_t size;
    if (count < 2)
        return FAILED;
    /* Where an init process of the engine's is the first, -1 would be others too. */
    int alone = getpid() == 1;
    int server = connect_to_server();
    /* Signals wait for `wait_for`; none is lost while the command starts. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &inherited);
    int signals = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals < 0)
        return FAILED;
    for (;;) {
        struct end end = {0};
        char *secret = receive(server, &size);
        uint32_t skipped = (uint32_t)strlen(secret) + 1;
        forget_signals(signals);
        pid_t command = start(arguments + 1, secret + skipped, size - skipped, server, &inherited);
        int more = wait_for(command, server, signals, alone, &end);
        if (alone) {
            /* Nothing of this message writes, or uses the processor, when the next one begins. */
            kill(-1, SIGKILL);
            reap(0, &end, 0);
        }
        mark_end(secret, &end);
        if (!alone || !more)
            return end.status;
        free(secret);
    }
}
