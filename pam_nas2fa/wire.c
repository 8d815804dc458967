/* Packets to and from nas2fad, each within its deadline.  SPDX-License-Identifier: Apache-2.0 */
#include "nas2fa.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static int64_t now_ms(void) {
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* SO_SNDTIMEO bounds a blocking connect(): at a full backlog that queues us in order, where a non-blocking
 * one gets EAGAIN and nothing to poll for. The caller closes c->fd unless it is -1. */
int wire_open(struct call *c) {
	int ms = c->samba ? WIRE_SAMBA_MS : WIRE_FIRST_MS;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);

	c->patience = WIRE_FIRST_MS;
	c->limit = c->samba ? now_ms() + ms : INT64_MAX;
	if (strlen(c->socket) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, c->socket, strlen(c->socket));
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0 ||
	    connect(c->fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return -errno;
	return peer.uid == 0 ? 0 : -EPERM; /* of whoever called listen(): only root speaks for nas2fad */
}

/* Never waits: one question is open at a time, so a daemon that reads at all has room for its answer. */
void wire_send(struct call *c, const char *packet, size_t len) {
	ssize_t sent = send(c->fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	c->last_sent = sent == (ssize_t)len ? packet[0] : 'X';
}

/* Returns 1 to WIRE_PACKET_MAX. poll, not select: the caller may hold more than 1024 descriptors. */
ssize_t wire_receive(struct call *c, char packet[WIRE_PACKET_MAX]) {
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
	int64_t next = now_ms() + c->patience, until = next < c->limit ? next : c->limit, left;
	ssize_t n;
	int ready;

	c->patience = WIRE_NEXT_MS;
	do {
		left = until - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		ready = poll(&pfd, 1, (int)left);
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	n = recv(c->fd, packet, WIRE_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC); /* the true length */
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	return n <= WIRE_PACKET_MAX ? n : -EMSGSIZE;
}
