/* Runs a program whose wall clock is off by as many seconds as a file says: FILE COMMAND ...

   The kernel has no wall clock for one process: time namespaces leave CLOCK_REALTIME alone
   (time_namespaces(7)), and a program in Go asks no C library that could be replaced. So the
   program is traced. It starts without the vDSO's address (getauxval(3)), so that it makes system
   calls to learn the time; seccomp stops it at those for CLOCK_REALTIME, and what they answer is
   made here. Signals that end us, or reload, are passed on. For x86-64. */

#include <elf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORD sizeof(long)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, jump) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, jump)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)

static pid_t program;

static void pass_on(int number) { kill(program, number); }

static void die(const char *what) {
    perror(what);
    exit(125);
}

/* Stop at clock_gettime(CLOCK_REALTIME), its coarse form, gettimeofday, and time. */
static void watch(void) {
    struct sock_filter filter[] = {
        LOAD(nr),
        UNLESS(SYS_gettimeofday, 1), ANSWER(SECCOMP_RET_TRACE),
        UNLESS(SYS_time, 1), ANSWER(SECCOMP_RET_TRACE),
        UNLESS(SYS_clock_gettime, 5),
        LOAD(args[0]),
        UNLESS(CLOCK_REALTIME, 1), ANSWER(SECCOMP_RET_TRACE),
        UNLESS(CLOCK_REALTIME_COARSE, 1), ANSWER(SECCOMP_RET_TRACE),
        ANSWER(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog loaded = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded))
        die("seccomp");
}

static long read_word(pid_t task, unsigned long at) {
    errno = 0;
    return ptrace(PTRACE_PEEKDATA, task, at, 0);
}

/* After execve(2) the stack has argc, argv, NULL, envp, NULL, and pairs of the auxiliary vector. */
static void hide_vdso(pid_t task) {
    struct user_regs_struct registers;
    ptrace(PTRACE_GETREGS, task, 0, &registers);
    unsigned long at = registers.rsp + WORD * (read_word(task, registers.rsp) + 2);
    while (read_word(task, at))
        at += WORD;
    for (at += WORD; read_word(task, at) != AT_NULL; at += 2 * WORD)
        if (read_word(task, at) == AT_SYSINFO_EHDR)
            ptrace(PTRACE_POKEDATA, task, at, AT_IGNORE);
}

static long offset(const char *path) {
    long seconds = 0;
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1)
            seconds = 0;
        fclose(file);
    }
    return seconds;
}

/* Write the shifted time where the call wants it, and skip the call. */
static void answer(pid_t task, const char *path) {
    struct user_regs_struct registers;
    struct timespec now;
    ptrace(PTRACE_GETREGS, task, 0, &registers);
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += offset(path);
    unsigned long into = registers.orig_rax == SYS_clock_gettime ? registers.rsi : registers.rdi;
    registers.rax = registers.orig_rax == SYS_time ? now.tv_sec : 0;
    if (into) {
        ptrace(PTRACE_POKEDATA, task, into, now.tv_sec);
        if (registers.orig_rax == SYS_clock_gettime)
            ptrace(PTRACE_POKEDATA, task, into + WORD, now.tv_nsec);
        if (registers.orig_rax == SYS_gettimeofday)
            ptrace(PTRACE_POKEDATA, task, into + WORD, now.tv_nsec / 1000);
    }
    registers.orig_rax = -1;
    ptrace(PTRACE_SETREGS, task, 0, &registers);
}

int main(int count, char **arguments) {
    if (count < 3)
        return 125;
    program = fork();
    if (!program) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        watch();
        execvp(arguments[2], arguments + 2);
        die(arguments[2]);
    }
    int status;
    if (program < 0 || waitpid(program, &status, 0) != program)
        die("fork");
    if (ptrace(PTRACE_SETOPTIONS, program, 0,
               PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK))
        die("ptrace");
    signal(SIGTERM, pass_on);
    signal(SIGHUP, pass_on);
    ptrace(PTRACE_CONT, program, 0, 0);
    for (;;) {
        pid_t task = waitpid(-1, &status, __WALL);
        if (task < 0 && errno == EINTR)
            continue;
        if (task < 0)
            return 0;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (task == program)
                return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int number = WSTOPSIG(status), event = status >> 16;
        if (event == PTRACE_EVENT_SECCOMP)
            answer(task, arguments[1]);
        else if (event == PTRACE_EVENT_EXEC)
            hide_vdso(task);
        /* A new thread begins with a SIGSTOP that is ptrace's own. */
        int own = event || number == SIGSTOP || number == SIGTRAP;
        ptrace(PTRACE_CONT, task, 0, own ? 0 : number);
    }
}
