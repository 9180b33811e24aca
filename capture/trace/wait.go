package trace

import (
	"fmt"
	"math/bits"
	"strings"
)

// Readiness is a set of conditions of a descriptor that a call waits for or reports. The bits are those of poll(2) and
// epoll_ctl(2), which are the same (include/uapi/linux/eventpoll.h); for select(2) the sets readfds, writefds and
// exceptfds are Readable, Writable and Urgent.
type Readiness uint32

// Conditions that this package acts on. The others have names too, see Names.
const (
	Readable Readiness = 1 << 0 // POLLIN
	Urgent   Readiness = 1 << 1 // POLLPRI
	Writable Readiness = 1 << 2 // POLLOUT
	Failed   Readiness = 1 << 3 // POLLERR
	HungUp   Readiness = 1 << 4 // POLLHUP
	OneShot  Readiness = 1 << 30
)

var readinessNames = map[int]string{
	0: "IN", 1: "PRI", 2: "OUT", 3: "ERR", 4: "HUP", 5: "NVAL", 6: "RDNORM", 7: "RDBAND", 8: "WRNORM", 9: "WRBAND", 10: "MSG", 13: "RDHUP",
	28: "EXCLUSIVE", 29: "WAKEUP", 30: "ONESHOT", 31: "ET",
}

var setNames = map[int]string{0: "read", 1: "except", 2: "write"}

// Names are the conditions as the call of that name has them: POLLIN, EPOLLIN, or for select(2) read, write, except.
func (r Readiness) Names(call string) []string {
	names, prefix := readinessNames, "POLL"
	switch {
	case strings.HasPrefix(call, "epoll"):
		prefix = "EPOLL"
	case strings.Contains(call, "select"):
		names, prefix = setNames, ""
	}
	all := make([]string, 0, 4)
	for ; r != 0; r &= r - 1 {
		bit := bits.TrailingZeros32(uint32(r))
		if name, ok := names[bit]; ok {
			all = append(all, prefix+name)
		} else {
			all = append(all, fmt.Sprintf("%#x", uint32(1)<<bit))
		}
	}
	return all
}
