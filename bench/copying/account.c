/* Runs a command and says what it cost, with the servers it starts and leaves to nobody.
 *
 *     account REPORT COMMAND [ARGUMENT ...]
 *
 * The report is one JSON object: seconds from start to end, processor seconds of the command with the
 * children it waited for, its peak resident memory, and processor seconds of what it left behind: this
 * process adopts those, as init would, and waits for their end for LINGER_MS at most. It is small so that
 * the peak memory of the command is the command's: a child begins with the size of its parent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 5000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double spent(const struct rusage *use)
{
    return (double)(use->ru_utime.tv_sec + use->ru_stime.tv_sec) +
           (double)(use->ru_utime.tv_usec + use->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: account REPORT COMMAND [ARGUMENT ...]\n");
        return 2;
    }
    FILE *report = fopen(argv[1], "we");
    if (!report || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        perror("account");
        return 2;
    }
    double begun = now(), ended = 0, adopted = 0;
    pid_t command = fork();
    if (command < 0) {
        perror("fork");
        return 2;
    }
    if (command == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    struct rusage own = {0}, use;
    int status = 0, state, left = 1;
    for (;;) {
        pid_t gone = wait4(-1, &state, ended > 0 ? WNOHANG : 0, &use);
        if (gone == command) {
            ended = now();
            own = use;
            status = state;
        } else if (gone > 0) {
            adopted += spent(&use);
        } else if (gone == 0) {
            if (now() - ended > LINGER_MS / 1e3)
                break;
            usleep(2000);
        } else if (errno != EINTR) {
            left = 0;
            break;
        }
    }
    fprintf(report,
            "{\"seconds\": %.6f, \"code\": %d, \"cpu\": %.6f, \"peak_kib\": %ld, \"left_cpu\": %.6f, \"left\": %d}\n",
            ended - begun, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), spent(&own),
            own.ru_maxrss, adopted, left);
    return fclose(report) ? 2 : 0;
}
