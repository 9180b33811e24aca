package show

import (
	"sockwire/capture/trace"
	"strings"
)

// Explain says in a sentence what a call is for, to somebody who learns sockets: "listen: from now on the kernel
// accepts connections for it". It is "" for calls that need none. The text is ours.
func Explain(c *trace.CallRecord) string {
	if c.Errno != "" {
		return explainError[c.Errno]
	}
	stream := c.On != nil && c.On.Kind == trace.KindStream
	switch {
	case c.Name == "socket":
		return explainSocket(c)
	case c.Receives() && c.HasFlag("MSG_PEEK"):
		return "Looks at what has arrived, and leaves it in the queue."
	case c.Receives() && c.End:
		return "Nothing more will come: the other end has finished sending."
	case c.Receives() && stream:
		return "Takes what has arrived of the stream, up to its room. It waits when nothing has."
	case c.Receives():
		return "Takes one message. It waits when none has arrived; what does not fit is lost."
	case c.Sends() && stream:
		return "Copies bytes into the send buffer. TCP decides when and in which segments they leave."
	case c.Sends():
		return "Sends one message. It has left when the call returns, but nobody says whether it arrives."
	case c.Name == "connect" && !stream:
		return "Sets where messages go from now on. Nothing is sent."
	}
	return explainName[c.Name]
}

// explainName is what calls of a name do.
var explainName = map[string]string{
	"bind":     "Gives the socket its own address, so that others can find it.",
	"listen":   "From now on the kernel completes connections for this socket; accept fetches them.",
	"accept":   "Fetches the next connection. It waits until there is one, and returns a new socket for it.",
	"accept4":  "Fetches the next connection. It waits until there is one, and returns a new socket for it.",
	"connect":  "Asks the other end for a connection, and waits until the handshake has ended.",
	"shutdown": "Ends one direction of the connection; the other can still be used.",
	"close":    "Gives the descriptor back. With the last one the kernel ends the connection.",

	"setsockopt":  "Changes how the socket behaves.",
	"getsockopt":  "Asks how the socket behaves.",
	"getsockname": "Asks for the socket's own address: the kernel chose what nobody set.",
	"getpeername": "Asks for the address of the other end.",
	"socketpair":  "Makes two sockets that are connected to each other.",
	"fcntl":       "A socket is a file: its descriptor has flags like any other.",
	"poll":        "Waits until one of the descriptors is ready.",
	"select":      "Waits until one of the descriptors is ready.",
	"epoll_wait":  "Waits until one of the descriptors is ready.",
}

// explainError is what an error means to the caller.
var explainError = map[string]string{
	"ECONNREFUSED":  "Nobody listens there: the other end said so with a RST or an ICMP error.",
	"ECONNRESET":    "The other end gave the connection up and said so with a RST.",
	"EPIPE":         "The connection is over: nothing can be sent any more.",
	"EADDRINUSE":    "Another socket has this address already.",
	"EACCES":        "This needs a right that the program does not have.",
	"EPERM":         "This needs a right that the program does not have.",
	"EMSGSIZE":      "The message is longer than this kind of socket can carry.",
	"EAGAIN":        "Nothing to do now, and the caller asked not to wait.",
	"EINPROGRESS":   "The connection is being made; the caller asked not to wait.",
	"ENETUNREACH":   "There is no route to that address.",
	"EHOSTUNREACH":  "The host or its network cannot be reached: the neighbour is silent, or a router said so.",
	"ETIMEDOUT":     "The other end did not answer in time.",
	"ENOTCONN":      "The socket has no connection.",
	"EADDRNOTAVAIL": "The address is none of this host.",
}

func explainSocket(c *trace.CallRecord) string {
	arg, _ := c.Arg("type")
	kind, _, _ := strings.Cut(arg.Text, "|") // flags follow
	switch kind {
	case "SOCK_STREAM":
		return "Makes an endpoint for a stream of bytes: ordered, repeated until acknowledged."
	case "SOCK_DGRAM":
		return "Makes an endpoint for messages, each on its own: with borders, without promises."
	case "SOCK_RAW":
		return "Makes an endpoint for packets that the program builds itself."
	case "SOCK_SEQPACKET":
		return "Makes an endpoint for messages with borders over a connection, in order."
	}
	return "Makes an endpoint for communication and returns its descriptor."
}
