// The same exchange over TCP and UDP: through io_uring, with "fixed" on descriptors of the ring's own table, with
// "provided" into buffers that the ring was given before, or with "plain" by plain system calls.
#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct io_uring ring;
static int plain, fixed, provided;

static int check(const char *what, int result) {
	if (result < 0) {
		perror(what);
		exit(90);
	}
	return result;
}

static int completed(const char *what) {
	struct io_uring_cqe *cqe;
	check("submit", io_uring_submit_and_wait(&ring, 1));
	check("wait", io_uring_wait_cqe(&ring, &cqe));
	int result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return check(what, result);
}

// in_table gives the ring a descriptor, with the same number, and takes it away again before it is closed.
static void in_table(struct io_uring_sqe *sqe) {
	int fd = sqe->opcode == IORING_OP_CLOSE ? -1 : sqe->fd;
	check("register", io_uring_register_files_update(&ring, sqe->fd, &fd, 1));
	if (sqe->opcode != IORING_OP_CLOSE)
		sqe->flags |= IOSQE_FIXED_FILE;
}

#define CALL(name, through, directly)                                                                                         \
	(plain ? check(name, directly) : ({                                                                                       \
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);                                                                   \
		through;                                                                                                              \
		if (fixed)                                                                                                            \
			in_table(sqe);                                                                                                    \
		if (provided && sqe->opcode == IORING_OP_RECV) {                                                                      \
			sqe->addr = 0;                                                                                                    \
			sqe->flags |= IOSQE_BUFFER_SELECT;                                                                                \
			sqe->buf_group = 7;                                                                                               \
		}                                                                                                                     \
		completed(name);                                                                                                      \
	}))

int main(int argc, char **argv) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *at = (void *)&a;
	socklen_t n = sizeof a;
	char b[100];
	plain = argc > 1 && !strcmp(argv[1], "plain");
	fixed = argc > 1 && !strcmp(argv[1], "fixed");
	provided = argc > 1 && !strcmp(argv[1], "provided");
	if (plain)
		check("open", open("/dev/null", O_RDONLY)); // descriptors are the same then
	else
		check("queue", io_uring_queue_init(8, &ring, 0));
	if (provided) {
		static char buffers[8][100];
		void *memory;
		check("memory", -posix_memalign(&memory, 4096, 4096));
		struct io_uring_buf_ring *given = memory;
		struct io_uring_buf_reg all = {.ring_addr = (unsigned long)given, .ring_entries = 8, .bgid = 7};
		io_uring_buf_ring_init(given);
		check("buffers", io_uring_register_buf_ring(&ring, &all, 0));
		for (int i = 0; i < 8; i++)
			io_uring_buf_ring_add(given, buffers[i], sizeof buffers[i], i, io_uring_buf_ring_mask(8), i);
		io_uring_buf_ring_advance(given, 8);
	}
	if (fixed)
		check("table", io_uring_register_files_sparse(&ring, 64));
	int l = check("socket", socket(AF_INET, SOCK_STREAM, 0)), c = check("socket", socket(AF_INET, SOCK_STREAM, 0));
	check("bind", bind(l, at, n));
	check("listen", listen(l, 5));
	check("name", getsockname(l, at, &n));
	CALL("connect", io_uring_prep_connect(sqe, c, at, n), connect(c, at, n));
	int s = CALL("accept", io_uring_prep_accept(sqe, l, 0, 0, 0), accept4(l, 0, 0, 0));
	CALL("send", io_uring_prep_send(sqe, c, "one", 3, 0), send(c, "one", 3, 0));
	CALL("send", io_uring_prep_send(sqe, c, " two", 4, 0), send(c, " two", 4, 0));
	CALL("recv", io_uring_prep_recv(sqe, s, b, 5, 0), recv(s, b, 5, 0));
	CALL("read", io_uring_prep_read(sqe, s, b, sizeof b, 0), read(s, b, sizeof b));
	CALL("write", io_uring_prep_write(sqe, s, "answer", 6, 0), write(s, "answer", 6));
	CALL("recv", io_uring_prep_recv(sqe, c, b, sizeof b, 0), recv(c, b, sizeof b, 0));
	CALL("shutdown", io_uring_prep_shutdown(sqe, c, SHUT_WR), shutdown(c, SHUT_WR));
	CALL("recv", io_uring_prep_recv(sqe, s, b, sizeof b, 0), recv(s, b, sizeof b, 0));
	CALL("close", io_uring_prep_close(sqe, s), close(s));
	int u = check("socket", socket(AF_INET, SOCK_DGRAM, 0)), v = check("socket", socket(AF_INET, SOCK_DGRAM, 0));
	a.sin_port = 0;
	n = sizeof a;
	check("bind", bind(u, at, n));
	check("name", getsockname(u, at, &n));
	struct iovec out = {"datagram", 8}, in = {b, sizeof b};
	struct sockaddr_in from;
	struct msghdr message = {.msg_name = at, .msg_namelen = n, .msg_iov = &out, .msg_iovlen = 1};
	struct msghdr room = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &in, .msg_iovlen = 1};
	CALL("sendmsg", io_uring_prep_sendmsg(sqe, v, &message, 0), sendmsg(v, &message, 0));
	CALL("recvmsg", io_uring_prep_recvmsg(sqe, u, &room, 0), recvmsg(u, &room, 0));
	return 0;
}
