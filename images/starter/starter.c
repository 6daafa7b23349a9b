/* The program that waits in a container and then runs the image's own command.
 *
 * A container takes 0.4 s to create and start, and this program nothing: it is the container's
 * first process, connects to the server's socket in the mounted directory, and sleeps. The server
 * sends the environment of one message; then the command in our arguments (ENTRYPOINT and CMD) is
 * executed with the container's user and working directory, as the engine itself would have done.
 *
 * usage: starter COMMAND [ARGUMENT...]
 *
 * wire    we connect to START. Server: length (u32, little-endian), then that many bytes of
 *         strings, each ended by NUL: a secret, then NAME=value of the environment. An end of the
 *         stream instead means that we are not needed.
 *         We answer one byte: 'S', the command runs; or 'E' and an errno (u32): it does not.
 * end     when the command has ended, the mark
 *           RS secret ' ' exit-status ' ' microseconds-of-processor ' ' peak-kilobytes RS
 *         is written to stdout and to stderr: the server then knows that the log is complete 30 ms
 *         before the engine tells it. We exit with the command's status.
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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START "/_abaco/start.sock"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define MARK '\x1e'
#define FAILED 125 /* Docker's own status for "could not be run" */
#define NOT_NEEDED 113

extern char **environ;

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
        perror("abaco starter: " START);
        exit(FAILED);
    }
    return server;
}

/* What the server sends; its size in *size. Ends the program when there is nothing to do. */
static char *receive(int server, uint32_t *size)
{
    unsigned char length[4];
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

/* The command's process id; tells the server whether it runs. */
static pid_t start(char **command, int server, const sigset_t *inherited)
{
    int report[2];
    uint32_t reason = 0;
    if (pipe2(report, O_CLOEXEC) < 0)
        exit(FAILED);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        sigprocmask(SIG_SETMASK, inherited, NULL);
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
    close(server);
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

/* Whatever process has ended. Returns 1 when it was the command. */
static int reap(pid_t command, int *status)
{
    int ended = 0, found;
    for (pid_t process; (process = waitpid(-1, &found, WNOHANG)) > 0;)
        if (process == command) {
            *status = WIFEXITED(found) ? WEXITSTATUS(found) : 128 + WTERMSIG(found);
            ended = 1;
        }
    return ended;
}

static int wait_for(pid_t command, const sigset_t *all)
{
    int status = 0;
    for (;;) {
        int number = sigwaitinfo(all, NULL);
        if (number == SIGCHLD) {
            if (reap(command, &status))
                return status;
        } else if (number > 0 && catches(command, number)) {
            kill(command, number);
        }
    }
}

static void mark_end(const char *secret, int status)
{
    struct rusage used;
    char mark[160];
    getrusage(RUSAGE_CHILDREN, &used);
    long long processor = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000LL +
                          used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    int size = snprintf(mark, sizeof mark, "%c%.64s %d %lld %ld%c", MARK, secret, status,
                        processor, used.ru_maxrss, MARK);
    write_whole(STDOUT_FILENO, mark, (size_t)size);
    write_whole(STDERR_FILENO, mark, (size_t)size);
}

int main(int count, char **arguments)
{
    sigset_t all, inherited;
    uint32_t size;
    if (count < 2)
        return FAILED;
    int server = connect_to_server();
    char *secret = receive(server, &size);
    overlay_environment(secret + strlen(secret) + 1, secret + size);
    /* From here on signals wait for `wait_for`; none is lost while the command starts. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &inherited);
    pid_t command = start(arguments + 1, server, &inherited);
    int status = wait_for(command, &all);
    mark_end(secret, status);
    return status;
}
