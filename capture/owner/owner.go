// Package owner tells whose the packets of a capture are: which processes have the sockets that a packet left and was
// given to, and how that is known.
//
// A Tracker puts programs into the kernel (package capture/internal/bpfprog), which see each packet at its socket and
// each process that uses one: makes it, accepts it, sends, receives, or gets it from another process. A captured frame
// is joined with that by its headers and time (trace.Matcher), so an owner is known also of members of a SO_REUSEPORT
// group, of each copy of a multicast packet, of raw sockets and of processes that have ended since.
//
// It needs Linux 6.3 or later with its type information, on amd64 or arm64; root, or CAP_BPF, CAP_PERFMON and
// CAP_NET_ADMIN; and a mounted hierarchy of control groups, version 2. Nothing is pinned: the programs are gone with
// the process, however it ends. Where a kernel takes no programs, Look tells less, without.
package owner

import (
	"fmt"
	"strconv"
	"strings"
)

// How tells how an owner is known.
type How uint8

const (
	// Unknown: nothing tells whose it is.
	Unknown How = iota
	// Inferred: a process had the socket when it was looked for, or several have it and it is not known which of them
	// the packet is for.
	Inferred
	// Exact: the kernel told it of this packet, or of its socket while only this process had it.
	Exact
)

// String returns "unknown", "inferred" or "exact".
func (h How) String() string { return [...]string{"unknown", "inferred", "exact"}[min(h, Exact)] }

// Role tells what a process has to do with a packet.
type Role uint8

// Roles.
const (
	Sender Role = iota
	Receiver
)

// String returns "sender" or "receiver".
func (r Role) String() string { return [...]string{"sender", "receiver"}[min(r, Receiver)] }

// Process is a process at a time. It is not changed: a process that executes a program, or changes its user, its name
// or its control group, gets another one. All its texts come from outside: escape them before a terminal sees them.
type Process struct {
	PID       int
	Parents   []Parent // the processes that it descends from, the nearest first, as far as they are known
	UID       uint32   // effective
	User      string   // its name, as far as /etc/passwd has it
	Name      string   // comm of proc(5), up to 15 bytes
	Exe       string   // the file that was executed
	Args      []string
	Group     string // path of the control group, from the root of the hierarchy
	Container string // id, from that path
	Unit      string // of systemd, from that path
}

// Parent is a process that another descends from.
type Parent struct {
	PID  int
	Name string // as it was when the other was first seen to have a socket; empty where it had ended before
	UID  uint32 // effective, then; 0 too where that is not known
}

// Kernel owns packets that the kernel makes of its own accord, such as resets and ICMP errors.
var Kernel = &Process{Name: "kernel"}

// Owner is a process that sent or got a packet.
type Owner struct {
	*Process
	Role   Role
	Thread int // that sent it, 0 where it is not known
	How    How
}

// Config says what to watch. The zero value watches all network namespaces.
type Config struct {
	Networks []uint32 // inodes of network namespaces, see Network; none for all
	// Namespaces are where Look looks for sockets, as capture.Within takes them; none for that of the calling thread.
	Namespaces []string
	Sockets    int // how many are remembered, 0 for 131,072; those used last stay
	Ring       int // bytes of the ring, a power of two; 0 means 16 MiB
}

const defaultSockets = 1 << 17

func (c *Config) sockets() int {
	if c.Sockets <= 0 {
		return defaultSockets
	}
	return c.Sockets
}

// Losses counts what could not be kept.
type Losses struct {
	Events  uint64 // found no room in the ring
	Sockets uint64 // were forgotten for others
}

// Error says why owners cannot be told, and what to do.
type Error struct {
	Err    error
	Remedy string
}

func (e *Error) Error() string { return fmt.Sprintf("owner: %v", e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Place finds the container and the unit that a control group's path names: the id of 64 hexadecimal digits that
// container managers use, and the innermost unit of systemd.
func Place(path string) (container, unit string) {
	for part := range strings.SplitSeq(path, "/") {
		name := part
		for _, suffix := range []string{".scope", ".service", ".slice", ".socket", ".mount"} {
			if strings.HasSuffix(part, suffix) {
				name = strings.TrimSuffix(part, suffix)
				if suffix != ".slice" {
					unit = part
				}
			}
		}
		if len(name) > 64 { // docker-ID, cri-containerd-ID, crio-ID, libpod-ID
			if at := len(name) - 65; name[at] == '-' || name[at] == ':' || name[at] == '_' {
				name = name[at+1:]
			}
		}
		if len(name) == 64 && strings.Trim(name, "0123456789abcdef") == "" {
			container = name
		}
	}
	return container, unit
}

// users reads names from a file like passwd(5).
func users(file string) map[uint32]string {
	names := map[uint32]string{}
	for line := range strings.Lines(file) {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 4 {
			continue
		}
		if id, err := strconv.ParseUint(f[2], 10, 32); err == nil && names[uint32(id)] == "" {
			names[uint32(id)] = f[0]
		}
	}
	return names
}
