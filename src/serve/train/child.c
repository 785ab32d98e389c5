#include "serve/train/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SHADOWED = 1 }; /* the sanitizer's own memory is beyond any limit */
#else
enum { SHADOWED = 0 };
#endif

extern char **environ;

/* Field 22 of /proc/PID/stat, behind the name in brackets, which may hold anything. */
static uint64_t start_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    char *p = strrchr(text, ')');
    if (p && p[1] == ' ' && p[2] == 'Z') return 0; /* ended; nobody has asked how */
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

static void limit(pid_t pid, int what, double value)
{
    rlim_t n = value > 0 && value < 9e18 ? (rlim_t)value : RLIM_INFINITY;
    struct rlimit r = {.rlim_cur = n, .rlim_max = n == RLIM_INFINITY ? n : n + (what == RLIMIT_CPU ? 30 : 0)};
    if (n != RLIM_INFINITY && prlimit(pid, what, &r, NULL))
        log_warn("no limit could be set for process %d: %s", (int)pid, strerror(errno));
}

/* The environment with LOREC_THREADS of the child's own. */
static lorec_err environment(const child_limits *l, char ***out, char room[32])
{
    size_t n = 0, k = 0;
    while (environ[n]) n++;
    TRY(mem_new(out, n + 2));
    for (size_t i = 0; i < n; i++)
        if (!l->threads || strncmp(environ[i], "LOREC_THREADS=", 14) != 0) (*out)[k++] = environ[i];
    snprintf(room, 32, "LOREC_THREADS=%d", l->threads);
    if (l->threads) (*out)[k++] = room;
    return LOREC_OK;
}

static int spawn(pid_t *pid, const char *const *argv, char **env, const char *output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK); /* Ctrl-C is the server's */
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setsigmask(&how, &none);
    int rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", 0, 0);
    if (!rc) rc = posix_spawn_file_actions_addopen(&files, 1, output, 0x241 /* O_WRONLY|O_CREAT|O_TRUNC */, 0644);
    if (!rc) rc = posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (!rc) rc = posix_spawn_file_actions_addclosefrom_np(&files, 3); /* no socket, no store */
    if (!rc) rc = posix_spawn(pid, argv[0], &files, &how, (char *const *)(uintptr_t)argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return rc;
}

lorec_err child_start(child *c, const char *const *argv, const char *output, const child_limits *limits)
{
    char **env, threads[32];
    *c = (child){0};
    TRY(environment(limits, &env, threads));
    int rc = spawn(&c->pid, argv, env, output);
    mem_free(env);
    if (rc) {
        c->pid = 0;
        return err_set(LOREC_RESOURCE, "%s could not be started: %s", argv[0], strerror(rc));
    }
    if (!SHADOWED) limit(c->pid, RLIMIT_DATA, limits->memory);
    limit(c->pid, RLIMIT_CPU, limits->cpu_seconds);
    if (limits->niceness) (void)setpriority(PRIO_PROCESS, (id_t)c->pid, limits->niceness);
    c->started = start_of(c->pid);
    return LOREC_OK;
}

child_state child_look(child *c, int *code)
{
    int status;
    if (!c->pid) return CHILD_GONE;
    pid_t got = waitpid(c->pid, &status, WNOHANG);
    if (got == 0) return CHILD_RUNS;
    if (got == c->pid) {
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        c->pid = 0;
        return CHILD_ENDED;
    }
    if (c->pid && c->started && start_of(c->pid) == c->started) return CHILD_RUNS; /* a predecessor's */
    c->pid = 0;
    return CHILD_GONE;
}

void child_stop(child *c, double seconds)
{
    int code;
    if (!c->pid || child_look(c, &code) != CHILD_RUNS) return;
    kill(c->pid, SIGTERM);
    for (double until = clock_seconds() + seconds; child_look(c, &code) == CHILD_RUNS;) {
        if (clock_seconds() > until) {
            kill(c->pid, SIGKILL);
            until += 3600;
        }
        usleep(20000);
    }
}

double child_resident(const child *c)
{
    char path[64];
    long pages = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)c->pid);
    FILE *f = c->pid ? fopen(path, "re") : NULL;
    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    if (f) fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}
