// SPDX-License-Identifier: MIT
/*
 * factory.c - the thread that makes stub processes
 *
 * A stub asks to be killed when its parent dies, and to Linux the parent is a thread: so all stubs
 * are children of this one, which lives as long as the platform.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memfd.h"
#include "syscall.h"

/* Made by stub_image.S. */
extern const char stub_image[], stub_image_end[];

#define CHILD_STACK_SIZE (64ul << 10)
#define SPARE_FD	 10 /* descriptors are put aside here and above before they are placed */
#define IMAGE_FD	 5

enum spawn_step { SPAWN_CLONE, SPAWN_DESCRIPTORS, SPAWN_CLOSE, SPAWN_EXEC };

struct spawn {
	struct factory *factory;
	int control_fd;
	pid_t pid; /* or -errno */

	/* From the child, which shares our memory until it is the stub. */
	enum spawn_step step;
	long error;
};

/*
 * (l) lock
 */
struct factory {
	int frames_fd, image_fd;
	char *child_stack;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct spawn *order; /* (l) what is asked for */
	bool done;	     /* (l) the order was carried out */
	bool stop;	     /* (l) */
};

static void *factory_main(void *arg);

static int load_image(struct factory *factory, const char **why)
{
	size_t size = (size_t)(stub_image_end - stub_image);
	long n;

	factory->image_fd = memfd_create_exec("godwit-stub", why);
	if (factory->image_fd < 0)
		return factory->image_fd;
	n = host_syscall(SYS_write, (long)factory->image_fd, stub_image, size);
	if (n == (long)size)
		return 0;
	host_syscall(SYS_close, (long)factory->image_fd);
	*why = "the stub could not be written to its memfd";
	return n < 0 ? (int)n : -EIO;
}

/* The thread handles no signal, and what it starts begins with all of them blocked. */
static int start_thread(struct factory *factory)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&factory->thread, NULL, factory_main, factory);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int factory_create(int frames_fd, struct factory **result, const char **why)
{
	struct factory *factory = calloc(1, sizeof(*factory));
	int err = -ENOMEM;

	*why = "out of memory";
	if (!factory)
		return err;
	factory->frames_fd = frames_fd;
	factory->child_stack = malloc(CHILD_STACK_SIZE);
	if (!factory->child_stack)
		goto out_free;
	err = load_image(factory, why);
	if (err)
		goto out_stack;
	pthread_mutex_init(&factory->lock, NULL);
	pthread_cond_init(&factory->changed, NULL);
	err = start_thread(factory);
	if (err) {
		*why = "no thread could be made; see ulimit -u (RLIMIT_NPROC)";
		goto out_image;
	}
	*result = factory;
	return 0;

out_image:
	host_syscall(SYS_close, (long)factory->image_fd);
out_stack:
	free(factory->child_stack);
out_free:
	free(factory);
	return err;
}

void factory_destroy(struct factory *factory)
{
	pthread_mutex_lock(&factory->lock);
	factory->stop = true;
	pthread_cond_broadcast(&factory->changed);
	pthread_mutex_unlock(&factory->lock);
	pthread_join(factory->thread, NULL);
	pthread_cond_destroy(&factory->changed);
	pthread_mutex_destroy(&factory->lock);
	host_syscall(SYS_close, (long)factory->image_fd);
	free(factory->child_stack);
	free(factory);
}

/* ---- The child ------------------------------------------------------------------------------- */

static bool put_aside(int *fd)
{
	long high = host_syscall(SYS_fcntl, (long)*fd, (long)F_DUPFD, (long)SPARE_FD);

	*fd = (int)high;
	return high >= 0;
}

/* Exactly the descriptors that the stub expects: no pipe of the runner stays open in it. */
static long place_descriptors(const struct spawn *spawn)
{
	int frames = spawn->factory->frames_fd, control = spawn->control_fd;
	int image = spawn->factory->image_fd;
	long err = 0;

	if (!put_aside(&frames) || !put_aside(&control) || !put_aside(&image))
		return -EMFILE;
	err = host_syscall(SYS_dup2, (long)frames, (long)STUB_FRAMES_FD);
	if (err >= 0)
		err = host_syscall(SYS_dup2, (long)control, (long)STUB_CONTROL_FD);
	if (err >= 0)
		err = host_syscall(SYS_dup3, (long)image, (long)IMAGE_FD, (long)O_CLOEXEC);
	return err < 0 ? err : 0;
}

static long close_others(void)
{
	long err = host_syscall(SYS_close_range, IMAGE_FD + 1l, (long)~0u, 0l);

	return err ? err : host_syscall(SYS_close_range, 0l, 2l, 0l);
}

static void child_main(void *arg)
{
	struct spawn *spawn = arg;
	const char *const argv[] = { "godwit-guest", NULL }, *const envp[] = { NULL };

	spawn->step = SPAWN_DESCRIPTORS;
	spawn->error = place_descriptors(spawn);
	if (!spawn->error) {
		spawn->step = SPAWN_CLOSE;
		spawn->error = close_others();
	}
	if (!spawn->error) {
		/*
		 * Some sandboxes forbid this.  Then the kernel's random choice may hit the stub's
		 * addresses, seldom, and whoever starts it tries again.
		 */
		host_syscall(SYS_personality, (long)ADDR_NO_RANDOMIZE);
		spawn->step = SPAWN_EXEC;
		spawn->error = host_syscall(SYS_execveat, (long)IMAGE_FD, "", argv, envp,
					    (long)AT_EMPTY_PATH);
	}
}

/* ---- The factory's thread -------------------------------------------------------------------- */

static void carry_out(struct factory *factory, struct spawn *spawn)
{
	spawn->step = SPAWN_CLONE;
	spawn->pid = (pid_t)host_vfork(child_main, spawn, factory->child_stack + CHILD_STACK_SIZE);
	if (spawn->pid >= 0 && spawn->error) {
		host_syscall(SYS_wait4, (long)spawn->pid, NULL, (long)__WALL, NULL);
		spawn->pid = (pid_t)spawn->error;
	}
}

static void *factory_main(void *arg)
{
	struct factory *factory = arg;

	pthread_mutex_lock(&factory->lock);
	while (!factory->stop) {
		if (factory->order && !factory->done) {
			carry_out(factory, factory->order);
			factory->done = true;
			pthread_cond_broadcast(&factory->changed);
		}
		pthread_cond_wait(&factory->changed, &factory->lock);
	}
	pthread_mutex_unlock(&factory->lock);
	return NULL;
}

static const char *explain(const struct spawn *spawn)
{
	switch (spawn->step) {
	case SPAWN_CLONE:
		return spawn->pid == -EAGAIN
			       ? "no process could be made; see ulimit -u (RLIMIT_NPROC) and pids.max"
			       : "no process could be made";
	case SPAWN_DESCRIPTORS:
		return "no descriptors were left for the guest's process; see ulimit -n";
	case SPAWN_CLOSE:
		return "close_range is missing or forbidden; it needs Linux 5.9";
	case SPAWN_EXEC:
		return "the stub could not be executed from its memfd; execveat must be allowed, "
		       "and vm.memfd_noexec must not be 2";
	}
	return "no process could be made";
}

pid_t factory_spawn(struct factory *factory, int control_fd, const char **why)
{
	struct spawn spawn = { .factory = factory, .control_fd = control_fd };

	pthread_mutex_lock(&factory->lock);
	while (factory->order)
		pthread_cond_wait(&factory->changed, &factory->lock);
	factory->order = &spawn;
	factory->done = false;
	pthread_cond_broadcast(&factory->changed);
	while (!factory->done)
		pthread_cond_wait(&factory->changed, &factory->lock);
	factory->order = NULL;
	pthread_cond_broadcast(&factory->changed);
	pthread_mutex_unlock(&factory->lock);
	if (spawn.pid < 0)
		*why = explain(&spawn);
	return spawn.pid;
}
